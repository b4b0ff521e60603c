"""Scrub one input: read it, judge its claims in file order, count, and conclude.

The first pass finds out whether the input can be read at all, which patients have several claims, and which claims are
accepted unopened; it keeps notes.  The second goes by the notes and reads a claim that has to be judged where it
stands, and the others of its patient with it, so that an encounter over several claims needs no claim to be kept.
For sinks, which take all of the input as it passes, it reads all of it again.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, Protocol

import attrs

from scrubber.config import Config
from scrubber.engine import Engine
from scrubber.errors import UnreadableError
from scrubber.findings import ClaimReport, FileReport, Finding, Location, Notice
from scrubber.index import PatientIndex
from scrubber.ledger import Ledger, Note, Packed
from scrubber.model import PlainClaim
from scrubber.parser import (
    ClaimPlace,
    Extent,
    Glimpse,
    InputSource,
    Level,
    Mark,
    RawClaim,
    Reader,
    patient_key_of,
    place_of,
    read_plain,
)
from scrubber.parser.conformance import guide_faults
from scrubber.parser.faults import Fault, InputUnreadable
from scrubber.parser.source import CHUNK
from scrubber.team import Batch, Team

__all__ = ["FileScrub", "Sink", "exit_code", "redacted", "unreadable_file", "unreadable_reason"]


_AHEAD = 1_000
"""Events that may wait for each process of a team."""


_TOGETHER = 8 << 20
"""Bytes of the claims of one patient that are judged together: all of them are in memory then."""


class Sink(Protocol):
    """Takes an input as it passes: what stands between the claims, and each claim with its verdict, in file order."""

    def mark(self, mark: Mark) -> None:
        """Take a header, hierarchical level or trailer."""

    def claim(self, raw: RawClaim, report: ClaimReport) -> None:
        """Take a claim with its verdict."""


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
        self._ledger = Ledger()
        self._ahead: dict[int, ClaimReport] = {}
        self._providers: dict[Extent, Level] = {}
        self._promised: dict[int, Batch] = {}
        self._batch = Batch()
        self._walk = _GuideWalk()
        self.report = FileReport(path=source.name, notices=engine.notices)
        self.guide_faults: list[Fault] = []
        self.sinks: list[Sink] = []
        self.on_fault: Callable[[Fault], object] | None = None
        self._survey()

    def _survey(self) -> None:
        reader = Reader(self._source, self._progress)
        self.report.sha256 = self._source.sha256()
        for claim in reader.survey():
            if isinstance(claim, Glimpse):
                self._note(claim.place, claim.patient_key, claim.plain, hot=self._engine.is_plain_hot(claim.plain))
            else:
                self._note(place_of(claim), patient_key_of(claim), read_plain(claim), hot=self._engine.is_hot(claim))
        self._index.find(self._ledger.patients())
        config = self._engine.config
        faults = [fault for fault in reader.faults if config.conformance != "none" or fault.rule.unreadable]
        readable = reader.readable
        if config.conformance == "guide":
            self.guide_faults = list(guide_faults(self._source))
            readable = readable and not any(fault.rule.unreadable for fault in self.guide_faults)
            self._walk = _GuideWalk(self.guide_faults, (note.place for note in self._ledger))
        self.report.readable = readable
        self.report.segments = reader.segments
        self.report.interchanges = reader.interchanges
        self.report.transactions = reader.transactions
        self.report.findings = self._configured((*(fault.finding() for fault in faults), *self._walk.about_no_claim()))

    def _configured(self, findings: Iterable[Finding]) -> tuple[Finding, ...]:
        configured = map(self._engine.configured, findings)
        return tuple(finding for finding in configured if finding is not None)

    def _note(self, place: ClaimPlace, patient: tuple[str, ...], plain: PlainClaim | None, *, hot: bool) -> None:
        digest = self._index.digest(patient, hot=hot)
        if plain is None or hot or not self._engine.accepts(plain):
            self._ledger.open(place, digest, hot=hot)
        else:
            self._ledger.accept(place, digest, plain)

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
            yield claim
        self._index.close()
        self._ledger.close()
        self._source.check_unchanged()

    def _events(self) -> Iterator[Mark | Note]:
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

    def _with_progress(self, notes: Iterator[Note]) -> Iterator[Note]:
        told = 0
        for note in notes:
            yield note
            if self._progress is not None and note.end - told > CHUNK:
                self._progress(note.end - told)
                told = note.end
        if self._progress is not None:
            self._progress(self._source.size - told)

    def _judged(self) -> Iterator[tuple[Mark | Note, Callable[[], ClaimReport]]]:
        """Yield the events, each claim with what judges it."""
        for event in self._events():
            yield event, _nothing if isinstance(event, Mark) else partial(self._judge, event)

    def _judge(self, note: Note) -> ClaimReport:
        """Judge a claim; where its patient has others, judge them with it and keep their verdicts."""
        if note.ordinal in self._ahead:
            return self._ahead.pop(note.ordinal)
        places = self._companions(note)
        if not places and note.accepted is not None:
            return note.accepted
        reports = self._engine.judge_at(self._source, places, self._providers)
        self._ahead |= {report.ordinal: report for report in reports}
        return self._ahead.pop(note.ordinal)

    def _companions(self, note: Note) -> list[ClaimPlace]:
        """Give the places of the claims that a claim is to be judged with, its own included; none if of none."""
        packed = self._index.companions(note.ordinal)
        if packed and sum(end - start for _, _, (start, end, _), *_ in packed) > _TOGETHER:
            packed = None
        if packed == [] and note.accepted is not None and not self._walk.about(note.place):
            return []
        self._source.check_unchanged()
        return [
            self._ledger.place(place, alone=packed is None, known=self._walk.about(place))
            for place in packed or [note.place]
        ]

    def _judged_by(self, team: Team) -> Iterator[tuple[Mark | Note, Callable[[], ClaimReport]]]:
        """Yield the events in order, while the team judges claims further on."""
        waiting: deque[tuple[Mark | Note, Callable[[], ClaimReport]]] = deque()
        for event in self._events():
            waiting.append((event, _nothing if isinstance(event, Mark) else self._ask(team, event)))
            while len(waiting) > team.jobs * _AHEAD:
                yield waiting.popleft()
        yield from waiting

    def _ask(self, team: Team, note: Note) -> Callable[[], ClaimReport]:
        """Have a claim judged, its patient's others with it, and give what waits for the verdict."""
        if note.ordinal not in self._promised:
            places = self._companions(note)
            accepted = note.accepted
            if not places and accepted is not None:
                return lambda: accepted
            if self._batch.is_full:
                team.submit(self._batch)
            if self._batch.answer is not None:
                self._batch = Batch()
            self._batch.add(places, self._source)
            self._promised |= dict.fromkeys((place.ordinal for place in places), self._batch)
        return partial(team.verdict, self._promised.pop(note.ordinal), note.ordinal)


