"""What the first pass over a file found out about its claims, for the second, on disk when it is much."""

from __future__ import annotations

import marshal
import tempfile
import weakref
from array import array
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from functools import lru_cache
from os import SEEK_END
from typing import Any

import attrs
from attrs import define

from scrubber.claims.builder import ClaimPlace
from scrubber.claims.columns import ClaimRow
from scrubber.claims.raw_claim import RawClaim
from scrubber.findings.code_form import CodeForm
from scrubber.findings.report import ClaimReport, EndedTable
from scrubber.x12.segment import Delimiters
from scrubber.x12.transaction_set import TransactionSet

__all__ = ["ClaimRecord", "Packed", "SurveyLog"]

_BATCH = 1_000
_IN_MEMORY = 1 << 20
_LENGTH = 8  # bytes that hold the length of a batch
_NOTHING = Decimal("0.00")
# The claims of a file share few of them.
_shown_npi = lru_cache(maxsize=4096)(CodeForm.NPI.shown)
_shown_payer = lru_cache(maxsize=4096)(CodeForm.PAYER.shown)

Packed = tuple[int, Any, tuple[int, int, int], bool, int]
"""A `ClaimPlace` whose transaction set and delimiters are the number of an entry of the log."""

_Entry = tuple[Packed, bytes, bool, int, tuple[str, str, int, str, str, tuple[Any, ...]] | None, tuple[str, ...] | None]
# Place, digest of the patient, whether the claim is candidate, fingerprint, the verdict, and the edits that may fire.


@define(eq=False)
class ClaimRecord:
    """What is known about a claim: where it begins and ends, and its place packed, or the verdict if it is accepted.

    `may_fire` are the edits that may find something on it where it is judged without others, None for all.  `raw` is
    the claim itself where the file is read once more.
    """

    ordinal: int
    start: int
    end: int
    place: Packed
    accepted: ClaimReport | None = None
    may_fire: tuple[str, ...] | None = None
    raw: RawClaim | None = None


class SurveyLog:
    """Takes the notes on all claims of a file, in their order, and gives them back in it.

    In memory it holds eight bytes a transaction set.  Of a claim that is accepted its file holds what the report says.
    """

    def __init__(self) -> None:
        self._sets = _Sets()
        self._batch: list[_Entry] = []
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed with the log
        weakref.finalize(self, self._file.close)

    def open(
        self,
        place: Packed,
        patient: bytes,
        *,
        candidate: bool,
        fingerprint: int = 0,
        may_fire: Iterable[str] | None = None,
    ) -> None:
        """Note a claim that has to be judged, of the patient with that digest; `RepeatIndex` has its `fingerprint`.

        `may_fire` are the edits that may find something on it where it is judged without others, None for all.
        """
        codes = None if may_fire is None else tuple(may_fire)
        self._add((place, patient, candidate, fingerprint, None, codes))

    def accept(
        self,
        place: Packed,
        patient: bytes,
        row: ClaimRow,
        ended: Iterable[EndedTable] = (),
        *,
        candidate: bool,
        fingerprint: int = 0,
    ) -> None:
        """Note a claim that is accepted unopened, unless it has to be judged with others of the patient, or repeats.

        `ended` are the tables that it was judged by after their latest edition.
        """
        payer, npi = _shown_payer(row.payer_id), _shown_npi(row.billing_provider.npi)
        used = tuple([(each.code, each.title, *(day.toordinal() for day in _days_of(each))) for each in ended])
        verdict = (row.control_number, row.charge, len(row.procedures), payer, npi, used)
        self._add((place, patient, candidate, fingerprint, verdict, None))

    def patients(self) -> Iterator[tuple[bytes, bool, int, Packed]]:
        """Yield the digest of the patient of each claim, whether it is candidate, fingerprint and place, in order."""
        return (
            (patient, candidate, fingerprint, place) for place, patient, candidate, fingerprint, _, _ in self._entries()
        )

    def place(self, packed: Packed, *, alone: bool) -> ClaimPlace:
        """Return a place again, with what `ClaimPlace` says of `alone`."""
        ordinal, levels, claim, complete, number = packed
        transaction, delimiters = self._sets.read(number)
        return ClaimPlace(ordinal, delimiters, levels, claim, transaction, complete, alone)

    def close(self) -> None:
        """Remove the file."""
        self._file.close()
        self._sets.close()

    def __iter__(self) -> Iterator[ClaimRecord]:
        for place, _, _, _, verdict, may_fire in self._entries():
            ordinal, _, (start, end, _), *_ = place
            accepted = None
            if verdict is not None:
                number, charge, lines, payer, npi, used = verdict
                ended = tuple([EndedTable(*each[:2], *map(date.fromordinal, each[2:])) for each in used])
                accepted = ClaimReport(
                    number, ordinal, Decimal(charge), lines, payer, npi, _NOTHING, 0, ended_tables=ended
                )
            yield ClaimRecord(ordinal, start, end, place, accepted, may_fire)

    def _entries(self) -> Iterator[_Entry]:
        self._flush()
        self._file.seek(0)
        while length := self._file.read(_LENGTH):
            yield from marshal.loads(self._file.read(int.from_bytes(length)))  # noqa: S302 - written by ourselves

    def pack(self, place: ClaimPlace) -> Packed:
        """Return a place with the number of its transaction set, which is noted."""
        number = self._sets.number_of(place.transaction, place.delimiters)
        return (place.ordinal, place.levels, place.claim, place.complete, number)

    def pack_row(self, row: ClaimRow) -> Packed:
        """Return the place of a row, as `pack` does."""
        return (row.ordinal, row.levels, row.extent, True, self._sets.number_of(row.transaction, row.delimiters))

    def _add(self, entry: _Entry) -> None:
        self._batch.append(entry)
        if len(self._batch) >= _BATCH:
            self._flush()

    def _flush(self) -> None:
        if not self._batch:
            return
        data = marshal.dumps(self._batch)
        self._file.write(len(data).to_bytes(_LENGTH))
        self._file.write(data)
        self._batch.clear()


class _Sets:
    """The transaction sets of a file with their delimiters, on disk; memory holds where each is."""

    def __init__(self) -> None:
        self._places = array("q")
        self._last: tuple[int, TransactionSet, Delimiters] | None = None
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed with the log
        weakref.finalize(self, self._file.close)

    def number_of(self, transaction: TransactionSet, delimiters: Delimiters) -> int:
        """Return the number of the set that the latest claim belongs to, and note a set that is new."""
        if self._last is None or self._last[1] is not transaction:
            self._places.append(self._file.seek(0, SEEK_END))
            marshal.dump((attrs.astuple(transaction), attrs.astuple(delimiters)), self._file)
            self._last = (len(self._places) - 1, transaction, delimiters)
        return self._last[0]

    def read(self, number: int) -> tuple[TransactionSet, Delimiters]:
        """Return a set again.  The claims of a set follow one another, so that the last one is kept."""
        if self._last is None or self._last[0] != number:
            self._file.seek(self._places[number])
            transaction, delimiters = marshal.load(self._file)  # noqa: S302 - written by ourselves
            self._last = (number, TransactionSet(*transaction), Delimiters(*delimiters))
        return self._last[1:]

    def close(self) -> None:
        """Remove the file."""
        self._file.close()


def _days_of(table: EndedTable) -> tuple[date, date, date]:
    return (table.last_day, table.first_used, table.last_used)
