"""Cutting bytes into segments: nothing lost, every offset true, whatever the input."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scrubber.testing import Form, to_837p
from scrubber.x12.lexer import cut_segments
from scrubber.x12.rules import X12SyntaxError
from scrubber.x12.segment import Segment
from tests.support.damaged_files import FORMS, SHORTHAND, damaged_files


def _cut(data: bytes, chunks: Iterable[bytes] | None = None) -> tuple[list[Segment], list[X12SyntaxError]]:
    faults: list[X12SyntaxError] = []
    return list(cut_segments(chunks if chunks is not None else [data], faults.append)), faults


def _joined(segments: Iterable[Segment]) -> bytes:
    return "".join(s.lead + s.text + s.terminator for s in segments).encode("latin-1")


def _check(data: bytes) -> None:
    segments, _ = _cut(data)
    assert _joined(segments) == data
    real = [segment for segment in segments if segment.text]
    for segment in real:
        assert data[segment.offset : segment.offset + len(segment.text)].decode("latin-1") == segment.text
    ordinals = [segment.ordinal for segment in segments if segment.text or segment.terminator]
    assert ordinals == list(range(1, len(ordinals) + 1))


@given(st.binary(max_size=300))
def test_any_bytes_come_back(data: bytes) -> None:
    _check(data)


@given(damaged_files(), st.integers(1, 97))
@settings(deadline=None)
def test_damaged_files_come_back_however_they_are_read(data: bytes, size: int) -> None:
    _check(data)
    whole, faults = _cut(data)
    pieces, same_faults = _cut(data, (data[at : at + size] for at in range(0, len(data), size)))
    assert [(s.text, s.offset, s.ordinal) for s in pieces if s.text] == [
        (s.text, s.offset, s.ordinal) for s in whole if s.text
    ]
    assert [fault.rule for fault in same_faults] == [fault.rule for fault in faults]


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_every_form_is_cut_into_the_same_segments(form: Form) -> None:
    data = to_837p(SHORTHAND, form)
    _check(data)
    segments, faults = _cut(data)
    assert faults == []
    common, _ = _cut(to_837p(SHORTHAND))
    assert [s.id for s in segments if s.text] == [s.id for s in common if s.text]
    line = next(s for s in segments if s.id == "SV1" and s.get(1, 2) == "37252")
    for element, value in (
        ("SV101-2", b"37252"),
        ("SV101-3", b"LT"),
        ("SV101-4", b"59"),
        ("SV104", b"2"),
        ("SV105", b""),
    ):
        place = line.locate("2400", element)
        assert place.offset is not None
        assert place.length is not None
        assert data[place.offset : place.offset + place.length] == value


def test_an_endless_segment_is_refused_with_little_memory() -> None:
    def endless() -> Iterator[bytes]:
        yield to_837p("99213")[:150]
        for _ in range(256):
            yield b"A" * (1 << 18)

    faults: list[X12SyntaxError] = []
    tracemalloc.start()
    for _ in cut_segments(endless(), faults.append):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "segment-too-long" in [fault.rule.meta.name for fault in faults]
    assert peak < 16 << 20
