"""Invariants over all installed edits: what every rule must have, whoever wrote it."""

from __future__ import annotations

import csv
import re
import tomllib
from datetime import date, timedelta

import pytest

from scrubber.api import load_settings
from scrubber.builtin.all_rules import OWN, all_rules
from scrubber.catalogue import explain_rule
from scrubber.findings.dates import DateRange
from scrubber.findings.finding import Severity
from scrubber.findings.rule import FileEdit, Rule
from scrubber.packs.edit import Edit, EncounterEdit
from scrubber.packs.registry import load_plugins
from scrubber.testing import run_examples, scrub_shorthand
from scrubber.version import __version__
from tests.support.paths import FIXTURES, ROOT

RULES = {code: rule for code, (rule, _) in all_rules(load_plugins()).items()}
JUDGING = {code: rule for code, rule in RULES.items() if issubclass(rule, (Edit, EncounterEdit))}

CATALOGUE = """
    IVUS101 add-on-without-base error
    IVUS102 additional-vessel-without-initial error
    IVUS103 base-by-other-provider error
    IVUS104 base-on-other-date error
    IVUS105 base-not-valid-on-date error
    IVUS106 base-on-another-claim warning
    IVUS107 base-cannot-stand-alone error
    IVUS108 contractor-defined-base info
    IVUS109 base-line-fails warning
    IVUS110 retired-ivus-code error
    IVUS111 coronary-base-only warning
    IVUS201 units-over-mue error
    IVUS202 units-not-countable error
    IVUS203 additional-vessels-on-several-lines warning
    IVUS301 ivus-with-excluded-procedure error
    IVUS302 modifier-does-not-lift-exclusion warning
    IVUS303 ncci-pair error
    IVUS401 bilateral-modifier error
    IVUS402 component-modifier error
    IVUS403 multiple-procedure-modifier warning
    IVUS404 laterality-pair warning
    IVUS405 repeat-modifier warning
    IVUS406 assistant-modifier warning
    IVUS407 team-modifier error
    IVUS409 needless-unbundling-modifier info
    IVUS410 malformed-modifier error
    IVUS501 no-diagnosis-for-ivus error
    IVUS502 vessel-not-named info
    IVUS503 fewer-vessels-than-units warning
    IVUS601 catheter-placement-not-billed info
    IVUS602 facility-code-on-professional-claim warning
    IVUS603 missed-initial-vessel-payment info
    IVUS701 duplicate-ivus-line error
    SCR901 edit-crashed error
"""


@pytest.mark.parametrize("row", CATALOGUE.split("\n")[1:-1])
def test_the_promised_edits_are_there(row: str) -> None:
    code, name, severity = row.split()
    assert (RULES[code].meta.name, RULES[code].meta.severity) == (name, severity)


def test_names_and_titles_are_unique() -> None:
    assert len({rule.meta.name for rule in RULES.values()}) == len(RULES)
    assert len({rule.meta.title for rule in RULES.values()}) == len(RULES)


def test_no_rule_is_newer_than_this_version() -> None:
    def of(version: str) -> tuple[int, ...]:
        return tuple(map(int, version.split(".")))

    assert [code for code, rule in RULES.items() if of(rule.meta.since) > of(__version__)] == []


@pytest.mark.parametrize("code", RULES)
def test_every_rule_explains_itself(code: str) -> None:
    rule = RULES[code]
    told = rule.documentation()
    assert told.what.endswith(".")
    assert told.why.endswith(".")
    assert told.fix.endswith(".")
    for form in ("text", "markdown", "json"):
        assert code in explain_rule(rule, OWN, form)


@pytest.mark.parametrize("code", RULES)
def test_every_rule_names_a_dated_source(code: str) -> None:
    for source in RULES[code].meta.sources:
        assert source.title
        assert source.effective


@pytest.mark.parametrize("code", [code for code, rule in RULES.items() if rule.meta.examples])
def test_documented_examples_do_what_they_say(code: str) -> None:
    assert run_examples(RULES[code]) == []


