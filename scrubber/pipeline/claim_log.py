"""What the first pass over a file found out about its claims, for the second, on disk when it is much."""

from __future__ import annotations

import json
import tempfile
import weakref
from array import array
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from os import SEEK_END
from typing import Generic, TypeVar

import attrs
from attrs import define

from scrubber.claims.builder import ClaimPlace, Extent
from scrubber.claims.columns import NO_LEVEL, ClaimRow
from scrubber.claims.raw_claim import RawClaim
from scrubber.findings.code_form import CodeForm
from scrubber.findings.report import AcceptedRun, ClaimReport, EndedTable
from scrubber.x12.segment import Delimiters
from scrubber.x12.transaction_set import TransactionSet

__all__ = ["ClaimLog", "ClaimRecord", "NotesInOrder", "records_of"]

T = TypeVar("T")

_BATCH = 1_000
_IN_MEMORY = 1 << 20
_LOOPS = ("2000A", "2000B", "2000C", "")
_LEVELS = (3, 6, 9, 12)
_SET, _COMPLETE, _ACCEPTED, _LINES, _KEPT, _WIDTH = range(15, 21)
"""Where the numbers of a claim are, behind its start, end and first segment: those of four levels, its transaction
set, whether it was read to its end, whether it is accepted, its lines, the number of what `_Numbered` keeps of it."""
_TEXTS = 4
"""Texts of an accepted claim: CLM01, CLM02, and the identifiers of payer and billing provider as they are shown."""
_ALL_EDITS = -1
_MOST_SETS = 1_024
"""Sets of edits, and of ended tables, that are kept; a claim with another set of edits is judged by all edits."""
# The claims of a file share few of them.
_shown_npi = lru_cache(maxsize=4096)(CodeForm.NPI.shown)
_shown_payer = lru_cache(maxsize=4096)(CodeForm.PAYER.shown)


@define(eq=False)
class ClaimRecord:
    """What is known about a claim: its ordinal, where it begins and ends, and the verdict if it is accepted.

    `may_fire` are the edits that may find something on it where it is judged without others, None for all.  `raw` is
    the claim itself where the file is read once more.
    """

    ordinal: int
    start: int
    end: int
    accepted: ClaimReport | None = None
    may_fire: frozenset[str] | None = None
    raw: RawClaim | None = None


def records_of(run: AcceptedRun) -> Iterator[ClaimRecord]:
    """Yield what is known about each claim of a run."""
    for report, start, end in zip(run.reports(), run.starts, run.ends, strict=True):
        yield ClaimRecord(report.ordinal, start, end, report)


class NotesInOrder:
    """The notes on the claims of a file, taken one by one or as runs."""

    def __init__(self, notes: Iterator[ClaimRecord | AcceptedRun]) -> None:
        self._notes = notes
        self._next: ClaimRecord | AcceptedRun | None = next(notes, None)
        self._at = 0  # claims of the run that are taken

    def regular(self) -> Iterable[tuple[int, int]]:
        """Return where the claims that come next begin and end, as far as they are one run."""
        run = self._next
        return zip(run.starts[self._at :], run.ends[self._at :], strict=True) if isinstance(run, AcceptedRun) else ()

    def take(self) -> ClaimRecord | None:
        """Take what is noted of the next claim; None where there is none."""
        if isinstance(self._next, AcceptedRun):
            return next(records_of(self.take_run(1)))
        taken, self._next = self._next, next(self._notes, None)
        return taken

    def take_run(self, count: int) -> AcceptedRun:
        """Take so many of the claims that `regular` gives.  Raises TypeError where there is no run."""
        run, start = self._next, self._at
        if not isinstance(run, AcceptedRun):
            raise TypeError("the next claim is noted by itself")
        self._at += count
        if self._at == len(run):
            self._next, self._at = next(self._notes, None), 0
        return run.part(start, start + count)


