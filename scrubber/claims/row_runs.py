"""Read many regular claims at once, where a file is made of little else: a claim under its levels, and the next.

A run ends in front of anything that is not plainly in order, which the reader then takes as it takes everything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from attrs import define, field

from scrubber.claims.builder import billing_provider_of, extent_of, key_under, payer_id_of
from scrubber.claims.columns import NO_LEVEL, ClaimRow
from scrubber.claims.raw_claim import Level
from scrubber.claims.row_patterns import RowPatterns, row_pattern
from scrubber.x12.lexer import Block, line_end_of
from scrubber.x12.segment import Delimiters, tidy_identifier
from scrubber.x12.transaction_set import TransactionSet

__all__ = ["RowRun"]


_OF_LEVELS = 8  # groups of `_pattern`


@cache
def _pattern(delimiters: Delimiters) -> re.Pattern[str]:
    """Match a claim that can be a row, with the levels in front of it if it is the first under them.

    The groups are the subscriber level, its HL01, HL02, the subscriber's and the payer's NM109, the patient level, its
    HL01 and HL02, and those of `row_pattern`.
    """
    end, separator = re.escape(delimiters.segment), re.escape(delimiters.element)
    line_end = line_end_of(delimiters)
    element, rest = f"[^{end}{separator}]", f"[^{end}]*+{end}{line_end}"
    of_level = rf"(?!(?:CLM|HL|ST|SE|GS|GE|LX|SV1){separator})"
    up_to_name = rf"(?:{of_level}(?!NM1{separator}(?:IL|PR)){rest})*+"
    identifier = f"{f'{separator}{element}*+' * 7}{separator}({element}++){rest}"
    head = f"HL{separator}({element}*+){separator}({element}*+){separator}"
    behind = f"(?=[{end}{separator}]){rest}"
    subscriber = (
        f"{head}22{behind}{up_to_name}NM1{separator}IL{identifier}"
        f"{up_to_name}NM1{separator}PR{identifier}(?:{of_level}{rest})*+"
    )
    patient = f"{head}23{behind}(?:{of_level}{rest})*+"
    return re.compile(f"({subscriber})?+({patient})?+{row_pattern(delimiters)}", re.ASCII)


_Opened = tuple[str, int, int, int]
"""A level of a run: its loop, begin and end in the block, and the ordinal of its first segment."""


@define(eq=False)
class RowRun:
    """The rows from a place of a block on, all of one billing provider.

    Iterate over it for the rows.  `at` and `ordinal` then are the place reached and the ordinal of the segment there,
    `claims` and `levels` the claims of the file and the levels of the transaction set so far.
    """

    block: Block
    at: int
    ordinal: int
    claims: int
    levels: int
    provider: Level
    transaction: TransactionSet
    _under: tuple[int, ...] = ()  # the levels above, as in `Where`
    _key: tuple[str, ...] = field(default=(), repr=False)
    _payer_id: str = field(default="", repr=False)
    _subscriber: str = field(default="", repr=False)  # HL01 of the last subscriber level
    _opened: list[_Opened] = field(factory=lambda: [])

    def stand_under(self, subscriber: Level, patient: Level | None) -> None:
        """Begin under levels that come before the run."""
        own = [NO_LEVEL if level is None else extent_of(level)[:3] for level in (self.provider, subscriber, patient)]
        self._under = tuple([number for numbers in own for number in numbers])
        self._key = key_under(subscriber, patient)
        self._payer_id = payer_id_of(subscriber)
        self._subscriber = subscriber.number

    def __iter__(self) -> Iterator[ClaimRow]:
        block, text, delimiters = self.block, self.block.text, self.block.delimiters
        match, patterns, base = _pattern(delimiters).match, RowPatterns.of(delimiters), block.offset
        provider, number, above = billing_provider_of(self.provider), self.provider.number, extent_of(self.provider)[:3]
        count, end = text.count, delimiters.segment
        claims, levels, at, ordinal = self.claims, self.levels, self.at, self.ordinal
        under, key, payer_id, enclosing = self._under, self._key, self._payer_id, self._subscriber
        while found := match(text, at):
            groups = found.groups()
            subscriber, hl01, hl02, member, payer, patient, own_hl01, own_hl02 = groups[:_OF_LEVELS]
            start, first = at, ordinal
            opened: list[_Opened] = []
            if subscriber is not None:
                payer_id, enclosing = payer.strip(), hl01
                key = (tidy_identifier(payer), tidy_identifier(member))
                if hl01 != str(levels + 1) or hl02 != number or not all(key):
                    break
                start += len(subscriber)
                under = (*above, base + at, base + start, ordinal, *NO_LEVEL)
                opened.append(("2000B", at, start, ordinal))
                first += count(end, at, start)
            elif not under:
                break
            if patient is not None:
                if own_hl01 != str(levels + 1 + len(opened)) or own_hl02 != enclosing or not _names_member(key):
                    break
                begin, start = start, start + len(patient)
                under = (*under[:6], base + begin, base + start, first)
                opened.append(("2000C", begin, start, first))
                first += count(end, begin, start)
            stop = found.end()
            where = (claims + 1, under, (base + start, base + stop, first), self.transaction)
            if opened:
                kept = [] if subscriber is not None else [level for level in self._opened if level[0] == "2000B"]
                self._opened = [*kept, *opened]
                levels += len(opened)
            claims += 1
            ordinal = first + count(end, start, stop)
            at = stop
            yield ClaimRow(patterns, text, (start, stop), groups[_OF_LEVELS:], (payer_id, provider), where, key)
        self.claims, self.levels, self.at, self.ordinal = claims, levels, at, ordinal

    def last_levels(self) -> dict[str, Level]:
        """Return the last subscriber level of the run and the patient level under it, those that it has opened."""
        found: dict[str, Level] = {}
        for loop, *extent in self._opened:
            stretch = self.block.stretch(*extent)
            found[loop] = Level(stretch.head, loop, stretch)
        return found


def _names_member(key: tuple[str, ...]) -> bool:
    """Whether claims are told apart by payer and member identifier, whoever the dependent is."""
    return len(key) == len(("payer", "member")) and all(key)
