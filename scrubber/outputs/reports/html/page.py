"""The page as a whole, written piece by piece."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.resources import files as resource_files
from typing import BinaryIO

from lxml import etree

from scrubber.findings.finding import Severity
from scrubber.findings.report import Totals
from scrubber.outputs.reports.base import AT_RISK, Outlet, Tool, counted, dollars
from scrubber.outputs.reports.html.cards import card, targets, work_item
from scrubber.outputs.reports.html.chart import edits_section, pareto_section
from scrubber.outputs.reports.html.elements import (
    Catalogue,
    Child,
    Element,
    bar,
    claims_of,
    el,
    icon,
    prose,
    section,
    share,
)
from scrubber.outputs.reports.html.figures import groups_sections, observed_section
from scrubber.outputs.reports.html.inputs import (
    alert_section,
    basis_section,
    inputs_table,
    notices_section,
    suppressed_section,
)
from scrubber.outputs.reports.html.tally import KeptClaim, RunTally

__all__ = ["write_page"]

_FIRST, _GROUP = 25, 100
"""Claims that are open to be seen, and claims that one opens at a time."""

_INPUTS_FIRST = 12
"""Several inputs, but not more than these, are listed before the work list; more of them after all else."""

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""Nothing is loaded and nothing is run, whatever a claim may hold."""

_ICONS = {
    "error": (
        "M5 1h6l4 4v6l-4 4H5l-4-4V5z",
        "M5.2 4 8 6.8 10.8 4 12 5.2 9.2 8l2.8 2.8-1.2 1.2L8 9.2 5.2 12 4 10.8 6.8 8 4 5.2z",
    ),
    "warning": ("M8 1l7.5 14H.5z", "M7 6v4.5h2V6z M7 11.7v1.8h2v-1.8z"),
    "info": ("M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1z", "M7 4v2h2V4z M7 7.2V12h2V7.2z"),
    "ok": ("M1 1h14v14H1z", "M6.9 12 12.6 5.4 11.3 4.2 6.8 9.4 4.6 7.3 3.4 8.6z"),
}
"""Severities by shape, with what is cut out of it: an octagon, a triangle, a circle and a square."""


def write_page(out: BinaryIO, tool: Tool, tally: RunTally) -> None:
    """Write the page on a run to a binary stream, in UTF-8."""
    out.write(b"<!DOCTYPE html>\n")
    outlet = Outlet(out)
    with etree.htmlfile(outlet, encoding="utf-8") as page, page.element("html", lang="en"):
        page.write(_head(tally), "\n")
        with page.element("body"):
            for part in _before_main(tally):
                page.write(part, "\n")
            with page.element("main", id="main"):
                for part in _main(tool, tally):
                    page.write(part, "\n")
            page.write(_footer(tool), "\n")
    outlet.check()
    out.write(b"\n")


def _head(tally: RunTally) -> Element:
    style = resource_files("scrubber.outputs.reports.html").joinpath("page.css").read_text(encoding="utf-8")
    sheet = el("style")
    sheet.text = "\n" + style
    return el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("meta", name="referrer", content="no-referrer"),
        el("meta", name="robots", content="noindex"),
        el("title", f"Claim scrub: {_verdict(tally)[1]}"),
        sheet,
    )


def _verdict(tally: RunTally) -> tuple[str, str]:
    """Return the run's outcome as the name of an icon and in words."""
    totals = tally.totals()
    unread = sum(not file.readable for file in tally.files)
    if unread:
        whose = "This input was" if len(tally.files) == 1 else f"{unread:,} of {len(tally.files):,} inputs were"
        return "error", f"{whose} not completely read"
    if totals.rejected:
        whole = "The claim is" if totals.claims == 1 else claims_of(totals.rejected, totals.claims)
        return "error", f"{whole} rejected"
    if any(finding.severity is Severity.ERROR for file in tally.files for finding in file.findings):
        return "error", "No claim rejected, but the file itself has errors"
    if not totals.claims:
        return "warning", "No claims found"
    return "ok", f"All {counted(totals.claims, 'claim')} accepted" if totals.claims > 1 else "The claim is accepted"


def _before_main(tally: RunTally) -> Iterator[Element]:
    yield el("a", "Skip to the report", href="#main", class_="skip")
    symbols = [
        el("symbol", el("path", d=" ".join(path)), id=f"i-{name}", viewBox="0 0 16 16") for name, path in _ICONS.items()
    ]
    yield el("svg", symbols, class_="symbols", aria_hidden="true")
    kind, words = _verdict(tally)
    inputs = tally.files[0].path if len(tally.files) == 1 else counted(len(tally.files), "input")
    yield el(
        "header",
        el("p", "Claim scrub report", el("span", inputs), class_="eyebrow"),
        el("h1", icon(kind), words),
        class_="page",
    )
    links = [("work", "Work list"), ("pareto", "What costs the most")]
    links += [("figures", "What was billed")] * bool(tally.observed) + [("edits", "All edits")] * bool(tally.flagged)
    links += [("payers", "Payers"), ("providers", "Billing providers")] * bool(tally.payers)
    links += [("suppressed", "Suppressed")] * bool(tally.suppressed)
    links += [("claims", "Claims")] * bool(tally.flagged) + [("basis", "Inputs and tables")]
    entries = [el("li", el("a", title, href=f"#{anchor}")) for anchor, title in links]
    yield el("nav", el("ul", entries), aria_label="Parts of the report")


