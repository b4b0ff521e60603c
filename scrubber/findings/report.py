"""What the scrubber reports of a claim, a file and a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from enum import IntEnum
from typing import Any

from attrs import define, field, frozen

from scrubber.findings.finding import Finding, Severity, listed
from scrubber.findings.values import Values

__all__ = [
    "ClaimDetail",
    "ClaimReport",
    "Detail",
    "EndedTable",
    "FileReport",
    "LineDetail",
    "Notice",
    "Observation",
    "Report",
    "SuppressedFinding",
    "Totals",
    "exit_code",
]


@frozen(eq=False, repr=False)
class SuppressedFinding(Values):
    """A finding that the configuration suppressed, kept so that the decision stays visible."""

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


@frozen(eq=False, repr=False)
class LineDetail(Values):
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


@frozen(eq=False, repr=False)
class ClaimDetail(Values):
    """What a claim bills, in codes only: CLM05-1, CLM05-3 (claim frequency), HI diagnoses and the service lines."""

    place_of_service: str
    frequency: str
    diagnoses: tuple[str, ...]
    lines: tuple[LineDetail, ...]


@frozen(repr=False)
class Observation(Values):
    """One thing seen in an encounter that a pack wants counted: a cell of one of its tables in a report.

    `panel` titles the table; the report counts how often each `row` and `column` come together.
    """

    panel: str
    row: str
    column: str


@frozen(repr=False)
class EndedTable(Values):
    """A rule table whose latest edition ends on `last_day`, before dates of service that it was used for.

    `first_used` and `last_used` bound those dates, which are after `last_day`.  `code` is the rule whose settings
    switch the notice off.
    """

    code: str
    title: str
    last_day: date
    first_used: date
    last_used: date


@frozen(eq=False, repr=False)
class ClaimReport(Values):
    """The verdict on one claim.

    `charge` is CLM02 rounded to the cent, None where it cannot be read.  `at_risk` is the national fee schedule amount
    of the lines that have an error, in dollars; `unpriced_lines` counts those of them for which no amount is known.
    `detail` and `observations` are there where a report asked for them (`Detail`).  `envelope_rejected` says that its
    transaction set, functional group or interchange is rejected, so that no 277CA answers for it.  `ended_tables` are
    those that were used for its dates of service after their latest edition.  `crashed` says that an edit raised an
    error while it was judged, with others of its patient perhaps.
    """

    claim: str
    ordinal: int
    charge: Decimal | None
    lines: int
    payer: str
    billing_npi: str
    at_risk: Decimal
    unpriced_lines: int
    findings: tuple[Finding, ...] = ()
    suppressed: tuple[SuppressedFinding, ...] = ()
    detail: ClaimDetail | None = None
    observations: tuple[Observation, ...] = ()
    envelope_rejected: bool = False
    ended_tables: tuple[EndedTable, ...] = ()
    crashed: bool = False

    @property
    def rejected(self) -> bool:
        """Whether the claim has an error."""
        return bool(self.findings) and any(finding.severity is Severity.ERROR for finding in self.findings)

    @property
    def disposition(self) -> str:
        """Return "rejected" or "accepted"."""
        return "rejected" if self.rejected else "accepted"

    def __repr__(self) -> str:
        codes = Counter(finding.code for finding in self.findings)
        told = (f"{code} x{count}" if count > 1 else code for code, count in codes.items())
        return f"<ClaimReport {self.ordinal}: {self.disposition}, {_counted(self.lines, 'line')}{listed(told, '; ')}>"


@frozen(eq=False)
class AcceptedRun:
    """Claims that follow one another and are accepted unopened, as columns; `ordinal` is that of the first.

    `numbers` are CLM01, `charges` CLM02, `lines` the numbers of service lines, `payers` and `npis` the identifiers of
    payers and billing providers as far as they are shown, `starts` and `ends` where each claim begins and ends in the
    file, and `ended` the tables that each was judged by after their latest edition.
    """

    ordinal: int
    numbers: Sequence[str] = field(repr=False)
    charges: Sequence[str]
    lines: Sequence[int]
    payers: Sequence[str]
    npis: Sequence[str]
    starts: Sequence[int]
    ends: Sequence[int]
    ended: Sequence[tuple[EndedTable, ...]]

    def __len__(self) -> int:
        return len(self.numbers)

    def part(self, start: int, stop: int) -> AcceptedRun:
        """Return the run of some of the claims."""
        return AcceptedRun(
            self.ordinal + start,
            self.numbers[start:stop],
            self.charges[start:stop],
            self.lines[start:stop],
            self.payers[start:stop],
            self.npis[start:stop],
            self.starts[start:stop],
            self.ends[start:stop],
            self.ended[start:stop],
        )

    def reports(self) -> Iterator[ClaimReport]:
        """Yield the verdicts."""
        columns = zip(self.numbers, self.charges, self.lines, self.payers, self.npis, self.ended, strict=True)
        for ordinal, (number, charge, lines, payer, npi, ended) in enumerate(columns, self.ordinal):
            yield ClaimReport(number, ordinal, Decimal(charge), lines, payer, npi, _NO_RISK, 0, ended_tables=ended)


def _counted(number: int, one: str) -> str:
    return f"{number:,} {one if number == 1 else f'{one}s'}"


_NOTHING = Decimal(0)
_NO_RISK = Decimal("0.00")


def _sum(amounts: Sequence[str]) -> Decimal:
    """Return the sum of plain decimal numbers."""
    try:
        return Decimal(sum(map(int, amounts)))
    except ValueError:  # cents
        return sum(map(Decimal, amounts), _NOTHING)


@define(repr=False)
class Totals:
    """Counts and dollars over the claims of a file.

    Each charge counts as rounded to the cent, so accepted and rejected charges sum to all charges as they are shown;
    one that cannot be read counts as zero.

    `worst` is the gravest severity among their findings, and `crashed` says that an edit raised an error.
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
    crashed: bool = False

    def add(self, claim: ClaimReport) -> None:
        """Count one claim."""
        charge = claim.charge or _NOTHING
        self.claims += 1
        self.lines += claim.lines
        self.charges += charge
        self.at_risk += claim.at_risk
        self.crashed |= claim.crashed
        for finding in claim.findings:
            if self.worst is None or finding.severity >= self.worst:
                self.worst = finding.severity
        if claim.rejected:
            self.rejected += 1
            self.rejected_charges += charge
            self.rejected_lines += claim.lines
        else:
            self.accepted += 1
            self.accepted_charges += charge

    def add_accepted(self, run: AcceptedRun) -> None:
        """Count claims that are accepted unopened."""
        charges = _sum(run.charges)
        self.claims += len(run)
        self.accepted += len(run)
        self.lines += sum(run.lines)
        self.charges += charges
        self.accepted_charges += charges

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
        self.crashed |= other.crashed
        if other.worst is not None and (self.worst is None or other.worst >= self.worst):
            self.worst = other.worst

    def __repr__(self) -> str:
        return f"<Totals {self.in_short}, {_counted(self.lines, 'line')}>"

    @property
    def in_short(self) -> str:
        """The claims in words: "13 claims: 10 accepted, 3 rejected"."""
        return f"{_counted(self.claims, 'claim')}: {self.accepted:,} accepted, {self.rejected:,} rejected"


