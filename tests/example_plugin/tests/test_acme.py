"""The plugin's own tests, with nothing but what `scrubber` gives to everybody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from acme_edits import EDITS

from scrubber.testing import run_cases, run_examples

CASES = Path(__file__).parent / "cases"


@pytest.mark.parametrize("edit", EDITS.edits, ids=lambda edit: edit.meta.code)
def test_the_examples_hold(edit: Any) -> None:
    assert run_examples(edit) == []


@pytest.mark.parametrize("edit", EDITS.edits, ids=lambda edit: edit.meta.code)
def test_the_cases_hold(edit: Any) -> None:
    assert run_cases(CASES / f"{edit.meta.code}.toml") == []
