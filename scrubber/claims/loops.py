"""The TR3 loops of the segments of a claim or of a hierarchical level."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from scrubber.x12.segment import GUIDE_SEGMENTS, Loop, Segment

__all__ = [
    "CLAIM_NAMES",
    "LEVEL_NAMES",
    "LINE_NAMES",
    "OPENED_BY_NAMES",
    "OPEN_IN_CLAIM",
    "OPEN_IN_LINE",
    "Elements",
    "Named",
    "claim_loops",
    "elements_of",
    "level_loops",
    "split_names",
]

Elements = list[str]
"""A segment as its identifier, in upper case, and its elements."""

Named = Sequence[tuple[str, list[Elements]]]
"""The loops that names (NM1) open in a claim, line or level: each with its identifier and its segments."""

LEVEL_NAMES = {
    "85": "2010AA",
    "87": "2010AB",
    "PE": "2010AC",
    "IL": "2010BA",
    "PR": "2010BB",
    "QC": "2010CA",
}
CLAIM_NAMES = {
    "DN": "2310A",
    "P3": "2310A",
    "82": "2310B",
    "77": "2310C",
    "DQ": "2310D",
    "PW": "2310E",
    "45": "2310F",
}
_COVERAGE_NAMES = {
    "IL": "2330A",
    "PR": "2330B",
    "DN": "2330C",
    "P3": "2330C",
    "82": "2330D",
    "77": "2330E",
    "DQ": "2330F",
    "85": "2330G",
}
LINE_NAMES = {
    "82": "2420A",
    "QB": "2420B",
    "77": "2420C",
    "DQ": "2420D",
    "DK": "2420E",
    "DN": "2420F",
    "P3": "2420F",
    "PW": "2420G",
    "45": "2420H",
}


def level_loops(loop_id: str, segments: Iterable[Segment]) -> Loop:
    """Build the loop of a hierarchical level ("2000A", "2000B", "2000C") from its segments."""
    level = here = Loop(loop_id)
    for segment in segments:
        if segment.id == "NM1" and segment.get(1) in LEVEL_NAMES:
            here = Loop(LEVEL_NAMES[segment.get(1)])
            level.loops.append(here)
        here.segments.append(segment)
    return level


def claim_loops(segments: Iterable[Segment]) -> Loop:
    """Build loop 2300 from the segments of one claim, CLM first.

    A second SV1 without an LX before it opens a service line of its own, and so does an SV1 before any LX.  A name
    (NM1) that the guide does not know at its place stays in the loop where it is.
    """
    claim = here = parent = Loop("2300")
    names = CLAIM_NAMES
    for segment in segments:
        name = segment.id
        opens, outer = None, parent
        if name == "LX" or (name == "SV1" and not (here.id == "2400" and here.find("SV1") is None)):
            opens, outer, names = "2400", claim, LINE_NAMES
        elif name == "NM1":
            opens = names.get(segment.get(1))
        elif name == "SBR":
            opens, outer, names = "2320", claim, _COVERAGE_NAMES
        elif name in _INSIDE_LINE and parent.id == "2400":
            opens = _INSIDE_LINE[name]
        if opens is not None:
            here = Loop(opens)
            outer.loops.append(here)
            if opens in {"2320", "2400"}:
                parent = here
        here.segments.append(segment)
    return claim


_INSIDE_LINE = {"LIN": "2410", "SVD": "2430", "LQ": "2440"}

OPEN_IN_CLAIM = frozenset({"LX", "SV1", "SBR"})
OPEN_IN_LINE = frozenset({"LX", "SBR", *_INSIDE_LINE})
"""The segments besides names that open a loop in the head of a claim, and those in a service line behind its first."""

OPENED_BY_NAMES = GUIDE_SEGMENTS - OPEN_IN_CLAIM - OPEN_IN_LINE
"""The segments of a claim or line that opens no loop but by names."""


def split_names(segments: Iterable[Elements], names: Mapping[str, str]) -> tuple[list[Elements], Named]:
    """Return the segments in front of the first name (NM1) that opens a loop, and the loops with their segments."""
    own = here = list[Elements]()
    loops: list[tuple[str, list[Elements]]] = []
    for elements in segments:
        if elements[0] == "NM1" and len(elements) > 1 and elements[1] in names:
            here = list[Elements]()
            loops.append((names[elements[1]], here))
        here.append(elements)
    return own, loops


def elements_of(loop: Loop) -> list[Elements]:
    """Return the segments of a loop itself as elements."""
    return [[segment.id, *segment.elements[1:]] for segment in loop.segments]
