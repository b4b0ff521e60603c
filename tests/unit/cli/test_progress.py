"""The progress bar: on a terminal only, with what has been found so far."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import Run
from tests.support.paths import FIXTURES

SAMPLE = FIXTURES / "claims" / "office_week.837"
COMMAND = [str(Path(sys.executable).with_name("scrubber")), "scrub", "--format", "ndjson"]


def _terminal(*options: str) -> tuple[str, bytes]:
    """Run the command with a terminal as standard error; give what it showed there, and standard output."""
    ours, theirs = pty.openpty()
    with subprocess.Popen([*COMMAND, *options, str(SAMPLE)], stdout=subprocess.PIPE, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        while piece := _read(ours):
            shown += piece
        assert process.stdout is not None
        report = process.stdout.read()
    os.close(ours)
    return shown.decode(), report


def _read(handle: int) -> bytes:
    try:
        return os.read(handle, 65536)
    except OSError:  # Linux ends a terminal whose other side is closed with EIO
        return b""


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_the_bar_tells_what_has_been_found(jobs: str, run: Run) -> None:
    shown, report = _terminal("--jobs", jobs)
    assert "office_week.837" in shown
    assert "100%" in shown
    assert "10 rejected, $5,797 at risk" in shown
    assert report == run("scrub", "--format", "ndjson", SAMPLE).stdout


def test_no_bar_where_it_is_not_wanted_or_no_terminal(run: Run) -> None:
    shown = _terminal("--no-progress")[0]
    assert shown.startswith("scrubber: notice: ")
    assert "%" not in shown
    assert b"%" not in run("scrub", "--format", "ndjson", SAMPLE).stderr
