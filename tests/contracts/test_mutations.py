"""Real-shaped files that have been damaged at segment, element or byte level: what must be true of any bytes.

HYPOTHESIS_PROFILE=long runs many more.
"""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.targets import scrub
from scrubber import UnreadableError, iter_claims
from scrubber.claims.raw_claim import RawClaim
from scrubber.claims.reader import Reader
from scrubber.io.source import open_source
from scrubber.testing import to_837p
from scrubber.x12.lexer import cut_segments
from tests.support.shapes import Made, files, make

_CASES = (
    "37238\n36012\n37252 desc='LEFT CIV'",
    "claim A patient=M1\n37252\nclaim B patient=M1\n37238\n37253 x2\nclaim C patient=M2\n99213",
    "37191\n37252\n37253-50",
)
_WORDS = (
    b"",
    b"0",
    b"-1",
    b"9" * 19,
    b"1E9",
    b"20240230",
    b"37252",
    b"837",
    b"CLM",
    b"ISA",
    b"A" * 300,
    b"\xff\x00",
    b"\r\n",
)


def _shorthand(case: str) -> bytes:
    return to_837p(case)


whole = st.one_of(files.map(lambda found: make(*found).data), st.sampled_from(_CASES).map(_shorthand))
"""Files in order, of any shape."""


def _marks(data: bytes) -> tuple[bytes, bytes]:
    """The terminator of segments and the separator of elements of a file in order."""
    return data[105:106], data[3:4]


@st.composite
def of_segments(draw: st.DrawFn) -> bytes:
    """A file whose segments are dropped, repeated, exchanged, moved, or come from another file."""
    data = draw(whole)
    terminator, _ = _marks(data)
    segments = data.split(terminator)
    for _ in range(draw(st.integers(1, 4))):
        place, other = (draw(st.integers(0, len(segments) - 1)) for _ in range(2))
        match draw(st.sampled_from(("drop", "repeat", "exchange", "move", "splice"))):
            case "drop" if len(segments) > 1:
                del segments[place]
            case "repeat":
                segments.insert(place, segments[other])
            case "exchange":
                segments[place], segments[other] = segments[other], segments[place]
            case "move":
                segments.insert(min(other, len(segments) - 1), segments.pop(place))
            case _:
                donor = draw(whole)
                taken = donor.split(_marks(donor)[0])
                start = draw(st.integers(0, len(taken) - 1))
                segments[place:place] = taken[start : start + draw(st.integers(1, 12))]
    return terminator.join(segments)


@st.composite
def of_elements(draw: st.DrawFn) -> bytes:
    """A file whose elements are empty, overlong, of another type, exchanged, or hold delimiters."""
    data = draw(whole)
    terminator, separator = _marks(data)
    segments = data.split(terminator)
    for _ in range(draw(st.integers(1, 5))):
        place = draw(st.integers(0, len(segments) - 1))
        elements = segments[place].split(separator)
        which, other = (draw(st.integers(0, len(elements) - 1)) for _ in range(2))
        match draw(st.sampled_from(("word", "exchange", "delimiter", "surplus"))):
            case "word":
                elements[which] = draw(st.sampled_from(_WORDS))
            case "exchange":
                elements[which], elements[other] = elements[other], elements[which]
            case "delimiter":
                elements[which] += draw(st.sampled_from((separator, terminator, data[104:105], data[82:83])))
            case _:
                elements += [elements[which]] * draw(st.integers(1, 30))
        segments[place] = separator.join(elements)
    return terminator.join(segments)


@st.composite
def of_bytes(draw: st.DrawFn) -> bytes:
    """A file whose bytes are changed, inserted or cut out, or that ends anywhere."""
    data = bytearray(draw(whole))
    for _ in range(draw(st.integers(1, 5))):
        place = draw(st.integers(0, len(data)))
        match draw(st.sampled_from(("flip", "insert", "cut", "end"))):
            case "flip" if place < len(data):
                data[place] ^= 1 << draw(st.integers(0, 7))
            case "insert":
                data[place:place] = draw(st.binary(min_size=1, max_size=8))
            case "cut":
                del data[place : place + draw(st.integers(1, 40))]
            case _:
                del data[place:]
    return bytes(data)


@st.composite
def of_one_place(draw: st.DrawFn) -> tuple[Made, bytes]:
    """A file in order, and the same with one byte, element or segment changed, dropped or moved."""
    made = make(*draw(files))
    data = made.data
    terminator, separator = _marks(data)
    segments = data.split(terminator)
    place, other = (draw(st.integers(0, len(segments) - 1)) for _ in range(2))
    match draw(st.sampled_from(("byte", "word", "drop", "move"))):
        case "byte":
            start = draw(st.integers(0, len(data) - 1))
            mark = st.sampled_from((terminator, separator, data[104:105], data[82:83]))
            return made, data[:start] + draw(st.one_of(mark, st.binary(max_size=2))) + data[start + 1 :]
        case "word":
            elements = segments[place].split(separator)
            elements[draw(st.integers(0, len(elements) - 1))] = draw(st.sampled_from(_WORDS))
            segments[place] = separator.join(elements)
        case "drop":
            del segments[place]
        case _:
            segments.insert(other, segments.pop(place))
    return made, terminator.join(segments)


MANY = settings().max_examples

damaged = st.one_of(of_segments(), of_elements(), of_bytes())


@settings(max_examples=MANY)
@given(of_one_place())
def test_what_is_damaged_in_one_place_is_read_whole_or_said_not_to_be(damage: tuple[Made, bytes]) -> None:
    made, data = damage
    terminator, separator = _marks(made.data)
    lines = sum(segment.lstrip().startswith(b"LX" + separator) for segment in made.data.split(terminator))
    try:
        claims = list(iter_claims(data))
    except UnreadableError:
        return
    assert len(claims) >= len(made.claims)
    assert sum(len(claim.lines) for claim in claims) >= lines


@settings(max_examples=MANY)
@given(damaged)
def test_whatever_is_damaged_is_answered_and_no_claim_is_lost(data: bytes) -> None:
    scrub(data)


@settings(max_examples=2 * MANY)
@given(damaged)
def test_whatever_is_damaged_its_pieces_join_to_the_file(data: bytes) -> None:
    segments = list(cut_segments([data], lambda _fault: None))
    joined = "".join(segment.lead + segment.text + segment.terminator for segment in segments)
    assert joined.encode("latin-1") == data
    with open_source(data) as source:
        events = list(Reader(source).events())
        surveyed = Reader(source)
        claims = list(surveyed.survey())
    for event, following in pairwise(events):
        assert event.start <= event.end == following.start, "something is between two events and is in neither"
    assert not events or not data[events[-1].end :].strip()
    assert len(claims) == surveyed.claims == sum(isinstance(event, RawClaim) for event in events)
