"""The plugin contract: what an edit is, and what a distribution gives to the scrubber.

An edit is a class with one validated `meta` object, a docstring that `scrubber explain` prints, and a pure `check`
that yields findings: no input or output, no clock, no mutation.  Its tables come with the context, and it chooses
rows by the date of service.  A distribution offers its edits as one `Chain` under the entry point group
`scrubber.edits`; the entry's name is the prefix of all its codes.
"""

from __future__ import annotations

import inspect
import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any, ClassVar, Generic, TypeVar

from attrs import field, frozen, validators

from scrubber.disclosure import CodeForm
from scrubber.encounter import Encounter
from scrubber.findings import Adjustment, EndedTable, Finding, Location, Observation, Severity, Source, Status
from scrubber.model import Claim, DateRange, PlainClaim, ServiceLine
from scrubber.pack_options import Option
from scrubber.tables import TableInfo

__all__ = [
    "Chain",
    "Context",
    "Documentation",
    "Edit",
    "EncounterEdit",
    "Example",
    "FileEdit",
    "Meta",
    "Page",
    "Rule",
    "statuses",
]

T = TypeVar("T")

_CODE = re.compile(r"[A-Z][A-Z0-9]*?\d{3}")
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_DOCSTRING = re.compile(r"(.+?)\n\nWhy: (.+?)\nFix: (.+)", re.DOTALL)


def statuses(*texts: str) -> tuple[Status, ...]:
    """Read statuses as the guide writes them: `statuses("A8:732", "A8:507")`; at most three (STC01, STC10, STC11)."""
    if len(texts) > 3:
        raise ValueError("an STC segment holds at most three statuses")
    return tuple(Status.parse(text) for text in texts)


@frozen
class Example:
    """A claim in the shorthand of `scrubber.testing`, and whether the edit fires on it.  The tests execute it."""

    claim: str
    fires: bool


@frozen
class Meta:
    """What is known about a rule before it is run.

    `code` is the plugin's prefix and three digits; `name` states the defect.  `severity` is that of all its findings
    before settings change it: where claims are judged again without the rejected ones, only edits with errors run.
    `statuses` go into a 277CA, `adjustment` is the denial that a payer would typically answer with.  `procedures` are
    the procedure codes the edit is about: it is run only where one of them is billed (None: everywhere).  `effective`
    bounds the dates of service for which the rule exists.  A `mandatory` rule says that something could not be judged:
    no setting can deselect, ignore or lower it.  `option` is the option of the pack, and the value of it, without which
    the rule finds nothing; the examples are executed with it.  `voids`: it is asked of void claims (CLM05-3 = 8) too,
    which nothing else judges.
    """

    code: str = field(validator=validators.matches_re(_CODE))
    name: str = field(validator=validators.matches_re(_NAME))
    severity: Severity
    sources: tuple[Source, ...] = field(validator=validators.min_len(1))
    statuses: tuple[Status, ...] = field(default=(), validator=validators.max_len(3))
    adjustment: Adjustment | None = None
    procedures: frozenset[str] | None = None
    effective: DateRange | None = None
    examples: tuple[Example, ...] = ()
    mandatory: bool = False
    option: tuple[str, str | bool] | None = None
    voids: bool = False

    @property
    def prefix(self) -> str:
        """The prefix of the code, which is the pack's."""
        return self.code[:-3]

    @property
    def packs(self) -> dict[str, dict[str, str | bool]]:
        """The settings of packs with which the rule runs, in the form of `Config.packs`."""
        return {} if self.option is None else {self.prefix: dict([self.option])}


@frozen
class Documentation:
    """The docstring of a rule, taken apart: what is wrong, why a payer minds, what to do.  Each is one paragraph."""

    what: str
    why: str
    fix: str


class Rule:
    """Anything with a code in the catalogue."""

    meta: ClassVar[Meta]

    @classmethod
    def documentation(cls) -> Documentation:
        """Read the docstring: a first paragraph, then paragraphs that begin with "Why:" and "Fix:", as sentences.

        Raises ValueError when one of the three is missing.
        """
        text = inspect.cleandoc(cls.__doc__ or "")
        match = _DOCSTRING.fullmatch(text)
        if match is None:
            raise ValueError(f"the docstring of {cls.__name__} needs a first sentence, Why: and Fix:")
        return Documentation(*map(_sentence, match.groups()))


