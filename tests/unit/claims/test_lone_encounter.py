"""The one encounter of a claim without others is the one that all claims of a patient would give."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrubber.claims.builder import build_claim
from scrubber.claims.encounter import Encounter, Encounters, lone_encounter
from scrubber.claims.model import Claim
from scrubber.claims.reader import Reader
from scrubber.io.source import open_source
from scrubber.testing import RENDERING_NPI, to_837p

_LINE = st.sampled_from(
    [
        "37252",
        "37253-LT x2",
        "37238",
        "36010 on=20240806",
        "37252 on=20240804-20240806",
        "37253 on=20240231",
        "37252 by=1234567893",
        f"37252 by={RENDERING_NPI}",
    ]
)
_HEAD = st.sampled_from(["claim A", "claim A freq=7 f8=X", "claim A freq=8 f8=X", "claim A freq=6"])


def _claim(shorthand: str) -> Claim:
    with open_source(to_837p(shorthand)) as source:
        (claim,) = map(build_claim, Reader(source))
    return claim


def _numbers(encounter: Encounter) -> list[object]:
    found: list[object] = [encounter.procedures, [line.number for line in encounter.lines], len(encounter.elsewhere)]
    for line in encounter.lines:
        same = encounter.same_days(line)
        assert encounter.same_days(line) is same
        found += [[other.number for other in lines] for lines in (encounter.on_days_of(line), same.lines)]
    return found


@given(_HEAD, st.lists(_LINE, min_size=1, max_size=6))
def test_a_lone_encounter_is_that_of_the_patient(head: str, lines: list[str]) -> None:
    claim = _claim("\n".join([head, *lines]))
    lone = lone_encounter(claim)
    if lone is None:
        return
    encounters = Encounters([claim])
    (general,) = encounters
    assert encounters.versions == []
    assert all(encounters.first_of(line) is general for line in claim.lines)
    assert _numbers(lone) == _numbers(general)


@pytest.mark.parametrize(
    ("shorthand", "is_lone"),
    [
        ("37238\n37252", True),
        ("37238\n37252 on=20240806", False),
        ("37238\n37252 by=1234567893", False),
        ("37238\n37252 on=20240231", False),
        ("claim freq=8 f8=X\n37238", False),
        ("claim freq=7 f8=X\n37238", False),
    ],
)
def test_a_claim_of_one_day_and_provider_has_one_encounter(shorthand: str, *, is_lone: bool) -> None:
    assert (lone_encounter(_claim(shorthand)) is not None) is is_lone
