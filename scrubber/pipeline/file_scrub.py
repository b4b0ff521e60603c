"""Scrub one input: read it, judge its claims in file order, count, and conclude.

The first pass finds out whether the input can be read at all, which patients have several claims, and which claims are
accepted unopened; it keeps notes.  The second goes by the notes and reads a claim that has to be judged where it
stands, and the others of its patient with it, so that an encounter over several claims needs no claim to be kept.
For sinks, which take all of the input as it passes, it reads all of it again.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import attrs

from scrubber.claims.builder import ClaimPlace, Extent, build_claim, is_original, patient_key_of, place_of, reopen
from scrubber.claims.model import PlainClaim
from scrubber.claims.raw_claim import Level, RawClaim
from scrubber.claims.reader import Reader
from scrubber.claims.regular import read_plain
from scrubber.claims.regular_runs import Glimpse
from scrubber.config import Config
from scrubber.conformance.guide_walk import guide_faults
from scrubber.engine.executor import ClaimBatch, Team
from scrubber.engine.judge import Engine, of_claim
from scrubber.engine.notices import EndedTables
from scrubber.errors import UnreadableError
from scrubber.findings.finding import Finding, Location, Severity
from scrubber.findings.report import ClaimReport, FileReport, Notice
from scrubber.io.publication import Publication
from scrubber.io.source import CHUNK, InputSource
from scrubber.outputs.output_set import FileOutputs, OutputSettings, Targets
from scrubber.outputs.x12.base import Sink
from scrubber.pipeline.patient_index import PatientIndex
from scrubber.pipeline.repeat_index import RepeatIndex
from scrubber.pipeline.survey_log import ClaimRecord, Packed, SurveyLog
from scrubber.pipeline.syntax_errors import SyntaxErrors
from scrubber.x12.envelope_segment import Mark
from scrubber.x12.rules import InputUnreadable, Scope, X12SyntaxError

__all__ = ["FileScrub", "exit_code", "redacted", "unreadable_file", "unreadable_reason"]


_LISTED = 20
"""Findings of a code that are listed of the file itself."""

_AHEAD = 1_000
"""Events that may wait for each process of a team."""


_TOGETHER = 8 << 20
"""Bytes of the claims of one patient that are judged together: all of them are in memory then."""


class FileScrub:
    """The scrub of one input.

    Iterate over it for the verdict on each claim, in file order, once.  `report` then holds the counts, the totals
    and the findings about the file; before, only what the first pass found.  `sinks` get everything as it passes and
    `on_fault` every fault of the file, whatever the settings leave out; `guide_faults` are those of the guide walk.
    With a `team` the claims are judged by its processes.
    """

    def __init__(
        self,
        source: InputSource,
        engine: Engine,
        progress: Callable[[int], object] | None = None,
        team: Team | None = None,
    ) -> None:
        self._source = source
        self._engine = engine
        self._progress = progress
        self._team = team
        self._index = PatientIndex()
        self._repeats = RepeatIndex()
        self._ledger = SurveyLog()
        self._ahead: dict[int, ClaimReport] = {}
        self._providers: dict[Extent, Level] = {}
        self._promised: dict[int, ClaimBatch] = {}
        self._batch = ClaimBatch()
        self._errors = SyntaxErrors()
        self._ended = EndedTables()
        self.report = FileReport(path=source.name, notices=engine.notices)
        self.guide_faults: list[X12SyntaxError] = []
        self.sinks: list[Sink] = []
        self.on_fault: Callable[[X12SyntaxError], object] | None = None
        self._survey()

    def _survey(self) -> None:
        about_file = _AboutFile(self._errors, self._engine)
        reader = Reader(self._source, self._progress, about_file.take)
        self.report.sha256 = self._source.sha256()
        for claim in reader.survey():
            if isinstance(claim, Glimpse):
                self._note(claim.place, claim.patient_key, claim.plain, hot=self._engine.is_plain_hot(claim.plain))
            else:
                self._note(claim, patient_key_of(claim), read_plain(claim), hot=self._engine.is_hot(claim))
        self._index.find(self._considered())
        self._repeats.find(
            lambda packed: reopen(self._source, self._ledger.place(packed, alone=False), self._providers)
        )
        if self._engine.config.conformance == "guide":
            self.guide_faults = list(guide_faults(self._source))
            for fault in self.guide_faults:
                about_file.take(fault)
        self._errors.find_claims((note.place for note in self._ledger), about_file.take)
        self.report.readable = about_file.readable
        self.report.segments = reader.segments
        self.report.interchanges = reader.interchanges
        self.report.transactions = reader.transactions
        self.report.findings = about_file.findings

    def write_files(self, targets: Targets, settings: OutputSettings, publication: Publication) -> FileOutputs:
        """Begin the files of this input, which take it as it passes, and return them to be finished."""
        outputs = FileOutputs(
            self._source, self.report, self.refuses, self.guide_faults, targets, settings, publication
        )
        self.sinks += outputs.sinks
        self.on_fault = outputs.on_fault
        return outputs

    def refuses(self, part: int) -> bool:
        """Whether the transaction set, group or interchange that begins at a byte is rejected with all its claims."""
        return self._errors.refuses(part)

    def _note(
        self, claim: ClaimPlace | RawClaim, patient: tuple[str, ...], plain: PlainClaim | None, *, hot: bool
    ) -> None:
        digest = self._index.digest(patient, hot=hot)
        mark = 0
        if plain is not None:
            mark = self._repeats.mark_plain(digest, plain)
        elif isinstance(claim, RawClaim) and claim.complete and is_original(claim):
            mark = self._repeats.mark(digest, build_claim(claim))
        place = place_of(claim) if isinstance(claim, RawClaim) else claim
        if plain is None or hot or not self._engine.accepts(plain):
            self._ledger.open(place, digest, hot=hot, mark=mark)
        else:
            self._ledger.accept(place, digest, plain, mark=mark)

    def _considered(self) -> Iterator[tuple[bytes, bool, Packed]]:
        """Yield the claims for the index of patients, and have the index of repeats consider them as they pass."""
        for patient, hot, mark, place in self._ledger.patients():
            self._repeats.consider(mark, place)
            yield patient, hot, place

    def __iter__(self) -> Iterator[ClaimReport]:
        for event, verdict in self._judged() if self._team is None else self._judged_by(self._team):
            if isinstance(event, Mark):
                for sink in self.sinks:
                    sink.mark(event)
                continue
            claim = verdict()
            if event.raw is not None:
                for sink in self.sinks:
                    sink.claim(event.raw, claim)
            if self._engine.config.redact:
                claim = redacted(claim)
            self.report.totals.add(claim)
            self._ended.add(claim.ended_tables)
            yield claim
        self.report.notices += self._ended.notices
        self._index.close()
        self._repeats.close()
        self._ledger.close()
        self._errors.close()
        self._source.check_unchanged()

    def _events(self) -> Iterator[Mark | ClaimRecord]:
        """Yield the notes on the claims; for sinks with the claims, and with what stands between them."""
        notes = iter(self._ledger)
        if not self.sinks and self.on_fault is None:
            yield from self._with_progress(notes)
            return
        for event in Reader(self._source, self._progress, self.on_fault).events():
            if isinstance(event, Mark):
                yield event
                continue
            note = next(notes, None)
            if note is None or note.start != event.start:
                raise UnreadableError(f"{self._source.name}: the file changed while it was being read")
            note.raw = event
            yield note

    def _with_progress(self, notes: Iterator[ClaimRecord]) -> Iterator[ClaimRecord]:
        told = 0
        for note in notes:
            yield note
            if self._progress is not None and note.end - told > CHUNK:
                self._progress(note.end - told)
                told = note.end
        if self._progress is not None:
            self._progress(self._source.size - told)

    def _judged(self) -> Iterator[tuple[Mark | ClaimRecord, Callable[[], ClaimReport]]]:
        """Yield the events, each claim with what judges it."""
        for event in self._events():
            yield event, _nothing if isinstance(event, Mark) else partial(self._judge, event)

    def _judge(self, note: ClaimRecord) -> ClaimReport:
        """Judge a claim; where its patient has others, judge them with it and keep their verdicts."""
        if note.ordinal in self._ahead:
            return self._ahead.pop(note.ordinal)
        places = self._companions(note)
        if not places and note.accepted is not None:
            return self._unopened(note, note.accepted)
        reports = self._engine.judge_at(self._source, places, self._providers)
        self._ahead |= {report.ordinal: report for report in reports}
        return self._ahead.pop(note.ordinal)

    def _companions(self, note: ClaimRecord) -> list[ClaimPlace]:
        """Return the places of the claims that a claim is to be judged with, its own included; none if of none."""
        packed = self._index.companions(note.ordinal)
        if packed and sum(end - start for _, _, (start, end, _), *_ in packed) > _TOGETHER:
            packed = None
        if packed:
            self._source.check_unchanged()
            return [self._place(place) for place in packed]  # which of them repeats another shows there
        repeats = self._repeats.repeat_of(note.ordinal)
        if packed == [] and note.accepted is not None and repeats is None and not self._errors.about(note.place):
            return []
        self._source.check_unchanged()
        place = self._place(note.place, alone=packed is None)
        return [attrs.evolve(place, repeats=repeats) if repeats is not None else place]

    def _place(self, packed: Packed, *, alone: bool = False) -> ClaimPlace:
        """Return the place of a claim with the syntax errors that it answers for."""
        place = self._ledger.place(packed, alone=alone)
        known, refused = self._errors.about(packed), self._errors.refusing(place.transaction.starts)
        return attrs.evolve(place, known=known, refused=refused) if known or refused else place

    def _unopened(self, note: ClaimRecord, accepted: ClaimReport) -> ClaimReport:
        """Return the report on a claim that is accepted unopened, if its transaction set is not rejected."""
        if not self._errors:
            return accepted
        refused = self._errors.refusing(self._ledger.place(note.place, alone=False).transaction.starts)
        if not refused:
            return accepted
        findings = sorted(of_claim(refused, accepted.claim, accepted.ordinal), key=lambda finding: finding.sort_key)
        return attrs.evolve(accepted, findings=tuple(findings), refused=True)

    def _judged_by(self, team: Team) -> Iterator[tuple[Mark | ClaimRecord, Callable[[], ClaimReport]]]:
        """Yield the events in order, while the team judges claims further on."""
        waiting: deque[tuple[Mark | ClaimRecord, Callable[[], ClaimReport]]] = deque()
        for event in self._events():
            waiting.append((event, _nothing if isinstance(event, Mark) else self._ask(team, event)))
            while len(waiting) > team.jobs * _AHEAD:
                yield waiting.popleft()
        yield from waiting

    def _ask(self, team: Team, note: ClaimRecord) -> Callable[[], ClaimReport]:
        """Have a claim judged, its patient's others with it, and give what waits for the verdict."""
        if note.ordinal not in self._promised:
            places = self._companions(note)
            accepted = note.accepted
            if not places and accepted is not None:
                report = self._unopened(note, accepted)
                return lambda: report
            if self._batch.is_full:
                team.submit(self._batch)
            if self._batch.answer is not None:
                self._batch = ClaimBatch()
            self._batch.add(places, self._source)
            self._promised |= dict.fromkeys((place.ordinal for place in places), self._batch)
        return partial(team.verdict, self._promised.pop(note.ordinal), note.ordinal)


