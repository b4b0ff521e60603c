"""The report a person reads: by claim and line what is wrong, why, what to do and what it costs; then a summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from textwrap import wrap
from typing import TextIO

import click

from scrubber.findings import ClaimReport, FileReport, Finding, Severity
from scrubber.writers.base import Tool, printable

__all__ = ["TextWriter"]

_WIDTH = 100
_IN_FULL = 2
"""How often a warning or an info with the same words is written before it is only named and counted."""

_COLORS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "blue"}


class TextWriter:
    """Writes the claims that have findings, as they come, and a summary for each file.

    Why a code matters and where it is published stands at its first finding in a file.  A warning or info that says the
    same on many claims is written twice, then only named and counted; errors are always written.
    """

    def __init__(self, out: TextIO, tool: Tool, *, color: bool = False) -> None:
        self._out = out
        self._tool = tool
        self._color = color
        self._counts: Counter[str] = Counter()
        self._severities: Counter[Severity] = Counter()
        self._said: Counter[tuple[str, str]] = Counter()
        self._explained: set[str] = set()
        self._unpriced = 0
        self._ignored = 0
        self._open: str | None = None

    def claim(self, path: str, claim: ClaimReport) -> None:
        """Write the claim if there is something to say about it."""
        self._open_file(path)
        self._unpriced += claim.unpriced_lines
        self._ignored += len(claim.ignored)
        new = [finding for finding in claim.findings if self._is_news(finding)]
        if not new:
            return
        self._write(self._claim_line(claim))
        for finding in sorted(new, key=lambda finding: (finding.line or 0, finding.severity.rank)):
            self._write_finding(finding)
        repeated = sorted({finding.code for finding in claim.findings if finding not in new})
        if repeated:
            self._write(f"  also, as above: {', '.join(repeated)}")
        self._write("")

    def end_file(self, report: FileReport) -> None:
        """Write the findings about the file and the summary."""
        self._open_file(report.path)
        for finding in report.findings:
            self._is_news(finding)
            self._write_finding(finding)
        if report.findings:
            self._write("")
        self._write_summary(report)
        self._open = None
        self._counts.clear()
        self._severities.clear()
        self._said.clear()
        self._explained.clear()
        self._unpriced = self._ignored = 0

    def end(self) -> None:
        """Write nothing more."""

    def _write(self, text: str) -> None:
        self._out.write(text + "\n")

    def _style(self, text: str, color: str | None = None, *, bold: bool = False) -> str:
        return click.style(text, fg=color, bold=bold) if self._color else text

    def _open_file(self, path: str) -> None:
        if self._open != path:
            self._open = path
            self._write(self._style(printable(path), bold=True) + "\n")

    def _is_news(self, finding: Finding) -> bool:
        """Count a finding and tell whether it is to be written in full."""
        self._counts[finding.code] += 1
        self._severities[finding.severity] += 1
        if finding.severity is Severity.ERROR:
            return True
        self._said[finding.code, finding.message] += 1
        return self._said[finding.code, finding.message] <= _IN_FULL

    def _claim_line(self, claim: ClaimReport) -> str:
        verdict = self._style(claim.disposition.upper(), "red" if claim.rejected else "green", bold=True)
        parts = [
            f"claim {claim.ordinal}" if claim.claim != f"claim {claim.ordinal}" else "",
            f"${claim.charge:,.2f}" if claim.charge is not None else "charge unreadable",
            f"payer {printable(claim.payer) or 'not named'}",
            f"NPI {printable(claim.billing_npi)}" if claim.billing_npi else "",
            f"${claim.at_risk:,.2f} at risk" if claim.rejected else "",
        ]
        name = self._style(printable(claim.claim) or "(no claim number)", bold=True)
        return f"{name}  {verdict}  {', '.join(part for part in parts if part)}"

    def _write_finding(self, finding: Finding) -> None:
        severity = self._style(finding.severity, _COLORS[finding.severity])
        subject = f"line {finding.line}" if finding.line else ("claim" if finding.claim_ordinal else "file")
        if finding.procedure and finding.line:
            subject += f" {printable(finding.procedure)}"
        self._write(f"  {subject}: {severity} {finding.code} {finding.name}{_place(finding)}")
        self._write_paragraph("", finding.message)
        first = finding.code not in self._explained
        self._explained.add(finding.code)
        rule = self._tool.rules.get(finding.code)
        if first and rule is not None:
            self._write_paragraph("Why: ", _sentence(rule.documentation().why))
        self._write_paragraph("Fix: ", finding.fix)
        if finding.adjustment is not None:
            self._write_paragraph("", f"A payer would typically deny with {finding.adjustment}.")
        if first and finding.source is not None:
            self._write_paragraph("Source: ", f"{finding.source.title} ({finding.source.effective})")

    def _write_paragraph(self, label: str, text: str) -> None:
        for line in wrap(printable(label + text), _WIDTH - 6, subsequent_indent=" " * len(label)):
            self._write("      " + line)

    def _write_summary(self, report: FileReport) -> None:
        totals = report.totals
        accepted, rejected = f"${totals.accepted_charges:,.2f}", f"${totals.rejected_charges:,.2f}"
        rows = [
            ("claims", f"{totals.claims:,}: {totals.accepted:,} accepted, {totals.rejected:,} rejected"),
            ("lines", f"{totals.lines:,}"),
            (
                "charges",
                f"${totals.charges:,.2f}: {accepted} accepted, {rejected} rejected",
            ),
            ("at risk", f"${totals.at_risk:,.2f} {_about_risk(self._unpriced)}"),
            ("findings", ", ".join(f"{self._severities[severity]:,} {severity}" for severity in Severity)),
        ]
        if self._ignored:
            rows.append(("ignored", f"{self._ignored:,} findings set aside by the configuration"))
        self._write(self._style("Summary", bold=True))
        for label, text in rows:
            self._write(f"  {label:9} {text}")
        self._write_counts()
        if not report.readable:
            self._write(self._style("  NOT KNOWN  part of this input was not read or not judged", "red", bold=True))
        self._write("")

    def _write_counts(self) -> None:
        counts = sorted(self._counts.items(), key=lambda entry: (-entry[1], entry[0]))
        repeated: Counter[str] = Counter()
        for (code, _), said in self._said.items():
            repeated[code] += max(0, said - _IN_FULL)
        for code, count in counts:
            rule = self._tool.rules.get(code)
            name = rule.meta.name if rule is not None else ""
            note = f"  ({repeated[code]:,} not repeated above)" if repeated[code] else ""
            self._write(f"  {count:>9,} {code} {name}{note}")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _about_risk(unpriced: int) -> str:
    text = "(national fee schedule amount of the lines with an error"
    return f"{text}; {unpriced:,} of them without a known amount)" if unpriced else f"{text})"


def _place(finding: Finding) -> str:
    location = finding.location
    if location is None:
        return ""
    where: Iterable[str] = filter(
        None,
        (
            location.element or location.segment,
            f"segment {location.ordinal}" if location.ordinal else "",
            f"byte {location.offset}" if location.offset is not None else "",
        ),
    )
    text = ", ".join(where)
    return f"  [{text}]" if text else ""
