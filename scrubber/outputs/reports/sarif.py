"""The findings as SARIF 2.1.0 (OASIS), for dashboards and pipelines that read results of static analysis."""

from __future__ import annotations

import hashlib
import json
import os
from html import escape
from pathlib import PurePath
from typing import Any, TextIO
from urllib.parse import quote

from scrubber.findings.finding import Finding, Location, Related, Severity
from scrubber.findings.report import ClaimReport, FileReport, Notice
from scrubber.findings.rule import Rule
from scrubber.outputs.reports.base import ReportWriter, Tool
from scrubber.outputs.reports.json import totals_object
from scrubber.packs.registry import Plugin

__all__ = ["SarifWriter", "artifact_uri"]

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_NOT_KNOWN = "Part of this input was not read or not judged; the answer on it is not known."
_CRASHED = "SCR901"


class SarifWriter(ReportWriter):
    """Writes one run: a result for each finding as it comes, then the inputs and how the run went.

    Findings that the configuration suppresses are suppressed results.  An input that was not completely read is a
    notification too, and makes the run unsuccessful, as a crashed edit does.  A notice is a notification about the
    configuration.
    """

    def __init__(self, out: TextIO, tool: Tool, *, color: bool = False) -> None:
        del color
        self._out = out
        self._places = {code: place for place, code in enumerate(sorted(tool.rules))}
        self._results = 0
        self._artifacts: list[dict[str, Any]] = []
        self._notifications: list[dict[str, Any]] = []
        self._notices: dict[Notice, None] = {}
        self._crashed = False
        out.write(f'{{"$schema": "{_SCHEMA}", "version": "2.1.0", "runs": [\n')
        out.write(f'{{"tool": {_text(_tool_object(tool))},\n"language": "en-US",\n"results": [')

    def claim(self, path: str, claim: ClaimReport) -> None:
        """Write a result for each finding of the claim, those that are suppressed last."""
        for finding in claim.findings:
            self._write(path, finding, [])
        for entry in claim.suppressed:
            suppression = {"kind": "external", "status": "accepted", "justification": entry.reason}
            self._write(path, entry.finding, [suppression])

    def end_file(self, report: FileReport) -> None:
        """Write a result for each finding about the file, and keep what is to be said of the input itself."""
        for finding in report.findings:
            self._write(report.path, finding, [])
        place = len(self._artifacts)
        if not report.readable:
            location = {"physicalLocation": {"artifactLocation": _artifact_location(report.path, place)}}
            self._notifications.append({"level": "error", "message": {"text": _NOT_KNOWN}, "locations": [location]})
        self._notices |= dict.fromkeys(report.notices)
        self._artifacts.append(_artifact(report))

    def end(self) -> None:
        """Write the inputs and how the run went, and close the document."""
        successful = not self._crashed and not self._notifications
        invocation: dict[str, Any] = {
            "executionSuccessful": successful,
            "toolExecutionNotifications": self._notifications,
        }
        if self._notices:
            invocation["toolConfigurationNotifications"] = list(map(_notification, self._notices))
        artifacts = ",\n".join(map(_text, self._artifacts))
        self._out.write(f'\n],\n"artifacts": [\n{artifacts}\n],\n"invocations": [{_text(invocation)}]}}\n]}}\n')

    def _write(self, path: str, finding: Finding, suppressions: list[dict[str, str]]) -> None:
        self._crashed = self._crashed or finding.code == _CRASHED
        result: dict[str, Any] = {"ruleId": finding.code}
        if finding.code in self._places:
            result["ruleIndex"] = self._places[finding.code]
        result |= {
            "level": _LEVELS[finding.severity],
            "message": _message(f"{finding.message} {finding.fix}".strip()),
            "locations": [_location_object(finding, path, len(self._artifacts))],
            "partialFingerprints": {"finding/v1": _fingerprint(finding)},
            # All results of a run have suppressions or none has.
            "suppressions": suppressions,
            "properties": _result_properties(finding),
        }
        if finding.related:
            place = len(self._artifacts)
            result["relatedLocations"] = [_related_object(each, finding, path, place) for each in finding.related]
        self._out.write(f"{',' if self._results else ''}\n{_text(result)}")
        self._results += 1


def artifact_uri(path: str) -> str:
    """Return the URI of an input: absolute (file:) for an absolute path, else relative to where the run was started."""
    pure = PurePath(path)
    escaped = quote(os.fsencode(pure.as_posix()), safe="/")
    if not pure.is_absolute():
        return escaped
    return f"file://{escaped}" if escaped.startswith("/") else f"file:///{escaped}"


def _text(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=True, allow_nan=False)


def _message(text: str) -> dict[str, str]:
    return {"text": _literal(text)}


def _literal(text: str) -> str:
    """Double the braces: single ones are placeholders in every message of SARIF."""
    return text.replace("{", "{{").replace("}", "}}")


def _markdown(**paragraphs: str) -> str:
    """Write headed paragraphs; SARIF allows no HTML in its Markdown."""
    return "\n\n".join(f"**{head}:** {escape(_literal(text), quote=False)}" for head, text in paragraphs.items())


