"""What the page counts over all claims, and the claims it shows one by one.  Nothing here grows with the claims."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal

from attrs import define, field, frozen

from scrubber.findings.finding import Severity
from scrubber.findings.report import ClaimReport, FileReport, Observation, Totals
from scrubber.outputs.reports.base import Suppression, suppressions

__all__ = ["CLAIMS_KEPT", "OTHERS", "Cleared", "EditCount", "GroupCount", "KeptClaim", "RunTally", "claim_anchor"]

CLAIMS_KEPT = 1_000
"""Claims that the page shows one by one; a browser lays out so many at once."""

_NAMES = 5_000
"""Payers, or billing providers, that are counted by name."""

OTHERS = "\N{HORIZONTAL ELLIPSIS}"
"""The name under which payers and billing providers beyond that are counted: no identifier, so never one of them."""

_NOTHING = Decimal("0.00")


def claim_anchor(file: int, ordinal: int | None) -> str:
    """Return the identifier of the card of a claim, if it has one."""
    return f"c{file}-{ordinal}"


@frozen
class KeptClaim:
    """A claim with findings that is shown: its input, counted from 1, and the verdict on it."""

    file: int
    claim: ClaimReport

    @property
    def anchor(self) -> str:
        """The identifier of its card on the page."""
        return claim_anchor(self.file, self.claim.ordinal)


@define
class GroupCount:
    """Claims and dollars of a payer or a billing provider, and how many of its claims have findings of each edit."""

    claims: int = 0
    rejected: int = 0
    charges: Decimal = _NOTHING
    rejected_charges: Decimal = _NOTHING
    at_risk: Decimal = _NOTHING
    codes: Counter[str] = field(factory=Counter[str])

    def add(self, claim: ClaimReport, codes: Iterable[str]) -> None:
        """Count a claim on which the edits `codes` reported something."""
        charge = claim.charge or _NOTHING
        self.claims += 1
        self.charges += charge
        self.at_risk += claim.at_risk
        if claim.findings:
            self.codes.update(codes)
            if claim.rejected:
                self.rejected += 1
                self.rejected_charges += charge


@define
class EditCount:
    """What came of an edit: its findings, the claims that have them, and the dollars of these claims.

    `at_risk` counts where the finding is an error; a claim counts in full under each of its edits.
    """

    code: str
    name: str
    severity: Severity
    denials: Counter[str] = field(factory=Counter[str])
    findings: int = 0
    claims: int = 0
    charges: Decimal = _NOTHING
    at_risk: Decimal = _NOTHING


@frozen
class Cleared:
    """The rejected claims that have no error but of certain edits, and their dollars at risk."""

    claims: int
    at_risk: Decimal


@define
class RunTally:
    """The counts of a run, fed claim by claim and file by file."""

    files: list[FileReport] = field(factory=lambda: [])
    payers: dict[str, GroupCount] = field(factory=lambda: {})
    providers: dict[str, GroupCount] = field(factory=lambda: {})
    observed: Counter[Observation] = field(factory=Counter[Observation])
    severities: Counter[Severity] = field(factory=Counter[Severity])
    flagged: int = 0
    suppressed: Counter[Suppression] = field(factory=Counter[Suppression])
    unpriced: int = 0
    last_day: date | None = None
    _edits: dict[tuple[str, Severity], EditCount] = field(factory=lambda: {})
    _reasons: dict[frozenset[str], Cleared] = field(factory=lambda: {})
    _kept: list[tuple[tuple[Decimal, int, int, int], KeptClaim]] = field(factory=lambda: [])

    def add(self, claim: ClaimReport) -> None:
        """Count a claim of the input that has not been concluded yet."""
        codes = {finding.code for finding in claim.findings}
        _group(self.payers, claim.payer).add(claim, codes)
        _group(self.providers, claim.billing_npi).add(claim, codes)
        self.suppressed.update(suppressions(claim))
        self.unpriced += claim.unpriced_lines
        self.observed.update(claim.observations)
        if claim.detail is not None:
            days = (line.last_day for line in claim.detail.lines if line.last_day is not None)
            self.last_day = max(filter(None, (self.last_day, *days)), default=None)
        if claim.findings:
            self.flagged += 1
            self._count_findings(claim)
            self._keep(KeptClaim(len(self.files) + 1, claim))

    def add_file(self, report: FileReport) -> None:
        """Take the conclusion on an input whose claims have all been counted."""
        self.files.append(report)
        self.severities.update(finding.severity for finding in report.findings)

    def totals(self) -> Totals:
        """Return the counts and dollars of all inputs together."""
        whole = Totals()
        for file in self.files:
            whole.include(file.totals)
        return whole

    def kept(self) -> list[KeptClaim]:
        """Return the claims to show: the most money at risk first, then the gravest finding, then file order."""
        return [kept for _, kept in sorted(self._kept, key=lambda entry: entry[0], reverse=True)]

    def edits(self) -> list[EditCount]:
        """Return the edits that found something: errors by the money at risk, then the others by their number."""
        return sorted(
            self._edits.values(), key=lambda edit: (edit.severity.rank, -edit.at_risk, -edit.claims, edit.code)
        )

    def cleared_by(self, edits: Sequence[EditCount]) -> Iterator[Cleared]:
        """Yield for each of the edits the rejected claims that it and those before it account for entirely."""
        waiting, fixed = dict(self._reasons), set[str]()
        claims, at_risk = 0, _NOTHING
        for edit in edits:
            fixed.add(edit.code)
            for codes in [codes for codes in waiting if codes <= fixed]:
                found = waiting.pop(codes)
                claims += found.claims
                at_risk += found.at_risk
            yield Cleared(claims, at_risk)

    def _count_findings(self, claim: ClaimReport) -> None:
        seen: set[tuple[str, Severity]] = set()
        for finding in claim.findings:
            self.severities[finding.severity] += 1
            key = (finding.code, finding.severity)
            edit = self._edits.setdefault(key, EditCount(finding.code, finding.name, finding.severity))
            edit.findings += 1
            if finding.adjustment is not None:
                edit.denials[str(finding.adjustment)] += 1
            if key not in seen:
                seen.add(key)
                edit.claims += 1
                edit.charges += claim.charge or _NOTHING
                edit.at_risk += claim.at_risk if finding.severity is Severity.ERROR else _NOTHING
        errors = frozenset(code for code, severity in seen if severity is Severity.ERROR)
        if errors:
            before = self._reasons.get(errors, Cleared(0, _NOTHING))
            self._reasons[errors] = Cleared(before.claims + 1, before.at_risk + claim.at_risk)

    def _keep(self, kept: KeptClaim) -> None:
        gravest = min(finding.severity.rank for finding in kept.claim.findings)
        entry = ((kept.claim.at_risk, -gravest, -kept.file, -kept.claim.ordinal), kept)
        if len(self._kept) < CLAIMS_KEPT:
            heapq.heappush(self._kept, entry)
        else:
            heapq.heappushpop(self._kept, entry)


def _group(groups: dict[str, GroupCount], name: str) -> GroupCount:
    if name not in groups and len(groups) >= _NAMES:
        name = OTHERS
    return groups.setdefault(name, GroupCount())
