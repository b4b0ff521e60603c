"""Private databases on disk (SQLite)."""

from __future__ import annotations

import errno
import os
import sqlite3
import weakref
from collections.abc import Generator
from contextlib import contextmanager

__all__ = ["on_disk", "private_database"]


def private_database(owner: object) -> sqlite3.Connection:
    """Return a temporary database of SQLite that nobody else can open; it is closed with its owner at the latest."""
    # What is no longer used is closed by whichever thread collects it.
    database = sqlite3.connect("", check_same_thread=False)
    weakref.finalize(owner, database.close)
    database.execute("PRAGMA cache_size = -512")  # in KB: what is kept must not grow with the file
    return database


@contextmanager
def on_disk() -> Generator[None]:
    """Turn SQLite's errors of the disk into OSError."""
    try:
        yield
    except sqlite3.OperationalError as error:
        full = error.sqlite_errorcode == sqlite3.SQLITE_FULL
        number = errno.ENOSPC if full else errno.EIO
        raise OSError(number, os.strerror(number)) from error
