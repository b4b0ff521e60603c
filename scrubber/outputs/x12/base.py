"""The contract of what writes an X12 file from an input as it passes, and the count that such a file is checked by."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import date, datetime
from decimal import Decimal

from attrs import frozen

from scrubber.claims.raw_claim import RawClaim
from scrubber.claims.text_runs import TextRun
from scrubber.findings.report import AcceptedRun, ClaimReport, FileReport, Totals
from scrubber.findings.values import Values
from scrubber.x12.envelope_segment import EnvelopeSegment
from scrubber.x12.rules import X12SyntaxError

__all__ = ["MAX_NUMBER", "AckSettings", "Completion", "InputEvent", "JudgedClaim", "JudgedRun", "Tally", "X12Writer"]

MAX_NUMBER = 999_999_999
"""The highest control number of an interchange (ISA13) or a functional group (GS06)."""


@frozen(eq=False, repr=False)
class AckSettings(Values):
    """How acknowledgements are dated and numbered.

    `at` replaces the date and time derived from the input's envelope, `number` its first interchange control number.
    `today` is used where the envelope has no readable date.  `shift` is added to a derived number: the 277CA and the
    999 on one input go to the same receiver, who takes equal numbers for a duplicate.
    """

    today: date
    at: datetime | None = None
    number: int | None = None
    shift: int = 0


@frozen(repr=False)
class Tally(Values):
    """Claims, service lines and the sum of their charges (CLM02) in dollars; unreadable charges count as zero.

    Each charge is rounded to the cent, as in `Totals`.
    """

    claims: int = 0
    lines: int = 0
    charges: Decimal = Decimal(0)

    def __str__(self) -> str:
        return f"{self.claims} claims with {self.lines} lines and ${self.charges:.2f}"


@frozen(eq=False, repr=False)
class JudgedClaim:
    """A claim with its verdict, as it passes.

    `shown` is the verdict for people, which --redact changes; `raw` is the text of the claim, None where no X12 file is
    written.
    """

    report: ClaimReport
    shown: ClaimReport
    raw: RawClaim | None = None


@frozen(eq=False, repr=False)
class JudgedRun:
    """Claims that are accepted unopened and follow one another in regular text, with the levels between them."""

    claims: AcceptedRun
    text: TextRun


InputEvent = EnvelopeSegment | X12SyntaxError | JudgedClaim | JudgedRun
"""What an input is made of, in file order: what is between the claims, syntax errors, and claims with verdicts."""


@frozen(eq=False, repr=False)
class Completion(Values):
    """What came of a file.

    `absence` is the reason why there is none, "" where there is one.  `notes` are what the user should be told;
    `not_annotated` counts the lines and claims whose findings found no place in it, None where it has no findings.
    """

    absence: str = ""
    notes: tuple[str, ...] = ()
    not_annotated: int | None = None


class X12Writer(ABC):
    """Writes one file from an input as it passes, in file order."""

    @abstractmethod
    def envelope_segment(self, passed: EnvelopeSegment) -> None:
        """Take a header, hierarchical level or trailer."""

    @abstractmethod
    def claim(self, raw: RawClaim, report: ClaimReport) -> None:
        """Take a claim with its verdict."""

    @abstractmethod
    def accepted(self, run: JudgedRun, /) -> None:
        """Take claims that are accepted unopened, and the levels between them."""

    def syntax_error(self, error: X12SyntaxError) -> None:  # noqa: B027 - most files say nothing of it
        """Take a syntax error, whatever the settings leave out, before what it is in."""

    @abstractmethod
    def finish(self, report: FileReport, /) -> Completion:
        """Complete the file; all of the input has passed, and `report` is the one on it."""

    def expected(self, _totals: Totals) -> Tally | None:
        """Return the claims that the file must hold for an input with these totals; None where it holds no claims."""
        return None

    def take(self, event: InputEvent) -> None:
        """Take what comes next.  Raises ValueError for a claim without its text."""
        if isinstance(event, JudgedRun):
            self.accepted(event)
        elif isinstance(event, JudgedClaim):
            if event.raw is None:
                raise ValueError("an X12 file is written from the text of the claims")
            self.claim(event.raw, event.report)
        elif isinstance(event, EnvelopeSegment):
            self.envelope_segment(event)
        else:
            self.syntax_error(event)
