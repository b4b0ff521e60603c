"""What is said on standard error, and how standard output may fail, without ever changing what a run is worth."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import TextIO

import click

__all__ = ["mute", "printable", "speaking", "tell"]


@contextmanager
def speaking(stream: TextIO | None) -> Generator[None]:
    """Write to a standard stream; where nobody can be told (a full disk, a closed terminal), go on."""
    try:
        yield
    except OSError:
        mute(stream)


def printable(text: str) -> str:
    """Replace by U+FFFD what a terminal would obey instead of show, line ends included, and what is no character."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def tell(line: str) -> None:
    """Write one line to standard error; the name of a file in it can hold anything."""
    with speaking(sys.stderr):
        click.echo(printable(f"scrubber: {line}"), err=True)


def mute(stream: TextIO | None) -> None:
    """Send what a stream still holds nowhere, else the interpreter tries once more and ends with a code of its own."""
    with suppress(OSError, ValueError, AttributeError):  # it is closed, or no stream of the system's
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())  # type: ignore[union-attr]
        os.close(nowhere)
