"""The contract of a writer, and what the writers share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, BinaryIO, Protocol

from attrs import define, field, frozen

import scrubber
from scrubber.edit import Rule
from scrubber.engine import all_rules
from scrubber.findings import ClaimReport, Detail, FileReport
from scrubber.plugins import Plugin
from scrubber.tables import TableInfo

__all__ = ["Outlet", "Tool", "Writer", "describe_tool", "detail_for", "is_binary", "money", "printable"]


@frozen
class Tool:
    """What produced a report: versions, plugins, tables with their dates, and the rules by code."""

    name: str
    version: str
    plugins: tuple[Plugin, ...]
    tables: tuple[TableInfo, ...]
    rules: Mapping[str, type[Rule]]
    today: date


class Writer(Protocol):
    """Takes a run as it happens: each file's claims in order, then its conclusion; `end` after the last file.

    A writer keeps no claim longer than its format demands.  One that sets `binary = True` is given a binary stream, and
    one that sets `detail` to another `Detail` than NONE is given claims with their detail.
    """

    def __init__(self, out: Any, tool: Tool, *, color: bool = False) -> None: ...

    def claim(self, path: str, claim: ClaimReport) -> None:
        """Take the verdict on one claim of the input `path`."""

    def end_file(self, report: FileReport) -> None:
        """Take the conclusion on an input; its claims have been given before."""

    def end(self) -> None:
        """Finish the output."""


@define(eq=False)
class Outlet:
    """The stream of a writer that uses lxml, which keeps the error of its last write to itself."""

    stream: BinaryIO
    _error: BaseException | None = field(default=None, init=False)

    def write(self, data: bytes) -> int:
        """Pass bytes on."""
        try:
            return self.stream.write(data)
        except BaseException as error:
            self._error = error
            raise

    def check(self) -> None:
        """Raise the error that a write has met, if any has."""
        if self._error is not None:
            raise self._error


def is_binary(writer: type[Writer]) -> bool:
    """Whether the writer wants a binary stream."""
    return bool(getattr(writer, "binary", False))


def detail_for(writers: Iterable[type[Writer]]) -> Detail:
    """Give how much of the claims all of the writers together need."""
    return max((getattr(writer, "detail", Detail.NONE) for writer in writers), default=Detail.NONE)


def describe_tool(plugins: Iterable[Plugin], today: date) -> Tool:
    """Describe this installation for reports."""
    found = tuple(plugins)
    return Tool(
        name="x12-claim-scrubber",
        version=scrubber.__version__,
        plugins=found,
        tables=tuple(info for plugin in found for info in plugin.chain.table_infos()),
        rules={code: rule for code, (rule, _) in all_rules(found).items()},
        today=today,
    )


def money(amount: Decimal) -> str:
    """Write dollars and cents as a decimal string, never in exponent form."""
    return f"{amount:.2f}"


def printable(text: str) -> str:
    """Replace by U+FFFD what a terminal would obey instead of show, line ends included, and what is no character."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
