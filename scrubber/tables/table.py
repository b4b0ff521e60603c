"""Effective-dated rule tables: load them from CSV, verify them, look rows up by date of service.

A table is a CSV file whose columns are the fields of an attrs row class with at least `effective` and `deleted`, both
days included, and an entry in the `manifest.toml` beside it that says where the facts come from and which dates of
service they cover.
"""

from __future__ import annotations

import csv
import hashlib
import io
import tomllib
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from math import isfinite
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import attrs
from attrs import field, frozen

from scrubber.errors import ConfigError
from scrubber.findings.dates import DateRange
from scrubber.findings.finding import Source
from scrubber.findings.values import Values

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

__all__ = [
    "DatedRow",
    "Table",
    "TableInfo",
    "epochs_of",
    "load_manifest",
    "load_publications",
    "load_table",
    "override_tables",
]


def _day(text: str | date) -> date:
    return text if isinstance(text, date) else date.fromisoformat(text)


def _last_day(text: str | date | None) -> date | None:
    return None if text is None or text == "" else _day(text)


@frozen(eq=False, repr=False)
class DatedRow(Values):
    """A row class to derive from: the days a row is in force, both included, as a table's CSV file writes them.

    A blank `effective` means that the first day is not known, a blank `deleted` that no end is.
    """

    effective: date = field(default=date.min, converter=_day, kw_only=True)
    deleted: date | None = field(default=None, converter=_last_day, kw_only=True)

    @property
    def dates(self) -> str:
        """The dates in words."""
        start = "" if self.effective == date.min else f"from {self.effective}"
        end = f"{'to' if start else 'through'} {self.deleted}" if self.deleted else ""
        return " ".join(part for part in (start, end) if part) or "dates not known"


R = TypeVar("R", bound=DatedRow)
R_co = TypeVar("R_co", bound=DatedRow, covariant=True)
T = TypeVar("T")


@frozen(eq=False, repr=False)
class TableInfo(Values):
    """The provenance of a table.

    `first_day` and `last_day` bound the dates of service for which its publications have been seen; after `last_day`
    the rows of that edition are used further and a notice of the report says so.  `cited_as` names the edition where a
    finding cites the table; without it the title does.
    """

    name: str
    title: str
    source: str
    retrieved: date
    first_day: date
    last_day: date
    file: str
    sha256: str
    cited_as: str = ""

    @property
    def citation(self) -> Source:
        """The table as the source of a finding."""
        return Source(self.cited_as or self.title, f"{self.first_day} to {self.last_day}")


@frozen(eq=False)
class Table(Generic[R_co]):
    """Rows by key, each with the dates it is in force."""

    info: TableInfo
    rows: Mapping[Hashable, tuple[R_co, ...]] = field(repr=False)

    def on(self, key: Hashable, when: date | DateRange) -> R_co | None:
        """Return the row of `key` in force on the day, or on any day of the range; None if there is none."""
        rows = self.rows.get(key)
        if rows is None:
            return None
        first, last = (when.first, when.last) if isinstance(when, DateRange) else (when, when)
        for row in rows:
            if row.effective <= last and (row.deleted is None or first <= row.deleted):
                return row
        return None

    def ever(self, key: Hashable) -> tuple[R_co, ...]:
        """Return all rows of `key`, whatever their dates, oldest first."""
        return self.rows.get(key, ())

    def has_any(self, keys: Iterable[Hashable]) -> bool:
        """Whether there is a row, whatever its dates, for one of the keys."""
        return not self.rows.keys().isdisjoint(keys)

    def __iter__(self) -> Iterator[R_co]:
        return (row for rows in self.rows.values() for row in rows)


_PUBLICATIONS = "publications"
_NUMBERS = (Decimal, float)


