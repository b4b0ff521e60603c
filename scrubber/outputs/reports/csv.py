"""The work list as CSV (RFC 4180), for import into other programs."""

from __future__ import annotations

import csv
from datetime import date
from decimal import Decimal
from typing import TextIO

from scrubber.findings.report import ClaimReport, Detail, FileReport
from scrubber.io.stderr import printable
from scrubber.outputs.reports.base import ReportWriter, Tool, money
from scrubber.outputs.reports.worklist import COLUMNS, Cell, Entry, Kind, claim_entries, file_entries, notice_entries

__all__ = ["CsvWriter"]

_BYTE_ORDER_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


class CsvWriter(ReportWriter):
    """Writes one row a finding, as it comes, under a row of headings.

    It begins with a byte order mark, without which Excel takes UTF-8 for something else.  Every cell is quoted, so that
    no claim can begin a cell of its own where semicolons separate them, and holds one line: U+FFFD stands for what is
    not printable.  Text that a spreadsheet would take for a formula gets an apostrophe in front.
    """

    detail = Detail.OPENED

    def __init__(self, out: TextIO, tool: Tool, *, color: bool = False) -> None:
        del tool, color
        out.write(_BYTE_ORDER_MARK)
        self._table = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
        self._table.writerow([column.title for column in COLUMNS])

    def claim(self, path: str, claim: ClaimReport) -> None:
        """Write a row for each finding of the claim."""
        for entry in claim_entries(path, claim):
            self._write(entry)

    def end_file(self, report: FileReport) -> None:
        """Write a row for each notice and for each finding about the file."""
        for entry in (*notice_entries(report), *file_entries(report)):
            self._write(entry)

    def end(self) -> None:
        """Write nothing more."""

    def _write(self, entry: Entry) -> None:
        self._table.writerow([_cell(column.kind, column.cell(entry)) for column in COLUMNS])


def _cell(kind: Kind, value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return money(value) if kind is Kind.MONEY else f"{value:f}"
    if isinstance(value, date):
        return value.isoformat()
    return _harmless(value) if isinstance(value, str) else str(value)


def _harmless(text: str) -> str:
    """Keep a spreadsheet from reading the text as a formula, and on one line."""
    guard = "'" if text.lstrip(" ").startswith(_FORMULA) else ""
    return guard + printable(text)
