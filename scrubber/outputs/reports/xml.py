"""The annotated claim tree in XML: what each claim bills, in field terms, with the findings where they are.

`report.xsd` beside this module describes it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from datetime import date
from decimal import Decimal
from typing import BinaryIO, TypeAlias, cast

from lxml import etree

from scrubber.findings.finding import Finding, Location, Related
from scrubber.findings.report import ClaimDetail, ClaimReport, Detail, FileReport, LineDetail, SuppressedFinding, Totals
from scrubber.io.stderr import printable
from scrubber.outputs.reports.base import Outlet, ReportWriter, Tool, money
from scrubber.x12.values import parse_number

__all__ = ["NAMESPACE", "SCHEMA_VERSION", "XmlWriter"]

SCHEMA_VERSION = 2
NAMESPACE = f"urn:x12-claim-scrubber:report:{SCHEMA_VERSION}"
_NAMESPACES = cast("Mapping[str, str]", {None: NAMESPACE})  # lxml's stubs do not know the default namespace

Element: TypeAlias = etree._Element  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - lxml has no other name
Value = str | int | bool | Decimal | date | Iterable[str] | None


class XmlWriter(ReportWriter):
    """Writes one document for the run, claim by claim as they come; the summary of a file is at its end.

    What is not printable (control characters in CLM01) becomes U+FFFD.
    """

    binary = True
    detail = Detail.ALL

    def __init__(self, out: BinaryIO, tool: Tool, *, color: bool = False) -> None:
        del color
        self._out = Outlet(out)
        self._document = etree.xmlfile(self._out, encoding="utf-8")
        self._xml = self._document.__enter__()
        self._xml.write_declaration()
        self._root = self._xml.element(_name("report"), {"schema": str(SCHEMA_VERSION)}, nsmap=_NAMESPACES)
        self._root.__enter__()
        self._xml.write("\n")
        self._file: AbstractContextManager[object] | None = None
        self._write(_tool(tool))

    def claim(self, path: str, claim: ClaimReport) -> None:
        """Write the claim with its lines and findings."""
        self._open_file(path)
        self._write(_claim(claim))

    def end_file(self, report: FileReport) -> None:
        """Write the findings about the file and its summary."""
        file = self._open_file(report.path)
        for notice in report.notices:
            self._write(_element("notice", [_prose("message", notice.message)], kind=notice.kind))
        for finding in report.findings:
            self._write(_finding(finding))
        self._write(_summary(report))
        file.__exit__(None, None, None)
        self._xml.write("\n")
        self._file = None

    def end(self) -> None:
        """Close the document."""
        self._root.__exit__(None, None, None)
        self._document.__exit__(None, None, None)
        self._out.check()
        self._out.write(b"\n")

    def _open_file(self, path: str) -> AbstractContextManager[object]:
        if self._file is not None:
            return self._file
        file: AbstractContextManager[object] = self._xml.element(_name("file"), {"path": printable(path)})
        file.__enter__()
        self._xml.write("\n")
        self._file = file
        return file

    def _write(self, element: Element) -> None:
        self._xml.write(element, pretty_print=True)


def _name(tag: str) -> str:
    return f"{{{NAMESPACE}}}{tag}"


def _element(tag: str, content: Iterable[Element] = (), **attributes: Value) -> Element:
    """Make an element; an attribute `first_day` is named first-day, and one without a value is left out.

    It declares the namespace itself, though the root has done so: that is how lxml writes a tree into a document.
    """
    texts = {name.replace("_", "-"): text for name, value in attributes.items() if (text := _text(value))}
    element = etree.Element(_name(tag), texts, nsmap=_NAMESPACES)
    element.extend(content)
    return element


def _prose(tag: str, text: str) -> Element:
    element = etree.Element(_name(tag))
    element.text = printable(text)
    return element


def _text(value: Value) -> str:
    if value is None or isinstance(value, str):
        return printable(value or "")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, int) else " ".join(value)


def _dollars(amount: Decimal | None) -> str | None:
    return None if amount is None else money(amount)


def _tool(tool: Tool) -> Element:
    plugins = (
        _element("plugin", prefix=plugin.prefix, distribution=plugin.distribution, version=plugin.version)
        for plugin in tool.plugins
    )
    tables = (
        _element(
            "table",
            name=info.name,
            title=info.title,
            first_day=info.first_day,
            last_day=info.last_day,
            sha256=info.sha256,
        )
        for info in tool.tables
    )
    return _element("tool", (*plugins, *tables), name=tool.name, version=tool.version)


def _claim(claim: ClaimReport) -> Element:
    detail = claim.detail or ClaimDetail("", "", (), ())
    standing: defaultdict[int, list[Finding]] = defaultdict(list)
    for finding in claim.findings:
        standing[finding.line or 0].append(finding)
    about_claim = standing.pop(0, [])
    lines: dict[int, LineDetail | None] = dict.fromkeys(standing) | {line.number: line for line in detail.lines}
    return _element(
        "claim",
        (
            *map(_finding, about_claim),
            *map(_suppressed, claim.suppressed),
            *(_line(number, lines[number], standing.get(number, ())) for number in sorted(lines)),
        ),
        number=claim.claim,
        ordinal=claim.ordinal,
        disposition=claim.disposition,
        charge=_dollars(claim.charge),
        lines=claim.lines,
        payer=claim.payer,
        billing_npi=claim.billing_npi,
        at_risk=money(claim.at_risk),
        at_risk_unpriced_lines=claim.unpriced_lines,
        place_of_service=detail.place_of_service,
        frequency=detail.frequency,
        diagnoses=detail.diagnoses,
    )


def _line(number: int, line: LineDetail | None, findings: Iterable[Finding]) -> Element:
    content = map(_finding, findings)
    if line is None:
        return _element("line", content, number=number)
    return _element(
        "line",
        content,
        number=number,
        procedure=line.procedure,
        modifiers=line.modifiers,
        units=parse_number(line.units),
        basis=line.basis,
        charge=_dollars(line.charge),
        place_of_service=line.place_of_service,
        first_day=line.first_day,
        last_day=line.last_day,
        diagnoses=line.diagnoses,
        rendering_npi=line.rendering_npi,
    )


def _finding(finding: Finding) -> Element:
    content = [_prose("message", finding.message), _prose("fix", finding.fix)]
    if finding.location is not None:
        content.append(_location(finding.location))
    content += [
        _element("status", category=status.category, code=status.code, entity=status.entity)
        for status in finding.statuses
    ]
    if finding.adjustment is not None:
        denial = finding.adjustment
        content.append(_element("adjustment", group=denial.group, carc=denial.carc, rarc=denial.rarc))
    if finding.source is not None:
        content.append(_element("source", title=finding.source.title, effective=finding.source.effective))
    content += map(_related, finding.related)
    return _element(
        "finding",
        content,
        code=finding.code,
        name=finding.name,
        severity=finding.severity.value,
        line_control_number=finding.line_control_number,
        procedure=finding.procedure,
    )


def _related(related: Related) -> Element:
    return _element(
        "related",
        [_location(related.location)] if related.location is not None else (),
        role=related.role,
        number=related.claim,
        ordinal=related.claim_ordinal,
        line=related.line,
        procedure=related.procedure,
    )


def _location(location: Location) -> Element:
    return _element(
        "location",
        loop=location.loop,
        segment=location.segment,
        element=location.element,
        ordinal=location.ordinal,
        offset=location.offset,
        length=location.length,
    )


def _suppressed(entry: SuppressedFinding) -> Element:
    return _element("suppressed", code=entry.finding.code, line=entry.finding.line, reason=entry.reason)


def _summary(report: FileReport) -> Element:
    return _element(
        "summary",
        [_totals(report.totals)],
        sha256=report.sha256,
        readable=report.readable,
        segments=report.segments,
        interchanges=report.interchanges,
        transactions=report.transactions,
        not_annotated=report.not_annotated,
    )


def _totals(totals: Totals) -> Element:
    return _element(
        "totals",
        claims=totals.claims,
        accepted=totals.accepted,
        rejected=totals.rejected,
        lines=totals.lines,
        charges=money(totals.charges),
        accepted_charges=money(totals.accepted_charges),
        rejected_charges=money(totals.rejected_charges),
        at_risk=money(totals.at_risk),
    )
