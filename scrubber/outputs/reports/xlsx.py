"""The work list as an Excel workbook, with a summary of the run.  Needs XlsxWriter, the extra `xlsx`."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from datetime import date, datetime
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Generic, TypeAlias, TypeVar

from attrs import define, field

from scrubber.errors import ConfigError, ScrubberError
from scrubber.findings.finding import Severity
from scrubber.findings.report import ClaimReport, Detail, FileReport, Totals
from scrubber.io.signals import uninterrupted
from scrubber.io.stderr import printable
from scrubber.outputs.reports.base import ReportWriter, Suppression, Tool, suppressions
from scrubber.outputs.reports.worklist import COLUMNS, Cell, Column, Entry, Kind, claim_entries, file_entries

__all__ = ["WorkbookWriter"]

T = TypeVar("T")

_LONGEST_TEXT = 32_767
"""Characters that Excel allows in a cell."""

_DIGITS = 15
"""Digits that Excel keeps of a number."""

_FIRST_YEAR = 1901
"""Excel has no dates before 1900, and XlsxWriter takes the first of them for a time without a date."""

_WRAPPED = 40
"""Columns as wide as this or wider break their text into lines."""

_NUMBER_FORMATS = {Kind.TEXT: "@", Kind.NUMBER: "General", Kind.MONEY: "#,##0.00", Kind.DATE: "yyyy-mm-dd"}
_OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}


class WorkbookWriter(ReportWriter):
    """Writes one row a finding to the sheet "Work list", as it comes, and a sheet "Summary" at the end.

    Codes are text, so that they keep their zeros; nothing is a formula or a link.  Where a sheet is full the list goes
    on in "Work list 2".  Text is one line in which U+FFFD stands for what is not printable; longer text than Excel
    allows is cut.  The rows wait in a folder of their own, readable by their owner only, that is removed at the end.
    Raises ConfigError where XlsxWriter is not installed, OSError where they cannot be written, ScrubberError where the
    workbook cannot be put together.
    """

    binary = True
    detail = Detail.OPENED
    max_rows: ClassVar[int] = 1_048_576
    """Rows of a sheet, the headings included."""

    def __init__(self, out: BinaryIO, tool: Tool, *, color: bool = False) -> None:
        del color
        xlsxwriter = _library()
        self._out = out
        self._tool = tool
        with uninterrupted():
            folder = tempfile.mkdtemp(prefix="scrubber-")
            self._remove_folder = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self._whole = _Parcel(Path(folder, "report.xlsx").open("w+b"))  # noqa: SIM115 - closed at the end
        self._book = xlsxwriter.Workbook(self._whole, {**_OPTIONS, "tmpdir": folder})
        self._book.use_zip64()
        self._book.set_properties({"title": "Work list", "author": tool.name, "created": _midnight(tool.today)})
        self._formats = _Formats(self._book)
        self._lists = 0
        self._list = self._open_list()
        self._summary = _SummaryRow()
        self._summaries: list[_SummaryRow] = []
        self._suppressed_findings: Counter[Suppression] = Counter()

    def claim(self, path: str, claim: ClaimReport) -> None:
        """Write a row for each finding of the claim."""
        self._summary.suppressed += len(claim.suppressed)
        self._suppressed_findings.update(suppressions(claim))
        self._summary.unpriced += claim.unpriced_lines
        for entry in claim_entries(path, claim):
            self._write(entry)

    def end_file(self, report: FileReport) -> None:
        """Write a row for each finding about the file, and keep its counts for the summary."""
        for entry in file_entries(report):
            self._write(entry)
        self._summary.report = report
        self._summaries.append(self._summary)
        self._summary = _SummaryRow()

    def end(self) -> None:
        """Write the summary and put the workbook together."""
        self._list.close()
        self._write_summary()
        try:
            self._book.close()
        except _library().exceptions.XlsxWriterException as error:
            with suppress(OSError):  # from 3.13 on Python itself would tell of what cannot be written when it goes
                self._whole.stream.close()
            if isinstance(error.__context__, OSError):
                raise error.__context__ from error
            raise ScrubberError(f"the workbook cannot be put together ({type(error).__name__})") from error
        with self._whole.stream as whole:
            whole.seek(0)
            shutil.copyfileobj(whole, self._out)
        self._remove_folder()

    def _write(self, entry: Entry) -> None:
        self._summary.findings[entry.finding.severity] += 1
        if self._list.rows >= self.max_rows:
            self._list.close()
            self._list = self._open_list()
        self._list.write(entry)

    def _open_list(self) -> _TableSheet[Entry]:
        self._lists += 1
        name = "Work list" if self._lists == 1 else f"Work list {self._lists}"
        return _TableSheet(self._book.add_worksheet(name), self._formats, COLUMNS)

    def _write_summary(self) -> None:
        sheet = _TableSheet(self._book.add_worksheet("Summary"), self._formats, _SUMMARY)
        for summary in self._summaries:
            sheet.write(summary)
        sheet.close()
        tool = self._tool
        sheet.write_text("")
        sheet.write_text(
            f"Judged by {tool.name} {tool.version}. In the work list an amount is given once, so columns can be summed."
        )
        for notice in dict.fromkeys(notice for summary in self._summaries for notice in summary.report.notices):
            sheet.write_text("Notice", notice.message)
        if self._suppressed_findings:
            sheet.write_text("")
            sheet.write_text("Suppressed by the configuration", "Payer", "Findings", "Reason")
            for decision, count in sorted(self._suppressed_findings.items()):
                sheet.write_text(decision.code, decision.payer, str(count), decision.reason)
        sheet.write_text("")
        sheet.write_text("Rule table", "Dates of service seen", "Publication")
        for table in tool.tables:
            sheet.write_text(table.name, f"{table.first_day} to {table.last_day}", table.title)


@define(eq=False)
class _SummaryRow:
    """What the summary says of an input; `report` is there once it has been concluded."""

    report: FileReport = field(factory=lambda: FileReport(""))
    findings: Counter[Severity] = field(factory=Counter[Severity])
    suppressed: int = 0
    unpriced: int = 0


def _of_totals(get: Callable[[Totals], Cell]) -> Callable[[_SummaryRow], Cell]:
    return lambda summary: get(summary.report.totals)


def _count_of(severity: Severity) -> Callable[[_SummaryRow], Cell]:
    return lambda summary: summary.findings[severity]


def _read(summary: _SummaryRow) -> Cell:
    return "completely" if summary.report.readable else "NOT KNOWN: part of this input was not read or not judged"


_SUMMARY: tuple[Column[_SummaryRow], ...] = (
    Column("File", Kind.TEXT, 24, lambda summary: summary.report.path),
    Column("Read", Kind.TEXT, 24, _read),
    Column("Claims", Kind.NUMBER, 10, _of_totals(lambda totals: totals.claims)),
    Column("Accepted", Kind.NUMBER, 10, _of_totals(lambda totals: totals.accepted)),
    Column("Rejected", Kind.NUMBER, 10, _of_totals(lambda totals: totals.rejected)),
    Column("Lines", Kind.NUMBER, 10, _of_totals(lambda totals: totals.lines)),
    Column("Charges", Kind.MONEY, 15, _of_totals(lambda totals: totals.charges)),
    Column("Accepted charges", Kind.MONEY, 15, _of_totals(lambda totals: totals.accepted_charges)),
    Column("Rejected charges", Kind.MONEY, 15, _of_totals(lambda totals: totals.rejected_charges)),
    Column("At risk", Kind.MONEY, 15, _of_totals(lambda totals: totals.at_risk)),
    Column(
        "Unpriced lines", Kind.NUMBER, 10, lambda summary: summary.unpriced, "Lines with an error, no amount known."
    ),
    Column("Errors", Kind.NUMBER, 10, _count_of(Severity.ERROR)),
    Column("Warnings", Kind.NUMBER, 10, _count_of(Severity.WARNING)),
    Column("Infos", Kind.NUMBER, 10, _count_of(Severity.INFO)),
    Column(
        "Suppressed", Kind.NUMBER, 10, lambda summary: summary.suppressed, "Findings suppressed by the configuration."
    ),
    Column("SHA-256", Kind.TEXT, 20, lambda summary: summary.report.sha256),
)


# What XlsxWriter makes, which has no types.
_Book: TypeAlias = Any
_Sheet: TypeAlias = Any
_Format: TypeAlias = Any


class _Formats:
    """The looks of cells in a workbook."""

    def __init__(self, book: _Book) -> None:
        self.heading = book.add_format({"bold": True, "bottom": 1, "valign": "top", "text_wrap": True})
        self._of = {
            (kind, wrapped): book.add_format({"num_format": form, "valign": "top", "text_wrap": wrapped})
            for kind, form in _NUMBER_FORMATS.items()
            for wrapped in (False, True)
        }

    def of(self, column: Column[Any]) -> _Format:
        """Return the format of a column's cells."""
        return self._of[column.kind, column.width >= _WRAPPED]

    @property
    def text(self) -> _Format:
        """The format of text outside any column."""
        return self._of[Kind.TEXT, False]


