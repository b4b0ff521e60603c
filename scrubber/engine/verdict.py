"""The verdict on a claim while it is judged, and the run of edits that fills it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, TypeVar

from attrs import define, field, frozen

from scrubber.builtin.engine_rules import crash
from scrubber.claims.encounter import Encounter
from scrubber.claims.model import Claim
from scrubber.engine.policy import Policy
from scrubber.engine.stage import EditGroup
from scrubber.findings.finding import Finding, Severity
from scrubber.findings.report import SuppressedFinding
from scrubber.packs.edit import Context

__all__ = ["ClaimVerdict", "EditRun"]

S = TypeVar("S", Claim, Encounter)


@define(eq=False, repr=False)
class ClaimVerdict:
    """The findings on one claim, as they come; `alone` counts those that were there before any encounter was judged.

    `envelope_rejected` says that its transaction set, functional group or interchange is rejected.
    """

    claim: Claim
    findings: list[Finding] = field(factory=lambda: [])
    suppressed: list[SuppressedFinding] = field(factory=lambda: [])
    envelope_rejected: bool = False
    alone: int = 0
    _by_line: dict[int | None, list[Finding]] = field(factory=lambda: defaultdict(list), init=False)
    _indexed: int = field(default=0, init=False)

    @property
    def errors(self) -> list[Finding]:
        """The findings that reject the claim."""
        return [finding for finding in self.findings if finding.severity is Severity.ERROR]

    @property
    def rejected(self) -> bool:
        """Whether an error has been found."""
        return any(finding.severity is Severity.ERROR for finding in self.findings)

    def before_encounters(self) -> ClaimVerdict:
        """Return what was found before any encounter was judged."""
        return ClaimVerdict(self.claim, self.findings[: self.alone], alone=self.alone)

    def about(self, lines: Iterable[int]) -> Iterator[Finding]:
        """Yield the findings on the claim itself and on the lines with these numbers."""
        for finding in self.findings[self._indexed :]:
            self._by_line[finding.line].append(finding)
        self._indexed = len(self.findings)
        for line in (None, *lines):
            yield from self._by_line.get(line, ())

    def file(self, finding: Finding, policy: Policy) -> None:
        """Take a finding as the settings have it."""
        decided = policy.apply(finding, self.claim.payer.id)
        if isinstance(decided, SuppressedFinding):
            self.suppressed.append(decided)
        elif decided is not None:
            self.findings.append(decided)


@define(eq=False, repr=False)
class EditRun:
    """Runs edits, which are foreign code: whatever one raises, the claim is not accepted and the run goes on.

    `crashed` tells whether one has raised.
    """

    policy: Policy
    crashed: bool = False

    def run(
        self,
        groups: Sequence[EditGroup[S]],
        subject: S,
        procedures: AbstractSet[str],
        tables: Any,
        verdicts: Mapping[int, ClaimVerdict],
    ) -> None:
        """Run the edits that are about one of the procedures and a date of service, and file their findings.

        A check that raises becomes SCR901 on all of the claims.
        """
        context: Context[Any] | None = None
        for group in groups:
            if not (group.applies_to(procedures) and group.is_effective(subject.lines)):
                continue
            for edit in group.edits:
                if context is None:
                    context = Context(tables, _found_on(subject, verdicts))
                try:
                    for finding in edit.check(subject, context):
                        verdicts[finding.claim_ordinal or 0].file(finding, self.policy)
                        context = None
                except KeyboardInterrupt:
                    raise
                except BaseException as error:  # noqa: BLE001 - foreign code
                    context = None
                    self.note_crash(f"Edit {edit.meta.code}", verdicts.values(), error)

    def guarding(self, what: str, verdicts: Iterable[ClaimVerdict]) -> _CrashGuard:
        """Report what a block raises on the claims: `what` says whose code runs in it."""
        return _CrashGuard(self, what, verdicts)

    def note_crash(self, what: str, verdicts: Iterable[ClaimVerdict], error: BaseException) -> None:
        """Report on the claims that foreign code has raised an error."""
        self.crashed = True
        for verdict in verdicts:
            verdict.findings.append(crash(what, verdict.claim, error))


@frozen(eq=False)
class _CrashGuard:
    """Reports what a block raises; one made of a generator costs several times as much."""

    run: EditRun
    what: str
    verdicts: Iterable[ClaimVerdict]

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> bool:
        if error is None or isinstance(error, KeyboardInterrupt):
            return False
        self.run.note_crash(self.what, self.verdicts, error)
        return True


def _line_of(finding: Finding) -> int:
    return finding.line or 0


def _found_on(subject: Claim | Encounter, verdicts: Mapping[int, ClaimVerdict]) -> list[Finding]:
    """Return what was found on a claim, or on the lines of an encounter and their claims themselves."""
    if isinstance(subject, Claim):
        return list(verdicts[subject.ordinal].findings)
    if len(verdicts) == 1:
        (verdict,) = verdicts.values()
        if not verdict.findings:
            return []
        if len(subject.lines) == len(verdict.claim.lines):
            return sorted(verdict.findings, key=_line_of)
    numbers: dict[int, list[int]] = defaultdict(list)
    for line in subject.lines:
        numbers[line.claim.ordinal].append(line.number)
    return [finding for ordinal, lines in numbers.items() for finding in verdicts[ordinal].about(lines)]
