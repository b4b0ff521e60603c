"""What is known of a claim adjustment, remark or claim status code: X12 lists, and how payers deny ultrasound."""

from __future__ import annotations

import re
from collections.abc import Iterator

from edits.ivus.facts import Facts
from scrubber import Page

__all__ = ["listed_code", "listed_codes"]

_NAMES = {
    "CARC": "claim adjustment reason code (CARC)",
    "RARC": "remittance advice remark code (RARC)",
    "507": "claim status category code (X12 list 507)",
    "508": "claim status code (X12 list 508)",
}
_GROUPS = "CO|PR|OA|PI|CR"
_CODE = re.compile(rf"(?P<group>{_GROUPS})-?(?P<carc>[A-Z]?\d+)|(?P<list>CARC|RARC)[ -]?(?P<listed>[A-Z]*\d+)")


def listed_code(code: str, facts: Facts) -> Page | None:
    """Explain "CO-107", "CARC 107", "107", "N122" or "A8:507"; None where no list of the tables has it."""
    match = _CODE.fullmatch(code)
    category, colon, status = code.partition(":")
    if colon:
        wanted = [("507", category), ("508", status.partition(":")[0])]
    elif match is None:
        wanted = [(name, code) for name in _NAMES]
    else:
        wanted = [("CARC", match["carc"])] if match["carc"] else [(match["list"], match["listed"])]
    sections = [
        (f"{name} as a {_NAMES[of]}", tuple(lines)) for of, name in wanted if (lines := list(_told(of, name, facts)))
    ]
    # Half an answer to "A8:507" would pass for the whole.
    if not sections or (colon and len(sections) < len(wanted)):
        return None
    tables = [table.info for table in (facts.code_lists, facts.denial_codes) if any(table.ever(key) for key in wanted)]
    sources = tuple(f"{info.title}, {info.first_day} to {info.last_day}" for info in tables)
    return Page(code, (*sections, ("Sources", sources)))


def _told(of: str, code: str, facts: Facts) -> Iterator[str]:
    denials = facts.denial_codes.ever((of, code))
    for denial in denials:
        yield f"Says: {denial.meaning}"
        yield f"Answers, on intravascular ultrasound: {denial.use}"
        if denial.group:
            yield f"Usual group: {denial.group}"
    if not denials:
        yield from (f"Says: {row.meaning}" for row in facts.code_lists.ever((of, code)))


def listed_codes(facts: Facts) -> frozenset[str]:
    """Return the codes of all lists, those of CARC with the usual group too."""
    codes = {row.code for row in facts.code_lists} | {row.code for row in facts.denial_codes}
    return frozenset(codes | {f"{row.group}-{row.code}" for row in facts.denial_codes if row.group})
