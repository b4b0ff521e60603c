"""Write a file out of untouched slices of an input and a few bytes of its own, in flat memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import BinaryIO

from scrubber.io.source import InputSource
from scrubber.x12.segment import Segment

__all__ = ["Splicer", "corrected_count", "with_elements"]

_WINDOW = 1 << 20
"""Bytes that may be due: a pass over the input still has them at hand."""
_TAIL = 64


class Splicer:
    """Appends slices of `source`, and bytes, to `out`.  Slices that follow one another are copied as one."""

    def __init__(self, source: InputSource, out: BinaryIO) -> None:
        self._source = source
        self._out = out
        self._start = self._end = self._length = 0
        self._last = b""
        self._is_copy = True  # of the input from its first byte on, so far

    def keep(self, start: int, end: int) -> None:
        """Append the bytes of the input from `start` to `end`."""
        if start != self._end:
            self.flush()
            self._start, self._is_copy = start, False
        self._end = max(start, end)
        if self._end - self._start >= _WINDOW:
            self.flush()

    def put(self, data: bytes) -> None:
        """Append `data`, which is not in the input."""
        self._is_copy = False
        self.flush()
        self._write(data)

    def overwrite(self, position: int, data: bytes) -> None:
        """Replace bytes that were put at `position` of the output."""
        self._is_copy = False
        self.flush()
        self._out.seek(position)
        self._out.write(data)
        self._out.seek(0, 2)

    def copy_all(self) -> None:
        """Make the output the input, byte for byte, whatever it has been so far."""
        if not self._is_copy:
            self._start = self._end = self._length = 0
            self._out.seek(0)
            self._out.truncate()
        self.keep(self._end, self._source.size)

    @property
    def position(self) -> int:
        """The length of the output so far."""
        return self._length + self._end - self._start

    def ends_with(self, terminator: str) -> bool:
        """Whether the output ends with a segment terminator, line ends and blanks behind it aside."""
        self.flush()
        end = terminator.encode("latin-1")
        return self._last.rstrip(b" \t\r\n".replace(end, b"")).endswith(end)

    def flush(self) -> None:
        """Write what is still due."""
        start, end = self._start, self._end
        while start < end:
            data = self._source.read(start, min(_WINDOW, end - start))
            if not data:
                break
            self._write(data)
            start += len(data)
        self._start = self._end

    def _write(self, data: bytes) -> None:
        self._out.write(data)
        self._length += len(data)
        self._last = (self._last + data[-_TAIL:])[-_TAIL:]


def with_elements(segment: Segment, changes: Mapping[int, str]) -> str:
    """Return the text of a segment, without its terminator, with the elements at some positions (from 1) replaced.

    An element that is absent is appended only if its new value is not empty.
    """
    elements = list(segment.elements)
    for position, value in changes.items():
        if position < len(elements):
            elements[position] = value
        elif value:
            elements += [*[""] * (position - len(elements)), value]
    return segment.delimiters.element.join(elements)


def corrected_count(trailer: Segment, there: int, written: int) -> str:
    """Return the count of a trailer (SE01, GE01, IEA01) over `written` of the `there` things that the input holds.

    Where the input's trailer counts wrong, the difference stays, and so does what is no count: claims were rejected
    for it, and that must not be hidden.  A count that is right already keeps its form.
    """
    text = trailer.get(1)
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        return text
    count = max(0, written + int(text) - there)
    return text if int(text) == count else str(count)
