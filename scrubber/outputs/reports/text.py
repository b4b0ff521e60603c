"""The report a person reads: by claim and line what is wrong, why, what to do and what it costs; then a summary."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from textwrap import wrap
from typing import TextIO

import click
from attrs import define, field

from scrubber.findings.finding import Finding, Location, Related, Severity
from scrubber.findings.report import ClaimReport, FileReport, Totals
from scrubber.io.stderr import printable
from scrubber.outputs.reports.base import (
    AT_RISK,
    ReportWriter,
    Suppression,
    Tool,
    alike,
    at_risk,
    counted,
    dollars,
    line_names,
    related_to,
    suppressions,
)

__all__ = ["TextWriter"]

_WIDTH = 100
_IN_FULL = 2
"""How often a warning or an info with the same words is written before it is only named and counted."""

_SEVERAL = 2
"""Inputs from which on there is a summary of all."""

_PLACES = 3
"""Places of one finding that are written, and of what it refers to; its lines are all named."""

_COLORS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "blue"}


@define
class _SummaryCounts:
    """What the summary of a file, or of all files, counts beside its totals."""

    totals: Totals = field(factory=Totals)
    severities: Counter[Severity] = field(factory=Counter[Severity])
    decisions: Counter[Suppression] = field(factory=Counter[Suppression])
    unpriced: int = 0

    def include(self, other: _SummaryCounts) -> None:
        """Count another file too."""
        self.totals.include(other.totals)
        self.severities.update(other.severities)
        self.decisions.update(other.decisions)
        self.unpriced += other.unpriced


class TextWriter(ReportWriter):
    """Writes the claims that have findings, as they come, and a summary for each file and, of several, for all.

    What an edit says alike of several lines of a claim is written once.  Why a code matters and where it is published
    is with its first finding in a file.  A warning or info that says the same on many claims is written twice, then
    only named and counted; errors are always written.
    """

    def __init__(self, out: TextIO, tool: Tool, *, color: bool = False) -> None:
        self._out = out
        self._tool = tool
        self._color = color
        self._files = self._unread = 0
        self._all = _SummaryCounts()
        self._open: str | None = None
        self._begin_file()

    def _begin_file(self) -> None:
        self._summary = _SummaryCounts()
        self._counts: Counter[str] = Counter()
        self._repeated: Counter[str] = Counter()
        self._said: Counter[tuple[str, str]] = Counter()
        self._explained: set[str] = set()

    def claim(self, path: str, claim: ClaimReport) -> None:
        """Write the claim if there is something to say about it."""
        self._open_file(path)
        self._summary.unpriced += claim.unpriced_lines
        self._summary.decisions.update(suppressions(claim))
        groups = [(group, self._is_news(group)) for group in alike(claim.findings)]
        new = [group for group, is_news in groups if is_news]
        if not new:
            return
        self._write(self._claim_line(claim))
        for group in sorted(new, key=lambda group: (group[0].line or 0, group[0].severity.rank)):
            self._write_finding(group)
        repeated = sorted({group[0].code for group, is_news in groups if not is_news})
        if repeated:
            self._write(f"  also, as above: {', '.join(repeated)}")
        self._write("")

    def end_file(self, report: FileReport) -> None:
        """Write the findings about the file and the summary."""
        self._open_file(report.path)
        for finding in report.findings:
            self._is_news((finding,))
            self._write_finding((finding,))
        if report.findings:
            self._write("")
        self._summary.totals = report.totals
        self._write_summary("Summary", self._summary)
        self._write_counts()
        for notice in report.notices:
            self._write_paragraph("Notice: ", notice.message, indent=2)
        if not report.readable:
            self._unread += 1
            self._write_loud("NOT KNOWN  part of this input was not read or not judged")
        self._write("")
        self._files += 1
        self._all.include(self._summary)
        self._open = None
        self._begin_file()

    def end(self) -> None:
        """Write the summary of all files where there are several."""
        if self._files < _SEVERAL:
            return
        self._write_summary(f"All {self._files:,} inputs", self._all)
        if self._unread:
            self._write_loud(f"NOT KNOWN  part of {counted(self._unread, 'input')} was not read or not judged")
        self._write("")

    def _write(self, text: str) -> None:
        self._out.write(text + "\n")

    def _write_loud(self, text: str) -> None:
        self._write("  " + self._style(text, "red", bold=True))

    def _style(self, text: str, color: str | None = None, *, bold: bool = False) -> str:
        return click.style(text, fg=color, bold=bold) if self._color else text

    def _open_file(self, path: str) -> None:
        if self._open != path:
            self._open = path
            self._write(self._style(printable(path), bold=True) + "\n")

    def _is_news(self, group: Sequence[Finding]) -> bool:
        """Count findings that say the same and tell whether they are to be written in full."""
        finding = group[0]
        self._counts[finding.code] += len(group)
        self._summary.severities[finding.severity] += len(group)
        if finding.severity is Severity.ERROR:
            return True
        self._said[finding.code, finding.message] += 1
        if self._said[finding.code, finding.message] <= _IN_FULL:
            return True
        self._repeated[finding.code] += len(group)
        return False

    def _claim_line(self, claim: ClaimReport) -> str:
        verdict = self._style(claim.disposition.upper(), "red" if claim.rejected else "green", bold=True)
        parts = [
            f"claim {claim.ordinal}" if claim.claim != f"claim {claim.ordinal}" else "",
            dollars(claim.charge) if claim.charge is not None else "charge unreadable",
            f"payer {printable(claim.payer) or 'not named'}",
            f"NPI {printable(claim.billing_npi)}" if claim.billing_npi else "",
            at_risk(claim) if claim.rejected else "",
        ]
        name = self._style(printable(claim.claim) or "(no patient control number)", bold=True)
        return f"{name}  {verdict}  {', '.join(part for part in parts if part)}"

    def _write_finding(self, group: Sequence[Finding]) -> None:
        finding = group[0]
        severity = self._style(finding.severity, _COLORS[finding.severity])
        self._write(f"  {_subject(group)}: {severity} {finding.code} {finding.name}{_places(group)}")
        self._write_paragraph("", finding.message)
        first = finding.code not in self._explained
        self._explained.add(finding.code)
        rule = self._tool.rules.get(finding.code)
        if first and rule is not None:
            self._write_paragraph("Why: ", rule.documentation().why)
        self._write_paragraph("Fix: ", finding.fix)
        if finding.adjustment is not None:
            self._write_paragraph("", f"Expected denial: {finding.adjustment}.")
        if first and finding.source is not None:
            self._write_paragraph("Source: ", f"{finding.source.title} ({finding.source.effective})")

    def _write_paragraph(self, label: str, text: str, indent: int = 6) -> None:
        for line in wrap(printable(label + text), _WIDTH - indent, subsequent_indent=" " * len(label)):
            self._write(" " * indent + line)

    def _write_summary(self, title: str, summary: _SummaryCounts) -> None:
        totals = summary.totals
        accepted, rejected = dollars(totals.accepted_charges), dollars(totals.rejected_charges)
        rows = [
            ("claims", f"{totals.claims:,}: {totals.accepted:,} accepted, {totals.rejected:,} rejected"),
            ("lines", f"{totals.lines:,}"),
            ("charges", f"{dollars(totals.charges)}: {accepted} accepted, {rejected} rejected"),
            ("at risk", f"{dollars(totals.at_risk)} {_about_risk(summary.unpriced)}"),
            ("findings", ", ".join(counted(summary.severities[severity], severity) for severity in Severity)),
        ]
        if summary.decisions:
            suppressed = counted(summary.decisions.total(), "finding")
            rows.append(("suppressed", f"{suppressed} suppressed by the configuration"))
        self._write(self._style(title, bold=True))
        for label, text in rows:
            self._write(f"  {label:9} {text}")
        for decision, count in sorted(summary.decisions.items()):
            self._write(f"  {count:>9,} {decision.code} for payer {printable(f'{decision.payer}: {decision.reason}')}")

    def _write_counts(self) -> None:
        counts = sorted(self._counts.items(), key=lambda entry: (-entry[1], entry[0]))
        for code, count in counts:
            rule = self._tool.rules.get(code)
            name = rule.meta.name if rule is not None else ""
            note = f"  ({self._repeated[code]:,} not repeated above)" if self._repeated[code] else ""
            self._write(f"  {count:>9,} {code} {name}{note}")


def _about_risk(unpriced: int) -> str:
    text = f"({AT_RISK}"
    return f"{text}; {unpriced:,} of them without a known amount)" if unpriced else f"{text})"


def _subject(group: Sequence[Finding]) -> str:
    """Name the lines that findings are about, with their procedure if it is the same one."""
    first = group[0]
    lines = line_names(group)
    if not lines:
        return "claim" if first.claim_ordinal else "file"
    one = all(finding.procedure == first.procedure for finding in group)
    return f"{lines} {printable(first.procedure)}" if first.procedure and one else lines


def _places(group: Sequence[Finding]) -> str:
    parts = [_few((_place(finding.location) for finding in group), "; "), _see(group)]
    return f"  [{'; '.join(filter(None, parts))}]" if any(parts) else ""


def _few(places: Iterable[str], between: str) -> str:
    found = list(dict.fromkeys(filter(None, places)))
    more = f"{between}{len(found) - _PLACES:,} more" if found[_PLACES:] else ""
    return f"{between.join(found[:_PLACES])}{more}"


def _see(group: Sequence[Finding]) -> str:
    """Name the places that findings refer to, where their words name none of them: "see line 1"."""
    first = group[0]
    own = {(finding.claim_ordinal, finding.line) for finding in group}
    others = [related for related in related_to(group) if (related.claim_ordinal, related.line) not in own]
    if any(_is_named(related, first) for related in others):
        return ""
    places = _few((printable(related.place(first.claim_ordinal)) for related in others), ", ")
    return f"see {places}" if places else ""


def _is_named(related: Related, finding: Finding) -> bool:
    """Whether the words of a finding name a line of its claim, or the claim of any other place."""
    is_here = related.claim_ordinal == finding.claim_ordinal
    kind, number = ("line", related.line) if is_here else ("claim", related.claim_ordinal)
    return re.search(rf"\b{kind} {number}\b", f"{finding.message} {finding.fix}", re.IGNORECASE) is not None


def _place(location: Location | None) -> str:
    if location is None:
        return ""
    where: Iterable[str] = (
        location.element or location.segment,
        f"segment {location.ordinal}" if location.ordinal else "",
        f"byte {location.offset}" if location.offset is not None else "",
    )
    return ", ".join(filter(None, where))
