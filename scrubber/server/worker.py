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

from scrubber.api import Scrubber, ScrubOutcome
from scrubber.config import Config
from scrubber.engine.process_executor import end_with_the_parent
from scrubber.errors import ScrubberError, place_of_error
from scrubber.findings.finding import Finding, Severity
from scrubber.findings.report import ClaimReport, FileReport
from scrubber.io.publication import open_private
from scrubber.outputs.output_set import Targets, import_writers
from scrubber.outputs.reports.base import ReportWriter
from scrubber.pipeline.file_scrub import unreadable_reason
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
    findings: dict[tuple[str, str], int] = field(factory=lambda: {})

    @property
    def disposition(self) -> str:
        """The whole in a word: accepted, rejected, mixed, or unknown where the input was not judged as a whole."""
        if self.exit_code in (3, 4):
            return "unknown"
        if self.claims and not self.accepted:
            return "rejected"
        return "mixed" if self.rejected or self.flawed else "accepted"


@define(eq=False)
class _FindingCounter(ReportWriter):
    """A writer that counts findings by code and severity."""

    counts: Counter[tuple[str, str]] = field(factory=Counter[tuple[str, str]])

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
    """Scrubs the inputs of one worker, by settings that know what day it is."""

    def __init__(self, setup: Setup) -> None:
        self._scrubber = Scrubber(setup.config, annotate_k3=setup.annotate_k3, line_dates=setup.line_dates)
        import_writers()

    def scrub(self, job: Job) -> JobResult:
        """Judge an input and write its answer.  Raises ScrubberError or OSError when that cannot be written."""
        if self._scrubber.config.today != date.today():
            # A server lives for weeks; an ignore with an end must expire in it too.
            self._scrubber = self._scrubber.renewed()
        result = self._scrub(job)
        if result.exit_code in (3, 4) and job.returns != "json":
            # What was asked for would hide that; the report tells it.
            result = self._scrub(attrs.evolve(job, returns="json"))
        return result

    def _scrub(self, job: Job) -> JobResult:
        target = RETURNS[job.returns].target
        counter = _FindingCounter()
        if target is None:
            with _create(job.answer) as out:
                writer = self._scrubber.writer(job.returns, out)
                outcome = self._run(job, Targets(), [counter, writer])
                writer.end()
        else:
            wanted: dict[str, Any] = {target: job.answer}
            outcome = self._run(job, Targets(**wanted), [counter])
        report = outcome.report
        return JobResult(
            exit_code=outcome.exit_code,
            returns=job.returns if job.answer.exists() else None,
            claims=report.totals.claims,
            accepted=report.totals.accepted,
            rejected=report.totals.rejected,
            flawed=any(finding.severity is Severity.ERROR for finding in report.findings),
            not_annotated=report.not_annotated,
            findings=dict(counter.counts),
        )

    def _run(self, job: Job, targets: Targets, writers: list[ReportWriter]) -> ScrubOutcome:
        outcome = self._scrubber.scrub_input(str(job.body), targets, writers, label=REQUEST_NAME)
        if unreadable_reason(outcome.report) is not None:
            # It is our own copy: the disk has failed, not the client.
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return outcome


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
