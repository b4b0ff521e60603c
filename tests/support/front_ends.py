"""The page that shows one file at four front ends, and the files that the tests give to them."""

from __future__ import annotations

from scrubber.testing import to_837p
from tests.support.paths import FIXTURES, ROOT

PAGE = (ROOT / "docs" / "front-ends.md").read_text(encoding="utf-8")
GOOD = "37238\n36012\n37252 desc='LEFT CIV'"
SAMPLE = (FIXTURES / "claims" / "office_week.837").read_bytes()
SEVERAL = f"""
claim A1 patient=M1 payer=12502
{GOOD}
claim B1 patient=M2 payer=60054 by=1234567893
37252
37253 x7
claim B2 patient=M2 payer=60054
37238
claim C1 patient=M3 payer=87726 dependent=JO
37253
"""
FILES = {
    "sample": SAMPLE,
    "clean": to_837p(GOOD),
    "several patients and payers": to_837p(SEVERAL),
    "truncated": SAMPLE[:5000],
}


def block(page: str, title: str, language: str) -> str:
    """Return the first block of a language below a title."""
    section = page.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    return section.partition(f"```{language}\n")[2].partition("```")[0]
