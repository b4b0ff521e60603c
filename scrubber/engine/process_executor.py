"""Judge claims in worker processes, which take batches of claims or whole inputs.

A batch holds the bytes of its claims, not the claims, so that little has to be sent.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from threading import Thread
from typing import TypeVar

from attrs import define, field

from scrubber.claims.builder import ClaimPlace, Extent
from scrubber.claims.raw_claim import Level
from scrubber.engine.executor import Executor, FileJudge, Verdicts
from scrubber.engine.judge import Engine
from scrubber.errors import ScrubberError, reason_of
from scrubber.findings.report import ClaimReport
from scrubber.io.processes import take_installed_modules_only
from scrubber.io.signals import uninterrupted
from scrubber.io.source import InputSource

__all__ = ["ProcessExecutor", "end_with_the_parent", "own_engine"]

_BATCH = 64
"""Claims in a batch."""

_CLAIMS_AHEAD = 1_000
"""Claims, and what is between them, that may wait for each process."""

_INPUTS_AHEAD = 2
"""Inputs that may wait for each process."""

T = TypeVar("T")


class ProcessExecutor(Executor):
    """Judges claims in `jobs` processes; `make_engine`, a function of a module, makes the engine of each.

    Raises ScrubberError when there can be no processes, ConfigError when they would run files of the current folder.
    """

    def __init__(self, make_engine: Callable[[], Engine], jobs: int) -> None:
        self.claims_ahead = jobs * _CLAIMS_AHEAD
        self.inputs_ahead = jobs * _INPUTS_AHEAD
        if multiprocessing.get_start_method() != "fork":  # which imports nothing again
            take_installed_modules_only()
        with _Deaths():
            self._pool = ProcessPoolExecutor(jobs, initializer=_begin, initargs=(make_engine,))

    def judge_file(self, source: InputSource) -> FileJudge:
        """Return what judges the claims of a file, in batches."""
        return _BatchJudge(self, source)

    def begin(self, function: Callable[..., T], /, *arguments: object) -> Future[T]:
        """Have a function of a module run in one of the processes.  Raises ScrubberError when one has died."""
        # The first call forks: an interrupt meanwhile would end in a hook of some library and be lost.
        with _Deaths(), uninterrupted():
            return self._pool.submit(function, *arguments)

    def wait_for(self, future: Future[T]) -> T:
        """Return the answer to `begin` when it is there.  Raises ScrubberError when a process has died."""
        with _Deaths():
            return future.result()

    def close(self) -> None:
        """End the processes, with what they are doing."""
        self._pool.shutdown(cancel_futures=True)


@define(eq=False)
class _ClaimBatch:
    """Groups of claims to be judged, each group together, with the bytes they are read from."""

    groups: list[list[ClaimPlace]] = field(factory=lambda: [])
    slices: dict[tuple[int, int], bytes] = field(factory=lambda: {}, repr=False)
    claims: int = 0
    answer: Future[Verdicts] | None = None

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


@define(eq=False)
class _BatchJudge:
    _executor: ProcessExecutor
    _source: InputSource
    _batch: _ClaimBatch = field(factory=_ClaimBatch)

    def ask(self, places: Sequence[ClaimPlace]) -> Callable[[int], ClaimReport]:
        if self._batch.claims >= _BATCH:
            self._send(self._batch)
        if self._batch.answer is not None:
            self._batch = _ClaimBatch()
        batch = self._batch
        batch.add(places, self._source)
        return lambda ordinal: self._executor.wait_for(self._send(batch))[ordinal]

    def _send(self, batch: _ClaimBatch) -> Future[Verdicts]:
        """Have a batch judged, if it is not already."""
        if batch.answer is None:
            batch.answer = self._executor.begin(_judge, batch.groups, batch.slices)
            batch.slices = {}
        return batch.answer


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


def _begin(make_engine: Callable[[], Engine]) -> None:
    # Ctrl-C reaches all processes of the terminal, as its end does; the run ends its workers itself.
    for number in (signal.SIGINT, getattr(signal, "SIGHUP", signal.SIGINT)):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    Thread(target=end_with_the_parent, daemon=True).start()
    _engines[:] = [make_engine()]


def end_with_the_parent() -> None:
    """Wait for the death of the process that started this one, which cannot end it when it is killed, and die too."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def own_engine() -> Engine:
    """Return the engine of this process."""
    return _engines[0]


def _judge(groups: list[list[ClaimPlace]], slices: dict[tuple[int, int], bytes]) -> Verdicts:
    engine, batch = own_engine(), _ClaimBatch(groups, slices)
    providers: dict[Extent, Level] = {}
    return {report.ordinal: report for places in groups for report in engine.judge_at(batch, places, providers)}
