"""The plugin's own tests, with nothing but what `scrubber` gives to everybody."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from acme_edits import EDITS
from acme_edits.worklist import WorklistWriter

import scrubber
from scrubber.testing import run_cases, run_examples, to_837p

CASES = Path(__file__).parent / "cases"


@pytest.mark.parametrize("edit", EDITS.edits, ids=lambda edit: edit.meta.code)
def test_the_examples_hold(edit: Any) -> None:
    assert run_examples(edit) == []


@pytest.mark.parametrize("edit", EDITS.edits, ids=lambda edit: edit.meta.code)
def test_the_cases_hold(edit: Any) -> None:
    assert run_cases(CASES / f"{edit.meta.code}.toml") == []


def test_the_worklist_has_the_errors_only() -> None:
    report = scrubber.scrub(to_837p("37238\n37252 pos=21")).files[0]
    out = io.StringIO()
    writer: scrubber.Writer = WorklistWriter(out, SimpleNamespace())  # type: ignore[arg-type]
    for claim in report.claims:
        writer.claim(report.path, claim)
    writer.end_file(report)
    assert out.getvalue() == "<input>\t1\t2\tACME101\tCorrect the place of service.\n"
