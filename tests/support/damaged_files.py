"""Files of different forms, damaged anywhere."""

from __future__ import annotations

from hypothesis import strategies as st

from scrubber.testing import Form, to_837p
from scrubber.x12.segment import Delimiters

FORMS = [
    Form(Delimiters(element, component, repetition, terminator), line_end)
    for element, component, repetition, terminator in ("*:^~", "|>^~", "*<!\n", "~\\^_", "^:!|", "*:U~", "*:^\r")
    for line_end in ("", "\n", "\r\n")
]
SHORTHAND = "claim A note='LEFT CIV'\n37238\n37252-LT-59 x2 id=L2\nclaim B patient=M2 dependent=KIM\n99213"


@st.composite
def damaged_files(draw: st.DrawFn) -> bytes:
    """One or two files of different forms, with junk between them, bytes changed, and perhaps cut off."""
    parts = [to_837p(SHORTHAND, form) for form in draw(st.lists(st.sampled_from(FORMS), min_size=1, max_size=2))]
    data = bytearray(draw(st.binary(max_size=5)).join(parts))
    for place, byte in draw(st.lists(st.tuples(st.integers(0, len(data) - 1), st.integers(0, 255)), max_size=4)):
        data[place] = byte
    return bytes(data[: draw(st.integers(len(data) // 2, len(data)))])
