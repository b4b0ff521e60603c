"""Decides what the settings make of a finding: its severity, whether it is suppressed, what a syntax error spoils."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
from attrs import frozen

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

    def runs(self, meta: Meta) -> bool:
        """Whether an edit is to be run at all."""
        return meta.mandatory or self.config.selects(meta.code)

    def rejects(self, meta: Meta, payer: str) -> bool:
        """Whether what an edit finds on a claim of a payer is an error."""
        severity = meta.severity if meta.mandatory else self.config.severity_of(payer, meta.code, meta.severity)
        return severity is Severity.ERROR

    def apply(self, finding: Finding, payer: str = "") -> Finding | SuppressedFinding | None:
        """Return a finding with the severity of the settings, as suppressed for a payer, or None if not selected."""
        configured = self._configured(finding, payer)
        ignore = self.config.suppressed(payer, finding.code) if configured is not None else None
        return configured if configured is None or ignore is None else SuppressedFinding(configured, ignore.reason)

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
        rule = self.rules.get(finding.code)
        if rule is not None and rule.meta.mandatory:
            return finding
        if not self.config.selects(finding.code):
            return None
        severity = self.config.severity_of(payer, finding.code, finding.severity)
        return finding if severity is finding.severity else attrs.evolve(finding, severity=severity)
