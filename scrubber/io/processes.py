"""The Python processes that this one starts."""

from __future__ import annotations

import os
import sys

from scrubber.errors import ConfigError

__all__ = ["take_installed_modules_only"]


def take_installed_modules_only() -> None:
    """Have every Python that is started from here on import installed modules, and no files of the current folder.

    `multiprocessing` starts its processes (spawn, forkserver, its resource tracker) as `python -c`, which looks for
    modules in the current folder first.  A drop folder can be that folder, and others write to it.  Raises ConfigError
    where this Python ignores its environment, and would have the others do so too.
    """
    if sys.flags.safe_path:
        return  # which they inherit
    if sys.flags.ignore_environment:
        raise ConfigError("Python was started with -E: start it with -P too, or its processes run files of this folder")
    os.environ["PYTHONSAFEPATH"] = "1"
