"""What can go wrong with a request, as RFC 9457 problem details."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from attrs import frozen

__all__ = ["MEDIA_TYPE", "Problem", "ProblemKind", "Problems"]

MEDIA_TYPE = "application/problem+json"

_TYPE = "urn:x12-claim-scrubber:problem:"


@frozen
class ProblemKind:
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

    BAD_PARAMETER = ProblemKind("bad-parameter", 400, "A query parameter or header cannot be used")
    EMPTY_BODY = ProblemKind("empty-body", 400, "The body is empty")
    UNAUTHORIZED = ProblemKind("unauthorized", 401, "A bearer token is needed")
    NOT_FOUND = ProblemKind("not-found", 404, "There is nothing at this path")
    METHOD_NOT_ALLOWED = ProblemKind("method-not-allowed", 405, "The path does not take this method")
    NOT_ACCEPTABLE = ProblemKind("not-acceptable", 406, "None of the accepted media types can be given")
    BODY_TIMEOUT = ProblemKind("body-timeout", 408, "The body stopped coming")
    KEY_IN_USE = ProblemKind("key-in-use", 409, "A request with this Idempotency-Key is being worked on")
    TOO_LARGE = ProblemKind("too-large", 413, "The body is too large")
    UNSUPPORTED_MEDIA_TYPE = ProblemKind("unsupported-media-type", 415, "The body is of a media type that is not taken")
    UNREADABLE = ProblemKind("unreadable-input", 422, "The input could not be completely read as an 837P")
    KEY_REUSED = ProblemKind("key-reused", 422, "This Idempotency-Key was used for another request")
    BUSY = ProblemKind("busy", 429, "Too many requests are waiting")
    INTERNAL_FAULT = ProblemKind("internal-fault", 500, "Internal fault")
    EDIT_CRASHED = ProblemKind("edit-crashed", 500, "An edit crashed (SCR901)")
    NOT_READY = ProblemKind("not-ready", 503, "The server is not ready")
    WORKER_DIED = ProblemKind("worker-died", 503, "The process that judged the input ended")
    TIME_LIMIT = ProblemKind("time-limit", 503, "The input took too long to judge")
    STORAGE = ProblemKind("storage", 503, "The server cannot write its temporary files")

    @classmethod
    def all(cls) -> list[ProblemKind]:
        """Return every kind, by status."""
        kinds = [kind for kind in vars(cls).values() if isinstance(kind, ProblemKind)]
        return sorted(kinds, key=lambda kind: kind.status)


class Problem(Exception):  # noqa: N818 - the word of RFC 9457
    """A request that is not answered as asked.  `detail` never holds anything the client sent."""

    def __init__(
        self, kind: ProblemKind, detail: str, headers: Mapping[str, str] | None = None, **members: Any
    ) -> None:
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
