"""Replacements and voids (CLM05-3 = 6, 7 and 8): which earlier claim of the file one means, and what becomes of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from functools import cached_property

from attrs import define, field, frozen

from scrubber.claims.model import Claim
from scrubber.x12.segment import tidy_identifier

__all__ = ["Earlier", "Marked", "Replacement", "Versions", "Void", "supersedes", "versions_of"]


@frozen(eq=False, repr=False)
class Void:
    """A void claim, the earlier claim of the file that it means, and whether it takes that away.

    `by_content` says that neither REF*F8 nor CLM01 tells, but dates and procedures do.
    """

    claim: Claim
    meant: Claim | None = None
    takes_away: bool = False
    by_content: bool = False


@frozen(eq=False, repr=False)
class Replacement:
    """A replacement, the claims of the file whose place it takes, and whether only their content tells (as `Void`)."""

    claim: Claim
    meant: tuple[Claim, ...] = ()
    by_content: bool = False


def supersedes(claim: Claim) -> bool:
    """Whether a claim takes the place of an earlier one: a replacement (7), or a corrected claim (6)."""
    return claim.frequency in {"6", "7"}


def versions_of(claims: Sequence[Claim], repeated: AbstractSet[int] = frozenset()) -> list[Versions]:
    """Return the claims of a patient in groups of those that may mean one another, without groups of originals only.

    The claims with ordinals `repeated` repeat others and are not sent: they are in no group.
    """
    if all(not claim.is_void and not supersedes(claim) for claim in claims):
        return []
    groups: list[list[Marked]] = []
    of: dict[Hashable, list[Marked]] = {}
    for marked in (Marked(claim) for claim in claims if claim.ordinal not in repeated):
        keys: list[Hashable] = [*marked.names, *marked.contents]
        near = {id(of[key]): of[key] for key in keys if key in of}
        group: list[Marked] = max(near.values(), key=len) if near else []
        if not group:
            groups.append(group)
        for other in (other for other in near.values() if other is not group):
            group += other
            of |= {key: group for moved in other for key in (*moved.names, *moved.contents)}
            other.clear()
        group.append(marked)
        of |= dict.fromkeys(keys, group)
    found = [Versions(sorted(group, key=lambda marked: marked.claim.ordinal)) for group in groups if group]
    return [versions for versions in found if versions.has_later]


class Versions:
    """Claims of one patient that may mean one another, of which some replace or take back others.

    REF*F8 is the payer's number, which an original of the same file cannot carry, so CLM01 counts too; where neither
    tells, the content does: billing provider, dates and a code.  Claims whose ordinals are in `rejected` are rejected:
    they may be meant, but neither replace nor take back another.
    """

    def __init__(self, claims: Sequence[Marked]) -> None:
        self._claims = claims
        self.ordinals = [marked.claim.ordinal for marked in claims]
        self.has_later = any(marked.claim.is_void or supersedes(marked.claim) for marked in claims)

    def voids(self, rejected: AbstractSet[int] = frozenset()) -> Iterator[Void]:
        """Yield the void claims that are not rejected themselves.

        A void takes away only an earlier claim with equal lines and charges, each claim once.
        """
        earlier = Earlier()
        for marked in self._claims:
            if not marked.claim.is_void:
                earlier.add(marked)
            elif marked.claim.ordinal not in rejected:
                yield earlier.take_away(marked)

    def replacements(self, rejected: AbstractSet[int] = frozenset()) -> Iterator[Replacement]:
        """Yield the claims that replace others, and those that would but are rejected.

        One that is named supersedes all earlier claims with its REF*F8 or CLM01, earlier replacements too, and the
        original with its CLM01 wherever it is.  Else it supersedes one earlier original with its content, that with
        the most of its codes.  Each claim is superseded once.
        """
        originals = _Originals()
        for marked in self._claims:
            if not marked.claim.is_void and not supersedes(marked.claim):
                originals.expect(marked)
        for marked in self._claims:
            claim = marked.claim
            if claim.is_void:
                continue
            if not supersedes(claim):
                originals.add(marked)
                continue
            is_rejected = claim.ordinal in rejected
            yield originals.replaced_by(marked, take=not is_rejected)
            if not is_rejected:
                originals.add_replacement(marked)

    def apart(self, rejected: AbstractSet[int] = frozenset()) -> dict[int, int]:
        """Return by ordinal the claims that are judged apart; those of one number are judged together.

        Those that a void takes away or a replacement replaces are 1, or more where they are replacements themselves. A
        replacement that is rejected replaces nothing and is judged alone: its original goes out instead.
        """
        apart = {void.meant.ordinal: 1 for void in self.voids(rejected) if void.takes_away and void.meant is not None}
        generation: dict[int, int] = {}
        for replacement in self.replacements(rejected):
            ordinal, meant = replacement.claim.ordinal, [claim.ordinal for claim in replacement.meant]
            if ordinal not in rejected:
                apart |= {other: 1 + generation.get(other, 0) for other in meant}
                generation[ordinal] = 1 + max((generation.get(other, 0) for other in meant), default=0)
            elif meant:
                apart[ordinal] = -ordinal
        return apart


@frozen(eq=False, repr=False)
class Marked:
    """A claim with all that a later one may mean it by, each worked out once."""

    claim: Claim

    @cached_property
    def names(self) -> list[tuple[str, str]]:
        """REF*F8 and CLM01."""
        names = {"F8": self.claim.original_reference, "CLM01": self.claim.control_number}
        return [(kind, tidy) for kind, text in names.items() if (tidy := tidy_identifier(text))]

    @cached_property
    def contents(self) -> list[Hashable]:
        """Billing provider, dates and a code, for each code."""
        dates = frozenset(line.service_dates for line in self.claim.lines)
        codes = {line.procedure: None for line in self.claim.lines}
        return [(self.claim.billing_key, dates, code) for code in codes]

    @cached_property
    def services(self) -> Hashable:
        """All that is billed, in any order."""
        claim = self.claim
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


@define(eq=False, repr=False)
class _Originals:
    """The claims so far that a replacement may supersede, without those that one has superseded."""

    _named: dict[tuple[str, str], list[Claim]] = field(factory=lambda: defaultdict(list))
    _contents: dict[Hashable, list[Claim]] = field(factory=lambda: defaultdict(list))
    _left: list[Marked] = field(factory=lambda: [])  # whose contents nobody has asked for yet
    _gone: set[int] = field(factory=set[int])

    def expect(self, marked: Marked) -> None:
        """Take an original that comes, which a replacement of the same CLM01 means wherever it is."""
        self._name(marked, {"CLM01"})

    def add(self, marked: Marked) -> None:
        """Take the next original."""
        self._name(marked, {"F8"})
        self._left.append(marked)

    def add_replacement(self, marked: Marked) -> None:
        """Take the next replacement, which only a later one that names it supersedes."""
        self._name(marked, {"CLM01", "F8"})

    def _name(self, marked: Marked, kinds: AbstractSet[str]) -> None:
        for name in marked.names:
            if name[0] in kinds:
                self._named[name].append(marked.claim)

    def replaced_by(self, marked: Marked, *, take: bool) -> Replacement:
        """Return what a replacement means, and take that away if it is to take its place."""
        meant = {claim.ordinal: claim for name in marked.names for claim in self._named.get(name, ())}
        for name in marked.names if take else ():
            self._named.pop(name, None)
        meant = {ordinal: claim for ordinal, claim in meant.items() if ordinal not in self._gone}
        by_content = not meant
        if by_content:
            found = self._by_content(marked)
            meant = {found.ordinal: found} if found is not None else {}
        if take:
            self._gone |= meant.keys()
        return Replacement(marked.claim, tuple(meant.values()), by_content=by_content and bool(meant))

    def _by_content(self, marked: Marked) -> Claim | None:
        for earlier in self._left:
            for content in earlier.contents:
                self._contents[content].append(earlier.claim)
        self._left.clear()
        shared: Counter[Claim] = Counter()
        for content in marked.contents:
            claims = self._contents.get(content, [])
            while claims and claims[-1].ordinal in self._gone:
                claims.pop()
            shared.update(claims[-1:])
        return max(shared, key=lambda claim: (shared[claim], claim.ordinal), default=None)


@define(eq=False, repr=False)
class Earlier:
    """The claims of a patient so far, by what a later void may mean them by."""

    _last: dict[Hashable, Claim] = field(factory=lambda: {})
    _equal: dict[Hashable, list[Claim]] = field(factory=lambda: defaultdict(list))
    _gone: set[int] = field(factory=set[int])

    def add(self, marked: Marked) -> None:
        """Take the next claim, which is no void."""
        for meant_by in (*marked.names, *marked.contents):
            self._last[meant_by] = marked.claim
            self._equal[meant_by, marked.services].append(marked.claim)

    def take_away(self, void: Marked) -> Void:
        """Take away the claim that a void means, the last one if it may mean several, those it names before others."""
        kinds: tuple[Sequence[Hashable], ...] = (void.names, void.contents)
        for by_content, keys in enumerate(kinds):
            equal = [self._last_left(self._equal.get((key, void.services), [])) for key in keys]
            found = max((claim for claim in equal if claim is not None), key=_ordinal, default=None)
            if found is not None:
                self._gone.add(found.ordinal)
                return Void(void.claim, found, takes_away=True, by_content=bool(by_content))
        return Void(void.claim, self._meant_by(void))

    def _meant_by(self, void: Marked) -> Claim | None:
        """Return the last claim that a void may mean, whatever it bills; one that it names before others."""
        kinds: tuple[Sequence[Hashable], ...] = (void.names, void.contents)
        for keys in kinds:
            if found := [self._last[key] for key in keys if key in self._last]:
                return max(found, key=_ordinal)
        return None

    def _last_left(self, claims: list[Claim]) -> Claim | None:
        while claims and claims[-1].ordinal in self._gone:
            claims.pop()
        return claims[-1] if claims else None


def _ordinal(claim: Claim) -> int:
    return claim.ordinal
