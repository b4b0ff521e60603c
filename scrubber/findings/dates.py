"""Dates of service."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from functools import lru_cache

from attrs import field, frozen

__all__ = ["SERVICE_YEARS", "DateRange", "parse_date"]

SERVICE_YEARS = range(2000, 2100)
"""The years that a date of service may have.

005010 is the version that HIPAA asks for since 2012-01-01 (45 CFR 162.1102; from memory), and no payer takes claims for
services so much older; a year such as 1937, 2924 or 9024 is a birth date or a slip of the key.
"""


_DATE = re.compile(r"\d{8}", re.ASCII)


def parse_date(text: str) -> date | None:
    """Read CCYYMMDD (date format D8); None for anything else."""
    if not _DATE.fullmatch(text):
        return None
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None


def _check_order(dates: DateRange, _attribute: object, last: date) -> None:
    if last < dates.first:
        raise ValueError("a range of dates ends before it begins")


@frozen(order=True)
class DateRange:
    """Days of service from `first` to `last`, both included (DTP*472; one day for format D8).

    Raises ValueError when `last` lies before `first`.
    """

    first: date
    last: date = field(validator=_check_order)

    @classmethod
    @lru_cache(maxsize=1024)  # the lines of a file share few dates
    def parse(cls, form: str, text: str) -> DateRange | None:
        """Read DTP02 and DTP03: D8 or RD8.  None when unreadable, reversed or outside `SERVICE_YEARS`."""
        if form == "D8":
            first = last = parse_date(text)
        elif form == "RD8":
            start, _, end = text.partition("-")
            first, last = parse_date(start), parse_date(end)
        else:
            return None
        if not (first and last and first <= last and first.year in SERVICE_YEARS and last.year in SERVICE_YEARS):
            return None
        return cls(first, last)

    @property
    def days(self) -> int:
        """Number of days, at least 1."""
        return (self.last - self.first).days + 1

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last

    def __iter__(self) -> Iterator[date]:
        return (self.first + timedelta(days=day) for day in range(self.days))

    def __str__(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first} to {self.last}"

    def common(self, other: DateRange) -> DateRange | None:
        """Return the days in both, None if there are none."""
        if self.first == other.first and self.last == other.last:
            return self
        # Asked for each pair of lines: `max` and `min` take several times as long.
        first = self.first if self.first >= other.first else other.first  # noqa: FURB136
        last = self.last if self.last <= other.last else other.last  # noqa: FURB136
        return DateRange(first, last) if first <= last else None

    def overlaps(self, other: DateRange) -> bool:
        """Whether a day is in both."""
        return self.first <= other.last and other.first <= self.last
