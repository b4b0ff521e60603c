"""Tell from the rows of claims which edits may find anything on them; the others need no claim to be opened."""

from __future__ import annotations

import re
import traceback
from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterable, Sequence
from datetime import date
from functools import cached_property
from typing import Any

from scrubber.claims.builder import is_original
from scrubber.claims.columns import ClaimRow, EncounterColumns
from scrubber.claims.encounter import Encounter
from scrubber.claims.raw_claim import RawClaim
from scrubber.engine.compile import Compiler
from scrubber.engine.stage import EditGroup, Stage, ended_tables
from scrubber.errors import ScrubberError, place_of_error
from scrubber.findings.report import EndedTable
from scrubber.packs.edit import EncounterEdit, never_on_rows
from scrubber.tables.table import epochs_of

__all__ = ["Answers", "Screening"]

_SEVERAL = 2

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

    def concerns(self, claim: RawClaim) -> bool:
        """Whether an edit over encounters may look at a claim, so that it is judged with the others of its patient.

        A claim that is no original (CLM05-3) is: what it replaces or voids is another of its patient.
        """
        if self._open_all or claim.stretch is None or not is_original(claim):
            return True
        return self._screens_for("").concern_text(claim.stretch.text)

    def screen(self, row: ClaimRow, answers: Answers) -> tuple[bool, frozenset[str] | None]:
        """Return what `concerns` does, and the codes of the edits that may find something; None for all.

        `answers` are those of screens by codes in this file so far; it is empty in the beginning.  What is returned
        holds where the claim is judged without others.  Raises ScrubberError where a screen crashes: nothing is known
        then about any claim that it let pass.
        """
        if self._open_all:
            return True, _ALL
        screens = self._screens_for(row.payer_id)
        concerned = screens.concern(row.procedures)
        if concerned and (self._open_concerned or not row.is_known or None in row.dates):
            return True, _ALL
        try:
            return concerned, screens.may_fire(row, answers, concerned=concerned)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - foreign code, as an edit
            raise ScrubberError(f"{screens.name_of(error)} crashed with {place_of_error(error)}") from None

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
        facts = [_StageFacts(stage) for stage in stages]
        over_claims = [_screens_of(stage.claim_edits) for stage in stages]
        self._over_claims = [
            (about, screens, own) for own, groups in zip(facts, over_claims, strict=True) for about, screens in groups
        ]
        self._over_encounters = [
            _EncounterScreens(own, stage.encounter_edits)
            for own, stage in zip(facts, stages, strict=True)
            if stage.encounter_edits
        ]
        groups = [group for stage in stages for group in stage.encounter_edits]
        self._named = _named_in(groups)
        self._following = frozenset(
            edit.meta.code for group in groups for edit in group.edits if getattr(edit, "follows_others", False)
        )

    def concern(self, procedures: Iterable[str]) -> bool:
        """Whether an edit over encounters is about one of these procedures."""
        return self._named is None or not self._named.isdisjoint(procedures)

    def concern_text(self, text: str) -> bool:
        """Whether an edit over encounters may be about a procedure in the text of a claim."""
        return self._pattern is None or self._pattern.search(text) is not None

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        named = self._named
        return None if named is None else re.compile("|".join(map(re.escape, sorted(named))) or "(?!)")

    def may_fire(self, row: ClaimRow, answers: Answers, *, concerned: bool) -> frozenset[str]:
        """Return the codes of the edits that may find something on a claim; `concerned` as `concern` says.

        `answers` are those of the screens by codes, so far.
        """
        found: list[str] = []
        for about, screens, facts in self._over_claims:
            if about is None or not about.isdisjoint(row.procedures):
                for of_day in facts.of_days(row):
                    found += [code for code, screen in screens if screen(row, of_day)]
        for encounter in row.encounters() if concerned else ():
            for own in self._over_encounters:
                of_codes, asked = own.by_codes(encounter, answers)
                found += [code for code, screen in asked if screen is None or screen(of_codes, encounter)]
        if not found:
            return _NONE
        return frozenset(found) | self._following if concerned else frozenset(found)

    def name_of(self, error: BaseException) -> str:
        """Name the screen in which an error was raised."""
        screens = [each for _, screens, _ in self._over_claims for each in screens]
        screens += [each for own in self._over_encounters for each in own.screens]
        codes = {getattr(screen, "__code__", None): code for code, screen in screens}
        found = [codes[frame.f_code] for frame, _ in traceback.walk_tb(error.__traceback__) if frame.f_code in codes]
        return f"the screen of {found[0]}" if found else "what the screens of a pack ask"


