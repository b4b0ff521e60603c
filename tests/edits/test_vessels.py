"""Which vessels a note names: `fixtures/vessel_notes.toml`, properties, and the steps that reading takes."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Callable
from datetime import date, timedelta
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edits.ivus.facts import load_facts
from edits.ivus.notes import _lexicon, _read_again, vessels_in
from edits.ivus.vessels import counted, describe_counted
from scrubber import scrub
from scrubber.api import load_settings
from scrubber.engine.judge import Engine
from scrubber.testing import scrub_shorthand
from tests.support.paths import FIXTURES

FACTS = load_facts()
NOTES: dict[str, dict[str, str]] = tomllib.loads((FIXTURES / "vessel_notes.toml").read_text(encoding="utf-8"))


@pytest.fixture(autouse=True, scope="module")
def _forget_what_was_read() -> None:
    """Forget what was read before: a changed reader (of a mutation campaign) is not to answer from memory."""
    _read_again.cache_clear()
    _lexicon.cache_clear()


@pytest.mark.parametrize(
    ("text", "vessels"),
    [
        ("", 0),
        ("IVUS OF THE LEG", 0),
        ("LEFT", 0),
        ("SEEN WAS THE CIV", 1),
        ("CIV, EIV", 2),
        ("EIV AND CFV", 1),
        ("common iliac vein & ivc", 2),
        # sides
        ("LEFT CIV, RIGHT CIV", 2),
        ("CIV LEFT AND CIV RIGHT", 2),
        ("CIV LEFT, CIV RIGHT", 2),
        ("LEFT AND RIGHT CIV", 2),
        ("LEFT AND CIV", 1),
        ("CIV LEFT AND", 1),
        ("LEFT CIV CIV", 1),
        ("CIV, LEFT CIV", 1),
        ("B/L CIV", 2),
        ("LEFT IVC, RIGHT IVC", 1),
        # letters in front
        ("LCIV RCIV", 2),
        ("RCIV EIV", 2),
        ("LIVC RIVC", 1),
        ("XCIV", 0),
        # one head for several
        ("COMMON, EXTERNAL AND INTERNAL ILIAC VEIN", 3),
        ("COMMON ILIAC VEIN", 1),
        ("THE COMMON", 0),
        ("COMMON AND", 0),
        # without the noun
        ("COMMON ILIAC", 1),
        ("LEFT COMMON ILIAC, RIGHT COMMON ILIAC", 2),
        ("RENAL", 0),
        ("INTERNAL JUGULAR", 1),
        ("INTERNAL JUGULAR OF AN ARTERY", 1),
        ("RENAL AND POPLITEAL VEINS", 2),
        ("COMMON ILIAC AND EXTERNAL ILIAC ARTERIES", 2),
        # not in the table
        ("HEPATIC VEIN, SPLENIC VEIN", 2),
        ("HEPATIC VEIN AND HEPATIC ARTERY", 2),
        ("HEPATIC VEIN CIV", 2),
        ("LEFT HEPATIC VEIN, RIGHT HEPATIC VEIN", 2),
        ("OLD BIG GREY HEPATIC VEIN, NEW BIG GREY HEPATIC VEIN", 1),
        ("OLD GREY PLANTAR VEIN, NEW GREY PLANTAR VEIN", 1),
        ("PLANTAR VEIN, MARGINAL VEIN", 2),
        ("CIV HEPATIC VEIN, HEPATIC VEIN", 2),
        ("VEIN OF THE LEFT LEG", 0),
        ("DISEASED DEEP VEINS", 0),
    ],
)
def test_vessels_in_a_text(text: str, vessels: int) -> None:
    assert len(_counted(text)) == vessels


def _counted(*texts: str) -> dict[tuple[str, str], list[str]]:
    return counted(vessels_in(texts, FACTS))


def test_vessels_of_several_texts_are_counted_once() -> None:
    assert len(_counted("LEFT CIV", "CIV LEFT", "RT CIV, IVC")) == 3


@pytest.mark.parametrize(("note", "vessels"), [pair for kind in NOTES.values() for pair in kind.items()])
def test_a_note_of_a_coder(note: str, vessels: str) -> None:
    assert describe_counted(_counted(note)) == vessels
    assert describe_counted(_counted(note.lower())) == vessels


@pytest.mark.parametrize(
    ("texts", "vessels"),
    [
        # What a text leaves open is what another names, or the kind that the others agree on.
        (("L COMMON ILIAC", "LEFT COMMON ILIAC ARTERY"), "left common iliac artery"),
        (("L COMMON ILIAC", "RIGHT CFV"), "left common iliac vein; right common femoral vein"),
        (
            ("L COMMON ILIAC", "RIGHT CFV", "RIGHT CFA"),
            "left common iliac artery or vein; right common femoral artery; right common femoral vein",
        ),
        (
            ("LEFT FEMORAL", "CFA, CFV"),
            "common femoral artery; common femoral vein; left superficial femoral artery or femoral vein",
        ),
        # A name without a side is the same vessel; it joins the side where there is one.
        (("EIV", "LEFT CFV"), "left external iliac vein with common femoral vein, counted as one"),
        (("EIV", "LEFT CFV, RIGHT CFV"), "left common femoral vein; right common femoral vein"),
        (("PLANTAR VEIN",), "1 vein or artery outside the rule tables"),
    ],
)
def test_texts_are_understood_together(texts: tuple[str, ...], vessels: str) -> None:
    assert describe_counted(_counted(*texts)) == vessels


def test_a_long_list_is_cut() -> None:
    names = "AORTA, IVC, IVC, SVC, SMA, SMV, LEFT AND RIGHT CIV, LEFT AND RIGHT CIA, LEFT AND RIGHT EIA"
    told = describe_counted(_counted(names))
    assert len(_counted(names)) == 11
    assert told.endswith("; 4 more")
    assert told.count(";") == 7
    assert "more" not in describe_counted(_counted(names.removesuffix(", LEFT AND RIGHT EIA").removeprefix("AORTA, ")))


def test_a_modifier_gives_the_side_that_a_text_lacks() -> None:
    found = {(one.vessels[0].name, one.side) for one in vessels_in(["CIV, RIGHT EIV, IVC"], FACTS, frozenset({"left"}))}
    assert found == {("CIV", "left"), ("EIV", "right"), ("IVC", "")}


def test_names_and_words_of_the_tables_are_in_one_spelling() -> None:
    """Every name reads as itself, so no word of it is spelled in another way first."""
    spelled = {word.word for word in FACTS.vessel_words if word.role == "spelling"}
    for vessel in FACTS.vessels:
        assert spelled.isdisjoint(vessel.name.split())
        note = vessel.name if vessel.paired == "no" and vessel.context == "no" else f"LEFT {vessel.name}"
        if vessel.context == "alone" and vessel.paired == "no":
            note = f"{vessel.name}, IVC"
        names = [name for names in _counted(note).values() for name in names]
        assert vessel.vessel in " with ".join(names), note


WORDS = "PATIENT TOLERATED WELL STENT PLACED WITHOUT COMPLICATION IMAGES SAVED 70 PCT STENOSIS SEEN"
NEUTRAL = st.lists(st.sampled_from(WORDS.split(" ")), max_size=6).map(" ".join)


@given(st.sampled_from([note for kind in NOTES.values() for note in kind]), NEUTRAL)
def test_words_that_name_no_vessel_change_nothing(note: str, words: str) -> None:
    assert _counted(f"{note}. {words}") == _counted(note)
    assert _counted(f"{words}. {note}") == _counted(note)


FIRM = ("CIV", "EIV", "CFV", "SFA", "COMMON ILIAC VEIN", "POSTERIOR TIBIAL ARTERY", "RENAL VEINS", "IVC")


@given(st.sampled_from(FIRM), st.sampled_from(["", "LEFT ", "R ", "BILATERAL "]), NEUTRAL)
def test_words_behind_a_name_that_needs_no_context_change_nothing(name: str, side: str, words: str) -> None:
    assert _counted(f"{side}{name} {words}") == _counted(f"{side}{name}")


@given(st.lists(st.sampled_from(FIRM), min_size=1, max_size=4, unique=True), st.sampled_from([" ", ", ", " AND "]))
def test_the_order_of_sides_does_not_matter(names: list[str], separator: str) -> None:
    listed = separator.join(names)
    expected = _counted(f"BILATERAL {listed}")
    for sides in ("LEFT AND RIGHT", "RIGHT AND LEFT", "L/R", "R/L", "RT & LT", "B/L", "BOTH"):
        assert _counted(f"{sides} {listed}") == expected
        assert _counted(f"{listed} {sides}") == expected
    assert _counted(f"LEFT {listed}; RIGHT {listed}") == _counted(f"RIGHT {listed}; LEFT {listed}") == expected


@given(st.permutations(["LEFT CIV", "RIGHT EIV", "IVC", "R SFA", "BILATERAL CIA"]))
def test_the_order_of_vessels_that_have_their_side_does_not_matter(names: list[str]) -> None:
    assert describe_counted(_counted(", ".join(names))) == describe_counted(_counted(", ".join(sorted(names))))


def _steps(read: Callable[[], object]) -> int:
    """Count the instructions of Python that reading takes: unlike seconds they are the same on every run."""
    steps = 0

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal steps
        frame.f_trace_opcodes = True
        steps += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        read()
    finally:
        sys.settrace(before)
    return steps


@pytest.mark.parametrize(
    "words",
    [
        "COMMON ",
        "COMMON, EXTERNAL AND ",
        "RENAL ",
        "COMMON ILIAC ",
        "LEFT ",
        "LEFT AND ",
        "CIV LEFT RIGHT ",
        "HEPATIC VEIN ",
        "POSTERIOR TIBIAL AND ",
        "B/L ",
        "NOTHING ",
        ", ",
        "AT, ",
        "PT. ",
        "RENAL AND ",
        "RENAL FAILURE ",
        "LEFT PLANTAR VEIN ",
        "B / ",
        "CIV BILATERALLY ",
    ],
)
def test_twice_the_text_takes_twice_the_steps(words: str) -> None:
    once, twice = (_steps_of_text(words * count) for count in (200, 400))
    assert twice < 2.1 * once


def test_many_sides_hold_for_many_names_in_linear_time() -> None:
    once, twice = (_steps_of_text("LEFT RIGHT " * count + "CIV " * count) for count in (200, 400))
    assert twice < 2.1 * once


def test_many_vessels_outside_the_table_take_linear_time() -> None:
    def note(count: int) -> str:
        letters = "ABCDEFGHIJKLMNOPQRST"
        return " ".join(f"LEFT X{letters[n // 20]}{letters[n % 20]}X VEIN, RIGHT PLANTAR VEIN" for n in range(count))

    assert len(_counted(note(400))) == 401
    assert _steps_of_text(note(400)) < 2.1 * _steps_of_text(note(200))


def _steps_of_text(text: str) -> int:
    _counted("CIV")  # the names of the table are read once
    return _steps(lambda: describe_counted(_counted(text)))


def test_a_note_is_read_once_whatever_the_number_of_days(default_engine: Engine) -> None:
    def claim(days: int, note: str) -> str:
        dates = (date(2024, 1, 1) + timedelta(2 * day) for day in range(days))
        lines = "".join(f"\n37238 on={day:%Y%m%d}\n37252 on={day:%Y%m%d}" for day in dates)
        return f"claim note='{note}'{lines}"

    def steps(days: int) -> int:
        """Count what a long note adds to the steps."""
        short, long = (claim(days, "COMMON ILIAC " * words) for words in (1, 500))
        return _steps(lambda: scrub_shorthand(long, engine=default_engine)) - _steps(
            lambda: scrub_shorthand(short, engine=default_engine)
        )

    steps(1)
    assert steps(10) < 1.1 * steps(5)


@pytest.mark.parametrize("name", ["bilaterally_after_the_names", "portal_splenic", "sfa_at_peroneal"])
def test_claims_from_the_field_name_a_vessel_for_each_unit(name: str) -> None:
    settings = load_settings(discover=False, packs={"IVUS": {"vessels": "check"}})
    (claim,) = scrub(FIXTURES / "field" / f"vessels_{name}.837", settings).files[0].claims
    assert {"IVUS502", "IVUS503"}.isdisjoint(finding.code for finding in claim.findings)
