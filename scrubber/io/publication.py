"""Publish files whole or not at all."""

from __future__ import annotations

import errno
import io
import os
import tempfile
import weakref
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Self, TextIO

from attrs import define, field

from scrubber.errors import ConfigError, ScrubberError
from scrubber.io.signals import uninterrupted
from scrubber.io.stderr import tell
from scrubber.io.writing import reason_in_words, writing

__all__ = [
    "Draft",
    "Publication",
    "make_folder",
    "open_private",
    "publish_file",
    "publish_text",
    "sync_folder",
]

_NOT_OFFERED = {errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.EINVAL, errno.ENOSYS, errno.EMLINK, errno.EBADF}
"""What a file system answers that has no hard links, or cannot sync a folder."""


@define(eq=False, repr=False)
class Draft:
    """A file in the making: written beside `target` under another name, and not yet there for anybody else.

    `remover` removes it at the latest when the process ends: an interrupt that comes on entering `__exit__`, before a
    line of it can hold signals back, leaves the `with` block without it.
    """

    target: Path
    path: Path
    stream: BinaryIO
    remover: weakref.finalize[..., Draft] = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self.remover = weakref.finalize(self, _remove, self.path)


@define(eq=False, repr=False)
class Publication:
    """Files that appear together, each whole: drafts beside their targets, synced, then renamed in the order given.

    A process that is killed leaves for each target either what was there before or the whole new file, in the order
    of the drafts.  An interrupt leaves all old or all new.  So does an error, unless what was there cannot be put back
    either: then the error names it.  Leaving the `with` block without `publish` removes the drafts.  They can be read
    by their owner only: all of them hold claims.  A target that is a link is replaced, never followed.
    """

    _drafts: list[Draft] = field(factory=lambda: [], init=False)
    _stale: list[Path] = field(factory=lambda: [], init=False)

    def draft(self, target: Path) -> Draft:
        """Begin a file.  Raises ConfigError when nothing can be written beside `target`."""
        try:
            if not _is_free(target):
                raise ConfigError(f"{target}: is not a regular file")
            with uninterrupted():  # a draft that was made and not noted would stay behind
                handle, name = tempfile.mkstemp(
                    prefix=f".{target.name}.", dir=os.path.realpath(target.parent, strict=True)
                )
                draft = Draft(target, Path(name), os.fdopen(handle, "w+b"))
                self._drafts.append(draft)
                os.fchmod(handle, 0o600)  # a umask may have taken more away
        except OSError as error:
            raise ConfigError(f"{target}: cannot be written ({reason_in_words(error)})") from error
        return draft

    def withdraw(self, draft: Draft) -> None:
        """Publish no file under the draft's target, not even one of an earlier run."""
        self.drop(draft)
        self._stale.append(draft.target)

    def drop(self, draft: Draft) -> None:
        """Drop a draft, also one that was withdrawn; what is under its target stays."""
        with uninterrupted():
            if draft.target in self._stale:
                self._stale.remove(draft.target)
            if draft in self._drafts:
                self._drafts.remove(draft)
                _discard(draft)

    def publish(self) -> None:
        """Put every draft in its place.

        Raises ScrubberError, before anything is published, when a disk is full or a place has been taken meanwhile; and
        afterwards when the folder cannot be synced.
        """
        self._sync()
        targets = [*self._stale, *(draft.target for draft in self._drafts)]
        for target in targets:
            with writing(target):
                if not _is_free(target) or not target.parent.is_dir():
                    raise ScrubberError(f"{target}: is not a place for a file any more; nothing was published")
        with uninterrupted():
            self._exchange(targets)
            for draft in self._drafts:
                draft.remover.detach()
            self._drafts.clear()
            self._stale.clear()
            for folder in dict.fromkeys(target.parent for target in reversed(targets)):
                _sync_folder(folder)

    def _exchange(self, targets: list[Path]) -> None:
        """Remove what is stale and rename the drafts; where that fails halfway, put back what was there."""
        old: dict[Path, Path | None] = {}
        done: list[Path] = []
        target = targets[0] if targets else Path()
        try:
            if len(targets) > 1:  # one alone is either done or not
                for target in targets:
                    old[target] = _keep(target)
            for target in self._stale:
                target.unlink(missing_ok=True)
                done.append(target)
            for draft in self._drafts:
                target = draft.target
                draft.path.replace(target)
                done.append(target)
        except OSError as error:
            changed = [str(place) for place in reversed(done) if not _put_back(place, old[place])]
            said = f"changed all the same: {', '.join(changed)}" if changed else "nothing was published"
            raise ScrubberError(f"{target}: cannot be written ({reason_in_words(error)}); {said}") from error
        finally:
            for place, kept in old.items():
                if kept is not None and kept != place:
                    _remove(kept)

    def _sync(self) -> None:
        """Bring the drafts to the disk whole, so that nothing but their names can fail any more."""
        for draft in self._drafts:
            with writing(draft.target):
                draft.stream.flush()
                os.fsync(draft.stream.fileno())
                draft.stream.close()

    def discard(self) -> None:
        """Remove the drafts, so that nothing is published."""
        with uninterrupted():
            for draft in self._drafts:
                _discard(draft)
            self._drafts.clear()
            self._stale.clear()

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


def sync_folder(folder: Path) -> None:
    """Make the renames in a folder last.  Raises OSError."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def publish_file(target: Path) -> Generator[BinaryIO]:
    """Write a file that appears whole under `target` when the block ends without an error."""
    with Publication() as publication:
        draft = publication.draft(target)
        yield draft.stream
        publication.publish()


@contextmanager
def publish_text(target: Path) -> Generator[TextIO]:
    """Write a text file that appears whole under `target` when the block ends without an error."""
    with publish_file(target) as binary:
        stream = io.TextIOWrapper(binary, encoding="utf-8", newline="\n")
        yield stream
        with writing(target):
            stream.flush()
            stream.detach()


def _is_free(target: Path) -> bool:
    """Whether a file may be put there: in place of nothing or of another file, and among no devices."""
    return (not target.exists() or target.is_file()) and target.parent != Path("/dev")


def _discard(draft: Draft) -> None:
    # What cannot be flushed any more (a full disk) is of no use: the file goes away.
    with suppress(OSError):
        draft.stream.close()
    _remove(draft.path)
    draft.remover.detach()


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        # No reason to end the run, but there are claims in it.
        tell(f"{path}: is left over and cannot be removed ({reason_in_words(error)})")


def _keep(target: Path) -> Path | None:
    """Keep what is under a target under another name too; None where nothing is, itself where links are not offered."""
    kept = target.with_name(f".{target.name}.{os.urandom(4).hex()}")
    try:
        os.link(target, kept, follow_symlinks=False)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno not in _NOT_OFFERED:
            raise
        return target
    return kept


def _put_back(target: Path, kept: Path | None) -> bool:
    """Restore what was under a target."""
    try:
        if kept is None:
            target.unlink(missing_ok=True)
        elif kept != target:
            kept.replace(target)
    except OSError:
        return False
    return kept != target


def _sync_folder(folder: Path) -> None:
    """Make the renames in a folder last, where the system can sync a folder.  Raises ScrubberError."""
    try:
        sync_folder(folder)
    except OSError as error:
        if error.errno not in _NOT_OFFERED:
            raise ScrubberError(
                f"{folder}: what was published there may not survive a power failure ({reason_in_words(error)})"
            ) from error
