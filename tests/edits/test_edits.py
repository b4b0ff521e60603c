"""What no case in shorthand can show of the edits: segments it does not write, tables that are not today's."""

from __future__ import annotations

import ast
import re
from collections.abc import Hashable, Iterator
from datetime import date, timedelta
from pathlib import Path

import attrs
import pytest

from edits.ivus.codes import CO107, CO181, ENDED, SUCCEEDED, listed, make_meta
from edits.ivus.editions import table_infos
from edits.ivus.facts import Facts, load_facts
from edits.ivus.primaries import is_payable
from edits.ivus.rows import BasePrimary, NcciModifier
from scrubber import (
    Adjustment,
    Encounter,
    Example,
    Meta,
    RuleStage,
    Severity,
    Source,
    Status,
    Table,
    iter_claims,
    scrub,
)
from scrubber.api import load_settings
from scrubber.testing import scrub_shorthand, to_837p
from tests.support.paths import ROOT

_ENDED = {row.procedure: row.deleted for row in load_facts().ended_codes if row.deleted is not None}
_SUCCEEDED = {
    str(code): row.deleted
    for row in load_facts().successions
    if row.deleted is not None
    for code in range(int(row.first), int(row.last) + 1)
}
_BEGUN = {
    str(code): row.deleted
    for row in load_facts().successions
    if row.deleted is not None
    for code in range(int(row.successor_first), int(row.successor_last) + 1)
}


def test_the_edit_of_ended_codes_is_about_those_of_the_tables() -> None:
    assert {row.procedure for row in load_facts().ended_codes} == set(_ENDED) == ENDED
    assert _SUCCEEDED.keys() | _BEGUN.keys() == SUCCEEDED
    assert not ENDED & SUCCEEDED


def _told(procedure: str, day: date) -> list[tuple[int | None, str]]:
    """Return line and code of the findings about what is no base, with other ultrasound's base beside the code."""
    (report,) = scrub_shorthand(f"claim date={day:%Y%m%d}\n{procedure}\n75710\n37252")
    return [(f.line, f.code) for f in report.findings if f.code in ("IVUS101", "IVUS105")]


@pytest.mark.parametrize(("procedure", "last_day"), sorted((_ENDED | _SUCCEEDED).items()))
def test_a_code_that_ended_is_valid_on_its_last_day(procedure: str, last_day: date) -> None:
    next_day = last_day + timedelta(days=1)
    assert (1, "IVUS105") not in _told(procedure, last_day)
    assert (1, "IVUS105") in _told(procedure, next_day)
    # Beside another base, the ultrasound is none of it; national lists began on 2018-01-01.
    if next_day.year >= 2018:
        assert _told(procedure, next_day) == [(1, "IVUS105")]
    # Where a base that has ended is the only one, the ultrasound's line refers to it; another code has nothing to do
    # with the ultrasound.
    (report,) = scrub_shorthand(f"claim date={next_day:%Y%m%d}\n{procedure}\n37252")
    told = {finding.code: finding for finding in report.findings if finding.line == 2}
    if load_facts().base_codes.ever(("37252", procedure)):
        assert told["IVUS101"].fix == "See line 1."
        assert (told["IVUS101"].adjustment, report.findings[0].code) == (CO107, "IVUS105")
        assert report.findings[0].adjustment == CO181
    elif next_day.year >= 2018:
        assert told["IVUS101"].fix != "See line 1."


@pytest.mark.parametrize(("procedure", "eve"), sorted(_BEGUN.items()))
def test_a_code_that_began_is_valid_on_its_first_day(procedure: str, eve: date) -> None:
    assert _told(procedure, eve) == [(1, "IVUS105")]
    assert _told(procedure, eve + timedelta(days=1)) == []


