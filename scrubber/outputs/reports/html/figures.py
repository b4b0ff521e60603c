"""Tables over all claims: by payer, by billing provider, and what the packs of edits want counted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from scrubber.findings.report import Observation
from scrubber.outputs.reports.base import counted, dollars
from scrubber.outputs.reports.html.elements import (
    Catalogue,
    Child,
    Element,
    TableColumn,
    bar,
    el,
    scrolling,
    section,
    share,
    table,
)
from scrubber.outputs.reports.html.tally import OTHERS, EditCount, GroupCount, RunTally

__all__ = ["groups_sections", "observed_section"]

_ROWS = 50
"""Rows of a table that are shown, the weightiest first."""

_NUMBER = re.compile(r"\d+")


def groups_sections(tally: RunTally, catalogue: Catalogue) -> list[Element]:
    """Show payers and billing providers, those with the most money at risk first; nothing where there is no claim."""
    if not tally.payers:
        return []
    names = {edit.code: edit for edit in tally.edits()}
    return [
        section("payers", "By payer", _groups("payer", tally.payers, names, catalogue)),
        section("providers", "By billing provider", _groups("billing provider", tally.providers, names, catalogue)),
    ]


def _groups(what: str, groups: Mapping[str, GroupCount], names: Mapping[str, EditCount], catalogue: Catalogue) -> Child:
    ranked = sorted(
        groups.items(), key=lambda entry: (-entry[1].at_risk, -entry[1].rejected, -entry[1].claims, entry[0])
    )
    rows = [_group_row(name, group, names, catalogue) for name, group in ranked[:_ROWS]]
    left = len(ranked) - len(rows)
    columns = (
        TableColumn(what.capitalize()),
        TableColumn("Claims", numeric=True),
        TableColumn("Rejected", numeric=True),
        TableColumn("Share rejected"),
        TableColumn("Billed", numeric=True),
        TableColumn("Billed, rejected", numeric=True),
        TableColumn("At risk", numeric=True),
        TableColumn("Most frequent edit"),
    )
    return [
        table(f"Claims and dollars by {what}", columns, rows),
        el("p", f"{counted(left, what)} more, with less at risk, not shown.") if left else None,
    ]


def _group_row(name: str, group: GroupCount, names: Mapping[str, EditCount], catalogue: Catalogue) -> list[Child]:
    frequent = min(group.codes.items(), key=lambda entry: (-entry[1], entry[0]), default=None)
    edit = names[frequent[0]] if frequent is not None else None
    return [
        "all others" if name == OTHERS else el("code", name) if name else "not named",
        f"{group.claims:,}",
        f"{group.rejected:,}",
        [bar(group.rejected, group.claims, "bad"), f" {share(group.rejected, group.claims)}"],
        dollars(group.charges),
        dollars(group.rejected_charges),
        dollars(group.at_risk),
        [el("code", edit.code), f" {catalogue.title(edit.code, edit.name)}"] if edit is not None else "",
    ]


def observed_section(observed: Counter[Observation]) -> Element | None:
    """Show what the packs of edits counted, a table for each of their panels; None where they counted nothing."""
    panels: dict[str, dict[str, dict[str, int]]] = {}
    for cell, count in observed.items():
        panels.setdefault(cell.panel, {}).setdefault(cell.row, {})[cell.column] = count
    if not panels:
        return None
    tables = [_panel(title, panels[title]) for title in sorted(panels)]
    return section("figures", "What was billed", el("div", tables, class_="panels"))


def _panel(title: str, rows: Mapping[str, Mapping[str, int]]) -> Child:
    most = max(count for columns in rows.values() for count in columns.values())
    ranked = sorted(rows, key=_natural)
    bodies = [_panel_row(row, rows[row], most) for row in ranked[:_ROWS]]
    heads = el(
        "tr",
        el("th", "What", scope="col"),
        el("th", "Found", scope="col"),
        el("th", "Encounters", scope="col", class_="n"),
    )
    left = len(ranked) - len(bodies)
    whole = el("table", el("caption", title), el("thead", heads), bodies, class_="panel")
    return el(
        "div",
        scrolling(whole, title),
        el("p", f"{counted(left, 'row')} more not shown.") if left else None,
    )


def _panel_row(row: str, columns: Mapping[str, int], most: int) -> Element:
    names = sorted(columns, key=_natural)
    shown = [(name, columns[name]) for name in names[:_ROWS]]
    if names[_ROWS:]:
        shown.append((f"{len(names) - _ROWS:,} others", sum(columns[name] for name in names[_ROWS:])))
    body = el("tbody")
    for place, (name, count) in enumerate(shown):
        head = el("th", row, scope="rowgroup", rowspan=f"{len(shown)}") if place == 0 else None
        body.append(el("tr", head, el("td", name), el("td", f"{count:,} ", bar(count, most), class_="n")))
    return body


def _natural(text: str) -> list[tuple[int, str]]:
    """Order texts by the numbers in them: "2" before "10"."""
    return [(int(part), "") if _NUMBER.fullmatch(part) else (0, part) for part in re.split(r"(\d+)", text)]
