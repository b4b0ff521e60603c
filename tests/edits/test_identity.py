"""Who a claim is for and from, what counts as a primary procedure, and what a void takes away: whole verdicts.

Each file of `fixtures/break` and `fixtures/field` named here is one example of a kind; its siblings follow it.
"""

from __future__ import annotations

import pytest

from scrubber.engine.judge import Engine
from scrubber.findings.finding import Severity
from scrubber.findings.report import ClaimReport
from scrubber.io.source import open_source
from scrubber.pipeline.file_scrub import FileScrub
from scrubber.testing import to_837p
from tests.support.paths import FIXTURES

_TOLD = {"X12216", "X12223", "IVUS106", "IVUS109"}
"""Codes that are no errors and are compared all the same."""

MEDICARE = "filing=MB"


def judged(data: bytes, engine: Engine) -> list[ClaimReport]:
    with open_source(data, "x") as source:
        return list(FileScrub(source, engine))


def verdict(data: bytes, engine: Engine) -> list[str]:
    """Return "CLM01:line CODE" for every error, and for what else is compared."""
    return sorted(
        f"{finding.claim}:{finding.line or 0} {finding.code}"
        for report in judged(data, engine)
        for finding in report.findings
        if finding.severity is Severity.ERROR or finding.code in _TOLD
    )


