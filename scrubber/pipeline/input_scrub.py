"""Scrub one input: judge its claims, feed the writers, publish its files together."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol, TextIO

import attrs
from attrs import define, field, frozen

from scrubber.engine.executor import Executor, SerialExecutor
from scrubber.engine.judge import Engine
from scrubber.errors import UnreadableError
from scrubber.findings.report import AcceptedRun, ClaimReport, FileReport, Totals
from scrubber.io.publication import Publication
from scrubber.io.source import InputSource, open_source
from scrubber.io.writing import writing
from scrubber.outputs.output_set import FileOutputs, OutputSettings, Targets
from scrubber.outputs.reports.base import ReportWriter, Tool, describe_tool
from scrubber.outputs.reports.formats import load_format
from scrubber.outputs.x12.base import InputEvent, JudgedClaim, JudgedRun
from scrubber.packs.registry import load_plugins
from scrubber.pipeline.file_scrub import FileScrub, unreadable_file

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["STDIN", "InputOutcome", "InputScrub", "OpenProgress", "no_progress", "open_input"]

STDIN = "-"

_WHOLE = 4 << 20
"""Bytes of an input that one process may take whole: its verdicts are then few enough to be kept."""


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


@frozen(eq=False, repr=False)
class InputOutcome:
    """What came of an input: its report, and what the user should be told about its files."""

    report: FileReport
    notes: tuple[str, ...] = ()


@frozen(eq=False, repr=False)
class _Whole:
    """What a process makes of an input: the outcome and the verdicts on the claims."""

    outcome: InputOutcome
    claims: list[ClaimReport]


@define(eq=False, repr=False)
class InputScrub:
    """Scrubs inputs by one engine; `executor` judges their claims."""

    engine: Engine
    tool: Tool
    settings: OutputSettings
    executor: Executor

    def run(
        self,
        name: str,
        targets: Targets,
        writers: Sequence[ReportWriter],
        progress: OpenProgress = no_progress,
        label: str | None = None,
    ) -> InputOutcome:
        """Scrub one input; its files appear when all of it has been judged and checked, the clean file last.

        The report calls it `label` where one is given, else by its name.  Raises ScrubberError, before anything is
        published, when a file cannot be written or does not hold what the report says.  An input that cannot be read is
        no error but a report that says so.
        """
        with Publication() as files:
            own: list[ReportWriter] = []
            text: TextIO | None = None
            if targets.findings is not None:
                text = io.TextIOWrapper(files.draft(targets.findings).stream, encoding="utf-8", newline="\n")
                own.append(load_format("json").writer(text, self.tool))
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

    def start(
        self, name: str, targets: Targets, writers: Sequence[ReportWriter], progress: OpenProgress = no_progress
    ) -> Callable[[], InputOutcome]:
        """Begin one of several inputs, where a process can take it whole, and return what finishes it.

        That raises as `run` does.
        """
        begun = self.executor.begin(_scrub_whole, name, targets, self.settings) if _fits_one(name) else None
        if begun is None:
            return partial(self.run, name, targets, writers, progress)
        return partial(self._finish, name, begun, writers)

    def _finish(self, name: str, begun: Future[_Whole], writers: Sequence[ReportWriter]) -> InputOutcome:
        answer = self.executor.wait_for(begun)
        report = answer.outcome.report
        with writing(f"the output for {name}"):
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
        writers: Sequence[ReportWriter],
        files: Publication,
        progress: OpenProgress,
        label: str | None,
    ) -> InputOutcome:
        run: FileScrub | None = None
        outputs: FileOutputs | None = None
        try:
            with open_input(name, label) as source, progress(source) as watching:
                run = FileScrub(source, self.engine, watching.advance if watching else None, self.executor)
                if watching is not None:
                    watching.totals = run.totals
                outputs = run.begin_files(targets, self.settings, files)
                for event in run.events() if outputs.takes_text else run.verdicts():
                    if not isinstance(event, AcceptedRun):
                        outputs.take(event)
                    _show(event, source.name, writers)
                written = outputs.finish(run.report)
            return InputOutcome(attrs.evolve(run.report, not_annotated=written.not_annotated), written.notes)
        except UnreadableError as error:
            if outputs is not None:
                outputs.discard()
            failed = unreadable_file(label or name, error, self.engine.notices)
            if run is None:
                return InputOutcome(failed)
            report = run.report
            return InputOutcome(attrs.evolve(report, readable=False, findings=report.findings + failed.findings))


# -- one input in one process ---------------------------------------------------------------------------------------


def _show(event: InputEvent | AcceptedRun, path: str, writers: Sequence[ReportWriter]) -> None:
    """Pass the verdicts of an event on to the writers of reports."""
    run = event.claims if isinstance(event, JudgedRun) else event
    for writer in writers:
        if isinstance(run, AcceptedRun):
            writer.accepted(path, run)
        elif isinstance(run, JudgedClaim):
            writer.claim(path, run.shown)


def _fits_one(name: str) -> bool:
    try:
        return name != STDIN and Path(name).is_file() and Path(name).stat().st_size <= _WHOLE
    except (OSError, ValueError):
        return False


def _scrub_whole(name: str, targets: Targets, settings: OutputSettings) -> _Whole:
    from scrubber.engine.process_executor import own_engine  # noqa: PLC0415 - start-up: only workers import it

    engine, kept = own_engine(), _KeepingWriter()
    tool = describe_tool(load_plugins(), engine.config.today)
    outcome = InputScrub(engine, tool, settings, SerialExecutor(engine)).run(name, targets, [kept])
    return _Whole(outcome, kept.claims)


@define(eq=False, repr=False)
class _KeepingWriter(ReportWriter):
    """A writer that keeps the verdicts."""

    claims: list[ClaimReport] = field(factory=lambda: [])

    def claim(self, _path: str, claim: ClaimReport) -> None:
        self.claims.append(claim)

    def end_file(self, _report: FileReport) -> None:
        pass

    def end(self) -> None:
        pass