class _AboutFile:
    """Sorts the faults of an input: those of a claim or level are for its claims, the others are of the file.

    `readable` says whether all of the input was read, `findings` are those of the file under the settings: of a rule
    no more than the first twenty, then their number.
    """

    def __init__(self, errors: SyntaxErrors, engine: Engine) -> None:
        self.readable = True
        self._errors = errors
        self._engine = engine
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

    def take(self, fault: X12SyntaxError) -> None:
        """Take the next fault of the reader or of the guide walk."""
        if fault.unread:
            # Not even a setting makes known what was not read.
            self.readable = False
            self._list(fault.finding())
        elif self._engine.config.conformance == "none" and not fault.rule.meta.mandatory:
            return
        elif fault.scope in {Scope.CLAIM, Scope.LEVEL} and fault.part is not None:
            self._errors.add(fault)
        else:
            finding = self._engine.configured(fault.finding())
            if finding is not None:
                self._list(finding)
                if fault.scope.is_envelope and finding.severity is Severity.ERROR and fault.part is not None:
                    self._errors.add(fault)

    def _list(self, finding: Finding) -> None:
        kind = (finding.code, finding.severity)
        self._counts[kind] += 1
        self._first.setdefault(kind, finding)
        if self._counts[kind] <= _LISTED:
            self._listed.append(finding)