def test_the_description_of_an_edit_holds_what_was_given() -> None:
    source, status, adjustment = Source("a title", "2026-01-01"), Status("A7", "507"), Adjustment("CO", "107")
    assert make_meta(
        "IVUS999",
        "a-defect",
        "A defect",
        Severity.INFO,
        source,
        fires="37252",
        passes="37253",
        status=(status,),
        adjustment=adjustment,
        procedures=frozenset({"36005"}),
        effective=None,
        option=("vessels", "check"),
        other_sources=(Source("another", "2026"),),
        since="0.2",
        stage=RuleStage.PREVIEW,
    ) == Meta(
        code="IVUS999",
        name="a-defect",
        title="A defect",
        since="0.2",
        stage=RuleStage.PREVIEW,
        severity=Severity.INFO,
        sources=(source, Source("another", "2026")),
        statuses=(status,),
        adjustment=adjustment,
        procedures=frozenset({"36005"}),
        examples=(Example("37252", fires=True), Example("37253", fires=False)),
        option=("vessels", "check"),
    )


PROGRAMS = sorted((ROOT / "edits").rglob("*.py"))
EDITION = re.compile(r"(19|20)\d\d(-\d\d-\d\d|,? Q[1-4])|\bv\d+\.\d")
CODE = re.compile(r"[0-9A-Z]\d{3}[0-9A-Z]")
MODIFIERS = {row.modifier for table in (load_facts().modifiers, load_facts().ncci_modifiers) for row in table}


