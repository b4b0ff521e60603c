"""Cut bytes into segments: exact offsets, any delimiters, flat memory, and joined they are the input again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from scrubber.findings import Location
from scrubber.parser.faults import (
    ByteOrderMark,
    BytesOutsideInterchange,
    Fault,
    IsaUnreadable,
    NotX12,
    SegmentTooLong,
    Truncated,
)
from scrubber.x12 import Delimiters, Segment

__all__ = ["BLANK", "MAX_SEGMENT", "cut_segments", "cut_slice"]

MAX_SEGMENT = 1 << 20
"""The longest segment that is read, in bytes.  The longest one the 837P guide allows is far below 4 KB."""

ISA_LENGTH = 106
_ISA_SEPARATORS = (3, 6, 17, 20, 31, 34, 50, 53, 69, 76, 81, 83, 89, 99, 101, 103)
_ISA = re.compile("ISA", re.ASCII | re.IGNORECASE)
BLANK = " \t\r\n\x00\x1a"
"""What may stand between segments without being lost: blanks, line ends and what editors append."""
_BOM = "\xef\xbb\xbf"
_NONE = Delimiters("", "", "", "")


class _Window:
    """The part of the input being cut: `text` begins at byte `base` of the file, `at` is the place reached in it."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self.text = ""
        self.base = 0
        self.at = 0

    @property
    def offset(self) -> int:
        """The byte of the file that has been reached."""
        return self.base + self.at

    def fill(self) -> bool:
        """Drop what is behind and read on; False at the end of the input."""
        data = next(self._chunks, b"")
        if not data:
            return False
        self.base += self.at
        self.text = self.text[self.at :] + data.decode("latin-1")
        self.at = 0
        return True

    def ahead(self, count: int) -> str:
        """Give the next `count` characters without taking them, fewer only at the end of the input."""
        while len(self.text) - self.at < count and self.fill():
            pass
        return self.text[self.at : self.at + count]

    def take(self, stop: int, ordinal: int) -> Segment:
        """Take the text up to `stop` as filler: what is not a segment but part of the input."""
        filler = Segment("", self.offset, ordinal, _NONE, lead=self.text[self.at : stop])
        self.at = stop
        return filler


def cut_segments(chunks: Iterable[bytes], report: Callable[[Fault], None]) -> Iterator[Segment]:
    """Yield the segments of all interchanges of an input.

    Joining `lead`, `text` and `terminator` of what is yielded gives the input back, byte for byte, whatever it holds:
    what stands between interchanges comes as fillers, segments with neither text nor terminator.  Faults of the byte
    stream go to `report` as they are met.
    """
    window = _Window(chunks)
    if window.ahead(3) == _BOM:
        report(ByteOrderMark.at(Location("", "", None, 1, 0, 3), "A UTF-8 byte order mark stands in front of the ISA."))
        yield window.take(window.at + 3, 0)
    ordinal = 0
    silent = False  # behind a fault that already says that what follows is not read
    while True:
        start, junk = window.offset, 0
        for filler in _fill_to_isa(window, ordinal):
            junk += len(filler.lead.strip(BLANK))
            yield filler
        isa = window.ahead(ISA_LENGTH)
        place = Location("", "", None, None, start, window.offset - start)
        if not isa and ordinal == 0 and not silent:
            report(
                NotX12.at(
                    place,
                    "The input is empty." if not junk else "The input is not X12: it holds no ISA segment.",
                )
            )
        elif junk and not silent:
            report(BytesOutsideInterchange.at(place, f"{junk} bytes outside any interchange were not read."))
        if not isa:
            return
        silent = False
        delimiters = _delimiters(isa)
        if delimiters is None:
            place = Location("ISA_LOOP", "ISA", None, ordinal + 1, window.offset, len(isa))
            report(IsaUnreadable.at(place, "The ISA is not 106 bytes long or its delimiters cannot be used."))
            silent = True
            yield window.take(window.at + 3, ordinal)
            continue
        for segment in _cut_interchange(window, delimiters, ordinal, report):
            ordinal = segment.ordinal
            silent = segment.delimiters is _NONE
            yield segment


