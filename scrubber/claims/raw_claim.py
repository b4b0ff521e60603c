"""What the reader gives: claims, the levels above them, and what is between them.

A claim or level of a regular part of the file keeps its text and is cut into segments only when somebody asks for
them: most claims of a large file are never asked.
"""

from __future__ import annotations

from functools import cached_property

from attrs import define, field

from scrubber.x12.lexer import Stretch
from scrubber.x12.segment import Delimiters, Segment
from scrubber.x12.transaction_set import TransactionSet

__all__ = ["Level", "RawClaim"]


@define(eq=False, repr=False)
class Level:
    """One hierarchical level (2000A, 2000B or 2000C) without its claims: the HL segment and what follows it."""

    head: Segment
    loop: str
    stretch: Stretch | None = None
    built: object = field(default=None, repr=False)

    @cached_property
    def segments(self) -> list[Segment]:
        """The HL segment and what follows it."""
        return [self.head] if self.stretch is None else self.stretch.cut()

    @property
    def number(self) -> str:
        """HL01."""
        return self.head.get(1)


@define(eq=False, repr=False)
class RawClaim:
    """One claim and the levels above it; None for a level that is missing.

    `ordinal` counts the claims of the file from 1.  `start` is the byte at which it begins and `end` the one at which
    whatever follows it begins; `count` is the number of its segments.  `complete` is False when the input ended inside
    the claim.  `stretch` is its text, None where that part of the file is irregular and was cut segment by segment.
    `unknown` is the level of an unknown kind (HL03) that it is below, too.
    """

    ordinal: int
    start: int
    end: int
    count: int
    provider: Level | None
    subscriber: Level | None
    patient: Level | None
    transaction: TransactionSet
    complete: bool = True
    stretch: Stretch | None = None
    cut: list[Segment] = field(factory=lambda: [], repr=False)
    unknown: Level | None = None

    @cached_property
    def segments(self) -> list[Segment]:
        """The segments, CLM first."""
        return self.cut if self.stretch is None else self.stretch.cut()

    @property
    def delimiters(self) -> Delimiters:
        """The delimiters of the interchange."""
        return self.segments[0].delimiters if self.stretch is None else self.stretch.delimiters
