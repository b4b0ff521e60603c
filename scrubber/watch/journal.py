"""The journal of a watcher: how far each file has come, in a SQLite database that survives a crash at any moment."""

from __future__ import annotations

import json
import os
import sqlite3
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import attrs
from attrs import field, frozen

from scrubber.errors import ScrubberError, reason_of
from scrubber.io.publication import open_private

__all__ = ["Item", "Journal", "JournalError", "Outcome", "State"]

_VERSION = 1
_PATIENCE = 30.0
"""Seconds that another watcher may hold the journal; it never does for longer than one commit takes."""

_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS files (
    number INTEGER PRIMARY KEY AUTOINCREMENT, token TEXT NOT NULL UNIQUE, owner TEXT NOT NULL,
    name TEXT NOT NULL, state TEXT NOT NULL, outcome TEXT, stamp TEXT NOT NULL, sha256 TEXT,
    tries INTEGER NOT NULL, error TEXT, reason TEXT, moves TEXT NOT NULL, summary TEXT, code INTEGER NOT NULL,
    taken_at TEXT NOT NULL, ended_at TEXT
);
CREATE UNIQUE INDEX IF NOT EXISTS published_once ON files (sha256) WHERE outcome = 'published';
CREATE INDEX IF NOT EXISTS unfinished ON files (owner) WHERE state <> 'done';
PRAGMA user_version = {_VERSION};
COMMIT;
"""


class JournalError(ScrubberError):
    """The journal cannot be read or written, so nothing may be moved."""


class State(StrEnum):
    """How far a file has come.

    `TAKING`: it is, or is about to be, out of the drop folder.  `WORKING`: its private copy is whole.  `MOVING`: it has
    been judged, what comes of it is decided and is being put in its places.  `DONE`: all of that is there.
    """

    TAKING = "taking"
    WORKING = "working"
    MOVING = "moving"
    DONE = "done"


class Outcome(StrEnum):
    """What came of a file."""

    PUBLISHED = "published"
    FAILED = "failed"
    DUPLICATE = "duplicate"


@frozen
class Item:
    """One file that was taken.

    `stamp` is its size and time of change as taken, `reason` why it must not be published, `error` what went wrong the
    last time, `tries` how often it has been begun to be judged.  `moves` pairs the files that wait in its folder in
    `work` with their places in the output folder, in order.  `code` is the exit code that it asks for, `summary` the
    line about it.  Times are ISO 8601 in UTC.
    """

    number: int
    token: str
    owner: str
    name: str
    stamp: str
    state: State = field(default=State.TAKING, converter=State)
    outcome: Outcome | None = field(default=None, converter=attrs.converters.optional(Outcome))
    sha256: str | None = None
    tries: int = 0
    error: str | None = None
    reason: str | None = None
    moves: tuple[tuple[str, str], ...] = ()
    summary: str | None = None
    code: int = 0
    taken_at: str = ""
    ended_at: str | None = None


_COLUMNS = [column.name for column in attrs.fields(Item)]


class Journal:
    """The files of one output folder.  Several processes may use it at once; each change is one transaction."""

    def __init__(self, path: Path) -> None:
        try:
            os.close(open_private(path, os.O_RDWR))
            self._database = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None)
        except (OSError, sqlite3.Error) as error:
            raise JournalError(f"{path}: cannot be opened ({_words(error)})") from error
        self._path = path
        self._database.row_factory = sqlite3.Row
        try:
            self._prepare()
        except JournalError:
            self.close()
            raise

    def _prepare(self) -> None:
        with self._asking():
            version = self._database.execute("PRAGMA user_version").fetchone()[0]
            if version not in {0, _VERSION}:
                raise JournalError(f"{self._path}: is of version {version}, which this program does not know")
            self._database.execute("PRAGMA synchronous = FULL")
            if version == 0:
                self._database.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the journal."""
        self._database.close()

    def begin(self, name: str, stamp: str, owner: str, reason: str | None) -> Item:
        """Note that a file is about to be taken.  Raises JournalError."""
        item = Item(0, uuid.uuid4().hex, owner, name, stamp, reason=reason, taken_at=_now())
        with self._asking():
            row = self._database.execute(
                f"INSERT INTO files ({', '.join(_COLUMNS[1:])}) VALUES ({', '.join('?' * (len(_COLUMNS) - 1))})",  # noqa: S608
                _row(item)[1:],
            )
        return attrs.evolve(item, number=row.lastrowid or 0)

    def forget(self, item: Item) -> None:
        """Note that a file was not taken after all.  Raises JournalError."""
        with self._asking():
            self._database.execute("DELETE FROM files WHERE token = ? AND state = 'taking'", (item.token,))

    def save(self, item: Item) -> Item:
        """Note how far a file has come.  Raises JournalError, also where another watcher has taken it over."""
        settings = ", ".join(f"{column} = ?" for column in _COLUMNS[1:])
        with self._asking():
            row = self._database.execute(
                f"UPDATE files SET {settings} WHERE number = ? AND owner = ?",  # noqa: S608 - the names are our own
                (*_row(item)[1:], item.number, item.owner),
            )
            if row.rowcount != 1:
                raise JournalError(f"{item.name}: another watcher has taken it over")
        return item

    def finish(self, item: Item) -> None:
        """Note that all files of an item are in their places.  Raises JournalError."""
        self.save(attrs.evolve(item, state=State.DONE, ended_at=_now()))

    def publish(self, item: Item) -> Item | None:
        """Note that a file is to be published, unless its bytes have been before: then give the earlier file instead.

        Raises JournalError.
        """
        try:
            self.save(attrs.evolve(item, state=State.MOVING, outcome=Outcome.PUBLISHED))
        except JournalError as error:
            if not isinstance(error.__cause__, sqlite3.IntegrityError):
                raise
            return self.published(item.sha256)
        return None

    def published(self, sha256: str | None) -> Item | None:
        """Return the file with these bytes that was, or is being, published.  Raises JournalError."""
        with self._asking():
            row = self._database.execute(
                "SELECT * FROM files WHERE sha256 = ? AND outcome = 'published'", (sha256,)
            ).fetchone()
            return None if row is None else _item(row)

    def find(self, token: str) -> Item | None:
        """Return the file that was taken under a token.  Raises JournalError."""
        with self._asking():
            row = self._database.execute("SELECT * FROM files WHERE token = ?", (token,)).fetchone()
            return None if row is None else _item(row)

    def unfinished(self, owner: str) -> list[Item]:
        """Return the files that a watcher has in work, those that were tried least first.  Raises JournalError."""
        with self._asking():
            rows = self._database.execute(
                "SELECT * FROM files WHERE owner = ? AND state <> 'done' ORDER BY tries, number", (owner,)
            ).fetchall()
            return [_item(row) for row in rows]

    @property
    def is_new(self) -> bool:
        """Whether it knows of no file.  Raises JournalError."""
        with self._asking():
            return self._database.execute("SELECT 1 FROM files LIMIT 1").fetchone() is None

    def owners(self) -> list[str]:
        """Return the watchers that have files in work.  Raises JournalError."""
        with self._asking():
            rows = self._database.execute("SELECT DISTINCT owner FROM files WHERE state <> 'done'").fetchall()
        return [row["owner"] for row in rows]

    def adopt(self, dead: str, owner: str) -> None:
        """Pass the files of a dead watcher to another one.  Raises JournalError."""
        with self._asking():
            self._database.execute("UPDATE files SET owner = ? WHERE owner = ? AND state <> 'done'", (owner, dead))

    @contextmanager
    def _asking(self) -> Generator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise JournalError(f"{self._path}: cannot be read or written ({_words(error)})") from error
        except (ValueError, TypeError) as error:
            raise JournalError(f"{self._path}: holds what no watcher has written ({type(error).__name__})") from error


def _row(item: Item) -> list[object]:
    values = attrs.asdict(item, recurse=False) | {"moves": json.dumps(item.moves)}
    return [values[column] for column in _COLUMNS]


def _item(row: sqlite3.Row) -> Item:
    moves = tuple((staged, target) for staged, target in json.loads(row["moves"]))
    return Item(**{column: row[column] for column in _COLUMNS if column != "moves"}, moves=moves)


def _words(error: OSError | sqlite3.Error) -> str:
    if isinstance(error, OSError):
        return reason_of(error)
    return str(getattr(error, "sqlite_errorname", type(error).__name__))


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
