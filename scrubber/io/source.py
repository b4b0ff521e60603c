"""The bytes of an input, readable from any offset and more than once."""

from __future__ import annotations

import hashlib
import io
import os
import select
import stat
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol, Self

from scrubber.errors import UnreadableError, reason_of

__all__ = ["CHUNK", "ByteSource", "InputSource", "open_source"]

CHUNK = 1 << 19
_RECENT = 4
"""Chunks of a pass that are kept: what is copied from an input follows the pass at this distance at most."""
_SPOOL = 8 << 20
_ISA = 105
"""Characters of an ISA segment without its terminator: no shorter text is an interchange."""
_PATIENCE = 5.0
"""Seconds in which somebody must have opened a pipe for writing."""


class ByteSource(Protocol):
    """The bytes of an input, in pieces, and how many there were once all are given."""

    size: int

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes from the beginning."""
        ...


class InputSource:
    """An open, seekable input.  `name` is what the user called it; the bytes are only ever read.

    Raises UnreadableError where its end cannot be found.
    """

    def __init__(self, name: str, stream: BinaryIO) -> None:
        self.name = name
        self._stream = stream
        self._sha256: str | None = None
        self._recent: deque[tuple[int, bytes]] = deque(maxlen=_RECENT)
        try:
            self.size = stream.seek(0, os.SEEK_END)
        except Exception as error:
            raise _unreadable(name, error) from error
        self._state = self._stat()

    def chunks(self) -> Iterator[bytes]:
        """Yield the whole input from its beginning.  Raises UnreadableError when reading fails."""
        digest = hashlib.sha256() if self._sha256 is None else None
        offset = 0
        while data := self._read(offset, CHUNK):
            if digest is not None:
                digest.update(data)
            self._recent.append((offset, data))
            yield data
            offset += len(data)
        if digest is not None:
            self._sha256 = digest.hexdigest()

    def read(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`, fewer only at the end.  Raises UnreadableError when reading fails.

        What a pass over the input has just read is not read again.
        """
        found: list[bytes] = []
        at, end = offset, offset + length
        for start, data in self._recent:
            if start <= at < start + len(data):
                found.append(data[at - start : end - start])
                at += len(found[-1])
        return b"".join(found) if found and at == end else self._read(offset, length)

    def _read(self, offset: int, length: int) -> bytes:
        try:
            self._stream.seek(offset)
            data = _next(self._stream, length, self.name)
            # A stream without a buffer may give less than it was asked for, and then more.
            while data and len(data) < length and (more := _next(self._stream, length - len(data), self.name)):
                data += more
        except Exception as error:
            raise _unreadable(self.name, error) from error
        return data

    def sha256(self) -> str:
        """Return the SHA-256 of the bytes, in hexadecimal: of the first pass that came to the end."""
        if self._sha256 is None:
            for _ in self.chunks():
                pass
        return self._sha256 or ""

    def check_unchanged(self) -> None:
        """Raise UnreadableError if the file was written to since it was opened: two passes must see the same bytes."""
        if self._stat() != self._state:
            raise UnreadableError(f"{self.name}: the file changed while it was being read")

    def close(self) -> None:
        """Close the input."""
        self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _stat(self) -> tuple[int, int]:
        found = _stat_of(self._stream)
        return (found.st_size, found.st_mtime_ns) if found is not None else (self.size, 0)


