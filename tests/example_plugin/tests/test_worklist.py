"""The plugin's writer."""

from __future__ import annotations

import io
from types import SimpleNamespace

from acme_edits.worklist import WorklistWriter

import scrubber
from scrubber.testing import to_837p


def test_the_worklist_has_the_errors_only() -> None:
    report = scrubber.scrub(to_837p("37238\n37252 pos=21")).files[0]
    out = io.StringIO()
    writer = WorklistWriter(out, SimpleNamespace())  # type: ignore[arg-type]
    for claim in report.claims:
        writer.claim(report.path, claim)
    writer.end_file(report)
    assert out.getvalue() == "<input>\t1\t2\tACME101\tCorrect the place of service.\n"
