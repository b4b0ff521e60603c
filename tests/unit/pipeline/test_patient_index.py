"""Which claims of a file are judged together, found by hashes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrubber.io.source import open_source
from scrubber.pipeline import patient_index
from scrubber.pipeline.file_scrub import FileScrub
from scrubber.pipeline.patient_index import PatientIndex
from scrubber.testing import to_837p


@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), max_size=40))
def test_claims_have_company_where_one_of_their_patient_is_looked_at(claims: list[tuple[int, bool]]) -> None:
    index = PatientIndex()
    by_patient: dict[int, list[tuple[int, bool]]] = {}
    for ordinal, (patient, concerned) in enumerate(claims, 1):
        index.add(("PAYER", f"M{patient}"), concerned=concerned)
        by_patient.setdefault(patient, []).append((ordinal, concerned))
    index.find()
    expected: dict[int, list[int]] = {}
    for own in by_patient.values():
        if len(own) > 1 and any(concerned for _, concerned in own):
            expected |= {ordinal: [each for each, _ in own] for ordinal, _ in own}
    assert {n: index.companions(n) for n in range(1, len(claims) + 1)} == {
        n: expected.get(n, []) for n in range(1, len(claims) + 1)
    }
    assert list(index.ordinals) == sorted(expected)


def test_too_many_claims_of_one_patient_have_no_company() -> None:
    index = PatientIndex()
    for _ in range(1_001):
        index.add(("PAYER", "000000000"), concerned=True)
    index.find()
    assert index.companions(500) is None


def test_patients_that_share_a_hash_are_judged_apart(monkeypatch: pytest.MonkeyPatch, default_engine: Any) -> None:
    expected = verdicts(default_engine)
    monkeypatch.setattr(patient_index, "hash", lambda _: 42, raising=False)
    assert verdicts(default_engine) == expected


def verdicts(engine: Any) -> list[Any]:
    data = to_837p("claim A patient=M1\n37238\nclaim B patient=M2\n37252\nclaim C patient=M1\n37252")
    with open_source(data) as source:
        return list(FileScrub(source, engine))
