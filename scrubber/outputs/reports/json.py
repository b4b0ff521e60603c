"""The JSON report, schema version 2, and its line-by-line form.

`report.schema.json` beside this module describes it.
"""

from __future__ import annotations

import json
from decimal import Decimal
from functools import lru_cache
from json.encoder import encode_basestring_ascii as encode_string
from typing import Any, TextIO

from attrs import frozen

from scrubber.findings.finding import Adjustment, Finding, Location, Related, Severity, Source, Status
from scrubber.findings.report import AcceptedRun, ClaimReport, FileReport, Totals
from scrubber.io.spool import Spool
from scrubber.outputs.reports.base import ReportWriter, Tool, money

__all__ = ["SCHEMA_VERSION", "JsonWriter", "NdjsonWriter", "claim_object", "totals_object"]

SCHEMA_VERSION = 2
_BATCH = 200


class JsonWriter(ReportWriter):
    """Writes one JSON document for the run, one claim a line.

    The claims of a file wait, on disk when they are many, until its totals are known, which come first.
    """

    def __init__(self, out: TextIO, tool: Tool, *, color: bool = False) -> None:
        del color
        self._out = out
        self._claims = Spool()
        self._batch: list[str] = []
        self._files = 0
        self._out.write(f'{{"schema": {SCHEMA_VERSION}, "tool": {_text(_tool_object(tool))}, "files": [')

    def claim(self, path: str, claim: ClaimReport) -> None:
        """Keep the claim until its file's totals are known."""
        del path
        self._batch.append(claim_text(claim))
        if len(self._batch) >= _BATCH:
            self._keep_batch()

    def accepted(self, path: str, run: AcceptedRun) -> None:
        """Keep the claims until their file's totals are known."""
        del path
        self._batch += accepted_texts(run)
        if len(self._batch) >= _BATCH:
            self._keep_batch()

    def end_file(self, report: FileReport) -> None:
        """Write the file with its claims."""
        self._keep_batch()
        head = _text(_file_object(report))
        empty = "" if self._claims.size else "\n"
        self._out.write(f'{"," if self._files else ""}\n{head[:-1]}, "claims": [{empty}')
        self._claims.move_to(_Decoder(self._out))
        self._out.write("\n]}")
        self._files += 1

    def end(self) -> None:
        """Close the document."""
        self._out.write("\n]}\n")

    def _keep_batch(self) -> None:
        if self._batch:
            text = ",\n".join(self._batch)
            self._claims.write(f"{',' if self._claims.size else ''}\n{text}".encode("ascii"))
            self._batch.clear()


@frozen(eq=False, repr=False)
class _Decoder:
    """Takes the bytes of a spool to a text stream."""

    out: TextIO

    def write(self, data: bytes) -> None:
        self.out.write(data.decode("ascii"))


class NdjsonWriter(ReportWriter):
    """Writes one claim object a line, as it comes.

    Findings about the file itself are no claims and are not written.
    """

    def __init__(self, out: TextIO, tool: Tool, *, color: bool = False) -> None:
        del tool, color
        self._out = out

    def claim(self, path: str, claim: ClaimReport) -> None:
        """Write the claim."""
        self._out.write(f'{{"file": {encode_string(path)}, {claim_text(claim)[1:]}\n')

    def accepted(self, path: str, run: AcceptedRun) -> None:
        """Write the claims."""
        self._out.write("\n".join(accepted_texts(run, f'"file": {encode_string(path)}, ')) + "\n")

    def end_file(self, report: FileReport) -> None:
        """Write nothing: the format has claims only."""

    def end(self) -> None:
        """Write nothing."""


def _text(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=True, allow_nan=False)


def _tool_object(tool: Tool) -> dict[str, Any]:
    return {
        "name": tool.name,
        "version": tool.version,
        "plugins": [
            {"prefix": plugin.prefix, "distribution": plugin.distribution, "version": plugin.version}
            for plugin in tool.plugins
        ],
        "tables": [
            {
                "name": info.name,
                "title": info.title,
                "first_day": info.first_day.isoformat(),
                "last_day": info.last_day.isoformat(),
                "sha256": info.sha256,
            }
            for info in tool.tables
        ],
    }


