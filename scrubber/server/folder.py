"""The server's temporary files: all in one folder that only its owner can read and that never outlives it for long."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from scrubber.errors import ConfigError, reason_of
from scrubber.io.stderr import tell

__all__ = ["open_folder", "request_folder", "write_probe"]

_PREFIX = "scrubber-serve-"


@contextmanager
def open_folder(parent: Path) -> Generator[Path]:
    """Make the folder of a server below `parent`, mode 0700, and remove it in the end.

    What servers left that were killed is removed first: a server holds a lock on its folder as long as it lives.
    Raises ConfigError when `parent` is no folder that can be written to.
    """
    try:
        for left in _left_behind(parent):
            shutil.rmtree(left, ignore_errors=True)
            tell("removed the temporary files of a server that was killed")
        made = Path(tempfile.mkdtemp(prefix=f".{_PREFIX}", dir=parent))
        lock = _lock(made)
        # Only now can another server see it, and it finds it locked.
        folder = made.rename(parent / made.name.removeprefix("."))
    except OSError as error:
        raise ConfigError(f"{parent}: cannot hold temporary files ({reason_of(error)})") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if lock is not None:
            os.close(lock)


@contextmanager
def request_folder(folder: Path) -> Generator[Path]:
    """Make a folder for the files of one request, and remove it with them however the request ends."""
    place = Path(tempfile.mkdtemp(prefix="request-", dir=folder))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def write_probe(folder: Path) -> None:
    """Raise OSError when nothing can be written to the folder."""
    with tempfile.TemporaryFile(dir=folder) as probe:
        probe.write(b"probe")


def _left_behind(parent: Path) -> Iterator[Path]:
    """Yield the folders of servers that live no more, of this user only."""
    for folder in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # another user's, or gone meanwhile
            if folder.is_symlink() or not folder.is_dir() or folder.stat().st_uid != os.getuid():
                continue
            lock = _lock(folder)
            if lock is not None:
                yield folder
                os.close(lock)


def _lock(folder: Path) -> int | None:
    """Lock a folder, which also keeps systemd-tmpfiles from clearing it away; None where its server lives."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle
