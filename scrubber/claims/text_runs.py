"""Pass over claims that are known to be regular: where each begins and ends, and the levels between them, as text.

The survey has read them as rows; of them, X12 files need the text only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache, cached_property
from typing import NamedTuple

from attrs import define, field

from scrubber.claims.raw_claim import Level
from scrubber.x12.envelope_segment import EnvelopeSegment
from scrubber.x12.lexer import Block, line_end_of
from scrubber.x12.segment import Delimiters

__all__ = ["TextLevel", "TextRun"]

_LONGEST = 40_000
"""Bytes of a claim, or of the levels in front of it: no more segments than a reader takes as a whole."""


class TextLevel(NamedTuple):
    """A hierarchical level of a run: where it begins and ends in the text, and where HL03 begins.

    `of_patient` says that it is a patient level (2000C), else a subscriber level (2000B).  HL04 is right: 1 for a
    subscriber level with patient levels under it.
    """

    start: int
    kind: int
    stop: int
    of_patient: bool


@define(eq=False, repr=False)
class TextRun:
    """Regular claims that follow one another in a block under one billing provider, and the levels between them.

    `start` is where it begins in the text of the block, `ordinal` the first segment there.  `subscriber` and `patient`
    are the levels of the first claim, where it does not open its own.  `claims` are places in the text: where the
    levels that are opened for a claim begin, and where it begins and ends.  `levels` are those levels, numbered on from
    `levels_before`: HL01 counts up by one, and HL02 is the HL01 of the enclosing level.
    """

    block: Block
    start: int
    ordinal: int
    levels_before: int
    provider: Level
    subscriber: Level | None
    patient: Level | None
    stop: int = field(init=False)
    claims: list[tuple[int, int, int]] = field(factory=lambda: [], init=False)
    levels: list[TextLevel] = field(factory=lambda: [], init=False)
    _match_levels: Callable[[str, int, int], re.Match[str] | None] = field(init=False)
    _provider_number: str = field(init=False)
    _parent: str = field(default="", init=False)  # HL01 of the last subscriber level, if patient levels are under it

    def __attrs_post_init__(self) -> None:
        self.stop = self.start
        self._match_levels = _levels(self.block.delimiters).fullmatch
        self._provider_number = self.provider.number

    @cached_property
    def count(self) -> int:
        """The number of its segments, once it is complete."""
        return self.block.text.count(self.block.delimiters.segment, self.start, self.stop)

    @property
    def offset(self) -> int:
        """The byte at which it begins."""
        return self.block.offset + self.start

    @property
    def end(self) -> int:
        """The byte behind it."""
        return self.block.offset + self.stop

    @property
    def opens_levels(self) -> bool:
        """Whether the first claim has levels of its own."""
        return self.claims[0][0] < self.claims[0][1]

    def extend(self, claims: Iterable[tuple[int, int]]) -> None:
        """Take the claims that begin and end at these bytes, up to one that is not plainly in order."""
        text, base, delimiters = self.block.text, self.block.offset, self.block.delimiters
        opening, size = f"CLM{delimiters.element}", len(text)
        for begin, end in claims:
            start, stop = begin - base, end - base
            if stop > size or stop - start > _LONGEST or not text.startswith(opening, start):
                return
            if start != self.stop:
                if not self._open_levels(start):
                    return
            elif self.subscriber is None and not self.levels:
                return
            self.claims.append((self.stop, start, stop))
            self.stop = stop

    def _open_levels(self, stop: int) -> bool:
        """Take the levels from the place reached to `stop`; False where they are not plainly in order."""
        if not 0 < stop - self.stop <= _LONGEST:
            return False
        found = self._match_levels(self.block.text, self.stop, stop)
        opened = self._in_order(found) if found is not None else []
        self.levels += opened
        return bool(opened)

    def _in_order(self, found: re.Match[str]) -> list[TextLevel]:
        """Return the levels that `_levels` has matched; none where they are out of order."""
        hl01, hl02, has_child, own_hl01, own_hl02 = found.groups()
        number = self.levels_before + len(self.levels) + 1
        start, stop = found.span()
        own_start = found.start(4) - len("HL*") if own_hl01 is not None else stop
        opened: list[TextLevel] = []
        if hl01 is not None:
            if hl01 != str(number) or hl02 != self._provider_number or (has_child == "1") is (own_hl01 is None):
                return []
            self._parent = hl01 if has_child == "1" else ""
            opened.append(TextLevel(start, found.end(2) + 1, own_start, of_patient=False))
            number += 1
        if own_hl01 is not None:
            if own_hl01 != str(number) or not own_hl02 or own_hl02 != self._parent:
                return []
            opened.append(TextLevel(own_start, found.end(5) + 1, stop, of_patient=True))
        return opened

    @cached_property
    def last_levels(self) -> dict[str, tuple[EnvelopeSegment, Level]]:
        """The last subscriber level that it opens and the patient level under it, by loop, once it is complete."""
        found: dict[str, tuple[EnvelopeSegment, Level]] = {}
        for level in reversed(self.levels):
            if level.of_patient and found:
                continue
            loop = "2000C" if level.of_patient else "2000B"
            found[loop] = self._level(level, loop)
            if not level.of_patient:
                break
        return dict(reversed(found.items()))

    def _level(self, level: TextLevel, loop: str) -> tuple[EnvelopeSegment, Level]:
        text, end = self.block.text, self.block.delimiters.segment
        ordinal = self.ordinal + text.count(end, self.start, level.start)
        stretch = self.block.stretch(level.start, level.stop, ordinal)
        head = stretch.head
        passed = EnvelopeSegment(head, loop, segments=stretch.count, end=stretch.end)
        return passed, Level(head, loop, stretch)


@cache
def _levels(delimiters: Delimiters) -> re.Pattern[str]:
    """Match a subscriber level, a patient level, or both, each with HL01, HL02 and HL04 only.

    The groups are HL01, HL02 and HL04 of the subscriber level, and HL01 and HL02 of the patient level.
    """
    end, separator = re.escape(delimiters.segment), re.escape(delimiters.element)
    line_end = line_end_of(delimiters)
    element = f"[^{end}{separator}]"
    rest = rf"{end}{line_end}(?:(?!(?:CLM|HL|ST|SE|GS|GE|LX|SV1){separator})[^{end}]*+{end}{line_end})*+"
    head = f"HL{separator}({element}*+){separator}({element}*+){separator}"
    return re.compile(f"(?:{head}22{separator}([01]){rest})?+(?:{head}23{separator}0{rest})?+")
