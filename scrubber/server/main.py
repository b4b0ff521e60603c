"""Listen, and serve until asked to end."""

from __future__ import annotations

import socket

import uvicorn

from scrubber.config import Config
from scrubber.errors import ConfigError, reason_of
from scrubber.io.processes import take_installed_modules_only
from scrubber.io.stderr import tell
from scrubber.server.app import make_app
from scrubber.server.connections import ACCEPTED_AT_ONCE, Connections, room_for_connections
from scrubber.server.folder import open_folder
from scrubber.server.logs import configure_logs
from scrubber.server.settings import ServeSettings

__all__ = ["listen", "serve"]

_BACKLOG = 512
"""Connections that the system keeps until they are accepted."""


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve, with a longer queue than asyncio makes, which has one number for it and what it accepts."""
        await super().startup(sockets)
        for listener in sockets or ():
            listener.listen(_BACKLOG)


def serve(settings: ServeSettings, config: Config) -> None:
    """Serve until SIGTERM or SIGINT; requests in hand are answered first, within the seconds set for that.

    Raises ConfigError when the address cannot be listened on, no temporary file can be written, or the workers would
    run files of the current folder.
    """
    take_installed_modules_only()
    with listen(settings.host, settings.port) as listener, open_folder(settings.temporary) as folder:
        configure_logs()
        connections = Connections(room_for_connections(settings), settings.head_seconds)
        server = _Server(
            uvicorn.Config(
                make_app(settings, config, folder),
                loop="asyncio",
                http=connections.protocol,  # type: ignore[arg-type] # it is only called
                backlog=ACCEPTED_AT_ONCE,
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,  # it would write down queries
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=settings.grace_seconds,
            )
        )
        tell(f"listening on {_url(listener)}")
        try:
            server.run(sockets=[listener])
        except KeyboardInterrupt:
            # uvicorn raises again the signal that it has ended for.
            if not server.should_exit:
                raise


def listen(host: str, port: int) -> socket.socket:
    """Listen on an address; raises ConfigError when that cannot be done."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    except OSError as error:
        # A name that is not known has a number of another kind; else the system's words, to which Python adds.
        reason = error.strerror if isinstance(error, socket.gaierror) else reason_of(error)
        raise ConfigError(f"{host} port {port}: cannot be listened on ({reason})") from error
    # What it accepts inherits this.  asyncio sets it only where the protocol was named, and without it an answer of
    # headers and body waits some 40 ms for the client to acknowledge the headers.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
