"""Claims from the dictionaries of Databricks' x12-edi-parser (package databricksx12, also called ember).

Read is what `Claim837p.to_json()` gives, as its source has it at version 0.0.6 and its data dictionary
`doc/Claim837p_Field_Mapping.csv` (commit 27a6da5) says: a claim by itself, or inside the document of
`HealthcareManager.to_json` and of `from_edi` (FunctionalGroup, Transactions, Claims).  Other keys are passed over.

The dictionaries leave out what some edits ask for:

    the rendering provider of a line (2420A)    every edit that tells providers apart (IVUS101 to IVUS109, the sums of
                                                units, duplicates); see `one_rendering_provider`
    notes (NTE) and SV101-7                     IVUS502 and IVUS503 do not see the vessels named there
    ICD-9-CM diagnoses (BK, BF)                 read as no diagnosis, so IVUS501 speaks
    a service line without LX                   not there at all; the claim is out of balance (X12208)
    REF*6R, and positions in the file           missing from the findings
    SBR09, the claim filing indicator           X12220 does not ask what Medicare Part B takes (CLM05-3 other than 1),
                                                X12216 does not know that a Medicare identifier is one person's,
                                                IVUS106 is a warning for Medicare too
    the billing provider's taxonomy, NM102      a surgical center is not known: IVUS602 warns of C codes that it bills,
                                                unless the place of service is 24
    CN1 and BHT06                               IVUS109 takes a charge of zero for one that is denied

A host that still has the text of the file loses nothing: `scrubber.iter_claims(edi.raw_data.encode("latin-1"))`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from scrubber.claims.adapters.mapping import diagnoses_of, filled
from scrubber.claims.adapters.record import Record
from scrubber.claims.model import Claim, Diagnosis, Payer, Person, Provider, ServiceLine
from scrubber.errors import AdapterError
from scrubber.findings.dates import DateRange
from scrubber.x12.segment import tidy_code, trim

__all__ = ["claims_from_databricks"]

_COMPONENTS = re.compile(r"[^0-9A-Za-z]")
"""Between the components of an element that the other parser passes on whole: the separator is the file's own."""


def claims_from_databricks(
    documents: Mapping[str, Any] | Iterable[Mapping[str, Any]], *, one_rendering_provider: bool = False
) -> Iterator[Claim]:
    """Make claims of the dictionaries of 837P claims, numbered from 1 in their order.

    The dictionaries do not tell the rendering provider of a line (2420A).  `one_rendering_provider` says that the files
    name none, so that the claim's is the line's; without it nothing is judged.  Raises AdapterError for that, for a
    dictionary of another kind, such as an institutional claim or a failure of the other parser, and for a missing key.
    """
    if not one_rendering_provider:
        raise AdapterError(
            "x12-edi-parser leaves out the rendering provider of a line (2420A): say one_rendering_provider=True where "
            "the files have none, or scrub the file itself"
        )
    given = [cast("Mapping[str, Any]", documents)] if isinstance(documents, Mapping) else documents
    found = (record for place, document in enumerate(given, 1) for record in _claims(document, f"document {place}"))
    return (_claim(record, ordinal) for ordinal, record in enumerate(found, 1))


def _claims(document: Mapping[str, Any], where: str) -> Iterator[Record]:
    record = Record(document, where)
    if "error" in record:
        raise AdapterError(f"{where}: x12-edi-parser could not read its input")
    if "FunctionalGroup" not in record:
        yield record
        return
    transactions = [inner for group in record.records("FunctionalGroup") for inner in group.records("Transactions")]
    claims = [claim for transaction in transactions for claim in transaction.records("Claims")]
    if not claims:
        raise AdapterError(f"{where}: holds no claim; x12-edi-parser gives none for a guide that it does not know")
    yield from claims


def _claim(record: Record, ordinal: int) -> Claim:
    header, providers = record.required("claim_header"), record.required("providers")
    place, _, frequency, *_ = [*_COMPONENTS.split(header.text("facility_type_code")), "", "", ""]
    subscriber, patient = record.required("subscriber"), record.required("patient")
    payer, rendering = record.required("payer"), providers.record("servicing")
    references = {entry.text("id_code_qualifier"): entry.text("id") for entry in header.records("clm_refs")}
    if "claim_lines" not in record:
        raise AdapterError(f"{record.where}: claim_lines is missing")
    return Claim(
        control_number=header.text("claim_id"),
        lines=[_line(number, line) for number, line in enumerate(record.records("claim_lines"), 1)],
        charge_text=header.number("claim_amount"),
        place_of_service=place,
        frequency=frequency,
        diagnoses=_diagnoses(record.required("diagnosis")),
        billing_provider=_provider(providers.required("billing")),
        # Its dictionary is there, with empty texts, even where the claim has no loop 2310B.
        rendering_provider=_provider(rendering) if rendering and _is_named(rendering) else None,
        subscriber=_person(subscriber),
        # The patient is a copy of the subscriber where there is no loop 2000C.
        dependent=None if patient.data == subscriber.data else _person(patient),
        payer=Payer(payer.text("payer_identifier").strip(), payer.text("payer_name")),
        clearinghouse_id=references.get("D9", ""),
        original_reference=references.get("F8", ""),
        ordinal=ordinal,
    )


def _line(number: int, record: Record) -> ServiceLine:
    if "revenue_cd" in record:
        raise AdapterError(f"{record.where}: is a line of an institutional claim (837I)")
    dates = [entry for entry in record.records("service_dates") if entry.text("date_cd") == "472"]
    return ServiceLine(
        number=number,
        procedure=tidy_code(record.text("prcdr_cd")),
        procedure_qualifier=tidy_code(record.text("prcdr_cd_type")),
        modifiers=filled(record.text("modifier_cds").split(",")),
        charge_text=record.number("line_chrg_amt"),
        unit_basis=tidy_code(record.text("units_measurement")),
        units_text=record.number("units"),
        line_place_of_service=trim(record.text("place_of_service")),
        pointers=filled(_COMPONENTS.split(record.text("dg_cd_pntr"))),
        service_dates=_dates(dates[0]) if dates else None,
        assigned_number=record.text("claim_line_number").strip(),
    )


def _dates(record: Record) -> DateRange | None:
    return DateRange.parse(tidy_code(record.text("date_format")), trim(record.text("date")))


def _diagnoses(record: Record) -> tuple[Diagnosis, ...]:
    principal = record.text("principal_dx_cd")
    others = [entry.text("dx_cd") for entry in record.records("other_dx_cds")]
    # Without the first, the pointers of the lines would name the wrong ones.
    return diagnoses_of([principal, *others]) if principal else ()


def _provider(record: Record) -> Provider:
    # The qualifier (NM108) is left out; for these two providers the guide has XX only.
    return Provider(
        id=trim(record.text("npi")),
        name=record.text("name"),
        taxonomy=record.text("taxonomy"),
        tax_id=record.text("ein") if record.text("ein_type") in {"EI", "SY"} else "",
    )


def _is_named(record: Record) -> bool:
    return bool(record.text("npi").strip() or record.text("name").strip())


def _person(record: Record) -> Person:
    return Person(
        last_name=record.text("name"),
        member_id=record.text("subsciber_identifier"),
        birth_date=record.text("dob"),
        sex=record.text("gender_cd"),
    )
