"""What a distribution gives to the scrubber: its edits and what they rest on.

It offers them as one `EditPack` under the entry point group `scrubber.edits`; the name of the entry is the prefix of
all its codes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Generic

from attrs import frozen

from scrubber.claims.columns import EncounterColumns
from scrubber.claims.encounter import Encounter
from scrubber.claims.model import ServiceLine
from scrubber.findings.dates import DateRange
from scrubber.findings.report import EndedTable, Observation
from scrubber.findings.rule import Rule
from scrubber.findings.values import Values
from scrubber.packs.edit import T
from scrubber.packs.option import Option
from scrubber.tables.table import TableInfo

__all__ = ["EditPack", "Page"]


@frozen(eq=False, repr=False)
class Page(Values):
    """An explanation of a procedure code: a title and headed paragraphs, each a tuple of lines."""

    title: str
    sections: tuple[tuple[str, tuple[str, ...]], ...]


def _no_tables() -> Any:
    return None


@frozen(eq=False, repr=False)
class EditPack(Values, Generic[T]):
    """What a distribution gives to the scrubber: its rules, in the order in which they run, and what they rest on.

    A claim of regular text (see `ClaimRow`) is not opened where the `screen` of each edit that is about one of its
    procedures says that the edit cannot find anything on it; an edit about all procedures without `screen` has every
    claim opened.  `facts_on` makes what the screens ask of the tables for a date of service, once for the days between
    two changes of any row; without it they are given the tables.  `facts_of` makes of the columns of an encounter and
    of these what the screens of edits over encounters ask; it is used for all encounters with the same codes, so it
    holds nothing else of the claim.  Without it the screens are given the columns.
    `tables` loads the rule tables, once, when the first claim needs them.  `table_infos` names them without loading.
    `codes` gives all codes that `describe` explains, in which the nearest to an unknown one are looked for.
    `price` gives the national amount in dollars that could be paid of a line of an encounter at most, or None where
    none is known.  `describe` explains a code on a date of service, or gives None for a code the pack knows
    nothing of.  `options` are what the settings may choose under `[packs.PREFIX]`, for which the tables hold an
    `option_table`.  `observe` gives what a report should count about an encounter (see `Observation`); it never
    holds anything but codes, counts and places.  `ended` gives the tables that the procedures of a claim
    were judged by after their latest edition, given with their dates of service; every report has one notice of them.
    """

    edits: tuple[type[Rule], ...]
    tables: Callable[[], T] = _no_tables
    table_infos: Callable[[], Sequence[TableInfo]] = tuple
    price: Callable[[ServiceLine, Encounter, T], Decimal | None] | None = None
    describe: Callable[[str, date, T], Page | None] | None = None
    facts_on: Callable[[T, date], Any] | None = None
    facts_of: Callable[[EncounterColumns, Any], object] | None = None
    observe: Callable[[Encounter, T], Iterable[Observation]] | None = None
    options: tuple[Option, ...] = ()
    codes: Callable[[T], Iterable[str]] | None = None
    ended: Callable[[Iterable[tuple[str, DateRange]], T], Iterable[EndedTable]] | None = None
