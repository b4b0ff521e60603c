"""The control numbers so far are a set of texts, whatever they look like, that stays small where they count on."""

from __future__ import annotations

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from scrubber.x12.control_numbers import ControlNumbers

NUMBERS = st.one_of(
    st.integers(0, 200).map(str),
    st.text("01", max_size=4),
    st.integers(10**16, 10**20).map(str),
    st.text("0123456789²A ", max_size=9),
)


@given(st.lists(NUMBERS, max_size=80), NUMBERS)
def test_it_holds_what_was_put_in(numbers: list[str], other: str) -> None:
    found, expected = ControlNumbers(), set[str]()
    for number in numbers:
        assert (number in found) == (number in expected)
        found.add(number)
        expected.add(number)
        assert number in found
    assert (other in found) == (other in expected)


def test_those_that_count_on_take_little_memory() -> None:
    tracemalloc.start()
    found = ControlNumbers()
    for number in range(1, 20_001):
        found.add(f"{number:09}")
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "000020000" in found
    assert used < 200_000
