"""Replacements and voids (CLM05-3 = 7 and 8): which earlier claim of the file one means, and what becomes of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Sequence
from collections.abc import Set as AbstractSet

from attrs import define, field, frozen

from scrubber.model import Claim
from scrubber.x12 import tidy_identifier

__all__ = ["Void", "apart_of", "voids_of"]


@frozen(eq=False)
class Void:
    """A void claim, the earlier claim of the file that it means, and whether it takes that away.

    `by_content` says that neither REF*F8 nor CLM01 tells, but dates and procedures do.
    """

    claim: Claim
    meant: Claim | None = None
    takes_away: bool = False
    by_content: bool = False


def voids_of(claims: Sequence[Claim], rejected: AbstractSet[int] = frozenset()) -> Iterator[Void]:
    """Yield the void claims of one patient that are not rejected themselves.

    A void takes away only an earlier claim with equal lines and charges, each claim once.
    """
    earlier = _Earlier()
    gone: set[int] = set()
    for claim in claims:
        if not claim.is_void:
            earlier.add(claim)
        elif claim.ordinal not in rejected:
            meant = [other for other in earlier.meant_by(claim) if other.ordinal not in gone]
            equal = [other for other in meant if _services(other) == _services(claim)]
            gone.update(other.ordinal for other in equal[:1])
            other = next(iter(equal or meant), None)
            by_content = other is not None and not earlier.is_named(other, claim)
            yield Void(claim, other, takes_away=bool(equal), by_content=by_content)


def apart_of(claims: Sequence[Claim], rejected: AbstractSet[int] = frozenset()) -> dict[int, int]:
    """Return by ordinal the claims of one patient that are judged apart; those of one number are judged together.

    Those that a void takes away or a replacement replaces are 1.  A replacement that is rejected (its ordinal is in
    `rejected`) replaces nothing and is judged alone: its original goes out instead.
    """
    if all(not claim.is_void and not claim.is_replacement for claim in claims):
        return {}
    apart = {void.meant.ordinal: 1 for void in voids_of(claims, rejected) if void.takes_away and void.meant is not None}
    originals: dict[str, list[Claim]] = defaultdict(list)
    for claim in claims:
        if not claim.is_void and not claim.is_replacement:
            originals[tidy_identifier(claim.control_number)].append(claim)
    for claim in claims:
        meant = originals.get(tidy_identifier(claim.control_number) or " ", []) if claim.is_replacement else []
        if claim.ordinal not in rejected:
            apart |= {original.ordinal: 1 for original in meant}
        elif meant:
            apart[claim.ordinal] = 1 + claim.ordinal
    return apart


@define(eq=False)
class _Earlier:
    """The claims of a patient so far, by what a later one may mean them by.

    REF*F8 is the payer's number, which an original of the same file cannot carry, so CLM01 and the content count too.
    """

    _by_name: dict[tuple[str, str], list[Claim]] = field(factory=lambda: defaultdict(list))
    _by_content: dict[Hashable, list[Claim]] = field(factory=lambda: defaultdict(list))

    def add(self, claim: Claim) -> None:
        """Take the next claim, which is no void."""
        for name in _names(claim):
            self._by_name[name].append(claim)
        self._by_content[_occasion(claim)].append(claim)

    def meant_by(self, claim: Claim) -> list[Claim]:
        """Return the claims that a later one may mean, those it names first, each group from the last one on."""
        named = {other.ordinal: other for name in _names(claim) for other in self._by_name.get(name, ())}
        codes = {line.procedure for line in claim.lines}
        alike = [
            other
            for other in self._by_content.get(_occasion(claim), ())
            if other.ordinal not in named and not codes.isdisjoint(line.procedure for line in other.lines)
        ]
        return [*(named[ordinal] for ordinal in sorted(named, reverse=True)), *reversed(alike)]

    @staticmethod
    def is_named(claim: Claim, later: Claim) -> bool:
        """Whether `later` names an earlier claim by its REF*F8 or CLM01."""
        return not set(_names(claim)).isdisjoint(_names(later))


def _names(claim: Claim) -> list[tuple[str, str]]:
    names = {"F8": claim.original_reference, "CLM01": claim.control_number}
    return [(kind, tidy) for kind, text in names.items() if (tidy := tidy_identifier(text))]


def _occasion(claim: Claim) -> Hashable:
    """Return the billing provider and the dates of service."""
    return (claim.billing_provider.key, frozenset(line.service_dates for line in claim.lines))


def _services(claim: Claim) -> Hashable:
    """Return all that is billed, in any order."""
    lines = Counter(
        (
            line.procedure,
            line.modifiers,
            line.units_text if line.units is None else line.units,
            line.charge_text if line.charge is None else line.charge,
            line.service_dates,
        )
        for line in claim.lines
    )
    return (claim.charge_text if claim.charge is None else claim.charge, frozenset(lines.items()))
