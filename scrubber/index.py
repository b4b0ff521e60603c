"""Which claims of a file are one patient's: a compact index on disk, so that memory does not grow with the file."""

from __future__ import annotations

import os
import sqlite3
import weakref
from collections.abc import Iterator
from hashlib import blake2b

__all__ = ["PatientIndex"]

_BATCH = 2_000


class PatientIndex:
    """Collects the packed places of all claims of a file; afterwards gives those that share a patient with others.

    Its rows lie in a private temporary database of SQLite, which keeps little of it in memory.  Patients are told apart
    by a keyed digest, so the database holds nothing about them.
    """

    def __init__(self) -> None:
        self._database = sqlite3.connect("")
        weakref.finalize(self, self._database.close)
        self._database.execute("PRAGMA cache_size = -512")  # in KB: what is kept must not grow with the file
        self._database.execute("CREATE TABLE claims (ordinal INTEGER PRIMARY KEY, patient, hot, place)")
        self._secret = os.urandom(16)
        self._rows: list[tuple[int, bytes, bool, bytes]] = []
        self._shared: Iterator[tuple[int, bytes]] = iter(())
        self._next: tuple[int, bytes] | None = None

    def add(self, ordinal: int, patient: tuple[str, ...], place: bytes, *, hot: bool) -> None:
        """Note a claim of a patient; `hot` says that an edit about some procedures may look at it."""
        digest = blake2b("\0".join(patient).encode(), digest_size=16, key=self._secret).digest()
        self._rows.append((ordinal, digest, hot, place))
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

    def companions(self, ordinal: int) -> list[bytes]:
        """Give the places of all claims of the patient of claim `ordinal`, its own included.

        Empty where it needs none.  To be asked for the claims of the file in their order.
        """
        while self._next is not None and self._next[0] < ordinal:
            self._next = next(self._shared, None)
        if self._next is None or self._next[0] != ordinal:
            return []
        rows = self._database.execute("SELECT place FROM shared WHERE patient = ? ORDER BY ordinal", (self._next[1],))
        return [place for (place,) in rows]

    def close(self) -> None:
        """Remove the database."""
        self._database.close()

    def _flush(self) -> None:
        self._database.executemany("INSERT INTO claims VALUES (?, ?, ?, ?)", self._rows)
        self._rows.clear()
