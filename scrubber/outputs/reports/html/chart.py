"""Which edits cost the most: a Pareto chart, drawn as SVG, and the table that says the same."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from scrubber.findings.finding import Severity
from scrubber.outputs.reports.base import counted, dollars
from scrubber.outputs.reports.html.elements import (
    Catalogue,
    Child,
    Element,
    TableColumn,
    badge,
    claims_of,
    el,
    section,
    table,
)
from scrubber.outputs.reports.html.tally import Cleared, EditCount, RunTally

__all__ = ["edits_section", "pareto_section"]

_BARS = 10
"""Edits that the chart shows; the table has them all."""

_ROW = 62
"""Height of a bar with its labels, in CSS pixels.  Widths are in percent, so that the text keeps its size."""


def pareto_section(tally: RunTally, catalogue: Catalogue) -> Element:
    """Draw the errors by the money at risk, and what fixing them from the top would clear."""
    errors = _errors(tally)
    if not errors:
        return section("pareto", "What costs the most", el("p", "No claim has an error."))
    drawing = _chart(errors, list(tally.cleared_by(errors)), tally, catalogue)
    more = el("p", el("a", "All edits, with the usual denial codes", href="#edits"))
    return section("pareto", "What costs the most", drawing, more)


def edits_section(tally: RunTally, catalogue: Catalogue) -> Element | None:
    """List all edits that found something; None when none did."""
    edits, errors = tally.edits(), _errors(tally)
    if not edits:
        return None
    cleared: list[Cleared | None] = [*tally.cleared_by(errors), *[None] * (len(edits) - len(errors))]
    rejected = tally.totals().rejected
    rows = [_table_row(edit, done, rejected, catalogue) for edit, done in zip(edits, cleared, strict=True)]
    about = (
        "A claim counts in full under each of its edits. Cleared are the rejected claims that have no other error than "
        "that edit and those above it."
    )
    return section(
        "edits", "All edits", el("p", about, class_="about"), table("Edits that found something", _COLUMNS, rows)
    )


def _errors(tally: RunTally) -> list[EditCount]:
    return [edit for edit in tally.edits() if edit.severity is Severity.ERROR]


def _table_row(edit: EditCount, done: Cleared | None, rejected: int, catalogue: Catalogue) -> list[Child]:
    return [
        [el("code", edit.code), " ", catalogue.title(edit.code, edit.name)],
        badge(edit.severity),
        f"{edit.findings:,}",
        f"{edit.claims:,}",
        dollars(edit.charges),
        dollars(edit.at_risk) if done is not None else "",
        [dollars(done.at_risk), el("small", f" {claims_of(done.claims, rejected)}")] if done is not None else "",
        edit.denials.most_common(1)[0][0] if edit.denials else "",
    ]


_COLUMNS = (
    TableColumn("Edit"),
    TableColumn("Severity"),
    TableColumn("Findings", numeric=True),
    TableColumn("Claims", numeric=True),
    TableColumn("Billed on them", numeric=True),
    TableColumn("At risk on them", numeric=True),
    TableColumn("Cleared with those above", numeric=True),
    TableColumn("Usual denial"),
)


def _chart(errors: Sequence[EditCount], cleared: Sequence[Cleared], tally: RunTally, catalogue: Catalogue) -> Element:
    """Draw bars on one scale, from nothing to all that is at risk; in claims where no dollars are known."""
    shown = list(zip(errors, cleared, strict=True))[:_BARS]
    total = tally.totals()
    in_dollars = bool(total.at_risk)
    whole = total.at_risk if in_dollars else Decimal(total.rejected)
    rows: list[Element] = []
    for place, (edit, done) in enumerate(shown):
        part, so_far = (edit.at_risk, done.at_risk) if in_dollars else (Decimal(edit.claims), Decimal(done.claims))
        figures = _figures(edit, in_dollars=in_dollars)
        rows.append(_row(place, edit, catalogue, figures, (part, so_far, whole)))
    spoken = "; ".join(f"{edit.code}: {_figures(edit, in_dollars=in_dollars)}" for edit, _ in shown)
    drawing = el(
        "svg",
        el("title", f"Errors by {'dollars at risk' if in_dollars else 'claims'}", id="pareto-drawing"),
        el("desc", f"{spoken}. The table of edits has the same figures.", id="pareto-figures"),
        rows,
        role="img",
        aria_labelledby="pareto-drawing",
        aria_describedby="pareto-figures",
        class_="pareto",
        width="100%",
        height=f"{_ROW * len(shown)}",
    )
    measure = "Dollars at risk on the claims with this error" if in_dollars else "Rejected claims with this error"
    scale = f"A full bar is {dollars(total.at_risk) if in_dollars else counted(total.rejected, 'rejected claim')}."
    left = len(errors) - len(shown)
    more = f" {counted(left, 'other error is', 'other errors are')} in the table only." if left else ""
    caption = [
        _legend("part", measure),
        _legend("sum", "Cleared once this error and all above it are corrected"),
        el("p", f"{scale} A claim with several errors counts under each of them.{more}"),
    ]
    return el("figure", drawing, el("figcaption", caption))


def _legend(kind: str, words: str) -> Element:
    return el("span", el("span", class_=f"key {kind}", aria_hidden="true"), words, class_="legend")


def _figures(edit: EditCount, *, in_dollars: bool) -> str:
    claims = counted(edit.claims, "claim")
    return f"{claims}, {dollars(edit.at_risk)}" if in_dollars else claims


def _row(
    place: int, edit: EditCount, catalogue: Catalogue, figures: str, sizes: tuple[Decimal, Decimal, Decimal]
) -> Element:
    """Draw a bar under its labels: how much of the whole the edit has, and it with all above it."""
    part, so_far, whole = sizes
    top = place * _ROW
    return el(
        "g",
        el("text", edit.code, x="0", y=f"{top + 14}", class_="code"),
        el("text", figures, x="100%", y=f"{top + 14}", text_anchor="end", class_="figures"),
        el("text", catalogue.title(edit.code, edit.name), x="0", y=f"{top + 32}", class_="name"),
        _bar("track", top + 38, 14, "100%"),
        _bar("part", top + 38, 10, _width(part, whole)),
        _bar("sum", top + 48, 4, _width(so_far, whole)),
    )


def _bar(kind: str, top: int, height: int, width: str) -> Element:
    return el("rect", class_=kind, x="0", y=f"{top}", width=width, height=f"{height}")


def _width(part: Decimal, whole: Decimal) -> str:
    return f"{part * 100 / whole:.2f}%" if whole else "0%"
