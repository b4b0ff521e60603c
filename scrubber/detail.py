"""What a claim bills, for reports: codes, amounts and dates, and nothing that could be a name."""

from __future__ import annotations

import re
from functools import lru_cache

from scrubber.findings import ClaimDetail, LineDetail
from scrubber.model import Claim, ServiceLine
from scrubber.x12 import DIAGNOSIS, PROCEDURE

__all__ = ["detail_of", "shown_npi", "shown_payer"]

_MODIFIER = re.compile(r"[A-Z0-9]{2}", re.ASCII)
_PLACE = re.compile(r"\d{2}", re.ASCII)
_BASIS = re.compile(r"UN|MJ")
_FREQUENCY = re.compile(r"[A-Z0-9]", re.ASCII)
_NPI = re.compile(r"\d{10}", re.ASCII)
_PAYER = re.compile(r"[A-Za-z0-9]{1,5}|(?=[A-Za-z.-]*\d)[A-Za-z0-9.-]{1,20}", re.ASCII)
_MOST_UNITS = 1_000_000


def detail_of(claim: Claim) -> ClaimDetail:
    """Take from a claim what it bills.  Anything that does not look like the code it should be is left out."""
    return ClaimDetail(
        place_of_service=_only(_PLACE, claim.place_of_service),
        frequency=_only(_FREQUENCY, claim.frequency),
        diagnoses=_diagnoses(claim),
        lines=tuple(_line(line) for line in claim.lines),
    )


@lru_cache(maxsize=4096)
def shown_payer(payer: str) -> str:
    """Give a payer identifier (2010BB NM109) for reports, "" for what looks like a name."""
    return _only(_PAYER, payer)


@lru_cache(maxsize=4096)
def shown_npi(npi: str) -> str:
    """Give an NPI for reports, "" for what is none."""
    return _only(_NPI, npi)


def _line(line: ServiceLine) -> LineDetail:
    dates = line.service_dates
    return LineDetail(
        number=line.number,
        procedure=_only(PROCEDURE, line.procedure),
        modifiers=tuple(filter(None, (_only(_MODIFIER, modifier) for modifier in line.modifiers))),
        units=line.units_text.strip() if line.units is not None and line.units < _MOST_UNITS else "",
        basis=_only(_BASIS, line.unit_basis),
        charge=line.charge,
        place_of_service=_only(_PLACE, line.place_of_service),
        first_day=dates.first if dates is not None else None,
        last_day=dates.last if dates is not None else None,
        diagnoses=_diagnoses(line),
        rendering_npi=shown_npi(line.rendering_provider.npi),
    )


def _diagnoses(subject: Claim | ServiceLine) -> tuple[str, ...]:
    return tuple(filter(None, (_only(DIAGNOSIS, diagnosis.code.upper()) for diagnosis in subject.diagnoses)))


def _only(pattern: re.Pattern[str], text: str) -> str:
    return text if pattern.fullmatch(text) else ""
