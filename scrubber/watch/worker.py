"""Scrub one file that a watcher has taken, into a folder where nobody looks for it yet."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import date
from pathlib import Path

import attrs
from attrs import define, frozen

from scrubber.api import make_engine
from scrubber.config import Config
from scrubber.engine.executor import Team
from scrubber.engine.judge import Engine
from scrubber.findings.finding import Severity
from scrubber.findings.report import FileReport
from scrubber.outputs.output_set import AckSettings, OutputSettings, targets_in
from scrubber.outputs.reports.base import describe_tool
from scrubber.packs.registry import load_plugins
from scrubber.pipeline.file_scrub import exit_code
from scrubber.pipeline.input_scrub import InputScrub

__all__ = ["STAGED", "FileResult", "FileWorker", "describe_faults"]

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
    """Scrubs files one by one under the same settings; `jobs` processes judge the claims of a file."""

    config: Config
    annotate_k3: bool = False
    line_dates: bool = False
    jobs: int = 1

    def check(self) -> Engine:
        """Return an engine with these settings.  Raises ConfigError or PluginError where there can be none."""
        return make_engine(self.config)

    def run(self, original: Path, name: str, staged: Path) -> FileResult:
        """Scrub the bytes of `original` under the name they came with; the files appear in `staged`.

        Raises ScrubberError as `InputScrub.run` does.
        """
        # A watcher outlives the day it was started on, and an engine remembers that an edit has crashed.
        config = attrs.evolve(self.config, today=date.today())
        engine = make_engine(config)
        settings = OutputSettings(AckSettings(config.today), annotate_k3=self.annotate_k3, line_dates=self.line_dates)
        # Processes of their own for each file: one that is killed takes no other file with it.
        team = Team(config, self.jobs, shortcut=True) if self.jobs > 1 else None
        with team or nullcontext():
            scrub = InputScrub(engine, describe_tool(load_plugins(), config.today), settings, team)
            outcome = scrub.run(str(original), targets_in(staged, f"{STAGED}.837"), [], label=name)
        crashed = engine.crashed or (team is not None and team.crashed)
        suffixes = tuple(suffix for suffix in _ORDER if (staged / f"{STAGED}{suffix}").exists())
        code = exit_code([outcome.report], config, crashed=crashed)
        notes = (*outcome.notes, "an edit crashed (SCR901)") if crashed else outcome.notes
        return FileResult(outcome.report, suffixes, notes, code)


def describe_faults(report: FileReport) -> list[str]:
    """Return the errors of the file itself, one a line, at most twenty."""
    errors = [finding for finding in report.findings if finding.severity is Severity.ERROR]
    return [f"{finding.code} {finding.name}: {finding.message} {finding.fix}" for finding in errors[:_SHOWN]]
