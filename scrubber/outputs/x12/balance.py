"""Count what an 837P that was written holds, to be compared with the report."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal

from scrubber.claims.columns import ClaimRow, row_of
from scrubber.claims.loops import claim_loops
from scrubber.claims.raw_claim import RawClaim
from scrubber.claims.reader import Reader
from scrubber.io.source import CHUNK, InputSource
from scrubber.outputs.x12.base import Tally
from scrubber.x12.values import in_cents, parse_number

__all__ = ["plain_tally", "tally"]

_ISA_LENGTH = 106
_CHARGE = re.compile(rb"[0-9]{1,12}(?:\.[0-9]{1,2})?")
_CLOSED = re.compile(rb"(?:GS(?:STSE)+GE)+IEA")
"""Headers and trailers behind the ISA of a file in which each header has its trailer."""


def tally(source: InputSource) -> Tally:
    """Count the claims of an 837P as they are read, without judging them."""
    claims, lines, charges = 0, 0, Decimal(0)
    for claim in Reader(source).survey():
        claims += 1
        row = claim if isinstance(claim, ClaimRow) else row_of(claim)
        if row is not None:
            lines += len(row.procedures)
            charges += Decimal(row.charge)
        elif isinstance(claim, RawClaim):
            lines += len(claim_loops(claim.segments).children("2400"))
            charges += in_cents(parse_number(claim.segments[0].get(2).strip()) or Decimal(0))
    return Tally(claims, lines, charges)


def plain_tally(source: InputSource) -> Tally | None:
    """Count the segments CLM and LX and sum up CLM02 without reading claims.

    None unless the file is one interchange in which each header has a trailer and each charge is a plain number: then
    `tally` is to be asked.
    """
    isa = source.read(0, _ISA_LENGTH)
    if len(isa) < _ISA_LENGTH or not isa.startswith(b"ISA"):
        return None
    separator, end = isa[3:4], isa[105:]
    envelope = re.compile(re.escape(end) + rb"(ISA|GS|ST|SE|GE|IEA)" + re.escape(separator))
    claims, lines, charges, passed = 0, 0, Decimal(0), b""
    for text in _segments(source, end):
        _, *found = text.split(end + b"CLM")
        claims += len(found)
        lines += text.count(end + b"LX" + separator)
        amount = _sum([b"".join(claim.split(separator, 3)[2:3]) for claim in found])
        if amount is None:
            return None
        charges += amount
        passed += b"".join(envelope.findall(text))
    return Tally(claims, lines, charges) if _CLOSED.fullmatch(passed) else None


def _segments(source: InputSource, end: bytes) -> Iterator[bytes]:
    """Yield whole segments, in pieces, each with a terminator in front too and without line ends."""
    line_ends = b"" if end in b"\r\n" else b"\r\n"
    rest, offset = b"", _ISA_LENGTH
    while data := source.read(offset, CHUNK):
        offset += len(data)
        whole, found, rest = (rest + data.translate(None, line_ends)).rpartition(end)
        if found:
            yield end + whole + end


def _sum(charges: Sequence[bytes]) -> Decimal | None:
    """Sum up charges; None where one is no plain number."""
    if not all(map(_CHARGE.fullmatch, charges)):
        return None
    try:
        return Decimal(sum(map(int, charges)))
    except ValueError:
        return sum((Decimal(charge.decode()) for charge in charges), Decimal(0))
