"""The command line: `scrubber scrub`, `watch`, `serve`, `edits`, `explain`, `config`."""

from __future__ import annotations

import io
import os
import sys
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, TextIO, TypeGuard

import click

from scrubber.cli.collector import begin_collecting, end_collecting, hold_collector
from scrubber.cli.options import (
    INTERRUPTED,
    Command,
    config_option,
    output_options,
    read_day,
    read_settings,
    settings_options,
)
from scrubber.cli.services import serve, watch
from scrubber.errors import ConfigError, ScrubberError, place_of_error
from scrubber.io.signals import end_on_signals, ignore_signals
from scrubber.io.stderr import speaking, tell
from scrubber.io.writing import to_standard_output
from scrubber.version import DISTRIBUTION, __version__

__all__ = ["main"]

INTERNAL_FAULT = 4

_NO_STDOUT = "standard output is closed"

_FILE = click.Path(path_type=Path, dir_okay=False)
_MOMENT = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M"])
_FORMS = click.Choice(["text", "markdown", "json"])


def main(args: list[str] | None = None) -> NoReturn:
    """Run the command line and exit.  No traceback and no claim data ever reach standard error."""
    end_on_signals()
    if args is None:  # the process is ours
        hold_collector()
    own = sys.stdout if sys.stdout is sys.__stdout__ else None  # what a host has put there is the host's
    if _is_text(own) and _is_raw(own.buffer):
        # PYTHONUNBUFFERED: a raw stream may take a part of what it is given, and nobody notices.
        sys.stdout = io.TextIOWrapper(io.BufferedWriter(own.buffer), "utf-8", "backslashreplace", "\n")
    try:
        code = commands.main(args=args, prog_name="scrubber", standalone_mode=False)
    except click.ClickException as error:
        with speaking(sys.stderr):
            error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        tell("interrupted")
        code = INTERRUPTED
    except ScrubberError as error:
        tell(str(error))
        code = error.exit_code
    except BaseException as error:  # noqa: BLE001 - the last resort, for a plugin's SystemExit too: names the place only
        tell(f"internal fault: {place_of_error(error)}")
        code = INTERNAL_FAULT
    with speaking(sys.stdout):  # what cannot be written any more has been reported
        if sys.stdout is not None:
            sys.stdout.flush()
    if args is None:  # no host goes on: Python waits for threads before it asks what is to be done at its end
        ignore_signals()
        end_collecting()
    sys.exit(code if isinstance(code, int) else 0)


