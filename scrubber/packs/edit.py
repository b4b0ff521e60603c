"""The plugin contract: what an edit is.

An edit is a class with one validated `meta` object, a docstring that `scrubber explain` prints, and a pure `check`
that yields findings: no input or output, no clock, no mutation.  Its tables come with the context, and it chooses
rows by the date of service.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Generic, TypeVar

from attrs import frozen

from scrubber.claims.columns import ClaimRow, EncounterColumns
from scrubber.claims.encounter import Encounter
from scrubber.claims.model import Claim, ServiceLine
from scrubber.findings.code_form import CodeForm
from scrubber.findings.finding import Adjustment, Finding, Location, Related, Severity, Source, Status
from scrubber.findings.rule import FileEdit, Rule

__all__ = [
    "Context",
    "Edit",
    "EncounterEdit",
    "EngineRule",
    "never_on_rows",
    "related_places",
]

T = TypeVar("T")


@frozen
class Context(Generic[T]):
    """What an edit may know besides its subject: the plugin's tables, and what was found before.

    `found` are the findings on the claim, or on the lines of the encounter and on their claims as such.
    """

    tables: T
    found: Sequence[Finding] = ()

    def has_error(self, line: ServiceLine) -> bool:
        """Whether an edit earlier in the run found an error on `line`."""
        return bool(self.found) and (line.claim.ordinal, line.number) in self._faulty

    @cached_property
    def _faulty(self) -> frozenset[tuple[int | None, int | None]]:
        return frozenset([(each.claim_ordinal, each.line) for each in self.found if each.severity is Severity.ERROR])


class _ClaimRule(Rule, Generic[T]):
    """What the two kinds of edits share: making a finding."""

    def finding(
        self,
        subject: Claim | ServiceLine,
        message: str,
        fix: str,
        *,
        element: str | None = None,
        qualifier: str | None = None,
        statuses: tuple[Status, ...] | None = None,
        adjustment: Adjustment | None = None,
        source: Source | None = None,
        related: Mapping[str, Iterable[ServiceLine]] | None = None,
    ) -> Finding:
        """Make a finding on a claim or a line.

        `element` is the faulty element's reference designator ("SV101-3"), `qualifier` the first element of its segment
        where several segments share an identifier ("472").  `statuses`, `adjustment` and `source` replace
        those of `meta`.  `related` are the lines that the finding refers to, by what they are to it
        ({"primary procedure": bases}), without `subject` itself.
        """
        line = subject if isinstance(subject, ServiceLine) else None
        claim = subject.claim if isinstance(subject, ServiceLine) else subject
        return Finding(
            code=self.meta.code,
            name=self.meta.name,
            severity=self.meta.severity,
            # Many lines are told the same: one copy of it is enough.
            message=sys.intern(str(message)),
            fix=sys.intern(str(fix)),
            claim=claim.control_number,
            claim_ordinal=claim.ordinal,
            line=line.number if line else None,
            line_control_number=(line.control_number or None) if line else None,
            procedure=_procedure(line) if line else None,
            location=_located(subject, element, qualifier),
            statuses=self.meta.statuses if statuses is None else statuses,
            adjustment=adjustment or self.meta.adjustment,
            source=source or self.meta.sources[0],
            related=related_places(related, apart_from=subject) if related else (),
        )


def related_places(
    related: Mapping[str, Iterable[Claim | ServiceLine]], *, apart_from: Claim | ServiceLine | None = None
) -> Iterator[Related]:
    """Yield the places of lines (SV101-2) and claims (CLM), which are given by what they are to a finding."""
    others = ((role, other) for role, found in related.items() for other in found if other is not apart_from)
    return (_related_place(role, other) for role, other in others)


def _related_place(role: str, other: Claim | ServiceLine) -> Related:
    """Return the place of a line or claim.  Many findings refer to the same one, so it is located once."""
    line = other if isinstance(other, ServiceLine) else None
    claim = other.claim if isinstance(other, ServiceLine) else other
    return claim.once(
        ("related", role, id(other)),
        lambda: Related(
            role=role,
            claim=claim.control_number,
            claim_ordinal=claim.ordinal,
            line=line.number if line else None,
            procedure=_procedure(line) if line else None,
            location=_located(other, "SV101-2" if line else None),
        ),
    )


def _located(subject: Claim | ServiceLine, element: str | None, qualifier: str | None = None) -> Location:
    """Locate an element of a claim or line.  Several findings are at one place, so it is located once."""
    claim = subject.claim if isinstance(subject, ServiceLine) else subject
    return claim.once((id(subject), element, qualifier), lambda: subject.locate(element, qualifier))


def _procedure(line: ServiceLine) -> str | None:
    """Return the procedure of a line, None for what has not its form: it may be a misplaced name."""
    return line.procedure if CodeForm.PROCEDURE.fits(line.procedure) else None


def never_on_rows(_edit: object, *_asked: object) -> bool:
    """Return False, as the `screen` of an edit that looks for what the form of a `ClaimRow` rules out."""
    return False


class Edit(_ClaimRule[T], ABC):
    """An edit that judges one claim by itself."""

    @abstractmethod
    def check(self, claim: Claim, context: Context[T], /) -> Iterable[Finding]:
        """Yield the findings on `claim`."""

    def screen(self, row: ClaimRow, facts: Any, /) -> bool:
        """Whether `check` may find anything on the claim of a row, cheaply; True where it is not known.

        A claim on which no edit may find anything is accepted without being opened: False has to be certain.  `facts`
        are what `EditPack.facts_on` makes for a date of service; of a claim with several dates each is asked.
        """
        del row, facts
        return True


class EncounterEdit(_ClaimRule[T], ABC):
    """An edit that judges all a provider did for a patient on a date, over the claims of a file.

    One that `follows_others` finds more where other edits have found something (`Context.found`): it runs wherever
    another edit may, whatever its screen says.
    """

    follows_others: ClassVar[bool] = False

    @abstractmethod
    def check(self, encounter: Encounter, context: Context[T], /) -> Iterable[Finding]:
        """Yield the findings on the lines of `encounter`."""

    def screen(self, facts: Any, /) -> bool:
        """Whether `check` may find anything on the lines of an encounter by their codes; True where it is not known.

        `facts` are what `EditPack.facts_of` makes of an `EncounterColumns`: the answer then holds for all encounters of
        a file that are alike in procedures, modifiers, SV103 to SV107 and tables, and is asked for once.  It is asked
        about claims that are judged without others of their patient only; `Edit.screen` says the rest.
        """
        del facts
        return True

    def screen_claim(self, facts: Any, encounter: EncounterColumns, /) -> bool:
        """Whether `check` may find anything where `screen` says so, by what else the claim says; True if not known."""
        del facts, encounter
        return True


class EngineRule(FileEdit):
    """A rule about a whole claim that the engine itself reports."""

    @classmethod
    def on_claim(
        cls, claim: Claim, message: str, fix: str, related: Mapping[str, Iterable[Claim]] | None = None
    ) -> Finding:
        """Return a finding on a whole claim; `related` are other claims, as lines are to an edit's finding."""
        return Finding(
            code=cls.meta.code,
            name=cls.meta.name,
            severity=cls.meta.severity,
            message=message,
            fix=fix,
            claim=claim.control_number,
            claim_ordinal=claim.ordinal,
            location=claim.locate(),
            statuses=cls.meta.statuses,
            adjustment=cls.meta.adjustment,
            source=cls.meta.sources[0],
            related=related_places(related or {}),
        )
