"""Replacements and voids (CLM05-3 = 7 and 8): which earlier claim of the file one means, and what becomes of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Sequence
from collections.abc import Set as AbstractSet

from attrs import define, field, frozen

from scrubber.model import Claim
from scrubber.x12 import tidy_identifier

__all__ = ["Void", "apart_of", "related", "voids_of"]


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
    for claim in claims:
        if not claim.is_void:
            earlier.add(claim)
        elif claim.ordinal not in rejected:
            yield earlier.take_away(claim)


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


def related(claims: Sequence[Claim]) -> list[list[Claim]]:
    """Return the claims of one patient in groups, each in the order given, such that no claim means one of another."""
    group_of: dict[Hashable, list[Claim]] = {}
    marks_of: dict[int, list[Hashable]] = {}
    for claim in claims:
        marks = [claim.ordinal, *_names(claim), *_contents(claim)]
        joined = {id(group_of[mark]): group_of[mark] for mark in marks if mark in group_of}
        largest = max(joined.values(), key=len, default=[])
        for group in joined.values():
            if group is not largest:  # the smaller one moves, so that each claim moves few times
                largest += group
                group_of |= {mark: largest for other in group for mark in marks_of[other.ordinal]}
        largest.append(claim)
        marks_of[claim.ordinal] = marks
        group_of |= dict.fromkeys(marks, largest)
    groups = {id(group_of[other.ordinal]): group_of[other.ordinal] for other in claims}
    return [sorted(group, key=_ordinal) for group in groups.values()]


@define(eq=False)
class _Earlier:
    """The claims of a patient so far, by what a later one may mean them by.

    REF*F8 is the payer's number, which an original of the same file cannot carry, so CLM01 and the content count too:
    billing provider, dates and a code.
    """

    _last: dict[Hashable, Claim] = field(factory=dict)
    _equal: dict[Hashable, list[Claim]] = field(factory=lambda: defaultdict(list))
    _gone: set[int] = field(factory=set)

    def add(self, claim: Claim) -> None:
        """Take the next claim, which is no void."""
        services = _services(claim)
        for meant_by in (*_names(claim), *_contents(claim)):
            self._last[meant_by] = claim
            self._equal[meant_by, services].append(claim)

    def take_away(self, void: Claim) -> Void:
        """Take away the claim that a void means, the last one if it may mean several, those it names before others."""
        services = _services(void)
        for by_content, marks in enumerate((_names(void), _contents(void))):
            equal = [self._last_left(self._equal.get((mark, services), [])) for mark in marks]
            found = max((claim for claim in equal if claim is not None), key=_ordinal, default=None)
            if found is not None:
                self._gone.add(found.ordinal)
                return Void(void, found, takes_away=True, by_content=bool(by_content))
        return Void(void, self.meant_by(void))

    def meant_by(self, claim: Claim) -> Claim | None:
        """Return the last claim that a later one may mean, whatever it bills; one that it names before others."""
        for marks in (_names(claim), _contents(claim)):
            if found := [self._last[mark] for mark in marks if mark in self._last]:
                return max(found, key=_ordinal)
        return None

    def _last_left(self, claims: list[Claim]) -> Claim | None:
        while claims and claims[-1].ordinal in self._gone:
            claims.pop()
        return claims[-1] if claims else None


def _ordinal(claim: Claim) -> int:
    return claim.ordinal


def _names(claim: Claim) -> list[Hashable]:
    names = {"F8": claim.original_reference, "CLM01": claim.control_number}
    return [(kind, tidy) for kind, text in names.items() if (tidy := tidy_identifier(text))]


def _contents(claim: Claim) -> list[Hashable]:
    dates = frozenset(line.service_dates for line in claim.lines)
    return [(claim.billing_provider.key, dates, code) for code in {line.procedure: None for line in claim.lines}]


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
