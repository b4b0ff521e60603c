"""The errors a user can meet, each with the exit code it ends the run with.

Every message is one sentence a biller can act on.  None holds protected health information: an error names a
file, a position, a code or a setting, never a value of a claim.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import ClassVar

__all__ = [
    "AdapterError",
    "ConfigError",
    "PluginError",
    "ScrubberError",
    "UnreadableError",
    "place_of_error",
    "reason_of",
]


class ScrubberError(Exception):
    """Base of all errors this package raises on purpose; exit code 4 unless a subclass says otherwise."""

    exit_code: ClassVar[int] = 4


class ConfigError(ScrubberError):
    """A setting, an option or a table that cannot be used; exit code 2."""

    exit_code: ClassVar[int] = 2


class PluginError(ScrubberError):
    """An installed plugin that cannot be loaded or breaks the plugin contract; exit code 2."""

    exit_code: ClassVar[int] = 2


class AdapterError(ScrubberError):
    """A claim that a host gives in a form that cannot be read; exit code 3.  It names keys and positions."""

    exit_code: ClassVar[int] = 3


class UnreadableError(ScrubberError):
    """An input that cannot be opened or read to its end; exit code 3."""

    exit_code: ClassVar[int] = 3


def reason_of(error: OSError) -> str:
    """Return the system's words for what it refused, without the file name that Python adds."""
    return os.strerror(error.errno or errno.EIO)


def place_of_error(error: BaseException) -> str:
    """Name an error and the place in the code; never its text, which may hold data of the claim."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None:
        return f"{type(error).__name__} at an unknown place"
    return f"{type(error).__name__} at {Path(traceback.tb_frame.f_code.co_filename).name} line {traceback.tb_lineno}"
