"""How many vessels a text names."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import date, timedelta
from types import FrameType
from typing import Any

import pytest

from edits.facts import load_facts
from edits.vessels import count_vessels, vessels_in
from scrubber.engine import Engine
from scrubber.testing import scrub_shorthand


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
        ("EXTERNAL AND COMMON FEMORAL VEIN", 2),
        ("COMMON ILIAC VEIN", 1),
        ("THE COMMON", 0),
        ("COMMON AND", 0),
        # without the noun
        ("COMMON ILIAC", 1),
        ("LEFT COMMON ILIAC, RIGHT COMMON ILIAC", 2),
        ("RENAL", 0),
        ("INTERNAL JUGULAR", 1),
        ("INTERNAL JUGULAR OF AN ARTERY", 0),
        ("RENAL AND POPLITEAL VEINS", 2),
        ("COMMON ILIAC AND EXTERNAL ILIAC ARTERIES", 2),
        # not in the table
        ("HEPATIC VEIN, SPLENIC VEIN", 2),
        ("HEPATIC VEIN AND HEPATIC ARTERY", 2),
        ("HEPATIC VEIN CIV", 2),
        ("LEFT HEPATIC VEIN, RIGHT HEPATIC VEIN", 2),
        ("OLD BIG GREY HEPATIC VEIN, NEW BIG GREY HEPATIC VEIN", 1),
        ("OLD GREY HEPATIC VEIN, NEW GREY HEPATIC VEIN", 2),
        ("CIV HEPATIC VEIN, HEPATIC VEIN", 2),
        ("VEIN OF THE LEFT LEG", 0),
        ("DISEASED DEEP VEINS", 0),
    ],
)
def test_vessels_in_a_text(text: str, vessels: int) -> None:
    assert count_vessels(vessels_in([text], load_facts())) == vessels


def test_vessels_of_several_texts_are_counted_once() -> None:
    assert count_vessels(vessels_in(["LEFT CIV", "CIV LEFT", "RT CIV, IVC"], load_facts())) == 3


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
    ],
)
def test_twice_the_text_takes_twice_the_steps(words: str) -> None:
    once, twice = (_steps_of_text(words * count) for count in (200, 400))
    assert twice < 2.1 * once


def test_many_sides_hold_for_many_names_in_linear_time() -> None:
    once, twice = (_steps_of_text("LEFT RIGHT " * count + "CIV " * count) for count in (200, 400))
    assert twice < 2.1 * once


def _steps_of_text(text: str) -> int:
    facts = load_facts()
    vessels_in(["CIV"], facts)  # the names of the table are read once
    return _steps(lambda: count_vessels(vessels_in([text], facts)))


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
