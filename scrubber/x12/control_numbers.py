"""The control numbers of envelopes that came before, so that none stands for two."""

from __future__ import annotations

from attrs import define, field

__all__ = ["ControlNumbers"]

_BITS = 6
_LONGEST = 18


@define(eq=False, repr=False)
class ControlNumbers:
    """A set of control numbers, as written: "1" is not "01".

    Those of digits, which mostly count one after another, are bits of words: a million of them take a megabyte or two.
    """

    _words: dict[int, int] = field(factory=lambda: {}, init=False)
    _others: set[str] = field(factory=set[str], init=False)

    def __contains__(self, number: str) -> bool:
        if not _is_short_number(number):
            return number in self._others
        word, bit = _place(number)
        return bool(self._words.get(word, 0) & bit)

    def add(self, number: str) -> None:
        """Put a number in."""
        if _is_short_number(number):
            word, bit = _place(number)
            self._words[word] = self._words.get(word, 0) | bit
        else:
            self._others.add(number)


def _is_short_number(number: str) -> bool:
    return number.isascii() and number.isdigit() and len(number) <= _LONGEST


def _place(number: str) -> tuple[int, int]:
    """Return the word and the bit of a number; a 1 in front of it keeps leading zeros."""
    key = int(f"1{number}")
    return key >> _BITS, 1 << (key & (1 << _BITS) - 1)