def _main(tool: Tool, tally: RunTally) -> Iterator[Element]:
    catalogue = Catalogue(tool)
    alert = alert_section(tally.files)
    if alert is not None:
        yield alert
    notices = notices_section(tally.files)
    if notices is not None:
        yield notices
    yield _strip(tool, tally)
    inputs_first = 1 < len(tally.files) <= _INPUTS_FIRST
    if inputs_first:
        yield section("files", "Inputs", inputs_table(tally.files))
    kept = tally.kept()
    beside = [pareto_section(tally, catalogue), observed_section(tally.observed)]
    yield el("div", _work_list(tally, kept, catalogue), el("div", beside), class_="first")
    edits = edits_section(tally, catalogue)
    if edits is not None:
        yield edits
    yield from groups_sections(tally, catalogue)
    suppressed = suppressed_section(tally.suppressed)
    if suppressed is not None:
        yield suppressed
    if kept:
        yield from _cards(tally, kept, catalogue)
    yield basis_section(tool, tally, with_inputs=not inputs_first)


def _strip(tool: Tool, tally: RunTally) -> Element:
    totals = tally.totals()
    unpriced = f"; {counted(tally.unpriced, 'line')} of unknown amount not in it" if tally.unpriced else ""
    found = ", ".join(counted(tally.severities[severity], severity) for severity in Severity)
    suppressed = tally.suppressed.total()
    more: Child = (
        ["; ", el("a", f"{suppressed:,} suppressed by the configuration", href="#suppressed")] if suppressed else None
    )
    tiles = [
        ("At risk", dollars(totals.at_risk), AT_RISK + unpriced, "risk" if totals.at_risk else "risk none"),
        ("Rejected", dollars(totals.rejected_charges), _part(totals.rejected, totals), "bad"),
        ("Accepted", dollars(totals.accepted_charges), _part(totals.accepted, totals), "good"),
        ("Billed", dollars(totals.charges), f"{counted(totals.claims, 'claim')}, {counted(totals.lines, 'line')}", ""),
    ]
    items = [
        el("div", el("dt", term), el("dd", el("b", value), el("span", note)), class_=kind or None)
        for term, value, note, kind in tiles
    ]
    return section(
        "verdict",
        "The verdict in numbers",
        el("dl", items, class_="tiles"),
        el(
            "div", bar(totals.rejected_charges, totals.charges, "verdict" if totals.charges else "none"), class_="split"
        ),
        el("p", f"Findings: {found}", more, ". ", _tables_in_short(tool, tally), class_="about"),
    )


def _part(claims: int, totals: Totals) -> str:
    return f"{counted(claims, 'claim')}, {share(claims, totals.claims)} of all"


def _tables_in_short(tool: Tool, tally: RunTally) -> Child:
    if not tool.tables:
        return None
    text: list[Child] = ["Judged by ", el("a", counted(len(tool.tables), "rule table"), href="#basis")]
    if tally.last_day is None:
        return [*text, "."]
    ends = sorted(info.last_day for info in tool.tables)
    old = sum(day < tally.last_day for day in ends)
    last = f"the last date of service here, {tally.last_day}"
    if not old:
        return [*text, prose(f", all known up to {last}.")]
    return [*text, prose(f"; {old} of them {'ends' if old == 1 else 'end'} before {last}, the first on {ends[0]}.")]


def _work_list(tally: RunTally, kept: Sequence[KeptClaim], catalogue: Catalogue) -> Element:
    if not kept:
        text = "No claim has a finding." if tally.totals().claims else "There is no claim to work on."
        return section("work", "Fix these first", el("p", text))
    several = len(tally.files) > 1
    parts: list[Element] = []
    for start, end in _pages(len(kept)):
        items = [work_item(entry, catalogue, several_files=several) for entry in kept[start:end]]
        parts.append(_folded(start, end, len(kept), el("ol", items, start=f"{start + 1}", class_="work")))
    left = tally.flagged - len(kept)
    less = counted(left, "claim with less at risk is", "claims with less at risk are")
    limit = f" {less} not on this page but in the JSON report (--format json)." if left else ""
    about = f"{counted(tally.flagged, 'claim')} with findings, the most money at risk first.{limit}"
    return section("work", "Fix these first", el("p", about, class_="about"), parts)


def _cards(tally: RunTally, kept: Sequence[KeptClaim], catalogue: Catalogue) -> Iterator[Element]:
    several, links = len(tally.files) > 1, targets(kept)
    left = tally.flagged - len(kept)
    about = f"{counted(len(kept), 'claim')}, in the order of the work list."
    if left:
        about += f" {counted(left, 'more is', 'more are')} in the JSON report only."
    yield section("claims", "Claims", el("p", about, class_="about"))
    for start, end in _pages(len(kept)):
        shown = [card(entry, catalogue, links, several_files=several) for entry in kept[start:end]]
        cards = el("div", shown, class_="cards")
        yield _folded(start, end, len(kept), cards)


def _pages(count: int) -> Iterator[tuple[int, int]]:
    yield 0, min(count, _FIRST)
    for start in range(_FIRST, count, _GROUP):
        yield start, min(count, start + _GROUP)


def _folded(start: int, end: int, count: int, content: Element) -> Element:
    """Fold away all but the first claims; a link to one of them opens its fold."""
    if start == 0:
        return content
    return el("details", el("summary", f"Claims {start + 1:,} to {end:,} of {count:,}"), content)


def _footer(tool: Tool) -> Element:
    plugins = sorted({f"{plugin.distribution} {plugin.version}".rstrip() for plugin in tool.plugins})
    return el(
        "footer",
        el("p", f"Made by {tool.name} {tool.version}; edits of {', '.join(plugins) or 'no plugin'}."),
        el(
            "p",
            "Holds patient control numbers, codes, dates of service and amounts; "
            "no names, birth dates or member identifiers.",
        ),
    )
