"""The options that every command shares that judges claims."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from scrubber.io.stderr import tell
from scrubber.io.writing import to_standard_output

if TYPE_CHECKING:
    from scrubber.config import Config

__all__ = [
    "INTERRUPTED",
    "Command",
    "config_option",
    "output_options",
    "read_day",
    "read_settings",
    "settings_options",
]

INTERRUPTED = 130
"""The exit code of a run that was ended from outside."""


class Command(click.Command):
    """A command whose --help ends as its report does where standard output does not take it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments, and answer those that only ask.  Raises ScrubberError, too."""
        with to_standard_output():
            return super().parse_args(ctx, args)


# Start-up: patterns are compiled when a day is given.
_DAYS = (
    r"(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})",
    r"(?P<month>\d{1,2})/(?P<day>\d{1,2})/(?P<year>\d{4})",
    r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})",
)
_SHORT_DAY = r"\d{1,2}[/-]\d{1,2}[/-]\d{2}|\d{6}"


def read_day(_context: click.Context, _parameter: click.Parameter, value: str | None) -> date | None:
    """Return the day that an option gives, as ISO 8601, the United States or X12 write it; None where it is not given.

    Raises click.BadParameter.
    """
    if value is None:
        return None
    text = value.strip()
    match = next(filter(None, (re.fullmatch(form, text, re.ASCII) for form in _DAYS)), None)
    if match is None:
        wrong = "has no year of four digits" if re.fullmatch(_SHORT_DAY, text, re.ASCII) else "is no date"
    else:
        year, month, day = (int(match[part]) for part in ("year", "month", "day"))
        try:
            return date(year, month, day)
        except ValueError:
            wrong = f"is no day of the calendar (year {year}, month {month}, day {day})"
    raise click.BadParameter(f"{value!r} {wrong}; write 2026-11-20, 11/20/2026 or 20261120")


F = TypeVar("F", bound=Callable[..., Any])

config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="PATH",
    help="Read settings from this file instead of ./scrubber.toml.",
)

_OPTIONS = (
    click.option("--select", multiple=True, metavar="CODES", help="Run only these codes or prefixes, as IVUS2,X12."),
    click.option("--ignore", multiple=True, metavar="CODES", help="Leave out these codes or prefixes."),
    config_option,
    click.option(
        "--conformance",
        type=click.Choice(["none", "envelope", "guide"]),
        help="How much of X12 itself to check; guide walks the implementation guide with pyx12. Default envelope.",
    ),
    click.option("--redact", is_flag=True, default=None, help="Name claims by their place in the file, not by CLM01."),
)


_OUTPUT_OPTIONS = (
    click.option("--annotate-k3", is_flag=True, help="Write findings to K3 where a line or claim has a note already."),
    click.option("--277ca-line-dates", "line_dates", is_flag=True, help="Write STC02 on the lines of the 277CA."),
)


def output_options(command: F) -> F:
    """Add to a command the options about the X12 files, `annotate_k3` and `line_dates`."""
    for option in reversed(_OUTPUT_OPTIONS):
        command = option(command)
    return command


def settings_options(command: F) -> F:
    """Add to a command the options that `read_settings` takes."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def read_settings(*, config_path: Path | None, select: Iterable[str], ignore: Iterable[str], **flags: Any) -> Config:
    """Load the settings that the options name, and tell which ignores have expired.

    Raises ConfigError or PluginError.
    """
    from scrubber.api import load_settings  # noqa: PLC0415 - start-up: only the commands that need it pay for it

    settings = load_settings(config_path, select=tuple(_codes(select)), ignore=tuple(_codes(ignore)), **flags)
    for payer, code, until in settings.expired():
        tell(f"the ignore of {code} for payer {payer} expired on {until} and no longer counts")
    return settings


def _codes(values: Iterable[str]) -> Iterator[str]:
    for value in values:
        yield from (code.strip().upper() for code in value.split(",") if code.strip())
