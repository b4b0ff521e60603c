"""The rule tables: provenance, integrity, lookup by date, and agreement with the facts they were built from."""

from __future__ import annotations

import csv
import hashlib
import shutil
from datetime import date, timedelta
from decimal import Decimal
from math import inf, nan
from pathlib import Path

import attrs
import pytest
from attrs import field, frozen

from edits.ivus.documentation import ended_tables
from edits.ivus.facts import Facts, amount, load_facts, price
from edits.ivus.rows import BaseCode, UnitLimit
from scrubber import DatedRow, Encounter, iter_claims
from scrubber.errors import ConfigError
from scrubber.findings.dates import DateRange
from scrubber.findings.finding import Source
from scrubber.findings.report import EndedTable
from scrubber.tables.table import load_manifest, load_publications, load_table, override_tables
from scrubber.testing import to_837p
from tests.support.paths import ROOT

TABLES = ROOT / "edits" / "tables"
FACTS = ROOT.parent / "shared" / "facts"
needs_facts = pytest.mark.skipif(not FACTS.is_dir(), reason="the facts are not on this machine")


@pytest.fixture(scope="module")
def facts() -> Facts:
    return load_facts()


def test_every_table_has_a_manifest_entry_and_the_reverse() -> None:
    assert {path.name for path in TABLES.glob("*.csv")} == {info.file for info in load_manifest(TABLES).values()}


@pytest.mark.parametrize("name", load_manifest(TABLES))
def test_manifest_says_where_a_table_comes_from(name: str) -> None:
    info = load_manifest(TABLES)[name]
    assert info.title
    assert info.source
    assert info.first_day <= info.last_day


def _copy(tmp_path: Path, change: tuple[str, str] | None, file: str = "mue.csv") -> Path:
    folder = tmp_path / "tables"
    shutil.copytree(TABLES, folder)
    if change is not None:
        path = folder / file
        path.write_text(path.read_text(encoding="utf-8").replace(*change), encoding="utf-8")
    return folder


def test_a_changed_table_is_refused(tmp_path: Path) -> None:
    folder = _copy(tmp_path, ("37252,1", "37252,9"))
    with pytest.raises(ConfigError, match=r"mue\.csv is not the file"):
        load_table(folder, load_manifest(folder)["mue"], UnitLimit, lambda row: row.procedure)


def test_a_missing_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="manifest"):
        load_manifest(tmp_path)


ENTRY = """
title = "A list"
source = "This test"
retrieved = 2026-11-28
first_day = 2024-01-01
last_day = 2026-12-31
file = "a.csv"
sha256 = ""
"""


def test_a_finding_cites_a_table_by_its_edition(tmp_path: Path) -> None:
    book = "[publications.book]\ntitle = 'A book'\neffective = '2026'\n"
    text = f"[plain]{ENTRY}[named]{ENTRY}cited_as = 'A list, 2026 Q2'\n{book}"
    (tmp_path / "manifest.toml").write_text(text, encoding="utf-8")
    infos = load_manifest(tmp_path)
    assert {name: info.citation for name, info in infos.items()} == {
        "plain": Source("A list", "2024-01-01 to 2026-12-31"),
        "named": Source("A list, 2026 Q2", "2024-01-01 to 2026-12-31"),
    }
    assert load_publications(tmp_path) == {"book": Source("A book", "2026")}


@pytest.mark.parametrize(
    "text",
    [
        "[publications.book]\ntitle = 'A book'\n",
        "[publications.book]\ntitle = 'A book'\neffective = 2026-01-01\n",
        "[publications.book]\ntitle = 'A book'\neffective = ''\n",
        "[publications.book]\ntitle = 'A book'\neffective = '2026'\nedition = '2'\n",
        "[publications]\nbook = 'A book'\n",
        "publications = 'A book'\n",
        "[publications",
    ],
)
def test_a_malformed_publication_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="the manifest of the rule tables cannot be used: "):
        load_publications(tmp_path)


