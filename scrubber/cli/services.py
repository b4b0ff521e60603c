"""The commands that keep running: `scrubber watch` and `scrubber serve`."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from scrubber.cli.collector import begin_collecting
from scrubber.cli.options import INTERRUPTED, Command, output_options, read_settings, settings_options
from scrubber.errors import ConfigError
from scrubber.io.stderr import tell

if TYPE_CHECKING:
    from scrubber.api import Scrubber

__all__ = ["serve", "watch"]

_FILE = click.Path(path_type=Path, dir_okay=False)
_SECONDS = click.FloatRange(min=0)


@click.command(cls=Command)
@click.argument("inbox", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Publish the files here; work/, archive/, failed/ and journal.sqlite are here too.",
)
@click.option("--once", is_flag=True, help="Take the complete files now and end, as for cron.")
@click.option(
    "--interval", type=click.FloatRange(min=0.1), default=5, show_default=True, help="Scan the folder this often."
)
@click.option(
    "--settle",
    type=_SECONDS,
    default=10,
    show_default=True,
    help="Wait until a file is unchanged for this many seconds.",
)
@click.option(
    "--give-up",
    type=_SECONDS,
    default=3600,
    show_default=True,
    help="Give up on a file still incomplete this many seconds after its last change.",
)
@click.option("--done", "marker", is_flag=True, help="Take a file NAME only when there is a NAME.done.")
@click.option(
    "--tries", type=click.IntRange(1), default=10, show_default=True, help="Give up on a file after this many failures."
)
@output_options
@settings_options
@click.option("--jobs", type=click.IntRange(1, 256), default=1, show_default=True, help="Judge in this many processes.")
def watch(  # noqa: PLR0913 - one parameter an option
    *,
    inbox: Path,
    out: Path,
    once: bool,
    interval: float,
    settle: float,
    give_up: float,
    marker: bool,
    tries: int,
    annotate_k3: bool,
    line_dates: bool,
    jobs: int,
    **settings_values: Any,
) -> int:
    """Scrub the files of a drop folder.

    Complete 837P files are taken and each is published once, the accepted claims last.

    SIGTERM ends it at once with exit code 0; unfinished files are resumed at the next start.  With --once the
    exit codes are those of scrub, and 3 where a file was moved to failed/.
    """
    from scrubber.api import Scrubber  # noqa: PLC0415
    from scrubber.outputs.output_set import import_writers  # noqa: PLC0415
    from scrubber.watch import FileWorker, Waits, open_watcher  # noqa: PLC0415

    scrubber = Scrubber(read_settings(**settings_values), annotate_k3=annotate_k3, line_dates=line_dates, jobs=jobs)
    _tell_notices(scrubber)
    import_writers()
    begin_collecting()
    with open_watcher(inbox, out, Waits(settle, give_up, marker), FileWorker(scrubber), tell) as watcher:
        watcher.limit = tries

        def stop(*_: object) -> NoReturn:
            watcher.stopping = True  # should the exception be raised where nothing can pass it on
            raise _TerminatedError

        with suppress(ValueError):
            signal.signal(signal.SIGTERM, stop)
        try:
            return watcher.run_once() if once else watcher.run(interval)
        except _TerminatedError:
            return INTERRUPTED if once else 0


def _tell_notices(scrubber: Scrubber) -> None:
    for notice in scrubber.notices:
        tell(f"notice: {notice.message}")


class _TerminatedError(KeyboardInterrupt):
    """SIGTERM, the ordinary end of a watcher."""


def _system_folder() -> Path:
    import tempfile  # noqa: PLC0415 - start-up: the other commands do not need it

    return Path(tempfile.gettempdir())


@click.command(cls=Command)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8837, show_default=True, help="0 takes a free one.")
@click.option("--max-bytes", type=click.IntRange(1), default=1 << 30, show_default=True, help="The largest body.")
@click.option(
    "--jobs",
    type=click.IntRange(1, 256),
    default=lambda: os.cpu_count() or 1,
    show_default="one a processor",
    help="Number of inputs judged at a time, each in a process.",
)
@click.option(
    "--queue", type=click.IntRange(0), default=16, show_default=True, help="Number of requests that may wait."
)
@click.option(
    "--token-file",
    type=_FILE,
    metavar="PATH",
    help="Ask for one of the bearer tokens of this file, one a line; SCRUBBER_TOKEN may hold one instead.",
)
@click.option("--insecure", is_flag=True, help="Listen on other addresses than loopback without a token, too.")
@click.option(
    "--temp-dir",
    "temporary",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    default=_system_folder,
    show_default="the system's",
    help="Folder for the temporary files of requests and answers.",
)
@click.option(
    "--max-connections",
    type=click.IntRange(1),
    default=512,
    show_default=True,
    help="Maximum number of connections; beyond it the one without a request for longest is closed.",
)
@click.option(
    "--head-timeout",
    "head_seconds",
    type=click.FloatRange(0.1),
    default=20,
    show_default=True,
    help="Seconds in which a connection must send the head of a request.",
)
@click.option(
    "--body-timeout",
    "body_seconds",
    type=click.FloatRange(0.1),
    default=60,
    show_default=True,
    help="Seconds that a body may pause.",
)
@click.option(
    "--time-limit",
    "judge_seconds",
    type=click.FloatRange(0.1),
    default=900,
    show_default=True,
    help="Seconds that one input may be judged.",
)
@click.option(
    "--grace",
    "grace_seconds",
    type=click.IntRange(0),
    default=30,
    show_default=True,
    help="Seconds that requests have to end in after SIGTERM.",
)
@click.option(
    "--keep-hours",
    type=click.FloatRange(0),
    default=24,
    show_default=True,
    help="Hours to keep the answers to requests with an Idempotency-Key.",
)
@click.option("--keep-answers", type=click.IntRange(0), default=1000, show_default=True, help="Keep this many of them.")
@output_options
@settings_options
def serve(
    *,
    host: str,
    token_file: Path | None,
    insecure: bool,
    config_path: Path | None,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    conformance: str | None,
    redact: bool | None,
    **limits: Any,
) -> None:
    """Scrub over HTTP: POST /v1/scrub.  Needs the extra [server]; TLS is for a proxy in front."""
    try:
        from scrubber.server.main import serve as serve_until_ended  # noqa: PLC0415
    except ImportError as error:
        library = (error.name or "scrubber").partition(".")[0]
        if library == "scrubber":
            raise
        raise ConfigError(f'{library} is missing or too old; pip install "x12-claim-scrubber[server]"') from error
    from scrubber.api import Scrubber  # noqa: PLC0415
    from scrubber.server.settings import ServeSettings, is_loopback, read_tokens  # noqa: PLC0415

    tokens = read_tokens(token_file)
    if not (tokens or insecure or is_loopback(host)):
        raise ConfigError(f"{host}: others can reach it; give --token-file or SCRUBBER_TOKEN, or --insecure")
    config = read_settings(
        config_path=config_path, select=select, ignore=ignore, conformance=conformance, redact=redact
    )
    _tell_notices(Scrubber(config))
    begin_collecting()
    serve_until_ended(ServeSettings(host=host, tokens=tokens, **limits), config)
