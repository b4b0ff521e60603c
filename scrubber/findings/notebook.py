"""A report as a notebook shows it: counts of claims, and a row for each code that was found."""

from __future__ import annotations

from collections import Counter, defaultdict
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scrubber.findings.finding import Finding
    from scrubber.findings.report import Report

__all__ = ["report_html"]

_MOST_ROWS = 20
_COLUMNS = ("Edit", "Name", "Severity", "Findings", "Claims")
_SEVERITIES = ("error", "warning", "info")  # by rank


def report_html(report: Report) -> str:
    """Return a small table in HTML: codes, names and counts, the gravest and most frequent first, and no other text.

    Nothing of a claim is in it, nor the path of an input, which can name a patient.
    """
    found: dict[tuple[str, str], list[Finding]] = defaultdict(list)
    claims: Counter[tuple[str, str]] = Counter()
    for file in report.files:
        for claim in file.claims:
            claims.update({(finding.code, finding.name) for finding in claim.findings})
    for finding in report.findings:
        found[finding.code, finding.name].append(finding)
    rows = sorted(
        (min(finding.severity.rank for finding in findings), -len(findings), edit) for edit, findings in found.items()
    )
    cells = [
        (code, name, _SEVERITIES[rank], f"{-count:,}", f"{claims[code, name]:,}")
        for rank, count, (code, name) in rows[:_MOST_ROWS]
    ]
    body = f"<thead>{_row('th', _COLUMNS)}</thead><tbody>{''.join(_row('td', row) for row in cells)}</tbody>"
    more = f"<p>and {len(rows) - _MOST_ROWS:,} more edits</p>" if len(rows) > _MOST_ROWS else ""
    table = f"<table>{body}</table>{more}" if rows else ""
    return f"<div><p>{escape(repr(report).strip('<>'))}</p>{table}</div>"


def _row(cell: str, texts: Iterable[str]) -> str:
    return f"<tr>{''.join(f'<{cell}>{escape(text)}</{cell}>' for text in texts)}</tr>"