def open_source(source: str | os.PathLike[str] | bytes | BinaryIO, name: str | None = None) -> InputSource:
    """Open a path, bytes or a binary file for reading.

    What cannot be read twice (a pipe, standard input) is copied to an anonymous temporary file first.  Raises
    UnreadableError when the input is missing, a directory, a device, or cannot be read, TypeError for anything else.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return InputSource(name or "<bytes>", io.BytesIO(bytes(source)))
    if isinstance(source, str) and len(source) > _ISA and source.lstrip().startswith("ISA"):
        raise TypeError("an interchange is given as bytes; a str is a path")  # which would be told in every message
    if isinstance(source, str | os.PathLike):
        return _open_path(Path(source), name or os.fspath(source))
    if isinstance(source, io.TextIOBase) or not hasattr(source, "read"):
        raise TypeError(f"an input is a path, bytes or a binary file, not {type(source).__name__}")
    name = name or "<stream>"
    if _is_device(source):
        raise UnreadableError(f"{name}: is not a regular file")
    try:
        may_seek = _seekable(source)
    except Exception as error:
        raise _unreadable(name, error) from error
    return InputSource(name, source if may_seek else _spool(source, name))


def _open_path(path: Path, name: str) -> InputSource:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            os.scandir(path).close()  # where that is refused, it is what has to be told
            raise UnreadableError(f"{name}: is a directory")
        if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
            raise UnreadableError(f"{name}: is not a regular file")
        stream = _open_pipe(path, name) if stat.S_ISFIFO(mode) else path.open("rb")
    except (OSError, ValueError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "not a usable path"
        raise UnreadableError(f"{name}: cannot be opened ({reason})") from error
    if stat.S_ISFIFO(mode):
        with stream:
            return InputSource(name, _spool(stream, name))
    return InputSource(name, stream)


def _open_pipe(path: Path, name: str) -> BinaryIO:
    """Open a pipe.  Raises UnreadableError when nobody begins to write to it."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    stream = os.fdopen(handle, "rb")
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            first = os.read(handle, CHUNK)
        except BlockingIOError:  # a writer is there, who writes later
            first = b""
            break
        if first:
            break
        if time.monotonic() > end:
            stream.close()
            raise UnreadableError(f"{name}: is a pipe that nobody writes to")
        time.sleep(0.05)
    os.set_blocking(handle, True)
    return _Rest(first, stream)  # type: ignore[return-value]


class _Rest(io.RawIOBase):
    """A stream of which the beginning has been read."""

    def __init__(self, first: bytes, stream: BinaryIO) -> None:
        self._first = first
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes."""
        first, self._first = self._first, b""
        return first or self._stream.read(size)

    def close(self) -> None:
        """Close the stream."""
        self._stream.close()
        super().close()


def _is_device(stream: BinaryIO) -> bool:
    """Whether a stream comes from a device, which may never end; a terminal does, and the null device is empty."""
    found = _stat_of(stream)
    if found is None or not (stat.S_ISBLK(found.st_mode) or stat.S_ISCHR(found.st_mode)):
        return False
    return not os.isatty(stream.fileno()) and found.st_rdev != Path(os.devnull).stat().st_rdev


def _stat_of(stream: BinaryIO) -> os.stat_result | None:
    """Return what the system knows about a stream; None for one that is not the system's."""
    try:
        return os.fstat(stream.fileno())
    except Exception:  # noqa: BLE001 - a stream of a host may raise anything
        return None


def _seekable(stream: BinaryIO) -> bool:
    try:
        return stream.seekable()
    except AttributeError:
        return False


def _given(stream: BinaryIO, length: int) -> object:
    """Return what a stream gives, which of a host's own may be anything."""
    return stream.read(length)


def _next(stream: BinaryIO, length: int, name: str) -> bytes:
    """Return the next bytes, none at the end only.  Raises OSError, and UnreadableError where it cannot wait."""
    data = _given(stream, length)
    while data is None:  # nothing is there yet, and the stream was told not to wait
        try:
            select.select([stream.fileno()], [], [])
        except (AttributeError, OSError, ValueError) as error:
            raise UnreadableError(f"{name}: gives nothing for a while and cannot be waited for") from error
        data = _given(stream, length)
    if isinstance(data, bytes):
        return data
    if isinstance(data, bytearray):
        return bytes(data)
    if isinstance(data, memoryview):
        return data.tobytes()
    raise UnreadableError(f"{name}: gives {type(data).__name__} instead of bytes")


def _spool(stream: BinaryIO, name: str) -> BinaryIO:
    copy = tempfile.SpooledTemporaryFile(max_size=_SPOOL)  # noqa: SIM115 - the InputSource closes it
    try:
        while data := _next(stream, CHUNK, name):
            copy.write(data)
    except BaseException as error:
        copy.close()
        if isinstance(error, Exception):
            raise _unreadable(name, error) from error
        raise
    return copy  # type: ignore[return-value]


def _unreadable(name: str, error: Exception) -> UnreadableError:
    """Return why a stream cannot be read: in the system's words or, where it is the stream's own fault, by its kind."""
    if isinstance(error, UnreadableError):
        return error
    return UnreadableError(
        f"{name}: cannot be read ({reason_of(error) if isinstance(error, OSError) else type(error).__name__})"
    )