def _nothing() -> ClaimReport:
    raise ValueError("there is no verdict on what is not a claim")


def unreadable_file(path: str, error: UnreadableError, notices: tuple[Notice, ...] = ()) -> FileReport:
    """Return the report on an input that could not be opened or read to its end."""
    message = str(error).removeprefix(f"{path}: ")
    fault = InputUnreadable.at(Location("", ""), f"The input {message}.")
    return FileReport(path=path, readable=False, findings=(fault.finding(),), notices=notices)


def unreadable_reason(report: FileReport) -> str | None:
    """Return why the bytes of an input could not be had; None where they could, whatever they are."""
    code = InputUnreadable.meta.code
    return next((finding.message for finding in report.findings if finding.code == code), None)


def exit_code(files: Sequence[FileReport], config: Config, *, crashed: bool) -> int:
    """Return the exit code of a run: 4 over 3 over 1 over 0."""
    if crashed:
        return 4
    if any(not file.readable for file in files):
        return 3
    found = [file.totals.worst for file in files] + [finding.severity for file in files for finding in file.findings]
    return 1 if any(severity is not None and severity >= config.fail_on for severity in found) else 0


def redacted(claim: ClaimReport) -> ClaimReport:
    """Name the claim by its place in the file instead of CLM01, and leave out line control numbers."""
    name = f"claim {claim.ordinal}"

    def hide(finding: Finding) -> Finding:
        return attrs.evolve(finding, claim=name, line_control_number=None)

    changes: dict[str, Any] = {
        "claim": name,
        "findings": tuple(hide(finding) for finding in claim.findings),
        "ignored": tuple(attrs.evolve(entry, finding=hide(entry.finding)) for entry in claim.ignored),
    }
    return attrs.evolve(claim, **changes)
