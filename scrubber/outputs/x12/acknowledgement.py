"""What the two acknowledgements, 277CA and 999, share: envelope, control numbers, dates and spooled segments.

Sender and receiver are those of the input, swapped, and so are its delimiters.  Control numbers and dates are derived
from the input's envelope, so that the same input gives the same bytes, unless they are set.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import BinaryIO

import attrs
from attrs import define, field, frozen

from scrubber.findings.dates import parse_date
from scrubber.io.spool import Spool
from scrubber.outputs.x12.base import MAX_NUMBER, AckSettings
from scrubber.x12.control_numbers import ControlNumbers
from scrubber.x12.segment import Delimiters, Segment

__all__ = ["InterchangeWriter", "SegmentBuffer", "Stamp", "amount", "d8"]

_CLOCK = re.compile(r"([01]\d|2[0-3])[0-5]\d([0-5]\d\d{0,2})?", re.ASCII)
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)
_LINE_ENDS = ("\n", "\r\n", "\r")


@frozen
class Stamp:
    """A date, and a time as X12 writes it (HHMM, HHMMSS)."""

    day: date
    clock: str = "0000"

    @property
    def d8(self) -> str:
        """The date as CCYYMMDD."""
        return d8(self.day)


def d8(day: date) -> str:
    """Write a date as CCYYMMDD; `strftime` pads no year below 1000."""
    return day.isoformat().replace("-", "")


def amount(value: Decimal | None) -> str:
    """Write an amount as data type R: no exponent, no needless zeros; "0" for one that cannot be read."""
    text = f"{value or Decimal(0):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


_NO_DELIMITERS = frozenset(" .-") | {""}
"""What an acknowledgement needs in its amounts and ranges of dates, and what separates nothing."""


class SegmentBuffer:
    """Segments in the making, spooled to disk when they are many.  `segments` counts them, and `end` is behind each."""

    def __init__(self, delimiters: Delimiters, line_end: str = "") -> None:
        self.segments = 0
        self._delimiters = delimiters
        self.end = delimiters.segment + line_end
        used = {delimiters.element, delimiters.component, delimiters.repetition}
        # What is echoed may hold control characters, for which the receiver would reject the acknowledgement.
        self._dropped = {code: None for code in (*range(32), 127) if chr(code) not in used}
        self._spool = Spool()

    def add(self, *elements: str) -> None:
        """Append a segment without control characters; empty elements at its end are left out."""
        text = self._delimiters.element.join(elements).rstrip(self._delimiters.element)
        if not text.isprintable():
            text = text.translate(self._dropped)
        self._spool.write(f"{text}{self.end}".encode("latin-1"))
        self.segments += 1

    def add_written(self, text: str, segments: int) -> None:
        """Append so many segments that are text already, without control characters."""
        self._spool.write(text.encode("latin-1"))
        self.segments += segments

    def can_hold(self, delimiter: str) -> bool:
        """Whether an element may have that character in it."""
        return delimiter not in {self._delimiters.element, self._delimiters.component, self._delimiters.segment}

    def composite(self, *components: str) -> str:
        """Join components to an element; empty ones at its end are left out."""
        return self._delimiters.component.join(components).rstrip(self._delimiters.component)

    def take(self, other: SegmentBuffer) -> None:
        """Append the segments of another batch."""
        other.move_to(self._spool)
        self.segments += other.segments

    def move_to(self, out: BinaryIO | Spool) -> None:
        """Write the segments to `out` and let go of them."""
        self._spool.move_to(out)


@define
class _Numbers:
    """Control numbers that do not repeat: the wanted one, else the next that is free."""

    _used: ControlNumbers = field(factory=ControlNumbers, init=False)
    _highest: int = field(default=0, init=False)
    _lowest: int = field(default=0, init=False)  # up to here all are used

    def take(self, wanted: str) -> int:
        number = int(wanted) if _NUMBER.fullmatch(wanted) else 0
        if not number or str(number) in self._used:
            number = self._highest + 1
        if number > MAX_NUMBER:
            while str(self._lowest + 1) in self._used:
                self._lowest += 1
            number = self._lowest + 1
        self._used.add(str(number))
        self._highest = max(self._highest, number)
        return number


class InterchangeWriter:
    """Writes the interchanges and functional groups of an acknowledgement: one for each of the input's that has any.

    `functional_id` is GS01, `transaction` ST01 and `guide` GS08 and ST03 of what it writes.  Headers are written with
    the first transaction set inside them.  With `deferred` the groups of an interchange are held back until it is
    closed, so that a TA1 can be put in front of them.
    """

    def __init__(
        self,
        out: BinaryIO,
        settings: AckSettings,
        functional_id: str,
        transaction: str,
        guide: str,
        *,
        deferred: bool = False,
    ) -> None:
        self._target = out
        self._out: BinaryIO | Spool = out
        self._deferred = deferred
        self._settings = settings
        self._functional_id = functional_id
        self._transaction = transaction
        self._guide = guide
        self._interchange_numbers = _Numbers()
        self._group_numbers = _Numbers()
        self._isa: Segment | None = None
        self._gs: Segment | None = None
        self._interchange = self._group = 0  # control numbers; 0 while nothing is open in the output
        self._groups = self._sets = 0
        self._line_end = ""
        self.written = 0
        """How many transaction sets and TA1 segments have been written."""

    def open_interchange(self, isa: Segment) -> None:
        """Answer the interchange that `isa` opens from here on."""
        self.close()
        self._isa, self._gs = isa, None
        self._group_numbers = _Numbers()
        self._line_end = ""

    def open_group(self, gs: Segment | None) -> None:
        """Answer the functional group that `gs` opens from here on; None for transaction sets outside any."""
        self._close_group()
        self._gs = gs
        if gs is not None:
            self._line_end = gs.lead if gs.lead in _LINE_ENDS else ""

    def batch(self) -> SegmentBuffer:
        """Begin segments in the delimiters and with the line ends of the input."""
        return SegmentBuffer(self._own_delimiters, self._line_end)

    @property
    def stamp(self) -> Stamp:
        """When the acknowledgement is dated: as set, else as the group that it answers, else as its interchange."""
        at = self._settings.at
        if at is not None:
            return Stamp(at.date(), f"{at:%H%M}")
        for header, places, century in ((self._gs, (4, 5), ""), (self._isa, (9, 10), "20")):
            day = parse_date(century + header.get(places[0])) if header is not None else None
            if header is not None and day is not None:
                clock = header.get(places[1])
                return Stamp(day, clock if _CLOCK.fullmatch(clock) else "0000")
        return Stamp(self._settings.today)

    @property
    def next_trace(self) -> str:
        """A trace number for the next transaction set: its interchange, group and transaction set control numbers."""
        self._open_output()
        return f"{self._interchange:09}{self._group:09}{self._sets + 1:04}"

    def add_transaction(self, body: SegmentBuffer) -> None:
        """Write a transaction set: `body` between its ST and SE."""
        self._open_output()
        self._sets += 1
        self.written += 1
        number = f"{self._sets:04}"
        self._write(["ST", self._transaction, number, self._guide])
        body.move_to(self._out)
        self._write(["SE", str(body.segments + 2), number])

    def add_ta1(self, status: str, note: str) -> None:
        """Acknowledge the interchange itself, by TA104 and TA105, in front of the groups held back."""
        if self._isa is None:
            return
        self._open_interchange()
        self.written += 1
        held, self._out = self._out, self._target
        self._write(["TA1", self._isa.get(13), self._isa.get(9), self._isa.get(10), status, note])
        self._out = held

    def close(self) -> None:
        """Write the trailers that are due."""
        self._close_group()
        if self._interchange:
            if isinstance(self._out, Spool):
                self._out.move_to(self._target)
                self._out = self._target
            self._write(["IEA", str(self._groups), f"{self._interchange:09}"])
        self._interchange = self._groups = 0

    # -- headers and trailers ---------------------------------------------------------------------------------------

    @property
    def _own_delimiters(self) -> Delimiters:
        if self._isa is None:
            raise ValueError("no interchange has been opened")
        delimiters = self._isa.delimiters
        taken = {delimiters.element, delimiters.segment, *_NO_DELIMITERS}
        if delimiters.component == ".":
            delimiters = attrs.evolve(
                delimiters, component=next(delimiter for delimiter in ">|:" if delimiter not in taken)
            )
        taken.add(delimiters.component)
        if delimiters.repetition in taken:
            delimiters = attrs.evolve(
                delimiters, repetition=next(delimiter for delimiter in "^!|&" if delimiter not in taken)
            )
        return delimiters

    def _open_output(self) -> None:
        self._open_interchange()
        if self._group or self._isa is None:
            return
        isa, gs, stamp = self._isa, self._gs, self.stamp
        self._group = self._group_numbers.take(gs.get(6) if gs is not None else "")
        self._groups += 1
        names = (gs.get(3), gs.get(2)) if gs is not None else ("", "")
        parties = [name or isa.get(place).strip() for name, place in zip(names, (8, 6), strict=True)]
        self._write(["GS", self._functional_id, *parties, stamp.d8, stamp.clock, str(self._group), "X", self._guide])

    def _open_interchange(self) -> None:
        if self._interchange or self._isa is None:
            return
        isa, group, delimiters = self._isa, self._gs, self._own_delimiters
        self._gs = None
        stamp = self.stamp
        self._gs = group
        self._interchange = self._interchange_numbers.take(self._wanted_number(isa))
        usage = isa.get(15) if isa.get(15) in {"P", "T"} else "P"
        parties = [isa.get(7), isa.get(8), isa.get(5), isa.get(6)]
        begun = ["ISA", "00", " " * 10, "00", " " * 10, *parties, stamp.d8[2:], stamp.clock[:4]]
        self._write(
            [*begun, delimiters.repetition, "00501", f"{self._interchange:09}", "0", usage, delimiters.component]
        )
        if self._deferred:
            self._out = Spool()

    def _wanted_number(self, isa: Segment) -> str:
        if self._settings.number is not None:
            return str(self._settings.number)
        number = isa.get(13)
        if not _NUMBER.fullmatch(number):
            return ""
        return str((max(int(number), 1) + self._settings.shift - 1) % MAX_NUMBER + 1)

    def _close_group(self) -> None:
        if self._group:
            self._write(["GE", str(self._sets), str(self._group)])
        self._group = self._sets = 0

    def _write(self, elements: Iterable[str]) -> None:
        delimiters = self._own_delimiters
        self._out.write(f"{delimiters.element.join(elements)}{delimiters.segment}{self._line_end}".encode("latin-1"))
