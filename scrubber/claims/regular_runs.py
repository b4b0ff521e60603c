"""Read many plain claims at once, where a file is made of little else: a claim under its subscriber, and the next.

A run ends in front of anything that is not plainly in order, which the reader then takes as it takes everything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from attrs import define, field, frozen

from scrubber.claims.builder import ClaimPlace, billing_provider_of, extent_of, key_under, payer_id_of
from scrubber.claims.model import PlainClaim
from scrubber.claims.raw_claim import Level
from scrubber.claims.regular import PlainReader, plain_form
from scrubber.x12.lexer import Block, line_end_of
from scrubber.x12.segment import Delimiters, tidy_identifier
from scrubber.x12.transaction_set import TransactionSet

__all__ = ["Glimpse", "PlainRun"]


@frozen(eq=False)
class Glimpse:
    """A plain claim seen in passing: where it is, whose it is (see `patient_key`), and what it says."""

    place: ClaimPlace
    patient_key: tuple[str, ...] = field(repr=False)
    plain: PlainClaim


@cache
def _pattern(delimiters: Delimiters) -> re.Pattern[str]:
    """Match a plain claim, with its subscriber level in front if it is the first under it.

    The groups are the level, its HL01, HL02, the subscriber's and the payer's NM109, and those of `plain_form`.
    """
    end, separator = re.escape(delimiters.segment), re.escape(delimiters.element)
    line_end = line_end_of(delimiters)
    element, rest = f"[^{end}{separator}]", f"[^{end}]*+{end}{line_end}"
    of_level = rf"(?!(?:CLM|HL|ST|SE|GS|GE|LX|SV1){separator})"
    up_to_name = rf"(?:{of_level}(?!NM1{separator}(?:IL|PR)){rest})*+"
    identifier = f"{f'{separator}{element}*+' * 7}{separator}({element}++){rest}"
    level = (
        f"HL{separator}({element}*+){separator}({element}*+){separator}22(?=[{end}{separator}]){rest}{up_to_name}NM1{separator}IL{identifier}"
        f"{up_to_name}NM1{separator}PR{identifier}(?:{of_level}{rest})*+"
    )
    return re.compile(f"({level})?+{plain_form(delimiters)}", re.ASCII)


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
    _under: tuple[tuple[int, int, int, str] | None, ...] = ()  # the provider, subscriber and patient level
    _key: tuple[str, ...] = field(default=(), repr=False)
    _payer_id: str = field(default="", repr=False)
    _opened: tuple[int, int, int] | None = None  # the last subscriber level: begin and end in the block, and ordinal

    def stand_under(self, subscriber: Level, patient: Level | None) -> None:
        """Begin under levels that come before the run."""
        places = [extent_of(level) if level is not None else None for level in (self.provider, subscriber, patient)]
        self._under = tuple(places)
        self._key = key_under(subscriber, patient)
        self._payer_id = payer_id_of(subscriber)

    def __iter__(self) -> Iterator[Glimpse]:
        block, text, delimiters = self.block, self.block.text, self.block.delimiters
        match, read, base, end = (
            _pattern(delimiters).match,
            PlainReader.of(delimiters).read,
            block.offset,
            delimiters.segment,
        )
        provider, number, above = billing_provider_of(self.provider), self.provider.number, extent_of(self.provider)
        claims, levels, at, ordinal = self.claims, self.levels, self.at, self.ordinal
        under, key, payer_id = self._under, self._key, self._payer_id
        while found := match(text, at):
            level, hl01, hl02, member, payer, *form = found.groups()
            start, stop, first = at, found.end(), ordinal
            if level is not None:
                payer_id = payer.strip()
                key = (tidy_identifier(payer), tidy_identifier(member))
                if hl01 != str(levels + 1) or hl02 != number or not all(key):
                    break
                start += len(level)
                first += level.count(end)
                under = (above, (base + at, base + start, ordinal, "2000B"), None)
            elif not under:
                break
            plain = read(text, start, stop, form, payer_id, provider)
            if plain is None:
                break
            if level is not None:
                self._opened = (at, start, ordinal)
                levels += 1
            claims += 1
            ordinal = first + text.count(end, start, stop)
            at = stop
            place = ClaimPlace(claims, delimiters, under, (base + start, base + stop, first), self.transaction)
            yield Glimpse(place, key, plain)
        self.claims, self.levels, self.at, self.ordinal = claims, levels, at, ordinal

    def last_level(self) -> Level | None:
        """Return the last subscriber level of the run, None if it has none."""
        if self._opened is None:
            return None
        stretch = self.block.stretch(*self._opened)
        return Level(stretch.head, "2000B", stretch)
