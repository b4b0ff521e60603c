"""What every request passes: it is numbered, timed, counted and logged, and asked for its token."""

from __future__ import annotations

import logging
import time
import uuid

from attrs import define, field, frozen
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scrubber.errors import place_of_error
from scrubber.server.metrics import Metrics
from scrubber.server.problems import Problem, Problems
from scrubber.server.responses import finish, linger, problem_answer
from scrubber.server.settings import Tokens

__all__ = ["Guard", "Observer", "refuse"]

_LOG = logging.getLogger("scrubber.access")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"})
_CLIENT_LEFT = 499
_OPEN = frozenset({"/healthz", "/readyz", "/openapi.json"})


@define(eq=False)
class _Exchange:
    """What has gone over a connection for one request so far."""

    status: int = _CLIENT_LEFT
    received: int = 0
    sent: int = 0
    begun: float = field(factory=time.monotonic)
    complete: bool = False


@frozen(eq=False)
class Observer:
    """Numbers, times, counts and logs requests, and answers what nothing else has caught.

    Only routes that exist and methods that are usual are named: a path, a query or a header can hold anything.
    """

    app: ASGIApp
    metrics: Metrics
    routes: frozenset[str]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        exchange, request_id = _Exchange(), str(uuid.uuid4())
        scope["state"] = {**scope.get("state", {}), "request_id": request_id}

        async def counted_receive() -> Message:
            message = await receive()
            exchange.received += len(message.get("body", b""))
            scope["state"]["body_taken"] = not message.get("more_body", False)
            return message

        async def counted_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode("ascii"))]
            else:
                exchange.sent += len(message.get("body", b""))
                exchange.complete = not message.get("more_body", False)
            await send(message)

        try:
            await self.app(scope, counted_receive, counted_send)
        except Exception as error:  # noqa: BLE001 - the last resort: name the place, not the data
            _LOG.error("%s: internal fault: %s", request_id, place_of_error(error))
            if exchange.status == _CLIENT_LEFT:
                fault = Problem(Problems.INTERNAL_FAULT, "The log names the place.")
                await problem_answer(fault, request_id).send(counted_send)
            elif not exchange.complete:
                # Only by an error does uvicorn cut the connection, so that the client sees that half is missing.
                raise RuntimeError("the answer could not be sent whole") from None
        finally:
            self._record(scope, request_id, exchange)

    def _record(self, scope: Scope, request_id: str, exchange: _Exchange) -> None:
        seconds = time.monotonic() - exchange.begun
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        route = scope["path"] if scope["path"] in self.routes else "other"
        self.metrics.request(method, route, exchange.status, seconds)
        self.metrics.traffic(exchange.received, exchange.sent)
        _LOG.info(
            "%s %s %s status=%d return=%s received=%d sent=%d ms=%.1f",
            request_id, method, route, exchange.status, scope["state"].get("returns", "-"),
            exchange.received, exchange.sent, 1000 * seconds,
        )  # fmt: skip


@frozen(eq=False)
class Guard:
    """Lets requests pass that show one of the tokens; without tokens, and for probes and the description, all.

    None passes that says twice how long its body is: a proxy that believes the other header sees another request begin.
    """

    app: ASGIApp
    tokens: Tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 401 or 400."""
        if scope["type"] == "http" and {"content-length", "transfer-encoding"}.issubset(Headers(scope=scope)):
            twice = Problem(Problems.BAD_PARAMETER, "Send Content-Length or Transfer-Encoding, not both.")
            await refuse(twice, scope, receive, send)
            return
        if scope["type"] != "http" or not self.tokens or scope["path"] in _OPEN:
            await self.app(scope, receive, send)
            return
        scheme, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self.tokens.accept(token.strip()):
            await self.app(scope, receive, send)
            return
        problem = Problem(Problems.UNAUTHORIZED, "Send Authorization: Bearer TOKEN.", {"WWW-Authenticate": "Bearer"})
        await refuse(problem, scope, receive, send)


async def refuse(problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with a problem, whether or not all of the body has been taken."""
    headers, request_id = Headers(scope=scope), scope["state"]["request_id"]
    bodiless = headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers
    if bodiless or scope["state"].get("body_taken", False):
        await problem_answer(problem, request_id).send(send)
        return
    problem.headers["Connection"] = "close"
    await problem_answer(problem, request_id).send(send, more=True)
    if headers.get("expect", "").lower() == "100-continue" and "body_taken" not in scope["state"]:
        await finish(send)  # the client was never told to go on, so nothing comes
    else:
        await linger(receive, send)
