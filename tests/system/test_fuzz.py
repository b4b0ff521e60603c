"""The seeds of the fuzzer, and whatever it once found, through its targets."""

from __future__ import annotations

from pathlib import Path

import pytest

from fuzz.targets import TARGETS
from tests.support.paths import ROOT

SEEDS = sorted((ROOT / "fuzz" / "corpus").glob("*/*"))


@pytest.mark.parametrize("path", SEEDS, ids=lambda path: path.name)
def test_seeds(path: Path) -> None:
    TARGETS[path.parent.name](path.read_bytes())
