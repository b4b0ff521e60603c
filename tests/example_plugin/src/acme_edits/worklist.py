"""A writer: one line of tab-separated text for every error, for a biller's list of things to do."""

from __future__ import annotations

from typing import TextIO

from scrubber import ClaimReport, FileReport, Finding, ReportWriter, Severity, Tool

__all__ = ["WorklistWriter"]


class WorklistWriter(ReportWriter):
    """Writes file, claim (its place in the file), line, code and fix of every error, as they come."""

    def __init__(self, out: TextIO, tool: Tool, *, color: bool = False) -> None:
        del tool, color
        self._out = out

    def claim(self, path: str, claim: ClaimReport) -> None:
        """Write the errors of one claim."""
        for finding in claim.findings:
            self._write(path, finding)

    def end_file(self, report: FileReport) -> None:
        """Write the errors of the file itself: what was not read is to do as well."""
        for finding in report.findings:
            self._write(report.path, finding)

    def end(self) -> None:
        """Write nothing: the list has no end of its own."""

    def _write(self, path: str, finding: Finding) -> None:
        if finding.severity is Severity.ERROR:
            place = (str(finding.claim_ordinal or "-"), str(finding.line or "-"))
            self._out.write("\t".join((path, *place, finding.code, finding.fix)) + "\n")
