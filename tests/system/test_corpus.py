"""Other people's files: every one is handled, and the counts are those of an independent count."""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from scrubber.api import load_settings, make_engine
from scrubber.engine.judge import Engine
from scrubber.findings.finding import Severity
from scrubber.findings.report import FileReport, exit_code
from scrubber.io.source import open_source
from scrubber.pipeline.file_scrub import FileScrub
from scrubber.x12.lexer import cut_segments
from tests.support.other_files import OTHERS, as_parameters

ISA_WIDTHS = [2, 10, 2, 10, 2, 15, 2, 15, 6, 4, 1, 5, 9, 1, 1]
PROFESSIONAL = {"005010X222", "005010X222A1", "005010X222A2"}

pytestmark = pytest.mark.skipif(not OTHERS, reason="the corpus is not on this machine")


def _scrub(path: Path, engine: Engine) -> FileReport:
    with open_source(path) as source:
        return FileScrub(source, engine).whole_report()


def _count(data: str) -> tuple[Counter[str], Decimal]:
    """Count without the parser: split at the terminator of each ISA, follow GS08, add up CLM02."""
    counts: Counter[str] = Counter()
    charges = Decimal(0)
    guide = ""
    for interchange in re.split(r"(?=ISA[^A-Z0-9 ])", data):
        if [len(element) for element in interchange[:104].split(interchange[3:4] or "*")][1:16] != ISA_WIDTHS:
            continue
        mark, end = interchange[3], interchange[105]
        for segment in (piece.strip().split(mark) for piece in interchange.split(end)):
            name = segment[0].upper()
            counts[name] += 1
            if name == "GS":
                guide = segment[8]
            if name in {"CLM", "LX"} and guide in PROFESSIONAL:
                counts[f"{name} judged"] += 1
                charges += Decimal(segment[2]) if name == "CLM" else 0
            counts["other guide"] += name == "ST" and guide not in PROFESSIONAL
    return counts, charges


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.name)
def test_a_file_is_handled_and_counted(path: Path, default_engine: Engine) -> None:
    report = _scrub(path, default_engine)
    counts, charges = _count(path.read_bytes().decode("latin-1"))
    assert report.interchanges == counts["ISA"]
    assert report.transactions == counts["ST"]
    assert report.totals.claims == counts["CLM judged"] == len(report.claims)
    assert report.totals.charges == charges
    assert report.totals.lines == sum(claim.lines for claim in report.claims) >= counts["LX judged"]
    assert report.totals.charges == report.totals.accepted_charges + report.totals.rejected_charges
    assert report.readable == (counts["ISA"] > 0 and not counts["other guide"])


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.name)
def test_the_exit_code_follows_from_the_findings(path: Path, default_engine: Engine) -> None:
    report = _scrub(path, default_engine)
    severities = [finding.severity for claim in report.claims for finding in claim.findings]
    assert report.totals.worst == min(severities, key=lambda severity: severity.rank, default=None)
    errors = [*severities, *(finding.severity for finding in report.findings)].count(Severity.ERROR)
    expected = 3 if not report.readable else int(errors > 0)
    assert exit_code([report], default_engine.config.fail_on) == expected
    assert not report.totals.crashed


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.name)
def test_the_segments_are_the_file(path: Path) -> None:
    data = path.read_bytes()
    joined = "".join(s.lead + s.text + s.terminator for s in cut_segments([data], lambda _: None))
    assert joined.encode("latin-1") == data


@pytest.mark.parametrize("path", as_parameters(OTHERS), ids=lambda path: path.name)
def test_the_guide_walk_answers_for_every_file(path: Path) -> None:
    engine = make_engine(load_settings(discover=False, conformance="guide"))
    report = _scrub(path, engine)
    assert report.totals.claims == len(report.claims)
    assert not report.totals.crashed
