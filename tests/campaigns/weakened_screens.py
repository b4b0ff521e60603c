"""Weaken the screens of the installed edits one by one, and show that the comparison with no screens finds it.

    python -m tests.campaigns.weakened_screens --files 100 --mutants 1000
    python -m tests.campaigns.weakened_screens IVUS201 IVUS303

A screen says whether an edit could find anything.  Each is replaced by one that never does, and each of its
conditions is changed alone; so is each thing that screens ask of lines, encounters and tables.  What is not found is
printed, and the exit code is 1.  A change after which screens name an edit more often, and never less often, is no
weaker: it costs time and loses nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from enum import Enum
from typing import Any, cast

from attrs import define, frozen

from scrubber.claims.columns import ClaimRow
from scrubber.engine.judge import Engine
from scrubber.engine.screening import Answers, Screening
from scrubber.errors import ScrubberError
from tests.support.fact_changes import changes_of_facts
from tests.support.screen_cases import ScreenCase, cases_of, cases_of_edits, generated, mutants, rows_of_tables
from tests.support.screen_changes import NEVER, Change, changes_of_screen, installed, screens_of
from tests.support.screened import EnginePair, Outputs, described, engine_of, outputs_of

Named = frozenset[str] | None
"""The codes of the edits that screens name for a claim; None for all."""


@frozen(eq=False)
class AskedClaim:
    """A claim about which screens were asked, the edits that they named, and those that found something on it."""

    row: ClaimRow
    named: Named
    found: frozenset[str]


@frozen(eq=False)
class JudgedCase:
    """An input with what comes of it without screens, and its claims about which screens were asked."""

    case: ScreenCase
    without: Outputs
    claims: Sequence[AskedClaim]

    @classmethod
    def of(cls, case: ScreenCase) -> JudgedCase:
        """Judge an input.  Raises AssertionError where screens that nobody has changed lose something."""
        without = outputs_of(case.data, EnginePair.of(case.variant).thorough)
        engine = engine_of(case.variant, screened=True)
        recorder = _Recorder(engine.screening)
        engine.screening = cast(Screening, recorder)
        difference = described(outputs_of(case.data, engine), without)
        assert difference is None, f"{case.name}, settings {case.variant!r}: {difference}"
        found = _found_by_claim(without)
        claims = [AskedClaim(row, named, found.get(row.where[0], frozenset())) for row, named in recorder.answers]
        return cls(case, without, claims)

    def has_findings_of(self, codes: Container[str]) -> bool:
        """Whether one of the edits has found something on a claim."""
        return any(code in codes for claim in self.claims for code in claim.found)


class _Recorder:
    """Screens that keep what they answer."""

    def __init__(self, screening: Screening) -> None:
        self._screening = screening
        self.answers: list[tuple[ClaimRow, Named]] = []

    def screen(self, row: ClaimRow, answers: Answers) -> tuple[bool, Named]:
        found = self._screening.screen(row, answers)
        self.answers.append((row, found[1]))
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._screening, name)


def _found_by_claim(outputs: Outputs) -> dict[int, frozenset[str]]:
    """Return the codes of all findings of each claim of a report, suppressed ones too, by the claim's ordinal."""
    claims = (claim for file in json.loads(outputs["report.json"])["files"] for claim in file["claims"])
    return {
        claim["ordinal"]: frozenset(each["code"] for each in (*claim["findings"], *claim["suppressed"]))
        for claim in claims
    }


# -- the search --------------------------------------------------------------------------------------------------------


class Result(Enum):
    """What came of a change: only `MISSED` is wrong."""

    FOUND = "found"
    NO_WEAKER = "no weaker"
    NO_EFFECT = "without effect"
    MISSED = "not found"


@define
class Trial:
    """How a change went: the input on which it was seen, and on how many claims screens name less or more."""

    change: Change
    seen_on: str | None = None
    lost: int = 0
    gained: int = 0
    is_decisive: bool = False
    """Whether the condition that was changed would have differed somewhere, where the screens never did."""

    @property
    def result(self) -> Result:
        """What came of it; a screen that never says anything has to be found."""
        if self.seen_on is not None:
            return Result.FOUND
        if self.lost or self.change.name.endswith(NEVER):
            return Result.MISSED
        if self.gained:
            return Result.NO_WEAKER
        return Result.NO_EFFECT if self.is_decisive else Result.MISSED

    def __str__(self) -> str:
        lost = (
            f"less is named for {self.lost:,} claims, on which it would find nothing" if self.lost else "none is lost"
        )
        return f"{self.change}: {lost}; more is named for {self.gained:,}"


