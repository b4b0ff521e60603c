"""A claim that is judged alone is asked about the edits that may fire only, and has the findings that all give it."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from scrubber.api import make_engine
from scrubber.claims.builder import ClaimPlace, place_of, reopen
from scrubber.claims.raw_claim import RawClaim
from scrubber.claims.reader import Reader
from scrubber.engine.judge import Engine
from scrubber.findings.report import ClaimReport, Detail
from scrubber.io.source import open_source
from scrubber.testing import case_engine, load_cases, to_837p
from tests.support.paths import FIXTURES

CASES = [
    (path.stem, place, case)
    for path in sorted((FIXTURES / "cases").glob("[IX]*.toml"))
    for place, case in enumerate(load_cases(path))
]
_ENGINE = make_engine()


def _judged(shorthand: str, engine: Engine, may_fire: frozenset[str] | None) -> list[ClaimReport]:
    """Judge each claim of the shorthand without the others."""
    with open_source(to_837p(shorthand), "x") as source:
        claims = [event for event in Reader(source).events() if isinstance(event, RawClaim)]
        places = [attrs.evolve(place_of(claim), may_fire=may_fire) for claim in claims]
        return [report for place in places for report in engine.judge([reopen(source, place)], [place])]


@pytest.mark.parametrize("case", [pytest.param(case, id=f"{code}-{place}") for code, place, case in CASES])
def test_the_edits_that_fire_give_the_report_of_all(case: dict[str, Any]) -> None:
    engine = case_engine(case, _ENGINE)
    for ordinal, expected in enumerate(_judged(case["claim"], engine, None)):
        suppressed = (entry.finding for entry in expected.suppressed)
        codes = frozenset(finding.code for finding in (*expected.findings, *suppressed))
        assert _judged(case["claim"], engine, codes)[ordinal] == expected


@pytest.mark.parametrize(
    ("may_fire", "found"),
    [
        (None, ["IVUS201", "IVUS601", "X12205"]),
        (frozenset({"IVUS201", "X12205"}), ["IVUS201", "X12205"]),
        (frozenset({"X12205"}), ["X12205"]),
        (frozenset[str](), []),
    ],
)
@pytest.mark.parametrize("detail", Detail)
def test_only_edits_that_may_fire_are_asked(may_fire: frozenset[str] | None, found: list[str], detail: Detail) -> None:
    engine = make_engine(detail=detail)
    (report,) = _judged("37238\n37252 x2 charge=1,0", engine, may_fire)
    assert sorted({finding.code for finding in report.findings}) == found
    # What the report says beside findings does not depend on the edits: the price of a faulty line, what is observed.
    (whole,) = _judged("37238\n37252 x2 charge=1,0", engine, None)
    assert report.observations == whole.observations
    assert report.at_risk == (whole.at_risk if found else 0)


@pytest.mark.parametrize(
    ("claim", "found"),
    [
        ("claim patient= born=none\n37238\n37252", ["X12215"]),
        ("claim freq=8 f8=PAYER1 filing=CI\n37238", ["X12223"]),
        ("\n".join(["37238", *["37252"] * 150]), ["SCR903"]),
    ],
)
def test_what_the_engine_itself_reports_is_not_an_edit(claim: str, found: list[str]) -> None:
    (report,) = _judged(claim, _ENGINE, frozenset())
    assert [finding.code for finding in report.findings] == found


def test_claims_together_are_asked_about_all_edits() -> None:
    engine = make_engine()
    with open_source(to_837p("claim A\n37238\n37252\nclaim B\n37252"), "x") as source:
        claims = [event for event in Reader(source).events() if isinstance(event, RawClaim)]
        places: list[ClaimPlace] = [attrs.evolve(place_of(claim), may_fire=frozenset()) for claim in claims]
        reports = engine.judge([reopen(source, place) for place in places], places)
    assert {finding.code for report in reports for finding in report.findings} >= {"IVUS701"}
