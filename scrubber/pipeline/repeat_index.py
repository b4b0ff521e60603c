"""Which claims of a file repeat earlier ones: a keyed hash of eight bytes for each claim."""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence

from scrubber.claims.columns import ClaimRow
from scrubber.claims.model import Claim
from scrubber.claims.repeats import Repeat, content_of, number_of
from scrubber.pipeline.patient_index import again, several

__all__ = ["RepeatIndex"]

_OTHER = 0
"""The fingerprint of a claim that cannot be repeated."""


def _fingerprint(patient: int, codes: Sequence[str], days: Iterable[str]) -> int:
    return hash((patient, len(codes), min(codes), min(days))) or 1


class RepeatIndex:
    """Finds the claims that repeat others, wherever in the file these are.

    Claims are added in file order, each with a fingerprint, which is equal for claims that may repeat one another: of
    one patient, with as many lines, the same first code and the same first day.  Only the claims that share one with
    another are opened (`find`) and compared by all that makes a repeat (see `content_of`), as keyed hashes.
    """

    def __init__(self) -> None:
        self._secret = os.urandom(16)
        self._fingerprints = array("q")
        self.ordinals = array("Q")
        """The ordinals of the claims that repeat others, in file order."""
        self._first, self._own = array("Q"), array("Q")  # what each repeats, and the first of its number

    def add_row(self, patient: int, row: ClaimRow) -> int:
        """Take the next claim, of the patient with that hash, and return its fingerprint."""
        found = _fingerprint(patient, row.procedures, row.days)
        self._fingerprints.append(found)
        return found

    def add(self, patient: int, claim: Claim | None) -> int:
        """Take the next claim, which has no row, and return the fingerprint of the rows of which one may repeat it.

        None stands for one that is no original or was not read to its end, which cannot be repeated.
        """
        found = _OTHER
        if claim is not None and content_of(claim) is not None:
            days = (line.service_dates for line in claim.lines if line.service_dates is not None)
            texts = (f"{each.first:%Y%m%d}" if each.days == 1 else str(each) for each in days)
            found = _fingerprint(patient, [line.procedure for line in claim.lines], texts)
        self._fingerprints.append(found)
        return found

    def find(self, places: Sequence[int], open_claim: Callable[[int], Claim]) -> None:
        """Compare the claims at these places, those of patients with several, that share a fingerprint.

        Each is opened by `open_claim`, which is given its ordinal.
        """
        fingerprints = self._fingerprints
        near = again(places, fingerprints)
        groups = several(near, [fingerprints[place] for place in near])
        opened = sorted(place for group in groups for place in group if fingerprints[place] != _OTHER)
        ordinals, contents, numbers = array("Q"), array("q"), array("q")
        for place in opened:
            claim = open_claim(place + 1)
            content, number = content_of(claim), number_of(claim)
            if content is not None:
                ordinals.append(place + 1)
                contents.append(hash((self._secret, content)))
                numbers.append(hash((self._secret, content, number)) if number else 0)
        self._take_repeats(ordinals, contents, numbers)

    def _take_repeats(self, ordinals: array[int], contents: array[int], numbers: array[int]) -> None:
        first: dict[int, int] = {}
        own: dict[int, int] = {}
        for ordinal, content, number in zip(ordinals, contents, numbers, strict=True):
            earlier = first.setdefault(content, ordinal)
            same = own.setdefault(number, ordinal) if number else 0
            if earlier != ordinal:
                self.ordinals.append(ordinal)
                self._first.append(earlier)
                self._own.append(same)

    def repeat_of(self, ordinal: int) -> Repeat | None:
        """Return what claim `ordinal` repeats, None where it repeats none."""
        at = bisect_left(self.ordinals, ordinal)
        if at == len(self.ordinals) or self.ordinals[at] != ordinal:
            return None
        own = self._own[at]
        is_own = 0 < own < ordinal
        return Repeat(ordinal, own if is_own else self._first[at], is_own)
