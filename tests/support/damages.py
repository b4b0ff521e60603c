"""Syntax errors of every kind, put into the segments of an 837P file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from scrubber.x12.segment import Delimiters

Segments = list[list[str]]
Choose = Callable[[Sequence[Any]], Any]
"""Chooses one of several values, at random or as Hypothesis wants it."""


def places(segments: Segments, *names: str) -> list[int]:
    return [place for place, segment in enumerate(segments) if segment[0] in names]


def _pick(choose: Choose, segments: Segments, *names: str) -> int | None:
    found = places(segments, *names)
    return choose(found) if found else None


def miscount(choose: Choose, segments: Segments) -> None:
    if (at := _pick(choose, segments, "SE", "GE", "IEA")) is not None and segments[at][1].isdigit():
        segments[at][1] = choose([str(int(segments[at][1]) + by) for by in (-1, 1, 7)] + ["", "X"])


def differ(choose: Choose, segments: Segments) -> None:
    if (at := _pick(choose, segments, "SE", "GE", "IEA")) is not None:
        segments[at][2] = choose([f"0{segments[at][2]}9", "9999", ""])


def lose(choose: Choose, segments: Segments) -> None:
    if (at := _pick(choose, segments, "SE", "GE", "IEA")) is not None:
        del segments[at]


def repeat(choose: Choose, segments: Segments) -> None:
    if (at := _pick(choose, segments, "SE", "GE")) is not None:
        segments.insert(at, list(segments[at]))


def renumber(choose: Choose, segments: Segments) -> None:
    """Return an envelope the control number of another of its kind."""
    kind, trailer, element = choose([("ST", "SE", 2), ("GS", "GE", 6), ("ISA", "IEA", 13)])
    headers, trailers = places(segments, kind), places(segments, trailer)
    if len(headers) > 1 and len(headers) == len(trailers):
        place = choose(range(1, len(headers)))
        segments[headers[place]][element] = segments[headers[place - 1]][element]
        segments[trailers[place]][2] = segments[trailers[place - 1]][2]


def misplace(choose: Choose, segments: Segments) -> None:
    if (at := _pick(choose, segments, "HL")) is not None:
        element = choose([1, 2, 3])
        segments[at][element] = choose({1: ["1", "", "X"], 2: ["99", "1", ""], 3: ["2Z", ""]}[element])


def lower(choose: Choose, segments: Segments) -> None:
    if (at := _pick(choose, segments, *_NAMES)) is not None:
        segments[at][0] = segments[at][0].lower()


def intrude(choose: Choose, segments: Segments) -> None:
    if (at := _pick(choose, segments, *_NAMES)) is not None:
        segments.insert(at + 1, choose([["XX1", "HC"], ["M1", "82"], ["REST OF A NOTE"], ["SV2", "1"]]))


def control(choose: Choose, segments: Segments) -> None:
    if (at := _pick(choose, segments, *_NAMES)) is not None:
        element = choose(range(1, len(segments[at])))
        segments[at][element] += choose(["\x00", "\x07", "\x7f", "\t"])


_NAMES = ("BHT", "NM1", "HL", "SBR", "CLM", "HI", "LX", "SV1", "DTP", "REF", "N4", "SE", "GE", "IEA", "ST", "GS")
DAMAGES: list[Callable[[Choose, Segments], None]] = [
    *(miscount, differ, lose, repeat, renumber, misplace, lower, intrude, control)
]


def written_of(segments: Segments, marks: list[Delimiters], line_ends: list[str]) -> bytes:
    """Write segments, each interchange in its own delimiters."""
    place, text = -1, ""
    for segment in segments:
        place = min(place + (segment[0].upper() == "ISA"), len(marks) - 1)
        text += marks[place].element.join(segment) + marks[place].segment + line_ends[place]
    return text.encode("latin-1")