def _sentence(part: str) -> str:
    """Write a part of a docstring on one line, with a capital letter."""
    text = " ".join(part.split())
    return text[:1].upper() + text[1:]


@frozen
class Context(Generic[T]):
    """What an edit may know besides its subject: the plugin's tables and what was found before it."""

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
    ) -> Finding:
        """Make a finding on a claim or a line.

        `element` is the faulty element's reference designator ("SV101-3"), `qualifier` the first element of its segment
        where several segments share an identifier ("472").  `statuses`, `adjustment` and `source` replace
        those of `meta`.
        """
        line = subject if isinstance(subject, ServiceLine) else None
        claim = subject.claim if isinstance(subject, ServiceLine) else subject
        location: Location = subject.locate(element, qualifier)
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
            # Anything else in SV101-2 may be a misplaced name.
            procedure=line.procedure if line and CodeForm.PROCEDURE.fits(line.procedure) else None,
            location=location,
            statuses=self.meta.statuses if statuses is None else statuses,
            adjustment=adjustment or self.meta.adjustment,
            source=source or self.meta.sources[0],
        )


class Edit(_ClaimRule[T], ABC):
    """An edit that judges one claim by itself."""

    @abstractmethod
    def check(self, claim: Claim, context: Context[T]) -> Iterable[Finding]:
        """Yield the findings on `claim`."""


class EncounterEdit(_ClaimRule[T], ABC):
    """An edit that judges all a provider did for a patient on a date, over the claims of a file."""

    @abstractmethod
    def check(self, encounter: Encounter, context: Context[T]) -> Iterable[Finding]:
        """Yield the findings on the lines of `encounter`."""


class FileEdit(Rule):
    """A rule that the reader or the engine itself reports: there is no `check` to call."""

    @classmethod
    def on_claim(cls, claim: Claim, message: str, fix: str) -> Finding:
        """Return a finding on a whole claim."""
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
        )


@frozen
class Page:
    """An explanation of a procedure code: a title and headed paragraphs, each a tuple of lines."""

    title: str
    sections: tuple[tuple[str, tuple[str, ...]], ...]


def _no_tables() -> None:
    return None


@frozen
class Chain(Generic[T]):
    """What a distribution gives to the scrubber: its rules, in the order in which they run, and what they rest on.

    A claim that bills none of the procedures that any edit names in its `meta` is not opened, if it is plain (see
    `PlainClaim`) and `screen` says that no edit of the chain that names no procedures could find anything on it.  A
    chain with such edits and without `screen` has every claim opened.
    `tables` loads the rule tables, once, when the first claim needs them.  `table_infos` names them without loading.
    `codes` gives all codes that `describe` explains, in which the nearest to an unknown one are looked for.
    `price` gives the national amount in dollars that could be paid of a line of an encounter at most, or None where
    none is known.  `describe` explains a code on a date of service, or gives None for a code the chain knows
    nothing of.  `options` are what the settings may choose under `[packs.PREFIX]`, for which the tables hold an
    `option_table`.  `observe` gives what a report should count about an encounter (see `Observation`); it never
    holds anything but codes, counts and places.  `ended` gives the tables that a claim was judged by after their
    latest edition, of which every report has one notice; it looks at lines only that bill a procedure which an edit
    names.
    """

    edits: tuple[type[Rule], ...]
    tables: Callable[[], Any] = _no_tables
    table_infos: Callable[[], Sequence[TableInfo]] = tuple
    price: Callable[[ServiceLine, Encounter, Any], Decimal | None] | None = None
    describe: Callable[[str, date, Any], Page | None] | None = None
    screen: Callable[[PlainClaim], bool] | None = None
    observe: Callable[[Encounter, Any], Iterable[Observation]] | None = None
    options: tuple[Option, ...] = ()
    codes: Callable[[Any], Iterable[str]] | None = None
    ended: Callable[[Claim, Any], Iterable[EndedTable]] | None = None
