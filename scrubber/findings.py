"""What the scrubber reports: findings, the statuses they forecast, and the report over a file."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import IntEnum, StrEnum

from attrs import define, field, frozen

__all__ = [
    "Adjustment",
    "ClaimDetail",
    "ClaimReport",
    "Detail",
    "FileReport",
    "Finding",
    "IgnoredFinding",
    "LineDetail",
    "Location",
    "Notice",
    "Observation",
    "Report",
    "Severity",
    "Source",
    "Status",
    "Totals",
]


class Severity(StrEnum):
    """How much a finding matters.  A claim with an error is rejected; a warning or an info leaves it accepted."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for an error, 1 for a warning, 2 for an info: the order in which people read them."""
        return _RANKS[self]

    def at_least(self, other: Severity) -> bool:
        """Whether this severity is as grave as `other` or graver."""
        return self.rank <= other.rank


_RANKS = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}


@frozen
class Location:
    """Where in the input a finding stands.

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


@frozen
class Status:
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


@frozen
class Adjustment:
    """The denial a payer would typically answer with: claim adjustment group, CARC and, where usual, RARC (835)."""

    group: str
    carc: str
    rarc: str | None = None

    def __str__(self) -> str:
        return f"{self.group}-{self.carc}" + (f" / {self.rarc}" if self.rarc else "")


@frozen
class Source:
    """The publication a rule or a table rests on.

    `effective` is the edition or the date it holds from, as published.
    """

    title: str
    effective: str


@frozen
class Finding:
    """One defect at one place.

    `message` says what is wrong and `fix` what to do; neither holds anything but codes, counts, dates of service and
    positions.  `claim` is CLM01 and `claim_ordinal` the claim's place in the file from 1, both None for a finding about
    the file.  `line` counts the service lines of the claim from 1, None for a finding about the whole claim.
    """

    code: str
    name: str
    severity: Severity
    message: str
    fix: str
    claim: str | None = field(default=None, repr=False)
    claim_ordinal: int | None = None
    line: int | None = None
    line_control_number: str | None = field(default=None, repr=False)
    procedure: str | None = None
    location: Location | None = None
    statuses: tuple[Status, ...] = ()
    adjustment: Adjustment | None = None
    source: Source | None = None

    @property
    def sort_key(self) -> tuple[int, int, str, int]:
        """Orders the findings of a file: claim, then line (claim findings first), then code, then place."""
        offset = self.location.offset if self.location is not None else None
        return (self.claim_ordinal or 0, self.line or 0, self.code, offset or 0)


@frozen
class IgnoredFinding:
    """A finding that the configuration set aside, kept so that the decision stays visible."""

    finding: Finding
    reason: str


class Detail(IntEnum):
    """How much of the claims themselves a report needs beside the verdicts.

    NONE: nothing.  OPENED: what was billed on the claims that an edit looked at.  ALL: on every claim, which costs
    time, since every claim is opened for it.
    """

    NONE = 0
    OPENED = 1
    ALL = 2


@frozen
class LineDetail:
    """What a service line bills, in codes, amounts and dates only.

    A value that is not of its kind (a name in SV101-2, say) is left out: "" or None.  `units` is SV104 as text and
    `basis` SV103; `place_of_service`, `rendering_npi` and the diagnoses (ICD codes that SV107 points to) are the
    effective ones.
    """

    number: int
    procedure: str
    modifiers: tuple[str, ...]
    units: str
    basis: str
    charge: Decimal | None
    place_of_service: str
    first_day: date | None
    last_day: date | None
    diagnoses: tuple[str, ...]
    rendering_npi: str


@frozen
class ClaimDetail:
    """What a claim bills, in codes only: CLM05-1, CLM05-3 (claim frequency), HI diagnoses and the service lines."""

    place_of_service: str
    frequency: str
    diagnoses: tuple[str, ...]
    lines: tuple[LineDetail, ...]


@frozen
class Observation:
    """One thing seen in an encounter that a chain wants counted: a cell of one of its tables in a report.

    `panel` titles the table; the report counts how often each `row` and `column` come together.
    """

    panel: str
    row: str
    column: str


@frozen
class ClaimReport:
    """The verdict on one claim.

    `charge` is CLM02 rounded to the cent, None where it cannot be read.  `at_risk` is the national fee schedule amount
    of the lines an error stands on, in dollars; `unpriced_lines` counts those of them for which no amount is known.
    `detail` and `observations` are there where a report asked for them (`Detail`).  `refused` says that its
    transaction set, functional group or interchange is rejected, so that no 277CA answers for it.
    """

    claim: str = field(repr=False)
    ordinal: int
    charge: Decimal | None
    lines: int
    payer: str
    billing_npi: str
    at_risk: Decimal
    unpriced_lines: int
    findings: tuple[Finding, ...] = ()
    ignored: tuple[IgnoredFinding, ...] = ()
    detail: ClaimDetail | None = None
    observations: tuple[Observation, ...] = ()
    refused: bool = False

    @property
    def rejected(self) -> bool:
        """Whether an error stands on the claim."""
        return bool(self.findings) and any(finding.severity is Severity.ERROR for finding in self.findings)

    @property
    def disposition(self) -> str:
        """Give "rejected" or "accepted"."""
        return "rejected" if self.rejected else "accepted"


_NOTHING = Decimal(0)


@define
class Totals:
    """Counts and dollars over the claims of a file.

    Each charge counts as rounded to the cent, so accepted and rejected charges sum to all charges as they are shown;
    one that cannot be read counts as zero.

    `worst` is the gravest severity among their findings.
    """

    claims: int = 0
    accepted: int = 0
    rejected: int = 0
    lines: int = 0
    rejected_lines: int = 0
    charges: Decimal = Decimal(0)
    accepted_charges: Decimal = Decimal(0)
    rejected_charges: Decimal = Decimal(0)
    at_risk: Decimal = Decimal(0)
    worst: Severity | None = None

    def add(self, claim: ClaimReport) -> None:
        """Count one claim."""
        charge = claim.charge or _NOTHING
        self.claims += 1
        self.lines += claim.lines
        self.charges += charge
        self.at_risk += claim.at_risk
        for finding in claim.findings:
            if self.worst is None or finding.severity.at_least(self.worst):
                self.worst = finding.severity
        if claim.rejected:
            self.rejected += 1
            self.rejected_charges += charge
            self.rejected_lines += claim.lines
        else:
            self.accepted += 1
            self.accepted_charges += charge

    def include(self, other: Totals) -> None:
        """Count the claims of another file too."""
        self.claims += other.claims
        self.accepted += other.accepted
        self.rejected += other.rejected
        self.lines += other.lines
        self.rejected_lines += other.rejected_lines
        self.charges += other.charges
        self.accepted_charges += other.accepted_charges
        self.rejected_charges += other.rejected_charges
        self.at_risk += other.at_risk
        if other.worst is not None and (self.worst is None or other.worst.at_least(self.worst)):
            self.worst = other.worst


@frozen
class Notice:
    """Something about the run that the reader of its report must know, and that is no finding: it changes no exit code.

    `kind` names it for programs ("edits-off"); `message` is one sentence, without control characters, that may hold the
    path of a file of settings as it was given.
    """

    kind: str
    message: str


@define
class FileReport:
    """Everything known about one input.

    `readable` is False when the answer is not known for the whole of it (exit code 3); what could be judged is still
    in `claims`, which is empty when the caller streamed them.  `findings` are those about the file itself.
    `not_annotated` counts the lines and claims whose findings found no place in the annotated file, None without one.
    `notices` say what the reader must know of how it was judged.
    """

    path: str
    sha256: str = ""
    readable: bool = True
    segments: int = 0
    interchanges: int = 0
    transactions: int = 0
    totals: Totals = field(factory=Totals)
    findings: tuple[Finding, ...] = ()
    claims: list[ClaimReport] = field(factory=list)
    not_annotated: int | None = None
    notices: tuple[Notice, ...] = ()


@frozen
class Report:
    """The outcome of a run over one or more inputs; `exit_code` is the one the command line ends with."""

    files: tuple[FileReport, ...]
    exit_code: int

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, in file order."""
        return tuple(
            finding
            for file in self.files
            for group in (file.findings, *(claim.findings for claim in file.claims))
            for finding in group
        )
