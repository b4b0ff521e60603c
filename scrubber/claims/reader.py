"""Read an input: follow its envelope and its hierarchical levels, and cut it into claims."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any, TypeVar

from scrubber.claims.columns import ClaimRow
from scrubber.claims.raw_claim import Level, RawClaim
from scrubber.claims.row_runs import RowRun
from scrubber.claims.text_runs import TextRun
from scrubber.findings.code_form import CodeForm
from scrubber.io.source import ByteSource
from scrubber.x12 import rules
from scrubber.x12.control_numbers import ControlNumbers
from scrubber.x12.envelope import EnvelopeReader
from scrubber.x12.envelope_segment import EnvelopeSegment
from scrubber.x12.lexer import Block, Stretch, control_characters, cut_blocks, strip_blank
from scrubber.x12.rules import Scope, SyntaxRule, X12SyntaxError
from scrubber.x12.segment import GUIDE_SEGMENTS, Delimiters, Segment

__all__ = ["Reader"]

_SEGMENT_ID = re.compile(r"[A-Z][A-Z0-9]{1,2}")
_MAX_SEGMENTS, _MAX_BYTES = 10_000, 4 << 20  # of a claim or level, see PartTooLong
_Event = TypeVar("_Event")


class Reader:
    """Iterates over the claims of an input, in file order, once; afterwards `unread` and the counts are complete.

    `events` gives what is between the claims as well.  `on_error` is told each error before the event it lies in.
    """

    def __init__(
        self,
        source: ByteSource,
        progress: Callable[[int], object] | None = None,
        on_error: Callable[[X12SyntaxError], object] | None = None,
    ) -> None:
        self.segments = 0
        self.claims = 0
        self._source = source
        self._progress = progress
        self._on_error = on_error
        self._is_cut = False  # whether the end itself is missing
        self._envelope = envelope = EnvelopeReader(self._report)
        self._ids: set[str] = set()
        self._levels: dict[str, Level] = {}
        self._level: Level | None = None
        self._level_count = 0
        self._unknown_level: Level | None = None
        self._numbers_out_of_sequence = ControlNumbers()  # HL01
        self._in_sequence = 0  # levels in front of the first HL01 that is out of sequence
        self.unread: X12SyntaxError | None = None
        """The first error that means that something was not read."""
        self._claim: list[Segment] | None = None
        self._in_lines = False  # whether the claim has begun its service lines
        self._room = _MAX_BYTES
        self._left_out = 0
        self._envelope_segment: EnvelopeSegment | None = None
        self._handlers: dict[str, Callable[[Segment], EnvelopeSegment | None]] = {
            "ISA": envelope.open_interchange,
            "GS": envelope.open_group,
            "ST": self._open_transaction,
            "HL": self._open_level,
            "CLM": self._open_claim,
            "SE": envelope.close_transaction,
            "GE": envelope.close_group,
            "IEA": envelope.close_interchange,
        }

    @property
    def interchanges(self) -> int:
        """The interchanges so far."""
        return self._envelope.interchanges

    @property
    def transactions(self) -> int:
        """The transaction sets so far, of any kind."""
        return self._envelope.transactions

    @property
    def readable(self) -> bool:
        """Whether all of the input was read and is of a kind that is judged."""
        return self.unread is None

    def __iter__(self) -> Iterator[RawClaim]:
        return (event for event in self.events() if isinstance(event, RawClaim))

    def events(self) -> Iterator[EnvelopeSegment | RawClaim]:
        """Yield the claims and what is between them, in file order, once.

        From the first header on, each event ends where the next begins.
        """
        return self._walk(self._take_block)

    def passing(
        self, regular: Callable[[], Iterable[tuple[int, int]]]
    ) -> Iterator[EnvelopeSegment | RawClaim | TextRun]:
        """Yield what `events` does, but claims that are known to be regular with the levels between them as runs.

        `regular` returns where the claims that come next begin and end, as far as they are known to have rows.
        """
        return self._walk(lambda block: self._pass_block(block, regular))

    def survey(self) -> Iterator[RawClaim | ClaimRow]:
        """Yield the claims as iterating does, but regular ones as rows."""
        for claims in self.in_runs():
            if isinstance(claims, RawClaim):
                yield claims
            else:
                yield from claims

    def in_runs(self) -> Iterator[RawClaim | RowRun]:
        """Yield what `survey` does, the rows in runs, each of which has to be iterated over before the next."""
        return (event for event in self._walk(self._take_rows) if not isinstance(event, EnvelopeSegment))

    def _walk(self, take_block: Callable[[Block], Iterator[_Event]]) -> Iterator[_Event | EnvelopeSegment | RawClaim]:
        for piece in cut_blocks(self._chunks(), self._report):
            yield from self._take(piece) if isinstance(piece, Segment) else take_block(piece)
        yield from self._finish(self._source.size, complete=False)
        if not self._is_cut:
            # Where the end itself is missing, so are the trailers: that is one error, not four.
            self._envelope.expect_closed(at_end=True)
        self._envelope.end()

    def _take_block(self, block: Block) -> Iterator[EnvelopeSegment | RawClaim]:
        """Take a regular part of the file."""
        for stretch in block.stretches():
            yield from self._take_stretch(stretch)

    def _take_rows(self, block: Block) -> Iterator[EnvelopeSegment | RawClaim | RowRun]:
        """Take a regular part of the file, as much of it as possible in rows."""
        at, ordinal = 0, block.ordinal
        while at < len(block.text):
            if self._envelope.judged:
                yield from self._finish(block.offset + at)
            run = self._run(block, at, ordinal)
            if run is not None:
                yield run
                self._take_run(run, ordinal)
                at, ordinal = run.at, run.ordinal
            if at < len(block.text):
                stretch = next(block.stretches(at, ordinal))
                yield from self._take_stretch(stretch)
                at, ordinal = at + len(stretch.text), ordinal + stretch.count

    def _pass_block(
        self, block: Block, regular: Callable[[], Iterable[tuple[int, int]]]
    ) -> Iterator[EnvelopeSegment | RawClaim | TextRun]:
        """Take a regular part of the file, as much of it as possible in runs of claims that are known."""
        at, ordinal = 0, block.ordinal
        while at < len(block.text):
            if self._envelope.judged:
                yield from self._finish(block.offset + at)
            if self._is_in_order():
                levels = self._levels
                above = (levels["2000A"], levels.get("2000B"), levels.get("2000C"))
                run = TextRun(block, at, ordinal, self._level_count, *above)
                run.extend(regular())
                if run.claims:
                    self._take_text_run(run)
                    at, ordinal = run.stop, ordinal + run.count
                    yield run
            if at < len(block.text):
                stretch = next(block.stretches(at, ordinal))
                yield from self._take_stretch(stretch)
                at, ordinal = at + len(stretch.text), ordinal + stretch.count

    def _take_text_run(self, run: TextRun) -> None:
        """Count what a run holds, and go on where it ends."""
        self.segments += run.count
        self._envelope.count_all(run.count)
        self.claims += len(run.claims)
        self._level_count += len(run.levels)
        self._in_sequence = self._level_count
        self._stand_under({loop: level for loop, (_, level) in run.last_levels.items()})

    def _is_in_order(self) -> bool:
        """Whether claims of a billing provider may come next and all levels are in order so far."""
        in_sequence = self._in_sequence == self._level_count and self._unknown_level is None
        return in_sequence and self._envelope.judged and "2000A" in self._levels

    def _run(self, block: Block, at: int, ordinal: int) -> RowRun | None:
        """Begin a run of rows; None where claims and levels are not in order so far."""
        if not self._is_in_order():
            return None
        levels = self._levels
        run = RowRun(
            block, at, ordinal, self.claims, self._level_count, levels["2000A"], self._envelope.transaction_set()
        )
        if "2000B" in levels:
            run.stand_under(levels["2000B"], levels.get("2000C"))
        return run

    def _take_run(self, run: RowRun, ordinal: int) -> None:
        """Count what a run held, and go on where it ended."""
        self.segments += run.ordinal - ordinal
        self._envelope.count_all(run.ordinal - ordinal)
        self.claims, self._level_count = run.claims, run.levels
        self._in_sequence = run.levels
        self._stand_under(run.last_levels())

    def _stand_under(self, opened: dict[str, Level]) -> None:
        """Go on under the levels that a run has opened."""
        if opened:
            kept = {} if "2000B" in opened else {"2000B": self._levels["2000B"]}
            self._levels = {"2000A": self._levels["2000A"], **kept, **opened}
            self._level = next(reversed(self._levels.values()))

    def _take_stretch(self, stretch: Stretch) -> Iterator[EnvelopeSegment | RawClaim]:
        is_judged = self._envelope.judged and stretch.count <= _MAX_SEGMENTS
        if stretch.id == "CLM" and is_judged and not _hides_claim(stretch):
            yield from self._finish(stretch.offset)
            yield self._take_claim(stretch)
        elif stretch.id == "HL" and is_judged and not _holds_service(stretch):
            yield from self._finish(stretch.offset)
            self._take_level(stretch)
        else:
            for segment in stretch.cut():
                yield from self._take(segment)

    def _take(self, segment: Segment) -> Iterator[EnvelopeSegment | RawClaim]:
        """Take the next segment, and yield what ends with it."""
        if not segment.text:
            if segment.terminator:
                self._add_error(
                    rules.EmptySegment, segment, "The segment is empty: two terminators are next to each other."
                )
            elif strip_blank(segment.lead):
                yield from self._finish(segment.offset)
                self._envelope_segment = EnvelopeSegment(segment, unread=True)
            return
        self.segments += 1
        handler = self._handlers.get(segment.id)
        if handler is None or (segment.id in {"HL", "CLM"} and not self._envelope.judged):
            if self._content(segment):
                if self._envelope_segment is not None:
                    self._envelope_segment.segments += 1
                return
            handler = self._open_unread
        yield from self._finish(segment.offset)
        self._check(segment)
        self._envelope_segment = handler(segment)

    def _take_claim(self, stretch: Stretch) -> RawClaim:
        """Take a whole claim."""
        self.segments += stretch.count
        self._envelope.count_all(stretch.count)
        self._check_subscriber(stretch.head)
        return self._raw_claim(stretch.offset, stretch.end, stretch.count, stretch=stretch)

    def _take_level(self, stretch: Stretch) -> None:
        """Take a whole hierarchical level."""
        self.segments += stretch.count
        self._envelope_segment = self._open_level(stretch.head)
        self._envelope_segment.segments = stretch.count
        self._envelope.count_all(stretch.count - 1)
        if self._level is not None:
            self._level.stretch = stretch

    def _finish(self, end: int, *, complete: bool = True) -> Iterator[EnvelopeSegment | RawClaim]:
        """Yield what was open, now that its end is known."""
        if self._envelope_segment is not None:
            ended, self._envelope_segment = self._envelope_segment, None
            ended.end = end
            yield ended
        if self._claim is not None:
            segments, self._claim = self._claim, None
            complete, count = complete and not self._left_out, len(segments) + self._left_out
            yield self._raw_claim(segments[0].offset, end, count, complete=complete, cut=segments)

    @staticmethod
    def _open_unread(segment: Segment) -> EnvelopeSegment:
        return EnvelopeSegment(segment, unread=True)

    # -- reporting ------------------------------------------------------------------------------------------------

    def _chunks(self) -> Iterator[bytes]:
        for data in self._source.chunks():
            yield data
            if self._progress is not None:
                self._progress(len(data))

    def _report(self, error: X12SyntaxError) -> None:
        if error.unread and self.unread is None:
            self.unread = error
        self._is_cut |= error.rule in {rules.Truncated, rules.SegmentTooLong}
        if self._on_error is not None:
            self._on_error(error)

    def _add_error(self, rule: type[SyntaxRule], segment: Segment, message: str, element: str | None = None) -> None:
        """Report an error of a hierarchical level, or of a segment in front of it."""
        loop = _PARENTS.get(segment.get(3), ("2000", ""))[0] if segment.id == "HL" else "ST_LOOP"
        scope = Scope.LEVEL if rule in _OF_LEVELS else Scope.NOTHING
        start = self._envelope.transaction_start
        place = segment.locate(loop, element)
        self._report(rule.at(place, message, scope=scope, part=segment.offset, transaction_set=start))

    def _check(self, segment: Segment) -> None:
        """Report an identifier that is malformed or that the guide does not know, and control characters."""
        written = segment.elements[0]
        if written not in self._ids:
            if not _SEGMENT_ID.fullmatch(written):
                message = "A segment identifier is malformed or in lower case."
                self._spoil(rules.SegmentIdMalformed, segment, message)
            elif written in GUIDE_SEGMENTS or written in self._handlers:
                self._ids.add(written)
            elif self._envelope.judged:
                self._spoil(rules.SegmentUnknown, segment, "The guide knows no segment with this identifier.")
        for element in control_characters(segment):
            name = f"{segment.known_id}{element:02}" if segment.known_id and element < 100 else None
            message = f"{name or 'An element'} holds a line end or another control character."
            self._spoil(rules.ControlCharacter, segment, message, name, "6" if name else "8")

    def _spoil(
        self,
        rule: type[SyntaxRule],
        segment: Segment,
        message: str,
        element: str | None = None,
        syntax: str = "",
    ) -> None:
        """Report an error of a segment, which spoils the claim, level or envelope that it is in or opens."""
        scope, part, loop = self._part_of(segment)
        start = self._envelope.transaction_start
        place = segment.locate(loop, element)
        self._report(rule.at(place, message, syntax, scope=scope, part=part, transaction_set=start))

    def _part_of(self, segment: Segment) -> tuple[Scope, int | None, str]:
        """Return the smallest part of the file that a segment is in or opens: scope, first byte and loop."""
        if self._envelope.judged and segment.id not in _ENVELOPE_LOOPS:
            if segment.id == "CLM" or self._claim is not None:
                claim = self._claim[0] if self._claim is not None else segment
                return Scope.CLAIM, claim.offset, "2400" if self._in_lines and segment.id != "CLM" else "2300"
            if segment.id == "HL":
                return Scope.LEVEL, segment.offset, "2000"
            level = self._level or self._unknown_level
            if level is not None:
                return Scope.LEVEL, level.head.offset, level.loop or "2000"
        return *self._envelope.part_of(segment), _ENVELOPE_LOOPS.get(segment.id, "ST_LOOP")

    def _check_subscriber(self, clm: Segment) -> None:
        """Report a claim that no subscriber level encloses."""
        if "2000B" not in self._levels:
            message = "A claim is under no subscriber level."
            place = clm.locate("2300")
            self._report(rules.HierarchyParentUnknown.at(place, message, scope=Scope.CLAIM, part=clm.offset))

    # -- levels and claims ----------------------------------------------------------------------------------------

    def _open_transaction(self, segment: Segment) -> EnvelopeSegment:
        opened = self._envelope.open_transaction(segment)
        self._levels, self._level, self._level_count = {}, None, 0
        self._unknown_level, self._in_sequence = None, 0
        self._numbers_out_of_sequence = ControlNumbers()
        return opened

    def _open_level(self, segment: Segment) -> EnvelopeSegment:
        self._envelope.count(segment)
        self._check_level_number(segment)
        kind = segment.get(3)
        if kind not in _PARENTS:
            self._add_error(rules.HierarchyLevelUnknown, segment, "HL03 is not 20, 22 or 23.", "HL03")
            self._level, self._unknown_level = None, Level(segment, "")
            return EnvelopeSegment(segment)
        self._unknown_level = None
        self._room, self._left_out = _MAX_BYTES, 0
        loop, enclosing = _PARENTS[kind]
        parent = self._levels.get(enclosing)
        if segment.get(2) != (parent.number if parent is not None else "") or (enclosing and parent is None):
            self._add_error(rules.HierarchyParentUnknown, segment, "HL02 does not name the enclosing level.", "HL02")
        self._level = Level(segment, loop)
        self._levels = {name: level for name, level in self._levels.items() if name < loop}
        self._levels[loop] = self._level
        return EnvelopeSegment(segment, loop)

    def _check_level_number(self, segment: Segment) -> None:
        """Report an HL01 that is no number, is that of another level of the transaction set, or is out of sequence."""
        written, count = segment.get(1), self._level_count
        self._level_count = expected = count + 1
        if written == str(expected) and self._in_sequence == count:
            self._in_sequence = expected
            return
        number = int(written) if written.isascii() and written.isdigit() and len(written) <= _LONGEST_NUMBER else 0
        if not number:
            self._add_error(rules.HierarchyParentUnknown, segment, "HL01 is missing or not a number.", "HL01")
        elif number <= self._in_sequence or str(number) in self._numbers_out_of_sequence:
            # One of more digits may be a person's identifier.
            shown = f" {number}" if CodeForm.COUNT.fits(written) else ""
            message = f"HL01{shown} is the number of another level of the transaction set."
            self._add_error(rules.HierarchyParentUnknown, segment, message, "HL01")
        elif written != str(expected):
            message = f"HL01 should be {expected}: levels are counted from 1 in each transaction set."
            self._add_error(rules.HierarchyNumberOutOfSequence, segment, message, "HL01")
        self._numbers_out_of_sequence.add(str(number))

    def _open_claim(self, segment: Segment) -> None:
        self._envelope.count(segment)
        self._check_subscriber(segment)
        self._claim, self._in_lines = [segment], False
        self._room, self._left_out = _MAX_BYTES, 0

    def _content(self, segment: Segment) -> bool:
        """Add a segment to what is open; False where it belongs to nothing and is unread."""
        self._check(segment)
        if not self._envelope.count(segment):
            return self._envelope.in_transaction or segment.id == "TA1"
        if self._claim is not None:
            if segment.id in _NEVER_IN_LINES and self._in_lines:
                self._add_error(rules.ServiceOutsideClaim, segment, _NEVER_IN_LINES[segment.id])
                if segment.id != "HI":  # whose the next claim is, is not known
                    self._level, self._levels = None, {k: v for k, v in self._levels.items() if k == "2000A"}
                return False
            self._in_lines = self._in_lines or segment.id in {"LX", "SV1"}
            self._keep(segment, self._claim)
            return True
        if self._level is not None:
            self._keep(segment, self._level.segments)
        else:
            self._envelope.header(segment)
        if segment.id in {"LX", "SV1"}:
            self._add_error(rules.ServiceOutsideClaim, segment, "A service line is before any claim.")
            return False
        return True

    def _keep(self, segment: Segment, part: list[Segment]) -> None:
        """Add a segment to a claim or level, unless that is large enough to make memory grow."""
        self._room -= len(segment.text)
        if self._left_out or self._room < 0 or len(part) >= _MAX_SEGMENTS:
            if not self._left_out:
                self._add_error(
                    rules.PartTooLong, segment, "A claim or level is too long; it was not read from here on."
                )
            self._left_out += 1
        else:
            part.append(segment)

    def _raw_claim(self, start: int, end: int, count: int, **rest: Any) -> RawClaim:
        self.claims += 1
        levels = self._levels
        return RawClaim(
            self.claims,
            start,
            end,
            count,
            levels.get("2000A"),
            levels.get("2000B"),
            levels.get("2000C"),
            self._envelope.transaction_set(),
            unknown=self._unknown_level,
            **rest,
        )


def _holds_service(stretch: Stretch) -> bool:
    """Whether a hierarchical level may hold a service line, which belongs to a claim."""
    text, separator = stretch.text, stretch.delimiters.element
    return f"LX{separator}" in text or f"SV1{separator}" in text


def _hides_claim(stretch: Stretch) -> bool:
    """Whether a service line of a claim may be followed by something that only begins another claim or level."""
    line, astray = _hiding(stretch.delimiters)
    first = line.search(stretch.text)
    return first is not None and astray.search(stretch.text, first.end()) is not None


@cache
def _hiding(delimiters: Delimiters) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return what finds a service line and what finds a segment that never follows one."""
    begin, separator = f"{re.escape(delimiters.segment)}[\\r\\n]*+", re.escape(delimiters.element)
    return re.compile(f"{begin}(?:LX|SV1){separator}"), re.compile(f"{begin}(?:{'|'.join(_NEVER_IN_LINES)}){separator}")


_NEVER_IN_LINES = {
    "HI": "Diagnoses (HI) are after a service line: the CLM before them is missing or damaged.",
    "SBR": "A subscriber (SBR) is after a service line: the HL before it is missing or damaged.",
    "PAT": "A patient (PAT) is after a service line: the HL before it is missing or damaged.",
}
"""Segments that only come before the service lines of a claim, and the message for one that comes after."""

_PARENTS = {"20": ("2000A", ""), "22": ("2000B", "2000A"), "23": ("2000C", "2000B")}
"""HL03 to the loop and the loop that must enclose it."""
_OF_LEVELS = {rules.HierarchyParentUnknown, rules.HierarchyLevelUnknown}
_ENVELOPE_LOOPS = {
    "ISA": "ISA_LOOP",
    "IEA": "ISA_LOOP",
    "GS": "GS_LOOP",
    "GE": "GS_LOOP",
    "ST": "ST_LOOP",
    "SE": "ST_LOOP",
}
_LONGEST_NUMBER = 12  # HL01
