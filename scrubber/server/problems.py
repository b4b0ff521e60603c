"""What can go wrong with a request, as RFC 9457 problem details."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from attrs import frozen

__all__ = ["MEDIA_TYPE", "Kind", "Problem", "Problems"]

MEDIA_TYPE = "application/problem+json"

_TYPE = "urn:x12-claim-scrubber:problem:"


@frozen
class Kind:
    """One kind of problem: the last part of its `type`, the status it is answered with, and its title."""

    name: str
    status: int
    title: str

    @property
    def uri(self) -> str:
        """The `type` of its problem documents."""
        return _TYPE + self.name


class Problems:
    """All kinds of problems."""

    BAD_PARAMETER = Kind("bad-parameter", 400, "A query parameter or header cannot be used")
    EMPTY_BODY = Kind("empty-body", 400, "The body is empty")
    UNAUTHORIZED = Kind("unauthorized", 401, "A bearer token is needed")
    NOT_FOUND = Kind("not-found", 404, "There is nothing at this path")
    METHOD_NOT_ALLOWED = Kind("method-not-allowed", 405, "The path does not take this method")
    NOT_ACCEPTABLE = Kind("not-acceptable", 406, "None of the accepted media types can be given")
    BODY_TIMEOUT = Kind("body-timeout", 408, "The body stopped coming")
    KEY_IN_USE = Kind("key-in-use", 409, "A request with this Idempotency-Key is being worked on")
    TOO_LARGE = Kind("too-large", 413, "The body is too large")
    UNSUPPORTED_MEDIA_TYPE = Kind("unsupported-media-type", 415, "The body is of a media type that is not taken")
    UNREADABLE = Kind("unreadable-input", 422, "The input could not be read as a whole as 837P")
    KEY_REUSED = Kind("key-reused", 422, "This Idempotency-Key was used for another request")
    BUSY = Kind("busy", 429, "Too many requests are waiting")
    INTERNAL_FAULT = Kind("internal-fault", 500, "Internal fault")
    EDIT_CRASHED = Kind("edit-crashed", 500, "An edit crashed (SCR901)")
    NOT_READY = Kind("not-ready", 503, "The server is not ready")
    WORKER_DIED = Kind("worker-died", 503, "The process that judged the input ended")
    TIME_LIMIT = Kind("time-limit", 503, "The input took too long to judge")
    STORAGE = Kind("storage", 503, "The server cannot write its temporary files")

    @classmethod
    def all(cls) -> list[Kind]:
        """Return every kind, by status."""
        return sorted((kind for kind in vars(cls).values() if isinstance(kind, Kind)), key=lambda kind: kind.status)


class Problem(Exception):  # noqa: N818 - the word of RFC 9457
    """A request that is not answered as asked.  `detail` never holds anything the client sent."""

    def __init__(self, kind: Kind, detail: str, headers: Mapping[str, str] | None = None, **members: Any) -> None:
        super().__init__(kind.name)
        self.kind = kind
        self.detail = detail
        self.headers = dict(headers or {})
        self.members = members

    def document(self, request_id: str) -> bytes:
        """Write the problem details; `instance` is the request as the log names it."""
        return json.dumps(
            {
                "type": self.kind.uri,
                "title": self.kind.title,
                "status": self.kind.status,
                "detail": self.detail,
                "instance": f"urn:uuid:{request_id}",
                **self.members,
            }
        ).encode("ascii")