def test_only_what_shorthand_cannot_write_has_no_example() -> None:
    lacking = {code for code, rule in RULES.items() if not rule.meta.examples}
    assert {code for code in lacking if not code.startswith(("X121", "X123", "SCR"))} == {"X12210", "X12213"}


PERIODS = {code: rule.meta.effective for code, rule in JUDGING.items() if rule.meta.effective is not None}


@pytest.mark.parametrize(("code", "period"), PERIODS.items())
def test_an_edit_finds_nothing_before_its_period(code: str, period: DateRange) -> None:
    rule, eve = JUDGING[code], f"{period.first - timedelta(days=1):%Y%m%d}"
    settings = load_settings(discover=False, packs=rule.meta.packs)
    for example in rule.meta.examples:
        claim = re.sub(r"\b(date|on)=\d{8}\b", rf"\1={eve}", example.claim)
        claim = re.sub(r"^(?!claim\b)", "claim\n", claim)
        claim = re.sub(r"^(claim\b(?: \w+(?=[ \n]))?)(?!.* date=)", rf"\1 date={eve}", claim, flags=re.MULTILINE)
        found = [finding.code for report in scrub_shorthand(claim, settings) for finding in report.findings]
        assert "IVUS110" in found
        assert code not in found


def test_edits_of_ultrasound_know_their_period() -> None:
    """IVUS105 has dates in its rows, IVUS110 is about the others, and IVUS410 is not about dates."""
    assert {code for code in JUDGING if code.startswith("IVUS")} - PERIODS.keys() == {"IVUS105", "IVUS110", "IVUS410"}
    assert set(PERIODS.values()) == {DateRange(date(2016, 1, 1), date.max)}


NOT_IN_SHORTHAND = {"X12210", "X12213"}
"""A claim cut off by the end of its file (test_reader), and one that names a provider twice (test_regular)."""


def test_every_judging_edit_has_an_example_of_both_kinds() -> None:
    without = {
        code for code, rule in JUDGING.items() if {example.fires for example in rule.meta.examples} != {True, False}
    }
    assert without == NOT_IN_SHORTHAND


@pytest.mark.parametrize("code", sorted(JUDGING.keys() - NOT_IN_SHORTHAND))
def test_every_judging_edit_has_cases(code: str) -> None:
    cases = tomllib.loads((FIXTURES / "cases" / f"{code}.toml").read_text(encoding="utf-8"))["case"]
    firing = [case for case in cases if case["findings"]]
    assert len(cases) >= 8
    assert len(firing) >= 3
    assert len(cases) - len(firing) >= 3
    assert len({case["name"] for case in cases}) == len(cases)


def _is_ivus_error(rule: type[Rule]) -> bool:
    return rule.meta.code.startswith("IVUS") and rule.meta.severity is Severity.ERROR


@pytest.mark.parametrize("code", [code for code, rule in RULES.items() if _is_ivus_error(rule)])
def test_every_error_forecasts_a_status(code: str) -> None:
    assert RULES[code].meta.statuses


def _listed(name: str) -> set[str]:
    with (ROOT / "edits" / "tables" / "code_lists.csv").open(encoding="utf-8", newline="") as file:
        return {row["code"] for row in csv.DictReader(file) if row["list"] == name and not row["deleted"]}


@pytest.mark.parametrize("code", RULES)
def test_only_listed_active_codes_are_forecast(code: str) -> None:
    meta = RULES[code].meta
    assert {status.category for status in meta.statuses} <= _listed("507")
    assert {status.code for status in meta.statuses} <= _listed("508")
    if meta.adjustment is not None:
        assert meta.adjustment.carc in _listed("CARC")
        assert meta.adjustment.rarc is None or meta.adjustment.rarc in _listed("RARC")


def test_status_732_has_company() -> None:
    for rule in RULES.values():
        codes = [status.code for status in rule.meta.statuses]
        assert "732" not in codes or len(codes) > 1


def test_file_rules_have_no_check() -> None:
    for rule in RULES.values():
        if issubclass(rule, FileEdit):
            assert not hasattr(rule, "check")
