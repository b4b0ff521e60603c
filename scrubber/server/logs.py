"""What the server says on standard error: one line a request, and no message of an error, which might quote a claim."""

from __future__ import annotations

import logging
import sys
from types import TracebackType

from scrubber.errors import place_of_error

__all__ = ["configure_logs"]

_Raised = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class _PlaceFormatter(logging.Formatter):
    """Names the kind of an error and where it was raised, in place of its message and traceback."""

    def formatException(self, ei: _Raised) -> str:  # noqa: N802 - the name that logging calls
        """Give the place of an error."""
        return "" if ei[1] is None else place_of_error(ei[1])


def configure_logs() -> None:
    """Send what the server, uvicorn and asyncio say to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_PlaceFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(logging.WARNING)
    for name in ("scrubber", "uvicorn"):
        logging.getLogger(name).setLevel(logging.INFO)
