"""What the edits say on all of their cases, word for word: wording is read and changed on purpose only."""

from __future__ import annotations

from pathlib import Path

import pytest

from scrubber.engine.judge import Engine
from scrubber.findings.finding import Finding, Related
from scrubber.testing import case_engine, load_cases, scrub_shorthand
from tests.support.paths import FIXTURES


@pytest.mark.parametrize("path", sorted((FIXTURES / "cases").glob("[A-Z]*.toml")), ids=lambda path: path.stem)
def test_messages(path: Path, default_engine: Engine, request: pytest.FixtureRequest) -> None:
    rows: list[str] = []
    for case in load_cases(path):
        reports = scrub_shorthand(case["claim"], engine=case_engine(case, default_engine))
        own = [finding for report in reports for finding in report.findings if finding.code == path.stem]
        if own:
            rows += [f"{case['name']}", *map(_said, own), ""]
    text = "\n".join(rows)
    expected = FIXTURES / "expected" / "messages" / f"{path.stem}.txt"
    if request.config.getoption("--update-expected"):
        expected.parent.mkdir(exist_ok=True)
        expected.write_text(text, encoding="utf-8")
    assert expected.read_text(encoding="utf-8") == text


def _said(finding: Finding) -> str:
    place = finding.location.element if finding.location is not None else None
    forecast = " ".join(map(str, finding.statuses)) + (f", {finding.adjustment}" if finding.adjustment else "")
    source = f"{finding.source.title} ({finding.source.effective})" if finding.source else ""
    return "\n    ".join(
        (
            f"  {finding.claim}:{finding.line or 0} {place or '-'} {finding.severity} {finding.procedure or ''}",
            finding.message,
            finding.fix,
            f"{forecast}; {source}",
            *map(_relation, finding.related),
        )
    )


def _relation(related: Related) -> str:
    place = related.location.element if related.location is not None else None
    return f"{related.role}: {related.claim}:{related.line or 0} {place or '-'} {related.procedure or ''}".rstrip()
