"""Screens change nothing: `--no-screen`, which opens every claim, gives the same bytes.

`python -m tests.campaigns.screens` compares more files, and `python -m tests.campaigns.weakened_screens` shows that a
screen that is too weak is found.
"""

from __future__ import annotations

import re
from datetime import date

import pytest

from scrubber.api import Scrubber, load_settings
from scrubber.testing import to_837p
from tests.campaigns.weakened_screens import JudgedCase, Result, trial_of
from tests.support.fact_changes import changes_of_facts
from tests.support.mutants import MUTATIONS, mutant
from tests.support.screen_cases import ScreenCase, cases_of, generated, known_inputs, mutants
from tests.support.screen_changes import Change, changes_of_screen, conditions_changed, installed, screens_of, watched
from tests.support.screened import EnginePair, described, engine_of, outputs_of
from tests.support.ultrasound_files import RETIRED, billable_rows, modifiers, primaries

MUTANTS = 300
GENERATED = 60
LARGE = 100_000
"""Bytes of an input that the campaign alone compares."""


def test_known_inputs() -> None:
    inputs = [(name, data) for name, data in known_inputs() if len(data) <= LARGE]
    assert len(inputs) > 60
    assert [found for case in cases_of(inputs, other_settings=10, files=10) if (found := case.difference())] == []


def test_generated_files() -> None:
    inputs = generated(GENERATED)
    assert [found for case in cases_of(inputs, other_settings=4, files=20) if (found := case.difference())] == []


def test_mutants() -> None:
    inputs = mutants(MUTANTS)
    assert [found for case in cases_of(inputs, other_settings=4, files=20) if (found := case.difference())] == []


# -- what the gate rests on --------------------------------------------------------------------------------------------


def _billed(data: bytes) -> set[str]:
    """Return the codes and modifiers of the lines of a file, whatever its delimiters."""
    element, component = re.escape(data[3:4]), re.escape(data[104:105])
    codes = re.findall(rb"SV1" + element + rb"HC((?:" + component + rb"[^" + element + rb"]*)+)", data)
    return {part.decode("latin-1") for code in codes for part in code.split(data[104:105])}


def test_mutants_bill_what_screens_are_about() -> None:
    files = [_billed(data) for _, data in mutants(MUTANTS)]
    with_ultrasound = [billed for billed in files if billed & {"37252", "37253"}]
    assert len(with_ultrasound) > MUTANTS / 2
    kinds = {
        "primaries": set(primaries(date(2024, 8, 5))),
        "retired": set(RETIRED),
        "modifiers": set(modifiers()),
        **{name: {code for row in rows for code in row.codes} for name, rows in billable_rows().items()},
    }
    beside = {name: sum(bool(billed & codes) for billed in with_ultrasound) for name, codes in kinds.items()}
    assert {name: count for name, count in beside.items() if count < 10} == {}


def test_a_seed_is_one_file() -> None:
    seeds = range(200)
    files = [mutant(seed) for seed in seeds]
    assert files == [mutant(seed) for seed in reversed(seeds)][::-1]
    assert len(set(files)) == 200
    assert len(MUTATIONS) > 30


def test_many_claims_of_mutants_are_accepted() -> None:
    claims = accepted = 0
    with Scrubber(load_settings(discover=False)) as scrubber:
        for _, data in mutants(50):
            totals = scrubber.scrub(data).files[0].totals
            claims, accepted = claims + totals.claims, accepted + totals.accepted
    assert 0.25 < accepted / claims < 0.75


def test_a_difference_is_noticed() -> None:
    pair = EnginePair(engine_of("edits ignored", screened=True), engine_of("default", screened=False))
    found = [pair.difference(data, with_files=True) for _, data in mutants(9)]
    assert any(text and "report.json" in text and "a.277ca" in text for text in found)
    assert described({"a": b"1"}, {"a": b"1"}) is None
    assert described({"a": b"12", "b": b""}, {"a": b"13"}) == "a, b differ; with screens b'12', without b'13'"


class Screened:
    """A class with a screen as edits have one."""

    def screen(self, codes: set[str], units: int) -> bool:
        if units > 5:
            return True
        return "37252" in codes or any(code.startswith("9") for code in codes if code)


CASES = (({"37252"}, 1), ({"99213"}, 1), ({"37238"}, 1), ({"37238"}, 5), ({"37238"}, 6), (set[str](), 1))


def test_every_condition_of_a_screen_is_changed_alone() -> None:
    expected = [Screened().screen(*case) for case in CASES]
    found = list(conditions_changed(Screened.screen))
    assert len({name for name, _ in found}) == len(found) > 5
    for name, changed in found:
        assert [changed(Screened(), *case) for case in CASES] != expected, name


def test_it_is_seen_whether_the_inputs_decide_about_a_condition() -> None:
    names = [name for name, _ in conditions_changed(Screened.screen)]
    number = next(place for place, name in enumerate(names) if "with '5 + 1'" in name)
    noted: list[bool] = []
    screen = watched(Screened.screen, number, lambda: noted.append(True))
    for units, times in ((1, 0), (6, 1), (7, 1)):
        assert screen(Screened(), {"99213"}, units) == Screened().screen({"99213"}, units)
        assert len(noted) == times


def test_a_change_is_over_when_its_time_is() -> None:
    class Heir(Screened):
        pass

    for owner in (Screened, Heir):
        before = vars(owner).get("screen")
        with Change("a screen", "none", owner, "screen", lambda *_: None).in_force():
            assert Heir().screen({"37252"}, 6) is None
        assert vars(owner).get("screen") is before


def test_what_screens_ask_is_weakened() -> None:
    data = to_837p("37238\n37252\n37253 x7")
    engine = engine_of("default", screened=True)
    for change in changes_of_facts():
        with change.in_force():
            outputs_of(data, engine)
    assert not EnginePair.of("default").difference(data)
    with next(change for change in changes_of_facts() if "units is" in change.name).in_force():
        assert EnginePair.of("default").difference(data)


def test_a_weakened_screen_is_found_where_inputs_have_the_case() -> None:
    billed = {"over": "37221\n37252 x9", "within": "37221\n37252", "without": "99213"}
    cases = [JudgedCase.of(ScreenCase(name, to_837p(claim))) for name, claim in billed.items()]
    edits = {edit.meta.code: list(changes_of_screen(edit)) for edit in screens_of(installed())}
    assert trial_of(edits["IVUS201"][0], cases).seen_on == "over"
    assert trial_of(edits["X12213"][0], cases).result is Result.MISSED
    found = {change.name.partition(": ")[2]: trial_of(change, cases).result for change in edits["X12209"]}
    shown = "'len(row.procedures) > MAX_LINES'"
    assert found[f"{shown} negated (change 1)"] is Result.NO_WEAKER
    assert found[f"{shown} with 'MAX_LINES + 1' (change 2)"] is Result.MISSED


def test_what_the_form_of_a_row_rules_out_is_no_screen() -> None:
    edits = installed()
    left = {edit.meta.code for edit in edits} - {edit.meta.code for edit in screens_of(edits)}
    assert {"X12214", "IVUS106"} <= left
    assert not {"IVUS101", "IVUS401", "X12213"} & left


def test_the_screens_of_an_edit_are_found_where_they_are_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    class Heir(Screened):
        pass

    assert screens_of([Screened, Heir, int]) == [Screened, Heir]
    monkeypatch.delattr(Screened, "screen")
    assert screens_of([Screened, Heir, int]) == []
