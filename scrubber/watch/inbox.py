"""The drop folder: which of its files are whole, and how one is taken so that nobody else takes it."""

from __future__ import annotations

import errno
import os
import re
import stat
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from attrs import define, field, frozen

from scrubber.errors import ConfigError, ScrubberError, reason_of
from scrubber.watch.layout import escaped, make_private

__all__ = [
    "CLAIMS",
    "Arrival",
    "Inbox",
    "NotRegularError",
    "Waits",
    "age_of",
    "open_regular",
    "stamp_of",
    "why_not_whole",
]

CLAIMS = ".scrubber"
"""The folder inside the drop folder where files lie that have been taken: a rename inside one folder is atomic."""

MARKER = ".done"
_UNFINISHED = (".part", ".partial", ".filepart", ".tmp")
_TAIL = 4096
_BLANK = rb"[ \t\r\n\x00\x1a]"
# An IEA between two of the same terminators, with nothing but blanks behind it.
_LAST_IEA = re.compile(rb"(?is)([^A-Z0-9 ])" + _BLANK + rb"*+IEA([^A-Z0-9\s])(?:(?!\1).){1,120}?\1" + _BLANK + rb"*\Z")
_BEGINNING = re.compile(rb"(?is)(?:\xef\xbb\xbf)?" + _BLANK + rb"*+(.{0,3})")


class NotRegularError(ScrubberError):
    """What lies there is no regular file, so it is not opened."""


@frozen
class Waits:
    """How long a file is waited for, in seconds.

    Its size and time of change must stay the same for `settle`; one that is still not whole `give_up` after its last
    change is taken as it is.  With `marker` a file NAME is whole only when there is a NAME.done.
    """

    settle: float = 10.0
    give_up: float = 3600.0
    marker: bool = False


@frozen
class Arrival:
    """A file to be taken: its name in the drop folder, its stamp, and why it will not be whole (None: it is)."""

    name: str
    stamp: str
    reason: str | None = None


@define(eq=False)
class _Sighting:
    """A file as it was seen: since when (monotonic seconds) it has had its stamp, and what its bytes lack.

    `lacks` is None as long as nobody has looked.
    """

    stamp: str
    since: float
    age: float
    lacks: str | None = None


