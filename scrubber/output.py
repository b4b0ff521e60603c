"""Publish files whole or not at all."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Self, TextIO

from attrs import define, field

from scrubber.errors import ConfigError, ScrubberError

__all__ = ["Draft", "Publication", "make_folder", "open_private", "publish_file", "publish_text"]


@define(eq=False)
class Draft:
    """A file in the making: written beside `target` under another name, and not yet there for anybody else."""

    target: Path
    path: Path
    stream: BinaryIO


@define(eq=False)
class Publication:
    """Files that appear together, each whole: drafts beside their targets, synced, then renamed in the order given.

    A process that is killed leaves for each target either what was there before or the whole new file.  Leaving the
    `with` block without `publish` removes the drafts.  They can be read by their owner only: all of them hold claims.
    A target that is a link is replaced, never followed.
    """

    _drafts: list[Draft] = field(factory=list, init=False)
    _stale: list[Path] = field(factory=list, init=False)

    def draft(self, target: Path) -> Draft:
        """Begin a file.  Raises ConfigError when nothing can be written beside `target`."""
        if not _is_free(target):
            raise ConfigError(f"{target}: is not a regular file")
        try:
            handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
            os.fchmod(handle, 0o600)  # a umask may have taken more away
        except OSError as error:
            raise ConfigError(f"{target}: cannot be written ({_reason(error)})") from error
        draft = Draft(target, Path(name), os.fdopen(handle, "w+b"))
        self._drafts.append(draft)
        return draft

    def withdraw(self, draft: Draft) -> None:
        """Publish no file under the draft's target, not even one of an earlier run."""
        self.drop(draft)
        self._stale.append(draft.target)

    def drop(self, draft: Draft) -> None:
        """Give a draft up; what is under its target stays."""
        self._drafts.remove(draft)
        _discard(draft)

    def publish(self) -> None:
        """Put every draft in its place.

        Raises ScrubberError, before anything is published, when a disk is full or a place has been taken meanwhile.
        """
        self._sync()
        for target in (*self._stale, *(draft.target for draft in self._drafts)):
            if not _is_free(target) or not target.parent.is_dir():
                raise ScrubberError(f"{target}: is not a place for a file any more; nothing was published")
        for target in self._stale:
            with self.writing(target), suppress(FileNotFoundError):
                target.unlink()
        for draft in self._drafts:
            with self.writing(draft.target):
                draft.path.replace(draft.target)
        for folder in dict.fromkeys([draft.target.parent for draft in self._drafts] + [t.parent for t in self._stale]):
            _sync_folder(folder)
        self._drafts.clear()
        self._stale.clear()

    def _sync(self) -> None:
        """Bring the drafts to the disk whole, so that nothing but their names can fail any more."""
        for draft in self._drafts:
            with self.writing(draft.target):
                draft.stream.flush()
                os.fsync(draft.stream.fileno())
                draft.stream.close()

    def discard(self) -> None:
        """Remove the drafts, so that nothing is published."""
        for draft in self._drafts:
            _discard(draft)
        self._drafts.clear()
        self._stale.clear()

    @staticmethod
    @contextmanager
    def writing(target: Path | str) -> Iterator[None]:
        """Name `target` in the error where it cannot be written."""
        try:
            yield
        except BrokenPipeError:
            raise
        except OSError as error:
            raise ScrubberError(f"{target}: cannot be written ({_reason(error)})") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()


def open_private(path: Path, flags: int) -> int:
    """Open a file that only its owner can read, whatever the umask, and make it if need be.  Raises OSError."""
    handle = os.open(path, flags | os.O_CREAT | os.O_CLOEXEC, 0o600)
    os.fchmod(handle, 0o600)
    return handle


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, that only the owner may enter, where they are not there.  Raises OSError."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    for place in reversed(missing):
        place.mkdir(mode=0o700, exist_ok=True)
        place.chmod(0o700)  # a umask may have taken more away
    folder.mkdir(exist_ok=True)


@contextmanager
def publish_file(target: Path) -> Iterator[BinaryIO]:
    """Write a file that appears whole under `target` when the block ends without an error."""
    with Publication() as publication:
        draft = publication.draft(target)
        yield draft.stream
        publication.publish()


@contextmanager
def publish_text(target: Path) -> Iterator[TextIO]:
    """Write a text file that appears whole under `target` when the block ends without an error."""
    with publish_file(target) as binary:
        stream = io.TextIOWrapper(binary, encoding="utf-8", newline="\n")
        yield stream
        with Publication.writing(target):
            stream.flush()
            stream.detach()


def _is_free(target: Path) -> bool:
    """Whether a file may be put there: in place of nothing or of another file, and among no devices."""
    return (not target.exists() or target.is_file()) and target.parent != Path("/dev")


def _discard(draft: Draft) -> None:
    # What cannot be flushed any more (a full disk) is of no use: the file goes away.
    with suppress(OSError):
        draft.stream.close()
    with suppress(FileNotFoundError):
        draft.path.unlink()


def _sync_folder(folder: Path) -> None:
    """Make the renames in a folder last, where the system can sync a folder."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _reason(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else "not a usable path"
