"""What edits that ran before found on a line: one mistake is told once, and one finding of a line gives the order."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from functools import wraps
from typing import TypeVar

import attrs

from edits.ivus.codes import places
from edits.ivus.facts import Facts
from scrubber import Context, Encounter, Finding, Related, ServiceLine, Severity

__all__ = ["first_told", "is_among", "lines_with", "refer_to", "refers_to", "where_told", "without"]

Lines = frozenset[tuple[int | None, int | None]]
"""Lines by the ordinal of their claim and their number."""

_NO_LINES: Lines = frozenset()

E = TypeVar("E")

Check = Callable[[E, Encounter, Context[Facts]], Iterator[Finding]]


def lines_with(code: str, context: Context[Facts], at_least: Severity = Severity.INFO) -> Lines:
    """Return the lines on which an edit that ran before found anything, or anything of that gravity."""
    found = [each for each in context.found if each.code == code and each.severity >= at_least]
    return frozenset([(each.claim_ordinal, each.line) for each in found]) if found else _NO_LINES


def is_among(line: ServiceLine, told: Lines) -> bool:
    """Whether another edit has reported the line."""
    return (line.claim.ordinal, line.number) in told


def without(lines: Iterable[ServiceLine], told: Lines) -> list[ServiceLine]:
    """Return the lines that no other edit has reported."""
    return [line for line in lines if not is_among(line, told)] if told else list(lines)


def refers_to(*codes: str) -> Callable[[Check[E]], Check[E]]:
    """Replace the fix on a line that another edit reported by a reference to that finding.

    The fix is then "See IVUS301 on line 2.", and that line is related.  The first of `codes` that is found counts;
    their edits run before.  A fix that refers to a line already is kept.
    """

    def decorate(check: Check[E]) -> Check[E]:
        @wraps(check)
        def referring(self: E, encounter: Encounter, context: Context[Facts]) -> Iterator[Finding]:
            causes: list[dict[tuple[int | None, int | None], Finding]] | None = None
            for finding in check(self, encounter, context):
                if not context.found:
                    yield finding
                    continue
                if causes is None:
                    causes = [_by_line(code, context) for code in codes]
                place = (finding.claim_ordinal, finding.line)
                cause = next((found[place] for found in causes if place in found), None)
                keeps = finding.fix.startswith("See ")
                yield finding if cause is None or keeps else _referring(finding, cause)

        return referring

    return decorate


def refer_to(code: str, finding: Finding, context: Context[Facts]) -> Finding:
    """Return a finding that refers to what the edit `code`, which ran before, found on the same line, if it did."""
    cause = _by_line(code, context).get((finding.claim_ordinal, finding.line))
    return finding if cause is None else _referring(finding, cause)


def _by_line(code: str, context: Context[Facts]) -> dict[tuple[int | None, int | None], Finding]:
    return {(each.claim_ordinal, each.line): each for each in context.found if each.code == code}


def _referring(finding: Finding, cause: Finding) -> Finding:
    place = Related(
        f"finding {cause.code}", cause.claim, cause.claim_ordinal, cause.line, cause.procedure, cause.location
    )
    return attrs.evolve(finding, fix=f"See {cause.code} on line {finding.line}.", related=(place, *finding.related))


def first_told(told: dict[Hashable, ServiceLine], line: ServiceLine, cause: frozenset[int]) -> ServiceLine:
    """Return the first line with the same dates and cause, the identities of lines; `told` holds those so far."""
    return told.setdefault((line.service_dates, cause), line)


def where_told(first: ServiceLine, line: ServiceLine, fix: str) -> str:
    """Return `fix` for the first line of a cause, and for another line where that one is."""
    return fix if first is line else f"See {places([first], line)}."