@define(eq=False)
class Inbox:
    """A drop folder.  The scan of the folder is the truth; nothing depends on being notified of a change.

    `troubles` are the names that cannot be dealt with, each with the reason, as of the last scan; each is given once.
    """

    folder: Path
    waits: Waits
    troubles: list[tuple[str, str]] = field(factory=lambda: [], init=False)
    _seen: dict[str, _Sighting] = field(factory=lambda: {}, init=False)
    _told: set[tuple[str, str]] = field(factory=set[tuple[str, str]], init=False)

    def prepare(self) -> None:
        """Make the folder of taken files.  Raises ConfigError where there is no folder that files can be taken from."""
        if not self.folder.is_dir():
            raise ConfigError(f"{self.folder}: is not a folder")
        claims = self.folder / CLAIMS
        make_private(claims)
        # Senders may write to the drop folder: what they put there under this name must not lead elsewhere.
        if claims.is_symlink() or claims.lstat().st_uid != os.geteuid():
            raise ConfigError(f"{claims}: is not a folder of ours; remove it")

    @property
    def is_empty(self) -> bool:
        """Whether the last scan saw nothing that may be taken some day."""
        return not self._seen

    def arrivals(self) -> list[Arrival]:
        """Scan the folder and give the files that are whole, or will not be, oldest first.  Raises ScrubberError."""
        now, seen, names = time.monotonic(), dict[str, _Sighting](), set[str]()
        try:
            with os.scandir(self.folder) as entries:
                for entry in entries:
                    names.add(entry.name)
                    sighting = self._sight(entry, now)
                    if sighting is not None:
                        seen[entry.name] = sighting
        except OSError as error:
            raise ScrubberError(f"{self.folder}: cannot be listed ({reason_of(error)})") from error
        self.prepare()  # a sender may have removed or exchanged ours, or another drop folder have been mounted here
        self._seen = seen
        self._told = {told for told in self._told if told[0] in names}
        steady = [name for name, sighting in seen.items() if now - sighting.since >= self.waits.settle]
        oldest_first = sorted(steady, key=lambda name: (-seen[name].age, name))
        return [arrival for name in oldest_first if (arrival := self._arrival(name, names)) is not None]

    def _sight(self, entry: os.DirEntry[str], now: float) -> _Sighting | None:
        """Note a file that may be taken some day; None for everything else."""
        if entry.name.startswith(".") or entry.name.lower().endswith(_UNFINISHED):
            return None
        if self.waits.marker and entry.name.endswith(MARKER):
            return None
        try:
            found = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            return None  # taken by somebody else since the folder was listed
        if not stat.S_ISREG(found.st_mode):
            if not stat.S_ISDIR(found.st_mode):
                self.trouble(entry.name, "is a link, a pipe or a device; it is left alone")
            return None
        stamp, old = stamp_of(found), self._seen.get(entry.name)
        if old is not None and old.stamp == stamp:
            # By our own clock at least as long as it has been watched: the system's may have been set back.
            old.age = max(age_of(found), now - old.since)
            return old
        return _Sighting(stamp, now, age_of(found))

    def _arrival(self, name: str, names: set[str]) -> Arrival | None:
        """Return a steady file if it is whole, or has waited too long."""
        sighting = self._seen[name]
        if sighting.lacks is None:
            try:
                with open_regular(self.folder / name) as stream:
                    sighting.lacks = why_not_whole(stream)
            except FileNotFoundError:
                return None
            except NotRegularError:
                return None  # exchanged since it was listed; the next scan says what for
            except OSError as error:
                self.trouble(name, f"cannot be opened ({reason_of(error)}); it is left where it is")
                return None
        lacks = sighting.lacks
        if not lacks and self.waits.marker and name + MARKER not in names:
            lacks = f"there is no {escaped(name)}{MARKER}"
        if not lacks:
            return Arrival(name, sighting.stamp)
        if sighting.age <= self.waits.give_up:
            return None
        return Arrival(name, sighting.stamp, f"{lacks}, {self.waits.give_up:g} seconds after its last change")

    def trouble(self, name: str, reason: str) -> None:
        """Note why a file is not taken, once as long as it is there."""
        if (name, reason) not in self._told:
            self._told.add((name, reason))
            self.troubles.append((name, reason))

    # -- taking -------------------------------------------------------------------------------------------------------

    def holds(self, name: str) -> bool:
        """Whether a file is still there, so that it is worth trying to take it."""
        return os.path.lexists(self.folder / name)

    def claim(self, name: str, token: str) -> bool:
        """Take a file out of everybody's sight; False where it is not there any more.  Raises OSError."""
        try:
            (self.folder / name).rename(self.claimed(token))
        except FileNotFoundError:
            return False
        return True

    def claimed(self, token: str) -> Path:
        """Return the place of a file that has been taken."""
        return self.folder / CLAIMS / token

    def drop(self, token: str) -> None:
        """Remove a file that has been taken and is done with; a folder in its place stays.  Raises OSError."""
        with suppress(FileNotFoundError, IsADirectoryError):
            self.claimed(token).unlink()

    def drop_marker(self, name: str) -> None:
        """Remove the marker of a file that has been taken, so that it does not speak for the next one of the name."""
        if self.waits.marker:
            (self.folder / f"{name}{MARKER}").unlink(missing_ok=True)

    def tokens(self) -> list[str]:
        """Return the tokens of all files that have been taken and not been done with."""
        return sorted(path.name for path in (self.folder / CLAIMS).iterdir())


def stamp_of(found: os.stat_result) -> str:
    """Return what changes when a file is written to: its size and its time of change."""
    return f"{found.st_size}:{found.st_mtime_ns}"


def age_of(found: os.stat_result) -> float:
    """Return the seconds since a file was last written or renamed, which no sender can set, as the time of change."""
    return time.time() - found.st_ctime


@contextmanager
def open_regular(path: Path) -> Generator[BinaryIO]:
    """Open a regular file for reading, and nothing else: no link is followed and no pipe is waited for.

    Raises NotRegularError, FileNotFoundError or another OSError.
    """
    if not stat.S_ISREG(path.lstat().st_mode):
        raise NotRegularError(f"{escaped(path.name)}: is not a regular file")
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise NotRegularError(f"{escaped(path.name)}: is not a regular file") from error
        raise
    with os.fdopen(handle, "rb") as stream:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise NotRegularError(f"{escaped(path.name)}: is not a regular file")
        yield stream


def why_not_whole(stream: BinaryIO) -> str:
    """Return what the bytes of a file lack to be a whole interchange; "" where they lack nothing.

    A file that does not even begin as X12 lacks nothing that is worth waiting for.  Raises OSError.
    """
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    beginning = _BEGINNING.match(stream.read(_TAIL))
    start = beginning[1].upper() if beginning else b""
    if start and not b"ISA".startswith(start):
        return ""
    stream.seek(max(size - _TAIL, 0))
    return "" if _LAST_IEA.search(stream.read(_TAIL)) else "its last segment is no IEA"
