"""Claims from dictionaries in field terms, as a host's JSON or its own objects give them.

The keys, with the element of the 837P that each holds:

    claim       control_number CLM01, charge CLM02, place_of_service CLM05-1, frequency CLM05-3, diagnoses HI (codes,
                the principal one first), billing_provider 2010AA, rendering_provider 2310B, subscriber 2010BA,
                dependent 2010CA (only if the patient is not the subscriber), payer 2010BB, notes NTE, lines 2400,
                clearinghouse_id REF*D9, original_reference REF*F8, responsibility SBR01, filing_indicator SBR09,
                contract_type CN101, transaction_type BHT06
    line        procedure SV101-2, modifiers SV101-3 to 6, description SV101-7, charge SV102, units SV104,
                unit_basis SV103 (default UN), place_of_service SV105 (else the claim's), diagnosis_pointers SV107
                (from 1), service_from and service_to DTP*472 (one day without service_to), rendering_provider 2420A
                (else the claim's), control_number REF*6R, notes NTE, procedure_qualifier SV101-1 (default HC),
                contract_type CN101 (else the claim's)
    provider    npi NM109, or id NM109 and id_qualifier NM108; name NM103, first_name NM104, taxonomy PRV03,
                tax_id REF*EI, references REF*0B, 1G, G2 and LU as ["G2:12345"], entity_type NM102
    person      member_id NM109, last_name NM103, first_name NM104, middle_name NM105, birth_date DMG02, sex DMG03
    payer       id NM109, name NM103
    note        code NTE01, text NTE02

Dates are ISO text or `datetime.date`, amounts and units decimal text, whole numbers or `Decimal`; floats are refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from scrubber.claims.adapters.record import Record
from scrubber.claims.model import Claim, Diagnosis, Note, Payer, Person, Provider, ServiceLine
from scrubber.errors import AdapterError
from scrubber.findings.dates import DateRange
from scrubber.x12.segment import tidy_code, trim
from scrubber.x12.transaction_set import TransactionSet

__all__ = ["claim_from_mapping", "diagnoses_of", "filled"]


def claim_from_mapping(data: Mapping[str, Any], ordinal: int = 1) -> Claim:
    """Make a claim of a dictionary; the keys are listed in `scrubber.claims.adapters.mapping`.

    `ordinal` is the claim's place among those judged together, from 1.  What is missing or cannot be read is judged as
    in a file: a line without `service_from` is an error (X12207), one without `units` is (X12206).  Raises AdapterError
    for an unknown key, a value of the wrong type, and for a claim without billing provider, subscriber or payer.  Where
    one of them has no identity, X12215 says so, as in a file.
    """
    record = Record(data, "claim")
    rendering, dependent = record.record("rendering_provider"), record.record("dependent")
    claim = Claim(
        control_number=record.text("control_number"),
        lines=[_line(number, line) for number, line in enumerate(record.records("lines"), 1)],
        charge_text=record.number("charge"),
        place_of_service=trim(record.text("place_of_service")),
        frequency=trim(record.text("frequency")),
        diagnoses=diagnoses_of(record.texts("diagnoses")),
        billing_provider=_provider(record.required("billing_provider")),
        rendering_provider=_provider(rendering) if rendering else None,
        subscriber=_person(record.required("subscriber")),
        dependent=_person(dependent) if dependent else None,
        payer=_payer(record.required("payer")),
        notes=_notes(record),
        clearinghouse_id=record.text("clearinghouse_id"),
        original_reference=record.text("original_reference"),
        responsibility=tidy_code(record.text("responsibility")),
        filing_indicator=tidy_code(record.text("filing_indicator")),
        contract_type=tidy_code(record.text("contract_type")),
        transaction=TransactionSet(transaction_type=tidy_code(record.text("transaction_type"))),
        ordinal=ordinal,
    )
    record.close()
    return claim


def diagnoses_of(codes: Iterable[str]) -> tuple[Diagnosis, ...]:
    """Make the diagnoses of a claim (HI) of ICD-10-CM codes, the principal one first; points are left out."""
    written = (tidy_code(code).replace(".", "") for code in codes)
    return tuple(Diagnosis("ABF" if place else "ABK", code) for place, code in enumerate(written))


def filled(codes: Iterable[str]) -> tuple[str, ...]:
    """Tidy codes (SV101-3 to 6) and leave out the empty ones."""
    return tuple(code for code in map(tidy_code, codes) if code)


def _line(number: int, record: Record) -> ServiceLine:
    rendering = record.record("rendering_provider")
    line = ServiceLine(
        number=number,
        procedure=tidy_code(record.text("procedure")),
        procedure_qualifier=tidy_code(record.text("procedure_qualifier", "HC")),
        modifiers=filled(record.texts("modifiers")),
        description=record.text("description"),
        charge_text=record.number("charge"),
        unit_basis=tidy_code(record.text("unit_basis", "UN")),
        units_text=record.number("units"),
        line_place_of_service=trim(record.text("place_of_service")),
        pointers=filled(record.texts("diagnosis_pointers")),
        service_dates=_dates(record),
        line_rendering_provider=_provider(rendering) if rendering else None,
        assigned_number=str(number),
        control_number=record.text("control_number"),
        line_contract_type=tidy_code(record.text("contract_type")),
        notes=_notes(record),
    )
    record.close()
    return line


def _dates(record: Record) -> DateRange | None:
    first, last = record.day("service_from"), record.day("service_to")
    return DateRange.parse("RD8", f"{first}-{last}") if last else DateRange.parse("D8", first)


def _provider(record: Record) -> Provider:
    if "npi" in record and "id" in record:
        raise AdapterError(f"{record.where}: give npi, or id and id_qualifier, not both")
    npi, other, qualifier = (trim(record.text(key)) for key in ("npi", "id", "id_qualifier"))
    provider = Provider(
        id=npi or other,
        id_qualifier="XX" if npi else qualifier,
        name=record.text("name"),
        first_name=record.text("first_name"),
        taxonomy=record.text("taxonomy"),
        tax_id=record.text("tax_id"),
        references=tuple(map(tidy_code, record.texts("references"))),
        entity_type=record.text("entity_type").strip(),
    )
    record.close()
    return provider


def _person(record: Record) -> Person:
    person = Person(
        last_name=record.text("last_name"),
        first_name=record.text("first_name"),
        middle_name=record.text("middle_name"),
        member_id=record.text("member_id"),
        birth_date=record.day("birth_date"),
        sex=record.text("sex"),
    )
    record.close()
    return person


def _payer(record: Record) -> Payer:
    payer = Payer(record.text("id").strip(), record.text("name"))
    record.close()
    return payer


def _notes(record: Record) -> tuple[Note, ...]:
    notes: list[Note] = []
    for note in record.records("notes"):
        notes.append(Note(note.text("code"), note.text("text")))
        note.close()
    return tuple(notes)
