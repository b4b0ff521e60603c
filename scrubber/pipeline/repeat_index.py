"""Which claims of a file repeat earlier ones: a compact index on disk, so that memory does not grow with the file."""

from __future__ import annotations

import marshal
import os
from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from itertools import islice

from scrubber.claims.columns import ClaimRow
from scrubber.claims.model import Claim
from scrubber.claims.repeats import Repeat, content_of, number_of
from scrubber.io.database import on_disk, private_database
from scrubber.pipeline.survey_log import Packed

__all__ = ["RepeatIndex"]

_BATCH = 2_000
_SIEVE = 1 << 24
_WORD = (1 << 63) - 1
_OTHER = 0
"""The fingerprint of a claim that cannot be repeated."""


class RepeatIndex:
    """Finds the claims that repeat others, wherever in the file these are.

    In a first pass `fingerprint` and `fingerprint_row` give each claim a number, equal for claims of one patient with
    the same codes and dates; two sieves of a bit for every so many numbers tell which of them come again.  Only the
    claims with such a fingerprint are candidates (`consider`), and only those that share it with another are opened
    (`find`) and compared by all that makes a repeat (see `content_of`), as a keyed digest in a private temporary
    database.
    """

    def __init__(self) -> None:
        self._database = private_database(self)
        self._secret = os.urandom(16)
        self._once, self._again = bytearray(_SIEVE // 8), bytearray(_SIEVE // 8)
        self._candidates: list[tuple[int, int, bytes]] = []
        self._repeats: Iterator[tuple[int, int, int | None]] = iter(())
        self._next: tuple[int, int, int | None] | None = None

    def fingerprint_row(self, patient: bytes, row: ClaimRow) -> int:
        """Return the fingerprint of a claim of the patient with that digest, which holds the secret of the run."""
        return self._note(hash((patient, frozenset(row.procedures), frozenset(row.days))))

    def fingerprint(self, patient: bytes, claim: Claim) -> int:
        """Return the fingerprint of a claim without a row: that of the rows of which one may repeat it."""
        if content_of(claim) is None:
            return _OTHER
        days = (line.service_dates for line in claim.lines if line.service_dates is not None)
        texts = (f"{each.first:%Y%m%d}" if each.days == 1 else str(each) for each in days)
        return self._note(hash((patient, frozenset(line.procedure for line in claim.lines), frozenset(texts))))

    def _note(self, fingerprint: int) -> int:
        fingerprint &= _WORD
        place, bit = fingerprint % _SIEVE >> 3, 1 << (fingerprint & 7)
        if self._once[place] & bit:
            self._again[place] |= bit
        else:
            self._once[place] |= bit
        return fingerprint or 1

    def consider(self, fingerprint: int, place: Packed) -> None:
        """Take a claim of the file with its fingerprint, after all have one.  Raises OSError."""
        if fingerprint != _OTHER and self._again[fingerprint % _SIEVE >> 3] & 1 << (fingerprint & 7):
            self._candidates.append((place[0], fingerprint, marshal.dumps(place)))
            if len(self._candidates) >= _BATCH:
                self._flush()

    def find(self, open_claim: Callable[[Packed], Claim]) -> None:
        """Compare the candidates, each opened by `open_claim`.  Raises OSError, as when the disk is full."""
        self._once = self._again = bytearray()  # no claim is marked or considered any more
        self._flush()
        with on_disk():
            self._database.executescript(
                """
                CREATE INDEX by_fingerprint ON candidates (fingerprint);
                CREATE TABLE contents (ordinal INTEGER PRIMARY KEY, content, number);
                """
            )
            places = self._database.execute(
                "SELECT place FROM candidates WHERE fingerprint IN"
                " (SELECT fingerprint FROM candidates GROUP BY fingerprint HAVING COUNT(*) > 1) ORDER BY ordinal"
            )
            rows = self._contents(open_claim(marshal.loads(place)) for (place,) in places)  # noqa: S302 - our own
            while batch := list(islice(rows, _BATCH)):
                self._database.executemany("INSERT INTO contents VALUES (?, ?, ?)", batch)
            self._database.executescript(
                """
                DROP TABLE candidates;
                CREATE TABLE repeats AS SELECT ordinal, first, own FROM (
                    SELECT ordinal, MIN(ordinal) OVER (PARTITION BY content) AS first, CASE WHEN number IS NOT NULL
                      THEN MIN(ordinal) OVER (PARTITION BY content, number) END AS own FROM contents
                ) WHERE ordinal > first ORDER BY ordinal;
                DROP TABLE contents;
                """
            )
            self._repeats = self._database.execute("SELECT ordinal, first, own FROM repeats ORDER BY rowid")
            self._next = next(self._repeats, None)

    def repeat_of(self, ordinal: int) -> Repeat | None:
        """Return what claim `ordinal` repeats.  To be asked for claims in the order of the file.  Raises OSError."""
        if self._next is not None and self._next[0] < ordinal:
            with on_disk():
                while self._next is not None and self._next[0] < ordinal:
                    self._next = next(self._repeats, None)
        if self._next is None or self._next[0] != ordinal:
            return None
        _, first, own = self._next
        is_own = own is not None and own < ordinal
        return Repeat(ordinal, own if own is not None and is_own else first, is_own)

    def close(self) -> None:
        """Remove the database."""
        self._database.close()

    def _contents(self, claims: Iterable[Claim]) -> Iterator[tuple[int, bytes, bytes | None]]:
        for claim in claims:
            content, number = content_of(claim), number_of(claim)
            if content is not None:
                yield claim.ordinal, self._digest(content), self._digest(number) if number else None

    def _digest(self, text: str) -> bytes:
        return blake2b(text.encode(), digest_size=16, key=self._secret).digest()

    def _flush(self) -> None:
        with on_disk():
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS candidates (ordinal INTEGER PRIMARY KEY, fingerprint, place)"
            )
            self._database.executemany("INSERT INTO candidates VALUES (?, ?, ?)", self._candidates)
        self._candidates.clear()
