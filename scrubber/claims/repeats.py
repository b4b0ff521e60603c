"""Repeated claims: originals (CLM05-3 = 1) that bill once more what an earlier one of the file bills."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

from attrs import frozen

from scrubber.claims.frequency import Earlier, Marked
from scrubber.claims.model import Claim, ServiceLine
from scrubber.claims.patients import is_somebody, patients_of, single_identity
from scrubber.x12.segment import tidy_identifier

__all__ = ["Repeat", "content_of", "number_of", "repeats_of"]


@frozen
class Repeat:
    """A claim that repeats an earlier one of the file, both by ordinal, and whether the two have the same CLM01.

    Of several equal claims the earlier one is the first of the same CLM01, or else the first of all.
    """

    ordinal: int
    earlier: int
    same_number: bool


def content_of(claim: Claim) -> str | None:
    """Return what two claims must have in common so that one repeats the other; None for one that cannot be repeated.

    It is made of patient, payer, SBR01, billing and rendering providers, dates, places, codes, units, charges and
    modifiers, the lines in any order.  It holds PHI.  Only an original that was read to its end, with a date on each
    line and somebody as patient, payer and providers, can be repeated.
    """
    if not (claim.is_original and claim.complete) or not claim.lines or not is_somebody(claim):
        return None
    if any(line.service_dates is None or not any(line.rendering_key[1:]) for line in claim.lines):
        return None
    if not any(claim.billing_key[1:]):
        return None
    parties = (claim.patient_key, single_identity(claim), claim.responsibility, claim.billing_key)
    return repr((parties, claim.billing_provider.is_surgery_center, sorted(map(_billed, claim.lines))))


def _billed(line: ServiceLine) -> tuple[object, ...]:
    return (
        line.procedure_qualifier,
        line.procedure,
        sorted(line.modifiers),
        line.unit_basis,
        line.units_text if line.units is None else f"{line.units.normalize():f}",
        line.charge_text if line.charge is None else f"{line.charge.normalize():f}",
        str(line.service_dates),
        line.place_of_service,
        line.rendering_key,
    )


def number_of(claim: Claim) -> str:
    """Return CLM01 as it compares, "" for none."""
    return tidy_identifier(claim.control_number)


def repeats_of(claims: Sequence[Claim], rejected: AbstractSet[int] = frozenset()) -> Iterator[Repeat]:
    """Yield the repeats among claims with the same `patient_key`, of which those with ordinals `rejected` are rejected.

    What a void takes away is not repeated by what comes after it: cancel and rebill.
    """
    contents = {claim.ordinal: content for claim in claims if (content := content_of(claim)) is not None}
    if len(set(contents.values())) < len(contents):
        for patient in patients_of(claims):
            yield from _repeats_among(patient.claims, contents, rejected)


def _repeats_among(
    claims: Sequence[Claim], contents: Mapping[int, str], rejected: AbstractSet[int]
) -> Iterator[Repeat]:
    earlier = Earlier() if any(claim.is_void for claim in claims) else None
    first: dict[str, int] = {}
    same: dict[tuple[str, str], int] = {}
    for claim in claims:
        content, number = contents.get(claim.ordinal), number_of(claim)
        if claim.is_void and earlier is not None and claim.ordinal not in rejected:
            void = earlier.take_away(Marked(claim))
            gone = void.meant if void.takes_away else None
            if gone is not None and first.get(contents.get(gone.ordinal, "")) == gone.ordinal:
                del first[contents[gone.ordinal]]
        elif content is not None and content in first:
            own = same.get((content, number), 0) if number else 0
            is_own = own >= first[content]  # not from before a void
            yield Repeat(claim.ordinal, own if is_own else first[content], is_own)
            same[content, number] = own if is_own else claim.ordinal
        elif not claim.is_void:
            if content is not None:
                first[content] = same[content, number] = claim.ordinal
            if earlier is not None:
                # A void means the claim that is repeated, never the repeat, which is not sent.
                earlier.add(Marked(claim))