def trial_of(change: Change, cases: Sequence[JudgedCase]) -> Trial:
    """Try a change on all inputs up to the first on which it is seen."""
    trial = Trial(change)
    # Those first on which the edit finds something.
    ordered = sorted(cases, key=lambda each: not each.has_findings_of({change.subject}))
    for judged, engine in _with_engines(change, ordered):
        if _may_be_seen(judged, engine.screening, trial) and outputs_of(judged.case.data, engine) != judged.without:
            trial.seen_on = judged.case.name
            return trial
    if not trial.lost and not trial.gained:
        trial.is_decisive = _is_decisive(change, ordered)
    return trial


def _with_engines(change: Change, cases: Iterable[JudgedCase]) -> Iterator[tuple[JudgedCase, Engine]]:
    """Yield each input with an engine made for its settings, while a change is in force."""
    engines: dict[str, Engine] = {}
    with change.in_force():
        for judged in cases:
            variant = judged.case.variant
            if variant not in engines:
                engines[variant] = engine_of(variant, screened=True)
            yield judged, engines[variant]


def _is_decisive(change: Change, cases: Iterable[JudgedCase]) -> bool:
    """Whether the condition that was changed would have differed for any claim; the rest of the screen hid it then."""
    noted: list[bool] = []
    watching = change.watching(lambda: noted.append(True))
    for judged, engine in _with_engines(watching, cases) if watching is not None else ():
        answers: Answers = {}
        for claim in judged.claims:
            engine.screening.screen(claim.row, answers)
            if noted:
                return True
    return False


def _may_be_seen(judged: JudgedCase, screening: Screening, trial: Trial) -> bool:
    """Whether changed screens do not name an edit that finds something, or crash; count what they say otherwise."""
    seen = False
    answers: Answers = {}
    for claim in judged.claims:
        try:
            named = screening.screen(claim.row, answers)[1]
        except ScrubberError:
            return True
        if named == claim.named:
            continue
        if named is None or (claim.named is not None and claim.named <= named):
            trial.gained += 1
            continue
        trial.lost += 1
        seen = seen or not claim.found <= named
    return seen


def changes(edits: Sequence[type[Any]], *, with_facts: bool) -> Iterator[Change]:
    """Yield all changes of the screens of these edits, and of what they ask if that is wanted."""
    for edit in edits:
        yield from changes_of_screen(edit)
    if with_facts:
        yield from changes_of_facts()


def judged_cases(files: int, mutated: int, seed: int) -> list[JudgedCase]:
    """Judge all inputs: the cases of edits, and others, every third of which under other settings too."""
    inputs = [*rows_of_tables(), *generated(files, seed), *mutants(mutated, seed)]
    return [JudgedCase.of(case) for case in (*cases_of_edits(), *cases_of(inputs, other_settings=3, files=0))]


def main() -> int:
    """Try every change, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("codes", nargs="*", help="only the screens of these edits")
    parser.add_argument("--files", type=int, default=100)
    parser.add_argument("--mutants", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    edits = [edit for edit in screens_of(installed()) if not options.codes or edit.meta.code in options.codes]
    begin = time.process_time()
    cases = judged_cases(options.files, options.mutants, options.seed)
    came: Counter[Result] = Counter()
    for change in changes(edits, with_facts=not options.codes):
        trial = trial_of(change, cases)
        came[trial.result] += 1
        if trial.result is Result.MISSED:
            print(f"not found: {trial}", flush=True)
    seconds = time.process_time() - begin
    print(
        f"{len(edits)} screens, {came.total()} changes over {len(cases):,} inputs: "
        f"{', '.join(f'{came[result]} {result.value}' for result in Result)}; {seconds:.0f} s of processor time"
    )
    return int(came[Result.MISSED] > 0 or not edits)


if __name__ == "__main__":
    sys.exit(main())
