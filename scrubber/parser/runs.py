"""Read many plain claims at once, where a file is made of little else: a claim under its subscriber, and the next.

A run ends in front of anything that is not plainly in order, which the reader then takes as it takes everything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from attrs import define, field, frozen

from scrubber.model import PlainClaim, TransactionSet
from scrubber.parser.claims import ClaimPlace, billing_provider_of, extent_of, key_under, payer_id_of
from scrubber.parser.events import Level
from scrubber.parser.plain import PlainReader, plain_head
from scrubber.parser.segments import Block, line_end_of
from scrubber.x12 import Delimiters

__all__ = ["Glimpse", "PlainRun"]


@frozen(eq=False)
class Glimpse:
    """A plain claim seen in passing: where it stands, whose it is (see `patient_key`), and what it says."""

    place: ClaimPlace
    patient_key: tuple[str, ...] = field(repr=False)
    plain: PlainClaim


@cache
def _pattern(delimiters: Delimiters) -> re.Pattern[str]:
    """Match a plain claim, with its subscriber level in front if it is the first under it.

    The groups are the level, its HL01, HL02, the subscriber's and the payer's NM109, and those of `plain_head`.
    """
    end, mark = re.escape(delimiters.segment), re.escape(delimiters.element)
    line_end = line_end_of(delimiters)
    element, rest = f"[^{end}{mark}]", f"[^{end}]*+{end}{line_end}"
    inside = rf"(?!(?:CLM|HL|ST|SE|GS|GE){mark})"
    of_level = rf"(?!(?:CLM|HL|ST|SE|GS|GE|LX|SV1){mark})"
    up_to_name = rf"(?:{of_level}(?!NM1{mark}(?:IL|PR)){rest})*+"
    identifier = f"{f'{mark}{element}*+' * 7}{mark}({element}++){rest}"
    level = (
        f"HL{mark}({element}*+){mark}({element}*+){mark}22(?=[{end}{mark}]){rest}{up_to_name}NM1{mark}IL{identifier}"
        f"{up_to_name}NM1{mark}PR{identifier}(?:{of_level}{rest})*+"
    )
    return re.compile(f"({level})?+{plain_head(delimiters)}{rest}(?:{inside}{rest})*+", re.ASCII)


@define(eq=False)
class PlainRun:
    """The plain claims from a place of a block on, all of one billing provider.

    Iterate over it for the claims.  `at` and `ordinal` then are the place reached and the ordinal of the segment there,
    `claims` and `levels` the claims of the file and the levels of the transaction set so far.
    """

    block: Block
    at: int
    ordinal: int
    claims: int
    levels: int
    provider: Level
    transaction: TransactionSet
    _under: tuple[tuple[int, int, int, str] | None, ...] = ()  # the subscriber and patient level
    _key: tuple[str, ...] = field(default=(), repr=False)
    _payer_id: str = ""
    _opened: tuple[int, int, int] | None = None  # the last subscriber level: begin and end in the block, and ordinal

    def stand_under(self, subscriber: Level, patient: Level | None) -> None:
        """Begin under levels that stand in front of the run."""
        self._under = (extent_of(subscriber), extent_of(patient) if patient is not None else None)
        self._key = key_under(subscriber, patient)
        self._payer_id = payer_id_of(subscriber)

    def __iter__(self) -> Iterator[Glimpse]:
        block, text, marks = self.block, self.block.text, self.block.delimiters
        match, read = _pattern(marks).match, PlainReader.of(marks).read
        billing_provider, number, above = (
            billing_provider_of(self.provider),
            self.provider.number,
            extent_of(self.provider),
        )
        while found := match(text, self.at):
            level, hl01, hl02, member, payer, *head = found.groups()
            start, stop, ordinal = self.at, found.end(), self.ordinal
            under, key, payer_id, levels = self._under, self._key, self._payer_id, self.levels
            if level is not None:
                start += len(level)
                ordinal += level.count(marks.segment)
                levels += 1
                payer_id = payer.strip()
                key = (payer_id, member.strip().upper())
                under = ((block.offset + self.at, block.offset + start, self.ordinal, "2000B"), None)
                if hl01 != str(levels) or hl02 != number or not key[1]:
                    return
            elif not under:
                return
            plain = read(text, start, stop, head, payer_id, billing_provider)
            if plain is None:
                return
            if level is not None:
                self._opened = (self.at, start, self.ordinal)
            self._under, self._key, self._payer_id, self.levels = under, key, payer_id, levels
            self.at, self.ordinal = stop, ordinal + text.count(marks.segment, start, stop)
            self.claims += 1
            place = (block.offset + start, block.offset + stop, ordinal)
            yield Glimpse(ClaimPlace(self.claims, marks, (above, *under), place, self.transaction), key, plain)

    def last_level(self) -> Level | None:
        """Give the last subscriber level of the run, None if it has none."""
        if self._opened is None:
            return None
        stretch = self.block.stretch(*self._opened)
        return Level(stretch.head, "2000B", stretch)
