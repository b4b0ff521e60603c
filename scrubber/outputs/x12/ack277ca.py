"""The rejection report: a 277CA (005010X214) that answers the claims of the input, accepted or rejected.

One 277 transaction set answers one 837 transaction set.  The form is that of the published X12 examples.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, zip_longest
from typing import BinaryIO

from attrs import define, field, frozen

from scrubber.claims.builder import build_claim
from scrubber.claims.columns import row_of
from scrubber.claims.loops import level_loops
from scrubber.claims.model import Claim, ServiceLine
from scrubber.claims.raw_claim import Level, RawClaim
from scrubber.errors import ScrubberError
from scrubber.findings.finding import Finding, Severity, Status
from scrubber.findings.report import ClaimReport, FileReport, Totals
from scrubber.io.source import InputSource
from scrubber.outputs.x12.accepted_answers import NO_TRACE, UNKNOWN, AcceptedAnswers, first_name, patient_name
from scrubber.outputs.x12.acknowledgement import InterchangeWriter, SegmentBuffer, amount, d8
from scrubber.outputs.x12.base import AckSettings, Completion, JudgedRun, X12Writer
from scrubber.x12.envelope_segment import EnvelopeSegment
from scrubber.x12.lexer import MAX_SEGMENT, cut_slice
from scrubber.x12.segment import Loop, Segment

__all__ = ["ClaimAcknowledger"]

_ACCEPTED = (Status("A0", "16", "PR"),)
_RECEIVED = (Status("A1", "19", "AY"),)
_REJECTED_LINES = (Status("A3", "247"),)
_UNSPECIFIED_LINE = (Status("A8", "732"), Status("A8", "507"))
_UNSPECIFIED_CLAIM = (Status("A3", "23", "41"),)
_MAX_STATUSES = 3  # STC01, STC10, STC11
_PROVIDER_QUALIFIERS = {"XX": "XX", "SV": "SV", "FI": "FI", "24": "FI", "34": "FI"}  # 24, 34: tax numbers of 4010
_PROCEDURE_QUALIFIERS = ("ER", "HC", "IV", "WK")


@define
class _ProviderClaims:
    """The claims of one billing provider level: its segments so far, and its totals."""

    level: Level | None
    number: int
    claims: SegmentBuffer
    totals: Totals = field(factory=Totals)


@define
class _Transaction:
    """The answer to one 837 transaction set: header, receiver, and the providers that are complete."""

    header: Sequence[Segment]
    body: SegmentBuffer
    levels: int = 2  # the information source and the receiver
    totals: Totals = field(factory=Totals)
    provider: _ProviderClaims | None = None


@define(eq=False)
class ClaimAcknowledger(X12Writer):
    """Writes the 277CA.  `totals` are those of all claims that passed.

    Claims whose transaction set, functional group or interchange is rejected are not in it: the 999 or TA1 answers.

    With `line_dates` service lines have STC02 too: the form that pyx12's stock map of X214 asks for.
    """

    source: InputSource
    out: BinaryIO
    settings: AckSettings
    line_dates: bool = False
    totals: Totals = field(factory=Totals, init=False)
    _envelope: InterchangeWriter = field(init=False)
    _set: _Transaction | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._envelope = InterchangeWriter(self.out, self.settings, "HN", "277", "005010X214")

    def envelope_segment(self, passed: EnvelopeSegment) -> None:
        """Follow the envelope of the input."""
        if passed.kind == "ISA":
            self._close_set()
            self._envelope.open_interchange(passed.segment)
        elif passed.kind == "GS":
            self._close_set()
            self._envelope.open_group(passed.segment)
        elif passed.kind == "GE":
            self._close_set()
            self._envelope.open_group(None)
        elif passed.kind == "ST":
            self._close_set()
            if passed.judged:
                self._open_set(passed)

    def claim(self, raw: RawClaim, report: ClaimReport) -> None:
        """Acknowledge a claim."""
        transaction = self._set
        if transaction is None:
            return
        self.totals.add(report)
        if report.envelope_rejected:
            return  # the 999 or TA1 rejects all that it came with
        provider = self._provider_of(transaction, raw.provider)
        transaction.levels += 1
        for totals in (provider.totals, transaction.totals):
            totals.add(report)
        answer = _ClaimAnswer(raw, report, provider.claims, self._envelope.stamp.d8, self.line_dates)
        answer.write(transaction.levels, provider.number)

    def accepted(self, run: JudgedRun, /) -> None:
        """Acknowledge claims that are accepted unopened."""
        transaction = self._set
        if transaction is None:
            return
        provider, own = self._provider_of(transaction, run.text.provider), Totals()
        own.add_accepted(run.claims)
        for totals in (self.totals, provider.totals, transaction.totals):
            totals.include(own)
        status = _code(provider.claims, _ACCEPTED[0])
        answers = AcceptedAnswers(run, provider.claims, status, self._envelope.stamp.d8)
        answers.write(transaction.levels + 1, provider.number)
        transaction.levels += len(run.claims)

    def finish(self, report: FileReport) -> Completion:
        """Write what is due.  Raises ScrubberError when the totals are not those of the report."""
        self._close_set()
        self._envelope.close()
        if self.totals != report.totals:
            raise ScrubberError(f"{report.path}: internal fault: the 277CA does not add up to the report")
        return Completion("" if self._envelope.written else "there is no claim to acknowledge")

    # -- transaction set, receiver, provider ------------------------------------------------------------------------

    def _open_set(self, passed: EnvelopeSegment) -> None:
        # The header is short, but padding of any length may follow it.
        data = self.source.read(passed.start, min(passed.end - passed.start, MAX_SEGMENT))
        header = cut_slice(data, passed.start, passed.segment.ordinal, passed.segment.delimiters)
        self._set = _Transaction(header, self._envelope.batch())

    def _close_set(self) -> None:
        transaction, self._set = self._set, None
        if transaction is None or transaction.provider is None:
            return
        self._close_provider(transaction)
        body = self._envelope.batch()
        self._write_head(body, transaction)
        body.take(transaction.body)
        self._envelope.add_transaction(body)

    def _write_head(self, body: SegmentBuffer, transaction: _Transaction) -> None:
        names = {segment.get(1): segment for segment in transaction.header if segment.id == "NM1"}
        reference = next((segment.get(3) for segment in transaction.header if segment.id == "BHT"), "")
        trace, stamp = self._envelope.next_trace, self._envelope.stamp
        body.add("BHT", "0085", "08", trace, stamp.d8, stamp.clock, "TH")
        body.add("HL", "1", "", "20", "1")
        source = names.get("40")
        name, code = (source.get(3), source.get(9)) if source is not None else ("", "")
        body.add("NM1", "AY", "2", name or UNKNOWN, "", "", "", "", "46", code or UNKNOWN)
        body.add("TRN", "1", trace)
        body.add("DTP", "050", "D8", stamp.d8)
        body.add("DTP", "009", "D8", stamp.d8)
        body.add("HL", "2", "1", "21", "1")
        body.add(*_name(names.get("41"), "41", "46", last=6))
        body.add("TRN", "2", reference or NO_TRACE)
        totals = transaction.totals
        body.add("STC", _code(body, _RECEIVED[0]), stamp.d8, "WQ", amount(totals.charges))
        _write_totals(body, totals, "90", "AA")

    def _provider_of(self, transaction: _Transaction, level: Level | None) -> _ProviderClaims:
        """Return where the claims of a billing provider level go, which is begun with its first claim."""
        provider = transaction.provider
        if provider is None or provider.level is not level:
            self._close_provider(transaction)
            transaction.levels += 1
            provider = transaction.provider = _ProviderClaims(level, transaction.levels, self._envelope.batch())
        return provider

    def _close_provider(self, transaction: _Transaction) -> None:
        provider, transaction.provider = transaction.provider, None
        if provider is None:
            return
        body, totals = transaction.body, provider.totals
        loop = (
            level_loops(provider.level.loop, provider.level.segments) if provider.level is not None else Loop("2000A")
        )
        body.add("HL", str(provider.number), "2", "19", "1")
        body.add(*_provider_name(loop.child("2010AA")))
        body.add("TRN", "1", NO_TRACE)
        body.add("STC", _code(body, _RECEIVED[0]), "", "WQ", amount(totals.charges))
        _write_totals(body, totals, "QA", "QC")
        body.take(provider.claims)


def _write_totals(body: SegmentBuffer, totals: Totals, accepted: str, rejected: str) -> None:
    """Write the counts (QTY) and charges (AMT) of accepted and rejected claims; nothing for a count of none."""
    split = (
        (totals.accepted, accepted, "YU", totals.accepted_charges),
        (totals.rejected, rejected, "YY", totals.rejected_charges),
    )
    for count, qualifier, _, _ in split:
        if count:
            body.add("QTY", qualifier, str(count))
    for count, _, qualifier, charges in split:
        if count:
            body.add("AMT", qualifier, amount(charges))


def _name(segment: Segment | None, entity: str, qualifier: str, *, last: int) -> list[str]:
    """Return an NM1 with the names of another up to NM10`last`, and its identifier under `qualifier`."""
    if segment is None:
        return ["NM1", entity, "2", UNKNOWN, "", "", "", "", qualifier, UNKNOWN]
    names = [segment.get(place) if place < last else "" for place in range(3, 8)]
    names[0] = names[0] or UNKNOWN
    kind = segment.get(2) if segment.get(2) in {"1", "2"} else "2"
    return ["NM1", entity, kind, *names, qualifier, segment.get(9) or UNKNOWN]


def _provider_name(loop: Loop | None) -> list[str]:
    """Name the billing provider by its identifier, else by its tax number (REF*EI, REF*SY)."""
    segment = loop.find("NM1") if loop is not None else None
    if loop is None or segment is None:
        return _name(None, "85", "FI", last=8)
    if segment.get(9):
        return _name(segment, "85", _PROVIDER_QUALIFIERS.get(segment.get(8), "XX"), last=8)
    tax = loop.find("REF", "EI") or loop.find("REF", "SY")
    return [*_name(segment, "85", "FI", last=8)[:-1], tax.get(2) if tax is not None else UNKNOWN]


def _code(batch: SegmentBuffer, status: Status) -> str:
    return batch.composite(status.category, status.code, status.entity or "")


@frozen(eq=False)
class _ClaimAnswer:
    """The answer to one claim: patient level (HL03 PT), claim status, and a status for each line with an error."""

    raw: RawClaim
    report: ClaimReport
    batch: SegmentBuffer
    day: str
    line_dates: bool

    def write(self, number: int, parent: int) -> None:
        """Write the patient level with HL01 `number` under the provider's HL01 `parent`."""
        batch, report = self.batch, self.report
        batch.add("HL", str(number), str(parent), "PT")
        subscriber, patient = first_name(self.raw.subscriber, "2010BA"), first_name(self.raw.patient, "2010CA")
        batch.add(*patient_name(subscriber, patient))
        batch.add("TRN", "2", report.claim.strip() or NO_TRACE)
        row = None if report.rejected else row_of(self.raw)
        if row is not None:
            self._write_status(_ACCEPTED, self.day, "WQ", amount(report.charge))
            self._write_reference(row.clearinghouse_id)
            self._write_dates(min(row.days), max(row.days))
        else:
            self._write_opened(build_claim(self.raw))

    def _write_opened(self, claim: Claim) -> None:
        reported = list(self._reported_lines(claim))
        for statuses in self._claim_statuses({line.number for line, _ in reported}):
            action = "U" if self.report.rejected else "WQ"
            self._write_status(statuses, self.day, action, amount(self.report.charge))
        self._write_reference(claim.clearinghouse_id)
        dates = [line.service_dates for line in claim.lines if line.service_dates is not None]
        # Without a date receivers reject the whole 277.  Only void claims and those rejected for it have none.
        first = d8(min(dates).first) if dates else self.day
        self._write_dates(first, d8(max(span.last for span in dates)) if dates else first)
        for line, findings in reported:
            self._write_line(line, findings)

    def _write_reference(self, clearinghouse_id: str) -> None:
        if clearinghouse_id:
            self.batch.add("REF", "D9", clearinghouse_id)

    def _reported_lines(self, claim: Claim) -> Iterator[tuple[ServiceLine, list[Finding]]]:
        """Yield the lines with errors that a 277CA can name."""
        for number, findings in groupby(self._errors(), key=lambda finding: finding.line):
            line = claim.lines[number - 1] if number else None
            if line is not None and _is_nameable(line):
                yield line, list(findings)

    def _errors(self) -> list[Finding]:
        return [finding for finding in self.report.findings if finding.severity is Severity.ERROR]

    def _claim_statuses(self, reported: set[int]) -> list[tuple[Status, ...]]:
        """Return the statuses of the claim itself, one tuple an STC segment; `reported` lines have their own."""
        if not self.report.rejected:
            return [_ACCEPTED]
        own = [finding.statuses or _UNSPECIFIED_CLAIM for finding in self._errors() if finding.line not in reported]
        return list(dict.fromkeys([*([_REJECTED_LINES] if reported else []), *own]))

    def _write_line(self, line: ServiceLine, findings: list[Finding]) -> None:
        batch = self.batch
        service = line.loop.find("SV1") if line.loop is not None else None
        modifiers = service.components(1)[2:6] if service is not None else line.modifiers
        code = batch.composite(line.procedure_qualifier, line.procedure, *modifiers)
        units = amount(line.units) if line.units is not None and line.units >= 0 else ""
        batch.add("SVC", code, amount(line.charge), "", "", "", "", units)
        # The first status of every finding comes before the second of any: each is named while there is space.
        ranks = zip_longest(*(finding.statuses or _UNSPECIFIED_LINE for finding in findings))
        statuses = dict.fromkeys(status for rank in ranks for status in rank if status is not None)
        self._write_status(tuple(statuses), self.day if self.line_dates else "", "U", "")
        batch.add("REF", "FJ", line.control_number or line.assigned_number or str(line.number))
        if line.service_dates is not None:
            self._write_dates(d8(line.service_dates.first), d8(line.service_dates.last))

    def _write_status(self, statuses: tuple[Status, ...], day: str, action: str, charge: str) -> None:
        first, *others = (_code(self.batch, status) for status in statuses[:_MAX_STATUSES])
        self.batch.add("STC", first, day, action, charge, "", "", "", "", "", *others)

    def _write_dates(self, first: str, last: str) -> None:
        # Where the range cannot be written the first day stands for it: the guide demands a date.
        is_range = first != last and self.batch.can_hold("-")
        self.batch.add("DTP", "472", *(("RD8", f"{first}-{last}") if is_range else ("D8", first)))


def _is_nameable(line: ServiceLine) -> bool:
    """Whether an SVC can name a line: by a procedure code of a known kind and a charge."""
    return bool(line.procedure) and line.procedure_qualifier in _PROCEDURE_QUALIFIERS and line.charge is not None
