"""Where claims are judged: in this process, or in others (`process_executor.py`, which only they need imported).

Whoever asks for the verdicts in the order of the file gives the same bytes whatever the number of processes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

from attrs import define, field

from scrubber.claims.builder import ClaimPlace, Extent
from scrubber.claims.raw_claim import Level
from scrubber.engine.judge import Engine
from scrubber.findings.report import ClaimReport
from scrubber.io.source import InputSource

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["Executor", "FileJudge", "SerialExecutor", "Verdicts"]

Verdicts = dict[int, ClaimReport]
"""What was made of claims, by their ordinals."""

T = TypeVar("T")


class FileJudge(Protocol):
    """Judges the claims of one file."""

    def ask(self, places: Sequence[ClaimPlace]) -> Callable[[int], ClaimReport]:
        """Have the claims of one patient judged together.

        Returns what gives the verdict on each of them, by its place in the file, once.
        """
        ...


class Executor(ABC):
    """Judges claims.  `claims_ahead` and `inputs_ahead` are how many may be asked for before an answer is wanted."""

    claims_ahead = 0
    inputs_ahead = 0

    @abstractmethod
    def judge_file(self, source: InputSource) -> FileJudge:
        """Return what judges the claims of a file."""

    @abstractmethod
    def begin(self, function: Callable[..., T], /, *arguments: object) -> Future[T] | None:
        """Have a function of a module run in a process that has an engine; None where there is only this process."""

    @abstractmethod
    def wait_for(self, future: Future[T]) -> T:
        """Return the answer to `begin` when it is there.  Raises ScrubberError when the process has died."""

    @abstractmethod
    def close(self) -> None:
        """End what it has started."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class SerialExecutor(Executor):
    """Judges claims in this process, each when its verdict is wanted."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def judge_file(self, source: InputSource) -> FileJudge:
        """Return what judges the claims of a file."""
        return _SerialJudge(self._engine, source)

    def begin(self, _function: Callable[..., T], /, *_arguments: object) -> None:
        """Return None: there is only this process."""

    def wait_for(self, future: Future[T]) -> T:
        """Return the answer of a future, though nothing is begun here."""
        return future.result()

    def close(self) -> None:
        """Do nothing: nothing has been started."""


@define(eq=False, repr=False)
class _SerialJudge:
    _engine: Engine
    _source: InputSource
    _providers: dict[Extent, Level] = field(factory=lambda: {})

    def ask(self, places: Sequence[ClaimPlace]) -> Callable[[int], ClaimReport]:
        verdicts: Verdicts = {}

        def verdict(ordinal: int) -> ClaimReport:
            if not verdicts:
                reports = self._engine.judge_at(self._source, places, self._providers)
                verdicts.update((report.ordinal, report) for report in reports)
            return verdicts.pop(ordinal)

        return verdict
