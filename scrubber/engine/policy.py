"""Decides what the settings make of a finding: its severity, whether it is suppressed, what a syntax error spoils."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
from attrs import field, frozen

from scrubber.config import Config
from scrubber.findings.finding import Finding, Severity
from scrubber.findings.report import EndedTable, SuppressedFinding
from scrubber.findings.rule import Meta, Rule
from scrubber.findings.values import Values
from scrubber.x12.rules import Scope, X12SyntaxError

__all__ = ["Policy", "SyntaxErrorRuling"]


@frozen(eq=False, repr=False)
class SyntaxErrorRuling(Values):
    """What becomes of a syntax error: the finding about the file, if there is one, and whether it rejects claims."""

    finding: Finding | None
    rejects_claims: bool


_NOTHING = SyntaxErrorRuling(None, rejects_claims=False)


@frozen(eq=False, repr=False)
class Policy(Values):
    """The settings of a run applied to findings; `rules` are all rules of the catalogue by code.

    A mandatory rule says that something could not be judged: no setting reaches it.
    """

    config: Config
    rules: Mapping[str, type[Rule]]
    _decisions: dict[tuple[str, str, Severity], tuple[Severity | None, str | None]] = field(
        factory=lambda: {}, init=False, repr=False, eq=False
    )

    def runs(self, meta: Meta) -> bool:
        """Whether an edit is to be run at all."""
        return meta.mandatory or self.config.selects(meta.code)

    def rejects(self, meta: Meta, payer: str) -> bool:
        """Whether what an edit finds on a claim of a payer is an error."""
        severity = meta.severity if meta.mandatory else self.config.severity_of(payer, meta.code, meta.severity)
        return severity is Severity.ERROR

    def apply(self, finding: Finding, payer: str = "") -> Finding | SuppressedFinding | None:
        """Return a finding with the severity of the settings, as suppressed for a payer, or None if not selected."""
        named = (self.config.payer_named(payer) or "") if self.config.payers else ""
        about = (named, finding.code, finding.severity)
        if about not in self._decisions:
            self._decisions[about] = self._decide(*about)
        severity, reason = self._decisions[about]
        if severity is None:
            return None
        configured = finding if severity is finding.severity else attrs.evolve(finding, severity=severity)
        return configured if reason is None else SuppressedFinding(configured, reason)

    def shows(self, table: EndedTable, payer: str) -> bool:
        """Whether a report is to say that a table has ended."""
        return self.config.selects(table.code) and self.config.suppressed(payer, table.code) is None

    def rule_on(self, error: X12SyntaxError) -> SyntaxErrorRuling:
        """Return what becomes of a syntax error.

        One in a claim or level is for the claims there, whose payers have settings of their own; one of an envelope
        rejects all claims in it while it is an error.  Not even a setting makes known what was not read.
        """
        if error.unread:
            return SyntaxErrorRuling(error.finding(), rejects_claims=False)
        if self.config.conformance == "none" and not error.rule.meta.mandatory:
            return _NOTHING
        if error.scope in {Scope.CLAIM, Scope.LEVEL} and error.part is not None:
            return SyntaxErrorRuling(None, rejects_claims=True)
        finding = self._configured(error.finding(), "")
        if finding is None:
            return _NOTHING
        is_error = finding.severity is Severity.ERROR
        return SyntaxErrorRuling(finding, error.scope.is_envelope and is_error and error.part is not None)

    def _configured(self, finding: Finding, payer: str) -> Finding | None:
        severity, _ = self._decide(payer, finding.code, finding.severity)
        if severity is None or severity is finding.severity:
            return None if severity is None else finding
        return attrs.evolve(finding, severity=severity)

    def _decide(self, payer: str, code: str, severity: Severity) -> tuple[Severity | None, str | None]:
        """Return the severity of a finding for a payer, None if it is not selected, and why it is suppressed, if so."""
        rule = self.rules.get(code)
        if rule is not None and rule.meta.mandatory:
            configured: Severity | None = severity
        elif not self.config.selects(code):
            return None, None
        else:
            configured = self.config.severity_of(payer, code, severity)
        ignore = self.config.suppressed(payer, code)
        return configured, None if ignore is None else ignore.reason
