"""The model: effective values, dates, what is carried, and how lines come together in encounters."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import attrs
import pytest

from scrubber.claims.builder import build_claim
from scrubber.claims.encounter import Encounters
from scrubber.claims.model import Claim, Diagnosis, Payer, Person, Provider, ServiceLine
from scrubber.claims.patients import patients_of
from scrubber.claims.reader import Reader
from scrubber.findings.dates import DateRange
from scrubber.io.source import open_source
from scrubber.testing import BILLING_NPI, RENDERING_NPI, to_837p
from scrubber.x12.values import parse_number


def _claims(shorthand: str, *changes: tuple[bytes, bytes]) -> list[Claim]:
    data = to_837p(shorthand)
    for old, new in changes:
        assert old in data
        data = data.replace(old, new)
    with open_source(data) as source:
        return [build_claim(raw) for raw in Reader(source)]


def test_the_rendering_provider_is_that_of_line_then_claim_then_billing() -> None:
    line, claim = _claims("37252 by=1234567893\n37253")[0].lines
    assert (line.rendering_provider.npi, claim.rendering_provider.npi) == ("1234567893", RENDERING_NPI)
    alone = _claims(f"claim by={BILLING_NPI}\n37252")[0]
    assert alone.rendering_provider is None
    assert alone.lines[0].rendering_provider.npi == BILLING_NPI


def test_other_providers_of_the_line_do_not_render_it() -> None:
    claim = _claims("37252 by=1234567893", (b"NM1*82*1*TESTDOCTOR*PAT", b"NM1*DQ*1*TESTDOCTOR*PAT"))[0]
    assert claim.lines[0].rendering_provider.npi == RENDERING_NPI


def test_the_place_of_service_is_that_of_line_then_claim() -> None:
    lines = _claims("claim pos=22\n37252 pos=11\n37253")[0].lines
    assert [line.place_of_service for line in lines] == ["11", "22"]


def test_the_patient_is_the_dependent_else_the_subscriber() -> None:
    subscriber, dependent = _claims("claim\n37252\nclaim dependent=KIM\n37252")
    assert subscriber.patient.first_name == "ANN"
    assert dependent.patient.first_name == "KIM"
    assert [patient.claims for patient in patients_of([subscriber, dependent])] == [[subscriber], [dependent]]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("patient=M1", "patient=m1", True),
        ("patient=M1", "patient=M2", False),
        ("patient=M1", "patient=M1 payer=OTHER", False),
        ("patient=M1 dependent=KIM", "patient=M1 dependent=kim", True),
        ("patient=M1 dependent=KIM", "patient=M1 dependent=LEE", False),
        ("patient=", "patient=", True),
        ("patient=' m1 '", "patient=M1", True),
        ("patient=", "patient= born=19510101", False),
        ("patient= payer=", "patient= payer= payer-name=OTHER", False),
        ("payer=abc", "payer=' ABC'", True),
        ("name=DOE,JANE", "name=doe,jane", True),
        ("name=O-NEIL,JANE", "name='O NEIL,JANE'", True),
        ("name=DOE,JANE", "name=DOE,JANE born=19510101", False),
        ("name=DOE,JANE", "name=ROE,JANE", False),
        ("name=DOE,JANE", "name=", True),
        ("born=none", "born=19510101", True),
    ],
)
def test_who_is_the_same_patient(one: str, other: str, same: bool) -> None:  # noqa: FBT001
    first, second = _claims(f"claim {one}\n37252\nclaim {other}\n37253")
    found = first.patient_key == second.patient_key and len(patients_of([first, second])) == 1
    assert found is same


@pytest.mark.parametrize(
    ("form", "text", "days"),
    [
        ("D8", "20240229", 1),
        ("RD8", "20240228-20240301", 3),
        ("RD8", "20240301-20240228", None),
        ("RD8", "20240301", None),
        ("RD8", "20240301-20240302-20240303", None),
        ("D8", "20230229", None),
        ("D8", "00000000", None),
        ("D8", "2024022", None),
        ("D8", "2024022\u0663", None),
        ("DT", "20240229", None),
        ("", "", None),
    ],
)
def test_dates_of_service(form: str, text: str, days: int | None) -> None:
    dates = DateRange.parse(form, text)
    assert (dates.days if dates else None) == days


def test_ranges_of_dates() -> None:
    first, second = DateRange(date(2024, 1, 1), date(2024, 1, 3)), DateRange(date(2024, 1, 3), date(2024, 1, 5))
    assert first.common(second) == DateRange(date(2024, 1, 3), date(2024, 1, 3))
    assert first.common(DateRange(date(2024, 1, 4), date(2024, 1, 4))) is None
    assert [day.day for day in first] == [1, 2, 3]
    assert date(2024, 1, 3) in first
    with pytest.raises(ValueError, match="ends before it begins"):
        DateRange(date(2024, 1, 2), date(2024, 1, 1))


@pytest.mark.parametrize(
    ("text", "number"),
    [("1", 1), ("1.50", Decimal("1.5")), (".5", Decimal("0.5")), ("-2", -2), ("1.", 1)]
    + [(text, None) for text in ("", "1E400", "NaN", "Infinity", "1,000", "\u0661", "1 000", "--1", "9" * 40)],
)
def test_numbers(text: str, number: Decimal | None) -> None:
    assert parse_number(text) == number


def test_diagnoses_are_those_the_pointers_name() -> None:
    codes = ",".join(f"I{n:03}" for n in range(12))
    claim = _claims(f"claim dx={codes}\n37252 dx=12,1,13\n37253 dx=none\n37253 dx=x,0,2")[0]
    assert len(claim.diagnoses) == 12
    named = [[diagnosis.code for diagnosis in line.diagnoses] for line in claim.lines]
    assert named == [["I011", "I000"], [], ["I001"]]


def test_a_line_is_read_as_it_stands() -> None:
    line = _claims("37252-lt-59-76-XS x2 id=L7 note='LEFT CIV' desc='A VESSEL' charge=12.50")[0].lines[0]
    assert line.modifiers == ("LT", "59", "76", "XS")
    assert (line.units, line.whole_units, line.charge) == (Decimal(2), 2, Decimal("12.50"))
    assert (line.control_number, line.description, line.notes[0].text) == ("L7", "A VESSEL", "LEFT CIV")
    assert line.assigned_number == "1"


def test_lines_without_lx_or_sv1_are_lines() -> None:
    assert [line.procedure for line in _claims("37238 drop=LX\n37252 drop=LX\n37253")[0].lines] == [
        "37238",
        "37252",
        "37253",
    ]
    assert [line.procedure for line in _claims("37238 drop=SV1\n37252")[0].lines] == ["", "37252"]


def test_other_coverage_and_its_decisions_are_carried() -> None:
    coverage = (
        b"SBR*S*18*******CI~CAS*CO*45*10**253*2~AMT*D*80~OI***Y***Y~NM1*IL*1*TESTPATIENT*ANN****MI*X1~"
        b"NM1*PR*2*OTHER PAYER*****PI*60054~LX*1~"
    )
    decision = b"SVD*60054*80*HC:37252**1**1~CAS*PR*1*20~DTP*573*D8*20240901~LX*2~"
    claim = _claims("37252\n37253", (b"LX*1~\n", coverage), (b"LX*2~\n", decision))[0]
    other = claim.other_subscribers[0]
    assert (other.payer.id, other.paid, other.adjustments) == ("60054", Decimal(80), ("CO-45", "CO-253"))
    decided = claim.lines[0].adjudications[0]
    assert (decided.payer_id, decided.procedure, decided.adjustments) == ("60054", "37252", ("PR-1",))
    assert [line.procedure for line in claim.lines] == ["37252", "37253"]
    assert claim.lines[0].rendering_provider.npi == RENDERING_NPI


def test_the_envelope_is_known_to_the_claim() -> None:
    transaction = _claims("37252")[0].transaction
    assert transaction.interchange_control_number == "000000101"
    assert (transaction.guide, transaction.reference) == ("005010X222A1", "BATCH0001")
    assert (transaction.submitter_id, transaction.receiver_id) == ("SUB0001", "SCRUB01")


def test_nothing_private_is_in_a_repr() -> None:
    claim = _claims(
        "claim SECRETNUMBER patient=SECRETID dependent=KIM note=SECRETNOTE\n37252 desc=SECRETTEXT id=SECRETLINE"
    )[0]
    shown = repr(claim) + repr(claim.lines[0]) + repr(claim.loop) + repr(claim.loop.segments if claim.loop else "")
    for secret in ("SECRET", "TESTPATIENT", "KIM", "TESTDOCTOR", "19500101", "123456789 "):
        assert secret not in shown


def _line(number: int, procedure: str, first: int, last: int | None = None, provider: str = "1") -> ServiceLine:
    dates = DateRange(date(2024, 8, first), date(2024, 8, last or first))
    return ServiceLine(number, procedure, service_dates=dates, line_rendering_provider=Provider(provider))


_KNOWN: dict[str, Any] = {
    "subscriber": Person("DOE", member_id="M1"),
    "payer": Payer("P"),
    "billing_provider": Provider("B"),
}


def _grouped(*claims: Claim) -> list[list[str]]:
    return [
        [line.procedure for line in encounter.lines]
        for encounter in Encounters([attrs.evolve(claim, **_KNOWN) for claim in claims])
    ]


def test_encounters_are_by_provider_and_connected_dates() -> None:
    claim = Claim("1", [_line(1, "A", 1), _line(2, "B", 1, provider="2"), _line(3, "C", 2, 4), _line(4, "D", 4, 5)])
    assert _grouped(claim) == [["A"], ["B"], ["C", "D"]]
    last = list(Encounters([claim]))[2]
    assert [line.procedure for line in last.elsewhere] == ["A", "B"]
    assert [line.procedure for line in last.on_days_of(last.lines[0])] == ["D"]


def test_encounters_span_claims_but_leave_out_void_and_undated() -> None:
    undated = ServiceLine(2, "X", line_rendering_provider=Provider("1"))
    claims = [
        Claim("1", [_line(1, "A", 1), undated], ordinal=1),
        Claim("2", [_line(1, "B", 1)], ordinal=2),
        Claim("3", [_line(1, "V", 1)], ordinal=3, frequency="8"),
    ]
    assert _grouped(*claims) == [["A", "B"]]


def test_a_replaced_original_is_judged_by_itself() -> None:
    claims = [
        Claim("1", [_line(1, "OLD", 1)], ordinal=1),
        Claim("1", [_line(1, "NEW", 1)], ordinal=2, frequency="7"),
        Claim("2", [_line(1, "OTHER", 1)], ordinal=3),
    ]
    assert _grouped(*claims) == [["OLD"], ["NEW", "OTHER"]]
    assert _grouped(*(attrs.evolve(claim, control_number="") for claim in claims)) == [["OLD", "NEW", "OTHER"]]


def test_a_line_belongs_to_one_claim() -> None:
    line = _line(1, "A", 1)
    with pytest.raises(ValueError, match="not part of a claim yet"):
        _ = line.claim
    claim = Claim("1", [line], diagnoses=(Diagnosis("ABK", "I871"),))
    other = attrs.evolve(claim, control_number="2", subscriber=Person("X"))
    assert line.claim is claim
    assert other.lines[0].claim is other
    assert other.lines[0].diagnoses == claim.lines[0].diagnoses
