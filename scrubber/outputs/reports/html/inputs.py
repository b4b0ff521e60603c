"""What the report rests on: inputs (with an alert if one is incomplete), the decisions of the settings, and tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from scrubber.findings.finding import Finding
from scrubber.findings.report import FileReport
from scrubber.outputs.reports.base import Suppression, Tool, counted, dollars
from scrubber.outputs.reports.html.elements import Child, Element, TableColumn, badge, el, icon, prose, section, table
from scrubber.outputs.reports.html.tally import RunTally

__all__ = ["alert_section", "basis_section", "inputs_table", "notices_section", "suppressed_section"]

_FILES = 500
"""Inputs in the table of inputs, those with findings first."""

_NAMES = 100
"""Inputs not completely read that are named in the alert."""

_FINDINGS = 200
"""Findings about inputs that are shown."""


def alert_section(files: Sequence[FileReport]) -> Element | None:
    """Show the findings about inputs, which come before everything else; None where there are none."""
    found = [(number, file, finding) for number, file in enumerate(files, 1) for finding in file.findings]
    unread = [(number, file) for number, file in enumerate(files, 1) if not file.readable]
    if not found and not unread:
        return None
    found.sort(key=lambda entry: (entry[1].readable, entry[2].severity.rank))
    shown = [el("li", _file_finding(number, file, finding)) for number, file, finding in found[:_FINDINGS]]
    left = len(found) - len(shown)
    title = "Not known: not everything was read or judged" if unread else "About the file itself"
    names = ", ".join(file.path for _, file in unread[:_NAMES])
    more = f" and {len(unread) - _NAMES:,} more" if unread[_NAMES:] else ""
    return section(
        "inputs",
        title,
        el("p", f"The answer is not known for {names}{more}. What could be judged is shown below.") if unread else None,
        el("ul", shown),
        el("p", f"{counted(left, 'finding')} more about inputs: see the JSON report.") if left else None,
        class_=f"alert {'error' if unread else ''}".rstrip(),
    )


def notices_section(files: Sequence[FileReport]) -> Element | None:
    """Show what the reader must know of how the inputs were judged; None where there is nothing."""
    notices = dict.fromkeys(notice.message for file in files for notice in file.notices)
    if not notices:
        return None
    told = el("ul", [el("li", prose(message)) for message in notices])
    return section("notices", "How this was judged", told, class_="alert")


def _file_finding(number: int, file: FileReport, finding: Finding) -> Child:
    location = finding.location
    where = [f"input {number}, {file.path}"]
    if location is not None:
        where.append(location.element or location.segment)
        where.append(f"segment {location.ordinal:,}" if location.ordinal else "")
        where.append(f"byte {location.offset:,}" if location.offset is not None else "")
    return [
        el("p", badge(finding.severity), " ", el("code", finding.code), " ", prose(finding.message)),
        el("p", el("b", "Do this: "), prose(finding.fix)),
        el("p", ", ".join(filter(None, where)), class_="where"),
    ]


def suppressed_section(decisions: Counter[Suppression]) -> Element | None:
    """Show which findings do not count because the configuration says so, and why; None where there are none."""
    if not decisions:
        return None
    columns = (TableColumn("Edit"), TableColumn("Payer"), TableColumn("Reason"), TableColumn("Findings", numeric=True))
    rows: list[list[Child]] = [
        [el("code", decision.code), decision.payer, decision.reason, f"{decisions[decision]:,}"]
        for decision in sorted(decisions)
    ]
    about = "These findings were made and do not count, by the settings. The JSON report names their claims and lines."
    return section(
        "suppressed",
        "Suppressed by the configuration",
        el("p", about, class_="about"),
        table("Decisions", columns, rows),
    )


def basis_section(tool: Tool, tally: RunTally, *, with_inputs: bool) -> Element:
    """List the inputs and the rule tables, with a warning at a table that ends before the dates judged."""
    columns = (
        TableColumn("Rule table"),
        TableColumn("First date of service"),
        TableColumn("Last date of service"),
        TableColumn("SHA-256"),
    )
    rows: list[list[Child]] = []
    for info in tool.tables:
        late = tally.last_day is not None and info.last_day < tally.last_day
        last: list[Child] = [f"{info.last_day} "]
        if late:
            last.append(el("span", icon("warning"), f"before {tally.last_day}", class_="badge warning"))
        rows.append([info.title, f"{info.first_day}", last, el("code", info.sha256[:12])])
    tables = (
        table("Rule tables, and the dates of service they are known for", columns, rows, caption_shown=True)
        if rows
        else None
    )
    return section(
        "basis", "Inputs and tables", inputs_table(tally.files, caption_shown=True) if with_inputs else None, tables
    )


def inputs_table(files: Sequence[FileReport], *, caption_shown: bool = False) -> Child:
    """List the inputs with what came of them, those with findings first."""
    ranked = sorted(enumerate(files, 1), key=lambda entry: (entry[1].readable, not entry[1].findings, entry[0]))
    rows = [_input_row(number, file) for number, file in ranked[:_FILES]]
    left = len(files) - len(rows)
    columns = (
        TableColumn("Input"),
        TableColumn("Read"),
        TableColumn("Claims", numeric=True),
        TableColumn("Rejected", numeric=True),
        TableColumn("Billed", numeric=True),
        TableColumn("Billed, rejected", numeric=True),
        TableColumn("At risk", numeric=True),
        TableColumn("SHA-256"),
    )
    return [
        table("Inputs", columns, rows, caption_shown=caption_shown),
        el("p", f"{counted(left, 'more input')} not shown; those with findings come first.") if left else None,
    ]


def _input_row(number: int, file: FileReport) -> list[Child]:
    totals = file.totals
    state = ("ok", "whole") if file.readable else ("error", "not whole")
    return [
        f"{number}. {file.path}",
        el("span", icon(state[0]), state[1], class_=f"badge {state[0]}"),
        f"{totals.claims:,}",
        f"{totals.rejected:,}",
        dollars(totals.charges),
        dollars(totals.rejected_charges),
        dollars(totals.at_risk),
        el("code", file.sha256[:12]) if file.sha256 else "",
    ]
