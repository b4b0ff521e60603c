"""How many vessels a text names."""

from __future__ import annotations

import pytest

from edits.facts import load_facts
from edits.vessels import count_vessels


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
    assert count_vessels([text], load_facts()) == vessels


def test_vessels_of_several_texts_are_counted_once() -> None:
    assert count_vessels(["LEFT CIV", "CIV LEFT", "RT CIV, IVC"], load_facts()) == 3
