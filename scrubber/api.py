"""The Python API: scrub an input, stream its claims, judge a claim of your own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from scrubber.config import Config, load_config
from scrubber.engine import Engine, all_rules
from scrubber.errors import ScrubberError, UnreadableError, reason_of
from scrubber.findings import Detail, Finding, Report
from scrubber.model import Claim
from scrubber.parser import Reader, build_claim, open_source
from scrubber.plugins import load_plugins
from scrubber.run import FileScrub, exit_code, redacted, unreadable_file

__all__ = ["check_claim", "check_claims", "iter_claims", "make_engine", "scrub"]

Source = str | os.PathLike[str] | bytes | BinaryIO


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


def scrub(source: Source, config: Config | None = None, progress: Callable[[int], object] | None = None) -> Report:
    """Scrub one input, a path, bytes or a binary file, and give the whole report.

    Without `config` the settings come from SCRUBBER_CONFIG or `scrubber.toml`, as on the command line.  An input that
    cannot be read is no exception but a report that says so.  Raises ConfigError or PluginError, and ScrubberError when
    a temporary file cannot be written.
    """
    engine = make_engine(config)
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


def check_claim(claim: Claim, config: Config | None = None) -> list[Finding]:
    """Judge one claim of a host that has its own parser, by all installed edits.

    Edits that look over several claims see this one only; see `check_claims`.
    """
    return check_claims([claim], config)


def check_claims(claims: Iterable[Claim], config: Config | None = None) -> list[Finding]:
    """Judge the claims of a host together, so that base procedures and units on other claims count.

    Their `ordinal` must differ.  Raises ValueError if it does not.
    """
    engine = make_engine(config)
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
