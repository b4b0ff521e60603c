"""The Python API: scrub an input, stream its claims, judge a claim of your own."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, BinaryIO, Self, TextIO, TypedDict, Unpack

from attrs import define, evolve, field, frozen

from scrubber.builtin.all_rules import all_rules
from scrubber.claims.builder import build_claim
from scrubber.claims.model import Claim
from scrubber.claims.reader import Reader
from scrubber.config import Config, load_config, read_values
from scrubber.engine.executor import Executor, SerialExecutor
from scrubber.engine.judge import Engine
from scrubber.errors import ScrubberError, UnreadableError, reason_of
from scrubber.findings.finding import Finding, Severity
from scrubber.findings.report import Detail, FileReport, Notice, Report, exit_code
from scrubber.findings.values import Values
from scrubber.io.source import open_source
from scrubber.outputs.output_set import AckSettings, OutputSettings, Targets
from scrubber.outputs.reports.base import ReportWriter, Tool, describe_tool
from scrubber.outputs.reports.formats import load_format, most_detail
from scrubber.packs.registry import load_plugins
from scrubber.pipeline.batch import Batch
from scrubber.pipeline.file_scrub import FileScrub, redacted, unreadable_file
from scrubber.pipeline.input_scrub import InputScrub

__all__ = [
    "ScrubOutcome",
    "Scrubber",
    "Settings",
    "check_claim",
    "check_claims",
    "iter_claims",
    "load_settings",
    "make_engine",
    "scrub",
]

Input = str | os.PathLike[str] | bytes | BinaryIO

_CALLER = "the program that runs the edits"
"""Where settings come from that are given as keywords, in the words of a notice."""


class Settings(TypedDict, total=False):
    """The settings that `scrub`, `check_claim` and `check_claims` take as keywords: those of `scrubber.toml`.

    A keyword replaces the whole setting of that name.  `tables`, `packs` and `payers` have the shape that the file has.
    """

    select: Sequence[str]
    ignore: Sequence[str]
    severity: Mapping[str, Severity | str]
    fail_on: Severity | str
    conformance: str
    redact: bool
    tables: Mapping[str, Mapping[str, Mapping[str, object]]]
    packs: Mapping[str, Mapping[str, str | bool]]
    payers: Mapping[str, Mapping[str, object]]


def load_settings(path: Path | None = None, *, discover: bool = True, **flags: Any) -> Config:
    """Load a configuration and check it against the installed edits; see `scrubber.config.load_config`."""
    plugins = load_plugins()
    rules = all_rules(plugins)
    mandatory = [code for code, (rule, _) in rules.items() if rule.meta.mandatory]
    options = {plugin.prefix: plugin.pack.options for plugin in plugins}
    return load_config(path, rules, mandatory, options, discover=discover, **flags)


def make_engine(config: Config | None = None, *, screened: bool = True, detail: Detail = Detail.NONE) -> Engine:
    """Make an engine with all installed edits, its settings checked; see `Engine` for `screened` and `detail`.

    Raises ConfigError or PluginError.
    """
    engine = Engine(config or load_settings(), load_plugins(), screened=screened, detail=detail)
    engine.check_settings()
    return engine


@frozen(eq=False, repr=False)
class ScrubOutcome(Values):
    """What came of an input: its report without the claims, what the user should be told, and the exit code."""

    report: FileReport
    notes: tuple[str, ...]
    exit_code: int


@define(eq=False)
class Scrubber:
    """Settings, installed edits, outputs and exit code together: what every front end scrubs with.

    Without `config` the settings are those of SCRUBBER_CONFIG or `scrubber.toml`.  `formats` are the reports that will
    be asked for, which decides how much of the claims is kept.  `jobs` processes judge claims; leave the scrubber, a
    context manager, to end them.  Without `screened` every claim is opened.  The other values are about the X12 files:
    notes in K3, STC02 on the lines of the 277CA, files of an input that was not completely read, and the date and first
    interchange number of acknowledgements.  Raises ConfigError or PluginError where the settings or a plugin are wrong.
    """

    config: Config = field(factory=load_settings)
    formats: tuple[str, ...] = ()
    jobs: int = 1
    screened: bool = True
    annotate_k3: bool = False
    line_dates: bool = False
    partial: bool = False
    ack_date: datetime | None = None
    ack_number: int | None = None
    tool: Tool = field(init=False)
    """This installation as reports describe it."""
    _engine: Engine = field(init=False)
    _executor: Executor = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.tool = describe_tool(load_plugins(), self.config.today)
        detail = most_detail(load_format(name) for name in self.formats)
        self._engine = make_engine(self.config, screened=self.screened, detail=detail)
        if self.jobs > 1:
            from scrubber.engine.process_executor import ProcessExecutor  # noqa: PLC0415 - start-up: imported when asked for

            make = functools.partial(make_engine, self.config, screened=self.screened, detail=detail)
            self._executor = ProcessExecutor(make, self.jobs)
        else:
            self._executor = SerialExecutor(self._engine)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.close()

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What every report says of the settings."""
        return self._engine.notices

    def renewed(self) -> Scrubber:
        """Return another one with the same settings, of today (an ignore may have expired) and with new processes."""
        return evolve(self, config=evolve(self.config, today=date.today()))

    def writer(self, form: str, out: TextIO | BinaryIO) -> ReportWriter:
        """Begin a report in a format.  Raises PluginError where none of that name is installed."""
        return load_format(form).writer(out, self.tool)

    def scrub(self, source: Input, progress: Callable[[int], object] | None = None) -> Report:
        """Scrub one input and return the whole report; see `scrubber.scrub`."""
        name = os.fspath(source) if isinstance(source, str | os.PathLike) else "<input>"
        try:
            with open_source(source, name) as opened:
                report = FileScrub(opened, self._engine, progress, self._executor).whole_report()
        except UnreadableError as error:
            report = unreadable_file(name, error, self.notices)
        except OSError as error:
            reason = reason_of(error)
            raise ScrubberError(f"{name}: temporary files cannot be written ({reason})") from error
        return Report((report,), exit_code([report], self.config.fail_on))

    def scrub_input(
        self, name: str, targets: Targets, writers: Sequence[ReportWriter] = (), label: str | None = None
    ) -> ScrubOutcome:
        """Scrub one input into files and reports; see `InputScrub.run`."""
        outcome = self._input_scrub.run(name, targets, writers, label=label)
        return ScrubOutcome(outcome.report, outcome.notes, exit_code([outcome.report], self.config.fail_on))

    def scrub_batch(self, inputs: Sequence[str], **outputs: Any) -> int:
        """Scrub several inputs into one report and return the exit code; `outputs` are the values of `Batch`."""
        return exit_code(Batch(self._input_scrub, **outputs).run(inputs), self.config.fail_on)

    def check(self, claims: Iterable[Claim]) -> list[Finding]:
        """Judge claims together; see `scrubber.check_claims`."""
        groups: dict[tuple[str, ...], list[Claim]] = {}
        ordinals: set[int] = set()
        for claim in claims:
            if claim.ordinal in ordinals:
                raise ValueError("every claim needs an ordinal of its own")
            ordinals.add(claim.ordinal)
            groups.setdefault(claim.patient_key, []).append(claim)
        reports = [report for group in groups.values() for report in self._engine.judge(group)]
        if self.config.redact:
            reports = [redacted(report) for report in reports]
        found = [finding for report in reports for finding in report.findings]
        return sorted(found, key=lambda finding: finding.sort_key)

    @property
    def _input_scrub(self) -> InputScrub:
        ack = AckSettings(self.config.today, self.ack_date, self.ack_number)
        settings = OutputSettings(ack, annotate_k3=self.annotate_k3, line_dates=self.line_dates, partial=self.partial)
        return InputScrub(self._engine, self.tool, settings, self._executor)


