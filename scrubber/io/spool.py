"""Bytes that wait for others to be written before them."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from typing import IO, Protocol

__all__ = ["Spool"]

_IN_MEMORY = 1 << 20


class _Writable(Protocol):
    def write(self, data: bytes, /) -> object: ...


class Spool:
    """Keeps bytes in memory while they are few, else in a temporary file without a name, until they are moved on.

    Unlike `tempfile.SpooledTemporaryFile` it needs no closing: one that is not used any more leaves nothing behind.
    """

    def __init__(self) -> None:
        self.size = 0
        self._pieces: list[bytes] = []
        self._waiting = 0
        self._file: IO[bytes] | None = None

    def write(self, data: bytes) -> None:
        """Append bytes."""
        self._pieces.append(data)
        self.size += len(data)
        self._waiting += len(data)
        if self._waiting > _IN_MEMORY:
            self._spill()

    def move_to(self, out: _Writable) -> None:
        """Write everything to `out` and be empty again."""
        file, self._file = self._file, None
        if file is not None:
            with file:
                file.seek(0)
                shutil.copyfileobj(file, out, _IN_MEMORY)
        out.write(b"".join(self._pieces))
        self._pieces.clear()
        self.size = self._waiting = 0

    def _spill(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed when moved, or with the spool itself
            weakref.finalize(self, self._file.close)
        self._file.write(b"".join(self._pieces))
        self._pieces.clear()
        self._waiting = 0
