"""The work list, which a biller sorts and works off: one row a finding, the same columns in every table format.

Findings that the configuration suppressed are no work and have no row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Generic, TypeVar

from attrs import frozen

from scrubber.findings.finding import Finding, Location, Severity
from scrubber.findings.report import ClaimDetail, ClaimReport, FileReport, LineDetail
from scrubber.outputs.reports.base import AT_RISK
from scrubber.x12.values import parse_number

__all__ = ["COLUMNS", "Cell", "Column", "Entry", "Kind", "claim_entries", "file_entries", "notice_entries"]

T = TypeVar("T")

Cell = str | int | Decimal | date | None
"""A value of a table; None and "" are an empty cell."""


class Kind(Enum):
    """What a column holds: text (codes too, for their leading zeros), numbers, dollars or dates."""

    TEXT = "text"
    NUMBER = "number"
    MONEY = "money"
    DATE = "date"


@frozen(eq=False)
class Entry:
    """A row of the work list.

    `claim` is None for a finding about the file, and `line` where no line is meant or nothing is known about it.
    Dollars are given once, so that a column can be summed: those of a claim where `for_claim` is set, those of a line
    where `for_line` is.
    """

    path: str
    finding: Finding
    claim: ClaimReport | None = None
    line: LineDetail | None = None
    for_claim: bool = False
    for_line: bool = False


@frozen(eq=False)
class Column(Generic[T]):
    """A column: its heading, what it holds, its width in characters, how a row fills it, and what to know about it."""

    title: str
    kind: Kind
    width: int
    cell: Callable[[T], Cell]
    note: str = ""


def claim_entries(path: str, claim: ClaimReport) -> Iterator[Entry]:
    """Yield the rows of a claim, in the order of its findings.

    Dollars go to the first row of the gravest severity, so that they are still there when only errors are shown.
    """
    lines = {line.number: line for line in claim.detail.lines} if claim.detail is not None else {}
    by_severity = sorted(claim.findings, key=lambda finding: finding.severity.rank)
    gravest: dict[int | None, Finding] = {}
    for finding in by_severity:
        gravest.setdefault(finding.line, finding)
    for finding in claim.findings:
        line = lines.get(finding.line) if finding.line is not None else None
        for_line = line is not None and gravest[finding.line] is finding
        yield Entry(path, finding, claim, line, for_claim=by_severity[0] is finding, for_line=for_line)


def file_entries(report: FileReport) -> Iterator[Entry]:
    """Yield the rows of the findings about the file itself."""
    for finding in report.findings:
        yield Entry(report.path, finding)


def notice_entries(report: FileReport) -> Iterator[Entry]:
    """Yield a row for each notice, which has no code and nothing to fix, for tables that have no other place for it."""
    for notice in report.notices:
        yield Entry(report.path, Finding("", notice.kind, Severity.INFO, notice.message, ""))


def _of_claim(get: Callable[[ClaimReport], Cell]) -> Callable[[Entry], Cell]:
    return lambda entry: get(entry.claim) if entry.claim is not None else None


def _of_line(get: Callable[[LineDetail], Cell]) -> Callable[[Entry], Cell]:
    return lambda entry: get(entry.line) if entry.line is not None else None


def _once_a_claim(get: Callable[[ClaimReport], Cell]) -> Callable[[Entry], Cell]:
    return lambda entry: get(entry.claim) if entry.claim is not None and entry.for_claim else None


def _line_charge(entry: Entry) -> Cell:
    return entry.line.charge if entry.line is not None and entry.for_line else None


def _of_place(get: Callable[[Location], Cell]) -> Callable[[Entry], Cell]:
    return lambda entry: get(entry.finding.location) if entry.finding.location is not None else None


def _detail(entry: Entry) -> ClaimDetail | None:
    return entry.claim.detail if entry.claim is not None else None


def _place_of_service(entry: Entry) -> Cell:
    subject = entry.line or _detail(entry)
    return subject.place_of_service if subject is not None else None


def _lines(entry: Entry) -> tuple[LineDetail, ...]:
    """Return what a finding is about: its line, or all lines of the claim."""
    if entry.line is not None:
        return (entry.line,)
    detail = _detail(entry)
    return detail.lines if detail is not None else ()


def _first_day(entry: Entry) -> Cell:
    return min((line.first_day for line in _lines(entry) if line.first_day is not None), default=None)


def _last_day(entry: Entry) -> Cell:
    return max((line.last_day for line in _lines(entry) if line.last_day is not None), default=None)


def _denial(entry: Entry) -> Cell:
    adjustment = entry.finding.adjustment
    return f"{adjustment.group}-{adjustment.carc}" if adjustment is not None else None


def _remark(entry: Entry) -> Cell:
    return entry.finding.adjustment.rarc if entry.finding.adjustment is not None else None


def _source(entry: Entry) -> Cell:
    source = entry.finding.source
    return f"{source.title} ({source.effective})" if source is not None else None


_ONCE = "is in one row only, the first of the gravest severity, so that the column can be summed."

COLUMNS: tuple[Column[Entry], ...] = (
    Column("File", Kind.TEXT, 24, lambda entry: entry.path),
    Column("Claim", Kind.TEXT, 18, _of_claim(lambda claim: claim.claim), "CLM01, patient control number."),
    Column("Claim no.", Kind.NUMBER, 9, _of_claim(lambda claim: claim.ordinal), "Place in the file, from 1."),
    Column("Disposition", Kind.TEXT, 11, _of_claim(lambda claim: claim.disposition)),
    Column("Payer", Kind.TEXT, 10, _of_claim(lambda claim: claim.payer), "2010BB NM109."),
    Column("Billing NPI", Kind.TEXT, 12, _of_claim(lambda claim: claim.billing_npi)),
    Column("Line", Kind.NUMBER, 6, lambda entry: entry.finding.line, "Place in the claim, from 1; none: all of it."),
    Column("Procedure", Kind.TEXT, 10, lambda entry: entry.finding.procedure),
    Column("Modifiers", Kind.TEXT, 11, _of_line(lambda line: " ".join(line.modifiers))),
    Column("Units", Kind.NUMBER, 7, _of_line(lambda line: parse_number(line.units)), "SV104."),
    Column("Place", Kind.TEXT, 7, _place_of_service, "Place of service."),
    Column("Date of service", Kind.DATE, 12, _first_day, "DTP*472; of a claim the first one."),
    Column("Last date", Kind.DATE, 12, _last_day, "DTP*472; of a claim the last one."),
    Column("Line charge", Kind.MONEY, 12, _line_charge, f"SV102; for each line it {_ONCE}"),
    Column(
        "Claim charge", Kind.MONEY, 13, _once_a_claim(lambda claim: claim.charge), f"CLM02; for each claim it {_ONCE}"
    ),
    Column(
        "At risk",
        Kind.MONEY,
        11,
        _once_a_claim(lambda claim: claim.at_risk),
        f"The {AT_RISK}; for each claim it {_ONCE}",
    ),
    Column("Severity", Kind.TEXT, 9, lambda entry: entry.finding.severity.value),
    Column("Code", Kind.TEXT, 9, lambda entry: entry.finding.code, "'scrubber explain CODE' tells more."),
    Column("Name", Kind.TEXT, 28, lambda entry: entry.finding.name),
    Column("Message", Kind.TEXT, 60, lambda entry: entry.finding.message),
    Column("Fix", Kind.TEXT, 60, lambda entry: entry.finding.fix),
    Column("Related", Kind.TEXT, 28, lambda entry: entry.finding.related_in_words, "Lines and claims to look at too."),
    Column("CARC", Kind.TEXT, 8, _denial, "The expected denial: group and reason."),
    Column("RARC", Kind.TEXT, 8, _remark, "The remark code that goes with it."),
    Column("277CA status", Kind.TEXT, 16, lambda entry: ", ".join(str(status) for status in entry.finding.statuses)),
    Column("Element", Kind.TEXT, 10, _of_place(lambda place: place.element or place.segment)),
    Column("Segment", Kind.NUMBER, 9, _of_place(lambda place: place.ordinal), "Segments of the file, from 1."),
    Column("Byte", Kind.NUMBER, 10, _of_place(lambda place: place.offset), "Bytes of the file, from 0."),
    Column("Source", Kind.TEXT, 40, _source, "The publication that the rule rests on."),
)
