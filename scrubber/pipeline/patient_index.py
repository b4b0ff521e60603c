"""Which claims of a file are one patient's: a compact index on disk, so that memory does not grow with the file."""

from __future__ import annotations

import marshal
import os
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from itertools import islice

from scrubber.io.database import on_disk, private_database
from scrubber.pipeline.survey_log import Packed

__all__ = [
    "PatientIndex",
]

_BATCH = 2_000
_SIEVE = 1 << 23
_MAX_COMPANIONS = 1_000
"""Claims of one patient that are judged together; more of them are no patient's but those of a dummy identifier."""


class PatientIndex:
    """Knows the patients that have a candidate claim, one that an edit about some procedures may look at.

    Given all claims of a file afterwards, it finds those of each such patient that has several.  Its rows lie in a
    private temporary database of SQLite, which keeps little of it in memory.  Patients are told apart by a keyed
    digest, so the database holds nothing about them.  Most patients of a large file have no candidate claim: a sieve of
    a bit for every so many digests keeps their claims out of the database.
    """

    def __init__(self) -> None:
        self._database = private_database(self)
        self._secret = os.urandom(16)
        self._sieve = bytearray(_SIEVE // 8)
        self._shared: Iterator[tuple[int, bytes, int]] = iter(())
        self._next: tuple[int, bytes, int] | None = None

    def digest(self, patient: tuple[str, ...], *, candidate: bool) -> bytes:
        """Return the digest of the patient of a claim, and remember the patient of a candidate one."""
        found = blake2b("\0".join(patient).encode(), digest_size=16, key=self._secret).digest()
        if candidate:
            place = int.from_bytes(found[:4]) % _SIEVE
            self._sieve[place >> 3] |= 1 << (place & 7)
        return found

    def find(self, claims: Iterable[tuple[bytes, bool, Packed]]) -> None:
        """Find the patients that have several claims, at least one of them candidate; the others need no company.

        `claims` are all of the file: the digest of the patient, whether the claim is candidate, and its place.
        Raises OSError, as when the disk is full.
        """
        with on_disk():
            self._database.execute("CREATE TABLE claims (ordinal INTEGER PRIMARY KEY, patient, candidate, place)")
            rows = (
                (place[0], patient, candidate, marshal.dumps(place))
                for patient, candidate, place in claims
                if self._may_be_candidate(patient)
            )
            while batch := list(islice(rows, _BATCH)):
                self._database.executemany("INSERT INTO claims VALUES (?, ?, ?, ?)", batch)
            self._database.executescript(
                """
                CREATE TABLE several AS
                    SELECT patient, COUNT(*) AS claims FROM claims GROUP BY patient
                    HAVING COUNT(*) > 1 AND MAX(candidate);
                CREATE TABLE shared AS SELECT ordinal, patient, place, claims.claims FROM
                    (SELECT claims.*, several.claims FROM claims JOIN several USING (patient)) AS claims
                    ORDER BY ordinal;
                DROP TABLE claims;
                CREATE INDEX by_patient ON shared (patient, ordinal);
                """
            )
            self._shared = self._database.execute("SELECT ordinal, patient, claims FROM shared ORDER BY rowid")
            self._next = next(self._shared, None)

    def companions(self, ordinal: int) -> list[Packed] | None:
        """Return the places of all claims of the patient of claim `ordinal`, its own included.

        Empty where it needs none, None where there are too many.  To be asked for the claims of the file in order.
        Raises OSError.
        """
        with on_disk():
            while self._next is not None and self._next[0] < ordinal:
                self._next = next(self._shared, None)
            if self._next is None or self._next[0] != ordinal:
                return []
            if self._next[2] > _MAX_COMPANIONS:
                return None
            rows = self._database.execute(
                "SELECT place FROM shared WHERE patient = ? ORDER BY ordinal", (self._next[1],)
            )
            return [marshal.loads(place) for (place,) in rows]  # noqa: S302 - written by ourselves, just now

    def close(self) -> None:
        """Remove the database."""
        self._database.close()

    def _may_be_candidate(self, patient: bytes) -> bool:
        place = int.from_bytes(patient[:4]) % _SIEVE
        return bool(self._sieve[place >> 3] & 1 << (place & 7))
