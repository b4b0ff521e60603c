"""Which claims of a file are one patient's: a keyed hash of eight bytes for each claim, and nothing else about it."""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import groupby

__all__ = ["PatientIndex", "several"]

_SIEVE = 1 << 23
_MASK = (_SIEVE >> 3) - 1
_MAX_COMPANIONS = 1_000
"""Claims of one patient that are judged together; more of them are no patient's but those of a dummy identifier."""


class PatientIndex:
    """Knows the patients of whose claims at least one is looked at by an edit over encounters.

    Claims are `add`ed in file order, and then `find` finds those of each such patient that has several.  Patients are
    told apart by hashes with a key of this run: two that share one by chance are for the engine to tell apart.
    """

    def __init__(self) -> None:
        self._secret = os.urandom(16)
        self._hashes = array("q")  # the last bit of each says whether an edit over encounters looks at the claim
        self._shared = array("Q")  # ordinals of the claims that have company, by hash and in file order
        self.ordinals = array("Q")
        """The ordinals of the claims that have company, in file order."""

    def add(self, patient: tuple[str, ...], *, concerned: bool) -> int:
        """Take the next claim, and return the hash of its patient."""
        found = hash((self._secret, patient))
        self._hashes.append(found | 1 if concerned else found & ~1)
        return found

    def find(self) -> None:
        """Find the patients that have several claims, at least one of them looked at; the others need no company."""
        hashes = self._hashes
        concerned, again = bytearray(_SIEVE >> 3), self._seen_again()
        for found in hashes:
            if found & 1:
                concerned[found >> 4 & _MASK] |= 2 << (found & 6)
        near = [
            place
            for place, found in enumerate(hashes)
            if concerned[found >> 4 & _MASK] & again[found >> 4 & _MASK] & 2 << (found & 6)
        ]
        for group in several(near, [hashes[place] >> 1 for place in near]):
            if any(hashes[place] & 1 for place in group):
                self._shared.extend(place + 1 for place in group)
        self.ordinals = array("Q", sorted(self._shared))

    def _seen_again(self) -> bytearray:
        """Return a sieve of the patients that may have several claims, so that few claims have to be sorted."""
        once, again = bytearray(_SIEVE >> 3), bytearray(_SIEVE >> 3)
        for found in self._hashes:
            place, bit = found >> 4 & _MASK, 2 << (found & 6)
            if once[place] & bit:
                again[place] |= bit
            else:
                once[place] |= bit
        return again

    def companions(self, ordinal: int) -> list[int] | None:
        """Return the ordinals of all claims of the patient of claim `ordinal`, its own included.

        Empty where it needs none, None where there are too many.
        """
        own = bisect_left(self.ordinals, ordinal)
        if own == len(self.ordinals) or self.ordinals[own] != ordinal:
            return []
        wanted = self._hash_of(ordinal)
        start = bisect_left(self._shared, wanted, key=self._hash_of)
        end = bisect_left(self._shared, wanted + 1, lo=start, key=self._hash_of)
        return list(self._shared[start:end]) if end - start <= _MAX_COMPANIONS else None

    def _hash_of(self, ordinal: int) -> int:
        return self._hashes[ordinal - 1] >> 1


def several(places: Iterable[int], hashes: list[int]) -> Iterator[list[int]]:
    """Yield the places, in order, in groups of those with the same hash, of which there are at least two.

    The groups are in the order of their hashes.
    """
    pairs = sorted(zip(hashes, places, strict=True))
    for _, group in groupby(pairs, key=lambda pair: pair[0]):
        found = [place for _, place in group]
        if found[1:]:
            yield found
