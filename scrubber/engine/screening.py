"""Tell from the rows of claims which edits may find anything on them; the others need no claim to be opened."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from datetime import date
from functools import cached_property
from typing import Any

from scrubber.claims.builder import is_original
from scrubber.claims.columns import ClaimRow
from scrubber.claims.raw_claim import RawClaim
from scrubber.engine.compile import Compiler
from scrubber.engine.stage import EditGroup, Stage, ended_tables
from scrubber.errors import ScrubberError, place_of_error
from scrubber.findings.report import EndedTable
from scrubber.packs.edit import never_on_rows
from scrubber.tables.table import epochs_of

__all__ = ["Screening"]

_ALL: frozenset[str] | None = None
"""Every edit may find something: nothing rules it out."""


class Screening:
    """What the screens of the edits say of claims.

    With `open_all` every claim is opened and judged by all edits, and with `open_concerned` each one that an edit over
    encounters looks at.
    """

    def __init__(self, compiler: Compiler, *, open_all: bool = False, open_concerned: bool = False) -> None:
        self._compiler = compiler
        self._open_all = open_all
        self._open_concerned = open_concerned
        self._payers: dict[str, _PayerScreens] = {}

    def concerns(self, claim: RawClaim | ClaimRow) -> bool:
        """Whether an edit over encounters may look at the claim, so that it is judged with the others of its patient.

        A claim that is no original (CLM05-3) is: what it replaces or voids is another of its patient.
        """
        if self._open_all:
            return True
        if isinstance(claim, ClaimRow):
            return self._screens_for(claim.payer_id).concern(claim.procedures)
        if claim.stretch is None or not is_original(claim):
            return True
        return self._screens_for("").concern_text(claim.stretch.text)

    def may_fire(self, row: ClaimRow) -> frozenset[str] | None:
        """Return the codes of the edits that may find something on a claim judged without others; None for all.

        Raises ScrubberError where a screen crashes: nothing is known then about any claim that it let pass.
        """
        if self._open_all:
            return _ALL
        screens = self._screens_for(row.payer_id)
        if self._open_concerned and screens.concern(row.procedures):
            return _ALL
        return screens.may_fire(row)

    def ended_tables(self, row: ClaimRow) -> tuple[EndedTable, ...]:
        """Return the tables that a claim was judged by after their latest edition.

        Raises ScrubberError where a pack crashes.
        """
        try:
            stages = self._compiler.stages_for(row.payer_id)
            return ended_tables(row.services, stages, row.payer_id, self._compiler.policy)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - foreign code
            raise ScrubberError(f"what a pack says of its tables crashed with {place_of_error(error)}") from None

    def _screens_for(self, payer: str) -> _PayerScreens:
        own = self._compiler.payer_named(payer)
        found = self._payers.get(own)
        if found is None:
            found = self._payers[own] = _PayerScreens(self._compiler.stages_for(payer))
        return found


class _PayerScreens:
    """The screens of the edits that judge the claims of a payer."""

    def __init__(self, stages: Sequence[Stage]) -> None:
        self._stages = stages
        self._facts = [_StageFacts(stage) for stage in stages]
        self._over_claims = [_screens_of(stage.claim_edits) for stage in stages]
        self._over_encounters = [_screens_of(stage.encounter_edits) for stage in stages]
        self._following = frozenset(
            edit.meta.code
            for stage in stages
            for group in stage.encounter_edits
            for edit in group.edits
            if getattr(edit, "follows_others", False)
        )

    def concern(self, procedures: Iterable[str]) -> bool:
        """Whether an edit over encounters is about one of these procedures."""
        named = self._named
        return named is None or not named.isdisjoint(procedures)

    def concern_text(self, text: str) -> bool:
        """Whether an edit over encounters may be about a procedure in the text of a claim."""
        return self._pattern is None or self._pattern.search(text) is not None

    @cached_property
    def _named(self) -> frozenset[str] | None:
        """The procedures that edits over encounters name; None where one is about all."""
        groups = [group.procedures for stage in self._stages for group in stage.encounter_edits]
        return None if None in groups else frozenset[str]().union(*(codes for codes in groups if codes is not None))

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        named = self._named
        return None if named is None else re.compile("|".join(map(re.escape, sorted(named))) or "(?!)")

    def may_fire(self, row: ClaimRow) -> frozenset[str] | None:
        """Return the codes of the edits that may find something on a claim judged without others; None for all."""
        found: set[str] = set()
        for screens, facts in zip(self._over_claims, self._facts, strict=True):
            if screens:
                _ask(screens, row, frozenset(row.procedures), facts.of_days(row), found)
        if self.concern(row.procedures):
            if not row.is_known or None in row.dates:
                return _ALL
            for encounter in row.encounters():
                for screens, facts in zip(self._over_encounters, self._facts, strict=True):
                    _ask(screens, encounter, encounter.procedures, [facts.on(encounter.day)], found)
            if found:
                found |= self._following
        return frozenset(found)


_Screens = list[tuple[AbstractSet[str] | None, list[tuple[str, Callable[[Any, Any], bool]]]]]
"""By the procedures that edits are about: their codes and screens."""


def _screens_of(groups: Iterable[EditGroup[Any]]) -> _Screens:
    found: _Screens = []
    for group in groups:
        edits = [edit for edit in group.edits if type(edit).screen is not never_on_rows]
        screens = [(edit.meta.code, edit.screen) for edit in edits]
        if screens and found and found[-1][0] == group.procedures:
            found[-1][1].extend(screens)
        elif screens:
            found.append((group.procedures, screens))
    return found


def _ask(
    groups: _Screens, subject: object, procedures: AbstractSet[str], facts: Sequence[object], found: set[str]
) -> None:
    """Add the codes of those edits whose screens say of the subject that they may find something."""
    code = ""
    try:
        for about, screens in groups:
            if about is None or not about.isdisjoint(procedures):
                for of_day in facts:
                    for code, screen in screens:
                        if screen(subject, of_day):
                            found.add(code)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - foreign code, as an edit
        raise ScrubberError(f"the screen of {code} crashed with {place_of_error(error)}") from None


class _StageFacts:
    """What the screens of a pack ask of its tables: made once for the days between two changes of any table."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._make = stage.pack.facts_on
        self._made: dict[Hashable, object] = {}
        self._by_day: dict[date, object] = {}  # as many as SERVICE_YEARS have days at the most

    @cached_property
    def _epochs(self) -> Sequence[date] | None:
        return epochs_of(self._stage.tables)

    def on(self, day: date) -> object:
        """Return the facts for a date of service: the tables themselves where the pack makes none."""
        if self._make is None:
            return self._stage.tables
        found = self._by_day.get(day)
        if found is None:
            epoch = day if self._epochs is None else bisect_right(self._epochs, day)
            if epoch not in self._made:
                self._made[epoch] = self._make(self._stage.tables, day)
            found = self._by_day[day] = self._made[epoch]
        return found

    def of_days(self, row: ClaimRow) -> list[object]:
        """Return the facts for the dates of service of a claim, the same ones once."""
        if self._make is None:
            return [self._stage.tables]
        return list({id(facts): facts for facts in (self.on(day) for day in row.dates if day is not None)}.values())
