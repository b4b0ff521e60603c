"""Claims of hosts: the same verdict as on the file, errors by name and place, nothing taken for granted."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

import attrs
import pytest

import scrubber
from scrubber import (
    AdapterError,
    Claim,
    Finding,
    Location,
    ServiceLine,
    claim_from_mapping,
    claims_from_databricks,
    claims_from_pyx12,
)
from scrubber.api import make_engine
from scrubber.claims.model import Note, Payer, Person, Provider
from scrubber.claims.patients import single_identity
from scrubber.testing import to_837p
from tests.support.databricks_shape import to_databricks
from tests.support.oracle import pyx12_nodes
from tests.support.paths import FIXTURES, ROOT

SETTINGS = scrubber.load_settings(discover=False)
ENGINE = make_engine(SETTINGS)
WEEK = FIXTURES / "claims" / "office_week.837"
RECORDED = FIXTURES / "hosts" / "office_week.databricks.json"
CORPUS = ROOT.parent / "shared" / "corpus"
CASES = {
    path.stem: [case["claim"] for case in tomllib.loads(path.read_text(encoding="utf-8"))["case"]]
    for path in sorted((FIXTURES / "cases").glob("*.toml"))
}
SHORTHANDS = [claim for claims in CASES.values() for claim in claims]


def _findings(claims: Iterable[Claim]) -> list[Finding]:
    """Judge the claims, and leave out where the findings are in a file."""
    groups: dict[tuple[str, ...], list[Claim]] = {}
    for claim in claims:
        groups.setdefault(claim.patient_key, []).append(claim)
    found = [finding for group in groups.values() for report in ENGINE.judge(group) for finding in report.findings]
    return [
        _unplaced(finding) for finding in sorted(found, key=lambda finding: (finding.claim_ordinal, finding.line or 0))
    ]


def _unplaced(finding: Finding) -> Finding:
    assert finding.location is not None
    related = [attrs.evolve(each, location=_without_bytes(each.location)) for each in finding.related]
    return attrs.evolve(finding, location=_without_bytes(finding.location), related=related)


def _without_bytes(location: Location | None) -> Location | None:
    return location and attrs.evolve(location, ordinal=None, offset=None, length=None)


def _parsed(data: bytes) -> list[Claim]:
    return list(scrubber.iter_claims(data))


# -- dictionaries ---------------------------------------------------------------------------------------------------


def _to_mapping(claim: Claim) -> dict[str, Any]:
    return {
        "control_number": claim.control_number,
        "charge": claim.charge_text,
        "place_of_service": claim.place_of_service,
        "frequency": claim.frequency,
        "diagnoses": [diagnosis.code for diagnosis in claim.diagnoses],
        "billing_provider": _provider(claim.billing_provider),
        "rendering_provider": _provider(claim.rendering_provider),
        "subscriber": _person(claim.subscriber),
        "dependent": _person(claim.dependent) if claim.dependent else None,
        "payer": attrs.asdict(claim.payer),
        "notes": _notes(claim.notes),
        "clearinghouse_id": claim.clearinghouse_id,
        "original_reference": claim.original_reference,
        "responsibility": claim.responsibility,
        "filing_indicator": claim.filing_indicator,
        "contract_type": claim.contract_type,
        "transaction_type": claim.transaction.transaction_type,
        "lines": [_line(line) for line in claim.lines],
    }


def _line(line: ServiceLine) -> dict[str, Any]:
    dates = line.service_dates
    return {
        "procedure": line.procedure,
        "procedure_qualifier": line.procedure_qualifier,
        "modifiers": list(line.modifiers),
        "description": line.description,
        "charge": line.charge_text,
        "units": line.units_text,
        "unit_basis": line.unit_basis,
        "place_of_service": line.line_place_of_service,
        "diagnosis_pointers": list(line.pointers),
        "service_from": dates.first.isoformat() if dates else None,
        "service_to": dates.last.isoformat() if dates else None,
        "rendering_provider": _provider(line.line_rendering_provider),
        "control_number": line.control_number,
        "contract_type": line.line_contract_type,
        "notes": _notes(line.notes),
    }


def _provider(provider: Provider | None) -> dict[str, Any] | None:
    if provider is None:
        return None
    values = attrs.asdict(provider, filter=lambda field, _: field.name not in {"contradicted", "entity"})
    if provider.id_qualifier == "XX":
        del values["id_qualifier"]
        values["npi"] = values.pop("id")
    return values


def _person(person: Person) -> dict[str, str]:
    return attrs.asdict(person)


def _notes(notes: Iterable[Note]) -> list[dict[str, str]]:
    return [attrs.asdict(note) for note in notes]


def _is_whole(claim: Claim) -> bool:
    """Whether every line has its LX and SV1: a line without is a matter of files."""
    return all(line.loop and line.loop.find("LX") and line.loop.find("SV1") for line in claim.lines)


def test_a_claim_taken_through_json_is_judged_as_before() -> None:
    compared = 0
    for data in (WEEK.read_bytes(), *map(to_837p, SHORTHANDS[::2])):
        claims = [claim for claim in _parsed(data) if _is_whole(claim)]
        written = json.loads(json.dumps([_to_mapping(claim) for claim in claims]))
        again = [claim_from_mapping(entry, claim.ordinal) for claim, entry in zip(claims, written, strict=True)]
        expected = _findings(claims)
        if any("::" in line.loop.find("SV1").get(1) for claim in claims for line in claim.lines):  # type: ignore[union-attr]
            # A list has no empty modifiers, so the others move up: SV101-3 instead of SV101-4.
            expected = [attrs.evolve(finding, location=None) for finding in expected]
            assert [attrs.evolve(finding, location=None) for finding in _findings(again)] == expected
        else:
            assert _findings(again) == expected
        compared += len(expected)
    assert compared > 500


SMALL: dict[str, Any] = {
    "control_number": "H1",
    "charge": "2400.00",
    "place_of_service": "11",
    "frequency": "1",
    "diagnoses": ["I87.1"],
    "billing_provider": {"npi": "1234567893"},
    "subscriber": {"member_id": "M1"},
    "payer": {"id": "12502"},
    "lines": [
        {
            "procedure": "37252",
            "charge": "2400.00",
            "units": "1",
            "service_from": "2024-08-05",
            "diagnosis_pointers": [1],
        }
    ],
}


def _changed(**changes: Any) -> dict[str, Any]:
    return SMALL | changes


def _line_changed(**changes: Any) -> dict[str, Any]:
    return SMALL | {"lines": [SMALL["lines"][0] | changes]}


def _codes(data: dict[str, Any]) -> set[str]:
    return {finding.code for finding in scrubber.check_claim(claim_from_mapping(data), SETTINGS)}


def test_python_values_are_read_like_text() -> None:
    line = {"units": 1, "charge": Decimal("2400.00"), "service_from": date(2024, 8, 5), "modifiers": ["lt", ""]}
    claim = claim_from_mapping(_line_changed(**line))
    assert claim.lines[0].whole_units == 1
    assert claim.lines[0].charge == Decimal("2400.00")
    assert str(claim.lines[0].service_dates) == "2024-08-05"
    assert claim.lines[0].modifiers == ("LT",)
    assert [diagnosis.code for diagnosis in claim.lines[0].diagnoses] == ["I871"]


class Code(str, Enum):  # noqa: UP042 - an older host's
    LEFT = "LT"
    STENT = "37238"


class Count(int, Enum):
    ONE = 1


def test_members_of_an_enum_are_read_as_their_values() -> None:
    line = {"modifiers": [Code.LEFT], "procedure": Code.STENT, "units": Count.ONE, "diagnosis_pointers": [Count.ONE]}
    claim = claim_from_mapping(_line_changed(**line) | {"control_number": Code.LEFT})
    assert f"{claim.control_number} {claim.lines[0].procedure} {claim.lines[0].modifiers}" == "LT 37238 ('LT',)"
    assert (claim.lines[0].units_text, claim.lines[0].pointers) == ("1", ("1",))


def test_objects_whose_fields_bear_the_names_of_the_keys_need_no_adapter() -> None:
    kinds = {
        name: attrs.make_class(name.title(), list(SMALL[name])) for name in ("billing_provider", "subscriber", "payer")
    }
    line = attrs.make_class("Line", list(SMALL["lines"][0]))
    host = attrs.make_class("HostClaim", list(SMALL))
    given = SMALL | {name: kind(**SMALL[name]) for name, kind in kinds.items()}
    given["lines"] = [line(**SMALL["lines"][0] | {"service_from": date(2024, 8, 5)})]
    assert _findings([claim_from_mapping(attrs.asdict(host(**given)))]) == _findings([claim_from_mapping(SMALL)])


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (_line_changed(service_from=None), "X12207"),
        (_line_changed(service_from="2024-02-31"), "X12207"),
        (_line_changed(service_from="08/05/2024"), "X12207"),
        (_line_changed(service_to="2024-08-04"), "X12207"),
        (_line_changed(units=None), "X12206"),
        (_line_changed(units="two"), "X12206"),
        (_line_changed(units=10**5000), "X12206"),
        (_line_changed(charge=Decimal("1E+999999999999")), "X12205"),
        (_line_changed(charge=Decimal("NaN")), "X12205"),
        (_line_changed(diagnosis_pointers=[10**5000]), "IVUS501"),
        (_line_changed(charge=None), "X12205"),
        (_line_changed(procedure=None), "X12204"),
        (_line_changed(diagnosis_pointers=None), "IVUS501"),
        (_changed(diagnoses=None), "IVUS501"),
        (_changed(lines=None), "X12201"),
        (_changed(charge=None), "X12205"),
        (_changed(control_number=None), "X12211"),
        (_changed(frequency=None), "IVUS101"),
        (_changed(frequency=None), "X12220"),
        (_changed(subscriber={"sex": "F"}), "X12215"),
        (_changed(subscriber={"last_name": "DOE", "first_name": "JANE"}), "X12215"),
        (_changed(dependent={"sex": "F"}), "X12215"),
        (_changed(dependent={"first_name": "KIM", "birth_date": "unknown"}), "X12215"),
        (_changed(payer={"id": " ", "name": "-"}), "X12215"),
        (_changed(rendering_provider={"taxonomy": "T"}), "X12215"),
        (_changed(billing_provider={"entity_type": "2"}), "X12215"),
    ],
)
def test_what_is_missing_or_unreadable_is_a_finding(data: dict[str, Any], code: str) -> None:
    assert code in _codes(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (_changed(charges="1"), r"claim: unknown key 'charges'; known are billing_provider, charge,"),
        (_line_changed(code="37252"), r"claim\.lines\[0\]: unknown key 'code'"),
        (_changed(payer={"id": "1", "plan": "x"}), r"claim\.payer: unknown key 'plan'"),
        (_changed(notes=[{"txt": ""}]), r"claim\.notes\[0\]: unknown key 'txt'"),
        (_line_changed(charge=2400.0), r"claim\.lines\[0\]\.charge: must be decimal text, .*, not float"),
        (_line_changed(units=True), r"claim\.lines\[0\]\.units: must be .*, not bool"),
        (_line_changed(modifiers="LT"), r"claim\.lines\[0\]\.modifiers: must be a list, not str"),
        (_line_changed(modifiers=[1.5]), r"claim\.lines\[0\]\.modifiers\[0\]: must be text, not float"),
        (_line_changed(service_from=20240805), r"claim\.lines\[0\]\.service_from: must be an ISO date, not int"),
        (_changed(control_number=7), r"claim\.control_number: must be text, not int"),
        (_changed(lines={}), r"claim\.lines: must be a list, not dict"),
        (_changed(lines=[3]), r"claim\.lines\[0\]: must be a dictionary, not int"),
        (_changed(billing_provider=None), r"claim: billing_provider is missing"),
        (_changed(subscriber=None), r"claim: subscriber is missing"),
        (_changed(payer=None), r"claim: payer is missing"),
        (_changed(billing_provider={"npi": "1", "id": "2"}), r"claim\.billing_provider: give npi, or id"),
        ([], r"claim: must be a dictionary, not list"),
    ],
)
def test_a_wrong_dictionary_is_named_by_key_and_place(data: Any, message: str) -> None:
    with pytest.raises(AdapterError, match=message):
        claim_from_mapping(data)


# -- pyx12 ----------------------------------------------------------------------------------------------------------

CORPUS_FILES = [
    pytest.param(path, id=path.name)
    for path in (sorted(CORPUS.iterdir()) if CORPUS.is_dir() else [])
    if path.stat().st_size < 50_000 and b"005010X222A1" in path.read_bytes()
]


@pytest.mark.parametrize("path", [WEEK, *CORPUS_FILES])
def test_nodes_of_pyx12_are_judged_like_the_file(path: Path) -> None:
    data = path.read_bytes()
    try:
        claims = list(claims_from_pyx12(pyx12_nodes(data)))
    except scrubber.ScrubberError:
        pytest.skip("pyx12 gives this file up")
    assert _findings(claims) == _findings(_parsed(data))
    for claim in claims:
        assert claim.locate("CLM01") == scrubber.Location("2300", "CLM", "CLM01")


def test_the_cases_are_judged_alike_through_pyx12() -> None:
    compared = 0
    for claims in CASES.values():
        data = to_837p(
            "\n".join(text if text.lstrip().startswith("claim") else f"claim\n{text}" for text in claims[:4])
        )
        try:
            found = list(claims_from_pyx12(pyx12_nodes(data)))
        except AdapterError:
            continue  # pyx12 raises a ValueError on some faults
        assert _findings(found) == _findings(_parsed(data))
        compared += 1
    assert compared >= len(CASES) * 0.9


def test_what_pyx12_does_not_give_is_an_error() -> None:
    data = to_837p("claim A\n37252\nclaim B patient=M2\n37252")
    cut = claims_from_pyx12(node for node in pyx12_nodes(data) if node.id not in {"SE", "GE", "IEA"})
    assert [next(cut).control_number, next(cut).control_number] == ["A", "B"]
    with pytest.raises(scrubber.UnreadableError, match="it is truncated"):
        next(cut)
    with pytest.raises(scrubber.UnreadableError, match="pyx12 nodes"):
        list(claims_from_pyx12([]))
    with pytest.raises(AdapterError, match=r"gave up behind node 0 \(AttributeError\)"):
        list(claims_from_pyx12(["CLM"]))  # type: ignore[list-item]


def test_an_error_of_pyx12_is_told_without_its_words() -> None:
    def broken() -> Any:
        yield from list(pyx12_nodes(to_837p("37252")))[:5]
        raise RuntimeError("NM1*IL*1*TESTPATIENT")

    with pytest.raises(AdapterError) as caught:
        list(claims_from_pyx12(broken()))
    assert str(caught.value) == "pyx12 nodes: pyx12 gave up behind node 5 (RuntimeError)"
    assert caught.value.__suppress_context__


# -- databricks -----------------------------------------------------------------------------------------------------


def test_the_recorded_dictionaries_are_of_the_sample(request: pytest.FixtureRequest) -> None:
    made = json.dumps(to_databricks(WEEK.read_bytes()), indent=1) + "\n"
    if request.config.getoption("--update-expected"):
        RECORDED.write_text(made, encoding="utf-8")
    assert RECORDED.read_text(encoding="utf-8") == made


def test_the_real_package_gives_those_dictionaries() -> None:
    edi = pytest.importorskip("databricksx12", reason="x12-edi-parser is on no package index")
    healthcare = pytest.importorskip("databricksx12.hls.healthcare")
    manager = healthcare.HealthcareManager
    given = [claim.to_json() for claim in manager.from_edi(edi.EDI(WEEK.read_text(encoding="latin-1")))]
    expected = _findings(_recorded())
    assert _findings(claims_from_databricks(given, one_rendering_provider=True)) == expected


def _recorded() -> list[Claim]:
    documents = json.loads(RECORDED.read_text(encoding="utf-8"))
    return list(claims_from_databricks(documents, one_rendering_provider=True))


def _comparable(claims: Iterable[Claim]) -> list[tuple[str, int | None, int | None, str]]:
    # They ask for what the dictionaries leave out: notes and descriptions, SBR09, and the billing provider's taxonomy.
    blind = {"IVUS502", "IVUS503", "IVUS602", "X12220", "X12221", "X12222", "X12223", "X12225"}
    return [(f.code, f.claim_ordinal, f.line, f.message) for f in _findings(claims) if f.code not in blind]


def _of_one_provider(claim: Claim) -> Claim:
    return attrs.evolve(claim, lines=[attrs.evolve(line, line_rendering_provider=None) for line in claim.lines])


def test_the_recorded_dictionaries_are_judged_like_the_file() -> None:
    claims = [_of_one_provider(claim) for claim in _parsed(WEEK.read_bytes())]
    assert _comparable(_recorded()) == _comparable(claims)


def test_the_cases_are_judged_alike_through_dictionaries() -> None:
    compared = 0
    for data in map(to_837p, SHORTHANDS[1::2]):
        claims = _parsed(data)
        # Whether a Medicare Beneficiary Identifier makes one patient of two, SBR09 tells, and whether one billing
        # provider is two, its taxonomy; they leave both out.
        centers = {claim.billing_provider.is_surgery_center for claim in claims}
        if all(map(_is_whole, claims)) and all(map(single_identity, claims)) and len(centers) == 1:
            given = claims_from_databricks(to_databricks(data), one_rendering_provider=True)
            assert _comparable(given) == _comparable(map(_of_one_provider, claims))
            compared += 1
    assert compared > 500


def test_a_document_of_several_groups_is_walked() -> None:
    claims = to_databricks(to_837p("claim A dependent=JOE\n37252\nclaim B patient=M2 freq=7\n37252-LT-59"))
    document = {"EDI.control_number": "1", "FunctionalGroup": [{"Transactions": [{"Claims": [c]}]} for c in claims]}
    first, second = claims_from_databricks(document, one_rendering_provider=True)
    assert (first.ordinal, second.ordinal) == (1, 2)
    assert first.dependent is not None
    assert second.dependent is None
    assert (second.frequency, second.lines[0].modifiers) == ("7", ("LT", "59"))
    assert first.payer == Payer("12502", "SYNTHETIC PAYER")


def test_a_separator_of_the_file_is_no_matter() -> None:
    given = json.loads(json.dumps(to_databricks(to_837p("37252 dx=1,2"))).replace("11:B:1", "11>B>1"))
    given[0]["claim_lines"][0]["dg_cd_pntr"] = "1>2"
    (claim,) = claims_from_databricks(given, one_rendering_provider=True)
    assert (claim.place_of_service, claim.frequency, claim.lines[0].pointers) == ("11", "1", ("1", "2"))


def _without(path: str, **changes: Any) -> dict[str, Any]:
    claim: dict[str, Any] = to_databricks(to_837p("37252"))[0]
    place: Any = claim
    *parents, last = path.split(".")
    for parent in parents:
        place = place[int(parent)] if parent.isdigit() else place[parent]
    del place[last]
    return claim | changes


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"error": "Failed to parse EDI", "edi_preview": "NM1*IL*1*DOE"}, "^document 1: x12-edi-parser could not read"),
        ({"FunctionalGroup": []}, "document 1: holds no claim"),
        (_without("claim_header"), "document 1: claim_header is missing"),
        (_without("claim_lines"), "document 1: claim_lines is missing"),
        (_without("diagnosis"), "document 1: diagnosis is missing"),
        (_without("patient"), "document 1: patient is missing"),
        (_without("payer"), "document 1: payer is missing"),
        (_without("providers.billing"), r"document 1\.providers: billing is missing"),
        (_without("claim_lines", claim_lines=[{"revenue_cd": "0360"}]), r"claim_lines\[0\]: is a line of an inst"),
        (_without("claim_lines", claim_lines="x"), "claim_lines: must be a list, not str"),
    ],
)
def test_a_dictionary_of_another_kind_is_refused(document: dict[str, Any], message: str) -> None:
    with pytest.raises(AdapterError, match=message) as caught:
        list(claims_from_databricks(document, one_rendering_provider=True))
    assert "DOE" not in str(caught.value)


def test_unknown_rendering_providers_are_refused_before_anything_is_judged() -> None:
    with pytest.raises(AdapterError, match="2420A"):
        claims_from_databricks(to_databricks(to_837p("37252")))


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("claim_lines.0.service_dates", "X12207"),
        ("claim_lines.0.units", "X12206"),
        ("claim_lines.0.line_chrg_amt", "X12205"),
        ("claim_lines.0.prcdr_cd", "X12204"),
        ("claim_lines.0.dg_cd_pntr", "IVUS501"),
        ("diagnosis.principal_dx_cd", "IVUS501"),
        ("claim_header.claim_id", "X12211"),
    ],
)
def test_what_a_dictionary_lacks_is_a_finding(path: str, code: str) -> None:
    claims = claims_from_databricks(_without(path), one_rendering_provider=True)
    assert code in {finding.code for finding in _findings(claims)}


def test_a_claim_number_of_a_host_stays_out_of_its_text() -> None:
    claim = claim_from_mapping(SMALL | {"subscriber": {"member_id": "SECRET", "last_name": "SECRET"}})
    assert "SECRET" not in repr(claim)
