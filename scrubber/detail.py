"""What a claim bills, for reports: codes, amounts and dates, and nothing that could be a name."""

from __future__ import annotations

from scrubber.disclosure import (
    BASIS_FORM,
    DIAGNOSIS_FORM,
    FREQUENCY_FORM,
    MODIFIER_FORM,
    NPI_FORM,
    PLACE_FORM,
    PROCEDURE_FORM,
    UNITS_FORM,
)
from scrubber.findings import ClaimDetail, LineDetail
from scrubber.model import Claim, ServiceLine, in_cents

__all__ = ["detail_of"]


def detail_of(claim: Claim) -> ClaimDetail:
    """Take from a claim what it bills.  Anything that does not look like the code it should be is left out."""
    return ClaimDetail(
        place_of_service=PLACE_FORM.shown(claim.place_of_service),
        frequency=FREQUENCY_FORM.shown(claim.frequency),
        diagnoses=_diagnoses(claim),
        lines=tuple(_line(line) for line in claim.lines),
    )


def _line(line: ServiceLine) -> LineDetail:
    dates = line.service_dates
    return LineDetail(
        number=line.number,
        procedure=PROCEDURE_FORM.shown(line.procedure),
        modifiers=tuple(filter(None, map(MODIFIER_FORM.shown, line.modifiers))),
        units=UNITS_FORM.shown(line.units_text.strip()),
        basis=BASIS_FORM.shown(line.unit_basis),
        charge=in_cents(line.charge) if line.charge is not None else None,
        place_of_service=PLACE_FORM.shown(line.place_of_service),
        first_day=dates.first if dates is not None else None,
        last_day=dates.last if dates is not None else None,
        diagnoses=_diagnoses(line),
        rendering_npi=NPI_FORM.shown(line.rendering_provider.npi),
    )


def _diagnoses(subject: Claim | ServiceLine) -> tuple[str, ...]:
    return tuple(filter(None, (DIAGNOSIS_FORM.shown(diagnosis.code.upper()) for diagnosis in subject.diagnoses)))
