"""The contract of what writes an X12 file from an input as it passes, and the count that such a file is checked by."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

from attrs import frozen

from scrubber.claims.loops import claim_loops
from scrubber.claims.raw_claim import RawClaim
from scrubber.claims.reader import Reader
from scrubber.claims.regular import read_plain
from scrubber.claims.regular_runs import Glimpse
from scrubber.findings.report import ClaimReport, FileReport, Totals
from scrubber.io.source import InputSource
from scrubber.x12.envelope_segment import Mark
from scrubber.x12.values import in_cents, parse_number

__all__ = ["FileSink", "Sink", "Tally", "tally"]


@frozen
class Tally:
    """Claims, service lines and the sum of their charges (CLM02) in dollars; unreadable charges count as zero.

    Each charge is rounded to the cent, as in `Totals`.
    """

    claims: int = 0
    lines: int = 0
    charges: Decimal = Decimal(0)

    def __str__(self) -> str:
        return f"{self.claims} claims with {self.lines} lines and ${self.charges:.2f}"


def tally(source: InputSource) -> Tally:
    """Count the claims of an 837P, without judging them."""
    claims, lines, charges = 0, 0, Decimal(0)
    for claim in Reader(source).survey():
        claims += 1
        plain = claim.plain if isinstance(claim, Glimpse) else read_plain(claim)
        if plain is not None:
            lines += plain.lines
            charges += plain.charge
        elif isinstance(claim, RawClaim):
            lines += len(claim_loops(claim.segments).children("2400"))
            charges += in_cents(parse_number(claim.segments[0].get(2).strip()) or Decimal(0))
    return Tally(claims, lines, charges)


class Sink(Protocol):
    """Takes an input as it passes: what stands between the claims, and each claim with its verdict, in file order."""

    def mark(self, mark: Mark) -> None:
        """Take a header, hierarchical level or trailer."""

    def claim(self, raw: RawClaim, report: ClaimReport) -> None:
        """Take a claim with its verdict."""


class FileSink(Sink, Protocol):
    """Writes one file.  `notes` are what the user should be told afterwards."""

    notes: list[str]

    def finish(self, report: FileReport) -> str:
        """Complete the file; the claims have all passed.  Give the reason why there is none, "" where there is one."""

    def expected(self, totals: Totals) -> Tally | None:
        """Return what the file must hold for an input with these totals; None where it holds no claims."""
