"""The first pass over an input: whether it can be read at all, and what has to be known before any claim is judged.

It finds out which patients have several claims, which claims repeat others, what syntax errors spoil, and which claims
are accepted unopened.  What it notes of each claim is on disk, so that memory does not grow with the file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from heapq import merge

import attrs

from scrubber.claims.builder import ClaimPlace, Extent, build_claim, is_original, patient_key_of, place_of, reopen
from scrubber.claims.columns import ClaimRow, row_of
from scrubber.claims.raw_claim import Level, RawClaim
from scrubber.claims.reader import Reader
from scrubber.engine.judge import Engine, of_claim
from scrubber.engine.policy import Policy
from scrubber.engine.screening import Answers
from scrubber.findings.finding import Finding, Location, Severity
from scrubber.findings.report import AcceptedRun, ClaimReport, FileReport
from scrubber.io.source import InputSource
from scrubber.pipeline.claim_log import ClaimLog, ClaimRecord, records_of
from scrubber.pipeline.patient_index import PatientIndex
from scrubber.pipeline.repeat_index import RepeatIndex
from scrubber.pipeline.syntax_errors import SyntaxErrors
from scrubber.x12.rules import X12SyntaxError

__all__ = ["Survey"]

_LISTED = 20
"""Findings of a code that are listed of the file itself."""

_TOGETHER = 8 << 20
"""Bytes of the claims of one patient that are judged together: all of them are in memory then."""


class Survey:
    """What the first pass over an input has found; making one reads the input to its end.

    `report` holds the counts of the envelope, the hash and the findings about the file, and `guide_errors` those of the
    walk through the implementation guide.  `records` gives what was noted of the claims, in file order, and
    `judged_with` the claims that one has to be judged with.  Raises UnreadableError, and ScrubberError when a disk is
    full.
    """

    def __init__(self, source: InputSource, engine: Engine, progress: Callable[[int], object] | None = None) -> None:
        self._source = source
        self._screening = engine.screening
        self._answers: Answers = {}
        self._patients = PatientIndex()
        self._repeats = RepeatIndex()
        self._log = ClaimLog()
        self._errors = SyntaxErrors()
        self.guide_errors: list[X12SyntaxError] = []
        about_file = _AboutFile(self._errors, engine.policy)
        reader = Reader(source, progress, about_file.take)
        for claims in reader.in_runs():
            if isinstance(claims, RawClaim):
                self._note(claims)
            else:
                for row in claims:
                    self._note_row(row)
        near = self._patients.find()
        providers: dict[Extent, Level] = {}
        self._repeats.find(near, lambda ordinal: reopen(source, self._log.place(ordinal), providers))
        if engine.config.conformance == "guide":
            from scrubber.conformance.guide_walk import guide_errors  # noqa: PLC0415 - start-up: imported when asked for

            self.guide_errors += guide_errors(source)
            for error in self.guide_errors:
                about_file.take(error)
        self._errors.find_claims(self._log.parts(), about_file.take)
        self.report = FileReport(
            path=source.name,
            sha256=source.sha256(),
            readable=about_file.readable,
            segments=reader.segments,
            interchanges=reader.interchanges,
            transactions=reader.transactions,
            findings=about_file.findings,
            notices=engine.notices,
        )

    def _note(self, claim: RawClaim) -> None:
        row = row_of(claim)
        if row is not None:
            self._note_row(row)
            return
        patient = self._patients.add(patient_key_of(claim), concerned=self._screening.concerns(claim))
        is_repeatable = claim.complete and is_original(claim)
        self._repeats.add(patient, build_claim(claim) if is_repeatable else None)
        self._log.open(place_of(claim))

    def _note_row(self, row: ClaimRow) -> None:
        concerned, may_fire = self._screening.screen(row, self._answers)
        self._repeats.add_row(self._patients.add(row.patient_key, concerned=concerned), row)
        if may_fire is None or may_fire:
            self._log.open_row(row, may_fire)
        else:
            self._log.accept(row, self._screening.ended_tables(row) if concerned else ())

    def records(self) -> Iterator[ClaimRecord | AcceptedRun]:
        """Yield what was noted of the claims, in file order: those that are accepted whatever others are, as runs."""
        needed = merge(self._patients.ordinals, self._repeats.ordinals)
        next_needed = next(needed, None)
        for noted in self._log:
            if isinstance(noted, ClaimRecord):
                yield noted
                continue
            if self._errors:
                yield from records_of(noted)
                continue
            at = 0
            while at < len(noted):
                while next_needed is not None and next_needed < noted.ordinal + at:
                    next_needed = next(needed, None)
                stop = len(noted) if next_needed is None else min(len(noted), next_needed - noted.ordinal)
                if stop > at:
                    yield noted if stop - at == len(noted) else noted.part(at, stop)
                if stop < len(noted):
                    yield from records_of(noted.part(stop, stop + 1))
                at = stop + 1

    def rejects(self, part: int) -> bool:
        """Whether the transaction set, group or interchange that begins at a byte is rejected with all its claims."""
        return self._errors.rejects(part)

    def judged_with(self, record: ClaimRecord) -> list[ClaimPlace]:
        """Return the places of the claims that one is to be judged with, its own included; none if it needs none."""
        together = self._patients.companions(record.ordinal)
        if together and sum(map(self._log.size_of, together)) > _TOGETHER:
            together = None
        if together:
            self._source.check_unchanged()
            return [self._place(ordinal) for ordinal in together]  # which of them repeats another shows there
        repeats = self._repeats.repeat_of(record.ordinal)
        if together == [] and record.accepted is not None and repeats is None and not self._is_spoiled(record.ordinal):
            return []
        self._source.check_unchanged()
        place = self._place(record.ordinal, alone=together is None)
        return [attrs.evolve(place, repeats=repeats, may_fire=record.may_fire)]

    def _is_spoiled(self, ordinal: int) -> bool:
        return bool(self._errors) and bool(self._errors.about(self._log.place(ordinal)))

    def _place(self, ordinal: int, *, alone: bool = False) -> ClaimPlace:
        """Return the place of a claim with the syntax errors that it answers for."""
        place = self._log.place(ordinal, alone=alone)
        known, errors = self._errors.about(place), self._errors.rejecting(place.transaction.starts)
        return attrs.evolve(place, known=known, envelope_errors=errors) if known or errors else place

    def unopened(self, record: ClaimRecord, accepted: ClaimReport) -> ClaimReport:
        """Return the report on a claim that is accepted unopened, if its transaction set is not rejected."""
        if not self._errors:
            return accepted
        errors = self._errors.rejecting(self._log.place(record.ordinal).transaction.starts)
        if not errors:
            return accepted
        findings = sorted(of_claim(errors, accepted.claim, accepted.ordinal), key=lambda finding: finding.sort_key)
        return attrs.evolve(accepted, findings=tuple(findings), envelope_rejected=True)

    def close(self) -> None:
        """Remove what is on disk."""
        self._log.close()
        self._errors.close()


class _AboutFile:
    """Sorts the syntax errors of an input: those of a claim or level are for its claims, the others are of the file.

    `readable` says whether all of the input was read, `findings` are those of the file under the settings: of a rule
    no more than the first twenty, then their number.
    """

    def __init__(self, errors: SyntaxErrors, policy: Policy) -> None:
        self.readable = True
        self._errors = errors
        self._policy = policy
        self._listed: list[Finding] = []
        self._counts: Counter[tuple[str, Severity]] = Counter()
        self._first: dict[tuple[str, Severity], Finding] = {}

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings about the file."""
        more = [
            attrs.evolve(
                self._first[kind], message=f"... and at {count - _LISTED} more places.", location=Location("", "")
            )
            for kind, count in self._counts.items()
            if count > _LISTED
        ]
        return (*self._listed, *more)

    def take(self, error: X12SyntaxError) -> None:
        """Take the next syntax error of the reader or of the guide walk."""
        ruling = self._policy.rule_on(error)
        if error.unread:
            self.readable = False
        if ruling.finding is not None:
            self._list(ruling.finding)
        if ruling.rejects_claims:
            self._errors.add(error)

    def _list(self, finding: Finding) -> None:
        kind = (finding.code, finding.severity)
        self._counts[kind] += 1
        self._first.setdefault(kind, finding)
        if self._counts[kind] <= _LISTED:
            self._listed.append(finding)