class _TableSheet(Generic[T]):
    """A sheet under headings that stay in sight and filter; `rows` counts its rows, headings included."""

    def __init__(self, sheet: _Sheet, formats: _Formats, columns: Sequence[Column[T]]) -> None:
        self._sheet = sheet
        self._formats = formats
        self._columns = columns
        self.rows = 1
        sheet.freeze_panes(1, 0)
        sheet.ignore_errors({"number_stored_as_text": "A1:XFD1048576"})
        for place, column in enumerate(columns):
            sheet.set_column(place, place, column.width)
            sheet.write_string(0, place, column.title, formats.heading)
            if column.note:
                sheet.write_comment(0, place, column.note)

    def write(self, row: T) -> None:
        """Write a row."""
        for place, column in enumerate(self._columns):
            self._write_cell(place, column.cell(row), self._formats.of(column))
        self.rows += 1

    def write_text(self, *texts: str) -> None:
        """Write a row of text that belongs to no column."""
        for place, text in enumerate(texts):
            self._write_cell(place, text, self._formats.text)
        self.rows += 1

    def close(self) -> None:
        """Put filters on the rows written so far."""
        self._sheet.autofilter(0, 0, self.rows - 1, len(self._columns) - 1)

    def _write_cell(self, place: int, value: Cell, form: _Format) -> None:
        if value is None or value == "":
            return
        if isinstance(value, (int, Decimal)) and _is_exact(value):
            self._sheet.write_number(self.rows, place, value, form)
        elif isinstance(value, date) and value.year >= _FIRST_YEAR:
            self._sheet.write_datetime(self.rows, place, _midnight(value), form)
        else:
            self._sheet.write_string(self.rows, place, _harmless(str(value)), form)


