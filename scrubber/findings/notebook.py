"""A report as a notebook shows it: counts of claims, and a row for each code that was found."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from html import escape

from scrubber.findings.finding import Finding

__all__ = ["report_html"]

_MOST_ROWS = 20
_COLUMNS = ("Edit", "Name", "Severity", "Findings", "Claims")
_SEVERITIES = ("error", "warning", "info")  # by rank


def report_html(in_short: str, claims: Iterable[Iterable[Finding]], findings: Iterable[Finding]) -> str:
    """Return a small table in HTML: codes, names and counts, the gravest and most frequent first, and no other text.

    `claims` are the findings of each claim, `findings` those of the whole report.  Nothing of a claim is in the table,
    nor the path of an input, which can name a patient.
    """
    found: dict[tuple[str, str], list[Finding]] = defaultdict(list)
    of_claims = Counter(edit for claim in claims for edit in {(finding.code, finding.name) for finding in claim})
    for finding in findings:
        found[finding.code, finding.name].append(finding)
    rows = sorted(
        (min(finding.severity.rank for finding in several), -len(several), edit) for edit, several in found.items()
    )
    cells = [
        (code, name, _SEVERITIES[rank], f"{-count:,}", f"{of_claims[code, name]:,}")
        for rank, count, (code, name) in rows[:_MOST_ROWS]
    ]
    body = f"<thead>{_row('th', _COLUMNS)}</thead><tbody>{''.join(_row('td', row) for row in cells)}</tbody>"
    more = f"<p>and {len(rows) - _MOST_ROWS:,} more edits</p>" if len(rows) > _MOST_ROWS else ""
    table = f"<table>{body}</table>{more}" if rows else ""
    return f"<div><p>{escape(in_short)}</p>{table}</div>"


def _row(cell: str, texts: Iterable[str]) -> str:
    return f"<tr>{''.join(f'<{cell}>{escape(text)}</{cell}>' for text in texts)}</tr>"