def _file_object(report: FileReport) -> dict[str, Any]:
    found = {
        "path": report.path,
        "sha256": report.sha256,
        "readable": report.readable,
        "segments": report.segments,
        "interchanges": report.interchanges,
        "transactions": report.transactions,
        "totals": totals_object(report.totals),
        "notices": [{"kind": notice.kind, "message": notice.message} for notice in report.notices],
        "findings": [{"claim": None} | _finding_object(finding) for finding in report.findings],
    }
    return found if report.not_annotated is None else found | {"not_annotated": report.not_annotated}


def totals_object(totals: Totals) -> dict[str, Any]:
    """Return counts and dollars as the JSON report has them."""
    return {
        "claims": totals.claims,
        "accepted": totals.accepted,
        "rejected": totals.rejected,
        "lines": totals.lines,
        "charges": money(totals.charges),
        "accepted_charges": money(totals.accepted_charges),
        "rejected_charges": money(totals.rejected_charges),
        "at_risk": money(totals.at_risk),
    }


def claim_text(claim: ClaimReport) -> str:
    """Write one claim, as `claim_object` has it, without making an object of it."""
    charge = "null" if claim.charge is None else f'"{claim.charge:.2f}"'
    suppressed = [
        f'{{"code": {encode_string(entry.finding.code)}, "line": {_number(entry.finding.line)}, '
        f'"reason": {encode_string(entry.reason)}}}'
        for entry in claim.suppressed
    ]
    return (
        f'{{"claim": {encode_string(claim.claim)}, "ordinal": {claim.ordinal}, "disposition": "{claim.disposition}", '
        f'"charge": {charge}, "lines": {claim.lines}, "payer": {encode_string(claim.payer)}, '
        f'"billing_npi": {encode_string(claim.billing_npi)}, "at_risk": "{claim.at_risk:.2f}", '
        f'"at_risk_unpriced_lines": {claim.unpriced_lines}, '
        f'"findings": [{", ".join(map(_finding_text, claim.findings))}], "suppressed": [{", ".join(suppressed)}]}}'
    )


def accepted_texts(run: AcceptedRun, before: str = "") -> list[str]:
    """Write claims that are accepted unopened as `claim_text` does, with the keys `before` in front."""
    before = f'{{{before}"claim": '
    names: dict[tuple[str, str], str] = {}
    texts: list[str] = []
    columns = zip(run.numbers, run.charges, run.lines, run.payers, run.npis, strict=True)
    for ordinal, (number, charge, lines, payer, npi) in enumerate(columns, run.ordinal):
        named = names.get((payer, npi))
        if named is None:
            named = names[payer, npi] = (
                f'"payer": {encode_string(payer)}, "billing_npi": {encode_string(npi)}, "at_risk": "0.00", '
                '"at_risk_unpriced_lines": 0, "findings": [], "suppressed": []}'
            )
        texts.append(
            f'{before}{encode_string(number)}, "ordinal": {ordinal}, "disposition": "accepted", "charge": '
            f'"{_cents(charge)}", "lines": {lines}, {named}'
        )
    return texts


def _cents(charge: str) -> str:
    """Write a plain number of dollars with cents."""
    return f"{charge}.00" if charge.isdigit() and charge[0] != "0" else money(Decimal(charge))


def _finding_text(finding: Finding) -> str:
    """Write one finding, as `_finding_object` has it."""
    same = (finding.code, finding.name, finding.severity, finding.statuses, finding.adjustment, finding.source)
    name, denial = _constants(*same)
    return (
        f'{name}"message": {encode_string(finding.message)}, "fix": {encode_string(finding.fix)}, '
        f'"line": {_number(finding.line)}, "line_control_number": {_string(finding.line_control_number)}, '
        f'"procedure": {_string(finding.procedure)}, "location": {_location_text(finding.location)}, '
        f'{denial}"related": [{", ".join(map(_related_text, finding.related))}]}}'
    )


