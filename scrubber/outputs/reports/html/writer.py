"""Collect a run within bounds, and write the page at its end."""

from __future__ import annotations

from typing import BinaryIO

from scrubber.findings.report import ClaimReport, Detail, FileReport
from scrubber.outputs.reports.base import ReportWriter, Tool
from scrubber.outputs.reports.html.page import write_page
from scrubber.outputs.reports.html.tally import RunTally

__all__ = ["HtmlWriter"]


class HtmlWriter(ReportWriter):
    """Writes the run as one HTML page when all inputs are through.

    Every claim is counted; the claims with findings that put the most money at risk are kept to be shown one by one,
    and the page says how many others there are.
    """

    binary = True
    detail = Detail.OPENED

    def __init__(self, out: BinaryIO, tool: Tool, *, color: bool = False) -> None:
        del color
        self._out = out
        self._tool = tool
        self._tally = RunTally()

    def claim(self, path: str, claim: ClaimReport) -> None:
        """Count the claim, and keep it if it is among those to be shown."""
        del path
        self._tally.add(claim)

    def end_file(self, report: FileReport) -> None:
        """Keep the conclusion on the input."""
        self._tally.add_file(report)

    def end(self) -> None:
        """Write the page."""
        write_page(self._out, self._tool, self._tally)
