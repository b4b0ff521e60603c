"""The first pass over an input: whether it can be read at all, and what has to be known before any claim is judged.

It finds out which patients have several claims, which claims repeat others, what syntax errors spoil, and which claims
are accepted unopened.  What it notes of each claim is on disk, so that memory does not grow with the file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import attrs

from scrubber.claims.builder import ClaimPlace, Extent, build_claim, is_original, patient_key_of, place_of, reopen
from scrubber.claims.columns import ClaimRow, row_of
from scrubber.claims.raw_claim import Level, RawClaim
from scrubber.claims.reader import Reader
from scrubber.conformance.guide_walk import guide_errors
from scrubber.engine.judge import Engine, of_claim
from scrubber.engine.policy import Policy
from scrubber.findings.finding import Finding, Location, Severity
from scrubber.findings.report import ClaimReport, FileReport
from scrubber.io.source import InputSource
from scrubber.pipeline.patient_index import PatientIndex
from scrubber.pipeline.repeat_index import RepeatIndex
from scrubber.pipeline.survey_log import ClaimRecord, Packed, SurveyLog
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
        self._patients = PatientIndex()
        self._repeats = RepeatIndex()
        self._log = SurveyLog()
        self._errors = SyntaxErrors()
        self.guide_errors: list[X12SyntaxError] = []
        about_file = _AboutFile(self._errors, engine.policy)
        reader = Reader(source, progress, about_file.take)
        for claim in reader.survey():
            self._note(claim)
        self._patients.find(self._considered())
        providers: dict[Extent, Level] = {}
        self._repeats.find(lambda packed: reopen(source, self._log.place(packed, alone=False), providers))
        if engine.config.conformance == "guide":
            self.guide_errors += guide_errors(source)
            for error in self.guide_errors:
                about_file.take(error)
        self._errors.find_claims((record.place for record in self._log), about_file.take)
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

    def _note(self, claim: RawClaim | ClaimRow) -> None:
        row = row_of(claim) if isinstance(claim, RawClaim) else claim
        if row is not None:
            self._note_row(row)
        elif isinstance(claim, RawClaim):
            concerned = self._screening.concerns(claim)
            patient = self._patients.digest(patient_key_of(claim), candidate=concerned)
            is_repeatable = claim.complete and is_original(claim)
            fingerprint = self._repeats.fingerprint(patient, build_claim(claim)) if is_repeatable else 0
            self._log.open(self._log.pack(place_of(claim)), patient, candidate=concerned, fingerprint=fingerprint)

    def _note_row(self, row: ClaimRow) -> None:
        concerned, may_fire = self._screening.screen(row)
        patient = self._patients.digest(row.patient_key, candidate=concerned)
        fingerprint, place = self._repeats.fingerprint_row(patient, row), self._log.pack_row(row)
        if may_fire is None or may_fire:
            self._log.open(place, patient, candidate=concerned, fingerprint=fingerprint, may_fire=may_fire)
        else:
            ended = self._screening.ended_tables(row) if concerned else ()
            self._log.accept(place, patient, row, ended, candidate=concerned, fingerprint=fingerprint)

    def _considered(self) -> Iterator[tuple[bytes, bool, Packed]]:
        """Yield the claims for the index of patients, and have the index of repeats consider them as they pass."""
        for patient, candidate, fingerprint, place in self._log.patients():
            self._repeats.consider(fingerprint, place)
            yield patient, candidate, place

    def records(self) -> Iterator[ClaimRecord]:
        """Yield what was noted of the claims, in file order."""
        return iter(self._log)

    def rejects(self, part: int) -> bool:
        """Whether the transaction set, group or interchange that begins at a byte is rejected with all its claims."""
        return self._errors.rejects(part)

    def judged_with(self, record: ClaimRecord) -> list[ClaimPlace]:
        """Return the places of the claims that one is to be judged with, its own included; none if it needs none.

        To be asked in file order.
        """
        packed = self._patients.companions(record.ordinal)
        if packed and sum(end - start for _, _, (start, end, _), *_ in packed) > _TOGETHER:
            packed = None
        if packed:
            self._source.check_unchanged()
            return [self._place(place) for place in packed]  # which of them repeats another shows there
        repeats = self._repeats.repeat_of(record.ordinal)
        if packed == [] and record.accepted is not None and repeats is None and not self._errors.about(record.place):
            return []
        self._source.check_unchanged()
        place = self._place(record.place, alone=packed is None)
        may_fire = None if record.may_fire is None else frozenset(record.may_fire)
        return [attrs.evolve(place, repeats=repeats, may_fire=may_fire)]

    def _place(self, packed: Packed, *, alone: bool = False) -> ClaimPlace:
        """Return the place of a claim with the syntax errors that it answers for."""
        place = self._log.place(packed, alone=alone)
        known, errors = self._errors.about(packed), self._errors.rejecting(place.transaction.starts)
        return attrs.evolve(place, known=known, envelope_errors=errors) if known or errors else place

    def unopened(self, record: ClaimRecord, accepted: ClaimReport) -> ClaimReport:
        """Return the report on a claim that is accepted unopened, if its transaction set is not rejected."""
        if not self._errors:
            return accepted
        errors = self._errors.rejecting(self._log.place(record.place, alone=False).transaction.starts)
        if not errors:
            return accepted
        findings = sorted(of_claim(errors, accepted.claim, accepted.ordinal), key=lambda finding: finding.sort_key)
        return attrs.evolve(accepted, findings=tuple(findings), envelope_rejected=True)

    def close(self) -> None:
        """Remove what is on disk."""
        self._patients.close()
        self._repeats.close()
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
