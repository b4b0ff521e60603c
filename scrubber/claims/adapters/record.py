"""Read a dictionary key by key: every value checked, every error named by its place, no value in any message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, TypeGuard

from attrs import define, field

from scrubber.errors import AdapterError
from scrubber.x12.segment import trim

__all__ = ["Record"]

_DIGITS = 100
"""Numbers of more digits are not written out as decimals: Python refuses to, or they could fill the memory."""


def _check_dictionary(record: Record, _attribute: object, data: object) -> None:
    if not isinstance(data, Mapping):
        raise AdapterError(f"{record.where}: must be a dictionary, not {_kind(data)}")


@define(eq=False, repr=False)
class Record:
    """One dictionary and its place in what the host gave ("lines[2]").

    A key that is missing or None reads as empty.  Every method raises AdapterError for a value of another type than it
    reads, never for its content.
    """

    data: Mapping[str, Any] = field(validator=_check_dictionary)
    where: str
    _known: set[str] = field(factory=set[str], init=False)

    def text(self, key: str, missing: str = "") -> str:
        """Return text, `missing` where there is none."""
        value = self._take(key)
        return missing if value is None else self._checked(key, value, "text")

    def number(self, key: str) -> str:
        """Return a decimal number as text; the value is text, a whole number or a Decimal."""
        value = self._take(key)
        if isinstance(value, Decimal):
            # With an exponent it is no amount that can be read, as it should be.
            return f"{value:f}" if value.is_finite() and abs(value.adjusted()) < _DIGITS else str(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return _written(value)
        # A float would have lost cents before anybody could see it.
        return trim(self._checked(key, value, "decimal text, a whole number or a Decimal"))

    def day(self, key: str) -> str:
        """Return a date as CCYYMMDD; the value is a date or ISO text, and text that is no date is given as it is."""
        value = self._take(key)
        if isinstance(value, date):
            return f"{value:%Y%m%d}"
        text = trim(self._checked(key, value, "an ISO date"))
        return text.replace("-", "") if len(text) == 10 and text[4] == text[7] == "-" else text

    def texts(self, key: str) -> list[str]:
        """Return a list of texts; whole numbers in it count as text."""
        values = self._list(key)
        for place, value in enumerate(values):
            if not isinstance(value, str | int) or isinstance(value, bool):
                raise AdapterError(f"{self.where}.{key}[{place}]: must be text, not {_kind(value)}")
        return [_written(value) for value in values]

    def record(self, key: str) -> Record | None:
        """Return the dictionary under `key`, None where it is missing."""
        value = self._take(key)
        return None if value is None else Record(value, f"{self.where}.{key}")

    def required(self, key: str) -> Record:
        """Return the dictionary under `key`, which must be there."""
        found = self.record(key)
        if found is None:
            raise AdapterError(f"{self.where}: {key} is missing")
        return found

    def records(self, key: str) -> list[Record]:
        """Return the dictionaries in the list under `key`."""
        return [Record(value, f"{self.where}.{key}[{place}]") for place, value in enumerate(self._list(key))]

    def __contains__(self, key: str) -> bool:
        return self.data.get(key) is not None

    def close(self) -> None:
        """Refuse every key that nobody asked for."""
        if unknown := sorted(map(str, set(self.data) - self._known)):
            raise AdapterError(f"{self.where}: unknown key {unknown[0]!r}; known are {', '.join(sorted(self._known))}")

    def _take(self, key: str) -> Any:
        self._known.add(key)
        return self.data.get(key)

    def _list(self, key: str) -> Sequence[Any]:
        value = self._take(key)
        if value is None:
            return ()
        if not _is_list(value):
            raise AdapterError(f"{self.where}.{key}: must be a list, not {_kind(value)}")
        return value

    def _checked(self, key: str, value: Any, what: str) -> str:
        if value is None:
            return ""
        if not isinstance(value, str):
            raise AdapterError(f"{self.where}.{key}: must be {what}, not {_kind(value)}")
        return _written(value)


def _is_list(value: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _written(value: str | int) -> str:
    """Return text or a whole number as plain text, also of a member of an Enum, which calls itself otherwise."""
    if isinstance(value, str):
        return str.__str__(value)
    return str(int(value)) if abs(value) < 10**_DIGITS else hex(value)


def _kind(value: object) -> str:
    return type(value).__name__
