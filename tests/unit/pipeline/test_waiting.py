"""How much of a file waits while claims further on are judged in other processes: what memory may hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.generate import write as generate
from scrubber.engine.executor import SerialExecutor
from scrubber.engine.judge import Engine
from scrubber.io import source
from scrubber.io.source import open_source
from scrubber.pipeline.file_scrub import FileScrub

CLAIMS = 4_000


@pytest.mark.parametrize("ahead", [0, 1, 20, 100])
def test_runs_of_accepted_claims_that_wait_are_few(
    ahead: int, default_engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(source, "CHUNK", 1 << 14)
    path = tmp_path / "in.837"
    generate(path, CLAIMS, 0.01)
    executor = SerialExecutor(default_engine)
    executor.claims_ahead = ahead
    claim = path.stat().st_size / CLAIMS
    with open_source(str(path)) as opened:
        read: list[int] = []
        scrub = FileScrub(opened, default_engine, read.append, executor)
        read.clear()
        waiting = [sum(read) / claim - scrub.totals.claims for _ in scrub.events()]
    assert scrub.totals.claims == CLAIMS
    assert max(waiting) < 8 * ahead + 2 * (1 << 14) / claim + 50
