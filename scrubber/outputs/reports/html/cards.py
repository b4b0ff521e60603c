"""The claims one by one: the work list, and for each claim a card with its lines, findings and remedies."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

from attrs import field, frozen

from scrubber.findings.finding import Adjustment, Finding, Location, Related
from scrubber.findings.report import ClaimDetail, ClaimReport, LineDetail
from scrubber.outputs.reports.base import alike, at_risk, counted, dollars, line_names, related_to
from scrubber.outputs.reports.html.elements import (
    Catalogue,
    Child,
    Element,
    TableColumn,
    badge,
    el,
    hidden,
    icon,
    prose,
    table,
)
from scrubber.outputs.reports.html.tally import KeptClaim, claim_anchor

__all__ = ["card", "targets", "work_item"]

_LINES = 60
"""Service lines that a card shows; a line with a finding, or that one refers to, is always shown."""

_FINDINGS = 100
"""Findings that a card shows, the gravest first."""

_RELATED = 10
"""Related places that a card shows for findings that say the same."""

_COLUMNS = {
    "line": TableColumn("Line"),
    "procedure": TableColumn("Procedure"),
    "modifiers": TableColumn("Modifiers"),
    "units": TableColumn("Units", numeric=True),
    "charge": TableColumn("Charge", numeric=True),
    "diagnoses": TableColumn("Diagnoses"),
    "dates": TableColumn("Date of service"),
    "place": TableColumn("Place"),
    "rendering": TableColumn("Rendering NPI"),
}

_ELEMENTS = (
    ("SV101-2", "procedure"),
    ("SV101-3", "modifiers"),
    ("SV101-4", "modifiers"),
    ("SV101-5", "modifiers"),
    ("SV101-6", "modifiers"),
    ("SV102", "charge"),
    ("SV103", "units"),
    ("SV104", "units"),
    ("SV105", "place"),
    ("SV107", "diagnoses"),
    ("CLM02", "charge"),
    ("CLM05-1", "place"),
    ("CLM05-3", "frequency"),
    ("CLM05", "place"),
    ("HI", "diagnoses"),
    ("DTP", "dates"),
)
"""The beginning of the reference designator of an element, and the cell that shows it."""

_LOOPS = {"2420A": "rendering", "2310B": "rendering", "2010AA": "billing", "2010BB": "payer"}
"""The cell that shows the identifier (NM109) of a loop."""

_FREQUENCIES = {"1": "original", "6": "corrected", "7": "replacement", "8": "void"}

_GROUPS = {
    "CO": "contractual obligation: not the patient's to pay",
    "OA": "other adjustment",
    "PI": "payer initiated reduction",
    "PR": "patient responsibility",
}


@frozen
class _CardFinding:
    """Findings of a claim that say the same, as one; `number` is its place on the card."""

    number: int
    findings: tuple[Finding, ...]

    @property
    def first(self) -> Finding:
        return self.findings[0]


@frozen
class _Marks:
    """Which cells of a card are faulty, and by which findings; line None for the claim itself."""

    anchor: str
    by_cell: Mapping[tuple[int | None, str], Sequence[_CardFinding]] = field(factory=lambda: {})

    def cell(self, line: int | None, column: str, text: str) -> Child:
        """Show a value, and what is wrong with it: by shape, underline and link, and in words read aloud."""
        entries = self.by_cell.get((line, column), ())
        if not entries:
            return text or [el("span", "-", aria_hidden="true"), hidden("not given")]
        worst = min((entry.first.severity for entry in entries), key=lambda severity: severity.rank)
        value = el("mark", icon(worst.value), text or "not given", class_=worst.value)
        return [value, [self._reference(entry) for entry in entries]]

    def _reference(self, entry: _CardFinding) -> Child:
        said = hidden(f"{entry.first.severity}, see finding ")
        return [" ", el("a", said, f"{entry.number}", href=f"#{self.anchor}-f{entry.number}", class_="ref")]


def work_item(kept: KeptClaim, catalogue: Catalogue, *, several_files: bool) -> Element:
    """Show a claim in the work list: what it costs, what is wrong first, what to do."""
    claim = kept.claim
    entries = _entries(claim.findings)
    first = entries[0].first
    lines = line_names(entries[0].findings)
    about = [claim.disposition.capitalize(), f"{_billed(claim)} billed", f"payer {claim.payer or 'not named'}"]
    if several_files:
        about.append(f"input {kept.file}")
    if entries[1:]:
        about.append(counted(len(entries) - 1, "more finding"))
    return el(
        "li",
        el("p", el("a", _name(claim), href=f"#{kept.anchor}"), el("b", at_risk(claim)), class_="name"),
        el(
            "p",
            badge(first.severity),
            " ",
            el("code", first.code),
            f" {catalogue.title(first.code, first.name)}",
            f" ({lines})" if lines else None,
            class_="what",
        ),
        el("p", prose(first.fix), class_="fix"),
        el("p", ", ".join(about), class_="about"),
    )


def targets(claims: Iterable[KeptClaim]) -> frozenset[str]:
    """Return the identifiers of the claims that have a card, and of the lines that it shows, for links to lead to."""
    found: list[str] = []
    for kept in claims:
        found.append(kept.anchor)
        if kept.claim.detail is not None:
            found += [_line_anchor(kept.anchor, line.number) for line in _shown(kept.claim, kept.claim.detail)]
    return frozenset(found)


def card(kept: KeptClaim, catalogue: Catalogue, links: Container[str], *, several_files: bool) -> Element:
    """Show a claim: its lines with the faulty cells marked, then why, what to do, the denial and the source of each.

    A finding links to the lines and claims that it refers to, as far as they are among `links` (see `targets`).
    """
    claim, anchor = kept.claim, kept.anchor
    entries = _entries(claim.findings)
    marks = _Marks(anchor, _by_cell(entries))
    shown = [
        el("li", _entry(entry, catalogue, _see_also(entry, kept.file, links)), id=f"{anchor}-f{entry.number}")
        for entry in entries[:_FINDINGS]
    ]
    left = len(entries) - len(shown)
    return el(
        "article",
        el(
            "header",
            el("h3", _name(claim), " ", _verdict(claim), id=f"{anchor}-name"),
            el("p", el("b", at_risk(claim)), class_="amount"),
        ),
        _facts(kept, marks, several_files=several_files),
        _lines(claim, claim.detail, marks) if claim.detail is not None else el("p", "Its lines were not opened."),
        el("ol", shown, class_="faults"),
        el("p", f"{counted(left, 'finding')} more on this claim: see the JSON report.") if left else None,
        _suppressed(claim),
        el("p", el("a", "Back to the work list", hidden(f" from claim {_name(claim)}"), href="#work"), class_="back"),
        id=anchor,
        class_="card",
        aria_labelledby=f"{anchor}-name",
    )


def _name(claim: ClaimReport) -> str:
    return claim.claim or "(no patient control number)"


def _billed(claim: ClaimReport) -> str:
    return dollars(claim.charge) if claim.charge is not None else "unreadable amount"


def _verdict(claim: ClaimReport) -> Element:
    kind = "error" if claim.rejected else "ok"
    return el("span", icon(kind), claim.disposition.capitalize(), class_=f"badge {kind}")


def _entries(findings: Iterable[Finding]) -> list[_CardFinding]:
    return [_CardFinding(number, group) for number, group in enumerate(alike(findings), 1)]


def _by_cell(entries: Sequence[_CardFinding]) -> dict[tuple[int | None, str], list[_CardFinding]]:
    cells: dict[tuple[int | None, str], list[_CardFinding]] = {}
    for entry in entries[:_FINDINGS]:
        for finding in entry.findings:
            found = cells.setdefault((finding.line, _column(finding.location, finding.line)), [])
            if entry not in found:
                found.append(entry)
    return cells


def _column(location: Location | None, line: int | None) -> str:
    """Return the cell that shows what a finding points at: for what has none of its own, that of the line or claim."""
    column = "line" if line else "claim"
    if location is not None:
        place = location.element or location.segment
        if place.startswith("NM109"):
            column = _LOOPS.get(location.loop, column)
        else:
            column = next((cell for start, cell in _ELEMENTS if place.startswith(start)), column)
    shown = _COLUMNS if line else _CLAIM_CELLS
    return column if column in shown else ("line" if line else "claim")


_CLAIM_CELLS = ("claim", "charge", "place", "frequency", "diagnoses", "payer", "billing")


def _facts(kept: KeptClaim, marks: _Marks, *, several_files: bool) -> Element:
    claim, detail = kept.claim, kept.claim.detail
    file = f", input {kept.file}" if several_files else ""
    facts: list[tuple[str, Child]] = [
        ("In the file", marks.cell(None, "claim", f"claim {claim.ordinal:,}{file}")),
        ("Billed", marks.cell(None, "charge", _billed(claim))),
        ("Payer", marks.cell(None, "payer", claim.payer)),
        ("Billing NPI", marks.cell(None, "billing", claim.billing_npi)),
    ]
    if detail is not None:
        meaning = _FREQUENCIES.get(detail.frequency)
        frequency = f"{detail.frequency} ({meaning})" if meaning else detail.frequency
        facts += [
            ("Place", marks.cell(None, "place", detail.place_of_service)),
            ("Frequency", marks.cell(None, "frequency", frequency)),
            ("Diagnoses", marks.cell(None, "diagnoses", ", ".join(detail.diagnoses))),
        ]
    return el("dl", [el("div", el("dt", term), el("dd", value)) for term, value in facts], class_="facts")


def _shown(claim: ClaimReport, detail: ClaimDetail) -> list[LineDetail]:
    """Return the lines that a card shows: the first ones, those with a finding, and those that these refer to."""
    needed = {finding.line for finding in claim.findings}
    related = (each for finding in claim.findings for each in finding.related)
    needed |= {each.line for each in related if each.claim_ordinal == claim.ordinal}
    return [line for place, line in enumerate(detail.lines) if place < _LINES or line.number in needed]


def _line_anchor(anchor: str, number: int) -> str:
    return f"{anchor}-l{number}"


def _lines(claim: ClaimReport, detail: ClaimDetail, marks: _Marks) -> Child:
    shown = _shown(claim, detail)
    rows = [_row(line, marks) for line in shown]
    left = len(detail.lines) - len(shown)
    return [
        table(f"Lines of claim {_name(claim)}", tuple(_COLUMNS.values()), rows, name="lines"),
        el("p", f"{counted(left, 'line')} without a finding not shown.") if left else None,
    ]


def _row(line: LineDetail, marks: _Marks) -> list[Child]:
    first, *others = (marks.cell(line.number, name, value) for name, value in _values(line))
    return [el("span", first, id=_line_anchor(marks.anchor, line.number)), *others]


def _values(line: LineDetail) -> Iterator[tuple[str, str]]:
    """Return the cells of a line, in the order of the columns."""
    yield "line", f"{line.number}"
    yield "procedure", line.procedure
    yield "modifiers", " ".join(line.modifiers)
    yield "units", line.units if line.basis != "MJ" else f"{line.units} minutes"
    yield "charge", f"{line.charge:,.2f}" if line.charge is not None else ""
    yield "diagnoses", ", ".join(line.diagnoses)
    yield "dates", " to ".join(dict.fromkeys(f"{day}" for day in (line.first_day, line.last_day) if day is not None))
    yield "place", line.place_of_service
    yield "rendering", line.rendering_npi


def _entry(entry: _CardFinding, catalogue: Catalogue, see_also: Child) -> Child:
    first = entry.first
    title = el(
        "h4",
        el("span", f"{entry.number}", class_="number", aria_hidden="true"),
        badge(first.severity),
        " ",
        el("code", first.code),
        f" {catalogue.title(first.code, first.name)}",
    )
    why = catalogue.why(first.code)
    rows: list[tuple[str, Child]] = [("Do this", prose(first.fix))]
    if see_also:
        rows.append(("See also", see_also))
    if why:
        rows.append(("Why", prose(why)))
    if first.adjustment is not None:
        rows.append(("Payer's answer", _denial(first.adjustment)))
    if first.source is not None:
        rows.append(("Source", prose(f"{first.source.title} ({first.source.effective})")))
    rows.append(("Where", "; ".join(_place(finding) for finding in entry.findings)))
    return [
        title,
        el("p", prose(first.message), class_="message"),
        el("dl", [el("div", el("dt", term), el("dd", value), class_=_kind(term)) for term, value in rows]),
    ]


def _see_also(entry: _CardFinding, file: int, links: Container[str]) -> Child:
    """Name the places that a finding refers to, as links where they are on the page; "" for none."""
    found = related_to(entry.findings)
    named = [_related(related, entry.first, file, links) for related in found[:_RELATED]]
    left = len(found) - len(named)
    return [[("; " if place else ""), child] for place, child in enumerate(named)] + [f"; {left:,} more"] * bool(left)


def _related(related: Related, finding: Finding, file: int, links: Container[str]) -> Child:
    text = related.place(finding.claim_ordinal)
    claim = claim_anchor(file, related.claim_ordinal)
    line = [_line_anchor(claim, related.line)] if related.line else []
    target = next((each for each in (*line, claim) if each in links), None)
    return [el("a", text, href=f"#{target}") if target else text, f": {related.role}"]


def _kind(term: str) -> str | None:
    return "do" if term == "Do this" else None


def _denial(adjustment: Adjustment) -> Child:
    group = _GROUPS.get(adjustment.group)
    return [
        "Expected denial: CARC ",
        el("code", f"{adjustment.group}-{adjustment.carc}"),
        [", RARC ", el("code", adjustment.rarc)] if adjustment.rarc else None,
        f" ({group})" if group else None,
    ]


def _place(finding: Finding) -> str:
    location = finding.location
    where = [f"line {finding.line}" if finding.line else "claim"]
    if location is not None:
        where.append(location.element or location.segment)
        if location.ordinal is not None:
            where.append(f"segment {location.ordinal:,}")
        if location.offset is not None:
            where.append(f"byte {location.offset:,}")
    return ", ".join(filter(None, where))


def _suppressed(claim: ClaimReport) -> Element | None:
    if not claim.suppressed:
        return None
    entries = [
        f"{entry.finding.code}{f', line {entry.finding.line}' if entry.finding.line else ''}: {entry.reason}"
        for entry in claim.suppressed[:_FINDINGS]
    ]
    title = f"{counted(len(claim.suppressed), 'finding')} suppressed by the configuration"
    return el("div", el("p", title), el("ul", [el("li", entry) for entry in entries]), class_="suppressed")
