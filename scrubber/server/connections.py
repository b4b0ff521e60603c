"""Connections: how many there may be, and how long one may wait before its request is known.

uvicorn has no limit on either.  Without one, clients that connect and wait take all sockets there are, and nobody else
is answered.
"""

from __future__ import annotations

import asyncio
import logging
import resource
from functools import partial
from typing import Any

import h11
from attrs import define, field
from uvicorn.protocols.http.h11_impl import H11Protocol

from scrubber.server.settings import ServeSettings

__all__ = ["ACCEPTED_AT_ONCE", "Connections", "room_for_connections"]

_LOG = logging.getLogger(__name__)

ACCEPTED_AT_ONCE = 8
"""Connections that asyncio accepts in one turn of its loop; an old one is closed three turns after a new one came."""

_OWN_FILES = 40 + 4 * ACCEPTED_AT_ONCE
"""Files, pipes and sockets of the server itself, what a library may open for a moment, and connections that go."""
_FILES_A_WORKER, _FILES_A_REQUEST = 3, 3
_FEWEST = 8
"""Connections beside those with requests in hand, whatever the system allows."""

_REFUSAL = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n"


def room_for_connections(settings: ServeSettings) -> int:
    """Return how many connections there may be: what was asked for, or less where the system allows few open files."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return settings.max_connections
    requests = settings.jobs + settings.queue
    taken = _OWN_FILES + _FILES_A_WORKER * settings.jobs + _FILES_A_REQUEST * requests
    return min(settings.max_connections, max(files - taken, requests + _FEWEST))


@define(eq=False)
class Connections:
    """The connections of a server: `limit` of them at a time, each of which sends a request within `seconds`.

    Of more than that, the one goes that has waited longest without a request.  Where all have requests, the new one
    is refused.
    """

    limit: int
    seconds: float
    _open: set[_Connection] = field(factory=set["_Connection"], init=False)
    _waiting: dict[_Connection, asyncio.TimerHandle] = field(factory=lambda: {}, init=False)

    @property
    def protocol(self) -> partial[_Connection]:
        """What makes the protocol of a connection, as uvicorn wants it."""
        return partial(_Connection, self)

    def __len__(self) -> int:
        return len(self._open)

    def add(self, connection: _Connection) -> None:
        """Take a new connection, and make room for it."""
        self._open.add(connection)
        self.expect(connection)
        if len(self._open) <= self.limit:
            return
        _LOG.warning("there are more than %d connections: those that wait are closed, the oldest first", self.limit)
        oldest = next(iter(self._waiting))
        if oldest is connection:
            connection.transport.write(_REFUSAL)
        self.close(oldest)

    def expect(self, connection: _Connection) -> None:
        """Expect a request within the time there is, unless one is expected already."""
        if connection not in self._waiting and connection in self._open:
            timer = asyncio.get_running_loop().call_later(self.seconds, self.close, connection)
            self._waiting[connection] = timer

    def receive(self, connection: _Connection) -> None:
        """Note that a request has come."""
        timer = self._waiting.pop(connection, None)
        if timer is not None:
            timer.cancel()

    def close(self, connection: _Connection) -> None:
        """Close a connection."""
        self.remove(connection)
        connection.transport.close()

    def remove(self, connection: _Connection) -> None:
        """Note that a connection is closed."""
        self.receive(connection)
        self._open.discard(connection)


class _Connection(H11Protocol):
    """One connection."""

    def __init__(self, connections: Connections, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._all = connections

    def connection_made(self, transport: Any) -> None:
        """Take notice of a new connection."""
        super().connection_made(transport)
        self._all.add(self)

    def data_received(self, data: bytes) -> None:
        """Take bytes, after which a request may be known."""
        super().data_received(data)
        self._note()

    def on_response_complete(self) -> None:
        """Wait for the next request, if it has not come already."""
        super().on_response_complete()
        self._note()

    def connection_lost(self, exc: Exception | None) -> None:
        """Take notice of the end."""
        self._all.remove(self)
        super().connection_lost(exc)

    def _note(self) -> None:
        if self.conn.their_state is h11.IDLE:
            self._all.expect(self)
        else:
            self._all.receive(self)