# -- tool and rules -------------------------------------------------------------------------------------------------


def _tool_object(tool: Tool) -> dict[str, Any]:
    driver = {
        "name": tool.name,
        "version": tool.version,
        "rules": [_rule_object(tool.rules[code]) for code in sorted(tool.rules)],
        "properties": {
            "tables": [
                {
                    "name": info.name,
                    "title": info.title,
                    "firstDay": info.first_day.isoformat(),
                    "lastDay": info.last_day.isoformat(),
                    "sha256": info.sha256,
                }
                for info in tool.tables
            ]
        },
    }
    return {"driver": driver, "extensions": [_extension(plugin) for plugin in tool.plugins]}


def _extension(plugin: Plugin) -> dict[str, Any]:
    name = f"{plugin.distribution} {plugin.prefix}"
    return {"name": name, "properties": {"prefix": plugin.prefix}} | (
        {"version": plugin.version} if plugin.version else {}
    )


def _rule_object(rule: type[Rule]) -> dict[str, Any]:
    meta, told = rule.meta, rule.documentation()
    sources = "; ".join(f"{source.title} ({source.effective})" for source in meta.sources)
    return {
        "id": meta.code,
        "name": meta.name,
        "shortDescription": _message(meta.title),
        "fullDescription": _message(f"{told.what} {told.why}"),
        "help": _message(f"{told.fix} Source: {sources}.")
        | {"markdown": _markdown(Fix=told.fix, Why=told.why, Source=sources)},
        "defaultConfiguration": {"level": _LEVELS[meta.severity]},
        "properties": {
            "statuses": [str(status) for status in meta.statuses],
            "adjustment": str(meta.adjustment) if meta.adjustment is not None else None,
            "mandatory": meta.mandatory,
            "since": meta.since,
            "stage": meta.stage.value,
        },
    }


# -- results --------------------------------------------------------------------------------------------------------


def _related_object(related: Related, finding: Finding, path: str, place: int) -> dict[str, Any]:
    properties = {
        "role": related.role,
        "claim": related.claim,
        "claimOrdinal": related.claim_ordinal,
        "line": related.line,
        "procedure": related.procedure,
    }
    message = {"message": _message(related.in_words(finding.claim_ordinal)), "properties": properties}
    return _location_object(related, path, place) | message


def _location_object(finding: Finding | Related, path: str, place: int) -> dict[str, Any]:
    physical: dict[str, Any] = {"artifactLocation": _artifact_location(path, place)}
    location = finding.location
    if location is not None and location.offset is not None:
        physical["region"] = {"byteOffset": location.offset, "byteLength": location.length or 0}
    found = {"physicalLocation": physical}
    logical = _logical_location(finding, location)
    return found | {"logicalLocations": [logical]} if logical is not None else found


def _artifact_location(path: str, place: int) -> dict[str, Any]:
    return {"uri": artifact_uri(path), "index": place}


def _logical_location(finding: Finding | Related, location: Location | None) -> dict[str, str] | None:
    """Name the place in field terms: claim, line, loop, segment, element."""
    steps = [
        ("claim", f"claim {finding.claim_ordinal}" if finding.claim_ordinal else ""),
        ("line", f"line {finding.line}" if finding.line else ""),
    ]
    if location is not None:
        steps += [("loop", location.loop), ("segment", location.segment), ("element", location.element or "")]
    taken = [(kind, name) for kind, name in steps if name]
    if not taken:
        return None
    kind, name = taken[-1]
    return {"name": name, "fullyQualifiedName": "/".join(name for _, name in taken), "kind": kind}


def _fingerprint(finding: Finding) -> str:
    """Return what stays the same when the claim is sent again in another file or at another place."""
    element = finding.location.element if finding.location is not None else None
    parts = [finding.code, finding.claim, finding.line, finding.procedure, element]
    return hashlib.sha256(json.dumps(parts).encode("ascii")).hexdigest()


def _result_properties(finding: Finding) -> dict[str, Any]:
    location, adjustment, source = finding.location, finding.adjustment, finding.source
    return {
        "claim": finding.claim,
        "claimOrdinal": finding.claim_ordinal,
        "line": finding.line,
        "lineControlNumber": finding.line_control_number,
        "procedure": finding.procedure,
        "segmentOrdinal": location.ordinal if location is not None else None,
        "fix": finding.fix,
        "statuses": [str(status) for status in finding.statuses],
        "adjustment": str(adjustment) if adjustment is not None else None,
        "source": f"{source.title} ({source.effective})" if source is not None else None,
    }


def _notification(notice: Notice) -> dict[str, Any]:
    return {"level": "warning", "descriptor": {"id": notice.kind}, "message": _message(notice.message)}


# -- inputs ---------------------------------------------------------------------------------------------------------


def _artifact(report: FileReport) -> dict[str, Any]:
    found: dict[str, Any] = {
        "location": {"uri": artifact_uri(report.path)},
        "roles": ["analysisTarget"],
        "mimeType": "application/EDI-X12",
    }
    if report.sha256:
        found["hashes"] = {"sha-256": report.sha256}
    return found | {"properties": {"readable": report.readable, "totals": totals_object(report.totals)}}
