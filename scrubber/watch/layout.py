"""The output folder of a watcher: its sub-folders, the names in it, and moves that survive a crash."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable
from pathlib import Path

from attrs import frozen

from scrubber.errors import ConfigError, ScrubberError, reason_of
from scrubber.io.publication import make_folder, open_private, sync_folder

__all__ = ["Layout", "base_name", "escaped", "make_private"]

_LONGEST_STEM = 150
_LONGEST_EXTENSION = 20
_OWN_EXTENSIONS = (".277ca", ".999")


@frozen
class Layout:
    """The folders below `root`, where the published files themselves are.

    `work` holds what is being judged, `archive` the originals of what was published, `failed` what was not.
    """

    root: Path

    @property
    def work(self) -> Path:
        """The files that are being judged, each in a folder of its own."""
        return self.root / "work"

    @property
    def archive(self) -> Path:
        """The originals that are done with."""
        return self.root / "archive"

    @property
    def failed(self) -> Path:
        """The originals that were not published, with the reasons."""
        return self.root / "failed"

    @property
    def journal(self) -> Path:
        """The journal."""
        return self.root / "journal.sqlite"

    def check_apart(self, inbox: Path) -> None:
        """Raise ConfigError where one of the two folders is or holds the other: what is published would be taken."""
        try:
            own, other = self.root.resolve(), inbox.resolve()
        except (OSError, RuntimeError) as error:  # RuntimeError is what Python makes of links in a circle
            raise ConfigError(f"{self.root}: cannot be found") from error
        if own == other or own in other.parents or other in own.parents:
            raise ConfigError(f"{self.root}: must not be the drop folder, lie in it or hold it")

    def prepare(self) -> None:
        """Make the folders.  Raises ConfigError when they cannot be used."""
        for folder in (self.root, self.work, self.archive, self.failed):
            make_private(folder)
        if {folder.stat().st_dev for folder in (self.work, self.archive, self.failed)} != {self.root.stat().st_dev}:
            raise ConfigError(f"{self.root}: work, archive and failed must be on its own file system")

    def folder_of(self, token: str) -> Path:
        """Return the folder in which the file `token` is judged."""
        return self.work / token

    def original(self, token: str) -> Path:
        """Return the place of the private copy that is judged."""
        return self.folder_of(token) / "original"

    def staged(self, token: str) -> Path:
        """Return the folder in which the files wait that are to be published."""
        return self.folder_of(token) / "staged"

    def make_folders(self, token: str) -> None:
        """Make an empty folder for what is to be published.  Raises OSError."""
        make_folder(self.folder_of(token))
        if self.staged(token).exists():
            shutil.rmtree(self.staged(token))
        make_folder(self.staged(token))

    def remove_folder(self, token: str) -> None:
        """Remove the folder of a file that is done with.  Raises OSError."""
        if self.folder_of(token).exists():
            shutil.rmtree(self.folder_of(token))

    def free(self, token: str, *, keep_original: bool) -> None:
        """Drop what is staged for a file, and its copy unless that is whole.  Raises OSError."""
        if keep_original:
            self.make_folders(token)
        else:
            self.remove_folder(token)

    def stage_reason(self, token: str, *lines: str) -> None:
        """Write why a file is not published, for its owner only.  Raises OSError."""
        make_folder(self.staged(token))
        path = self.staged(token) / "reason.txt"
        handle = open_private(path, os.O_WRONLY | os.O_TRUNC)
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.writelines(f"{line}\n" for line in lines)
            stream.flush()
            os.fsync(handle)
        sync_folder(path.parent)

    def check_free(self, targets: Iterable[str]) -> None:
        """Raise ScrubberError where something is in the place of a file that is to be published."""
        for target in targets:
            if os.path.lexists(self.root / target):
                raise ScrubberError(f"{self.root / target}: is there already and is not overwritten")

    def move(self, token: str, moves: Iterable[tuple[str, str]]) -> None:
        """Put staged files in their places, in order; those that have been moved before are not there any more.

        A rename is either done or not, so each file appears once, however often this is interrupted and begun again.
        Raises OSError or ScrubberError.
        """
        folder = self.folder_of(token)
        folders = {folder}
        for staged, target in moves:
            source = folder / staged
            folders |= {source.parent, (self.root / target).parent}
            if source.exists():
                self.check_free([target])
                source.rename(self.root / target)
        for changed in sorted(folders):
            if changed.is_dir():
                sync_folder(changed)


def make_private(folder: Path) -> None:
    """Make a folder that only its owner may enter, if it is not there.  Raises ConfigError if it cannot be used."""
    try:
        make_folder(folder)
        found = folder.lstat()
        usable = stat.S_ISDIR(found.st_mode) or folder.is_dir()
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be made a folder ({reason_of(error)})") from error
    if not usable or not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise ConfigError(f"{folder}: is not a folder that can be written to")


def escaped(name: str) -> str:
    """Return a file name in a form safe for one line of a log: what cannot be printed is escaped."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in name)


def base_name(name: str, sha256: str, number: int | None = None) -> tuple[str, str]:
    """Return the name, without and with only its extension, under which the files of an input are.

    It is the input's own with the beginning of the SHA-256 of its bytes, so that another file of that name has another
    one; with the `number` in the journal where the same bytes may come again.
    """
    stem, extension = os.path.splitext(name)  # noqa: PTH122 - the name of a file, not a path
    if len(os.fsencode(extension)) > _LONGEST_EXTENSION or extension.lower() in _OWN_EXTENSIONS:
        stem, extension = name, ""
    while len(os.fsencode(stem)) > _LONGEST_STEM:
        stem = stem[:-1]
    tag = sha256[:12] if number is None else f"{sha256[:12]}-{number}"
    return f"{_harmless(stem)}-{tag}", _harmless(extension)


def _harmless(part: str) -> str:
    """Replace what a script that picks files up could stumble over."""
    kept = "".join(char if char.isprintable() and char not in "\\/" else "_" for char in part)
    return f"_{kept[1:]}" if kept.startswith("-") else kept
