"""Scrub one input: survey it, judge its claims in file order, count, and conclude.

The survey reads the input once and keeps notes.  Then this goes by the notes and reads a claim that has to be judged
where it is, and the others of its patient with it, so that an encounter over several claims needs no claim to be kept.
For X12 files, which take all of the input as it passes, it reads all of it again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import attrs

from scrubber.claims.raw_claim import RawClaim
from scrubber.claims.reader import Reader
from scrubber.claims.text_runs import TextRun
from scrubber.engine.executor import Executor, SerialExecutor
from scrubber.engine.judge import Engine
from scrubber.engine.notices import EndedTables
from scrubber.errors import UnreadableError
from scrubber.findings.finding import Finding, Location
from scrubber.findings.report import AcceptedRun, ClaimReport, FileReport, Notice, Totals
from scrubber.io.publication import Publication
from scrubber.io.source import CHUNK, InputSource
from scrubber.outputs.output_set import FileOutputs, OutputSettings, Targets
from scrubber.outputs.x12.base import InputEvent, JudgedClaim, JudgedRun
from scrubber.pipeline.claim_log import ClaimRecord, NotesInOrder, records_of
from scrubber.pipeline.survey import Survey
from scrubber.x12.envelope_segment import EnvelopeSegment
from scrubber.x12.rules import InputUnreadable, X12SyntaxError

__all__ = ["FileScrub", "redacted", "unreadable_file", "unreadable_reason"]

_RUNS_AHEAD = 8
"""Claims accepted unopened that may wait for each claim or event that may."""

_Verdict = Callable[[], ClaimReport]


class FileScrub:
    """The scrub of one input; making one surveys it.

    `events` gives the input as it passes, once, each claim with its verdict, `verdicts` these only, and iterating the
    reports on the claims.
    `report` holds what is known so far: the survey's findings first, all counts and totals at the end.
    """

    def __init__(
        self,
        source: InputSource,
        engine: Engine,
        progress: Callable[[int], object] | None = None,
        executor: Executor | None = None,
    ) -> None:
        self.survey = Survey(source, engine, progress)
        self.totals = Totals()
        self._source = source
        self._progress = progress
        self._redacts = engine.config.redact
        self._executor = executor or SerialExecutor(engine)
        self._judge = self._executor.judge_file(source)
        self._asked: dict[int, Callable[[int], ClaimReport]] = {}
        self._ended = EndedTables()

    @property
    def report(self) -> FileReport:
        """The report on the input so far, without its claims."""
        survey = self.survey.report
        return attrs.evolve(survey, totals=self.totals, notices=survey.notices + self._ended.notices)

    def begin_files(self, targets: Targets, settings: OutputSettings, publication: Publication) -> FileOutputs:
        """Begin the files of this input, to be given its events and then finished."""
        survey = self.survey
        outputs = FileOutputs(
            self._source, survey.report, survey.rejects, survey.guide_errors, targets, settings, publication
        )
        outputs.begin()
        return outputs

    def whole_report(self) -> FileReport:
        """Judge all claims, and return the report with them."""
        claims = tuple(self)
        return attrs.evolve(self.report, claims=claims)

    def __iter__(self) -> Iterator[ClaimReport]:
        for verdict in self.verdicts():
            if isinstance(verdict, AcceptedRun):
                yield from verdict.reports()
            else:
                yield verdict.shown

    def verdicts(self) -> Iterator[JudgedClaim | AcceptedRun]:
        """Yield the verdicts on the claims, in file order.

        Claims that follow one another and are accepted unopened come as one run.
        """
        for event, verdict in self._judged(self._records()):
            if verdict is None:
                self._take_run(event)
                yield event
            else:
                yield self._conclude(event, verdict())
        self._close()

    def events(self) -> Iterator[InputEvent]:
        """Yield the claims with their verdicts and all else that X12 files are written from, in file order.

        That is the text of each claim, what is between them, and the syntax errors, each before what it is in.
        """
        for event, verdict in self._judged(self._text_events()):
            if verdict is not None:
                yield self._conclude(event, verdict())
                continue
            if isinstance(event, JudgedRun):
                self._take_run(event.claims)
            yield event
        self._close()

    def _close(self) -> None:
        self.survey.close()
        self._source.check_unchanged()

    def _take_run(self, run: AcceptedRun) -> None:
        self.totals.add_accepted(run)
        for tables in run.ended:
            if tables:
                self._ended.add(tables)

    def _conclude(self, record: ClaimRecord, report: ClaimReport) -> JudgedClaim:
        self.totals.add(report)
        self._ended.add(report.ended_tables)
        return JudgedClaim(report, redacted(report) if self._redacts else report, record.raw)

    def _judged(
        self, events: Iterator[EnvelopeSegment | X12SyntaxError | ClaimRecord | AcceptedRun | JudgedRun]
    ) -> Iterator[tuple[Any, _Verdict | None]]:
        """Yield the events in order, each claim with what gives its verdict, while claims further on are judged."""
        waiting: deque[tuple[Any, _Verdict | None]] = deque()
        ahead, in_runs = self._executor.claims_ahead, 0
        for event in events:
            waiting.append((event, self._ask(event) if isinstance(event, ClaimRecord) else None))
            in_runs += _claims_of_run(event)
            while len(waiting) > ahead or in_runs > ahead * _RUNS_AHEAD:
                in_runs -= _claims_of_run(waiting[0][0])
                yield waiting.popleft()
        yield from waiting

    def _ask(self, record: ClaimRecord) -> _Verdict:
        """Have a claim judged, its patient's others with it, and return what gives the verdict."""
        if record.ordinal not in self._asked:
            together = self.survey.judged_with(record)
            if not together and record.accepted is not None:
                return partial(self.survey.unopened, record, record.accepted)
            self._asked |= dict.fromkeys((place.ordinal for place in together), self._judge.ask(together))
        return partial(self._asked.pop(record.ordinal), record.ordinal)

    def _text_events(self) -> Iterator[EnvelopeSegment | X12SyntaxError | ClaimRecord | JudgedRun]:
        """Yield all of the input; the notes on the claims go with their text."""
        notes, errors = NotesInOrder(self._noted()), list[X12SyntaxError]()
        for event in Reader(self._source, self._progress, errors.append).passing(notes.regular):
            yield from errors
            errors.clear()
            if isinstance(event, RawClaim):
                record = notes.take()
                if record is None or record.start != event.start:
                    raise UnreadableError(f"{self._source.name}: the file changed while it was being read")
                record.raw = event
                yield record
            elif isinstance(event, TextRun):
                yield JudgedRun(notes.take_run(len(event.claims)), event)
            else:
                yield event
        yield from errors

    def _noted(self) -> Iterator[ClaimRecord | AcceptedRun]:
        """Yield the notes on the claims, each by itself where claims are shown otherwise than they are called."""
        for noted in self.survey.records():
            if self._redacts and isinstance(noted, AcceptedRun):
                yield from records_of(noted)
            else:
                yield noted

    def _records(self) -> Iterator[ClaimRecord | AcceptedRun]:
        """Yield the notes on the claims, and report how far they are in the file."""
        passed = 0
        for noted in self._noted():
            yield noted
            end = noted.ends[-1] if isinstance(noted, AcceptedRun) else noted.end
            if self._progress is not None and end - passed > CHUNK:
                self._progress(end - passed)
                passed = end
        if self._progress is not None:
            self._progress(self._source.size - passed)