def _texts(tree: ast.Module) -> Iterator[str]:
    """Yield the texts of a program that are no docstrings."""
    said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield node.value


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_editions_and_days_are_in_the_manifest_and_the_tables_only(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert [text for text in _texts(tree) if EDITION.search(text)] == []
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert called & {"date", "Source"} == set()


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_lists_of_codes_are_rows_of_tables(path: Path) -> None:
    """Two codes may be what the pack is about: 37252 and 37253, LT and RT."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Set | ast.List | ast.Tuple | ast.Dict):
            continue
        items = node.keys if isinstance(node, ast.Dict) else node.elts
        texts = [item.value for item in items if isinstance(item, ast.Constant) and isinstance(item.value, str)]
        assert len([text for text in texts if CODE.fullmatch(text) or text in MODIFIERS]) <= 2


@pytest.mark.parametrize(
    ("codes", "text"),
    [
        ("A", "A"),
        ("AB", "A and B"),
        ("ABCDEF", "A, B, C, D, E and F"),
        ("ABCDEFG", "A, B, C, D, E and 2 others"),
        ("ABCDEFGHI", "A, B, C, D, E and 4 others"),
    ],
)
def test_of_many_codes_the_first_are_named(codes: str, text: str) -> None:
    assert listed(codes) == text


@pytest.mark.parametrize("code", ["92002", "92014", "99201", "99499", "G0101", "G0245", "G0246", "S0610", "S0613"])
def test_a_range_of_visits_holds_its_ends(code: str) -> None:
    assert load_facts().is_visit(code)


@pytest.mark.parametrize("code", ["33361", "33369", "33477", "36907", "36908", "75825", "75827"])
def test_a_range_of_central_procedures_holds_its_ends(code: str) -> None:
    assert load_facts().has_no_side(code)


@pytest.mark.parametrize(
    ("primaries", "claim", "stands"),
    [
        ({}, "99901\n99902", True),
        ({"99901": "99902"}, "99901\n99902", True),
        ({"99901": "99902"}, "99901\n99903", False),
        ({"99901": "99902", "99902": "99903"}, "99901\n99902", False),
        ({"99901": "99902", "99902": "99903"}, "99901\n99902\n99903", True),
        ({"99901": "99902", "99902": "99901"}, "99901\n99902", False),
        ({"99901": "99902", "99902": "99903", "99903": "99901"}, "99901\n99902\n99903", False),
        ({"99901": "99902", "99902": "CCCCC"}, "99901\n99902", False),
        ({"99901": "99902", "99902": "CCCCC"}, "99901\n99902\n99903", True),
    ],
)
def test_a_base_stands_where_its_primaries_do(primaries: dict[str, str], claim: str, stands: bool) -> None:  # noqa: FBT001
    facts = load_facts()
    rows: dict[Hashable, tuple[BasePrimary, ...]] = {
        addon: (BasePrimary(effective="2016-01-01", deleted=None, addon=addon, primary=primary, aoc_type="1"),)
        for addon, primary in primaries.items()
    }
    facts = attrs.evolve(facts, base_primaries=Table(facts.base_primaries.info, rows))
    (billed,) = iter_claims(to_837p(claim))
    assert is_payable(billed.lines[0], Encounter(tuple(billed.lines)), facts) is stands


@pytest.mark.parametrize(
    ("effective", "deleted", "asked_for"),
    [
        ("2024-08-05", None, True),
        ("2024-08-06", None, False),
        ("2016-01-01", "2024-08-05", True),
        ("2016-01-01", "2024-08-04", False),
    ],
)
def test_primaries_are_those_of_the_date(effective: str, deleted: str | None, asked_for: bool) -> None:  # noqa: FBT001
    facts = load_facts()
    row = BasePrimary(effective=effective, deleted=deleted, addon="99901", primary="99902", aoc_type="1")
    facts = attrs.evolve(facts, base_primaries=Table(facts.base_primaries.info, {"99901": (row,)}))
    (billed,) = iter_claims(to_837p("99901 on=20240805"))
    assert is_payable(billed.lines[0], Encounter(tuple(billed.lines)), facts) is not asked_for


def test_the_tables_are_named_without_being_loaded() -> None:
    options = {"ivus_options"}  # which nobody published
    assert {info.name for info in table_infos()} >= {field.name for field in attrs.fields(Facts)} - options


def test_a_day_of_a_row_is_read_from_text() -> None:
    first = "2019-07-01"
    row = NcciModifier(effective="2013-01-01", deleted=None, modifier="59", kind="other", either_column_from=first)
    assert row.either_column_from == date(2019, 7, 1)
    assert attrs.evolve(row, either_column_from=None).either_column_from is None


def test_a_date_is_pointed_at_behind_other_dates() -> None:
    data = to_837p("37238 on=20240804\n37252 on=20240805").replace(b"DTP*472*", b"DTP*463*D8*20240101~DTP*472*")
    assert b"463" in data
    (found,) = [finding for finding in scrub(data).files[0].claims[0].findings if finding.code == "IVUS104"]
    assert found.line == 2
    assert found.location is not None
    assert found.location.element == "DTP03"
    assert found.location.offset is not None
    written = data[found.location.offset :].partition(b"~")[0]
    assert written == data.split(b"DTP*472*D8*")[2].partition(b"~")[0]
    assert data[: found.location.offset].endswith(b"DTP*472*D8*")


CHECK = {"IVUS": {"vessels": "check"}}


@pytest.mark.parametrize(("kind", "named"), [(b"ADD", True), (b"TPO", False)])
def test_a_note_of_a_third_party_names_no_vessel(kind: bytes, named: bool) -> None:  # noqa: FBT001
    data = to_837p("37238\n37252 note='LEFT CIV'")
    assert data.count(b"NTE*ADD*") == 1
    report = scrub(data.replace(b"NTE*ADD*", b"NTE*%b*" % kind), load_settings(discover=False, packs=CHECK))
    codes = [finding.code for finding in report.files[0].claims[0].findings]
    assert ("IVUS502" not in codes) is named


def test_of_several_lines_without_the_initial_vessel_the_first_says_what_to_do() -> None:
    claims = "claim A date=20260302 filing=CI\n37238\n37253-LT\n37253-RT\nclaim B date=20260302 filing=CI\n37253-LT"
    found = [finding for finding in scrub(to_837p(claims)).findings if finding.code == "IVUS102"]
    assert ["37252 x1 is worth $895.48" in finding.message for finding in found] == [True, False, False]
    assert [finding.fix for finding in found] == [
        (
            "If no other claim bills 37252 for that session, bill the first of these vessels as 37252 x1 and only the "
            "others as 37253."
        ),
        "See line 2.",
        "See line 2 of claim 1.",
    ]


@pytest.mark.parametrize(
    ("claim", "forecast"),
    [("date=20260302 filing=MB", None), ("date=20260302 filing=CI", "CO-107"), ("date=20190605 filing=MB", "CO-107")],
)
def test_no_denial_is_forecast_of_medicare_where_it_has_no_add_on_edit(claim: str, forecast: str | None) -> None:
    (found,) = (each for each in scrub(to_837p(f"claim {claim}\n37238\n37253")).findings if each.code == "IVUS102")
    assert (f"{found.adjustment.group}-{found.adjustment.carc}" if found.adjustment else None) == forecast
