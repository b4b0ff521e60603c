"""Worker processes that judge batches of claims, or whole inputs, for a run.

A batch holds the bytes of its claims, not the claims, so that little has to be sent.  Whoever asks for the verdicts in
the order of the file gives the same bytes whatever the number of processes.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from threading import Thread
from typing import Self, TypeVar

from attrs import define, field, frozen

from scrubber.claims.builder import ClaimPlace, Extent
from scrubber.claims.raw_claim import Level
from scrubber.config import Config
from scrubber.engine.judge import Engine
from scrubber.errors import ScrubberError, reason_of
from scrubber.findings.report import ClaimReport, Detail
from scrubber.io.processes import take_installed_modules_only
from scrubber.io.signals import uninterrupted
from scrubber.io.source import InputSource
from scrubber.packs.registry import load_plugins

__all__ = ["ClaimBatch", "Team", "TeamAnswer", "end_with_the_parent", "own_engine"]

_BATCH = 64
"""Claims in a batch."""


@define(eq=False)
class ClaimBatch:
    """Groups of claims to be judged, each group together, with the bytes they are read from."""

    groups: list[list[ClaimPlace]] = field(factory=list)
    slices: dict[tuple[int, int], bytes] = field(factory=dict, repr=False)
    claims: int = 0
    answer: Future[_Verdicts] | None = None

    def add(self, places: Sequence[ClaimPlace], source: InputSource) -> None:
        """Add the claims of one patient."""
        self.groups.append(list(places))
        self.claims += len(places)
        for place in places:
            for extent in (place.claim, *(level[:3] for level in place.levels if level is not None)):
                start, length = extent[0], extent[1] - extent[0]
                if (start, length) not in self.slices:
                    self.slices[start, length] = source.read(start, length)

    def read(self, offset: int, length: int) -> bytes:
        """Return one of the slices, as `InputSource.read` does."""
        return self.slices[offset, length]

    @property
    def is_full(self) -> bool:
        """Whether it is time to send it."""
        return self.claims >= _BATCH


@frozen(eq=False)
class TeamAnswer:
    """What a process gives back; `crashed` tells whether an edit has crashed in it."""

    crashed: bool


@frozen(eq=False)
class _Verdicts(TeamAnswer):
    """The verdicts on the groups of a batch by claim ordinal."""

    verdicts: dict[int, ClaimReport]


A = TypeVar("A", bound=TeamAnswer)


class Team:
    """Judges batches in `jobs` processes.  `crashed` tells whether an edit raised in one of them.

    Raises ScrubberError when there can be no processes, ConfigError when they would run files of the current folder.
    """

    def __init__(self, config: Config, jobs: int, *, shortcut: bool, detail: Detail = Detail.NONE) -> None:
        self.jobs = jobs
        self.crashed = False
        if multiprocessing.get_start_method() != "fork":  # which imports nothing again
            take_installed_modules_only()
        with _Deaths():
            self._pool = ProcessPoolExecutor(jobs, initializer=_begin, initargs=(config, shortcut, detail))

    def begin(self, function: Callable[..., A], *arguments: object) -> Future[A]:
        """Have a function of a module run in one of the processes.  Raises ScrubberError when one has died."""
        # The first call forks: an interrupt meanwhile would end in a hook of some library and be lost.
        with _Deaths(), uninterrupted():
            return self._pool.submit(function, *arguments)

    def wait_for(self, future: Future[A]) -> A:
        """Return the answer to `begin` when it is there.  Raises ScrubberError when a process has died."""
        with _Deaths():
            answer = future.result()
        self.crashed |= answer.crashed
        return answer

    def submit(self, batch: ClaimBatch) -> Future[_Verdicts]:
        """Have a batch judged, if it is not already."""
        if batch.answer is None:
            batch.answer = self.begin(_judge, batch.groups, batch.slices)
            batch.slices = {}
        return batch.answer

    def verdict(self, batch: ClaimBatch, ordinal: int) -> ClaimReport:
        """Return the verdict on a claim of a batch, and wait for it if need be."""
        return self.wait_for(self.submit(batch)).verdicts[ordinal]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)


class _Deaths:
    """Words the error for a process that ended before its answer, or cannot be had."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, BrokenProcessPool):
            raise ScrubberError("a worker process ended unexpectedly (killed, or out of memory)") from error
        if isinstance(error, OSError):
            raise ScrubberError(f"the worker processes cannot be used ({reason_of(error)})") from error


# -- in the worker --------------------------------------------------------------------------------------------------

_engines: list[Engine] = []


def _begin(config: Config, shortcut: bool, detail: Detail) -> None:  # noqa: FBT001 - an initializer's arguments are positional
    # Ctrl-C reaches all processes of the terminal, as its end does; the run ends its workers itself.
    for number in (signal.SIGINT, getattr(signal, "SIGHUP", signal.SIGINT)):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    Thread(target=end_with_the_parent, daemon=True).start()
    _engines[:] = [Engine(config, load_plugins(), shortcut=shortcut, detail=detail)]


def end_with_the_parent() -> None:
    """Wait for the death of the process that started this one, which cannot end it when it is killed, and die too."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def own_engine() -> Engine:
    """Return the engine of this process."""
    return _engines[0]


def _judge(groups: list[list[ClaimPlace]], slices: dict[tuple[int, int], bytes]) -> _Verdicts:
    engine, batch = own_engine(), ClaimBatch(groups, slices)
    verdicts: dict[int, ClaimReport] = {}
    providers: dict[Extent, Level] = {}
    for places in groups:
        verdicts |= {report.ordinal: report for report in engine.judge_at(batch, places, providers)}
    return _Verdicts(engine.crashed, verdicts)
