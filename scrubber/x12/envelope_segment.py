"""What is between the claims: headers, hierarchical levels and trailers."""

from __future__ import annotations

from attrs import define

from scrubber.x12.segment import Segment

__all__ = ["EnvelopeSegment"]


@define(eq=False, repr=False)
class EnvelopeSegment:
    """What is between the claims: a header, hierarchical level or trailer with the segments up to the next event.

    `segment` opens it and `end` is the byte at which the next event begins.  `loop` is the TR3 loop of a hierarchical
    level, "" where HL03 is unknown.  `unread` marks what no part of the file owns and nobody judged.  `judged` is False
    for a transaction set that is not an 837P.  `segments` counts its segments, empty ones aside.  For a trailer,
    `count` is what it should count: segments, transaction sets or functional groups.
    """

    segment: Segment
    loop: str = ""
    unread: bool = False
    judged: bool = True
    segments: int = 1
    count: int = 0
    end: int = 0

    @property
    def kind(self) -> str:
        """The identifier of the segment that opens it ("ISA", "HL", "SE"); "" for what is unread."""
        return "" if self.unread else self.segment.id

    @property
    def start(self) -> int:
        """The byte at which it begins."""
        return self.segment.offset
