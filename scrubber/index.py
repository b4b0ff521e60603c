"""Which claims of a file are one patient's: a compact index on disk, so that memory does not grow with the file."""

from __future__ import annotations

import marshal
import os
import sqlite3
import weakref
from collections.abc import Iterator
from hashlib import blake2b

from scrubber.model import TransactionSet
from scrubber.parser import ClaimPlace, RawClaim, patient_key_of, place_of
from scrubber.x12 import Delimiters

__all__ = ["PatientIndex"]

_BATCH = 2_000


class PatientIndex:
    """Collects the places of all claims of a file; afterwards gives those that share a patient with other claims.

    Its rows lie in a private temporary database of SQLite, which keeps little of it in memory; in Python it holds one
    entry a transaction set.  Patients are told apart by a keyed digest, so the database holds nothing about them.
    """

    def __init__(self) -> None:
        self._database = sqlite3.connect("")
        weakref.finalize(self, self._database.close)
        self._database.execute("PRAGMA cache_size = -512")  # in KB: what is kept must not grow with the file
        self._database.execute("CREATE TABLE claims (ordinal INTEGER PRIMARY KEY, patient, hot, place)")
        self._secret = os.urandom(16)
        self._rows: list[tuple[int, bytes, bool, bytes]] = []
        self._sets: list[tuple[TransactionSet, Delimiters]] = []
        self._shared: Iterator[tuple[int, bytes]] = iter(())
        self._next: tuple[int, bytes] | None = None

    def add(self, raw: RawClaim, *, hot: bool) -> None:
        """Note a claim; `hot` says that an edit about some procedures may look at it."""
        if not self._sets or self._sets[-1][0] is not raw.transaction:
            self._sets.append((raw.transaction, raw.delimiters))
        place = place_of(raw)
        packed = marshal.dumps((place.levels, place.claim, place.complete, len(self._sets) - 1))
        key = "\0".join(patient_key_of(raw)).encode()
        self._rows.append((raw.ordinal, blake2b(key, digest_size=16, key=self._secret).digest(), hot, packed))
        if len(self._rows) >= _BATCH:
            self._flush()

    def finish(self) -> None:
        """Find the patients that have several claims, at least one of them hot; the others need no company."""
        self._flush()
        self._database.executescript(
            """
            CREATE TABLE shared AS SELECT ordinal, patient, place FROM claims WHERE patient IN
                (SELECT patient FROM claims GROUP BY patient HAVING COUNT(*) > 1 AND MAX(hot)) ORDER BY ordinal;
            DROP TABLE claims;
            CREATE INDEX by_patient ON shared (patient, ordinal);
            """
        )
        self._shared = self._database.execute("SELECT ordinal, patient FROM shared ORDER BY rowid")
        self._next = next(self._shared, None)

    def companions(self, ordinal: int) -> list[ClaimPlace]:
        """Give the places of all claims of the patient of claim `ordinal`, its own included.

        Empty where it needs none.  To be asked for the claims of the file in their order.
        """
        while self._next is not None and self._next[0] < ordinal:
            self._next = next(self._shared, None)
        if self._next is None or self._next[0] != ordinal:
            return []
        rows = self._database.execute(
            "SELECT ordinal, place FROM shared WHERE patient = ? ORDER BY ordinal", (self._next[1],)
        )
        return [self._place(found, packed) for found, packed in rows]

    def close(self) -> None:
        """Remove the database."""
        self._database.close()

    def _flush(self) -> None:
        self._database.executemany("INSERT INTO claims VALUES (?, ?, ?, ?)", self._rows)
        self._rows.clear()

    def _place(self, ordinal: int, packed: bytes) -> ClaimPlace:
        levels, claim, complete, number = marshal.loads(packed)  # noqa: S302 - written by ourselves, just now
        transaction, delimiters = self._sets[number]
        return ClaimPlace(ordinal, delimiters, levels, claim, transaction, complete)
