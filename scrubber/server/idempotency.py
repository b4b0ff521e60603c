"""Answers that are kept, so that a request that is sent again is not judged again."""

from __future__ import annotations

import hashlib
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import attrs
from attrs import define, field, frozen

from scrubber.server.problems import Problem, Problems
from scrubber.server.responses import Answer

__all__ = ["AnswerStore", "KeptAnswer", "read_key", "replayed"]

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


def read_key(value: str | None) -> str | None:
    """Check an Idempotency-Key and give its digest, which may name a file.  Raises Problem."""
    if value is None:
        return None
    if not _KEY.fullmatch(value):
        raise Problem(Problems.BAD_PARAMETER, "Idempotency-Key is 1 to 255 visible ASCII characters.")
    return hashlib.sha256(value.encode("ascii")).hexdigest()


@frozen
class KeptAnswer:
    """An answer, what it answered, its bytes on disk and when it was given, in seconds of the clock."""

    answer: Answer
    request: tuple[str, ...]
    size: int
    at: float


@define(eq=False)
class AnswerStore:
    """Keeps answers in a folder: at the most `count` of them and `size` bytes, each for `seconds`; the oldest go first.

    The answers end with the server.
    """

    folder: Path
    seconds: float
    count: int
    size: int
    clock: Callable[[], float] = time.monotonic
    _kept: OrderedDict[str, KeptAnswer] = field(factory=OrderedDict[str, KeptAnswer], init=False)
    _running: set[str] = field(factory=set[str], init=False)
    _bytes: int = field(default=0, init=False)

    def __len__(self) -> int:
        return len(self._kept)

    @contextmanager
    def reserve(self, key: str | None, place: Path) -> Generator[KeptAnswer | None]:
        """Return the answer that is kept under a key; where none is, no other request may use the key meanwhile.

        Its file is linked to `place`, so that it lasts as long as that folder.  Raises Problem when the key is in use.
        """
        self._forget()
        if key is None or key in self._kept:
            yield None if key is None else _linked(self._kept[key], place)
            return
        if key in self._running:
            raise Problem(Problems.KEY_IN_USE, "Ask again when it has its answer.", {"Retry-After": "2"})
        self._running.add(key)
        try:
            yield None
        finally:
            self._running.discard(key)

    def keep(self, key: str, request: tuple[str, ...], answer: Answer) -> None:
        """Keep an answer to a request, its file under a name of its own."""
        size = len(answer.head) + len(answer.tail) + (answer.path.stat().st_size if answer.path else 0)
        if answer.path is not None:
            own = self.folder / key
            own.hardlink_to(answer.path)
            answer = attrs.evolve(answer, path=own)
        self._kept[key] = KeptAnswer(answer, request, size, self.clock())
        self._bytes += size
        self._forget()

    def _forget(self) -> None:
        """Remove what is too old or too much."""
        while self._kept:
            key, oldest = next(iter(self._kept.items()))
            fits = len(self._kept) <= self.count and self._bytes <= self.size
            if fits and self.clock() - oldest.at <= self.seconds:
                return
            del self._kept[key]
            self._bytes -= oldest.size
            if oldest.answer.path is not None:
                oldest.answer.path.unlink(missing_ok=True)


def _linked(kept: KeptAnswer, place: Path) -> KeptAnswer:
    if kept.answer.path is None:
        return kept
    link = place / "kept"
    link.hardlink_to(kept.answer.path)
    return attrs.evolve(kept, answer=attrs.evolve(kept.answer, path=link))


def replayed(kept: KeptAnswer, request: tuple[str, ...]) -> Answer:
    """Return a kept answer to a request that is the same.  Raises Problem when it is another."""
    if kept.request != request:
        raise Problem(Problems.KEY_REUSED, "Its body or what it asked to be returned differs.")
    return attrs.evolve(kept.answer, headers={**kept.answer.headers, "Idempotency-Replayed": "true"})