FILES = {
    "break/R09_two_nameless_patients": ["BAD:0 X12215", "BAD:1 IVUS101"],
    "break/R11_two_persons_one_member_id": ["BAD:0 X12216", "BAD:1 IVUS101"],
    "break/R12_no_provider_at_all": ["BAD:0 X12215", "BAD:1 IVUS101"],
    "break/R14_same_name_other_ref": ["BAD:2 IVUS103"],
    "break/R15_base_voided_in_file": ["B:0 X12220", "BAD:1 IVUS106"],
    "break/R17_base_in_other_code_set": ["BAD:2 IVUS101"],
    "break/R18_rd8_31_days_one_base": ["BAD:2 IVUS101"],
    "break/R26_claim_without_hl22_other_provider": ["BAD:0 X12215", "BAD:1 IVUS101"],
    "field/replacement_without_ref_f8": ["C1:0 X12222"],
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_was_judged_wrongly_once(name: str, default_engine: Engine) -> None:
    data = (FIXTURES / f"{name}.837").read_bytes()
    found = verdict(data, default_engine)
    assert [text for text in found if " X1212" not in text and " X12212" not in text] == FILES[name]


def test_a_commercial_payer_takes_the_void_that_medicare_refuses(default_engine: Engine) -> None:
    data = (FIXTURES / "break" / "R15_base_voided_in_file.837").read_bytes()
    data = data.replace(b"SBR*P*18*******MB", b"SBR*P*18*******CI")
    data = data.replace(b"11:B:8*Y*A*Y*Y~\n", b"11:B:8*Y*A*Y*Y~\nREF*F8*PAYER1~\n").replace(b"SE*36", b"SE*37")
    assert verdict(data, default_engine) == ["BAD:1 IVUS101"]
    assert [report.rejected for report in judged(data, default_engine)] == [False, True, False]


_TWO = "claim A {0}\n37238\nclaim B {1}\n37252"
_PAIR = "claim A {0}\n37238\n37252\nclaim B {1}\n37238\n37252"

# Settings of two claims of nobody, or of somebody; the primary procedure is on the first, the ultrasound on the second.
NOBODY = [
    ("patient= name= born=none", ["B:0 X12215", "B:1 IVUS101"]),
    ("patient= name=SMITH,JOE born=none", ["B:0 X12215", "B:1 IVUS101"]),
    ("patient= name= born=19400101", ["B:0 X12215", "B:1 IVUS101"]),
    ("patient=' ' name=' ' born=none", ["B:0 X12215", "B:1 IVUS101"]),
    ("patient=- name=. born=none", ["B:0 X12215", "B:1 IVUS101"]),
    ("patient= name=SMITH,JOE born=0", ["B:0 X12215", "B:1 IVUS101"]),
    ("patient= name=SMITH,JOE born=19400231", ["B:0 X12215", "B:1 IVUS101"]),
    ("payer= payer-name=", ["B:0 X12215", "B:1 IVUS101"]),
    ("payer=-- payer-name=' '", ["B:0 X12215", "B:1 IVUS101"]),
    ("dependent=KIM born=none", ["B:0 X12215", "B:1 IVUS101"]),
    ("dependent=' ' name=' '", ["B:0 X12215", "B:1 IVUS101"]),
    ("patient= dependent=KIM born=none", ["B:0 X12215", "B:1 IVUS101"]),
    ("patient= name=SMITH born=19400101", ["B:1 IVUS106"]),
    ("patient= name=,JOE born=19400101", ["B:1 IVUS106"]),
    ("name= born=none", ["B:1 IVUS106"]),
    ("payer=", ["B:1 IVUS106"]),
    ("patient= dependent=KIM", ["B:1 IVUS106"]),
]


@pytest.mark.parametrize(("settings", "expected"), NOBODY)
def test_nobody_is_never_everybody(settings: str, expected: list[str], default_engine: Engine) -> None:
    assert verdict(to_837p(_TWO.format(settings, settings)), default_engine) == expected


@pytest.mark.parametrize(("settings", "expected"), NOBODY)
def test_what_is_wrong_with_an_identity_is_seen_within_one_claim_too(
    settings: str, expected: list[str], default_engine: Engine
) -> None:
    found = verdict(to_837p(f"claim B {settings}\n37238\n37252"), default_engine)
    assert found == [text for text in expected if "X12215" in text]


_BILLING = "NM1*85*2*SYNTHETIC VASCULAR PC*****XX*1234567893"
_TAX = "REF*EI*123456789"
_RENDERING = "NM1*82*1*TESTDOCTOR*SAM****XX*1999999984"

# What replaces the billing provider's name, its tax number and the rendering provider.
PROVIDERS = [
    ("NM1*85*2", "REF*EI", _RENDERING, True),
    ("NM1*85*2******XX*", "REF*EI*", _RENDERING, True),
    ("NM1*85*2* *****XX* ", "REF*EI* ", _RENDERING, True),
    (_BILLING, _TAX, "NM1*82*1", True),
    (_BILLING, _TAX, "NM1*82*1******XX* ", True),
    (_BILLING, _TAX, "NM1*82*1*-*.", True),
    (_BILLING, _TAX, "NM1*82*1~REF*G2*-", True),
    ("NM1*87*2*OTHER", _TAX, "K3*X", True),
    ("NM1*85*2", "REF*EI*123456789", _RENDERING, False),
    ("NM1*85*2*CLINIC", "REF*EI", _RENDERING, False),
    (_BILLING, _TAX, "NM1*82*1~REF*G2*A1", False),
    (_BILLING, _TAX, "NM1*82*1*TESTDOCTOR", False),
    (_BILLING, _TAX, "NM1*82*1~REF*0B*A1", False),
    (_BILLING, _TAX, "NM1*82*1~REF*1G*A1", False),
    (_BILLING, _TAX, "NM1*82*1~REF*LU*A1", False),
]


@pytest.mark.parametrize(("billing", "tax", "rendering", "is_nobody"), PROVIDERS)
def test_a_provider_without_identity_is_nobody(
    billing: str,
    tax: str,
    rendering: str,
    is_nobody: bool,  # noqa: FBT001
    default_engine: Engine,
) -> None:
    for form, accepted in ((_TWO, ["B:1 IVUS106"]), ("claim B\n37238\n37252", [])):
        text = to_837p(form.format("", "")).decode()
        text = text.replace(_BILLING, billing).replace(_TAX, tax).replace(_RENDERING, rendering)
        found = [one for one in verdict(text.encode(), default_engine) if one[2:] in {"0 X12215", "1 IVUS101"}]
        rejected = ["B:0 X12215", *["B:1 IVUS101"] * bool(accepted)]
        assert found == (rejected if is_nobody else []), form


# Two claims of one member identifier: who they are of, what is found where the second lacks its primary procedure, and
# where both are correct.
PERSONS = [
    ("name=SMITH,JOE born=19400101", "name=JONES,AMY born=19900101", ["B:0 X12216", "B:1 IVUS101"], True),
    ("name=SMITH,JOE", "name=SMITH,JOSEPH", ["B:0 X12216", "B:1 IVUS101"], True),
    ("name=SMITH,AMY", "name=JONES,AMY", ["B:0 X12216", "B:1 IVUS101"], True),
    ("born=19400101", "born=19410101", ["B:0 X12216", "B:1 IVUS101"], True),
    ("patient=999999999 name=A,B born=19400101", "patient=999999999 name=C,D born=19500101", None, True),
    ("dependent=KIM born=20100101", "dependent=KIM born=20110101", ["B:0 X12216", "B:1 IVUS101"], True),
    ("patient=1EG4TE5MK73 filing=CI name=A,B", "patient=1EG4TE5MK73 filing=CI name=C,B", None, True),
    ("patient=0EG4TE5MK73 name=A,B", "patient=0EG4TE5MK73 name=C,B", None, True),
    ("patient=1SG4TE5MK73 name=A,B", "patient=1SG4TE5MK73 name=C,B", None, True),
    ("patient=1EG4TE5MK7 name=A,B", "patient=1EG4TE5MK7 name=C,B", None, True),
    ("patient=1eg4te5mk73 name=A,B", "patient='1EG4TE5MK73 ' name=C,B", ["B:0 X12216", "B:1 IVUS106"], False),
    ("patient=1EG4TE5MK73 filing=16 born=19400101", "patient=1EG4TE5MK73 filing=16", None, False),
    ("patient=1EG4TE5MK73 filing=MA name=A,B", "patient=1EG4TE5MK73 filing=MA name=C,D born=19990101", None, False),
    ("dependent=KIM", "dependent=LEE", ["B:1 IVUS101"], True),
    ("", "dependent=LEE", ["B:1 IVUS101"], True),
    ("name=SMITH,JOE", "name=smith,joe", ["B:1 IVUS106"], False),
    ("name=SMITH-JONES,JOE", "name='SMITH JONES,JOE'", ["B:1 IVUS106"], False),
    ("name=SMITH,JOE", "name=", ["B:1 IVUS106"], False),
    ("born=none", "born=19400101", ["B:1 IVUS106"], False),
]


@pytest.mark.parametrize(("one", "other", "expected", "apart"), PERSONS)
def test_one_member_identifier_and_two_persons(
    one: str,
    other: str,
    expected: list[str] | None,
    apart: bool,  # noqa: FBT001
    default_engine: Engine,
) -> None:
    if expected is None:
        expected = ["B:0 X12216", "B:1 IVUS101" if apart else "B:1 IVUS106"]
    assert verdict(to_837p(_TWO.format(one, other)), default_engine) == expected
    both = verdict(to_837p(_PAIR.format(one, other)), default_engine)
    assert ({text.split()[1] for text in both} <= {"X12216"}) is apart


def test_a_claim_that_may_be_of_several_persons_is_judged_apart(default_engine: Engine) -> None:
    shorthand = f"{_TWO.format('name=SMITH,JOE', 'name=JONES,AMY born=19900101')}\nclaim C name= born=none\n37252"
    found = verdict(to_837p(shorthand), default_engine)
    assert found == ["B:0 X12216", "B:1 IVUS101", "C:0 X12216", "C:1 IVUS101"]


_VOIDED = "claim A filing=CI {0}\n37238\nclaim B filing=CI\n37252\nclaim {1} filing=CI {2}\n37238{3}"

VOIDS = [
    ("", "A", "freq=8 f8=P1", "", ["B:1 IVUS101"]),
    ("", "a", "freq=8 f8=P1", "", ["B:1 IVUS101"]),
    ("", "C", "freq=8 f8=P1", "", ["B:1 IVUS101", "C:0 X12223"]),
    ("freq=7 f8=P1", "C", "freq=8 f8=P1", "", ["B:1 IVUS101"]),
    ("freq=7 f8=P1", "C", "freq=8 f8=' p1 '", "", ["B:1 IVUS101"]),
    ("", "A", "freq=8 f8=P1 filing=16", "", ["B:1 IVUS101"]),
    ("", "A", "freq=8", "", ["A:0 X12222", "B:1 IVUS106"]),
    ("", "A", "freq=8 f8=P1 filing=MB", "", ["A:0 X12220", "B:1 IVUS106"]),
    ("", "A", "freq=8 f8=P1", " charge=99", ["A:0 X12223", "B:1 IVUS106"]),
    ("", "A", "freq=8 f8=P1", " x2", ["A:0 X12223", "B:1 IVUS106"]),
    ("", "A", "freq=8 f8=P1", "\n36012", ["A:0 X12223", "B:1 IVUS106"]),
    ("", "A", "freq=8 f8=P1", " on=20240806", ["A:0 X12223", "B:1 IVUS106"]),
    ("", "A", "freq=8 f8=P1 patient=M2", "", ["A:0 X12223", "B:1 IVUS106"]),
    ("", "C", "freq=8 f8=P1 billing=1245319599", "", ["B:1 IVUS106", "C:0 X12223"]),
    ("", "A", "freq=8 f8=P1 born=19600606", "", ["A:0 X12223", "B:0 X12216", "B:1 IVUS106"]),
    ("", "A", "freq=8 f8=P1 payer=OTHER", "", ["A:0 X12223", "B:1 IVUS106"]),
]


@pytest.mark.parametrize(("original", "number", "settings", "rest", "expected"), VOIDS)
def test_a_void_takes_away_an_earlier_claim_with_equal_lines_and_charges(
    original: str, number: str, settings: str, rest: str, expected: list[str], default_engine: Engine
) -> None:
    data = to_837p(_VOIDED.format(original, number, settings, rest))
    if number == "a":
        expected = sorted(expected)
    assert verdict(data, default_engine) == expected


def test_cancel_and_rebill_leaves_the_new_claim(default_engine: Engine) -> None:
    shorthand = "claim A filing=CI freq=8 f8=P1\n37238\n37252\nclaim A filing=CI\n37238\n37252"
    assert verdict(to_837p(shorthand), default_engine) == ["A:0 X12223"]


def test_a_void_takes_away_one_of_two_equal_claims(default_engine: Engine) -> None:
    claims = "claim A filing=CI\n37238\n37252\n"
    void = "claim A filing=CI freq=8 f8=P1\n37238\n37252\n"
    assert verdict(to_837p(claims + claims + void), default_engine) == ["A:0 X12224"]
    assert verdict(to_837p(claims + void + void), default_engine) == ["A:0 X12223"]


def test_a_replacement_that_is_rejected_replaces_nothing(default_engine: Engine) -> None:
    claims = "claim A {0}\n37238\n37252\nclaim A {0} freq=7 {1}\n37238\n37252"
    assert verdict(to_837p(claims.format("filing=CI", "f8=P1")), default_engine) == []
    assert verdict(to_837p(claims.format("filing=CI", "")), default_engine) == ["A:0 X12222"]
    rejected = judged(to_837p(claims.format("", "f8=P1")), default_engine)
    assert [report.rejected for report in rejected] == [False, True]


PRIMARY = [
    ("37238 set=IV", ["B:2 IVUS101"]),
    ("37238 set=WK", ["B:2 IVUS101"]),
    ("37238 set=ZZ", ["B:2 IVUS101"]),
    ("37238 set=ER", ["B:2 IVUS101"]),
    ("37238 set=hp", ["B:2 IVUS101"]),
    ("37238 x0", ["B:2 IVUS101"]),
    ("37238 x0.5", ["B:2 IVUS101"]),
    ("37238 x1.5", ["B:2 IVUS101"]),
    ("37238 x30 unit=MJ", ["B:2 IVUS101"]),
    ("37238 unit=F2", ["B:2 IVUS101"]),
    ("37238 x-1", ["B:1 X12206", "B:2 IVUS101"]),
    ("37238 charge=0", ["B:2 IVUS109"]),
    ("37238 charge=0.00", ["B:2 IVUS109"]),
    ("37238 set=hc", []),
    ("37238 set=", ["B:2 IVUS109"]),
    ("37238 x1.0", []),
    ("37238 x2", []),
]


@pytest.mark.parametrize(("primary", "expected"), PRIMARY)
def test_what_counts_as_a_primary_procedure(primary: str, expected: list[str], default_engine: Engine) -> None:
    found = verdict(to_837p(f"claim B\n{primary}\n37252"), default_engine)
    assert [text for text in found if "X12204" not in text and "X12214" not in text] == expected


@pytest.mark.parametrize(
    ("code", "contract", "expected"),
    [("CH", "", ["B:2 IVUS109"]), ("RP", "", []), ("CH", "05", []), ("CH", "02", ["B:2 IVUS109"]), ("31", "", None)],
)
def test_a_charge_of_zero(code: str, contract: str, expected: list[str] | None, default_engine: Engine) -> None:
    data = to_837p(f"claim B contract={contract}\n37238 charge=0\n37252").replace(
        b"*0900*CH~", f"*0900*{code}~".encode()
    )
    assert verdict(data, default_engine) == (["B:2 IVUS109"] if expected is None else expected)
    assert verdict(data.replace(b"HC:37238", b"HC:99024"), default_engine) == ["B:2 IVUS101"]


SPANS = [
    ("37252 x31 on=20240801-20240831", "37238 on=20240805", True),
    ("37252 x31 on=20240801-20240831", "37238 x31 on=20240801-20240831", False),
    ("37252 x31 on=20240801-20240831", "37238 on=20240801-20240831", True),
    ("37252 x31 on=20240801-20240831", "37238 x15 on=20240801-20240815\n37238 x16 on=20240816-20240831", False),
    ("37252 x31 on=20240801-20240831", "37238 x15 on=20240801-20240815\n37238 x15 on=20240817-20240831", True),
    ("37252 x31 on=20240801-20240831", "37238 x31 on=20240801\n37238 on=20240801-20240831", True),
    ("37252 x2 on=20240805-20240806", "37238 on=20240805", True),
    ("37252 x2 on=20240805-20240806", "37238 on=20240805\n37238 on=20240806", False),
    ("37252 x2 on=20240805-20240806", "37238 on=20240805\n75710 on=20240806", False),
    ("37252 x1 on=20240805-20240806", "37238 on=20240805-20240806", False),
    ("37252 x1 on=20240805-20240806", "37238 on=20240806", True),
    ("37252 on=20240805", "37238 on=20240801-20240831", False),
    ("37252 x4 on=20251230-20260102", "37221 x4 on=20251230-20260102", True),
    ("37252 x4 on=20251230-20260102", "37221 x2 on=20251230-20251231\n37254 x2 on=20260101-20260102", False),
    ("37252 x2 on=20240805-20240806", "37238 x2 on=20240805-20240806 set=IV", True),
]


@pytest.mark.parametrize(("ultrasound", "primary", "rejected"), SPANS)
def test_each_day_of_a_span_needs_its_own_primary_procedure(
    ultrasound: str,
    primary: str,
    rejected: bool,  # noqa: FBT001
    default_engine: Engine,
) -> None:
    codes = {text.split()[1] for text in verdict(to_837p(f"{ultrasound}\n{primary}"), default_engine)}
    assert bool(codes & {"IVUS101", "IVUS105"}) is rejected


def test_the_message_names_the_days_without_primary_procedure(default_engine: Engine) -> None:
    (report,) = judged(to_837p("37252 x3 on=20240805-20240807\n37238 on=20240806"), default_engine)
    message = next(finding.message for finding in report.findings if finding.code == "IVUS101")
    assert "is billed for 2024-08-05, 2024-08-07 of 2024-08-05 to 2024-08-07" in message


BILLERS = [
    ("", "billing=1245319599", "has a different billing provider than 37252"),
    ("", "taxonomy=261QA1903X", "billed by the surgeon, and 37252 by the ambulatory surgical center"),
    ("taxonomy=261qa1903x", "", "billed by the ambulatory surgical center, and 37252 by the surgeon"),
    (
        *("taxonomy=261QA1903X", "taxonomy=208600000X"),
        "billed by the ambulatory surgical center, and 37252 by the surgeon",
    ),
    ("by=1234567893", "", "has a different rendering provider than 37252"),
    ("by=1234567893", "billing=1245319599", "has a different rendering and billing provider than 37252"),
    ("taxonomy=208600000X", "taxonomy=2086S0129X", None),
    ("", "taxonomy=208600000X", None),
    ("taxonomy=261QA1903X", "taxonomy=261QA1903X", None),
]


@pytest.mark.parametrize(("one", "other", "told"), BILLERS)
def test_billing_providers_are_of_the_encounter(one: str, other: str, told: str | None, default_engine: Engine) -> None:
    reports = judged(to_837p(_TWO.format(one, other)), default_engine)
    messages = [finding.message for finding in reports[1].findings if finding.code == "IVUS103"]
    assert [told is not None and told in message for message in messages] == ([True] if told else [])
    both = verdict(to_837p(_PAIR.format(one, other)), default_engine)
    assert (both == []) is (told is not None)


def test_a_name_with_other_identifiers_is_another_provider(default_engine: Engine) -> None:
    for first, second, same in (
        ("REF*G2*A1", "REF*G2*B2", False),
        ("REF*0B*A1", "REF*0B*B2", False),
        ("REF*LU*A1", "REF*LU*B2", False),
        ("REF*1G*A1", "REF*G2*A1", False),
        ("REF*G2*A1", "K3*X", False),
        ("REF*G2*A1", "REF*G2* a1 ", True),
    ):
        text = to_837p("claim B\n37238 by=7\n37252 by=8").decode()
        for npi, reference in (("7", first), ("8", second)):
            text = text.replace(f"NM1*82*1*TESTDOCTOR*PAT****XX*{npi}", f"NM1*82*1*TESTDOCTOR*PAT~{reference}")
        found = [one for one in verdict(text.encode(), default_engine) if "IVUS" in one]
        assert found == ([] if same else ["B:2 IVUS103"]), (first, second)
