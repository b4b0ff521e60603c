"""The inputs of a run: files, the claim files of folders, standard input."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from scrubber.errors import ConfigError
from scrubber.pipeline.input_scrub import STDIN

__all__ = ["EXTENSIONS", "expand_inputs"]


EXTENSIONS = (".837", ".837p", ".837i", ".837d", ".edi", ".x12", ".txt", ".dat")
"""The files that are taken from a folder."""


def expand_inputs(paths: Sequence[str], tell: Callable[[str], object]) -> list[str]:
    """Return the inputs of a run: files as named, the claim files below each folder in order, "-" for standard input.

    Without any path, piped standard input.  `tell` is given a line about the files of a folder that are passed over.
    Raises ConfigError when there is nothing to read.
    """
    if not paths:
        if sys.stdin is None or sys.stdin.isatty():
            raise ConfigError("no input: name a file or a folder, or pipe a file in")
        return [STDIN]
    found: list[str] = []
    for path in paths:
        if path != STDIN and _is_folder(path):
            found += _files_below(Path(path), tell)
        else:
            found.append(path)
    return list(dict.fromkeys(found))


def _files_below(folder: Path, tell: Callable[[str], object]) -> list[str]:
    closed: list[Path] = []
    found: list[Path] = []
    unusual: list[Path] = []
    for here, below, names in os.walk(folder, onerror=lambda error: closed.append(Path(error.filename))):
        unusual += [link for name in below if (link := Path(here, name)).is_symlink()]
        for path in (Path(here, name) for name in names):
            (unusual if path.name.startswith(".") or not _may_be_file(path) else found).append(path)
    unusual = [path for path in unusual if path.suffix.lower() in EXTENSIONS or path.is_dir()]
    # A folder below that cannot be read is an input that cannot: nobody knows which claims are in it.
    taken = [str(path) for path in sorted([*found, *closed]) if path in closed or path.suffix.lower() in EXTENSIONS]
    if not taken:
        raise ConfigError(f"{folder}: no file with an extension of {', '.join(EXTENSIONS)}")
    if passed_over := len(found) + len(closed) - len(taken):
        tell(f"{folder}: {passed_over} files of other extensions were passed over")
    if unusual:
        kinds = "hidden files, pipes, devices and links to folders"
        tell(f"{folder}: {len(unusual)} {kinds} were passed over; name them to have them read")
    return taken


def _is_folder(name: str) -> bool:
    try:
        return Path(name).is_dir()
    except OSError:  # it cannot even be looked for; opening it says why
        return False


def _may_be_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:  # a link to nowhere, or in a folder that may be listed only: opening it says why
        return True
