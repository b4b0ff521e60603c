"""What a scrub costs, counted: edits run, lines looked at, bytes kept; `benchmarks.growth` measures the time."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import growth
from edits.ivus.units import UnitsByDay
from scrubber.api import load_settings
from scrubber.claims.builder import ClaimPlace, build_claim
from scrubber.claims.encounter import Encounter, Encounters
from scrubber.claims.loops import claim_loops
from scrubber.claims.model import Claim, Payer, Person, Provider, ServiceLine
from scrubber.claims.reader import Reader
from scrubber.engine.judge import Engine
from scrubber.findings.dates import DateRange
from scrubber.findings.finding import Finding, Severity, Source
from scrubber.findings.report import ClaimReport
from scrubber.findings.rule import Meta, RuleStage
from scrubber.io.source import open_source
from scrubber.packs.edit import Context, EncounterEdit
from scrubber.packs.pack import EditPack
from scrubber.packs.registry import Plugin, load_plugins
from scrubber.pipeline.claim_log import ClaimLog, ClaimRecord
from scrubber.pipeline.file_scrub import FileScrub
from scrubber.x12.segment import Delimiters, Loop
from scrubber.x12.transaction_set import TransactionSet

PLAIN = load_settings(discover=False)


class Counting(EncounterEdit[Any]):
    """Counts the lines of the encounters that are judged.

    Why: what is judged again costs time.
    Fix: nothing.
    """

    meta = Meta(
        code="TST001",
        name="counting",
        title="Counting",
        since="0.1",
        stage=RuleStage.STABLE,
        severity=Severity.ERROR,
        sources=(Source("a test", "2026"),),
    )
    lines: ClassVar[int] = 0

    def check(self, encounter: Encounter, context: Context[Any]) -> list[Finding]:
        del context
        Counting.lines += len(encounter.lines)
        return []


def _scrub(text: str) -> tuple[int, list[ClaimReport]]:
    """Return how many lines are judged in a file, and its claims."""
    Counting.lines = 0
    engine = Engine(PLAIN, [*load_plugins(), Plugin("TST", "a test", "0", EditPack(edits=(Counting,)))])
    with open_source(text.encode(), "x") as source:
        claims = list(FileScrub(source, engine))
    return Counting.lines, claims


@pytest.mark.parametrize("shape", [growth.reliance, growth.replaced_chain], ids=lambda shape: shape.__name__)
def test_what_a_rejection_does_not_change_is_not_judged_again(shape: Any) -> None:
    judged = {size: _scrub(shape(size)) for size in (40, 80)}
    assert any(finding.code == "SCR902" for finding in judged[80][1][-1].findings)
    assert judged[80][0] <= 2.1 * judged[40][0]
    assert judged[80][0] <= 5 * 80


def test_lines_of_other_providers_are_found_once_for_each_day(monkeypatch: pytest.MonkeyPatch) -> None:
    from edits.ivus.facts import Facts  # noqa: PLC0415

    asked = 0
    is_primary = Facts.is_primary

    def counting(self: Facts, *arguments: Any) -> bool:
        nonlocal asked
        asked += 1
        return is_primary(self, *arguments)

    monkeypatch.setattr(Facts, "is_primary", counting)
    counts = []
    for size in (200, 400):
        asked = 0
        assert all(claim.rejected for claim in _scrub(growth.providers_in_one_day(size))[1])
        counts.append(asked)
    assert counts[1] <= 2.1 * counts[0]


@pytest.mark.parametrize("shape", growth.SHAPES, ids=lambda shape: shape.name)
def test_the_shapes_of_the_benchmark_are_read(shape: growth.Shape) -> None:
    with open_source(shape.make(20).encode(), "x") as source:
        assert list(FileScrub(source, Engine(PLAIN, load_plugins())))


# -- encounters from which claims are taken out ----------------------------------------------------------------------

_DAYS = st.builds(
    lambda first, length: DateRange(date(2024, 8, 1) + timedelta(first), date(2024, 8, 1) + timedelta(first + length)),
    st.integers(0, 9),
    st.sampled_from([0, 0, 0, 1, 4]),
)
_LINES = st.lists(
    st.tuples(st.sampled_from(["37238", "37252"]), st.one_of(st.none(), _DAYS), st.sampled_from("AB")),
    min_size=1,
    max_size=4,
)
_CLAIMS = st.lists(st.tuples(_LINES, st.sampled_from("11178"), st.sampled_from("XYZ")), min_size=1, max_size=8)


def _claims(drawn: Any) -> list[Claim]:
    return [
        Claim(
            control_number=control,
            frequency=frequency,
            ordinal=ordinal,
            subscriber=Person(member_id="M1"),
            payer=Payer(id="12502"),
            billing_provider=Provider(id="1234567893"),
            lines=[
                ServiceLine(number, code, service_dates=dates, line_rendering_provider=Provider(id=provider))
                for number, (code, dates, provider) in enumerate(lines, 1)
            ],
        )
        for ordinal, (lines, frequency, control) in enumerate(drawn, 1)
    ]


def _seen(encounter: Encounter) -> Iterator[tuple[ServiceLine, ...]]:
    """Yield all that an edit can ask an encounter."""
    yield encounter.lines
    for line in encounter.lines:
        yield encounter.on_days_of(line)
        yield encounter.same_days(line).lines
    yield encounter.elsewhere


@given(_CLAIMS, st.lists(st.sets(st.integers(1, 8), max_size=3), min_size=1, max_size=3), st.booleans())
def test_taking_claims_out_leaves_the_encounters_of_the_others(drawn: Any, rounds: list[set[int]], ask: bool) -> None:  # noqa: FBT001
    claims = _claims(drawn)
    encounters = Encounters(claims)
    known = {encounter.lines: list(_seen(encounter)) if ask else [] for encounter in encounters}
    all_original = all(claim.is_original for claim in claims)
    for ordinals in rounds:
        # An original that is rejected is still meant by its replacement; new encounters would not know of it.
        gone = [each for each in claims if each.ordinal in ordinals and (all_original or not each.is_original)]
        claims = [claim for claim in claims if claim not in gone]
        again = encounters.remove(gone)
        expected = {encounter.lines: list(_seen(encounter)) for encounter in Encounters(claims)}
        assert [encounter.lines for encounter in again] == [lines for lines in expected if lines in _lines_of(again)]
        for encounter in again:
            known[encounter.lines] = list(_seen(encounter))
        for lines, seen in expected.items():
            assert known[lines] == seen or not ask


def _lines_of(encounters: list[Encounter]) -> set[tuple[ServiceLine, ...]]:
    return {encounter.lines for encounter in encounters}


@given(st.lists(st.tuples(_DAYS, st.integers(1, 9)), min_size=1, max_size=8), _DAYS)
def test_units_by_day_are_the_sums_of_the_lines(drawn: list[tuple[DateRange, int]], dates: DateRange) -> None:
    lines = [
        ServiceLine(number, "37253", units_text=str(units * days.days), service_dates=days)
        for number, (days, units) in enumerate(drawn, 1)
    ]
    sums = {day: sum(units for days, units in drawn if day in days) for day in {days.first for days, _ in drawn}}
    assert UnitsByDay(lines).most() == max(sums.values())
    assert UnitsByDay(lines).of(dates) == sorted((day, units) for day, units in sums.items() if day in dates)


# -- memory ----------------------------------------------------------------------------------------------------------


def test_a_transaction_set_takes_64_bytes() -> None:
    log, delimiters, sets = ClaimLog(), Delimiters("*", ":", "^", "~"), 30_000
    kept = []
    tracemalloc.start()
    try:
        for number in range(sets):
            if number in {sets // 2, sets - 1_000}:
                kept.append(tracemalloc.get_traced_memory()[0])
            place = ClaimPlace(
                number, delimiters, (None, None, None), (0, 9, 1), TransactionSet(control_number=f"{number}")
            )
            log.open(place)
    finally:
        tracemalloc.stop()
    assert kept[1] - kept[0] <= 64 * (sets / 2 - 1_000)
    for note in log:
        assert isinstance(note, ClaimRecord)
        assert log.place(note.ordinal).transaction.control_number == f"{note.ordinal - 1}"
    log.close()


@pytest.mark.parametrize(
    ("lines", "rest"), [(1, "K3*A~" * 900), (40, ""), (1, "NTE*A*B~" * 900)], ids=["segments", "lines", "notes"]
)
def test_a_patient_takes_twenty_times_the_text(lines: int, rest: str) -> None:
    claims = []
    for number in range(30):
        day = f"{date(2024, 1, 2) + timedelta(3 * number):%Y%m%d}"
        text = "".join(f"LX*{line}~SV1*HC:99213*1*UN*1***1~DTP*472*D8*{day}~" for line in range(2, lines + 1))
        first = f"LX*1~SV1*HC:37252*1*UN*1***1~DTP*472*D8*{day}~"
        claims.append(f"CLM*C{number}*{lines}***11:B:1*Y*A*Y*Y~HI*ABK:I871~{first}{text}{rest}")
    data = growth.patient(claims).encode()
    _scrub(growth.reliance(4))  # the tables are loaded
    engine = Engine(PLAIN, load_plugins())
    most = 20 * len(data) + (1 << 20)
    # What other threads of the test session allocate meanwhile is traced too, so one good run of three is enough.
    assert any(_traced_peak(data, engine) <= most for _ in range(3))


def _traced_peak(data: bytes, engine: Engine) -> int:
    with open_source(data, "x") as source:
        scrub = FileScrub(source, engine)
        tracemalloc.start()
        try:
            assert len(list(scrub)) == 30
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()


def test_a_loop_is_made_again_as_it_is() -> None:
    odd = (
        "LX*1~SV1*HC:37252*1*UN*1***1~DTP*472*D8*20240805~NM1*82*1*A*B****XX*1999999984~SVD*P*1*HC:37252**1~CAS*CO*45*1~",
        "~\nLX*2~\n\nSV1*HC:37252*1*UN*1***1~SV1*HC:37253*1*UN*1***1~LX*4~LX*5~SV1*HC:99213*1*UN*1~",
        "SV1*HC:37252*1*UN*1***1~DTP*472*D8*20240805~\r\nLX*1~SV1*HC:37252*1*UN*1***1~DTP*472*D8*20240805~",
        "LX*1~\nSV1*HC:37252*1*UN*1***1~\nDTP*472*D8*20240805~\nLX*2~\nSV1*HC:1*1*UN*1~\nDTP*472*D8*20240805~\nNTE*ADD*X~\n",
    )
    data = growth.patient([f"CLM*C*1***11:B:1*Y*A*Y*Y~HI*ABK:I871~{text}" for text in odd]).encode()

    def flat(loop: Loop | None) -> Any:
        assert loop is not None
        return loop.id, [(each.text, each.offset, each.ordinal) for each in loop.segments], list(map(flat, loop.loops))

    with open_source(data, "x") as source:
        raws = list(Reader(source))
        assert len(raws) == len(odd)
        for raw in raws:
            claim, whole = build_claim(raw), flat(claim_loops(raw.segments))
            assert flat(claim.loop) == whole
            assert [flat(line.loop) for line in claim.lines] == [loop for loop in whole[2] if loop[0] == "2400"]
