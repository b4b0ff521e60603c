"""The accepted and the rejected claims of an 837P as two interchanges of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from attrs import define, field

from scrubber.findings import ClaimReport, FileReport, Severity, Totals
from scrubber.parser import InputSource, Mark, RawClaim
from scrubber.writers.filesink import Tally
from scrubber.writers.splice import Splicer, corrected_count, with_elements

__all__ = ["Side"]

_DEPTHS = {"ISA": 0, "GS": 1, "ST": 2}
_LEVEL_DEPTHS = {"2000A": 3, "2000B": 4, "2000C": 5, "": 6}
_HEADER_OF = {"IEA": "ISA", "GE": "GS", "SE": "ST"}
_TRAILERS = {"ISA": ("IEA", 13), "GS": ("GE", 6), "ST": ("SE", 2)}
_BILLING_PROVIDER, _SUBSCRIBER, _PATIENT = 3, 4, 5


@define(eq=False)
class _Open:
    """A header or hierarchical level that claims may follow: written with the first claim below it that is kept.

    `count` is that of its trailer, for a transaction set the segments written so far and for the others the number of
    headers directly inside; `number` is the HL01 that a level was written with, `child_code` where its HL04 stands
    in the output.  `astray` are the trailers inside that close nothing, from before it was written.
    """

    mark: Mark
    depth: int
    written: bool = False
    count: int = 0
    levels: int = 0
    number: str = ""
    child_code: int = 0
    astray: list[Mark] = field(factory=list)


@define(eq=False)
class Side:
    """One side of the split: the accepted claims of an input, or with `rejected` the rejected ones.

    Kept claims and everything between them are slices of the input.  Headers and levels left without a claim are
    dropped; HL01, HL02, HL04, SE01, GE01 and IEA01 are numbered and counted again.  Where all claims are on this side
    the file is the input, byte for byte, unless an envelope without claims has an error: no clean file holds that.  Of
    an input that was not read whole, a transaction set that is not an 837P goes to the rejected side, and what is
    unread to neither.

    `refuses` says of the first byte of a transaction set, functional group or interchange whether it is rejected with
    all its claims: then the rejected side repeats what is wrong with its trailers.
    """

    source: InputSource
    out: BinaryIO
    refuses: Callable[[int], bool]
    rejected: bool
    notes: list[str] = field(factory=list, init=False)
    _open: list[_Open] = field(factory=list, init=False)
    _splicer: Splicer = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._splicer = Splicer(self.source, self.out)

    def mark(self, mark: Mark) -> None:
        """Take a header or level, to be written when needed, or a trailer, which is written if its header was."""
        if mark.kind in _HEADER_OF:
            self._take_trailer(mark)
        elif mark.kind in _DEPTHS or mark.kind == "HL":
            depth = _LEVEL_DEPTHS[mark.loop] if mark.kind == "HL" else _DEPTHS[mark.kind]
            self._close(depth)
            self._open.append(_Open(mark, depth))
            if self.rejected and not mark.judged:
                self._write_headers()

    def claim(self, raw: RawClaim, report: ClaimReport) -> None:
        """Keep the claim if it belongs to this side."""
        if report.rejected is not self.rejected:
            return
        self._write_headers()
        self._splicer.keep(raw.start, raw.end)
        for header in self._open:
            if header.depth == _DEPTHS["ST"]:
                header.count += raw.count

    def finish(self, report: FileReport) -> str:
        """Write what is due, closing what the input left open."""
        self._close(0)
        totals = report.totals
        others = totals.accepted if self.rejected else totals.rejected
        good = self.rejected or not any(finding.severity is Severity.ERROR for finding in report.findings)
        if report.readable and good and not others and (totals.rejected or not self.rejected):
            self._splicer.restart()
            self._splicer.keep(0, self.source.size)
        self._splicer.flush()
        return "" if self._splicer.position else f"there are no {'rejected' if self.rejected else 'accepted'} claims"

    def expected(self, totals: Totals) -> Tally:
        """Give the claims of this side."""
        if self.rejected:
            return Tally(totals.rejected, totals.rejected_lines, totals.rejected_charges)
        return Tally(totals.accepted, totals.lines - totals.rejected_lines, totals.accepted_charges)

    # -- headers ----------------------------------------------------------------------------------------------------

    def _write_headers(self) -> None:
        for place, header in enumerate(self._open):
            if not header.written:
                self._write_header(header, self._open[:place])

    def _write_header(self, header: _Open, above: list[_Open]) -> None:
        mark, header.written = header.mark, True
        transaction = next((other for other in above if other.depth == _DEPTHS["ST"]), header)
        if mark.kind == "HL":
            transaction.levels += 1
            header.number = str(transaction.levels)
            self._write_level(header, above)
        else:
            self._splicer.keep(mark.start, mark.end)
            for trailer in header.astray:
                self._splicer.keep(trailer.start, trailer.end)
            if above and above[-1].depth == header.depth - 1:
                above[-1].count += 1
        if header.depth >= _DEPTHS["ST"]:
            transaction.count += mark.segments

    def _write_level(self, header: _Open, above: list[_Open]) -> None:
        segment = header.mark.segment
        parent = above[-1] if above and above[-1].mark.kind == "HL" else None
        if parent is not None and parent.depth == _SUBSCRIBER and header.depth == _PATIENT:
            self._splicer.overwrite(parent.child_code, b"1")
        changes = {1: header.number, 2: parent.number if parent is not None else ""}
        if header.depth in {_BILLING_PROVIDER, _SUBSCRIBER, _PATIENT}:
            changes[4] = "1" if header.depth == _BILLING_PROVIDER else "0"
        text = with_elements(segment, changes)
        mark = segment.delimiters.element
        header.child_code = self._splicer.position + sum(len(element) + 1 for element in text.split(mark)[:4])
        self._keep_changed(header.mark, text)

    # -- trailers ---------------------------------------------------------------------------------------------------

    def _take_trailer(self, mark: Mark) -> None:
        if not mark.segment.terminator:
            return  # the input ends inside it; its header gets a whole one
        depth = _DEPTHS[_HEADER_OF[mark.kind]]
        self._close(depth + 1)
        if not self._open or self._open[-1].depth != depth:
            self._take_astray(mark)
            return
        if not self._open[-1].written:
            self._close(depth)
            return
        header, segment = self._open.pop(), mark.segment
        count = corrected_count(segment, mark.count, self._count_of(header))
        self._keep_changed(mark, with_elements(segment, {1: count}))

    def _take_astray(self, mark: Mark) -> None:
        """Keep a trailer that closes nothing where claims are rejected for it."""
        around = self._open[-1] if self._open else None
        if around is None or not self.refuses(around.mark.start):
            return
        if around.written:
            self._splicer.keep(mark.start, mark.end)
        else:
            around.astray.append(mark)

    def _keep_changed(self, mark: Mark, text: str) -> None:
        """Append a mark with another text for the segment that opens it."""
        start = mark.start
        if text != mark.segment.text:
            self._splicer.put(text.encode("latin-1"))
            start += len(mark.segment.text)
        self._splicer.keep(start, mark.end)

    @staticmethod
    def _count_of(header: _Open) -> int:
        return header.count + (header.depth == _DEPTHS["ST"])  # SE01 counts the SE

    def _close(self, depth: int) -> None:
        """Leave what is open from `depth` on; a header that was written and has no trailer in the input gets one.

        None where the missing trailer is what its claims are rejected for.
        """
        while self._open and self._open[-1].depth >= depth:
            header = self._open.pop()
            if header.written and header.mark.kind in _TRAILERS and not self.refuses(header.mark.start):
                self._splicer.put(self._missing_trailer(header).encode("latin-1"))

    def _missing_trailer(self, header: _Open) -> str:
        name, position = _TRAILERS[header.mark.kind]
        segment = header.mark.segment
        marks = segment.delimiters
        trailer = marks.element.join([name, str(self._count_of(header)), segment.get(position)])
        end = "" if self._splicer.ends_with(marks.segment) else marks.segment
        return f"{end}{trailer}{marks.segment}{segment.lead if segment.lead.isspace() else ''}"
