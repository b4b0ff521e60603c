"""Whole pages of `scrubber explain` for codes of every table, on the dates where they change."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path

import pytest

from edits.ivus.explanation import describe, known_codes
from edits.ivus.facts import load_facts
from scrubber.api import load_settings, make_engine
from scrubber.catalogue import explain_page, explain_rule, find_page, nearest_codes
from scrubber.packs.pack import Page
from scrubber.packs.registry import load_plugins
from tests.support.command import Run
from tests.support.paths import FIXTURES

PAGES = [
    ("37252", "2026-03-01"),  # everything
    ("37252", "2017-03-01"),  # contractor-defined bases
    ("37252", "2016-01-01"),  # the first day of all
    ("37253", "2024-09-30"),  # the last day of the pairs
    ("37253", "2022-03-01"),  # an MUE without MAI
    ("37253", "2017-06-01"),  # the initial vessel as a base
    ("37252", "2015-12-31"),  # before the code
    ("37250", "2024-08-05"),  # retired
    ("37221", "2025-12-31"),  # the last day of a family
    ("37221", "2026-01-02"),  # its successors
    ("37220", "2026-01-01"),
    ("37235", "2026-01-02"),
    ("37254", "2026-01-02"),
    ("37299", "2026-01-02"),
    ("36907", "2024-08-05"),  # a base that is an add-on code
    ("36012", "2017-12-31"),
    ("37191", "2024-08-05"),  # never together
    ("99213", "2026-03-01"),  # a pair only
    ("92978", "2026-03-01"),  # coronary ultrasound, and a primary procedure of 92979
    ("92979", "2012-03-01"),  # before the list
    ("37225", "2026-01-02"),
    ("36248", "2024-08-05"),  # a catheter code that is an add-on code
    ("36247", "2024-08-05"),  # its primary procedure
    ("59", "2024-08-05"),
    ("24", "2024-08-05"),  # a modifier and a place of service
    ("99145", "2024-08-05"),  # a pair that has ended
    ("75957", "2025-12-31"),  # the last day of a code that no other follows in the tables
    ("75957", "2026-01-01"),
    ("34802", "2018-01-01"),  # ended, and no base of ultrasound
    ("37191", "2015-06-01"),  # excluded from a later date on
    ("92975", "2026-01-01"),  # a base of coronary ultrasound that has ended
    ("92930", "2026-01-01"),  # the first day of another one
    ("C9754", "2024-08-05"),  # a pair that has ended, in column 1
    ("99499", "2024-08-05"),  # the last code of a range
]
DENIALS = ["107", "CO-107", "CARC 16", "N122", "RARC-N674", "B15", "A8:507", "732", "A8:507:1P"]


@pytest.mark.parametrize(("code", "day"), PAGES, ids=lambda value: value)
def test_pages(code: str, day: str, request: pytest.FixtureRequest) -> None:
    page = find_page(code, date.fromisoformat(day), load_plugins())
    assert page is not None
    path = FIXTURES / "expected" / "explain" / f"{re.sub('[: ]', '-', code)}-{day}.txt"
    text = explain_page(page, "text")
    if request.config.getoption("--update-expected"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text


def test_no_page_on_a_code_that_no_table_knows() -> None:
    assert describe("00000", date(2024, 8, 5), load_facts()) is None
    assert find_page("00000", date(2024, 8, 5), load_plugins()) is None


@pytest.mark.parametrize("code", DENIALS)
def test_pages_on_denials(code: str, request: pytest.FixtureRequest) -> None:
    test_pages(code, "2026-11-20", request)


def test_codes_of_all_lists_are_known() -> None:
    facts = load_facts()
    assert known_codes(facts) >= {row.code for table in (facts.code_lists, facts.denial_codes) for row in table}


def test_every_code_in_any_table_has_a_page_on_every_date() -> None:
    """What is known of a code is told on days before, in and after its periods."""
    facts = load_facts()
    in_ranges = [
        str(code)
        for row in facts.successions
        for first, last in ((row.first, row.last), (row.successor_first, row.successor_last))
        if first.isdigit()
        for code in range(int(first), int(last) + 1)
    ]
    for code in (*known_codes(facts), *in_ranges):
        for day in (date(2012, 1, 1), date(2024, 8, 5), date(2027, 1, 1)):
            page = describe(code, day, facts)
            assert page is not None, (code, day)
            assert page.sections[-1][0] == "Sources", (code, day)
            assert len(page.sections) > 1, (code, day)
            assert all(lines for _, lines in page.sections), (code, day)


@pytest.mark.parametrize("code", ["CO-999", "CARC", "CO-", "A8:999", "A9:507", "RARC 107", "107:A8", ":507", "CO-N122"])
def test_half_of_a_code_is_no_code(code: str) -> None:
    assert find_page(code, date(2026, 11, 20), load_plugins()) is None


@pytest.mark.parametrize(
    ("forms", "heading"),
    [
        (["CO-107", "CO107", "CARC 107", "CARC-107", "PR-107"], "107 as a claim adjustment reason code (CARC)"),
        (["N122", "RARC N122", "RARC-N122", "RARCN122"], "N122 as a remittance advice remark code (RARC)"),
    ],
)
def test_a_denial_may_be_written_as_it_is_said(forms: list[str], heading: str) -> None:
    for form in forms:
        page = find_page(form, date(2026, 11, 20), load_plugins())
        assert page is not None
        assert page.sections[0][0] == heading


def _section(page: Page | None, heading: str) -> list[str]:
    assert page is not None
    return [line for name, lines in page.sections if name == heading for line in lines]


def test_the_edits_that_forecast_a_denial_are_named() -> None:
    for code in ("CO-107", "107", "N122", "RARC N122"):
        told = _section(find_page(code, date(2026, 11, 20), load_plugins()), "Edits that forecast this denial")
        assert "IVUS101 add-on-without-base (CO-107 / N122)" in told
    assert not _section(find_page("PR-107", date(2026, 11, 20), load_plugins()), "Edits that forecast this denial")


# -- settings ----------------------------------------------------------------------------------------------------------

SETTINGS = """
ignore = ["IVUS601"]
[severity]
IVUS203 = "info"
[tables.mue.37253]
value = 6
[payers.12502]
tables.mue.37253.value = 8
tables.fees.37252.facility = "101.5"
severity = { IVUS503 = "error" }
ignore = { IVUS402 = { reason = "their policy 2026-04", until = 2026-12-31 } }
[payers.60054]
tables.mue.37253.mai = "3"
"""


def test_values_that_settings_change_are_named_with_their_origin(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text(SETTINGS)
    config = load_settings(path)
    page = find_page("37253", date(2026, 3, 2), load_plugins(), config)
    assert _section(page, "Settings") == [
        f"tables.mue.37253.value = 6 instead of 5, from {path} (--config)",
        f"payers.12502.tables.mue.37253.value = 8 instead of 5, from {path} (--config)",
        f"payers.60054.tables.mue.37253.mai = 3 instead of  or 3, from {path} (--config)",
    ]
    assert any(line.startswith("MUE 6: ") for line in _section(page, "In short"))
    fees = _section(find_page("37252", date(2026, 3, 2), load_plugins(), config), "Settings")
    assert len(fees) == 1
    assert fees[0].startswith("payers.12502.tables.fees.37252.facility = 101.5 instead of 94.92 or ")
    assert not _section(find_page("37238", date(2026, 3, 2), load_plugins(), config), "Settings")
    assert not _section(find_page("37253", date(2026, 3, 2), load_plugins()), "Settings")


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("IVUS601", ["switched off, from {}"]),
        ("IVUS203", ["severity info, from {}"]),
        ("IVUS503", ["severity error for payer 12502, from {}"]),
        ("IVUS402", ["suppressed for payer 12502 until 2026-12-31, from {}: their policy 2026-04"]),
        ("IVUS101", []),
    ],
)
def test_what_settings_change_about_an_edit_is_told(code: str, told: list[str], tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text(SETTINGS)
    config = load_settings(path)
    make_engine(config)
    (plugin,) = (plugin for plugin in load_plugins() if plugin.prefix == "IVUS")
    (rule,) = (rule for rule in plugin.pack.edits if rule.meta.code == code)
    expected = [text.format(f"{path} (--config)") for text in told]
    assert json.loads(explain_rule(rule, plugin, "json", config))["settings"] == expected
    for form in ("text", "markdown"):
        words = "".join(explain_rule(rule, plugin, form, config).split())  # a path is broken at its hyphens
        assert words.count("Settings:") == len(expected)
        assert all("".join(text.split()) in words for text in expected)
    assert json.loads(explain_rule(rule, plugin, "json"))["settings"] == []


# -- the command -------------------------------------------------------------------------------------------------------


def test_the_command_reads_settings_as_scrub_does(run: Run, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(SETTINGS)
    told = run("explain", "37253", "--config=s.toml").stdout.decode()
    assert "payers.12502.tables.mue.37253.value = 8 instead of 5, from s.toml (--config)" in told
    (tmp_path / "scrubber.toml").write_text(SETTINGS)
    assert "value = 8 instead of 5, from scrubber.toml\n" in run("explain", "37253").stdout.decode()
    (tmp_path / "bad.toml").write_text("[tables.mue.37253]\nworth = 8\n")
    done = run("explain", "37253", "--config=bad.toml")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr == b"scrubber: tables: table mue, row 37253: there is no column worth\n"


@pytest.mark.parametrize("code", ["CO-107", "co-107", "107", "n122", "92978", "92979", "37225", "36247"])
@pytest.mark.parametrize("form", ["text", "markdown", "json"])
def test_the_command_answers_for_every_kind_of_code(run: Run, code: str, form: str) -> None:
    done = run("explain", code, f"--format={form}")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout


def test_words_may_be_apart(run: Run) -> None:
    assert run("explain", "rarc", "n122").stdout.startswith(b"RARC N122\n")


@pytest.mark.parametrize("day", ["2026-11-20", "11/20/2026", "20261120", " 2026-11-20 "])
def test_a_date_is_read_as_it_is_written_anywhere(run: Run, day: str) -> None:
    assert run("explain", "37252", f"--on={day}").stdout.startswith(b"37252 on 2026-11-20\n")


def test_month_and_day_may_have_one_digit(run: Run) -> None:
    assert run("explain", "37252", "--on=1/2/2026").stdout.startswith(b"37252 on 2026-01-02\n")


@pytest.mark.parametrize(
    ("day", "told"),
    [
        ("13/40/2026", "is no day of the calendar (year 2026, month 13, day 40)"),
        ("20/11/2026", "is no day of the calendar (year 2026, month 20, day 11)"),
        ("2026-02-29", "is no day of the calendar (year 2026, month 2, day 29)"),
        ("20261301", "is no day of the calendar (year 2026, month 13, day 1)"),
        ("00000101", "is no day of the calendar (year 0, month 1, day 1)"),
        ("11/20/26", "has no year of four digits"),
        ("26-11-20", "has no year of four digits"),
        ("261120", "has no year of four digits"),
        ("yesterday", "is no date"),
        ("2026-11-20T10:00", "is no date"),
        ("\u0662026-11-20", "is no date"),
        ("", "is no date"),
    ],
)
def test_a_wrong_date_is_told_with_the_forms(run: Run, day: str, told: str) -> None:
    done = run("explain", "37252", f"--on={day}", PYTHONUTF8="1")
    assert (done.returncode, done.stdout) == (2, b"")
    words = " ".join(done.stderr.decode().split())
    assert f"{told}; write 2026-11-20, 11/20/2026 or 20261120" in words


@pytest.mark.parametrize(
    ("code", "nearest"),
    [
        ("IVUS999", "IVUS9"),
        ("37253X", "37253"),
        ("CO-170", "CO-107"),
        ("N212", "N122"),
        ("9297", "9297"),
    ],
)
def test_an_unknown_code_has_the_nearest_named(run: Run, code: str, nearest: str) -> None:
    done = run("explain", code)
    assert (done.returncode, done.stdout) == (2, b"")
    told = done.stderr.decode()
    assert told.startswith(f"scrubber: {code} is neither an edit nor a code in any rule table; nearest are ")
    assert nearest in told
    assert nearest_codes(code, load_plugins())[0].startswith(nearest)


def test_a_code_like_no_other_has_none_named(run: Run) -> None:
    done = run("explain", "@@@@@")
    assert done.returncode == 2
    assert done.stderr == b"scrubber: @@@@@ is neither an edit nor a code in any rule table; see 'scrubber edits'\n"