@frozen(repr=False)
class Notice(Values):
    """Something about the run that the reader of its report must know, and that is no finding: it changes no exit code.

    `kind` names it for programs ("edits-off", "tables-ended"); `message` is a sentence or two, without control
    characters, that may hold the path of a file of settings as it was given.
    """

    kind: str
    message: str


@frozen(eq=False, repr=False)
class FileReport(Values):
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
    claims: tuple[ClaimReport, ...] = ()
    not_annotated: int | None = None
    notices: tuple[Notice, ...] = ()

    def __repr__(self) -> str:
        findings = _counted(len(self.findings), "finding")
        about = (f"{findings} about the file" if self.findings else "", "" if self.readable else "not completely read")
        return f"<FileReport {self.totals.in_short}{listed(about, '; ')}>"


def exit_code(files: Sequence[FileReport], fail_on: Severity) -> int:
    """Return the exit code of a run over inputs.

    4 where an edit raised an error, else 3 where an input was not completely read, else 1 where a finding is at least
    as grave as `fail_on`, else 0.
    """
    if any(file.totals.crashed for file in files):
        return 4
    if any(not file.readable for file in files):
        return 3
    found = [file.totals.worst for file in files] + [finding.severity for file in files for finding in file.findings]
    return 1 if any(severity is not None and severity >= fail_on for severity in found) else 0


