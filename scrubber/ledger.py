"""What the first pass over a file found out about its claims, for the second, on disk when it is much."""

from __future__ import annotations

import marshal
import tempfile
import weakref
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from attrs import define

from scrubber.findings import ClaimReport
from scrubber.model import PlainClaim, TransactionSet
from scrubber.parser import ClaimPlace, RawClaim
from scrubber.x12 import Delimiters

__all__ = ["Ledger", "Note", "Places"]

_BATCH = 1_000
_IN_MEMORY = 1 << 20
_LENGTH = 8  # bytes that hold the length of a batch
_NOTHING = Decimal("0.00")


class Places:
    """Packs the places of claims into few bytes; in memory it holds one entry a transaction set."""

    def __init__(self) -> None:
        self._sets: list[tuple[TransactionSet, Delimiters]] = []

    def pack(self, place: ClaimPlace) -> bytes:
        """Pack a place; to be given those of the file in their order."""
        if not self._sets or self._sets[-1][0] is not place.transaction:
            self._sets.append((place.transaction, place.delimiters))
        return marshal.dumps((place.ordinal, place.levels, place.claim, place.complete, len(self._sets) - 1))

    def unpack(self, packed: bytes) -> ClaimPlace:
        """Give the place again."""
        ordinal, levels, claim, complete, number = marshal.loads(packed)  # noqa: S302 - written by ourselves, just now
        transaction, delimiters = self._sets[number]
        return ClaimPlace(ordinal, delimiters, levels, claim, transaction, complete)


@define(eq=False)
class Note:
    """What is known about a claim: where it begins and ends, and its place packed, or the verdict if it is accepted.

    `raw` is the claim itself where the file is read once more.
    """

    ordinal: int
    start: int
    end: int
    place: bytes
    accepted: ClaimReport | None = None
    raw: RawClaim | None = None


class Ledger:
    """Takes the notes on all claims of a file, in their order, and gives them back in it, once."""

    def __init__(self) -> None:
        self._batch: list[tuple[Any, ...]] = []
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed with the ledger
        weakref.finalize(self, self._file.close)

    def open(self, place: ClaimPlace, packed: bytes) -> None:
        """Note a claim that has to be judged."""
        self._add((place.claim[0], place.claim[1], packed))

    def accept(self, place: ClaimPlace, packed: bytes, plain: PlainClaim) -> None:
        """Note a claim that is accepted unopened, unless it has to be judged with others."""
        start, end, _ = place.claim
        npi = plain.billing_provider.npi
        self._add((start, end, packed, plain.control_number, str(plain.charge), plain.lines, plain.payer_id, npi))

    def close(self) -> None:
        """Remove the file."""
        self._file.close()

    def __iter__(self) -> Iterator[Note]:
        self._flush()
        self._file.seek(0)
        ordinal = 0
        while length := self._file.read(_LENGTH):
            for start, end, packed, *verdict in marshal.loads(self._file.read(int.from_bytes(length))):  # noqa: S302
                ordinal += 1
                yield Note(ordinal, start, end, packed, _accepted(ordinal, *verdict) if verdict else None)

    def _add(self, entry: tuple[Any, ...]) -> None:
        self._batch.append(entry)
        if len(self._batch) >= _BATCH:
            self._flush()

    def _flush(self) -> None:
        data = marshal.dumps(self._batch)
        self._file.write(len(data).to_bytes(_LENGTH))
        self._file.write(data)
        self._batch.clear()


def _accepted(ordinal: int, number: str, charge: str, lines: int, payer: str, npi: str) -> ClaimReport:
    return ClaimReport(number, ordinal, Decimal(charge), lines, payer, npi, _NOTHING, 0)
