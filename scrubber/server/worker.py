"""The process that judges: takes the place of a body, leaves the answer in a file, and gives back counts."""

from __future__ import annotations

import errno
import gc
import os
import signal
import tempfile
import threading
from collections import Counter
from datetime import date
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TextIO

import attrs
from attrs import define, field, frozen

from scrubber.config import Config
from scrubber.engine.executor import end_with_the_parent
from scrubber.engine.judge import Engine
from scrubber.errors import ScrubberError, place_of_error
from scrubber.findings.finding import Finding, Severity
from scrubber.findings.report import ClaimReport, FileReport
from scrubber.io.publication import open_private
from scrubber.outputs.output_set import AckSettings, OutputSettings, Targets
from scrubber.outputs.reports.base import Tool, Writer, describe_tool
from scrubber.packs.registry import load_plugins, load_writer
from scrubber.pipeline.file_scrub import exit_code, unreadable_reason
from scrubber.pipeline.input_scrub import InputScrub
from scrubber.server.representations import RETURNS

__all__ = ["REQUEST_NAME", "Failure", "Job", "JobResult", "Ready", "Setup", "work"]

REQUEST_NAME = "<request>"
"""What reports call an input: a name that a client gave it might hold a patient's."""


@frozen
class Setup:
    """What every worker is told when it starts."""

    config: Config
    temporary: Path
    annotate_k3: bool = False
    line_dates: bool = False


@frozen
class Job:
    """An input to judge: where it lies, where its answer goes, and which of `RETURNS` that is."""

    body: Path
    answer: Path
    returns: str


@frozen
class Ready:
    """The worker has its engine and tables."""


@frozen
class Failure:
    """The input was not judged: `place` is the kind of error and where it was raised, `storage` that a disk failed."""

    place: str
    storage: bool


@frozen
class JobResult:
    """What came of an input, in counts.

    `exit_code` is the one of the command line.  `returns` tells what the answer file holds: the JSON report where what
    was asked for cannot be given; it is None where there is nothing to hold, as no rejected claim.  `findings` counts
    by code and severity, those about the file included; `flawed` says that an error is among these.
    """

    exit_code: int
    returns: str | None
    claims: int
    accepted: int
    rejected: int
    flawed: bool
    not_annotated: int | None
    findings: dict[tuple[str, str], int] = field(factory=dict)

    @property
    def disposition(self) -> str:
        """The whole in a word: accepted, rejected, mixed, or unknown where the input was not judged as a whole."""
        if self.exit_code in (3, 4):
            return "unknown"
        if self.claims and not self.accepted:
            return "rejected"
        return "mixed" if self.rejected or self.flawed else "accepted"


@define(eq=False)
class _FindingCounter:
    """A writer that counts findings by code and severity."""

    counts: Counter[tuple[str, str]] = field(factory=Counter)

    def claim(self, _path: str, claim: ClaimReport) -> None:
        self._add(claim.findings)

    def end_file(self, report: FileReport) -> None:
        self._add(report.findings)

    def end(self) -> None:
        pass

    def _add(self, findings: tuple[Finding, ...]) -> None:
        for finding in findings:
            self.counts[finding.code, finding.severity.value] += 1


class RequestWorker:
    """Scrubs the inputs of one worker, with an engine that knows what day it is."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._engine, self._tool = self._prepare(setup.config)

    @staticmethod
    def _prepare(config: Config) -> tuple[Engine, Tool]:
        engine = Engine(config, load_plugins())
        engine.check_settings()
        return engine, describe_tool(load_plugins(), config.today)

    def scrub(self, job: Job) -> JobResult:
        """Judge an input and write its answer.  Raises ScrubberError or OSError when that cannot be written."""
        today = date.today()
        if self._engine.config.today != today:
            # A server lives for weeks; an ignore with an end must expire in it too.
            self._engine, self._tool = self._prepare(attrs.evolve(self._engine.config, today=today))
        verdict = self._scrub(job)
        if verdict.exit_code in (3, 4) and job.returns != "json":
            # What was asked for would hide that; the report tells it.
            verdict = self._scrub(attrs.evolve(job, returns="json"))
        return verdict

    def _scrub(self, job: Job) -> JobResult:
        self._engine.crashed = False
        target = RETURNS[job.returns].target
        counter = _FindingCounter()
        if target is None:
            with _create(job.answer) as out:
                writer: Writer = load_writer(job.returns)(out, self._tool, color=False)
                report = self._run(job, Targets(), [counter, writer])
                writer.end()
        else:
            wanted: dict[str, Any] = {target: job.answer}
            report = self._run(job, Targets(**wanted), [counter])
        totals = report.totals
        return JobResult(
            exit_code=exit_code([report], self._engine.config, crashed=self._engine.crashed),
            returns=job.returns if job.answer.exists() else None,
            claims=totals.claims,
            accepted=totals.accepted,
            rejected=totals.rejected,
            flawed=any(finding.severity is Severity.ERROR for finding in report.findings),
            not_annotated=report.not_annotated,
            findings=dict(counter.counts),
        )

    def _run(self, job: Job, targets: Targets, writers: list[Writer]) -> FileReport:
        settings = OutputSettings(
            AckSettings(self._engine.config.today),
            annotate_k3=self._setup.annotate_k3,
            line_dates=self._setup.line_dates,
        )
        scrub = InputScrub(self._engine, self._tool, settings)
        report = scrub.run(str(job.body), targets, writers, label=REQUEST_NAME).report
        if unreadable_reason(report) is not None:
            # It is our own copy: the disk has failed, not the client.
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return report


def _create(path: Path) -> TextIO:
    handle = open_private(path, os.O_WRONLY | os.O_TRUNC)
    return os.fdopen(handle, "w", encoding="utf-8", newline="\n")


def work(connection: Connection, setup: Setup) -> None:
    """Judge one job after another until the server closes the connection.  The body of a worker process."""
    # The server ends its workers itself: a signal to the whole group must not cut a request short.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=end_with_the_parent, daemon=True).start()
    tempfile.tempdir = os.environ["SQLITE_TMPDIR"] = str(setup.temporary)
    judge = RequestWorker(setup)
    gc.freeze()  # tables and plugins stay; there is no use in looking them through again and again
    try:
        connection.send(Ready())
        while True:
            connection.send(_answer(judge, connection.recv()))
    except (EOFError, OSError):
        return  # the server has gone


def _answer(judge: RequestWorker, job: Job) -> JobResult | Failure:
    try:
        return judge.scrub(job)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - the last resort: name the place, not the data
        return Failure(place_of_error(error), storage=_is_storage(error))


def _is_storage(error: BaseException) -> bool:
    return isinstance(error, OSError) or (isinstance(error, ScrubberError) and isinstance(error.__cause__, OSError))
