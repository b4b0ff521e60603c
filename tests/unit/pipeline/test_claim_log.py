"""What is kept of the claims between the two passes does not depend on how many different ones there are."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from scrubber.engine import screening
from scrubber.engine.judge import Engine
from scrubber.io.source import open_source
from scrubber.pipeline import claim_log
from scrubber.pipeline.file_scrub import FileScrub
from scrubber.testing import to_837p

DAYS = [f"2026{month:02}{day:02}" for month in (10, 11) for day in range(1, 28)]
ENDED = to_837p("\n".join(f"claim C{day} date={day}\n37238\n37252" for day in DAYS))
MANY = to_837p("\n".join(f"claim C{n} patient=M{n}\n37238\n37252 x{1 + n % 3}\n36005" for n in range(40)))


@pytest.mark.parametrize(
    ("module", "name", "limit"),
    [
        (claim_log, "_MOST_SETS", 3),
        (claim_log, "_MOST_SETS", 0),
        (screening, "_MOST_ANSWERS", 2),
        (screening, "_LONG", 0),
    ],
)
@pytest.mark.parametrize("data", [ENDED, MANY], ids=["ended", "many"])
def test_whatever_is_kept_the_verdicts_are_the_same(
    data: bytes, module: ModuleType, name: str, limit: int, default_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = verdicts(data, default_engine)
    monkeypatch.setattr(module, name, limit)
    assert verdicts(data, default_engine) == expected


def verdicts(data: bytes, engine: Engine) -> list[Any]:
    with open_source(data) as source:
        run = FileScrub(source, engine)
        return [*run, run.report]
