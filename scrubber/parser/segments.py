"""Cut bytes into segments: exact offsets, any delimiters, flat memory, and joined they are the input again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import pairwise

from attrs import define, frozen

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

__all__ = ["BLANK", "MAX_SEGMENT", "Stretch", "cut_segments", "cut_slice", "cut_stretches", "cut_text"]

MAX_SEGMENT = 1 << 20
"""The longest segment that is read, in bytes.  The longest one the 837P guide allows is far below 4 KB."""

ISA_LENGTH = 106
_ISA_SEPARATORS = (3, 6, 17, 20, 31, 34, 50, 53, 69, 76, 81, 83, 89, 99, 101, 103)
_ISA = re.compile("ISA", re.ASCII | re.IGNORECASE)
BLANK = " \t\r\n\x00\x1a"
"""What may stand between segments without being lost: blanks, line ends and what editors append."""
_BOM = "\xef\xbb\xbf"
_NONE = Delimiters("", "", "", "")


@define(eq=False)
class Stretch:
    """Whole segments that follow one another, as text: one that opens a claim or a mark and those that belong to it.

    `id` is the identifier of the first, `offset` the byte at which it begins, `ordinal` its place in the file from 1;
    `count` is the number of the segments and `lead` what stands in front of them.
    """

    id: str
    text: str
    offset: int
    ordinal: int
    count: int
    delimiters: Delimiters
    lead: str = ""

    @property
    def end(self) -> int:
        """The byte behind it."""
        return self.offset + len(self.text)

    @property
    def head(self) -> Segment:
        """Its first segment."""
        marks = self.delimiters
        text = self.text.partition(marks.segment)[0]
        return Segment(text, self.offset, self.ordinal, marks, self.lead, marks.segment)

    def cut(self) -> list[Segment]:
        """Give its segments."""
        return cut_text(self.text, self.offset, self.ordinal, self.delimiters, self.lead)


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
    """Yield the segments of all interchanges of an input, one by one.

    Joining `lead`, `text` and `terminator` of what is yielded gives the input back, byte for byte, whatever it holds:
    what stands between interchanges comes as fillers, segments with neither text nor terminator.  Faults of the byte
    stream go to `report` as they are met.
    """
    return _cut(chunks, report, by_segment=True)  # type: ignore[return-value]


def cut_stretches(chunks: Iterable[bytes], report: Callable[[Fault], None]) -> Iterator[Segment | Stretch]:
    """Yield what `cut_segments` does, but regular parts as stretches that begin with CLM, HL, ST, SE, GS or GE."""
    return _cut(chunks, report, by_segment=False)


def _cut(chunks: Iterable[bytes], report: Callable[[Fault], None], *, by_segment: bool) -> Iterator[Segment | Stretch]:
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
        for piece in _cut_interchange(window, delimiters, ordinal, report, by_segment=by_segment):
            ordinal = piece.ordinal + piece.count - 1 if isinstance(piece, Stretch) else piece.ordinal
            silent = piece.delimiters is _NONE
            yield piece


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
    window: _Window, delimiters: Delimiters, ordinal: int, report: Callable[[Fault], None], *, by_segment: bool
) -> Iterator[Segment | Stretch]:
    """Yield the segments from this ISA to its IEA; where that is missing, to the next ISA or the end of the input."""
    terminator = delimiters.segment
    opened = False
    exact_to = 0  # up to there the file is cut segment by segment
    while True:
        if opened and not by_segment and window.offset >= exact_to:
            stretches, is_regular = _regular(window, delimiters, ordinal)
            if stretches:
                yield from stretches
                last = stretches[-1]
                ordinal = last.ordinal + last.count - 1
                # What stands in front of the next segment is its own.
                window.at = last.offset + last.text.rindex(terminator) + 1 - window.base
            if not is_regular:
                exact_to = window.base + len(window.text)
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


@frozen
class _Patterns:
    """What finds the events of an interchange, and what is irregular in it.

    `event` stands behind a terminator, `first` at the place reached.  Irregular is anything behind a terminator but one
    line end and an identifier as the guide writes it.
    """

    first: re.Pattern[str]
    event: re.Pattern[str]
    irregular: re.Pattern[str]


@cache
def _patterns(delimiters: Delimiters) -> _Patterns:
    end, mark = re.escape(delimiters.segment), re.escape(delimiters.element)
    line_end = "" if delimiters.segment in "\r\n" else r"(?:\r\n|\n|\r)?+"
    opening = rf"{line_end}(CLM|HL|ST|SE|GS|GE|ISA|IEA){mark}"
    return _Patterns(
        re.compile(opening),
        re.compile(end + opening),
        re.compile(rf"{end}{line_end}(?![A-Z][A-Z0-9]{{1,2}}{mark})"),
    )


def _regular(window: _Window, delimiters: Delimiters, ordinal: int) -> tuple[list[Stretch], bool]:
    """Cut the regular stretches from the place reached to the last event in the window.

    An interchange's own header and trailer end them.  The second value is False where something irregular did.
    """
    patterns, text = _patterns(delimiters), window.text
    first = patterns.first.match(text, window.at)
    if first is None or first[1] in {"IEA", "ISA"}:
        return [], True
    found = [(window.at, first.start(1), first[1])]
    for event in patterns.event.finditer(text, first.end()):
        found.append((event.start() + 1, event.start(1), event[1]))
        if event[1] in {"IEA", "ISA"}:
            break
    irregular = patterns.irregular.search(text, first.start(1), found[-1][1] + 4)
    stop = len(text) if irregular is None else irregular.start()
    stretches: list[Stretch] = []
    for (lead, start, name), (_, end, _) in pairwise(found):
        if end > stop:
            break
        count = text.count(delimiters.segment, start, end)
        place = window.base + start
        stretches.append(Stretch(name, text[start:end], place, ordinal + 1, count, delimiters, text[lead:start]))
        ordinal += count
    return stretches, irregular is None


def cut_slice(data: bytes, offset: int, ordinal: int, delimiters: Delimiters) -> list[Segment]:
    """Cut a run of whole segments taken from the middle of an interchange; see `cut_text`."""
    return cut_text(data.decode("latin-1"), offset, ordinal, delimiters)


def cut_text(text: str, offset: int, ordinal: int, delimiters: Delimiters, lead: str = "") -> list[Segment]:
    """Cut a run of whole segments; empty ones are counted and left out.

    `offset` and `ordinal` are those of the first segment, which `lead` stands in front of.
    """
    cut: list[Segment] = []
    for piece in text.split(delimiters.segment)[:-1]:
        own = piece.lstrip(BLANK)
        blank = piece[: len(piece) - len(own)]
        if own:
            cut.append(Segment(own, offset + len(blank), ordinal, delimiters, blank or lead, delimiters.segment))
        lead = ""
        offset += len(piece) + 1
        ordinal += 1
    return cut
