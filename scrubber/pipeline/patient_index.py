"""Which claims of a file are one patient's: a keyed hash of eight bytes for each claim, and nothing else about it."""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

__all__ = ["PatientIndex", "again", "several"]

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
        self._hashes = array("q")
        self._concerned = bytearray()  # whether an edit over encounters looks at the claim
        self._shared = array("Q")  # ordinals of the claims that have company, by hash and in file order
        self.ordinals = array("Q")
        """The ordinals of the claims that have company, in file order."""

    def add(self, patient: tuple[str, ...], *, concerned: bool) -> int:
        """Take the next claim, and return the hash of its patient."""
        found = hash((self._secret, patient))
        self._hashes.append(found)
        self._concerned.append(concerned)
        return found

    def find(self) -> list[int]:
        """Find the patients that have several claims, at least one of them looked at; the others need no company.

        Returns the places, from 0, of all claims whose patient may have several.
        """
        hashes = self._hashes
        near = again(range(len(hashes)), hashes)
        for group in several(near, [hashes[place] for place in near]):
            if any(self._concerned[place] for place in group):
                self._shared.extend(place + 1 for place in group)
        self.ordinals = array("Q", sorted(self._shared))
        return near

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
        return self._hashes[ordinal - 1]


def again(places: Sequence[int], hashes: Sequence[int]) -> list[int]:
    """Return those of the places whose hash another one may have: all that do, and some by chance.

    Two sieves of a bit for every so many hashes tell, so that few have to be sorted.
    """
    once, twice = bytearray(_SIEVE >> 3), bytearray(_SIEVE >> 3)
    for place in places:
        found = hashes[place]
        at, bit = found >> 3 & _MASK, 1 << (found & 7)
        if once[at] & bit:
            twice[at] |= bit
        else:
            once[at] |= bit
    return [place for place in places if twice[(found := hashes[place]) >> 3 & _MASK] & 1 << (found & 7)]


def several(places: Iterable[int], hashes: list[int]) -> Iterator[list[int]]:
    """Yield the places, in order, in groups of those with the same hash, of which there are at least two.

    The groups are in the order of their hashes.
    """
    pairs = sorted(zip(hashes, places, strict=True))
    for _, group in groupby(pairs, key=lambda pair: pair[0]):
        found = [place for _, place in group]
        if found[1:]:
            yield found
