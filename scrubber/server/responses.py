"""What is sent back: a status, headers, and a file with something before and behind it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import BinaryIO

from attrs import field, frozen
from starlette.types import Message, Receive, Send

from scrubber.server.body import ClientLeftError
from scrubber.server.problems import MEDIA_TYPE, Problem

__all__ = ["Answer", "finish", "linger", "problem_answer"]

_BLOCK = 1 << 18
_LINGER_BYTES, _LINGER_SECONDS = 64 << 20, 5.0


@frozen
class Answer:
    """A response.  Its body is `head`, the bytes of the file at `path` if there is one, and `tail`."""

    status: int
    headers: Mapping[str, str]
    head: bytes = field(default=b"", repr=False)
    path: Path | None = None
    tail: bytes = field(default=b"", repr=False)

    async def send(self, send: Send, *, more: bool = False, pause: float | None = None) -> None:
        """Send it.  With `more` all of it is sent but the connection is not told so: the body is still to be taken.

        Raises ClientLeftError when the client takes nothing for `pause` seconds.
        """
        # Opened first: what has been opened can be read to its end, whoever removes the file.
        file = None if self.path is None else await asyncio.to_thread(self.path.open, "rb")
        try:
            size = len(self.head) + len(self.tail) + (os.fstat(file.fileno()).st_size if file else 0)
            length = {} if self.status == 204 else {"Content-Length": str(size)}
            headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", **self.headers, **length}
            raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
            start: Message = {"type": "http.response.start", "status": self.status, "headers": raw}
            await _send(send, start, pause)
            async for block in self._blocks(file):
                await _send(send, _body(block, more=True), pause)
        finally:
            if file is not None:
                file.close()
        if not more:
            await finish(send)

    async def _blocks(self, file: BinaryIO | None) -> AsyncIterator[bytes]:
        if self.head:
            yield self.head
        while file is not None and (block := await asyncio.to_thread(file.read, _BLOCK)):
            yield block
        if self.tail:
            yield self.tail


def problem_answer(problem: Problem, request_id: str, report: Path | None = None) -> Answer:
    """Word a problem; `report` is the file of a JSON report to be its member of that name."""
    document = problem.document(request_id)
    headers = {"Content-Type": MEDIA_TYPE, **problem.headers}
    if report is None:
        return Answer(problem.kind.status, headers, document + b"\n")
    return Answer(problem.kind.status, headers, document[:-1] + b', "report": ', report, b"}\n")


async def linger(receive: Receive, send: Send) -> None:
    """Take what a client still sends after its answer, within limits, and then close.

    A connection that is closed with bytes unread is reset, and the answer may be lost with it.
    """
    taken = 0
    try:
        async with asyncio.timeout(_LINGER_SECONDS):
            while taken < _LINGER_BYTES:
                message = await receive()
                taken += len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    break
    except TimeoutError:
        taken = _LINGER_BYTES
    await finish(send)


async def finish(send: Send) -> None:
    """End an answer that was sent with `more`."""
    await send(_body(b"", more=False))


async def _send(send: Send, message: Message, pause: float | None) -> None:
    try:
        async with asyncio.timeout(pause):
            await send(message)
    except TimeoutError as error:
        raise ClientLeftError from error


def _body(block: bytes, *, more: bool) -> Message:
    return {"type": "http.response.body", "body": block, "more_body": more}