class _Commands(Command, click.Group):
    """The commands, all of which end alike when they are interrupted or nobody reads what they say."""

    command_class = Command

    def invoke(self, ctx: click.Context) -> object:
        """Run the command that was asked for.  Raises KeyboardInterrupt, ScrubberError or what the command raises."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            # What click does, which fails where nobody can be told: end the line of a terminal's ^C.
            with speaking(sys.stderr):
                click.echo(file=sys.stderr)
            raise click.Abort from error
        except BrokenPipeError:
            with to_standard_output():  # which words it
                raise


def _say(text: str) -> None:
    """Write to standard output.  Raises ScrubberError."""
    if sys.stdout is None:
        raise ScrubberError(_NO_STDOUT)
    with to_standard_output():
        click.echo(text, nl=False)


def _show_version(context: click.Context, _parameter: click.Parameter, value: object) -> None:
    if not value or context.resilient_parsing:
        return
    from scrubber.packs.summary import summarize, written_summaries  # noqa: PLC0415

    packs = written_summaries()
    if packs is None:
        from scrubber.packs.registry import load_plugins  # noqa: PLC0415

        packs = [summarize(plugin) for plugin in load_plugins()]
    lines = [f"{DISTRIBUTION} {__version__}"]
    lines += [f"  edits {pack.prefix}: {pack.edits} of {pack.distribution} {pack.version}" for pack in packs]
    lines += [f"  table {table}" for pack in packs for table in pack.tables]
    _say("\n".join(lines) + "\n")
    context.exit()


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_show_version,
    help="Show the version, the plugins and the tables with their dates.",
)
def commands() -> None:
    """Find the reasons an 837P claim will be denied, before it is sent.

    Exit codes: 0 nothing at or above --fail-on, 1 findings, 2 usage or configuration, 3 an input could not be judged
    as a whole, 4 internal fault, 130 interrupted.
    """


commands.add_command(watch)
commands.add_command(serve)


def _reports(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> list[tuple[str, Path]]:
    reports: list[tuple[str, Path]] = []
    for value in values:
        form, equals, path = value.partition("=")
        if not equals or not path:
            raise click.BadParameter(f"{value!r} is not FORMAT=PATH")
        reports.append((form, Path(path)))
    return reports


_ABOUT_FILES = ("annotate_k3", "line_dates", "partial", "ack_date", "ack_number")
"""The options of X12 files, which a `Scrubber` has under the same names."""


def _is_text(stream: object) -> TypeGuard[io.TextIOWrapper]:
    return isinstance(stream, io.TextIOWrapper)


def _is_raw(stream: object) -> TypeGuard[io.RawIOBase]:
    return isinstance(stream, io.RawIOBase)


def _report_stream() -> TextIO:
    """Return standard output as reports are written to it.  Raises ScrubberError where it is closed."""
    if sys.stdout is None:
        raise ScrubberError(_NO_STDOUT)
    if _is_text(sys.stdout):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace", newline="\n")
    return sys.stdout


@commands.command()
@click.argument("inputs", nargs=-1, type=click.Path(path_type=str), metavar="[FILE|DIR|-]...")
@click.option(
    "--format",
    "form",
    default="text",
    show_default=True,
    metavar="FORMAT",
    help="What goes to standard output: text, json, ndjson, csv, xlsx, html, xml, sarif, or a plugin's format.",
)
@click.option(
    "--report",
    "reports",
    multiple=True,
    callback=_reports,
    metavar="FORMAT=PATH",
    help="Write a report to a file as well; may be repeated.",
)
@click.option("--annotated", type=_FILE, metavar="PATH", help="Write the input with the findings as notes (NTE).")
@click.option("--clean", type=_FILE, metavar="PATH", help="Write the accepted claims as an 837P.")
@click.option("--rejected", type=_FILE, metavar="PATH", help="Write the rejected claims as an 837P.")
@click.option(
    "--277ca",
    "ack277",
    type=_FILE,
    metavar="PATH",
    help="Write a 277CA: an answer to every claim of the transaction sets that are not rejected.",
)
@click.option("--999", "ack999", type=_FILE, metavar="PATH", help="Write a 999 that answers the structure.")
@click.option(
    "--out-dir",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write all of these and the findings as JSON for each input, called after it.",
)
@output_options
@click.option(
    "--ack-date", type=_MOMENT, metavar="DATE[TIME]", help="Date the 277CA and 999; default the input's date."
)
@click.option(
    "--ack-control-number",
    "ack_number",
    type=click.IntRange(1, 999_999_999),
    metavar="N",
    help="Number their first interchange; default the input's number.",
)
@click.option(
    "--partial", is_flag=True, help="Also write the 837s and the 277CA of an input that was not completely read."
)
@settings_options
@click.option(
    "--fail-on",
    type=click.Choice(["error", "warning", "info"]),
    help="End with exit code 1 from this severity on; default error.",
)
@click.option("--exit-zero", is_flag=True, help="End with 0 instead of 1; 2, 3 and 4 stay.")
@click.option("--no-progress", is_flag=True, help="No progress bar.")
@click.option("--jobs", type=click.IntRange(1, 256), default=1, show_default=True, help="Judge in this many processes.")
@click.option("--no-screen", is_flag=True, help="Open and judge every claim, whatever screens say; same findings.")
def scrub(  # noqa: PLR0913 - one parameter an option
    *,
    inputs: tuple[str, ...],
    form: str,
    reports: list[tuple[str, Path]],
    annotated: Path | None,
    clean: Path | None,
    rejected: Path | None,
    ack277: Path | None,
    ack999: Path | None,
    out_dir: Path | None,
    fail_on: str | None,
    exit_zero: bool,
    no_progress: bool,
    jobs: int,
    no_screen: bool,
    **options: Any,
) -> int:
    """Judge the claims of 837P files.

    A folder means the claim files below it, "-" for standard input.  Several inputs share one report.
    """
    from scrubber.api import Scrubber  # noqa: PLC0415
    from scrubber.cli.progress import ProgressBar  # noqa: PLC0415
    from scrubber.findings.finding import Severity  # noqa: PLC0415
    from scrubber.outputs.output_set import Targets  # noqa: PLC0415
    from scrubber.outputs.reports.formats import format_names  # noqa: PLC0415
    from scrubber.pipeline.discovery import expand_inputs  # noqa: PLC0415

    formats = (form, *(name for name, _ in reports))
    for place, name in enumerate(formats):
        if name not in format_names():
            option = "--report" if place else "--format"
            raise click.BadParameter(f"{name!r} is not one of {', '.join(format_names())}", param_hint=option)
    stdout = _report_stream()
    about_files = {name: options.pop(name) for name in _ABOUT_FILES}
    settings = read_settings(fail_on=Severity(fail_on) if fail_on else None, **options)
    show_progress = sys.stderr is not None and sys.stderr.isatty() and not no_progress
    scrubber = Scrubber(
        settings,
        formats=formats,
        jobs=jobs,
        screened=not no_screen,
        **about_files,
    )
    begin_collecting()
    with scrubber:
        outcome = scrubber.scrub_batch(
            expand_inputs(inputs, tell),
            stdout_format=form,
            stdout=stdout,
            tell=tell,
            reports=reports,
            targets=Targets(annotated, clean, rejected, ack277, ack999),
            out_dir=out_dir,
            progress=partial(ProgressBar, show=show_progress),
            color=stdout.isatty() and not os.environ.get("NO_COLOR"),
        )
    return 0 if exit_zero and outcome == 1 else outcome


@commands.command()
@click.option("--format", "form", type=_FORMS, default="text", show_default=True)
def edits(*, form: str) -> None:
    """List all edits: code, severity and name."""
    from scrubber.catalogue import render_catalogue  # noqa: PLC0415
    from scrubber.packs.registry import load_plugins  # noqa: PLC0415

    _say(render_catalogue(load_plugins(), form))


@commands.command()
@click.argument("words", nargs=-1, required=True, metavar="CODE")
@click.option("--format", "form", type=_FORMS, default="text", show_default=True)
@click.option(
    "--on",
    "day",
    callback=read_day,
    metavar="DATE",
    help="The date of service for a procedure code, as 2026-11-20, 11/20/2026 or 20261120; default today.",
)
@config_option
def explain(*, words: tuple[str, ...], form: str, day: date | None, config_path: Path | None) -> None:
    """Explain an edit, a procedure code on a date, or a denial.

    CODE is that of an edit (IVUS101), of a procedure (37252) or of a denial (CO-107, N122).  Values that the settings
    change, for all payers or for one, are named with their origin.
    """
    from scrubber.api import Scrubber, load_settings  # noqa: PLC0415
    from scrubber.builtin.all_rules import all_rules  # noqa: PLC0415
    from scrubber.catalogue import explain_page, explain_rule, find_page, nearest_codes  # noqa: PLC0415
    from scrubber.packs.registry import load_plugins  # noqa: PLC0415

    code = " ".join(words).strip().upper()
    plugins = load_plugins()
    rules = all_rules(plugins)
    config = Scrubber(load_settings(config_path)).config
    if code in rules:
        _say(explain_rule(*rules[code], form, config))
        return
    page = find_page(code, day or date.today(), plugins, config)
    if page is None:
        nearest = ", ".join(nearest_codes(code, plugins))
        told = f"nearest are {nearest}; see" if nearest else "see"
        raise ConfigError(f"{code} is neither an edit nor a code in any rule table; {told} 'scrubber edits'")
    _say(explain_page(page, form))


@commands.command(name="config")
@config_option
def config_command(*, config_path: Path | None) -> None:
    """Show the merged settings, each with its origin."""
    from scrubber.api import Scrubber, load_settings  # noqa: PLC0415
    from scrubber.config import describe_config  # noqa: PLC0415

    _say(describe_config(Scrubber(load_settings(config_path)).config))