def _is_exact(number: int | Decimal) -> bool:
    """Whether Excel keeps every digit of the number."""
    return len(Decimal(number).normalize().as_tuple().digits) <= _DIGITS


def _harmless(text: str) -> str:
    """Return text of one line that fits a cell.

    XlsxWriter takes what is between <r> and </r> for markup of its own, so an apostrophe keeps it from that.
    """
    guard = "'" if text.startswith("<r>") else ""
    found = guard + printable(text)
    return found if len(found) <= _LONGEST_TEXT else found[: _LONGEST_TEXT - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _library() -> Any:
    try:
        import_module("xlsxwriter.exceptions")  # an extra: only this format needs it
        return import_module("xlsxwriter")
    except ImportError as error:
        raise ConfigError("xlsx needs XlsxWriter: pip install 'x12-claim-scrubber[xlsx]'") from error


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)


@define(eq=False)
class _Parcel:
    """What the workbook is packed into.  After an error it only counts what comes.

    An archive that is abandoned tries to end itself when it is collected, and would fail once more, where nobody can
    catch it.
    """

    stream: BinaryIO
    _place: int = field(default=0, init=False)
    _broken: bool = field(default=False, init=False)

    def write(self, data: bytes) -> int:
        with self._trying() as whole:
            if whole:
                self.stream.write(data)
        self._place += len(data)
        return len(data)

    def flush(self) -> None:
        with self._trying() as whole:
            if whole:
                self.stream.flush()

    def seek(self, offset: int, whence: int = 0) -> int:
        self._place = offset
        with self._trying() as whole:
            if whole:
                self._place = self.stream.seek(offset, whence)  # which flushes
        return self._place

    def tell(self) -> int:
        return self._place

    @contextmanager
    def _trying(self) -> Generator[bool]:
        """Tell whether the stream still takes something, and note when it does not."""
        whole, self._broken = not (self._broken or self.stream.closed), True
        yield whole
        self._broken = not whole
