"""The contract of the writers of reports, and what these share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import BinaryIO, ClassVar

from attrs import define, field, frozen

from scrubber.builtin.all_rules import all_rules
from scrubber.findings.finding import Finding, Related, Severity
from scrubber.findings.report import AcceptedRun, ClaimReport, Detail, FileReport
from scrubber.findings.rule import Rule
from scrubber.findings.values import Values
from scrubber.packs.registry import Plugin
from scrubber.tables.table import TableInfo
from scrubber.version import DISTRIBUTION, __version__

__all__ = [
    "AT_RISK",
    "Outlet",
    "ReportWriter",
    "Suppression",
    "Tool",
    "alike",
    "at_risk",
    "counted",
    "describe_tool",
    "dollars",
    "line_names",
    "money",
    "related_to",
    "suppressions",
]

AT_RISK = "national fee schedule amount of the lines with an error"
"""What the dollars at risk are, in words."""


@frozen(eq=False, repr=False)
class Tool(Values):
    """What produced a report: versions, plugins, tables with their dates, and the rules by code."""

    name: str
    version: str
    plugins: tuple[Plugin, ...]
    tables: tuple[TableInfo, ...]
    rules: Mapping[str, type[Rule]]
    today: date


class ReportWriter(ABC):
    """Takes a run as it happens: each input's claims in order, then its conclusion; `end` after the last input.

    A writer keeps no claim longer than its format demands, and changes nothing that it is given.  `binary` says that it
    writes to a binary stream, and `detail` how much of the claims themselves it is given with their verdicts.
    """

    binary: ClassVar[bool] = False
    detail: ClassVar[Detail] = Detail.NONE

    @abstractmethod
    def claim(self, path: str, claim: ClaimReport, /) -> None:
        """Take the verdict on one claim of the input `path`."""

    def accepted(self, path: str, run: AcceptedRun, /) -> None:
        """Take claims of the input `path` that follow one another and are accepted unopened: they have no findings."""
        for claim in run.reports():
            self.claim(path, claim)

    @abstractmethod
    def end_file(self, report: FileReport, /) -> None:
        """Take the conclusion on an input; its claims have been given before."""

    @abstractmethod
    def end(self) -> None:
        """Finish the output."""


@define(eq=False, repr=False)
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


def describe_tool(plugins: Iterable[Plugin], today: date) -> Tool:
    """Describe this installation for reports."""
    found = tuple(plugins)
    return Tool(
        name=DISTRIBUTION,
        version=__version__,
        plugins=found,
        tables=tuple(info for plugin in found for info in plugin.pack.table_infos()),
        rules={code: rule for code, (rule, _) in all_rules(found).items()},
        today=today,
    )


def money(amount: Decimal) -> str:
    """Write dollars and cents as a decimal string, never in exponent form."""
    return f"{amount:.2f}"


def dollars(amount: Decimal) -> str:
    """Write dollars and cents for people: "$1,022.58"."""
    return f"${amount:,.2f}"


def at_risk(claim: ClaimReport) -> str:
    """Return what is at risk on a claim.  That nothing is known is not said as nothing."""
    if claim.at_risk:
        return f"{dollars(claim.at_risk)}{' or more' if claim.unpriced_lines else ''} at risk"
    of_lines = any(finding.line for finding in claim.findings if finding.severity is Severity.ERROR)
    return (
        "unknown amount at risk" if claim.unpriced_lines or (claim.rejected and not of_lines) else "no dollars at risk"
    )


def counted(number: int, one: str, many: str | None = None) -> str:
    """Write a number with its noun: "1 claim", "17 claims"."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def alike(findings: Iterable[Finding]) -> list[tuple[Finding, ...]]:
    """Bring findings of a claim that say the same of several places together; the gravest first, then by line."""
    groups: dict[tuple[str, str, str, str], list[Finding]] = {}
    for finding in sorted(findings, key=lambda finding: (finding.severity.rank, finding.line or 0)):
        groups.setdefault((finding.code, finding.severity, finding.message, finding.fix), []).append(finding)
    return [tuple(group) for group in groups.values()]


def related_to(findings: Iterable[Finding]) -> list[Related]:
    """Return what findings of a claim that say the same refer to, each place once."""
    return list(dict.fromkeys(related for finding in findings for related in finding.related))


def line_names(findings: Iterable[Finding]) -> str:
    """Name the lines that findings are about: "line 3", "lines 4, 5", "lines 4-60"; "" if they are about none."""
    numbers = sorted({finding.line for finding in findings if finding.line})
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    parts = [[f"{run[0]}-{run[-1]}"] if run[2:] else map(str, run) for run in runs]
    names = ", ".join(name for part in parts for name in part)
    return f"{'line' if len(numbers) == 1 else 'lines'} {names}" if names else ""


@frozen(order=True)
class Suppression:
    """A decision of the configuration that a report shows: for which payer an edit does not count, and why."""

    code: str
    payer: str
    reason: str


def suppressions(claim: ClaimReport) -> Iterator[Suppression]:
    """Yield for each finding of a claim that was suppressed the decision; there are no more of these than settings."""
    for entry in claim.suppressed:
        yield Suppression(entry.finding.code, claim.payer, entry.reason)