@lru_cache(maxsize=4096)  # a rule says the same of many claims
def _constants(
    code: str,
    name: str,
    severity: Severity,
    statuses: tuple[Status, ...],
    adjustment: Adjustment | None,
    source: Source | None,
) -> tuple[str, str]:
    """Write what findings of a rule have in common: what comes before the message, and behind the place."""
    told = Finding(code, name, severity, "", "", statuses=statuses, adjustment=adjustment, source=source)
    written = _finding_object(told)
    before = {key: written[key] for key in ("code", "name", "severity")}
    behind = {key: written[key] for key in ("status", "adjustment", "source")}
    return f"{_text(before)[:-1]}, ", f"{_text(behind)[1:-1]}, "


def _related_text(related: Related) -> str:
    return (
        f'{{"role": {encode_string(related.role)}, "claim": {_string(related.claim)}, '
        f'"ordinal": {_number(related.claim_ordinal)}, "line": {_number(related.line)}, '
        f'"procedure": {_string(related.procedure)}, "location": {_location_text(related.location)}}}'
    )


def _location_text(location: Location | None) -> str:
    if location is None:
        return "null"
    return (
        f'{{"loop": {encode_string(location.loop)}, "segment": {encode_string(location.segment)}, '
        f'"element": {_string(location.element)}, "ordinal": {_number(location.ordinal)}, '
        f'"offset": {_number(location.offset)}, "length": {_number(location.length)}}}'
    )


def _string(text: str | None) -> str:
    return "null" if text is None else encode_string(text)


def _number(number: int | None) -> str:
    return "null" if number is None else f"{number}"


def claim_object(claim: ClaimReport) -> dict[str, Any]:
    """Return one claim as the JSON report has it."""
    return {
        "claim": claim.claim,
        "ordinal": claim.ordinal,
        "disposition": claim.disposition,
        "charge": None if claim.charge is None else money(claim.charge),
        "lines": claim.lines,
        "payer": claim.payer,
        "billing_npi": claim.billing_npi,
        "at_risk": money(claim.at_risk),
        "at_risk_unpriced_lines": claim.unpriced_lines,
        "findings": [_finding_object(finding) for finding in claim.findings],
        "suppressed": [
            {"code": entry.finding.code, "line": entry.finding.line, "reason": entry.reason}
            for entry in claim.suppressed
        ],
    }


def _finding_object(finding: Finding) -> dict[str, Any]:
    adjustment, source = finding.adjustment, finding.source
    return {
        "code": finding.code,
        "name": finding.name,
        "severity": finding.severity.value,
        "message": finding.message,
        "fix": finding.fix,
        "line": finding.line,
        "line_control_number": finding.line_control_number,
        "procedure": finding.procedure,
        "location": _location_object(finding.location),
        "status": _status_object(finding.statuses),
        "adjustment": None
        if adjustment is None
        else {"group": adjustment.group, "carc": adjustment.carc, "rarc": adjustment.rarc},
        "source": None if source is None else {"title": source.title, "effective": source.effective},
        "related": [_related_object(related) for related in finding.related],
    }


def _related_object(related: Related) -> dict[str, Any]:
    return {
        "role": related.role,
        "claim": related.claim,
        "ordinal": related.claim_ordinal,
        "line": related.line,
        "procedure": related.procedure,
        "location": _location_object(related.location),
    }


def _location_object(location: Location | None) -> dict[str, Any] | None:
    if location is None:
        return None
    return {
        "loop": location.loop,
        "segment": location.segment,
        "element": location.element,
        "ordinal": location.ordinal,
        "offset": location.offset,
        "length": location.length,
    }


def _status_object(statuses: tuple[Status, ...]) -> dict[str, Any] | None:
    """Return the first status, with the others of the same STC segment as companions."""
    if not statuses:
        return None
    first, *others = (
        {"category": status.category, "code": status.code, "entity": status.entity} for status in statuses
    )
    return first | {"companions": others}
