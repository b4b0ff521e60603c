"""Which watchers are alive: each holds a lock that the system drops when its process ends, however it ends."""

from __future__ import annotations

import errno
import fcntl
import os
import time
import uuid
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from attrs import define, field

from scrubber.errors import ConfigError, reason_of
from scrubber.io.publication import open_private

__all__ = ["Owner", "hold_if_ended", "remove_old_locks"]

_FRESH = 60.0
"""Seconds for which a lock file may belong to a watcher that has not locked it yet."""


@define(eq=False)
class Owner:
    """A living watcher: the journal has `name` beside its files for as long as the lock on its file is held.

    The lock is one of the process (`lockf`), not of the open file (`flock`): worker processes that outlive a killed
    watcher do not hold it.  A process must therefore not look at its own lock, see `hold_if_ended`.
    """

    folder: Path
    name: str = field(factory=lambda: uuid.uuid4().hex)
    _handle: int = field(default=-1, init=False)

    @property
    def path(self) -> Path:
        """The file that is locked."""
        return _path(self.folder, self.name)

    def __enter__(self) -> Self:
        try:
            self._handle = open_private(self.path, os.O_RDWR | os.O_EXCL)
            fcntl.lockf(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            reason = reason_of(error)
            raise ConfigError(f"{self.folder}: a lock cannot be had there ({reason})") from error
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # without the lock the file says nothing, and another watcher removes it
            self.path.unlink(missing_ok=True)
        os.close(self._handle)


@contextmanager
def hold_if_ended(folder: Path, owner: str) -> Generator[bool]:
    """Tell whether another watcher has ended, and hold its lock if so: while the block runs nobody else is told so.

    Raises OSError.
    """
    try:
        handle = os.open(_path(folder, owner), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        yield True  # it ended in order, or another has taken over what it left
        return
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        if error.errno not in {errno.EACCES, errno.EAGAIN}:
            raise
        yield False
        return
    try:
        yield True
        _path(folder, owner).unlink(missing_ok=True)
    finally:
        os.close(handle)


def remove_old_locks(folder: Path, owner: str) -> None:
    """Remove the lock files that killed watchers have left; `owner` is our own.  Raises OSError."""
    for path in folder.glob("*.lock"):
        if path.stem != owner and time.time() - path.lstat().st_mtime > _FRESH:
            with hold_if_ended(folder, path.stem):
                pass


def _path(folder: Path, owner: str) -> Path:
    return folder / f"{owner}.lock"