class ClaimLog:
    """Takes the notes on all claims of a file, in their order, and gives them back in it, when all are taken.

    Of a claim its files hold numbers of fixed width and, if it is accepted, what the report says.  In memory it holds
    eight bytes a transaction set.
    """

    def __init__(self) -> None:
        self._sets = _Sets()
        self._edits: _Numbered[frozenset[str]] = _Numbered()
        self._ended: _Numbered[tuple[EndedTable, ...]] = _Numbered()
        self._numbers = array("q")
        self._texts: list[str] = []
        self._number_file, self._text_file = _spool(self), _spool(self)
        self._text_sizes = array("Q")  # bytes of each batch

    def __len__(self) -> int:
        return (self._number_file.seek(0, SEEK_END) // self._numbers.itemsize + len(self._numbers)) // _WIDTH

    def open(self, place: ClaimPlace) -> None:
        """Note a claim without a row, which has to be judged by all edits."""
        levels = [NO_LEVEL if level is None else level[:3] for level in place.levels]
        levels += [NO_LEVEL] * (len(_LOOPS) - len(levels))
        number = self._sets.number_of(place.transaction, place.delimiters)
        own = [number for level in (place.claim, *levels) for number in level]
        self._numbers.extend((*own, number, place.complete, 0, 0, _ALL_EDITS))
        self._flush_batch()

    def open_row(self, row: ClaimRow, may_fire: frozenset[str] | None) -> None:
        """Note a claim that has to be judged by these edits where it is judged without others; None for all."""
        number = _ALL_EDITS
        if may_fire is not None and (len(self._edits) < _MOST_SETS or may_fire in self._edits):
            number = self._edits.number_of(may_fire)
        self._add_row(row, 0, number)

    def accept(self, row: ClaimRow, ended: tuple[EndedTable, ...] = ()) -> None:
        """Note a claim that is accepted unopened, unless it has to be judged with others of the patient, or repeats.

        `ended` are the tables that it was judged by after their latest edition: where a file has too many different
        ones to be kept, the claim is judged by no edit, which finds them again.
        """
        if ended and len(self._ended) >= _MOST_SETS and ended not in self._ended:
            self.open_row(row, frozenset())
            return
        payer, npi = _shown_payer(row.payer_id), _shown_npi(row.billing_provider.npi)
        self._texts += (row.control_number, row.charge, payer, npi)
        self._add_row(row, 1, self._ended.number_of(ended))

    def _add_row(self, row: ClaimRow, accepted: int, number: int) -> None:
        _, levels, extent, transaction = row.where
        self._numbers.extend(
            (
                *extent,
                *levels,
                *NO_LEVEL,
                self._sets.number_of(transaction, row.delimiters),
                1,
                accepted,
                len(row.procedures),
                number,
            )
        )
        self._flush_batch()

    def place(self, ordinal: int, *, alone: bool = False) -> ClaimPlace:
        """Return the place of a claim, with what `ClaimPlace` says of `alone`."""
        numbers = self._read((ordinal - 1) * _WIDTH, _WIDTH)
        levels = [_extent(numbers[at : at + 3], loop) for at, loop in zip(_LEVELS, _LOOPS, strict=True)]
        transaction, delimiters = self._sets.read(numbers[_SET])
        return ClaimPlace(
            ordinal=ordinal,
            delimiters=delimiters,
            levels=tuple(levels if levels[3] is not None else levels[:3]),
            claim=(numbers[0], numbers[1], numbers[2]),
            transaction=transaction,
            complete=bool(numbers[_COMPLETE]),
            alone=alone,
        )

    def size_of(self, ordinal: int) -> int:
        """Return the bytes of a claim."""
        start, end = self._read((ordinal - 1) * _WIDTH, 2)
        return end - start

    def parts(self) -> Iterator[tuple[int, int]]:
        """Yield the first bytes of the levels above each claim and of the claim, with its ordinal."""
        self._flush()
        for first, numbers in self._batches():
            for at in range(0, len(numbers), _WIDTH):
                for part in (*_LEVELS, 0):
                    if numbers[at + part] >= 0:
                        yield numbers[at + part], first + at // _WIDTH

    def __iter__(self) -> Iterator[ClaimRecord | AcceptedRun]:
        self._flush()
        at = 0
        for size, (first, numbers) in zip(self._text_sizes, self._batches(), strict=True):
            yield from self._of_batch(first, numbers, self._read_texts(at, size))
            at += size

    def _of_batch(self, first: int, numbers: array[int], texts: list[str]) -> Iterator[ClaimRecord | AcceptedRun]:
        starts, ends, accepted = numbers[0::_WIDTH], numbers[1::_WIDTH], numbers[_ACCEPTED::_WIDTH].tolist()
        lines, kept = numbers[_LINES::_WIDTH], numbers[_KEPT::_WIDTH]
        place = told = 0  # texts that have been given
        while place < len(starts):
            if not accepted[place]:
                may_fire = None if kept[place] == _ALL_EDITS else self._edits[kept[place]]
                yield ClaimRecord(first + place, starts[place], ends[place], may_fire=may_fire)
                place += 1
                continue
            stop = accepted.index(0, place) if 0 in accepted[place:] else len(starts)
            own = texts[told : told + (stop - place) * _TEXTS]
            yield AcceptedRun(
                first + place,
                own[0::_TEXTS],
                own[1::_TEXTS],
                lines[place:stop],
                own[2::_TEXTS],
                own[3::_TEXTS],
                starts[place:stop],
                ends[place:stop],
                [self._ended[number] for number in kept[place:stop]],
            )
            place, told = stop, told + len(own)

    def _batches(self) -> Iterator[tuple[int, array[int]]]:
        """Yield the numbers of the claims by batches, with the ordinal of the first."""
        for at in range(0, len(self) * _WIDTH, _BATCH * _WIDTH):
            yield at // _WIDTH + 1, self._read(at, _BATCH * _WIDTH)

    def _read(self, at: int, count: int) -> array[int]:
        self._flush()
        size = self._numbers.itemsize
        self._number_file.seek(at * size)
        return array("q", self._number_file.read(count * size))

    def _read_texts(self, at: int, size: int) -> list[str]:
        self._text_file.seek(at)
        return self._text_file.read(size).decode("latin-1").split("\n")

    def _flush_batch(self) -> None:
        if len(self._numbers) >= _BATCH * _WIDTH:
            self._flush()

    def _flush(self) -> None:
        if not self._numbers:
            return
        self._number_file.seek(0, SEEK_END)
        self._number_file.write(self._numbers.tobytes())
        # Regular text has no line ends in its elements.
        text = "\n".join(self._texts).encode("latin-1")
        self._text_file.seek(0, SEEK_END)
        self._text_file.write(text)
        self._text_sizes.append(len(text))
        del self._numbers[:]
        self._texts.clear()

    def close(self) -> None:
        """Remove the files."""
        self._number_file.close()
        self._text_file.close()
        self._sets.close()


def _extent(numbers: Sequence[int], loop: str) -> Extent | None:
    start, end, first = numbers
    return None if start < 0 else (start, end, first, loop)


def _spool(owner: object) -> tempfile.SpooledTemporaryFile[bytes]:
    """Return a temporary file that is in memory while it is small; it is closed with its owner at the latest."""
    file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - its owner closes it
    weakref.finalize(owner, file.close)
    return file


class _Numbered(Generic[T]):
    """Things of which there are few, each with a number."""

    def __init__(self) -> None:
        self._things: list[T] = []
        self._numbers: dict[T, int] = {}

    def __len__(self) -> int:
        return len(self._things)

    def __contains__(self, thing: object) -> bool:
        return thing in self._numbers

    def __getitem__(self, number: int) -> T:
        return self._things[number]

    def number_of(self, thing: T) -> int:
        """Return the number of a thing, a new one where it is new."""
        number = self._numbers.get(thing)
        if number is None:
            number = self._numbers[thing] = len(self._things)
            self._things.append(thing)
        return number


class _Sets:
    """The transaction sets of a file with their delimiters, on disk; memory holds where each is."""

    def __init__(self) -> None:
        self._places = array("q")
        self._last: tuple[int, TransactionSet, Delimiters] | None = None
        self._file = _spool(self)

    def number_of(self, transaction: TransactionSet, delimiters: Delimiters) -> int:
        """Return the number of the set that the latest claim belongs to, and note a set that is new."""
        if self._last is None or self._last[1] is not transaction:
            self._places.append(self._file.seek(0, SEEK_END))
            text = json.dumps((attrs.astuple(transaction), attrs.astuple(delimiters)))
            self._file.write(f"{text}\n".encode("ascii"))
            self._last = (len(self._places) - 1, transaction, delimiters)
        return self._last[0]

    def read(self, number: int) -> tuple[TransactionSet, Delimiters]:
        """Return a set again.  The claims of a set follow one another, so that the last one is kept."""
        if self._last is None or self._last[0] != number:
            self._file.seek(self._places[number])
            transaction, delimiters = json.loads(self._file.readline())
            self._last = (number, _transaction_set(transaction), Delimiters(*delimiters))
        return self._last[1:]

    def close(self) -> None:
        """Remove the file."""
        self._file.close()


def _transaction_set(values: Sequence[object]) -> TransactionSet:
    return TransactionSet(*(tuple(value) if isinstance(value, list) else value for value in values))  # type: ignore[arg-type]
