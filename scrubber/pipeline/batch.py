"""One run over several inputs: find the files, feed the writers, conclude with an exit code."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, TextIO

from attrs import define, field, frozen

from scrubber.config import Config
from scrubber.engine.executor import Team
from scrubber.engine.judge import Engine
from scrubber.errors import ConfigError, reason_of
from scrubber.findings.report import ClaimReport, FileReport, Notice
from scrubber.io.publication import Publication, make_folder, publish_file, publish_text, writing
from scrubber.outputs.output_set import OutputSettings, Targets, targets_in
from scrubber.outputs.reports.base import Tool, Writer, describe_tool, is_binary
from scrubber.packs.registry import load_plugins, load_writer
from scrubber.pipeline.file_scrub import exit_code
from scrubber.pipeline.input_scrub import STDIN, Begun, InputOutcome, InputScrub, OpenProgress, no_progress

__all__ = [
    "Session",
    "Team",
]


_STDOUT = "standard output"

_INPUTS_AHEAD = 2
"""Inputs that may wait for each process of a team."""


@define
class Session:
    """A run.

    `reports` pairs a format with a path; `stdout_format` goes to `stdout`.  `targets` are the files to write for
    the one input there is, `out_dir` is the folder for those of each input.  `tell` is given the lines for standard
    error.  With a `team` its processes judge the claims.
    """

    engine: Engine
    config: Config
    stdout_format: str
    stdout: TextIO
    output_settings: OutputSettings
    tell: Callable[[str], object]
    reports: Sequence[tuple[str, Path]] = ()
    targets: Targets = field(factory=Targets)
    out_dir: Path | None = None
    team: Team | None = None
    progress: OpenProgress = no_progress
    color: bool = False
    _files: list[FileReport] = field(factory=list, init=False)
    _told: set[Notice] = field(factory=set, init=False)

    def run(self, inputs: Sequence[str]) -> int:
        """Scrub the inputs in order and give the exit code.

        Raises ConfigError when a report cannot be written or would overwrite an input.
        """
        targets = self._take_targets(inputs)
        tool = describe_tool(load_plugins(), self.config.today)
        scrub = InputScrub(self.engine, tool, self.output_settings, self.team)
        with ExitStack() as stack:
            reports = [self._open_report(form, path, stack, tool) for form, path in self.reports]
            # Last, because what it writes at once cannot be taken back when a report cannot be begun.
            with writing(_STDOUT):
                stdout = _stdout_writer(self.stdout_format, self.stdout, tool, color=self.color)
            writers = [_Placed(_STDOUT, stdout), *reports]
            for name, begun in self._begun(scrub, inputs, targets):
                if begun is None:
                    self._conclude(scrub.run(name, targets[name], writers, self.progress))
                else:
                    self._conclude(scrub.finish(begun, writers))
            for writer in writers:
                writer.end()
            # Reports on a run that says nothing are not published.
            with writing(_STDOUT):
                self.stdout.flush()
        crashed = self.engine.crashed or (self.team is not None and self.team.crashed)
        return exit_code(self._files, self.config, crashed=crashed)

    @staticmethod
    def _open_report(form: str, path: Path, stack: ExitStack, tool: Tool) -> _Placed:
        """Begin the report that appears under `path` when `stack` is left without an error."""
        kind = load_writer(form)
        publish = publish_file if is_binary(kind) else publish_text
        with writing(path):
            writer: Writer = kind(stack.enter_context(publish(path)), tool, color=False)
        return _Placed(path, writer)

    def _begun(
        self, scrub: InputScrub, inputs: Sequence[str], targets: Mapping[str, Targets]
    ) -> Iterator[tuple[str, Begun | None]]:
        """Yield the inputs in order while the team works on those further on that one process can take whole."""
        waiting: deque[tuple[str, Begun | None]] = deque()
        for name in inputs:
            waiting.append((name, scrub.begin(name, targets[name]) if len(inputs) > 1 else None))
            if self.team is None or len(waiting) > self.team.jobs * _INPUTS_AHEAD:
                yield waiting.popleft()
        yield from waiting

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


@frozen(eq=False)
class _Placed:
    """A writer that names its place in the error where it cannot be written."""

    place: object
    writer: Writer

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


def _stdout_writer(form: str, stdout: TextIO, tool: Tool, *, color: bool) -> Writer:
    """Make the writer to standard output.  Raises ConfigError for a binary format on a terminal."""
    kind = load_writer(form)
    out: TextIO | BinaryIO = stdout
    if is_binary(kind):
        if stdout.isatty():
            raise ConfigError(f"{form} is not for a terminal: redirect standard output, or use --report {form}=PATH")
        out = stdout.buffer
    writer: Writer = kind(out, tool, color=color)
    return writer


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
