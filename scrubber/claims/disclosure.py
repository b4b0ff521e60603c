"""What a claim bills, for reports: codes, amounts and dates, and nothing that could be a name."""

from __future__ import annotations

from scrubber.claims.model import Claim, ServiceLine
from scrubber.findings.code_form import CodeForm
from scrubber.findings.report import ClaimDetail, LineDetail
from scrubber.x12.values import in_cents

__all__ = ["detail_of"]


def detail_of(claim: Claim) -> ClaimDetail:
    """Take from a claim what it bills.  Anything that does not look like the code it should be is left out."""
    return ClaimDetail(
        place_of_service=CodeForm.PLACE.shown(claim.place_of_service),
        frequency=CodeForm.FREQUENCY.shown(claim.frequency),
        diagnoses=_diagnoses(claim),
        lines=tuple(_line(line) for line in claim.lines),
    )


def _line(line: ServiceLine) -> LineDetail:
    dates = line.service_dates
    return LineDetail(
        number=line.number,
        procedure=CodeForm.PROCEDURE.shown(line.procedure),
        modifiers=tuple(filter(None, map(CodeForm.MODIFIER.shown, line.modifiers))),
        units=CodeForm.UNITS.shown(line.units_text.strip()),
        basis=CodeForm.BASIS.shown(line.unit_basis),
        charge=in_cents(line.charge) if line.charge is not None else None,
        place_of_service=CodeForm.PLACE.shown(line.place_of_service),
        first_day=dates.first if dates is not None else None,
        last_day=dates.last if dates is not None else None,
        diagnoses=_diagnoses(line),
        rendering_npi=CodeForm.NPI.shown(line.rendering_provider.npi),
    )


def _diagnoses(subject: Claim | ServiceLine) -> tuple[str, ...]:
    return tuple(filter(None, (CodeForm.DIAGNOSIS.shown(diagnosis.code.upper()) for diagnosis in subject.diagnoses)))
