"""The edits of a pack made ready for a payer: as objects, in the order in which they run, with the payer's tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from itertools import groupby
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import attrs
from attrs import field, frozen

from scrubber.claims.encounter import Encounter
from scrubber.claims.model import Claim, ServiceLine
from scrubber.engine.policy import Policy
from scrubber.findings.dates import DateRange
from scrubber.findings.finding import Finding
from scrubber.findings.report import EndedTable
from scrubber.findings.rule import Meta
from scrubber.findings.values import Values
from scrubber.packs.edit import Context
from scrubber.packs.pack import EditPack

__all__ = ["EditGroup", "EditOf", "Stage", "concern", "ended_tables", "grouped"]

S_contra = TypeVar("S_contra", contravariant=True)


class EditOf(Protocol[S_contra]):
    """An edit over claims, or one over encounters."""

    meta: ClassVar[Meta]

    def check(self, subject: S_contra, context: Context[Any], /) -> Iterable[Finding]:
        """Yield the findings on a claim or an encounter."""
        ...

    @property
    def screen(self) -> Callable[..., bool]:
        """Tells from columns whether `check` may find anything on a claim or an encounter."""
        ...


@frozen(eq=False, repr=False)
class EditGroup(Values, Generic[S_contra]):
    """Edits that run one after another and are about the same procedures and dates of service (None: about all)."""

    procedures: frozenset[str] | None
    effective: DateRange | None
    edits: tuple[EditOf[S_contra], ...]

    def applies_to(self, procedures: AbstractSet[str]) -> bool:
        """Whether the edits are about one of these procedures."""
        return self.procedures is None or not self.procedures.isdisjoint(procedures)

    def is_effective(self, lines: Iterable[ServiceLine]) -> bool:
        """Whether the edits exist on a date of service of these lines, or on one that cannot be read."""
        period = self.effective
        return period is None or any(
            line.service_dates is None or line.service_dates.overlaps(period) for line in lines
        )


_MOST_SETS = 1024
"""The sets of edits for which a stage keeps what is left of it."""


@frozen(eq=False, repr=False)
class Stage:
    """A pack made ready for one payer: its edits by what they are asked about, and its tables with that payer's values.

    `rejecting_edits` are those of `encounter_edits` whose findings are errors.
    """

    pack: EditPack[Any]
    claim_edits: tuple[EditGroup[Claim], ...]
    void_edits: tuple[EditGroup[Claim], ...]
    encounter_edits: tuple[EditGroup[Encounter], ...]
    rejecting_edits: tuple[EditGroup[Encounter], ...]
    tables: Any
    _named: dict[frozenset[str], Stage] = field(factory=lambda: {}, init=False, repr=False)

    def only(self, codes: frozenset[str]) -> Stage:
        """Return the stage without the edits whose code is not in `codes`."""
        stage = self._named.get(codes)
        if stage is None:
            if len(self._named) >= _MOST_SETS:
                self._named.clear()
            stage = self._named[codes] = attrs.evolve(
                self,
                claim_edits=_only(self.claim_edits, codes),
                void_edits=_only(self.void_edits, codes),
                encounter_edits=_only(self.encounter_edits, codes),
                rejecting_edits=_only(self.rejecting_edits, codes),
            )
        return stage


def _only(groups: Iterable[EditGroup[S_contra]], codes: frozenset[str]) -> tuple[EditGroup[S_contra], ...]:
    """Return the groups with those edits only whose code is in `codes`, without groups of none."""
    named = (
        attrs.evolve(group, edits=tuple(edit for edit in group.edits if edit.meta.code in codes)) for group in groups
    )
    return tuple(group for group in named if group.edits)


def grouped(edits: Iterable[EditOf[S_contra]]) -> tuple[EditGroup[S_contra], ...]:
    """Group edits by their procedures and dates of service without changing their order."""
    alike = groupby(edits, lambda edit: (edit.meta.procedures, edit.meta.effective))
    return tuple(EditGroup(*about, tuple(group)) for about, group in alike)


def concern(stages: Sequence[Stage], procedures: AbstractSet[str]) -> bool:
    """Whether an edit over encounters is about one of these procedures."""
    return any(group.applies_to(procedures) for stage in stages for group in stage.encounter_edits)


def ended_tables(
    services: Iterable[tuple[str, DateRange]], stages: Iterable[Stage], payer: str, policy: Policy
) -> tuple[EndedTable, ...]:
    """Return the tables that services, each with its dates, are judged by after their latest edition."""
    found = [
        table for stage in stages if stage.pack.ended is not None for table in stage.pack.ended(services, stage.tables)
    ]
    return tuple(table for table in found if policy.shows(table, payer))