_NONE: frozenset[str] = frozenset()

_Screens = list[tuple[str, Callable[..., bool]]]
"""Codes and screens of edits."""


def _named_in(groups: Iterable[EditGroup[Any]]) -> frozenset[str] | None:
    """Return the procedures that edits name; None where one is about all."""
    named: set[str] = set()
    for group in groups:
        if group.procedures is None:
            return None
        named |= group.procedures
    return frozenset(named)


def _screens_of(groups: Iterable[EditGroup[Any]]) -> list[tuple[frozenset[str] | None, _Screens]]:
    """Return the screens of the edits, by the procedures that these are about."""
    found: dict[frozenset[str] | None, _Screens] = {}
    for group in groups:
        edits = [edit for edit in group.edits if getattr(type(edit), "screen", None) is not never_on_rows]
        found.setdefault(group.procedures, []).extend((edit.meta.code, edit.screen) for edit in edits)
    return [(about, screens) for about, screens in found.items() if screens]


_Answer = tuple[object, list[tuple[str, Callable[..., bool] | None]]]
"""The facts of an encounter, and the edits that may find something by its codes, each with its `screen_claim`, None
where it has none."""
Answers = dict[Hashable, _Answer]
"""The answers by payer, pack, facts of the day and codes of an encounter."""

_MOST_ANSWERS = 4_096
_LONG = 4_096
"""Bytes of a claim of which no answer is kept: the codes of many would take much memory."""


class _EncounterScreens:
    """The screens of the edits over encounters of a pack."""

    def __init__(self, facts: _StageFacts, groups: Sequence[EditGroup[Encounter]]) -> None:
        self._facts = facts
        self._groups = _screens_of(groups)
        self._of_claims: dict[str, Callable[..., bool]] = {}
        by_default = getattr(EncounterEdit, "screen_claim", None)
        for edit in (edit for group in groups for edit in group.edits):
            screen: Callable[..., bool] | None = getattr(edit, "screen_claim", None)
            if screen is not None and getattr(screen, "__func__", None) is not by_default:
                self._of_claims[edit.meta.code] = screen

    @property
    def screens(self) -> _Screens:
        """All of them."""
        return [each for _, screens in self._groups for each in screens] + list(self._of_claims.items())

    def by_codes(self, encounter: EncounterColumns, answers: Answers) -> _Answer:
        """Return the facts of an encounter, and the edits that may find something by its codes."""
        of_day = self._facts.on(encounter.day)
        if not self._facts.are_of_codes or encounter.claim.size > _LONG:
            return self._answer(encounter, of_day)
        key = (id(self), id(of_day), encounter.codes)
        known = answers.get(key)
        if known is None:
            if len(answers) >= _MOST_ANSWERS:
                answers.clear()
            known = answers[key] = self._answer(encounter, of_day)
        return known

    def _answer(self, encounter: EncounterColumns, of_day: object) -> _Answer:
        facts = self._facts.of_codes(encounter, of_day)
        return facts, [
            (code, self._of_claims.get(code))
            for about, screens in self._groups
            if about is None or not about.isdisjoint(encounter.procedures)
            for code, screen in screens
            if screen(facts)
        ]


class _StageFacts:
    """What the screens of a pack ask of its tables: made once for the days between two changes of any table."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._make, self._of_codes = stage.pack.facts_on, stage.pack.facts_of
        self._tables: list[object] = [stage.tables]
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
            return self._tables
        facts = [self.on(day) for day in row.dates if day is not None]
        return facts if len(facts) < _SEVERAL else list({id(each): each for each in facts}.values())

    @property
    def are_of_codes(self) -> bool:
        """Whether the pack makes facts of the codes of an encounter, which those with the same codes share."""
        return self._of_codes is not None

    def of_codes(self, encounter: EncounterColumns, of_day: object) -> object:
        """Return what the pack makes of the codes of an encounter, the columns where it makes nothing of them."""
        return encounter if self._of_codes is None else self._of_codes(encounter, of_day)
