"""Claims that repeat earlier ones are found over a whole file, opened or not, in one process or several."""

from __future__ import annotations

import tracemalloc
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import growth
from benchmarks.generate import write as generate
from scrubber.api import load_settings, make_engine
from scrubber.claims.builder import build_claim, patient_key_of, reopen
from scrubber.claims.columns import row_of
from scrubber.claims.reader import Reader
from scrubber.claims.repeats import repeats_of
from scrubber.engine.executor import Executor
from scrubber.engine.judge import Engine
from scrubber.engine.process_executor import ProcessExecutor
from scrubber.findings.finding import Severity
from scrubber.findings.report import ClaimReport
from scrubber.io.source import open_source
from scrubber.pipeline.file_scrub import FileScrub
from scrubber.pipeline.repeat_index import RepeatIndex
from scrubber.testing import to_837p

CODE = "X12224"


@pytest.fixture(scope="module")
def thorough() -> Engine:
    return make_engine(load_settings(discover=False), screened=False)


def judged(data: bytes, engine: Engine, executor: Executor | None = None) -> list[ClaimReport]:
    with open_source(data, "x") as source:
        return list(FileScrub(source, engine, executor=executor))


def repeated(reports: list[ClaimReport]) -> dict[int, tuple[str, str]]:
    """Return the repeats by ordinal: the severity and the beginning of the message."""
    return {
        report.ordinal: (finding.severity.value, finding.message.partition(":")[0])
        for report in reports
        for finding in report.findings
        if finding.code == CODE
    }


# Few codes, dates, charges and patients, so that claims are often equal; ultrasound, spans and voids now and then.
_LINES = st.sampled_from(
    ["99213", "93970", "93970-76", "93970 charge=90", "93970 on=20240805-20240806", "37238", "37252", "82947 x2"]
)
_CLAIM = st.tuples(
    st.sampled_from("ABC"),
    st.sampled_from(["M1", "M1", "M2"]),
    st.sampled_from(
        ["", "", "", "", "freq=8 f8=P1", "freq=7 f8=P2", "born=19610101", "by=1234567893", "dependent=KIM"]
    ),
    st.lists(_LINES, min_size=1, max_size=2),
)


def _shorthand(claims: list[Any]) -> str:
    return "\n".join(
        "\n".join([f"claim {number} patient={patient} filing=CI {rest}", *lines])
        for number, patient, rest, lines in claims
    )


@given(st.lists(_CLAIM, min_size=1, max_size=9))
@settings(deadline=None)
def test_repeats_are_found_opened_or_not(default_engine: Engine, thorough: Engine, claims: list[Any]) -> None:
    data = to_837p(_shorthand(claims))
    assert judged(data, default_engine) == judged(data, thorough)


@given(st.lists(_CLAIM, min_size=1, max_size=9))
@settings(deadline=None)
def test_of_equal_claims_the_first_is_none(default_engine: Engine, claims: list[Any]) -> None:
    """Without voids a claim is a repeat if and only if an equal one is before it."""
    claims = [claim for claim in claims if "freq=8" not in claim[2]]
    found = repeated(judged(to_837p(_shorthand(claims)), default_engine)) if claims else {}
    seen: set[Any] = set()
    for ordinal, (_, patient, rest, lines) in enumerate(claims, 1):
        key = (patient, rest, tuple(sorted(lines)))
        assert (ordinal in found) is (key in seen and "freq" not in rest)
        seen.add(key)


@given(st.lists(_CLAIM, min_size=1, max_size=9))
@settings(deadline=None)
def test_a_fingerprint_is_the_same_for_rows_and_others(claims: list[Any]) -> None:
    index = RepeatIndex()
    with open_source(to_837p(_shorthand(claims))) as source:
        for raw in Reader(source):
            patient, row = hash(patient_key_of(raw)), row_of(raw)
            if row is not None:
                assert index.add_row(patient, row) == index.add(patient, build_claim(raw))


@given(st.lists(_CLAIM, min_size=1, max_size=9))
@settings(deadline=None)
def test_the_index_finds_what_claims_side_by_side_show(claims: list[Any]) -> None:
    claims = [(*claim[:2], "" if "freq" in claim[2] else claim[2], claim[3]) for claim in claims]
    with open_source(to_837p(_shorthand(claims))) as source:
        read = [build_claim(raw) for raw in Reader(source)]
    index = RepeatIndex()
    for claim in read:
        index.add(hash(claim.patient_key), claim)
    index.find(range(len(read)), lambda ordinal: read[ordinal - 1])
    found = [index.repeat_of(claim.ordinal) for claim in read]
    by_patient: dict[Any, list[Any]] = {}
    for claim in read:
        by_patient.setdefault(claim.patient_key, []).append(claim)
    expected = {repeat.ordinal: repeat for group in by_patient.values() for repeat in repeats_of(group)}
    assert found == [expected.get(claim.ordinal) for claim in read]
    assert list(index.ordinals) == sorted(expected)


@pytest.mark.parametrize(
    ("shape", "severity"), [(growth.equal_visits, Severity.WARNING), (growth.equal_claims, Severity.ERROR)]
)
def test_more_claims_than_are_judged_together_are_found(
    shape: Any, severity: Severity, default_engine: Engine, thorough: Engine
) -> None:
    data = shape(1_003).encode()
    reports = judged(data, default_engine)
    found = repeated(reports)
    assert list(found) == list(range(2, 1_004))
    assert {each[0] for each in found.values()} == {severity.value}
    if shape is growth.equal_visits:
        assert reports == judged(data, thorough)


def test_the_processes_find_the_same(default_engine: Engine) -> None:
    data = to_837p("\n".join(f"claim C{n} patient=M{n // 3}\n93970" for n in range(60)))
    expected = judged(data, default_engine)
    assert len(repeated(expected)) == 40
    with ProcessExecutor(partial(make_engine, default_engine.config), 2) as executor:
        assert judged(data, default_engine, executor) == expected


def test_only_candidates_are_opened(tmp_path: Path, default_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    generate(tmp_path / "a.837", 2_000, 0)
    opened: list[int] = []

    def watched(source: Any, place: Any, *rest: Any) -> Any:
        opened.append(place.ordinal)
        return reopen(source, place, *rest)

    monkeypatch.setattr("scrubber.pipeline.survey.reopen", watched)
    monkeypatch.setattr("scrubber.engine.judge.reopen", watched)
    with open_source(tmp_path / "a.837") as source:
        assert len(list(FileScrub(source, default_engine))) == 2_000
    assert len(opened) < 3  # a claim where one block of the file ends and the next begins


def test_fingerprints_take_eight_bytes_a_claim() -> None:
    index, claims = RepeatIndex(), 20_000
    with open_source(to_837p("99213")) as source:
        row = row_of(next(iter(Reader(source))))
    assert row is not None
    kept = []
    tracemalloc.start()
    try:
        for number in range(claims):
            index.add_row(number // 2, row)
            if number in {claims // 2, claims - 1}:
                kept.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert kept[1] - kept[0] < 12 * claims / 2  # an array has room for more than it holds