def test_a_manifest_without_publications_has_none(tmp_path: Path) -> None:
    (tmp_path / "manifest.toml").write_text(f"[plain]{ENTRY}", encoding="utf-8")
    assert load_publications(tmp_path) == {}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("2024-04-01", "2024-13-01", "line"),
        ("procedure,value", "procedure,worth", "unknown column worth"),
        ("37252,1", "37252,nan", "rule table mue, line 2: 'nan' is no whole number"),
    ],
)
def test_a_wrong_value_names_table_and_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    folder = _copy(tmp_path, (old, new))
    digest = hashlib.sha256((folder / "mue.csv").read_bytes()).hexdigest()
    manifest = folder / "manifest.toml"
    before = load_manifest(TABLES)["mue"].sha256
    manifest.write_text(manifest.read_text(encoding="utf-8").replace(before, digest), encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        load_table(folder, load_manifest(folder)["mue"], UnitLimit, lambda row: row.procedure)


@pytest.mark.parametrize(
    ("day", "valid"),
    [("2017-12-31", False), ("2018-01-01", True), ("2025-12-31", True), ("2026-01-01", False)],
)
def test_rows_are_in_force_on_their_first_and_last_day(facts: Facts, day: str, valid: bool) -> None:  # noqa: FBT001
    assert (facts.base_codes.on(("37252", "37221"), date.fromisoformat(day)) is not None) is valid


def test_a_range_meets_a_row_on_any_of_its_days(facts: Facts) -> None:
    assert facts.base_codes.on(("37252", "37221"), DateRange(date(2025, 12, 31), date(2026, 1, 2)))


def test_overrides_change_values_and_keep_the_rest(facts: Facts) -> None:
    changed = override_tables(facts, {"mue": {"37253": {"value": 8}}}, "test")
    assert {row.value for row in changed.mue.ever("37253")} == {8}
    assert {row.value for row in facts.mue.ever("37253")} == {5}
    assert changed.mue.ever("37252") == facts.mue.ever("37252")


@pytest.mark.parametrize("value", [0, "0", "05", 999_999])
def test_a_limit_may_be_any_number_of_units(facts: Facts, value: object) -> None:
    changed = override_tables(facts, {"mue": {"37253": {"value": value}}}, "test")
    assert {row.value for row in changed.mue.ever("37253")} == {int(str(value))}


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"nope": {"37253": {"value": 8}}}, "no table 'nope'"),
        ({"mue": {"99999": {"value": 8}}}, "no row '99999'"),
        ({"mue": {"37253": {"worth": 8}}}, "no column worth"),
        ({"mue": {"37253": {"value": "many"}}}, "table mue, row 37253"),
        ({"mue": {"37253": {"value": -1}}}, "table mue, row 37253"),
        *(
            ({"fees": {"37252": {column: value}}}, f"table fees, row 37252, column {column}: ")
            for column in ("facility", "non_facility")
            for value in (
                nan,
                inf,
                -inf,
                -1,
                "-0.01",
                "-0",
                1e300,
                "1e400",
                "1e-300",
                10**9,
                "1E9",
                "sNaN",
                "NaN123",
                "Infinity",
                "x",
                "",
                " ",
                True,
                [1],
                {"a": 1},
            )
        ),
        *(
            ({"mue": {"37253": {"value": value}}}, "table mue, row 37253, column value: ")
            for value in (nan, inf, -1, 8.0, 8.5, "1e1", 10**6, "0009999999", "9" * 5000, "٣", "", True, [8], {"a": 8})
        ),
        ({"mue": {"37253": {"value": "9" * 50}}}, f"column value: '{'9' * 20}' is no whole number from 0 to 999,999"),
        ({"fees": {"37252": {"facility": "x"}}}, "column facility: 'x' is no amount in dollars$"),
        ({"fees": {"37252": {"facility": "-1"}}}, "'-1' is no amount in dollars from 0 to below 1,000,000,000"),
        ({"fees": {"37252": {"facility": "0.0000001"}}}, "'0.0000001' has more than 6 decimals"),
        ({"modifiers": {"50": {"kind": "both"}}}, "table modifiers, row 50, column kind: "),
        ({"catheter_codes": {"36010": {"includes_catheterization": "Y"}}}, "row 36010, column includes_cath"),
        ({"procedures": {"37252": {"role": "first"}}}, "table procedures, row 37252, column role: "),
        ({"mue": {"37253": {"mai": 4}}}, "table mue, row 37253, column mai: "),
        ({"mue": {"37253": {"effective": "2024-13-01"}}}, "table mue, row 37253, column effective: "),
        ({"mue": {"37253": {"deleted": nan}}}, "table mue, row 37253, column deleted: "),
    ],
)
def test_overrides_that_fit_nothing_are_errors(facts: Facts, overrides: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as raised:
        override_tables(facts, overrides, "scrubber.toml")  # type: ignore[arg-type]
    assert len(str(raised.value)) < 300
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("value", [0, "0.00", 900.5, "927.06", 999_999_999, "0.000001"])
def test_an_amount_may_be_any_price(facts: Facts, value: object) -> None:
    changed = override_tables(facts, {"fees": {"37252": {"facility": value}}}, "scrubber.toml")
    assert {row.facility for row in changed.fees.ever("37252")} == {Decimal(str(value))}


@frozen
class Weighted(DatedRow):
    """A row of a plugin that checks nothing itself."""

    code: str
    weight: Decimal = field(converter=Decimal)
    share: float = field(default=0.0, converter=float)


@pytest.mark.parametrize("cells", ["NaN,0", "Infinity,0", "1,nan", "1,-inf", "sNaN,0", "x,0"])
def test_no_table_of_any_plugin_has_a_number_that_is_none(tmp_path: Path, cells: str) -> None:
    content = f"code,weight,share\nA,1,1\nB,{cells}\n"
    (tmp_path / "weights.csv").write_text(content)
    digest = hashlib.sha256(content.encode()).hexdigest()
    info = attrs.evolve(load_manifest(TABLES)["mue"], name="weights", file="weights.csv", sha256=digest)
    with pytest.raises(ConfigError, match="rule table weights, line 3: "):
        load_table(tmp_path, info, Weighted, lambda row: row.code)


@pytest.mark.parametrize(
    ("place", "day", "dollars"),
    [("11", "2022-06-01", "1026.07"), ("21", "2022-06-01", "89.63"), ("11", "2026-03-02", "895.48")],
)
def test_amounts_by_year_and_place(facts: Facts, place: str, day: str, dollars: str) -> None:
    assert str(amount(facts, "37252", place, date.fromisoformat(day))) == dollars


def test_no_amount_outside_the_fee_table(facts: Facts) -> None:
    assert amount(facts, "37252", "11", date(2019, 12, 31)) is None


@pytest.mark.parametrize(
    ("line", "dollars"),
    [
        ("37252", "895.48"),
        ("37253 x3 pos=22", "187.38"),
        ("37252 x2.0", "895.48"),
        ("37252 x0", None),
        ("37252 x1.5", None),
        ("37252 x1000000", None),
        ("37252 x30 unit=MJ", None),
        ("37252 x-1", None),
        ("37252 on=none", None),
        ("36010", None),
    ],
)
def test_the_amount_of_a_line_is_that_of_its_units(facts: Facts, line: str, dollars: str | None) -> None:
    (claim,) = iter_claims(to_837p(f"claim date=20260302\n{line}"))
    assert price(claim.lines[0], Encounter(claim.lines), facts) == (None if dollars is None else Decimal(dollars))


@pytest.mark.parametrize(
    ("lines", "units"),
    [
        ("37252\n37252", [1, 0]),
        ("37253 x3\n37253 x4", [3, 2]),
        ("37253 x2\n37253 x2\n37253 x2", [2, 2, 1]),
        ("37253 x4\n37253\n37253", [4, 1, 0]),
        ("37253 x6\n37253", [5, 0]),
        ("37253 x1.5\n37253 x6", [None, 5]),
        ("37253 x3\n37253 x4 on=20260303", [3, 4]),
        ("37253 x9 on=20260302-20260303\n37253 x4", [9, 0]),
        ("37253 x999999", [5]),
        ("37253 x0\n37253 x5", [None, 5]),
        # beside a procedure that CPT excludes, on its day only
        ("37252\n37191", [0, None]),
        ("37252 on=20260303\n37191\n37253 x2", [1, None, 0]),
    ],
)
def test_units_over_the_limit_of_the_day_are_not_paid(facts: Facts, lines: str, units: list[int | None]) -> None:
    (claim,) = iter_claims(to_837p(f"claim date=20260302\n{lines}"))
    encounter = Encounter(claim.lines)
    prices = [price(line, encounter, facts) for line in claim.lines]
    each = [amount(facts, line.procedure, "11", date(2026, 3, 2)) for line in claim.lines]
    assert prices == [None if n is None or one is None else n * one for n, one in zip(units, each, strict=True)]


def test_a_limit_of_each_line_does_not_count_the_others(facts: Facts) -> None:
    by_line = override_tables(facts, {"mue": {"37253": {"mai": "1"}}}, "scrubber.toml")
    (claim,) = iter_claims(to_837p("claim date=20260302\n37253 x3\n37253 x6"))
    encounter = Encounter(claim.lines)
    one = amount(facts, "37253", "11", date(2026, 3, 2))
    assert one is not None
    assert [price(line, encounter, by_line) for line in claim.lines] == [3 * one, 5 * one]


@needs_facts
def test_bases_agree_with_the_facts_year_by_year(facts: Facts) -> None:
    with (FACTS / "base_code_counts_by_year.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            day = date.fromisoformat(row["as_of"])
            active = [base for base in facts.base_codes if base.addon == row["addon"] and _in_force(base, day)]
            listed = [base for base in active if base.base != "CCCCC"]
            assert len(listed) == int(row["active_enumerated_primaries"]), row


def _in_force(row: BaseCode, day: date) -> bool:
    return row.effective <= day and (row.deleted is None or day <= row.deleted)


@needs_facts
def test_the_ends_of_codes_agree_with_the_facts(facts: Facts) -> None:
    """A base whose code ended is in one of two tables; one that merely left a list is in none."""
    with (FACTS / "base_codes.csv").open(encoding="utf-8") as file:
        ended = {
            row["base"]: row["primary_code_deleted"] for row in csv.DictReader(file) if row["primary_code_deleted"]
        }
    ours = {row.procedure: row.deleted for row in facts.ended_codes}
    families = {
        str(code): row.deleted for row in facts.successions for code in range(int(row.first), int(row.last) + 1)
    }
    known = {code: str(day) for code, day in (ours | families).items()}
    assert {code: day for code, day in known.items() if facts.base_codes.ever(("37252", code))} == ended


@needs_facts
def test_pairs_agree_with_the_facts(facts: Facts) -> None:
    with (FACTS / "ptp.csv").open(encoding="utf-8") as file:
        given = [row for row in csv.DictReader(file) if row["setting"] == "practitioner"]
    expected = sorted((row["col1"], row["col2"], row["modifier_indicator"], row["deleted"]) for row in given)
    rows = (
        (row.column1, row.column2, row.modifier_indicator, row.deleted.isoformat() if row.deleted else "")
        for row in facts.ptp
    )
    assert sorted(rows) == expected


@needs_facts
def test_fees_agree_with_the_facts(facts: Facts) -> None:
    with (FACTS / "fees.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            day = date.fromisoformat(row["effective_from"])
            assert str(amount(facts, row["code"], "11", day)) == row["nonfac_national_amount_calc"]
            assert str(amount(facts, row["code"], "21", day)) == row["fac_national_amount_calc"]


@needs_facts
def test_unit_limits_agree_with_the_facts(facts: Facts) -> None:
    with (FACTS / "mue.csv").open(encoding="utf-8") as file:
        given = [row for row in csv.DictReader(file) if row["setting"] == "practitioner" and row["code"] < "38000"]
    for row in given:
        effective = row["effective"] if "-" in row["effective"] else f"{row['effective']}-01-01"
        limit = facts.mue.on(row["code"], date.fromisoformat(effective))
        assert limit is not None
        assert (str(limit.value), limit.mai) == (row["value"], row["mai"])


@pytest.mark.parametrize("after", [1, 0, -1])
def test_a_table_has_ended_for_the_days_after_its_last(facts: Facts, after: int) -> None:
    info = facts.ptp.info
    day = info.last_day + timedelta(days=after)
    (claim,) = iter_claims(to_837p(f"99213 on={day:%Y%m%d}\n37252 on={day - timedelta(days=9):%Y%m%d}-{day:%Y%m%d}"))
    ended = [table for table in ended_tables(claim.services, facts) if table.title == info.title]
    expected = [EndedTable("IVUS901", info.title, info.last_day, day, day)] if after > 0 else []
    assert ended == expected


def test_a_table_has_ended_for_the_days_of_the_line_only(facts: Facts) -> None:
    first = facts.ptp.info.last_day + timedelta(days=40)
    (claim,) = iter_claims(to_837p(f"37252 on={first:%Y%m%d}-{first + timedelta(days=2):%Y%m%d}"))
    ended = {table.title: (table.first_used, table.last_used) for table in ended_tables(claim.services, facts)}
    assert ended[facts.ptp.info.title] == (first, first + timedelta(days=2))


def test_both_ends_of_a_range_of_codes_are_known(facts: Facts) -> None:
    ends = [end for table in facts.ranges() for row in table for end in (row.first, row.last)]
    assert ends
    assert all(facts.knows(end) for end in ends)
