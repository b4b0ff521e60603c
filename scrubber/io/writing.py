"""What cannot be written, in the words of an error."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager

from scrubber.errors import ScrubberError
from scrubber.io.stderr import mute

__all__ = ["reason_in_words", "to_standard_output", "writing"]


@contextmanager
def writing(place: object) -> Generator[None]:
    """Name the place in the error where it cannot be written."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise ScrubberError(f"{place}: cannot be written ({reason_in_words(error)})") from error


@contextmanager
def to_standard_output() -> Generator[None]:
    """Name standard output in the error where it cannot be written, or is closed before all is written."""
    try:
        with writing("standard output"):
            yield
    except BrokenPipeError as error:
        mute(sys.stdout)
        raise ScrubberError("standard output was closed before the report was complete") from error


def reason_in_words(error: OSError) -> str:
    """Return why the system did not write a file."""
    return os.strerror(error.errno) if error.errno else "not a usable path"
