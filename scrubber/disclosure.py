"""What of a claim may be shown, by the form of the code that belongs in its place.

Anything can be misplaced in a claim: a name in SV101-2, a Social Security number in SV105, a birth date in SE01.  So no
report, message or `repr` quotes a value of the input unless it has the form of its place, and the forms are here only.
`SECURITY.md` says what is shown all the same: a number that does have the form, such as a date of service.
"""

from __future__ import annotations

import re
from functools import lru_cache

from attrs import frozen

__all__ = [
    "BASIS_FORM",
    "COUNT_FORM",
    "DIAGNOSIS_FORM",
    "FREQUENCY_FORM",
    "MODIFIER_FORM",
    "NPI_FORM",
    "PAYER_FORM",
    "PLACE_FORM",
    "PROCEDURE_FORM",
    "SET_KIND_FORM",
    "UNITS_FORM",
    "Form",
]


@frozen(eq=False)
class Form:
    """The form of a code: what stands in its place is shown if all of it has this form."""

    pattern: str

    def fits(self, text: str) -> bool:
        """Return whether `text` has the form."""
        return _fits(self.pattern, text)

    def shown(self, text: str, otherwise: str = "") -> str:
        """Return `text` if it has the form, else `otherwise`."""
        return text if _fits(self.pattern, text) else otherwise


@lru_cache(maxsize=4096)  # the claims of a file share most of their codes
def _fits(pattern: str, text: str) -> bool:
    return re.fullmatch(pattern, text, re.ASCII) is not None


PROCEDURE_FORM = Form(r"\d{4}[0-9A-Z]|[A-Z]\d{4}")
"""A CPT or HCPCS code (SV101-2): four digits and a digit or letter, or a letter and four digits."""

MODIFIER_FORM = Form(r"[A-Z0-9]{2}")
"""A modifier (SV101-3 to 6): two letters or digits."""

DIAGNOSIS_FORM = Form(r"[A-Z]\d[A-Z0-9]{1,5}")
"""An ICD-10-CM code without its point (HI)."""

PLACE_FORM = Form(r"\d{2}")
"""A place of service (SV105, CLM05-1): two digits."""

BASIS_FORM = Form(r"UN|MJ")
"""A unit basis (SV103): units or minutes."""

UNITS_FORM = Form(r"[+-]?(0*\d{1,6}(\.\d{0,3})?|\.\d{1,3})")
"""Units of service (SV104) below a million: a birth date or another identifier is no count of units."""

FREQUENCY_FORM = Form(r"[A-Z0-9]")
"""A claim frequency code (CLM05-3): one letter or digit."""

NPI_FORM = Form(r"\d{10}")
"""A National Provider Identifier: ten digits."""

PAYER_FORM = Form(r"[A-Za-z0-9]{1,5}|(?=[A-Za-z.-]*\d)[A-Za-z0-9.-]{1,20}")
"""A payer identifier (2010BB NM109): short, or with a digit in it, so that it is no name."""

COUNT_FORM = Form(r"0*\d{1,6}")
"""The count of a trailer (SE01, GE01, IEA01) below a million: more digits may be those of a person's identifier."""

SET_KIND_FORM = Form(r"\d{3}")
"""The kind of a transaction set (ST01): three digits."""
