"""Take a body to disk as it comes."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

from attrs import frozen
from starlette.types import Receive

from scrubber.io.publication import open_private
from scrubber.server.problems import Problem, Problems

__all__ = ["Body", "ClientLeftError", "receive_body", "too_large"]

_BLOCK = 1 << 20


class ClientLeftError(Exception):
    """The client closed the connection before it had its answer, or does not take it."""


@frozen
class Body:
    """A body that was received: its length in bytes and the SHA-256 of it."""

    size: int
    sha256: str


def too_large(limit: int) -> Problem:
    """Return the problem of a body of more than `limit` bytes."""
    return Problem(Problems.TOO_LARGE, f"The limit is {limit} bytes.", max_bytes=limit)


async def receive_body(receive: Receive, path: Path, limit: int, pause: float) -> Body:
    """Write a body to a new file that only its owner can read.

    Raises Problem for one that is empty, is larger than `limit` bytes, or pauses for more than `pause` seconds,
    ClientLeftError when the client leaves, and OSError when it cannot be written.
    """
    digest, size = hashlib.sha256(), 0
    handle = open_private(path, os.O_WRONLY | os.O_EXCL)
    with os.fdopen(handle, "wb", buffering=0) as out:
        async for block in _blocks(receive, pause):
            size += len(block)
            if size > limit:
                raise too_large(limit)
            digest.update(block)
            await asyncio.to_thread(_write_all, out.fileno(), block)
    if not size:
        raise Problem(Problems.EMPTY_BODY, "Send the bytes of an 837P interchange.")
    return Body(size, digest.hexdigest())


async def _blocks(receive: Receive, pause: float) -> AsyncIterator[bytes]:
    """Yield the body in blocks of about one megabyte, so that few writes are waited for."""
    held = bytearray()
    more = True
    while more:
        try:
            async with asyncio.timeout(pause):
                message = await receive()
        except TimeoutError as error:
            raise Problem(Problems.BODY_TIMEOUT, f"Nothing came for {pause:g} seconds.") from error
        if message["type"] == "http.disconnect":
            raise ClientLeftError
        held += message.get("body", b"")
        more = message.get("more_body", False)
        if len(held) >= _BLOCK:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)


def _write_all(handle: int, block: bytes) -> None:
    left = memoryview(block)
    while left:
        left = left[os.write(handle, left) :]
