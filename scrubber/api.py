"""The Python API: scrub an input, stream its claims, judge a claim of your own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, TypedDict, Unpack

from scrubber.builtin.all_rules import all_rules
from scrubber.claims.builder import build_claim
from scrubber.claims.model import Claim
from scrubber.claims.reader import Reader
from scrubber.config import Config, load_config, read_values
from scrubber.engine.judge import Engine
from scrubber.errors import ScrubberError, UnreadableError, reason_of
from scrubber.findings.finding import Finding, Severity
from scrubber.findings.report import Detail, Report
from scrubber.io.source import open_source
from scrubber.packs.registry import load_plugins
from scrubber.pipeline.file_scrub import FileScrub, exit_code, redacted, unreadable_file

__all__ = ["Settings", "check_claim", "check_claims", "iter_claims", "make_engine", "scrub"]

Source = str | os.PathLike[str] | bytes | BinaryIO

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
    tables: Mapping[str, Mapping[str, Mapping[str, Any]]]
    packs: Mapping[str, Mapping[str, str | bool]]
    payers: Mapping[str, Mapping[str, Any]]


def make_engine(config: Config | None = None, *, shortcut: bool = True, detail: Detail = Detail.NONE) -> Engine:
    """Make an engine with all installed edits, its settings checked; see `Engine` for `shortcut` and `detail`.

    Raises ConfigError or PluginError.
    """
    engine = Engine(config or load_settings(), load_plugins(), shortcut=shortcut, detail=detail)
    engine.check_settings()
    return engine


def load_settings(path: Path | None = None, *, discover: bool = True, **flags: Any) -> Config:
    """Load a configuration and check it against the installed edits; see `scrubber.config.load_config`."""
    plugins = load_plugins()
    rules = all_rules(plugins)
    mandatory = [code for code, (rule, _) in rules.items() if rule.meta.mandatory]
    options = {plugin.prefix: plugin.chain.options for plugin in plugins}
    return load_config(path, rules, mandatory, options, discover=discover, **flags)


def _configured(config: Config | None, settings: Settings) -> Config | None:
    """Return the configuration with the keywords of a caller in it.  Raises ConfigError."""
    if not settings:
        return config
    values = read_values(settings, "keyword")
    return load_settings(discover=config is None, base=config, caller=_CALLER, **values)


def scrub(
    source: Source,
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
    engine = make_engine(_configured(config, settings))
    name = os.fspath(source) if isinstance(source, str | os.PathLike) else "<input>"
    try:
        with open_source(source, name) as opened:
            run = FileScrub(opened, engine, progress)
            report = run.report
            report.claims.extend(run)
    except UnreadableError as error:
        report = unreadable_file(name, error, engine.notices)
    except OSError as error:
        reason = reason_of(error)
        raise ScrubberError(f"{name}: temporary files cannot be written ({reason})") from error
    return Report((report,), exit_code([report], engine.config, crashed=engine.crashed))


def iter_claims(source: Source) -> Iterator[Claim]:
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
    """Judge the claims of a host together, so that base procedures and units on other claims count.

    Settings are as for `scrub`.  The claims' `ordinal` must differ.  Raises ValueError if it does not.
    """
    engine = make_engine(_configured(config, settings))
    groups: dict[tuple[str, ...], list[Claim]] = {}
    ordinals: set[int] = set()
    for claim in claims:
        if claim.ordinal in ordinals:
            raise ValueError("every claim needs an ordinal of its own")
        ordinals.add(claim.ordinal)
        groups.setdefault(claim.patient_key, []).append(claim)
    reports = [report for group in groups.values() for report in engine.judge(group)]
    if engine.config.redact:
        reports = [redacted(report) for report in reports]
    found = [finding for report in reports for finding in report.findings]
    return sorted(found, key=lambda finding: finding.sort_key)
