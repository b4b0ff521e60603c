"""Cut bytes into segments: exact offsets, any delimiters, flat memory, and joined they are the input again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache

from attrs import define, field, frozen

from scrubber.findings.finding import Location
from scrubber.x12.rules import (
    ByteOrderMark,
    BytesOutsideInterchange,
    IsaUnreadable,
    NotX12,
    SegmentTooLong,
    Truncated,
    X12SyntaxError,
)
from scrubber.x12.segment import GUIDE_SEGMENTS, Delimiters, Segment

__all__ = [
    "BLANK",
    "MAX_SEGMENT",
    "Block",
    "Stretch",
    "control_characters",
    "cut_blocks",
    "cut_elements",
    "cut_segments",
    "cut_slice",
    "cut_text",
    "strip_blank",
]

MAX_SEGMENT = 1 << 20
"""The longest segment that is read, in bytes.  The longest one the 837P guide allows is far below 4 KB."""

ISA_LENGTH = 106
_ISA_SEPARATORS = (3, 6, 17, 20, 31, 34, 50, 53, 69, 76, 81, 83, 89, 99, 101, 103)
_ISA = re.compile("ISA", re.ASCII | re.IGNORECASE)
BLANK = " \t\r\n\x00\x1a"
"""What may be between segments without being lost: blanks, line ends and what editors append."""
_BOM = "\xef\xbb\xbf"
_NONE = Delimiters("", "", "", "")
_NEAR = 1 << 13  # where the last event of a text is looked for first


@define(eq=False, repr=False)
class Stretch:
    """Whole segments that follow one another, as text: one that opens a claim or a part of the envelope, and its own.

    `id` is the identifier of the first, `offset` the byte at which it begins, `ordinal` its place in the file from 1;
    `count` is the number of the segments and `lead` the text before them.
    """

    id: str
    text: str = field(repr=False)
    offset: int
    ordinal: int
    count: int
    delimiters: Delimiters
    lead: str = field(default="", repr=False)

    @property
    def end(self) -> int:
        """The byte behind it."""
        return self.offset + len(self.text)

    @property
    def head(self) -> Segment:
        """Its first segment."""
        delimiters = self.delimiters
        text = self.text.partition(delimiters.segment)[0]
        return Segment(text, self.offset, self.ordinal, delimiters, self.lead, delimiters.segment)

    def cut(self) -> list[Segment]:
        """Return its segments."""
        return cut_text(self.text, self.offset, self.ordinal, self.delimiters, self.lead)


@define(eq=False, repr=False)
class Block:
    """Regular segments that follow one another, as text: from an event to another, with the events between them.

    An event is a segment that opens a claim, a level or part of the envelope: CLM, HL, ST, SE, GS or GE.  `offset` is
    the byte at which the first begins, `ordinal` its place in the file; `lead` is the text before it.
    """

    text: str = field(repr=False)
    offset: int
    ordinal: int
    delimiters: Delimiters
    lead: str = field(default="", repr=False)

    @property
    def count(self) -> int:
        """The number of its segments."""
        return self.text.count(self.delimiters.segment)

    def stretches(self, at: int = 0, ordinal: int | None = None) -> Iterator[Stretch]:
        """Yield its stretches from the place `at` on, where the segment `ordinal` begins."""
        ordinal = self.ordinal if ordinal is None else ordinal
        for event in _patterns(self.delimiters).event.finditer(self.text, at):
            stretch = self.stretch(at, event.start(1), ordinal)
            yield stretch
            at, ordinal = event.start(1), ordinal + stretch.count
        yield self.stretch(at, len(self.text), ordinal)

    def stretch(self, start: int, end: int, ordinal: int) -> Stretch:
        """Return the stretch between two places, whose first segment is the one with that ordinal in the file."""
        text, delimiters = self.text, self.delimiters
        name = text[start : text.index(delimiters.element, start)]
        lead = text[text.rindex(delimiters.segment, 0, start) + 1 : start] if start else self.lead
        count = text.count(delimiters.segment, start, end)
        return Stretch(name, text[start:end], self.offset + start, ordinal, count, delimiters, lead)


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
        """Return the next `count` characters without taking them, fewer only at the end of the input."""
        while len(self.text) - self.at < count and self.fill():
            pass
        return self.text[self.at : self.at + count]

    def take(self, stop: int, ordinal: int) -> Segment:
        """Take the text up to `stop` as filler: what is not a segment but part of the input."""
        filler = Segment("", self.offset, ordinal, _NONE, lead=self.text[self.at : stop])
        self.at = stop
        return filler


def cut_segments(chunks: Iterable[bytes], report: Callable[[X12SyntaxError], None]) -> Iterator[Segment]:
    """Yield the segments of all interchanges of an input, one by one.

    Joining `lead`, `text` and `terminator` of what is yielded gives the input back, byte for byte, whatever it holds:
    what is between interchanges comes as fillers, segments with neither text nor terminator.  Errors of the byte
    stream go to `report` as they are met.
    """
    return _cut(chunks, report, by_segment=True)  # type: ignore[return-value]


def cut_blocks(chunks: Iterable[bytes], report: Callable[[X12SyntaxError], None]) -> Iterator[Segment | Block]:
    """Yield what `cut_segments` does, but regular parts as blocks."""
    return _cut(chunks, report, by_segment=False)


def _cut(
    chunks: Iterable[bytes], report: Callable[[X12SyntaxError], None], *, by_segment: bool
) -> Iterator[Segment | Block]:
    window = _Window(chunks)
    if window.ahead(3) == _BOM:
        report(ByteOrderMark.at(Location("", "", None, 1, 0, 3), "A UTF-8 byte order mark is before the ISA."))
        yield window.take(window.at + 3, 0)
    ordinal = 0
    silent = False  # behind an error that already says that what follows is not read
    while True:
        start, junk = window.offset, 0
        for filler in _fill_to_isa(window, ordinal):
            junk += len(strip_blank(filler.lead))
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
            ordinal = piece.ordinal + piece.count - 1 if isinstance(piece, Block) else piece.ordinal
            silent = piece.delimiters is _NONE
            yield piece


def _fill_to_isa(window: _Window, ordinal: int) -> Iterator[Segment]:
    """Take everything in front of the next ISA as fillers."""
    while ahead := window.ahead(4):
        if _begins_isa(ahead):
            return
        hit = _ISA.search(window.text, window.at + 1)
        # Without a hit the last two characters may be the beginning of one that the next chunk completes.
        yield window.take(hit.start() if hit else max(len(window.text) - 2, window.at + 1), ordinal)


def _begins_isa(text: str) -> bool:
    """Whether an interchange begins with these four characters; it has delimiters of its own, whatever came before."""
    return text[:3].upper() == "ISA" and len(text) == 4 and not text[3].isalnum()


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
    if isa.find(found.segment) != ISA_LENGTH - 1:
        return None  # it ends earlier than its delimiters are declared
    if len(set(used)) < 3 or any(delimiter.isalnum() or delimiter == " " for delimiter in used):
        return None
    return found


def _cut_interchange(
    window: _Window, delimiters: Delimiters, ordinal: int, report: Callable[[X12SyntaxError], None], *, by_segment: bool
) -> Iterator[Segment | Block]:
    """Yield the segments from this ISA to its IEA; where that is missing, to the next ISA or the end of the input."""
    terminator = delimiters.segment
    opened = False
    exact_to = 0  # up to there the file is cut segment by segment
    while True:
        if opened and not by_segment and window.offset >= exact_to:
            block, is_regular = _regular(window, delimiters, ordinal)
            if block is not None:
                yield block
                ordinal += block.count
                # The text before the next segment is part of that segment.
                window.at = block.offset + block.text.rindex(terminator) + 1 - window.base
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
        if opened and _begins_isa(window.text[start : start + 4]):  # its terminator may be the fourth
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


@frozen(eq=False, repr=False)
class _Patterns:
    """What finds the events of an interchange, and what is irregular in it.

    `event` matches after a terminator, `first` at the place reached.  Irregular is anything behind a terminator but one
    line end and an identifier that the guide knows; the header and trailer of an interchange are, too.  `control` finds
    a control character that is neither a delimiter nor part of a line end behind a terminator.
    """

    first: re.Pattern[str]
    event: re.Pattern[str]
    irregular: re.Pattern[str]
    control: re.Pattern[str]


@cache
def _patterns(delimiters: Delimiters) -> _Patterns:
    end, separator = re.escape(delimiters.segment), re.escape(delimiters.element)
    line_end = line_end_of(delimiters)
    opening = rf"{line_end}(CLM|HL|ST|SE|GS|GE){separator}"
    return _Patterns(
        re.compile(opening),
        re.compile(end + opening),
        re.compile(rf"{end}{line_end}(?!(?:{_known_ids()}){separator})"),
        re.compile(rf"(?<!{end})(?<!{end}\r){_control_of(delimiters)}"),
    )


def _known_ids() -> str:
    """Return the pattern of the identifiers in the regular part of a file: by first letter, to be quick."""
    tails: dict[str, list[str]] = {}
    for name in sorted(GUIDE_SEGMENTS | {"GS", "GE"}):
        tails.setdefault(name[0], []).append(name[1:])
    return "|".join(f"{first}(?:{'|'.join(rest)})" for first, rest in tails.items())


@cache
def _control_of(delimiters: Delimiters) -> str:
    """Return the pattern of a control character that is no delimiter; C1 is none: bytes of UTF-8 letters are there."""
    used = {delimiters.element, delimiters.component, delimiters.repetition, delimiters.segment}
    return "[" + "".join(f"\\x{code:02x}" for code in (*range(32), 127) if chr(code) not in used) + "]"


def control_characters(segment: Segment) -> Iterator[int]:
    """Yield the positions of the elements (from 1) of a segment that hold control characters."""
    if segment.text.isprintable():
        return
    found = re.compile(_control_of(segment.delimiters))
    for position, element in enumerate(segment.elements):
        if position and found.search(element) is not None:
            yield position


def line_end_of(delimiters: Delimiters) -> str:
    """Return the pattern of what may follow a terminator in the regular part of a file."""
    return "" if delimiters.segment in "\r\n" else r"(?:\r\n|\n|\r)?+"


def _regular(window: _Window, delimiters: Delimiters, ordinal: int) -> tuple[Block | None, bool]:
    """Cut the regular block from the place reached to the last event in the window.

    The second value is False where something irregular ends it.
    """
    patterns, text = _patterns(delimiters), window.text
    first = patterns.first.match(text, window.at)
    if first is None:
        return None, True
    start = first.start(1)
    end = _last_event(patterns.event, text, start, len(text))
    irregular = patterns.irregular.search(text, start, end + 4)
    if irregular is not None:
        end = _last_event(patterns.event, text, start, irregular.start())
    whole = text[start:end]
    control = None if _is_free_of_controls(whole, delimiters) else patterns.control.search(whole)
    if control is not None:
        end = _last_event(patterns.event, text, start, start + control.start())
        whole = text[start:end]
    is_regular = irregular is None and control is None
    if not whole:
        return None, is_regular
    return Block(whole, window.base + start, ordinal + 1, delimiters, text[window.at : start]), is_regular


def _is_free_of_controls(text: str, delimiters: Delimiters) -> bool:
    """Whether it is plain that no control character is in regular text but in the line ends behind terminators."""
    controls = text.encode("latin-1").translate(None, _never_control(delimiters))
    if not controls:
        return True
    for line_end in ("\n", "\r\n"):
        count = text.count(delimiters.segment + line_end)
        if controls == line_end.encode() * count:
            return True
    return False


@cache
def _never_control(delimiters: Delimiters) -> bytes:
    control = re.compile(_control_of(delimiters))
    return bytes(code for code in range(256) if not control.match(chr(code)))


def _last_event(event: re.Pattern[str], text: str, start: int, stop: int) -> int:
    """Return the place of the last event in front of `stop`, `start` where there is none."""
    for near in (max(start, stop - _NEAR), start):
        places = [found.start(1) for found in event.finditer(text, near, stop)]
        if places:
            return places[-1]
    return start


def strip_blank(text: str) -> str:
    """Take blanks, line ends and padding away at both ends; of gigabytes that are nothing else, quickly."""
    return text.strip(BLANK) if text.encode("latin-1").translate(None, BLANK.encode()) else ""


def cut_slice(data: bytes, offset: int, ordinal: int, delimiters: Delimiters) -> list[Segment]:
    """Cut a run of whole segments taken from the middle of an interchange; see `cut_text`."""
    return cut_text(data.decode("latin-1"), offset, ordinal, delimiters)


def cut_text(text: str, offset: int, ordinal: int, delimiters: Delimiters, lead: str = "") -> list[Segment]:
    """Cut a run of whole segments; empty ones are counted and left out.

    `offset` and `ordinal` are those of the first segment; `lead` is the text before it.
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


def cut_elements(text: str, delimiters: Delimiters) -> list[list[str]]:
    """Return the segments of a run of whole ones, each as its identifier, upper-cased, and elements; no empty ones."""
    separator = delimiters.element
    pieces = [piece.lstrip(BLANK) for piece in text.split(delimiters.segment)[:-1]]
    cut = [piece.split(separator) for piece in pieces if piece]
    for elements in cut:
        elements[0] = elements[0].upper()
    return cut
