"""Take whole files from a drop folder, judge them, and publish what comes of each exactly once."""

from __future__ import annotations

import errno
import hashlib
import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import attrs
from attrs import define, field

from scrubber.errors import ScrubberError, place_of_error, reason_of
from scrubber.io.publication import open_private, sync_folder
from scrubber.pipeline.file_scrub import unreadable_reason
from scrubber.watch.inbox import (
    Arrival,
    Inbox,
    NotRegularError,
    Waits,
    age_of,
    open_regular,
    stamp_of,
    why_not_whole,
)
from scrubber.watch.journal import Item, Journal, JournalError, Outcome, State
from scrubber.watch.layout import Layout, base_name, escaped
from scrubber.watch.owner import Owner, hold_if_ended, remove_old_locks
from scrubber.watch.worker import STAGED, FileResult, FileWorker, describe_errors

__all__ = ["Watcher", "open_watcher"]

_FAILED, _FAULT = 3, 4
_CHUNK = 1 << 20
_FIRST_PAUSE, _LONGEST_PAUSE = 10.0, 900.0
_FULL = {errno.ENOSPC, errno.EDQUOT}


class _WaitingError(Exception):
    """A file that was taken is still being written to; it is looked at again."""


class _GoneError(Exception):
    """A file was not there to be taken: another watcher has it, or its sender took it back."""


@contextmanager
def open_watcher(
    inbox: Path, out: Path, waits: Waits, judge: FileWorker, tell: Callable[[str], None]
) -> Generator[Watcher]:
    """Set up a watcher between two folders.  Raises ConfigError or JournalError when they cannot be used."""
    layout, folder = Layout(out), Inbox(inbox, waits)
    layout.check_apart(inbox)
    folder.prepare()
    layout.prepare()
    journal = Journal(layout.journal)
    try:
        with Owner(layout.work) as owner:
            watcher = Watcher(folder, layout, journal, judge, tell, owner.name)
            watcher.check_history()
            watcher.tidy()
            yield watcher
    finally:
        journal.close()


