"""The input with the findings written into its notes, for people and hosts, not for sending on.

Line findings become a third party organization note (`NTE*TPO*text`) of their service line, claim findings one of the
claim, each where 005010X222A1 allows it.  The guide allows one TPO note a line and one note of any kind a claim: where
that place is taken the finding goes to file information (`K3`) on request, and else is counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import BinaryIO

from attrs import define, field

from scrubber.claims.loops import claim_loops
from scrubber.claims.raw_claim import RawClaim
from scrubber.findings.finding import Finding
from scrubber.findings.report import ClaimReport, FileReport, Totals
from scrubber.io.source import InputSource
from scrubber.outputs.x12.base import Completion, JudgedRun, Tally, X12Writer
from scrubber.x12.envelope_segment import EnvelopeSegment
from scrubber.x12.segment import Delimiters, Loop, Segment
from scrubber.x12.slices import Splicer, corrected_count, with_elements

__all__ = ["Annotator", "note_text"]

MAX_TEXT = 80
"""The longest NTE02 and K301 of the guide."""

_MAX_K3 = 10
_UNWRITABLE = re.compile(r"""[^A-Z0-9 !"&'()+,\-./;?=]""")
_CLAUSE_END = re.compile(r"[,;.](?= |$)| \(")
_LOOSE_END = re.compile(r"[ ,;.(]*( (A|AN|AND|BY|FOR|IF|IN|OF|ON|OR|THAT|THE|TO|WHICH|WITH))*$")
_CLAIM_BEFORE_K3 = frozenset({"CLM", "DTP", "PWK", "CN1", "AMT", "REF", "K3"})
_LINE_BEFORE_K3 = frozenset(
    {"LX", "SV1", "SV5", "PWK", "CR1", "CR3", "CRC", "DTP", "QTY", "MEA", "CN1", "REF", "AMT", "K3"}
)


def note_text(findings: Sequence[Finding], delimiters: Delimiters) -> str:
    """Return the note on the findings of one line or claim: the gravest, what to do, how many more there are.

    At most 80 characters of the basic character set, upper case, none of them a delimiter of the interchange.
    """
    first = min(findings, key=lambda finding: (finding.severity.rank, finding.code))
    more = f" +{len(findings) - 1} MORE" if len(findings) > 1 else ""
    name = first.name.replace("-", " ")
    head = _cut(_written(f"{first.code} {first.severity} {name}.", delimiters), MAX_TEXT - len(more))
    fix = _cut(_written(first.fix, delimiters), MAX_TEXT - len(head) - len(more) - 1)
    return _written(f"{head} {fix}{more}", delimiters)[:MAX_TEXT].rstrip()


def _cut(text: str, room: int) -> str:
    """Shorten a text to at most `room` characters: at the end of a clause, else of a word."""
    if len(text) <= room:
        return text
    kept = text[: max(room, 0) + 1].rpartition(" ")[0]
    clause = max((found.start() for found in _CLAUSE_END.finditer(kept)), default=0)
    return _LOOSE_END.sub("", kept[:clause] if clause else kept)


def _written(text: str, delimiters: Delimiters) -> str:
    text = _UNWRITABLE.sub(" ", text.upper())
    for delimiter in (delimiters.element, delimiters.component, delimiters.repetition, delimiters.segment):
        text = text.replace(delimiter, " ") if delimiter else text
    return " ".join(text.split())


@define(eq=False)
class Annotator(X12Writer):
    """Writes the annotated file.  `not_annotated` counts the lines and claims whose findings found no place."""

    source: InputSource
    out: BinaryIO
    use_k3: bool = False
    not_annotated: int = field(default=0, init=False)
    _splicer: Splicer = field(init=False)
    _at: int = field(default=0, init=False)
    _added: int = field(default=0, init=False)
    _is_x12: bool = field(default=False, init=False)
    _k3_would_help: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._splicer = Splicer(self.source, self.out)

    def envelope_segment(self, passed: EnvelopeSegment) -> None:
        """Correct the count of a transaction set that notes were added to."""
        self._is_x12 |= passed.kind == "ISA"
        if passed.kind == "ST":
            self._added = 0
        elif passed.kind == "SE" and self._added:
            segment = passed.segment
            count = corrected_count(segment, passed.count, passed.count + self._added)
            self._keep_to(segment.offset)
            self._splicer.put(with_elements(segment, {1: count}).encode("latin-1"))
            self._at = segment.offset + len(segment.text)
            self._added = 0

    def claim(self, raw: RawClaim, report: ClaimReport) -> None:
        """Write the findings of a claim into it."""
        if not report.findings:
            return
        if not raw.complete:
            # With notes in it, what is read of a claim that is too long would end at another of its lines.
            self.not_annotated += len({finding.line for finding in report.findings})
            return
        for segment, note in sorted(self._notes(raw, report.findings), key=lambda entry: entry[0].offset):
            self._keep_to(segment.end)
            end = "" if segment.terminator else segment.delimiters.segment
            lead = segment.lead if segment.lead.isspace() else ""
            self._splicer.put(f"{end}{lead}{note}{segment.terminator}".encode("latin-1"))
            self._added += 1

    def accepted(self, _run: JudgedRun, /) -> None:
        """Do nothing: the claims have no findings, and what is between notes is kept."""

    def finish(self, _report: FileReport) -> Completion:
        """Write the rest of the input."""
        self._keep_to(self.source.size)
        self._splicer.flush()
        notes: tuple[str, ...] = ()
        if self.not_annotated:
            hint = " (--annotate-k3 writes them to K3)" if self._k3_would_help else ""
            notes = (f"{self.not_annotated} lines or claims had no room for a note on their findings{hint}",)
        return Completion("" if self._is_x12 else "there is no interchange", notes, self.not_annotated)

    def expected(self, totals: Totals) -> Tally:
        """Return all claims."""
        return Tally(totals.claims, totals.lines, totals.charges)

    def _keep_to(self, end: int) -> None:
        self._splicer.keep(self._at, end)
        self._at = end

    def _notes(self, raw: RawClaim, findings: Iterable[Finding]) -> Iterator[tuple[Segment, str]]:
        """Yield the notes of a claim, each with the segment behind which it goes."""
        claim = claim_loops(raw.segments)
        lines = claim.children("2400")
        for number, group in groupby(findings, key=lambda finding: finding.line or 0):
            loop = lines[number - 1] if number else claim
            note = self._note(loop, note_text(list(group), raw.delimiters), of_line=bool(number))
            if note is not None:
                yield note

    def _note(self, loop: Loop, text: str, *, of_line: bool) -> tuple[Segment, str] | None:
        """Return a note on a line or a claim, None where it is there already or finds no place."""
        if of_line and loop.find("LX") is None:
            self.not_annotated += 1  # for the guide this is no line, so there is no place for its note
            return None
        notes, infos = loop.find_all("NTE"), loop.find_all("K3")
        own = [note.get(2) for note in notes if note.get(1) == "TPO"] + [info.get(1) for info in infos]
        if text in own:
            return None
        taken = any(note.get(1) == "TPO" for note in notes) if of_line else bool(notes)
        before_k3 = _LINE_BEFORE_K3 if of_line else _CLAIM_BEFORE_K3
        if not taken:
            before, elements = before_k3 | {"NTE"}, ["NTE", "TPO", text]
        elif self.use_k3 and len(infos) < _MAX_K3:
            before, elements = before_k3, ["K3", text]
        else:
            self.not_annotated += 1
            self._k3_would_help |= len(infos) < _MAX_K3
            return None
        behind = [segment for segment in loop.segments if segment.id in before][-1]
        return behind, behind.delimiters.element.join(elements)