def load_manifest(folder: Traversable) -> dict[str, TableInfo]:
    """Return the tables that `manifest.toml` of a folder describes, by name.

    Raises ConfigError when it is missing or malformed.
    """
    entries = _read_manifest(folder)
    tables = {name: entry for name, entry in entries.items() if name != _PUBLICATIONS}
    return _described(tables, lambda name, entry: TableInfo(name=name, **entry))


def load_publications(folder: Traversable) -> dict[str, Source]:
    """Return what edits cite that is no table, by name: the parts `[publications.NAME]` of a folder's `manifest.toml`.

    Each has a `title` and an `effective`, both texts.  Raises ConfigError when the manifest is missing or malformed.
    """
    return _described(_read_manifest(folder).get(_PUBLICATIONS, {}), _publication)


def _publication(name: str, entry: Mapping[str, Any]) -> Source:
    if not all(isinstance(text, str) and text for text in entry.values()):
        raise ValueError(f"publication {name}: title and effective must be texts")
    return Source(**entry)


def _read_manifest(folder: Traversable) -> dict[str, Any]:
    try:
        return _parse_manifest(folder.joinpath("manifest.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # no TOML, no UTF-8
        raise ConfigError(f"the manifest of the rule tables cannot be used: {error}") from error


@lru_cache(maxsize=1)  # tables and publications are in one manifest
def _parse_manifest(text: str) -> dict[str, Any]:
    return tomllib.loads(text)


def _described(entries: Mapping[str, Any], build: Callable[[str, Mapping[str, Any]], T]) -> dict[str, T]:
    """Build what each part of a manifest describes."""
    try:
        return {name: build(name, entry) for name, entry in entries.items()}
    except (ValueError, TypeError, AttributeError) as error:  # not the fields that it must have, or no part at all
        raise ConfigError(f"the manifest of the rule tables cannot be used: {error}") from error


def load_table(folder: Traversable, info: TableInfo, row_class: type[R], key: Callable[[R], Hashable]) -> Table[R]:
    """Load one table and verify it against its manifest entry.

    Raises ConfigError when the file is missing, differs from the manifest's SHA-256, or holds a value that its column
    does not take.
    """
    try:
        content = folder.joinpath(info.file).read_bytes()
    except OSError as error:
        raise ConfigError(f"rule table {info.name}: {info.file} cannot be read") from error
    if hashlib.sha256(content).hexdigest() != info.sha256:
        raise ConfigError(
            f"rule table {info.name}: {info.file} is not the file its manifest describes (SHA-256 differs)"
        )
    rows: dict[Hashable, list[R]] = {}
    line = 1
    try:
        reader = csv.reader(io.StringIO(content.decode("utf-8"), newline=""))
        build = _row_builder(row_class, next(reader, list[str]()))
        for values in filter(None, reader):  # an empty line is no row
            line = reader.line_num
            row = build(values)
            rows.setdefault(key(row), []).append(row)
    except (ValueError, TypeError, ArithmeticError, csv.Error) as error:
        raise ConfigError(f"rule table {info.name}, line {line}: {_reason(error)}") from error
    for found in rows.values():
        if len(found) > 1:
            found.sort(key=lambda row: row.effective)
    return Table(info, {name: tuple(found) for name, found in rows.items()})


def _row_builder(row_class: type[R], header: Sequence[str]) -> Callable[[Sequence[str]], R]:
    """Return what builds a row from its texts, given those of the first line.

    Each field is read by its attrs converter; an empty text reads as the field's default.
    """
    unknown = sorted(set(header) - set(attrs.fields_dict(row_class)))
    numbers = _number_fields(row_class)

    def build(values: Sequence[str]) -> R:
        if unknown or len(values) > len(header):
            raise ValueError(f"unknown column {', '.join(unknown or ['None'])}")
        row = row_class(**{name: text for name, text in zip(header, values, strict=False) if text})
        if numbers:
            _check_finite(row, numbers)
        return row

    return build


def epochs_of(tables: object) -> list[date] | None:
    """Return the days from which on a row of any table of a pack is in force, or no longer, or a table has ended.

    They are in order: between two of them the tables say the same of every day.  None where `tables` is no attrs class
    of `Table` fields, so that nothing is known of the days.
    """
    kind = type(tables)
    if not attrs.has(kind):
        return None
    found: set[date] = set()
    for name in attrs.fields_dict(kind):
        table = find_table(tables, name)
        if table is None:
            return None
        ends = [table.info.last_day, *(row.deleted for row in table if row.deleted is not None)]
        found |= {day + timedelta(days=1) for day in ends if day < date.max}
        found |= {row.effective for row in table}
    return sorted(found)


def find_table(tables: object, name: str) -> Table[DatedRow] | None:
    """Return the table `name` of a pack's tables (an attrs class of `Table` fields), None where it has none."""
    found = getattr(tables, name, None)
    return cast("Table[DatedRow]", found) if isinstance(found, Table) else None


def override_tables(tables: T, overrides: Mapping[str, Mapping[str, Mapping[str, object]]], origin: str) -> T:
    """Return a copy of `tables` (an attrs class of `Table` fields) with rows changed as a configuration says.

    `overrides` maps table name, row key and column to the new value, as in `tables.mue.37253.value = 8`; it changes
    every row of that key.  `origin` names the configuration in errors.  Raises ConfigError for a table, key, column
    or value that does not exist.
    """
    changed: dict[str, Table[DatedRow]] = {}
    for name, by_key in overrides.items():
        table = find_table(tables, name)
        if table is None:
            raise ConfigError(f"{origin}: there is no table {name!r}")
        rows = dict(table.rows)
        for key, columns in by_key.items():
            if key not in rows:
                raise ConfigError(f"{origin}: table {name} has no row {key!r}")
            rows[key] = tuple(_changed(row, columns, f"{origin}: table {name}, row {key}") for row in rows[key])
        changed[name] = attrs.evolve(table, rows=rows)
    return cast("T", attrs.evolve(cast("Any", tables), **changed)) if changed else tables


def _changed(row: R, columns: Mapping[str, object], origin: str) -> R:
    fields = attrs.fields_dict(type(row))
    if unknown := sorted(set(columns) - set(fields)):
        raise ConfigError(f"{origin}: there is no column {', '.join(unknown)}")
    for name, value in columns.items():
        place = f"{origin}, column {name}"
        if isinstance(value, list | dict | bool):
            raise ConfigError(f"{place}: must be a text, a number or a date")
        try:
            row = attrs.evolve(row, **{name: str(value)})
            _check_finite(row, _number_fields(type(row)))
        except (ValueError, TypeError, ArithmeticError) as error:
            raise ConfigError(f"{place}: {_reason(error, value)}") from error
    return row


def _number_fields(row_class: type[DatedRow]) -> list[str]:
    """Return the fields of a row that may hold numbers: those that are not texts as they are read, and not its days."""
    days = attrs.fields_dict(DatedRow)
    columns: dict[str, Any] = attrs.fields_dict(row_class)
    return [name for name, column in columns.items() if name not in days and not _keeps_text(column)]


def _keeps_text(column: Any) -> bool:
    has_text = column.default is attrs.NOTHING or isinstance(column.default, str)
    return has_text and column.converter is None


def _check_finite(row: DatedRow, numbers: Iterable[str]) -> None:
    """Raise ValueError where a number of a row is none that can be counted with, in a table of any plugin."""
    for name in numbers:
        value = getattr(row, name)
        if isinstance(value, _NUMBERS) and not isfinite(value):
            raise ValueError(f"{name} is not a finite number")


def _reason(error: Exception, value: object = None) -> str:
    """Word an error of a converter or validator in one line."""
    if isinstance(error, ArithmeticError):  # of Decimal, which names its own classes only
        return "is not a number" if value is None else f"{value!r} is not a number"
    # What attrs adds to a message are the objects it knows the field by.
    return " ".join(str(error.args[0] if error.args else error).split())  # a value in quotes may hold line ends
