"""What a scrub can be answered with, and which of it a request asks for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isfinite

from attrs import frozen

from scrubber.server.problems import Problem, Problems

__all__ = ["BODY_TYPES", "EDI", "RETURNS", "Return", "choose_return"]

EDI = "application/edi-x12"
BODY_TYPES = (EDI, "application/octet-stream")
"""The media types of a body.  text/plain is none: a web page can send it anywhere without being asked."""


@frozen
class Return:
    """One form of answer.  `target` is the file of `scrubber.outputs.output_set.Targets` it is, None for a report."""

    name: str
    media_type: str
    target: str | None = None


RETURNS = {
    found.name: found
    for found in (
        Return("json", "application/json"),
        Return("ndjson", "application/x-ndjson"),
        Return("277ca", EDI, "ack277"),
        Return("999", EDI, "ack999"),
        Return("annotated", EDI, "annotated"),
        Return("clean", EDI, "clean"),
        Return("rejected", EDI, "rejected"),
    )
}
"""By name, in the order in which they are preferred where a request leaves a choice."""


@frozen
class _Range:
    """One media range of an Accept header."""

    media_type: str
    profile: str | None
    quality: float

    def covers(self, found: Return) -> bool:
        if self.profile not in (None, found.name):
            return False
        return self.media_type in ("*/*", found.media_type, found.media_type.partition("/")[0] + "/*")

    @property
    def precision(self) -> tuple[bool, bool, bool]:
        """How closely it names what it covers; the most precise range that covers something is what counts for it."""
        return self.media_type != "*/*", not self.media_type.endswith("/*"), self.profile is not None


def choose_return(query: Sequence[tuple[str, str]], accept: str) -> Return:
    """Return what is asked for: the `return` parameter, else what the Accept header likes best, JSON for anything.

    Raises Problem for another parameter, an unknown or repeated `return`, and when nothing acceptable can be given.
    """
    if any(name != "return" for name, _ in query):
        raise Problem(Problems.BAD_PARAMETER, "The only query parameter is return.")
    if len(query) > 1 or any(value not in RETURNS for _, value in query):
        raise Problem(Problems.BAD_PARAMETER, f"return is one of {', '.join(RETURNS)}, given once.")
    if query:
        return RETURNS[query[0][1]]
    ranges = list(_ranges(accept or "*/*"))
    liked = max(RETURNS.values(), key=lambda found: _liking(found, ranges))
    if _liking(liked, ranges)[0] > 0:
        return liked
    raise Problem(
        Problems.NOT_ACCEPTABLE,
        f"Accept application/json, application/x-ndjson or {EDI} (with profile=277ca, 999, annotated, clean or"
        " rejected; 277ca without).",
    )


def _liking(found: Return, ranges: Sequence[_Range]) -> tuple[float, int]:
    """Return the client's preference for a form: its q-value, then the position of the media range that covers it."""
    covering = [(wanted.precision, -place, wanted) for place, wanted in enumerate(ranges) if wanted.covers(found)]
    if not covering:
        return 0.0, 0
    _, place, wanted = max(covering, key=lambda entry: entry[:2])
    return wanted.quality, place


def _ranges(accept: str) -> Iterator[_Range]:
    for entry in accept.split(","):
        media_type, *parameters = (part.strip().lower() for part in entry.split(";"))
        values = {
            name.strip(): value.strip().strip('"') for name, _, value in (part.partition("=") for part in parameters)
        }
        try:
            quality = float(values.get("q", "1"))
        except ValueError:
            quality = 0.0
        if media_type:
            yield _Range(media_type, values.get("profile"), quality if isfinite(quality) else 0.0)
