"""Scrub one input: judge its claims, feed the writers, publish its files together."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import BinaryIO, Protocol, TextIO

from attrs import define, field, frozen

from scrubber.engine.executor import Team, TeamAnswer, own_engine
from scrubber.engine.judge import Engine
from scrubber.errors import UnreadableError
from scrubber.findings.report import ClaimReport, FileReport, Totals
from scrubber.io.publication import Publication, writing
from scrubber.io.source import InputSource, open_source
from scrubber.outputs.output_set import FileOutputs, OutputSettings, Targets
from scrubber.outputs.reports.base import Tool, Writer, describe_tool
from scrubber.packs.registry import load_plugins, load_writer
from scrubber.pipeline.file_scrub import FileScrub, unreadable_file

__all__ = ["STDIN", "Begun", "InputOutcome", "InputScrub", "OpenProgress", "no_progress", "open_input"]

STDIN = "-"

_WHOLE = 4 << 20
"""Bytes of an input that one process of a team may take whole: its verdicts are then few enough to be kept."""


class Progress(Protocol):
    """Watches one input: the bytes that are read, and the totals once claims are judged."""

    totals: Totals | None

    def advance(self, count: int) -> None:
        """Take notice of bytes that have been read."""


OpenProgress = Callable[[InputSource], AbstractContextManager[Progress | None]]


def no_progress(_source: InputSource) -> AbstractContextManager[None]:
    """Show nothing of how far a scrub is."""
    return nullcontext()


def open_input(name: str, label: str | None = None) -> InputSource:
    """Open a file, or standard input for "-"; reports call it `label`, else by its name.  Raises UnreadableError."""
    if name != STDIN:
        return open_source(name, label)
    label = label or "<stdin>"
    if sys.stdin is None:
        raise UnreadableError(f"{label}: is closed")
    stream: BinaryIO = sys.stdin.buffer
    return open_source(stream, label)


@frozen
class InputOutcome:
    """What came of an input: its report, and what the user should be told about its files."""

    report: FileReport
    notes: tuple[str, ...] = ()


@frozen(eq=False)
class _Whole(TeamAnswer):
    """What a process of a team makes of an input: the outcome and the verdicts on the claims."""

    outcome: InputOutcome
    claims: list[ClaimReport]


@frozen(eq=False)
class Begun:
    """An input that a process of the team works on."""

    name: str
    future: Future[_Whole]


@define(eq=False)
class InputScrub:
    """Scrubs inputs by one engine, or by a team of processes."""

    engine: Engine
    tool: Tool
    settings: OutputSettings
    team: Team | None = None

    def run(
        self,
        name: str,
        targets: Targets,
        writers: Sequence[Writer],
        progress: OpenProgress = no_progress,
        label: str | None = None,
    ) -> InputOutcome:
        """Scrub one input; its files appear when all of it has been judged and checked, the clean file last.

        The report calls it `label` where one is given, else by its name.  Raises ScrubberError, before anything is
        published, when a file cannot be written or does not hold what the report says.  An input that cannot be read is
        no error but a report that says so.
        """
        with Publication() as files:
            own: list[Writer] = []
            text: TextIO | None = None
            if targets.findings is not None:
                text = io.TextIOWrapper(files.draft(targets.findings).stream, encoding="utf-8", newline="\n")
                own.append(load_writer("json")(text, self.tool, color=False))
            with writing(f"the output for {label or name}"):
                outcome = self._judge(name, targets, [*writers, *own], files, progress, label)
                for writer in (*writers, *own):
                    writer.end_file(outcome.report)
                for writer in own:
                    writer.end()
                if text is not None:
                    text.flush()
            files.publish()
        return outcome

    def begin(self, name: str, targets: Targets) -> Begun | None:
        """Have a process of the team take an input; None where there is no team or the input is not for one process."""
        if self.team is None or not _fits_one(name):
            return None
        return Begun(name, self.team.begin(_scrub_whole, name, targets, self.settings))

    def finish(self, begun: Begun, writers: Sequence[Writer]) -> InputOutcome:
        """Wait for an input that was begun, and feed the writers.  Raises as `run` does."""
        if self.team is None:
            raise ValueError("only a team begins inputs")
        answer = self.team.wait_for(begun.future)
        report = answer.outcome.report
        with writing(f"the output for {begun.name}"):
            for claim in answer.claims:
                for writer in writers:
                    writer.claim(report.path, claim)
            for writer in writers:
                writer.end_file(report)
        return answer.outcome

    def _judge(
        self,
        name: str,
        targets: Targets,
        writers: Sequence[Writer],
        files: Publication,
        progress: OpenProgress,
        label: str | None,
    ) -> InputOutcome:
        report: FileReport | None = None
        outputs: FileOutputs | None = None
        notes: tuple[str, ...] = ()
        try:
            with open_input(name, label) as source, progress(source) as watching:
                run = FileScrub(source, self.engine, watching.advance if watching else None, self.team)
                report = run.report
                if watching is not None:
                    watching.totals = report.totals
                if targets.paths:
                    outputs = run.write_files(targets, self.settings, files)
                for claim in run:
                    for writer in writers:
                        writer.claim(report.path, claim)
                if outputs is not None:
                    outputs.finish()
                    notes = tuple(outputs.notes)
        except UnreadableError as error:
            if outputs is not None:
                outputs.discard()
            failed = unreadable_file(label or name, error, self.engine.notices)
            if report is None:
                return InputOutcome(failed)
            report.readable = False
            report.findings += failed.findings
        return InputOutcome(report, notes)


# -- one input in one process of a team -----------------------------------------------------------------------------


def _fits_one(name: str) -> bool:
    try:
        return name != STDIN and Path(name).is_file() and Path(name).stat().st_size <= _WHOLE
    except (OSError, ValueError):
        return False


def _scrub_whole(name: str, targets: Targets, settings: OutputSettings) -> _Whole:
    engine, kept = own_engine(), _KeepingWriter()
    scrub = InputScrub(engine, describe_tool(load_plugins(), engine.config.today), settings)
    outcome = scrub.run(name, targets, [kept])
    return _Whole(engine.crashed, outcome, kept.claims)


@define(eq=False)
class _KeepingWriter:
    """A writer that keeps the verdicts."""

    claims: list[ClaimReport] = field(factory=list)

    def claim(self, _path: str, claim: ClaimReport) -> None:
        self.claims.append(claim)

    def end_file(self, _report: FileReport) -> None:
        pass

    def end(self) -> None:
        pass
