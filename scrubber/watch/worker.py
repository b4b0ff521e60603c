"""Scrub one file that a watcher has taken, into a folder where nobody looks for it yet."""

from __future__ import annotations

from pathlib import Path

from attrs import define, frozen

from scrubber.api import Scrubber
from scrubber.findings.finding import Severity
from scrubber.findings.report import FileReport
from scrubber.outputs.output_set import targets_in

__all__ = ["STAGED", "FileResult", "FileWorker", "describe_errors"]

STAGED = "claims"
"""What the staged files are called, in front of their suffixes."""

_ORDER = (".findings.json", ".999", ".277ca", ".annotated.837", ".rejected.837", ".clean.837")
"""The suffixes of the staged files in the order in which they are published: when the clean file is there, all are."""

_SHOWN = 20


@frozen
class FileResult:
    """What came of a file: its report, the suffixes of the files staged, in order, and the exit code it asks for."""

    report: FileReport
    suffixes: tuple[str, ...]
    notes: tuple[str, ...]
    code: int


@define(eq=False)
class FileWorker:
    """Scrubs files one by one by the same settings."""

    scrubber: Scrubber

    def run(self, original: Path, name: str, staged: Path) -> FileResult:
        """Scrub the bytes of `original` under the name they came with; the files appear in `staged`.

        Raises ScrubberError as `Scrubber.scrub_input` does.
        """
        # Processes of its own for each file: one that is killed takes no other file with it.
        with self.scrubber.renewed() as scrubber:
            outcome = scrubber.scrub_input(str(original), targets_in(staged, f"{STAGED}.837"), label=name)
        suffixes = tuple(suffix for suffix in _ORDER if (staged / f"{STAGED}{suffix}").exists())
        crashed = outcome.report.totals.crashed
        notes = (*outcome.notes, "an edit crashed (SCR901)") if crashed else outcome.notes
        return FileResult(outcome.report, suffixes, notes, outcome.exit_code)


def describe_errors(report: FileReport) -> list[str]:
    """Return the errors of the file itself, one a line, at most twenty."""
    errors = [finding for finding in report.findings if finding.severity is Severity.ERROR]
    return [f"{finding.code} {finding.name}: {finding.message} {finding.fix}" for finding in errors[:_SHOWN]]