@define(eq=False)
class Watcher:
    """Takes files from `inbox` to the folders of `out`.

    A file is tried `limit` times before it is put aside for a fault of this program.  `tell` takes one line about each
    file; no line holds anything of a claim.  `code` is the exit code that the files so far ask for, `stopping` ends the
    run at the next file.
    """

    inbox: Inbox
    out: Layout
    journal: Journal
    judge: FileWorker
    tell: Callable[[str], None]
    owner: str
    limit: int = 10
    code: int = 0
    stopping: bool = False
    _due: dict[str, float] = field(factory=lambda: {}, init=False)
    _pauses: dict[str, float] = field(factory=lambda: {}, init=False)

    def run_once(self) -> int:
        """Take what is whole now and give the exit code.  Raises ScrubberError when there is no going on."""
        self.inbox.arrivals()  # a file is steady only when it has been seen twice
        if not self.inbox.is_empty:
            time.sleep(self.inbox.waits.settle)
        self.scan()
        return self.code

    def run(self, interval: float) -> int:
        """Scan every `interval` seconds until `stopping` is set."""
        pause = interval
        while not self.stopping:
            try:
                self.scan()
                pause = interval
            except ScrubberError as error:
                self.tell(str(error))
                pause = min(pause * 2, _LONGEST_PAUSE)
            time.sleep(pause)
        return self.code

    def scan(self) -> None:
        """Go on with what is in work, then take every file that is whole.

        Raises JournalError, or ScrubberError when a folder cannot be read or the disk is full.
        """
        self._adopt()
        for item in self.journal.unfinished(self.owner):
            if not self.stopping and self._due.get(item.token, 0.0) <= time.monotonic():
                self._work(item)
        for arrival in self.inbox.arrivals():
            if self.stopping:
                return
            taken = self._take(arrival)
            if taken is not None:
                self._work(taken)
        for name, trouble in self.inbox.troubles:
            self.tell(f"{escaped(name)}: {trouble}")
            self.code = max(self.code, _FAILED)
        self.inbox.troubles.clear()

    def check_history(self) -> None:
        """Tell where the journal has been lost: what was published may be published a second time.

        Raises JournalError, or ScrubberError when the archive cannot be read.
        """
        with _naming(self.out.archive):
            held = sum(1 for _ in self.out.archive.iterdir()) if self.journal.is_new else 0
        if held:
            lost = "what comes again is no longer known as a duplicate and is published a second time"
            self.tell(f"{self.out.journal}: the journal is new, though archive/ holds {held} files; {lost}")

    def tidy(self) -> None:
        """Remove what a crash has left of files that are done with, and tell of what nobody knows.

        Raises JournalError.
        """
        with _naming(self.out.root):
            remove_old_locks(self.out.work, self.owner)
            rooms = [path.name for path in self.out.work.iterdir() if path.is_dir()]
            for token in sorted({*self.inbox.tokens(), *rooms}):
                item = self.journal.find(token)
                if item is None:
                    self.tell(f"{token}: is in work, but not known to this journal; it is left where it is")
                elif item.state is State.DONE:
                    self._clear(token)

    def _clear(self, token: str) -> None:
        self.inbox.drop(token)
        self.out.remove_folder(token)

    def _adopt(self) -> None:
        """Take over the files of watchers that have died."""
        for owner in self.journal.owners():
            if owner == self.owner:
                continue
            with _naming(self.out.work), hold_if_ended(self.out.work, owner) as ended:
                if ended:
                    self.journal.adopt(owner, self.owner)
                    for item in self.journal.unfinished(self.owner):
                        if item.state is State.TAKING and self.inbox.claimed(item.token).exists():
                            self.inbox.drop_marker(item.name)

    def _take(self, arrival: Arrival) -> Item | None:
        """Take a file out of the drop folder; None where it is another watcher's or cannot be taken."""
        if not self.inbox.holds(arrival.name):
            return None
        item = self.journal.begin(escaped(arrival.name), arrival.stamp, self.owner, arrival.reason)
        try:
            taken = self.inbox.claim(arrival.name, item.token)
        except OSError as error:
            self.inbox.trouble(arrival.name, f"cannot be taken ({reason_of(error)})")
            taken = False
        if not taken:
            self.journal.forget(item)
            return None
        with _naming(self.inbox.folder):
            self.inbox.drop_marker(arrival.name)
        return item

    # -- one file -----------------------------------------------------------------------------------------------------

    def _work(self, item: Item) -> None:
        """Bring a file to its end, or hold it.  Raises JournalError, or ScrubberError when the disk is full."""
        try:
            if item.state is State.TAKING:
                item = self._copy(item)
            if item.state is State.WORKING:
                item = self._decide(item)
            self._finish(item)
        except _WaitingError:
            self._due[item.token] = time.monotonic() + self.inbox.waits.settle
        except _GoneError:
            self.journal.forget(item)
            self.tell(f"{item.name}: was not there to be taken")
        except JournalError:
            raise
        except KeyboardInterrupt:
            self._forgive(item.token)
            raise
        except BaseException as error:  # noqa: BLE001 - one file must not stop the others; names the place, not the data
            self._hold(item.token, error)

    def _copy(self, item: Item) -> Item:
        """Make a private copy of a file that was taken: nobody who still has it open can change that."""
        out, claimed = self.out, self.inbox.claimed(item.token)
        out.make_folders(item.token)
        try:
            with open_regular(claimed) as stream:
                found = os.fstat(stream.fileno())
                lacks = why_not_whole(stream)
                if stamp_of(found) != item.stamp or (
                    lacks and not item.reason and age_of(found) <= self.inbox.waits.give_up
                ):
                    raise self._wait(item, stamp_of(found))
                stream.seek(0)
                digest = hashlib.sha256()
                handle = open_private(out.original(item.token), os.O_WRONLY | os.O_TRUNC)
                with os.fdopen(handle, "wb") as copy:
                    while data := stream.read(_CHUNK):
                        digest.update(data)
                        copy.write(data)
                    copy.flush()
                    os.fsync(handle)
                after = stamp_of(os.fstat(stream.fileno()))
                if after != item.stamp:
                    raise self._wait(item, after)
        except FileNotFoundError as error:
            out.remove_folder(item.token)
            raise _GoneError from error
        except NotRegularError:
            return self._put_aside(item, "it was exchanged for a link, a pipe, a device or a folder and not opened")
        sync_folder(out.folder_of(item.token))
        sync_folder(out.work)
        reason = item.reason or (f"{lacks}, long after its last change" if lacks else None)
        return self.journal.save(attrs.evolve(item, state=State.WORKING, sha256=digest.hexdigest(), reason=reason))

    def _wait(self, item: Item, stamp: str) -> _WaitingError:
        """Note that a file was written to after it had been seen; it is taken to be whole when that ends."""
        self.journal.save(attrs.evolve(item, state=State.TAKING, stamp=stamp, sha256=None))
        return _WaitingError()

    def _decide(self, item: Item) -> Item:
        """Judge a file and decide what comes of it; nothing is published yet."""
        original = self.out.original(item.token)
        if not original.exists():
            return self._put_aside(item, "its copy was removed from the work folder; its bytes are gone")
        earlier = self.journal.published(item.sha256)
        if earlier is not None:
            return self._put_aside_duplicate(item, earlier)
        if item.tries >= self.limit:
            error = item.error or "the scrubber ended in the middle of it each time"
            return self._put_aside(item, f"rejected after {item.tries} tries: {error}", code=_FAULT)
        item = self.journal.save(attrs.evolve(item, tries=item.tries + 1))
        self.out.make_folders(item.token)
        verdict = self.judge.run(original, item.name, self.out.staged(item.token))
        self._check_claimed(item)
        if (unread := unreadable_reason(verdict.report)) is not None:
            # The disk is at fault and not the sender, so the file is never put aside for it.
            raise ScrubberError(f"its copy could not be read: {unread}") from OSError(errno.EIO, unread)
        if item.reason:
            return self._put_aside(item, item.reason, verdict)
        if not verdict.report.readable:
            return self._put_aside(item, "it could not be read as a whole", verdict)
        return self._publish(item, verdict)

    def _check_claimed(self, item: Item) -> None:
        """Judge a file again if its sender kept writing to it while it was judged."""
        try:
            stamp = stamp_of(self.inbox.claimed(item.token).lstat())
        except FileNotFoundError:
            return
        if stamp != item.stamp:
            raise self._wait(item, stamp)

    def _publish(self, item: Item, verdict: FileResult) -> Item:
        """Decide that the files of a verdict are published, unless another file with the same bytes has been."""
        base, extension = base_name(item.name, item.sha256 or "")
        moves = [("original", f"archive/{base}{extension}")]
        moves += [(f"staged/{STAGED}{suffix}", f"{base}{suffix}") for suffix in verdict.suffixes]
        self.out.check_free(target for _, target in moves)
        totals = verdict.report.totals
        counts = f"{totals.claims} claims, {totals.accepted} accepted, {totals.rejected} rejected"
        summary = f"{item.name}: published as {base}: {'; '.join((counts, *verdict.notes))}"
        item = attrs.evolve(
            item,
            state=State.MOVING,
            outcome=Outcome.PUBLISHED,
            moves=tuple(moves),
            summary=summary,
            code=verdict.code,
        )
        earlier = self.journal.publish(item)
        return item if earlier is None else self._put_aside_duplicate(item, earlier)

    def _put_aside_duplicate(self, item: Item, earlier: Item) -> Item:
        when = earlier.ended_at or earlier.taken_at
        reason = f"its bytes are those of {earlier.name} (number {earlier.number}), published {when}"
        return self._put_aside(item, reason, outcome=Outcome.DUPLICATE)

    def _put_aside(
        self,
        item: Item,
        reason: str,
        verdict: FileResult | None = None,
        *,
        outcome: Outcome = Outcome.FAILED,
        code: int = _FAILED,
    ) -> Item:
        """Decide that a file goes to the failed ones, with the reason and what is known about it."""
        base, extension = base_name(item.name, item.sha256 or item.token, item.number)
        errors = describe_errors(verdict.report) if verdict is not None else []
        self.out.stage_reason(
            item.token,
            f"{item.name} was not published: {reason}.",
            f"Taken {item.taken_at}, number {item.number} in the journal, SHA-256 {item.sha256 or 'unknown'}.",
            *errors,
        )
        suffixes = [suffix for suffix in (".findings.json", ".999") if verdict and suffix in verdict.suffixes]
        moves = [("original", f"failed/{base}{extension}")]
        moves += [(f"staged/{STAGED}{suffix}", f"failed/{base}{suffix}") for suffix in suffixes]
        moves += [("staged/reason.txt", f"failed/{base}{extension}.reason.txt")]
        self.out.check_free(target for _, target in moves)
        codes = "".join(f", {error.partition(':')[0]}" for error in errors[:1])
        return self.journal.save(
            attrs.evolve(
                item,
                state=State.MOVING,
                outcome=outcome,
                moves=tuple(moves),
                reason=reason,
                summary=f"{item.name}: {outcome}: {reason}{codes}; see {moves[-1][1]}",
                code=code,
            )
        )

    def _finish(self, item: Item) -> None:
        """Put the files in their places, the clean one last, and forget the file that was taken."""
        self.out.move(item.token, item.moves)
        self._clear(item.token)
        self.journal.finish(item)
        self._due.pop(item.token, None)
        self._pauses.pop(item.token, None)
        self.code = max(self.code, item.code)
        self.tell(item.summary or item.name)

    # -- faults -------------------------------------------------------------------------------------------------------

    def _forgive(self, token: str) -> None:
        """Do not count a try that the file was not at fault for."""
        item = self.journal.find(token)
        if item is not None and item.state is State.WORKING and item.tries:
            self.journal.save(attrs.evolve(item, tries=item.tries - 1))

    def _hold(self, token: str, error: BaseException) -> None:
        """Keep a file in work after a fault, and tell.  Raises ScrubberError when the disk is full."""
        cause = error if isinstance(error, OSError) else error.__cause__
        if isinstance(cause, OSError):
            self._forgive(token)
        item = self.journal.find(token)
        if item is None:
            return
        words = _words(error)
        self.journal.save(attrs.evolve(item, error=words))
        try:
            if item.state is not State.MOVING:
                self.out.free(token, keep_original=item.state is State.WORKING)
        except OSError as second:  # the next try begins by clearing it, too
            words += f"; what it had written cannot be cleared ({_words(second)})"
        pause = min(self._pauses.get(token, _FIRST_PAUSE / 2) * 2, _LONGEST_PAUSE)
        self._pauses[token] = pause
        self._due[token] = time.monotonic() + pause
        self.code = _FAULT
        counted = "" if isinstance(cause, OSError) else f" (try {item.tries} of {self.limit})"
        line = f"{item.name}: held in work and tried again later{counted}: {words}"
        if isinstance(cause, OSError) and cause.errno in _FULL:
            raise ScrubberError(line) from error
        self.tell(line)


def _words(error: BaseException) -> str:
    """Return what went wrong without anything of a claim."""
    if isinstance(error, ScrubberError):
        return str(error)
    if isinstance(error, OSError):
        return reason_of(error)
    return f"internal fault: {place_of_error(error)}"


@contextmanager
def _naming(place: Path) -> Generator[None]:
    """Name the folder in the error where it cannot be used."""
    try:
        yield
    except OSError as error:
        raise ScrubberError(f"{place}: cannot be used ({reason_of(error)})") from error
