"""What the scrubber reports: findings, the statuses they forecast, and the report over a file."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from itertools import islice

from attrs import field, frozen

from scrubber.findings.values import Values

__all__ = [
    "Adjustment",
    "Finding",
    "Location",
    "Related",
    "Severity",
    "Source",
    "Status",
    "listed",
]


class Severity(StrEnum):
    """How much a finding matters.  A claim with an error is rejected; a warning or an info leaves it accepted.

    Severities are ordered by gravity, not by letters: ERROR > WARNING > INFO.  A text that names a severity compares as
    that severity; any other value raises TypeError.
    """

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for an error, 1 for a warning, 2 for an info: the order in which people read them."""
        return _RANKS[self]

    # `str` orders by letters, and would be asked wherever one of these were missing.
    def __lt__(self, other: object) -> bool:
        return self.rank > _rank_of(other)

    def __le__(self, other: object) -> bool:
        return self.rank >= _rank_of(other)

    def __gt__(self, other: object) -> bool:
        return self.rank < _rank_of(other)

    def __ge__(self, other: object) -> bool:
        return self.rank <= _rank_of(other)


_RANKS: dict[str, int] = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}


def _rank_of(value: object) -> int:
    """Return the rank of a severity or of its text.  Raises TypeError for anything else."""
    rank = _RANKS.get(value) if isinstance(value, str) else None
    if rank is None:
        raise TypeError("a severity compares with error, warning and info only")
    return rank


@frozen(repr=False)
class Location(Values):
    """Where in the input a finding is.

    `loop` is the TR3 loop ("2400"), `segment` the segment identifier ("SV1"), `element` the reference designator with
    its component ("SV101-2").  `ordinal` counts the segments of the file from 1 (the first ISA).  `offset` and `length`
    are bytes: the element where it is present, else the empty place at the end of the segment.  The three numbers are
    None for a claim that a host built itself.
    """

    loop: str
    segment: str
    element: str | None = None
    ordinal: int | None = None
    offset: int | None = None
    length: int | None = None


@frozen(repr=False)
class Related:
    """A place that a finding refers to: a service line, or a whole claim where `line` is None.

    `role` says in a few words what it is to the finding ("primary procedure", "column 1 code"), and holds no more of a
    claim than a message does.  `claim` is CLM01, None where it is not known; `claim_ordinal`, `line` and `procedure`
    are those of the place, as in a finding.
    """

    role: str
    claim: str | None = None
    claim_ordinal: int | None = None
    line: int | None = None
    procedure: str | None = None
    location: Location | None = None

    def place(self, seen_from: int | None) -> str:
        """Name the place for a reader of claim `seen_from`: "line 1", "line 1 of claim 5 (PCN5)", "claim 5 (PCN5)"."""
        line = f"line {self.line}" if self.line else ""
        if line and self.claim_ordinal == seen_from:
            return line
        claim = f"claim {self.claim_ordinal}"
        number = f" ({self.claim})" if self.claim and self.claim != claim else ""
        return f"{line} of {claim}{number}" if line else f"{claim}{number}"

    def in_words(self, seen_from: int | None) -> str:
        """Return the place and what it is: "line 1: primary procedure"."""
        return f"{self.place(seen_from)}: {self.role}"

    def __repr__(self) -> str:
        places = (f"claim {self.claim_ordinal}" if self.claim_ordinal else "", f"line {self.line}" if self.line else "")
        return f"<Related {self.role}{listed((*places, self.procedure), before=': ')}>"


@frozen(repr=False)
class Status(Values):
    """One health care claim status of a 277CA: category (X12 code list 507), status (508) and, where needed, entity."""

    category: str
    code: str
    entity: str | None = None

    @classmethod
    def parse(cls, text: str) -> Status:
        """Read "A8:507" or "A0:16:PR" (STC01 as the guide writes it, ":" as component separator)."""
        category, code, *entity = text.split(":")
        return cls(category, code, entity[0] if entity else None)

    def __str__(self) -> str:
        return ":".join(part for part in (self.category, self.code, self.entity) if part)


@frozen(repr=False)
class Adjustment(Values):
    """The denial that is expected: claim adjustment group, CARC and, where one goes with it, RARC (835)."""

    group: str
    carc: str
    rarc: str | None = None

    def __str__(self) -> str:
        return f"{self.group}-{self.carc}" + (f" / {self.rarc}" if self.rarc else "")


@frozen(repr=False)
class Source(Values):
    """The publication a rule or a table rests on.

    `effective` is the edition or the date it holds from, as published.
    """

    title: str
    effective: str


_MOST_RELATED = 10


def _first(related: Iterable[Related]) -> tuple[Related, ...]:
    return () if related == () else tuple(islice(related, _MOST_RELATED))


@frozen(repr=False)
class Finding:
    """One defect at one place.

    `message` says what is wrong and `fix` what to do; neither holds anything but codes, counts, dates of service and
    positions.  `claim` is CLM01 and `claim_ordinal` the claim's place in the file from 1, both None for a finding about
    the file.  `line` counts the service lines of the claim from 1, None for a finding about the whole claim.  `related`
    are the places that it refers to, such as the primary procedure of an add-on code; of many the first ten are kept.
    """

    code: str
    name: str
    severity: Severity
    message: str
    fix: str
    claim: str | None = None
    claim_ordinal: int | None = None
    line: int | None = None
    line_control_number: str | None = None
    procedure: str | None = None
    location: Location | None = None
    statuses: tuple[Status, ...] = ()
    adjustment: Adjustment | None = None
    source: Source | None = None
    related: tuple[Related, ...] = field(default=(), converter=_first)

    @property
    def related_in_words(self) -> str:
        """The related places with what they are: "line 1: primary procedure; line 3: primary procedure"."""
        return "; ".join(related.in_words(self.claim_ordinal) for related in self.related)

    @property
    def sort_key(self) -> tuple[int, int, str, int]:
        """Orders the findings of a file: claim, then line (claim findings first), then code, then place."""
        offset = self.location.offset if self.location is not None else None
        return (self.claim_ordinal or 0, self.line or 0, self.code, offset or 0)

    def __repr__(self) -> str:
        places = (
            f"claim {self.claim_ordinal}" if self.claim_ordinal else "",
            f"line {self.line}" if self.line else "",
            self.procedure,
            self.location.element if self.location is not None else "",
        )
        return f"<Finding {self.code} {self.severity}{listed(places, before=': ')}>"


def listed(parts: Iterable[str | None], before: str = "") -> str:
    """Join the parts that say something by commas, with `before` in front; "" where none does."""
    said = ", ".join(part for part in parts if part)
    return f"{before}{said}" if said else ""