def _configured(config: Config | None, settings: Settings) -> Scrubber:
    """Return a scrubber with the configuration and the keywords of a caller in it.  Raises ConfigError."""
    if settings:
        values = read_values(settings, "keyword")
        config = load_settings(discover=config is None, base=config, caller=_CALLER, **values)
    return Scrubber(config or load_settings())


def scrub(
    source: Input,
    config: Config | None = None,
    progress: Callable[[int], object] | None = None,
    **settings: Unpack[Settings],
) -> Report:
    """Scrub one input, a path, bytes or a binary file, and return the whole report.

    Without `config` the settings come from SCRUBBER_CONFIG or `scrubber.toml`, as on the command line.  Keywords change
    them: `select` and `ignore` (lists of codes or prefixes), `severity` ({"IVUS203": "info"}), `fail_on`,
    `conformance`, `redact`, `tables`, `packs`, `payers` (see `Settings`).  `progress` is called with the bytes read
    since its last call.  An input that cannot be read is no exception but a report that says so.  Raises
    ConfigError or PluginError, and ScrubberError when a temporary file cannot be written.
    """
    return _configured(config, settings).scrub(source, progress)


def iter_claims(source: Input) -> Iterator[Claim]:
    """Read the claims of an input one by one, unjudged.

    Raises UnreadableError at the end when part of the input could not be read or is of another kind than 837P.
    """
    name = os.fspath(source) if isinstance(source, str | os.PathLike) else "<input>"
    with open_source(source, name) as opened:
        reader = Reader(opened)
        for raw in reader:
            yield build_claim(raw)
        if reader.unread is not None:
            raise UnreadableError(f"{name}: {reader.unread.message}")
        opened.check_unchanged()


def check_claim(claim: Claim, config: Config | None = None, **settings: Unpack[Settings]) -> list[Finding]:
    """Judge one claim of a host that has its own parser, by all installed edits; settings are as for `scrub`.

    Edits that look over several claims see this one only; see `check_claims`.
    """
    return check_claims([claim], config, **settings)


def check_claims(claims: Iterable[Claim], config: Config | None = None, **settings: Unpack[Settings]) -> list[Finding]:
    """Judge the claims of a host together, so that primary procedures and units on other claims count.

    Settings are as for `scrub`.  The claims' `ordinal` must differ.  Raises ValueError if it does not.
    """
    return _configured(config, settings).check(claims)
