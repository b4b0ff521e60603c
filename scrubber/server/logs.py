"""What the server says on standard error: one line a request, and no message of an error, which might quote a claim."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from types import TracebackType

from scrubber.errors import place_of_error

__all__ = ["configure_logs"]

_MINUTE = 60.0

_Raised = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class _PlaceFormatter(logging.Formatter):
    """Names the kind of an error and where it was raised, in place of its message and traceback."""

    def formatException(self, ei: _Raised) -> str:  # noqa: N802 - the name that logging calls
        """Return the place of an error."""
        return "" if ei[1] is None else place_of_error(ei[1])


_OUT_OF_SOCKETS = "socket.accept() out of system resource"
"""What asyncio says, each time that it tries, where no more files can be opened."""

_OFTEN = ("asyncio", "uvicorn", "scrubber.server.connections")
"""Who warns of what clients do, as often as they do it."""


class _OnceAMinute(logging.Filter):
    """Lets a warning or an error about connections pass once a minute, with the number of those that did not."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._said: dict[tuple[str, str], float] = {}
        self._kept: dict[tuple[str, str], int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to pass a record on."""
        if record.levelno < logging.WARNING or not record.name.startswith(_OFTEN):
            return True
        words = str(record.msg).partition("\n")[0]
        place = place_of_error(record.exc_info[1]) if record.exc_info and record.exc_info[1] is not None else ""
        key, now = (words, place), self._clock()
        if now - self._said.get(key, -_MINUTE) < _MINUTE:
            self._kept[key] = self._kept.get(key, 0) + 1
            return False
        self._said[key] = now
        if words == _OUT_OF_SOCKETS:
            record.msg, record.args, record.exc_info = "out of sockets: no connection can be accepted for now", (), None
        if kept := self._kept.pop(key, 0):
            record.msg = f"{record.msg} ({kept} times more before)"
        return True


def configure_logs() -> None:
    """Send what the server, uvicorn and asyncio say to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_OnceAMinute())
    handler.setFormatter(_PlaceFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(logging.WARNING)
    for name in ("scrubber", "uvicorn"):
        logging.getLogger(name).setLevel(logging.INFO)
