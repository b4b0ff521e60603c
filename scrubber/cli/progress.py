"""How far a scrub is and what it has found, on a terminal."""

from __future__ import annotations

import os
import sys
import time
from typing import Any, Self

import click

from scrubber.findings.report import Totals
from scrubber.io.source import InputSource
from scrubber.io.stderr import printable

__all__ = ["ProgressBar"]


class ProgressBar:
    """A bar over the bytes on standard error, with claims a second, rejected claims and dollars at risk; or nothing.

    Where standard output is a terminal too, the bar goes only over the first pass and is erased before the first claim
    is written, so that the two do not mix; elsewhere it goes over both passes and stays.
    """

    totals: Totals | None = None
    """What has been found so far; None during the first pass, which judges nothing."""

    def __init__(self, source: InputSource, *, show: bool) -> None:
        self._passing = sys.stdout.isatty()
        self._left = source.size * (1 if self._passing else 2)
        self._judging_since: float | None = None
        name = os.path.basename(source.name)  # noqa: PTH119 - the name may be "<stdin>"
        self._bar: Any = None
        if show and self._left:
            self._bar = click.progressbar(
                length=self._left,
                label=printable(name),
                file=sys.stderr,
                item_show_func=lambda _: self._found(),
                show_eta=False,
            )

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._finish()

    def advance(self, count: int) -> None:
        """Take notice of bytes that have been read."""
        if self._bar is not None:
            self._left -= count
            self._bar.update(count)
            if self._left <= 0 and self._passing:
                self._finish()

    def _found(self) -> str:
        if self.totals is None:
            return "reading"
        if self._judging_since is None:
            self._judging_since = time.monotonic()
        seconds = time.monotonic() - self._judging_since
        speed = f"{self.totals.claims / seconds:,.0f} claims/s, " if seconds > 0 else ""
        return f"{speed}{self.totals.rejected:,} rejected, ${self.totals.at_risk:,.0f} at risk"

    def _finish(self) -> None:
        if self._bar is None:
            return
        # The last claims are judged after the last byte has been read.
        self._bar.render_progress()
        self._bar.__exit__(None, None, None)
        self._bar = None
        if self._passing:
            sys.stderr.write("\x1b[1A\x1b[2K")
            sys.stderr.flush()
