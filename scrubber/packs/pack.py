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

from scrubber.claims.encounter import Encounter
from scrubber.claims.model import Claim, PlainClaim, ServiceLine
from scrubber.findings.report import EndedTable, Observation
from scrubber.findings.rule import Rule
from scrubber.packs.edit import T
from scrubber.packs.option import Option
from scrubber.tables.table import TableInfo

__all__ = ["EditPack", "Page"]


@frozen
class Page:
    """An explanation of a procedure code: a title and headed paragraphs, each a tuple of lines."""

    title: str
    sections: tuple[tuple[str, tuple[str, ...]], ...]


def _no_tables() -> Any:
    return None


@frozen
class EditPack(Generic[T]):
    """What a distribution gives to the scrubber: its rules, in the order in which they run, and what they rest on.

    A claim that bills none of the procedures that any edit names in its `meta` is not opened, if it is plain (see
    `PlainClaim`) and `screen` says that no edit of the pack that names no procedures could find anything on it.  A
    pack with such edits and without `screen` has every claim opened.
    `tables` loads the rule tables, once, when the first claim needs them.  `table_infos` names them without loading.
    `codes` gives all codes that `describe` explains, in which the nearest to an unknown one are looked for.
    `price` gives the national amount in dollars that could be paid of a line of an encounter at most, or None where
    none is known.  `describe` explains a code on a date of service, or gives None for a code the pack knows
    nothing of.  `options` are what the settings may choose under `[packs.PREFIX]`, for which the tables hold an
    `option_table`.  `observe` gives what a report should count about an encounter (see `Observation`); it never
    holds anything but codes, counts and places.  `ended` gives the tables that a claim was judged by after their
    latest edition, of which every report has one notice; it looks at lines only that bill a procedure which an edit
    names.
    """

    edits: tuple[type[Rule], ...]
    tables: Callable[[], T] = _no_tables
    table_infos: Callable[[], Sequence[TableInfo]] = tuple
    price: Callable[[ServiceLine, Encounter, T], Decimal | None] | None = None
    describe: Callable[[str, date, T], Page | None] | None = None
    screen: Callable[[PlainClaim], bool] | None = None
    observe: Callable[[Encounter, T], Iterable[Observation]] | None = None
    options: tuple[Option, ...] = ()
    codes: Callable[[T], Iterable[str]] | None = None
    ended: Callable[[Claim, T], Iterable[EndedTable]] | None = None