@frozen(eq=False, repr=False)
class Report(Values):
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

    def rows(self) -> list[dict[str, Any]]:
        """Return the findings as flat rows, for a `pandas.DataFrame`: the same keys in every row.

        A row is a finding; a claim without findings has one row, whose columns from `code` on are None, as have the
        claim's columns in the row of a finding about the file.  The columns are `file`, `claim` (CLM01), `ordinal`,
        `disposition`, `payer`, `billing_npi`, `lines`, `charge`, `at_risk`, `code`, `name`, `severity`, `message`,
        `fix`, `line`, `line_control_number`, `procedure`, `loop`, `segment`, `element`, `status` ("A8:507 A8:732"),
        `group`, `carc`, `rarc` and `related` ("line 1: primary procedure").  `lines`, `charge` and `at_risk` (dollars
        as Decimal) are in one row of a claim, its first finding of the gravest severity, and None in its others, so
        that a column can be summed.
        """
        return [row for file in self.files for row in _rows_of(file)]

    def __repr__(self) -> str:
        totals = Totals()
        for file in self.files:
            totals.include(file.totals)
        inputs = "" if len(self.files) == 1 else f"{_counted(len(self.files), 'file')}, "
        unread = sum(not file.readable for file in self.files)
        about = [f"{_counted(unread, 'file')} not completely read"] if unread else []
        return f"<Report {inputs}{totals.in_short}{listed(about, '; ')}>"

    def _repr_html_(self) -> str:
        """Show the counts as a notebook does: see `scrubber.findings.notebook`."""
        from scrubber.findings.notebook import report_html  # noqa: PLC0415 - start-up: only notebooks need it

        return report_html(
            repr(self).strip("<>"), [claim.findings for file in self.files for claim in file.claims], self.findings
        )


def _rows_of(file: FileReport) -> Iterator[dict[str, Any]]:
    for finding in file.findings:
        yield _row(file, None, finding, counts=False)
    for claim in file.claims:
        gravest = max(claim.findings, key=lambda finding: finding.severity, default=None)
        if gravest is None:
            yield _row(file, claim, None, counts=True)
        for finding in claim.findings:
            yield _row(file, claim, finding, counts=finding is gravest)


def _row(file: FileReport, claim: ClaimReport | None, finding: Finding | None, *, counts: bool) -> dict[str, Any]:
    location = finding.location if finding is not None else None
    adjustment = finding.adjustment if finding is not None else None
    return {
        "file": file.path,
        **_values(claim, "claim", "ordinal", "disposition", "payer", "billing_npi"),
        **_values(claim if counts else None, "lines", "charge", "at_risk"),
        **_values(finding, "code", "name"),
        "severity": finding.severity.value if finding is not None else None,
        **_values(finding, "message", "fix", "line", "line_control_number", "procedure"),
        **_values(location, "loop", "segment", "element"),
        "status": " ".join(map(str, finding.statuses)) or None if finding is not None else None,
        **_values(adjustment, "group", "carc", "rarc"),
        "related": finding.related_in_words or None if finding is not None else None,
    }


def _values(subject: object, *names: str) -> dict[str, Any]:
    """Return attributes of `subject` by name; each None where there is no subject."""
    return {name: getattr(subject, name, None) for name in names}
