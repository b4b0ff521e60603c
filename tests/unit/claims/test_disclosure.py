"""What reports get of the claims themselves: codes only, and only where they ask for it."""

from __future__ import annotations

from collections import Counter
from datetime import date
from decimal import Decimal

import pytest

from edits.ivus.statistics import BASES, UNITS
from scrubber.api import load_settings, make_engine
from scrubber.findings.report import ClaimReport, Detail, Observation
from scrubber.io.source import open_source
from scrubber.pipeline.file_scrub import FileScrub
from scrubber.testing import to_837p

SETTINGS = load_settings(discover=False)


def _claims(data: bytes, detail: Detail) -> list[ClaimReport]:
    with open_source(data) as source:
        return list(FileScrub(source, make_engine(SETTINGS, detail=detail)))


@pytest.mark.parametrize(
    ("detail", "with_detail"), [(Detail.NONE, []), (Detail.OPENED, ["HOT"]), (Detail.ALL, ["COLD", "HOT"])]
)
def test_claims_have_the_detail_that_was_asked_for(detail: Detail, with_detail: list[str]) -> None:
    data = to_837p("claim COLD patient=P2\n99213\nclaim HOT\n37238\n37252")
    assert [claim.claim for claim in _claims(data, detail) if claim.detail is not None] == with_detail


def test_the_detail_is_what_was_billed() -> None:
    (claim,) = _claims(to_837p("claim A date=20240806 pos=22\n37238-LT x2"), Detail.ALL)
    assert claim.detail is not None
    (line,) = claim.detail.lines
    assert (line.procedure, line.modifiers, line.units, line.basis) == ("37238", ("LT",), "2", "UN")
    assert (line.first_day, line.last_day, line.place_of_service) == (date(2024, 8, 6), date(2024, 8, 6), "22")
    assert line.charge == Decimal(100)
    assert claim.detail.diagnoses[:1] == line.diagnoses


def test_what_is_no_code_is_left_out() -> None:
    data = to_837p("37238-LT\n37252")
    for code, name in ((b"HC:37238:LT", b"HC:JANE DOE:JANE"), (b"UN*1", b"UN*JANE"), (b"ABK:", b"ABK:JANE DOE")):
        assert code in data
        data = data.replace(code, name)
    for claim in _claims(data, Detail.ALL):
        assert "JANE" not in repr(claim.detail)


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ("37238\n37252", {(UNITS, "37252, MUE 1", "1"): 1, (BASES, "37238-37239", "office"): 1}),
        ("37238\n37252 x2", {(UNITS, "37252, MUE 1", "2 (over)"): 1, (BASES, "37238-37239", "office"): 1}),
        ("claim A pos=22\n37238\n37252", {(UNITS, "37252, MUE 1", "1"): 1, (BASES, "37238-37239", "facility"): 1}),
        ("37252", {(UNITS, "37252, MUE 1", "1"): 1, (BASES, "no primary procedure found", "office"): 1}),
        (
            "37238\n37252\n37253 x2",
            {
                (UNITS, "37252, MUE 1", "1"): 1,
                (UNITS, "37253, MUE 5", "2"): 1,
                (BASES, "37238-37239", "office"): 1,
            },
        ),
        (
            "claim A patient=P\n37238\n37252\nclaim B patient=P\n37253 x6",
            {
                (UNITS, "37252, MUE 1", "1"): 1,
                (UNITS, "37253, MUE 5", "6 (over)"): 1,
                (BASES, "37238-37239", "office"): 1,
            },
        ),
        (
            "claim A date=20190605 pos=ZZ\n36012\n37253",
            {(UNITS, "37253, MUE not known", "1"): 1, (BASES, "36012", "place of service unknown"): 1},
        ),
        *(
            (
                f"37252\n37253 x{units}",
                {
                    (UNITS, "37252, MUE 1", "1"): 1,
                    (UNITS, "37253, MUE 5", f"{shown} (over)"): 1,
                    (BASES, "no primary procedure found", "office"): 1,
                },
            )
            for units, shown in ((20, "20"), (21, "more than 20"), (999_999, "more than 20"))
        ),
        ("37238", {}),
    ],
)
def test_each_encounter_is_counted_once(claims: str, expected: dict[tuple[str, str, str], int]) -> None:
    seen: Counter[Observation] = Counter()
    for claim in _claims(to_837p(claims), Detail.OPENED):
        seen.update(claim.observations)
    found = {(seen_.panel, seen_.row, seen_.column.split(" and ")[0]): count for seen_, count in seen.items()}
    assert found == expected
