"""How often an input is read: twice for reports, three times for files; the hash is taken on the way."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from benchmarks.generate import write as generate
from scrubber.api import Scrubber, load_settings
from scrubber.io import source
from scrubber.io.source import InputSource
from scrubber.outputs.output_set import Targets, targets_in
from scrubber.x12 import slices


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Return the bytes read of each input by name, with pieces small enough for a small file to have many."""
    counts: dict[str, int] = {}
    next_bytes: Any = source._next

    def counting(stream: Any, length: int, name: str) -> bytes:
        data: bytes = next_bytes(stream, length, name)
        counts[name] = counts.get(name, 0) + len(data)
        return data

    monkeypatch.setattr(source, "_next", counting)
    monkeypatch.setattr(source, "CHUNK", 1 << 14)
    monkeypatch.setattr(slices, "_WINDOW", 1 << 15)
    return counts


@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
def test_an_input_is_read_twice_for_reports_and_three_times_for_files(
    share: float, read: dict[str, int], tmp_path: Path
) -> None:
    path = tmp_path / "in.837"
    generate(path, 700, share)
    size = path.stat().st_size
    assert size > 20 * (1 << 14)
    scrubber = Scrubber(load_settings(discover=False))
    outcome = scrubber.scrub_input(str(path), Targets())
    assert outcome.report.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert read.pop(str(path)) <= 2 * size
    (tmp_path / "out").mkdir()
    scrubber.scrub_input(str(path), targets_in(tmp_path / "out", "in.837"))
    assert read.pop(str(path)) <= 3 * size
    # What holds claims is read back for the balance, and nothing else.
    assert {Path(name).suffixes[0] for name in read} <= {".annotated", ".clean", ".rejected"}


def test_the_hash_is_that_of_the_whole_input_however_far_a_pass_came() -> None:
    data = b"ISA" * 400_000
    with source.open_source(data) as opened:
        next(opened.chunks())
        assert opened.sha256() == hashlib.sha256(data).hexdigest()
        assert opened.read(0, 5) == data[:5]
        assert opened.read(len(data) - 3, 9) == data[-3:]


@pytest.mark.parametrize("offset", [0, 1, 524_287, 524_288, 600_000, 1_048_575, 1_199_990, 1_200_000, 2_000_000])
@pytest.mark.parametrize("length", [0, 1, 7, 600_000, 1_500_000])
def test_what_a_pass_has_read_is_the_input(offset: int, length: int) -> None:
    data = bytes(place % 251 for place in range(1_200_000))
    with source.open_source(data) as opened:
        passed: InputSource = opened
        for _ in passed.chunks():
            assert passed.read(offset, length) == data[offset : offset + length]
