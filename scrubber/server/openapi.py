"""The description of the API, OpenAPI 3.1, made of the same lists that the routes work by."""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib.resources import files
from typing import Any

from scrubber.server.problems import MEDIA_TYPE, ProblemKind, Problems
from scrubber.server.representations import BODY_TYPES, EDI, RETURNS
from scrubber.version import __version__

__all__ = ["describe_api"]

Json = dict[str, Any]

_COUNT: Json = {"schema": {"type": "integer", "minimum": 0}}
_HEADERS: Json = {
    "X-Scrubber-Disposition": {
        "description": "accepted: every claim; rejected: every claim; mixed: some claims are rejected, or the file has"
        " an error of its own; unknown: it was not judged as a whole.",
        "required": True,
        "schema": {"enum": ["accepted", "rejected", "mixed", "unknown"]},
    },
    "X-Scrubber-Claims": {"description": "Claims judged.", "required": True, **_COUNT},
    "X-Scrubber-Accepted": {"description": "Claims without an error.", "required": True, **_COUNT},
    "X-Scrubber-Rejected": {"description": "Claims with an error.", "required": True, **_COUNT},
    "X-Scrubber-Exit-Code": {
        "description": "What `scrubber scrub` would have ended with.",
        "required": True,
        "schema": {"type": "integer", "enum": [0, 1, 3, 4]},
    },
    "X-Scrubber-Not-Annotated": {"description": "Lines and claims without room for their note.", **_COUNT},
    "Idempotency-Replayed": {"description": "The answer was given before.", "schema": {"const": "true"}},
}


