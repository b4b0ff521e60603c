"""The accepted and the rejected claims of an 837P as two interchanges of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from attrs import define, field

from scrubber.claims.raw_claim import RawClaim
from scrubber.claims.text_runs import TextRun
from scrubber.findings.report import ClaimReport, FileReport, Totals
from scrubber.io.source import InputSource
from scrubber.outputs.x12.base import Completion, JudgedRun, Tally, X12Writer
from scrubber.x12.envelope_segment import EnvelopeSegment
from scrubber.x12.slices import Splicer, corrected_count, with_elements

__all__ = ["Side"]

_DEPTHS = {"ISA": 0, "GS": 1, "ST": 2}
_LEVEL_DEPTHS = {"2000A": 3, "2000B": 4, "2000C": 5, "": 6}
_HEADER_OF = {"IEA": "ISA", "GE": "GS", "SE": "ST"}
_TRAILERS = {"ISA": ("IEA", 13), "GS": ("GE", 6), "ST": ("SE", 2)}
_BILLING_PROVIDER, _SUBSCRIBER, _PATIENT = 3, 4, 5


@define(eq=False)
class _OpenLevel:
    """A header or hierarchical level that claims may follow: written with the first claim below it that is kept.

    `count` is that of its trailer, for a transaction set the segments written so far and for the others the number of
    headers directly inside; `number` is the HL01 that a level was written with, `child_code` the position of its
    HL04 in the output.  `verbatim` says that all of it is kept as it is.
    """

    opening: EnvelopeSegment
    depth: int
    written: bool = False
    count: int = 0
    levels: int = 0
    number: str = ""
    child_code: int = 0
    verbatim: bool = False


@define(eq=False)
class Side(X12Writer):
    """One side of the split: the accepted claims of an input, or with `rejected` the rejected ones.

    Kept claims and everything between them are slices of the input.  Headers and levels left without a claim are
    dropped; HL01, HL02, HL04, SE01, GE01 and IEA01 are numbered and counted again.  Where all claims are on this side,
    and no transaction set without claims is rejected, the file is the input, byte for byte.  If an input was not
    completely read, a transaction set that is not an 837P goes to the rejected side, and what is unread to neither.

    `rejects` says of the first byte of a transaction set, functional group or interchange whether it is rejected with
    all its claims: then the rejected side holds all of it as it is, with what it is rejected for.
    """

    source: InputSource
    out: BinaryIO
    rejects: Callable[[int], bool]
    rejected: bool
    _open: list[_OpenLevel] = field(factory=lambda: [], init=False)
    _splicer: Splicer = field(init=False)
    _some_rejected: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._splicer = Splicer(self.source, self.out)

    def envelope_segment(self, passed: EnvelopeSegment) -> None:
        """Take a header or level, to be written when needed, or a trailer, which is written if its header was."""
        if passed.kind in _HEADER_OF:
            self._take_trailer(passed)
        elif passed.kind in _DEPTHS or passed.kind == "HL":
            depth = _LEVEL_DEPTHS[passed.loop] if passed.kind == "HL" else _DEPTHS[passed.kind]
            self._close(depth)
            is_rejected = self.rejects(passed.start)
            self._some_rejected |= is_rejected
            verbatim = self.rejected and (self._is_verbatim() or is_rejected)
            self._open.append(_OpenLevel(passed, depth, verbatim=verbatim))
            if verbatim or (self.rejected and not passed.judged):
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

    def accepted(self, run: JudgedRun, /) -> None:
        """Keep the claims if they belong to this side."""
        text = run.text
        if text.opens_levels:
            self._close(_SUBSCRIBER)
        number, child_code = "", 0
        if not self.rejected:
            self._write_headers()
            number, child_code = self._keep_run(text)
        if text.last_levels:
            self._close(_SUBSCRIBER)
        for loop, (passed, _) in text.last_levels.items():
            level = _OpenLevel(passed, _LEVEL_DEPTHS[loop], written=not self.rejected, number=number)
            level.child_code = child_code
            self._open.append(level)

    def finish(self, report: FileReport) -> Completion:
        """Write what is due, closing what the input left open."""
        self._close(0)
        totals = report.totals
        own, others = (totals.rejected, totals.accepted) if self.rejected else (totals.accepted, totals.rejected)
        if self.rejected:
            is_input = report.readable and not others and bool(own)
        else:  # a transaction set without claims may be rejected, too
            is_input = report.readable and not others and not self._some_rejected
        if is_input:
            self._splicer.copy_all()
        self._splicer.flush()
        is_there = self._splicer.position and (own or is_input or not report.readable)
        return Completion("" if is_there else f"there are no {'rejected' if self.rejected else 'accepted'} claims")

    def expected(self, totals: Totals) -> Tally:
        """Return the claims of this side."""
        if self.rejected:
            return Tally(totals.rejected, totals.rejected_lines, totals.rejected_charges)
        return Tally(totals.accepted, totals.lines - totals.rejected_lines, totals.accepted_charges)

    # -- runs of accepted claims ------------------------------------------------------------------------------------

    def _keep_run(self, text: TextRun) -> tuple[str, int]:
        """Keep claims with all levels between them; return HL01 and the position of HL04 of the last subscriber."""
        transaction = next(header for header in self._open if header.depth == _DEPTHS["ST"])
        provider = next(header for header in self._open if header.depth == _BILLING_PROVIDER)
        transaction.count += text.count
        before, position = transaction.levels, self._splicer.position
        transaction.levels += len(text.levels)
        last = next((at for at in reversed(range(len(text.levels))) if not text.levels[at].of_patient), None)
        if before == text.levels_before and provider.number == text.provider.number:
            self._splicer.keep(text.offset, text.end)
            kind = text.levels[last].kind - text.start if last is not None else 0
        else:
            pieces = _renumbered(text, before, provider.number)
            self._splicer.put("".join(pieces).encode("latin-1"))
            kind = sum(map(len, pieces[: 2 * last + 2])) if last is not None else 0
        return (str(before + last + 1) if last is not None else ""), position + kind + len("22*")

    # -- headers ----------------------------------------------------------------------------------------------------

    def _write_headers(self) -> None:
        for place, header in enumerate(self._open):
            if not header.written:
                self._write_header(header, self._open[:place])

    def _write_header(self, header: _OpenLevel, above: list[_OpenLevel]) -> None:
        passed, header.written = header.opening, True
        transaction = next((other for other in above if other.depth == _DEPTHS["ST"]), header)
        if passed.kind == "HL":
            transaction.levels += 1
            header.number = str(transaction.levels)
            self._write_level(header, above)
        else:
            self._splicer.keep(passed.start, passed.end)
            if above and above[-1].depth == header.depth - 1:
                above[-1].count += 1
        if header.depth >= _DEPTHS["ST"]:
            transaction.count += passed.segments

    def _write_level(self, header: _OpenLevel, above: list[_OpenLevel]) -> None:
        segment = header.opening.segment
        if header.verbatim:
            self._splicer.keep(header.opening.start, header.opening.end)
            return
        parent = above[-1] if above and above[-1].opening.kind == "HL" else None
        if parent is not None and parent.depth == _SUBSCRIBER and header.depth == _PATIENT:
            self._splicer.overwrite(parent.child_code, b"1")
        changes = {1: header.number, 2: parent.number if parent is not None else ""}
        if header.depth in {_BILLING_PROVIDER, _SUBSCRIBER, _PATIENT}:
            changes[4] = "1" if header.depth == _BILLING_PROVIDER else "0"
        text = with_elements(segment, changes)
        separator = segment.delimiters.element
        header.child_code = self._splicer.position + sum(len(element) + 1 for element in text.split(separator)[:4])
        self._keep_changed(header.opening, text)

    # -- trailers ---------------------------------------------------------------------------------------------------

    def _take_trailer(self, passed: EnvelopeSegment) -> None:
        if not passed.segment.terminator:
            return  # the input ends inside it; its header gets a whole one
        depth = _DEPTHS[_HEADER_OF[passed.kind]]
        self._close(depth + 1)
        if self._is_verbatim():
            self._splicer.keep(passed.start, passed.end)
            self._close(depth)
            return
        if not self._open or self._open[-1].depth != depth or not self._open[-1].written:
            self._close(depth)
            return
        header, segment = self._open.pop(), passed.segment
        count = corrected_count(segment, passed.count, self._count_of(header))
        self._keep_changed(passed, with_elements(segment, {1: count}))

    def _is_verbatim(self) -> bool:
        """Whether what is open is kept as it is."""
        return bool(self._open) and self._open[-1].verbatim

    def _keep_changed(self, passed: EnvelopeSegment, text: str) -> None:
        """Append an envelope segment with another text for the segment that opens it."""
        start = passed.start
        if text != passed.segment.text:
            self._splicer.put(text.encode("latin-1"))
            start += len(passed.segment.text)
        self._splicer.keep(start, passed.end)

    @staticmethod
    def _count_of(header: _OpenLevel) -> int:
        return header.count + (header.depth == _DEPTHS["ST"])  # SE01 counts the SE

    def _close(self, depth: int) -> None:
        """Leave what is open from `depth` on; a header that was written and has no trailer in the input gets one.

        None where all of it is kept as it is.
        """
        while self._open and self._open[-1].depth >= depth:
            header = self._open.pop()
            if header.written and header.opening.kind in _TRAILERS and not header.verbatim:
                self._splicer.put(self._missing_trailer(header).encode("latin-1"))

    def _missing_trailer(self, header: _OpenLevel) -> str:
        name, position = _TRAILERS[header.opening.kind]
        segment = header.opening.segment
        delimiters = segment.delimiters
        trailer = delimiters.element.join([name, str(self._count_of(header)), segment.get(position)])
        end = "" if self._splicer.ends_with(delimiters.segment) else delimiters.segment
        return f"{end}{trailer}{delimiters.segment}{segment.lead if segment.lead.isspace() else ''}"


def _renumbered(text: TextRun, before: int, provider: str) -> list[str]:
    """Return a run with its levels numbered on from `before` under the provider with that HL01.

    The pieces are what is in front of each level, its beginning up to HL03, and so on, and the rest.
    """
    whole, separator = text.block.text, text.block.delimiters.element
    pieces: list[str] = []
    at, enclosing = text.start, ""
    for number, level in enumerate(text.levels, before + 1):
        parent = enclosing if level.of_patient else provider
        pieces += (whole[at : level.start], f"HL{separator}{number}{separator}{parent}{separator}")
        at = level.kind
        if not level.of_patient:
            enclosing = str(number)
    pieces.append(whole[at : text.stop])
    return pieces
