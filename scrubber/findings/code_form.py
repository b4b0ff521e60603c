"""What of a claim may be shown, by the form of the code that belongs in its place.

Anything can be misplaced in a claim: a name in SV101-2, a Social Security number in SV105, a birth date in SE01.  So no
report, message or `repr` quotes a value of the input unless it has the form of its place, and the forms are here only.
What is shown all the same, such as a birth date as date of service, is listed in `SECURITY.md`.
"""

from __future__ import annotations

import re
from enum import Enum

__all__ = ["CodeForm"]


class CodeForm(Enum):
    """The form of a code: the value in its place is shown only if all of it has this form."""

    PROCEDURE = r"\d{4}[0-9A-Z]|[A-Z]\d{4}"
    """A CPT or HCPCS code (SV101-2 with HC): four digits and a digit or letter, or a letter and four digits."""

    OTHER_PROCEDURE = r"[ -~]{1,48}"
    """A code of the sets ER, IV and WK (SV101-2): printable, within the length of data element 234.  Never shown."""

    MODIFIER = r"[A-Z0-9]{2}"
    """A modifier (SV101-3 to SV101-6): two letters or digits."""

    DIAGNOSIS = r"[A-Z]\d[A-Z0-9]{1,5}"
    """An ICD-10-CM code without its point (HI)."""

    PLACE = r"\d{2}"
    """A place of service (SV105, CLM05-1): two digits."""

    BASIS = r"UN|MJ"
    """A unit basis (SV103): units or minutes."""

    UNITS = r"[+-]?(0*\d{1,6}(\.\d{0,3})?|\.\d{1,3})"
    """Units of service (SV104) below a million: a birth date or another identifier is no count of units."""

    FREQUENCY = r"[A-Z0-9]"
    """A claim frequency code (CLM05-3): one letter or digit."""

    NPI = r"\d{10}"
    """A National Provider Identifier: ten digits."""

    PAYER = r"[A-Za-z0-9]{1,5}|(?=[A-Za-z.-]*\d)[A-Za-z0-9.-]{1,20}"
    """A payer identifier (2010BB NM109): short, or with a digit in it, so that it is no name."""

    COUNT = r"0*\d{1,6}"
    """A count (SE01, GE01, IEA01, HL01) below a million: more digits may be those of a person's identifier."""

    SET_KIND = r"\d{3}"
    """The kind of a transaction set (ST01): three digits."""

    def __init__(self, pattern: str) -> None:
        self._match = re.compile(pattern, re.ASCII).fullmatch

    def fits(self, text: str) -> bool:
        """Return whether `text` has the form."""
        return self._match(text) is not None

    def shown(self, text: str, otherwise: str = "") -> str:
        """Return `text` if it has the form, else `otherwise`."""
        return text if self._match(text) else otherwise