class _GuideWalk:
    """What the guide walk found, by the claims at these places: each is about the claim it lies in, or those below it.

    What a level has too many faults of to repeat them all stands with the first claim below it.
    """

    def __init__(self, faults: Iterable[Fault] = (), places: Iterable[Packed] = ()) -> None:
        self._findings = sorted((fault.finding() for fault in faults), key=_offset)
        self._offsets = [_offset(finding) for finding in self._findings]
        self._owners: dict[int, int] = {}
        self._repeats: dict[int, list[Finding]] = {}
        self._left = set(range(len(self._findings)))
        for ordinal, levels, claim, *_ in places if self._findings else ():
            for inside in self._inside(levels, claim):
                if inside.start not in self._owners:
                    self._owners[inside.start] = ordinal
                    self._left.difference_update(inside)

    def about(self, place: Packed) -> tuple[Finding, ...]:
        """Give what lies in a claim and in its billing provider's, subscriber's and patient's levels."""
        if not self._findings:
            return ()
        ordinal, levels, claim, *_ = place
        found: list[Finding] = []
        for inside in self._inside(levels, claim):
            if self._owners[inside.start] == ordinal:
                found += self._findings[inside.start : inside.stop]
            else:
                found += self._repeated(inside)
        return tuple(found)

    def _repeated(self, inside: range) -> list[Finding]:
        """Give what further claims below a level are told of it."""
        if inside.start not in self._repeats:
            findings = self._findings[inside.start : inside.stop]
            self._repeats[inside.start] = list(_one_of_each(findings, self._owners[inside.start]))
        return self._repeats[inside.start]

    def about_no_claim(self) -> Iterator[Finding]:
        """Yield what lies in no claim and above none."""
        return (self._findings[number] for number in sorted(self._left))

    def _inside(self, levels: Iterable[Extent | None], claim: tuple[int, int, int]) -> Iterator[range]:
        """Yield which findings lie in each part, as far as there are any."""
        for start, end, *_ in (*(level for level in levels if level is not None), claim):
            inside = range(bisect_left(self._offsets, start), bisect_left(self._offsets, end))
            if inside:
                yield inside


def _one_of_each(findings: Sequence[Finding], owner: int) -> Iterator[Finding]:
    """Yield the first finding of each code, and where the others stand."""
    counts = Counter(finding.code for finding in findings)
    for code, count in counts.items():
        first = next(finding for finding in findings if finding.code == code)
        more = f" {count - 1} more of this level are listed with claim {owner} of the file." if count > 1 else ""
        yield attrs.evolve(first, message=first.message + more) if more else first


def _nothing() -> ClaimReport:
    raise ValueError("there is no verdict on what is not a claim")


def _offset(finding: Finding) -> int:
    return (finding.location.offset or 0) if finding.location is not None else 0


def unreadable_file(path: str, error: UnreadableError, notices: tuple[Notice, ...] = ()) -> FileReport:
    """Give the report on an input that could not be opened or read to its end."""
    message = str(error).removeprefix(f"{path}: ")
    fault = InputUnreadable.at(Location("", ""), f"The input {message}.")
    return FileReport(path=path, readable=False, findings=(fault.finding(),), notices=notices)


def unreadable_reason(report: FileReport) -> str | None:
    """Say why the bytes of an input could not be had; None where they could, whatever they are."""
    code = InputUnreadable.meta.code
    return next((finding.message for finding in report.findings if finding.code == code), None)


def exit_code(files: Sequence[FileReport], config: Config, *, crashed: bool) -> int:
    """Give the exit code of a run: 4 over 3 over 1 over 0."""
    if crashed:
        return 4
    if any(not file.readable for file in files):
        return 3
    found = [file.totals.worst for file in files] + [finding.severity for file in files for finding in file.findings]
    return 1 if any(severity is not None and severity.at_least(config.fail_on) for severity in found) else 0


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