def _claims_of_run(event: object) -> int:
    """Return how many claims of an event take memory while it waits, apart from a claim that is to be judged."""
    if isinstance(event, JudgedRun):
        return len(event.claims)
    return len(event) if isinstance(event, AcceptedRun) else 0


def unreadable_file(path: str, error: UnreadableError, notices: tuple[Notice, ...] = ()) -> FileReport:
    """Return the report on an input that could not be opened or read to its end."""
    message = str(error).removeprefix(f"{path}: ")
    unreadable = InputUnreadable.at(Location("", ""), f"The input {message}.")
    return FileReport(path=path, readable=False, findings=(unreadable.finding(),), notices=notices)


def unreadable_reason(report: FileReport) -> str | None:
    """Return why the bytes of an input could not be had; None where they could, whatever they are."""
    code = InputUnreadable.meta.code
    return next((finding.message for finding in report.findings if finding.code == code), None)


def redacted(claim: ClaimReport) -> ClaimReport:
    """Name the claim by its place in the file instead of CLM01, and leave out line control numbers."""
    name = f"claim {claim.ordinal}"

    def hide(finding: Finding) -> Finding:
        related = tuple(attrs.evolve(each, claim=f"claim {each.claim_ordinal}") for each in finding.related)
        return attrs.evolve(finding, claim=name, line_control_number=None, related=related)

    changes: dict[str, Any] = {
        "claim": name,
        "findings": tuple(hide(finding) for finding in claim.findings),
        "suppressed": tuple(attrs.evolve(entry, finding=hide(entry.finding)) for entry in claim.suppressed),
    }
    return attrs.evolve(claim, **changes)
