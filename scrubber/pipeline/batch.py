"""One run over several inputs: check where files and reports go, scrub each input, feed the reports."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, TextIO

from attrs import define, field, frozen

from scrubber.errors import ConfigError, reason_of
from scrubber.findings.report import ClaimReport, FileReport, Notice
from scrubber.io.publication import Publication, make_folder, publish_file, publish_text
from scrubber.io.writing import writing
from scrubber.outputs.output_set import Targets, targets_in
from scrubber.outputs.reports.base import ReportWriter, Tool
from scrubber.outputs.reports.formats import load_format
from scrubber.pipeline.input_scrub import STDIN, InputOutcome, InputScrub, OpenProgress, no_progress

__all__ = ["Batch"]

_STDOUT = "standard output"


@define(eq=False, repr=False)
class Batch:
    """A run over several inputs.

    `reports` pairs a format with a path; `stdout_format` goes to `stdout`.  `targets` are the files to write for
    the one input there is, `out_dir` is the folder for those of each input.  `tell` is given the lines for standard
    error.
    """

    scrub: InputScrub
    stdout_format: str
    stdout: TextIO
    tell: Callable[[str], object]
    reports: Sequence[tuple[str, Path]] = ()
    targets: Targets = field(factory=Targets)
    out_dir: Path | None = None
    progress: OpenProgress = no_progress
    color: bool = False
    _files: list[FileReport] = field(factory=lambda: [], init=False)
    _told: set[Notice] = field(factory=set[Notice], init=False)

    def run(self, inputs: Sequence[str]) -> list[FileReport]:
        """Scrub the inputs in order and return their reports, without the claims.

        Raises ConfigError when a report cannot be written or would overwrite an input.
        """
        targets = self._take_targets(inputs)
        tool = self.scrub.tool
        with ExitStack() as stack:
            reports = [self._open_report(form, path, stack, tool) for form, path in self.reports]
            # Last, because what it writes at once cannot be taken back when a report cannot be begun.
            with writing(_STDOUT):
                stdout = _stdout_writer(self.stdout_format, self.stdout, tool, color=self.color)
            writers = [_Placed(_STDOUT, stdout), *reports]
            for outcome in self._outcomes(inputs, targets, writers):
                self._conclude(outcome)
            for writer in writers:
                writer.end()
            # Reports on a run that says nothing are not published.
            with writing(_STDOUT):
                self.stdout.flush()
        return self._files

    @staticmethod
    def _open_report(form: str, path: Path, stack: ExitStack, tool: Tool) -> _Placed:
        """Begin the report that appears under `path` when `stack` is left without an error."""
        wanted = load_format(form)
        with writing(path):
            out: TextIO | BinaryIO
            out = stack.enter_context(publish_file(path)) if wanted.binary else stack.enter_context(publish_text(path))
            return _Placed(path, wanted.writer(out, tool))

    def _outcomes(
        self, inputs: Sequence[str], targets: Mapping[str, Targets], writers: Sequence[ReportWriter]
    ) -> Iterator[InputOutcome]:
        """Scrub the inputs in order, while processes work on those further on that one of them can take whole."""
        if len(inputs) == 1:  # its claims are judged by all of them
            yield self.scrub.run(inputs[0], targets[inputs[0]], writers, self.progress)
            return
        waiting: deque[Callable[[], InputOutcome]] = deque()
        for name in inputs:
            waiting.append(self.scrub.start(name, targets[name], writers, self.progress))
            while len(waiting) > self.scrub.executor.inputs_ahead:
                yield waiting.popleft()()
        while waiting:
            yield waiting.popleft()()

    def _conclude(self, outcome: InputOutcome) -> None:
        report = outcome.report
        self._files.append(report)
        for note in outcome.notes:
            self.tell(f"{report.path}: {note}")
        if self.stdout_format == "ndjson":
            for notice in report.notices:
                if notice not in self._told:  # once a run: it is the same for each input
                    self.tell(f"notice: {notice.message}")
                self._told.add(notice)
            for finding in report.findings:
                self.tell(f"{report.path}: {finding.severity} {finding.code}: {finding.message}")

    def _take_targets(self, inputs: Sequence[str]) -> dict[str, Targets]:
        """Return the files to write for each input; each can be begun, and none be written twice or be an input."""
        targets = {name: self.targets if self.out_dir is None else targets_in(self.out_dir, name) for name in inputs}
        if self.out_dir is not None and self.targets.paths:
            raise ConfigError(
                f"{self.targets.paths[0]}: the files in {self.out_dir} are named already; use one or the other"
            )
        if len(inputs) > 1 and self.targets.paths:
            raise ConfigError(
                f"{self.targets.paths[0]}: is one file for {len(inputs)} inputs; use --out-dir for several"
            )
        self._check_owners(inputs, targets)
        _try(path for _, path in self.reports)
        if self.out_dir is not None:
            _make_folder(self.out_dir)
        _try(path for wanted in targets.values() for path in wanted.paths)
        return targets

    def _check_owners(self, inputs: Sequence[str], targets: Mapping[str, Targets]) -> None:
        owners: dict[Path, str] = {}
        paths = [(path, "a report") for _, path in self.reports]
        paths += [(path, f"the files of {name}") for name, wanted in targets.items() for path in wanted.paths]
        read = {identity for identity in map(_identity, inputs) if identity is not None}
        for path, owner in paths:
            if path == Path("-"):
                raise ConfigError("-: is no file; what goes to standard output is chosen by --format")
            # A link as target is replaced, so it is its own place; a link on the way to it is not.
            try:
                where = path.parent.resolve() / path.name
            except (OSError, RuntimeError) as error:  # RuntimeError is what Python makes of links in a circle
                raise ConfigError(f"{path}: cannot be written (its folder cannot be found)") from error
            if where in owners:
                raise ConfigError(f"{path}: would be written twice, by {owners[where]} and {owner}")
            owners[where] = owner
            if _identity(str(path)) in read:
                raise ConfigError(f"{path}: is an input; the output would overwrite it")


@frozen(eq=False, repr=False)
class _Placed(ReportWriter):
    """A writer that names its place in the error where it cannot be written."""

    place: object
    writer: ReportWriter

    def claim(self, path: str, claim: ClaimReport) -> None:
        try:  # entering a block for every claim would take its time
            self.writer.claim(path, claim)
        except OSError:
            with writing(self.place):
                raise

    def end_file(self, report: FileReport) -> None:
        with writing(self.place):
            self.writer.end_file(report)

    def end(self) -> None:
        with writing(self.place):
            self.writer.end()


def _stdout_writer(form: str, stdout: TextIO, tool: Tool, *, color: bool) -> ReportWriter:
    """Make the writer to standard output.  Raises ConfigError for a binary format on a terminal."""
    wanted = load_format(form)
    if wanted.binary and stdout.isatty():
        raise ConfigError(f"{form} is not for a terminal: redirect standard output, or use --report {form}=PATH")
    return wanted.writer(stdout.buffer if wanted.binary else stdout, tool, color=color)


def _identity(name: str) -> tuple[int, int] | None:
    """Return what makes two names the same file, standard input included; None for what does not exist."""
    try:
        found = os.fstat(sys.stdin.fileno()) if name == STDIN else Path(name).stat()
    except (OSError, ValueError, AttributeError):  # standard input is None where it is closed
        return None
    return (found.st_dev, found.st_ino)


def _try(paths: Iterable[Path]) -> None:
    """Begin each file and give it up.  Raises ConfigError for one that cannot be written."""
    for path in paths:
        with Publication() as trial:
            trial.draft(path)


def _make_folder(folder: Path) -> None:
    try:
        make_folder(folder)
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be made a folder ({reason_of(error)})") from error