def _fill_to_isa(window: _Window, ordinal: int) -> Iterator[Segment]:
    """Take everything in front of the next ISA as fillers."""
    while ahead := window.ahead(4):
        if ahead[:3].upper() == "ISA" and len(ahead) == 4 and not ahead[3].isalnum():
            return
        hit = _ISA.search(window.text, window.at + 1)
        # Without a hit the last two characters may be the beginning of one that the next chunk completes.
        yield window.take(hit.start() if hit else max(len(window.text) - 2, window.at + 1), ordinal)


def _delimiters(isa: str) -> Delimiters | None:
    """Take the delimiters from an ISA by position; None unless it is a whole ISA with four usable delimiters."""
    if len(isa) < ISA_LENGTH:
        return None
    element = isa[3]
    if any(isa[place] != element for place in _ISA_SEPARATORS) or isa.count(element) != len(_ISA_SEPARATORS):
        return None
    # ISA11 is the repetition separator from version 00402 on; before, and in some files since, it is the letter U.
    found = Delimiters(
        element=element, component=isa[104], repetition="" if isa[82].isalnum() else isa[82], segment=isa[105]
    )
    used = (found.element, found.component, found.segment)
    if len(set(used)) < 3 or any(delimiter.isalnum() or delimiter == " " for delimiter in used):
        return None
    return found


def _cut_interchange(
    window: _Window, delimiters: Delimiters, ordinal: int, report: Callable[[Fault], None]
) -> Iterator[Segment]:
    """Yield the segments from this ISA to its IEA; where that is missing, to the next ISA or the end of the input."""
    terminator = delimiters.segment
    opened = False
    while True:
        end = window.text.find(terminator, window.at)
        while end < 0 and len(window.text) - window.at <= MAX_SEGMENT and window.fill():
            end = window.text.find(terminator, window.at)
        stop = end if end >= 0 else len(window.text)
        if stop - window.at > MAX_SEGMENT:
            place = Location("", "", None, ordinal + 1, window.offset, None)
            report(SegmentTooLong.at(place, "A segment is longer than 1 MiB; reading stopped there."))
            yield window.take(stop, ordinal)
            return
        text = window.text[window.at : stop].lstrip(BLANK)
        start = stop - len(text)
        if opened and text[:3].upper() == "ISA" and text[3:4] == delimiters.element:
            yield Segment("", window.offset, ordinal, delimiters, lead=window.text[window.at : start])
            window.at = start
            return
        ordinal += 1
        if end < 0:
            what = f"inside segment {ordinal}" if text else "without an IEA segment"
            place = Location("", "", None, ordinal, window.base + start, len(text))
            report(Truncated.at(place, f"The file ends {what}: it is truncated."))
        segment = Segment(
            text,
            window.base + start,
            ordinal if text or end >= 0 else ordinal - 1,
            delimiters,
            window.text[window.at : start],
            terminator if end >= 0 else "",
        )
        opened = True
        window.at = stop + (end >= 0)
        yield segment
        if end < 0 or segment.id == "IEA":
            return


def cut_slice(data: bytes, offset: int, ordinal: int, delimiters: Delimiters) -> list[Segment]:
    """Cut a run of whole segments taken from the middle of an interchange.

    `offset` and `ordinal` are those of the first segment.
    """
    cut: list[Segment] = []
    for piece in data.decode("latin-1").split(delimiters.segment)[:-1]:
        text = piece.lstrip(BLANK)
        lead = piece[: len(piece) - len(text)]
        cut.append(Segment(text, offset + len(lead), ordinal, delimiters, lead, delimiters.segment))
        offset += len(piece) + 1
        ordinal += 1
    return cut