def describe_api(max_bytes: int, *, secured: bool) -> Json:
    """Describe the API of a server that takes bodies of up to `max_bytes` and, when `secured`, wants a token."""
    description: Json = {
        "openapi": "3.1.0",
        "info": {
            "title": "x12-claim-scrubber",
            "version": __version__,
            "summary": "Finds the reasons an 837P claim will be denied, before it is sent.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "paths": {
            "/v1/scrub": {"post": _scrub(max_bytes)},
            "/v1/edits": {"get": _get("listEdits", "The catalogue of edits.", _json(_catalogue()), guarded=True)},
            "/healthz": {"get": _get("isAlive", "Whether the server lives.", _json(_status("alive")))},
            "/readyz": {"get": _readiness()},
            "/metrics": {
                "get": _get(
                    "getMetrics", "Counts for Prometheus.", {"text/plain": {"schema": {"type": "string"}}}, guarded=True
                )
            },
            "/openapi.json": {"get": _get("describe", "This description.", _json({"type": "object"}))},
        },
        "components": {
            "schemas": {"Problem": _problem_schema(), **_report_schemas()},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }
    if not secured:
        return _without_security(description)
    return description


def _scrub(max_bytes: int) -> Json:
    kinds = [
        kind
        for kind in Problems.all()
        if kind not in (Problems.NOT_FOUND, Problems.METHOD_NOT_ALLOWED, Problems.EDIT_CRASHED, Problems.UNREADABLE)
    ]
    binary: Json = {"schema": {"type": "string", "format": "binary", "minLength": 1, "maxLength": max_bytes}}
    return {
        "operationId": "scrub",
        "summary": "Judge the claims of an 837P.",
        "description": "The body is taken as a stream.  A rejected claim is no failure: the status is 200, and the"
        f" headers X-Scrubber-* tell what came of it.  The limit is {max_bytes} bytes.",
        "parameters": _parameters(),
        "requestBody": {"required": True, "content": dict.fromkeys(BODY_TYPES, binary)},
        "security": [{"token": []}],
        "responses": {
            "200": {
                "description": "The report, or the file that was asked for.  An input that could not be read as a whole"
                " has a report that says so (readable is false).",
                "headers": _HEADERS,
                "content": {
                    **_json({"$ref": "#/components/schemas/Report"}),
                    "application/x-ndjson": {"schema": {"type": "string"}},
                    EDI: {"schema": {"type": "string", "format": "binary"}},
                },
            },
            "204": {"description": "There is no such file, as no claim is rejected.", "headers": _HEADERS},
            **_problems(kinds, with_report=(Problems.EDIT_CRASHED, Problems.UNREADABLE)),
        },
    }


def _parameters() -> list[Json]:
    profiles = ", ".join(found.name for found in RETURNS.values() if found.media_type == EDI)
    return [
        {
            "name": "return",
            "in": "query",
            "description": "What to answer with; comes before Accept.",
            "schema": {"type": "string", "enum": list(RETURNS)},
        },
        {
            "name": "Idempotency-Key",
            "in": "header",
            "description": "A name for this request: sent again, it gets the answer it got before.",
            "schema": {"type": "string", "pattern": "^[\\x21-\\x7e]{1,255}$"},
        },
        # OpenAPI lets a parameter named Accept be ignored: its values are in the description only.
        {
            "name": "Accept",
            "in": "header",
            "description": f"application/json, application/x-ndjson, or {EDI} with profile={profiles}; 277ca without.",
            "schema": {"type": "string"},
        },
    ]


def _get(operation: str, summary: str, content: Json, *, guarded: bool = False) -> Json:
    responses: Json = {"200": {"description": summary, "content": content}}
    if guarded:
        responses |= _problems([Problems.UNAUTHORIZED])
    return {
        "operationId": operation,
        "summary": summary,
        "security": [{"token": []}] if guarded else [],
        "responses": responses,
    }


def _readiness() -> Json:
    operation = _get("isReady", "Whether the server can judge: workers live, temporary files can be written.", {})
    operation["responses"]["200"]["content"] = _json(_status("ready"))
    operation["responses"] |= _problems([Problems.NOT_READY, Problems.STORAGE])
    return operation


def _problems(kinds: Iterable[ProblemKind], with_report: Iterable[ProblemKind] = ()) -> Json:
    """Describe the problems by status."""
    by_status: dict[str, list[ProblemKind]] = {}
    for kind in (*kinds, *with_report):
        by_status.setdefault(str(kind.status), []).append(kind)
    reported = {kind.status for kind in with_report}
    return {
        status: {
            "description": "; ".join(f"{kind.name}: {kind.title}" for kind in same)
            + ("; with the JSON report as member `report`" if int(status) in reported else ""),
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status, same in sorted(by_status.items())
    }


def _problem_schema() -> Json:
    return {
        "type": "object",
        "description": "RFC 9457.",
        "required": ["type", "title", "status", "detail", "instance"],
        "properties": {
            "type": {"enum": [kind.uri for kind in Problems.all()]},
            "title": {"type": "string"},
            "status": {"enum": sorted({kind.status for kind in Problems.all()})},
            "detail": {"type": "string"},
            "instance": {"type": "string", "pattern": "^urn:uuid:"},
            "max_bytes": {"type": "integer"},
            "report": {"$ref": "#/components/schemas/Report"},
        },
    }


def _report_schemas() -> Json:
    """Return the schema of the JSON report and its parts as components, for tools that do not follow $id."""
    text = files("scrubber.outputs.reports").joinpath("report.schema.json").read_text(encoding="utf-8")
    schema: Json = json.loads(text.replace('"#/$defs/', '"#/components/schemas/report.'))
    parts = {f"report.{name}": part for name, part in schema.pop("$defs").items()}
    for keyword in ("$schema", "$id"):
        schema.pop(keyword)
    return {"Report": schema, **parts}


def _catalogue() -> Json:
    texts = ("code", "name", "title", "scope", "plugin", "version")
    return {
        "type": "array",
        "items": {
            "type": "object",
            "required": [*texts, "severity"],
            "properties": {
                **{name: {"type": "string"} for name in texts},
                "severity": {"enum": ["error", "warning", "info"]},
            },
        },
    }


def _status(word: str) -> Json:
    return {"type": "object", "required": ["status"], "properties": {"status": {"const": word}}}


def _json(schema: Json) -> Json:
    return {"application/json": {"schema": schema}}


def _without_security(description: Json) -> Json:
    """Leave out what a server without tokens does not ask for."""
    for path in description["paths"].values():
        for operation in path.values():
            operation["security"] = []
            operation["responses"].pop("401", None)
    return description
