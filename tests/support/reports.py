"""What the tests of report formats share: one run that writes all of them, and values that try to break them."""

from __future__ import annotations

import json
import subprocess
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
from hypothesis import strategies as st

from scrubber.outputs.reports.base import Tool, describe_tool
from scrubber.packs.registry import load_plugins
from scrubber.testing import to_837p

if TYPE_CHECKING:
    from tests.support.command import Run

FORMS = ("csv", "json", "sarif", "xlsx", "xml")

TOOL: Tool = describe_tool(load_plugins(), date(2026, 1, 5))
BARE_TOOL: Tool = attrs.evolve(TOOL, plugins=(), tables=(), rules={})

HOSTILE = {
    "formula": "=cmd|' /C calc'!A0",
    "plus": "+1+1",
    "minus": "-2+3",
    "at": "@SUM(A1)",
    "tab": "\t=1",
    "blank": "  =1+1",
    "html": "<script>alert(1)</script>&amp;",
    "markup": "<r><t>x</t></r>",
    "broken markup": "<r><t></r>",
    "cdata": "]]>",
    "controls": "A\x00\x01\x08\x1b[31mB\x7f\x85",
    "quotes": "\"a\",'b'",
    "separators": 'a,b;"=1',
    "lines": "a\r\nb\nc",
    "latin-1": "J\xe9\xff\xa0\xad",
    "escape": "_x0041_",
    "braces": "{0} [x](http://x)",
    "zeros": "000123",
    "number": "1E5",
    "link": "http://example.invalid/",
    "long": "L" * 40_000,
}

TEXTS = st.text(st.characters(exclude_categories=()), max_size=60)
"""Any text, lone surrogates included."""


def hostile_file() -> bytes:
    """Return a file with a faulty claim of each hostile CLM01, in order."""
    claims = (f"claim PCN{place:03} patient=M{place}\n37252 x2" for place in range(len(HOSTILE)))
    data = to_837p("\n".join(claims))
    for place, text in enumerate(HOSTILE.values()):
        data = data.replace(f"PCN{place:03}".encode(), text.encode("latin-1"))
    return data


def write_reports(run: Run, *args: str | Path, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """Write r.csv, r.json and so on in one run."""
    return run("scrub", *(f"--report={form}=r.{form}" for form in FORMS), *args, **options)


def json_report(folder: Path) -> Any:
    """Read r.json, which the other reports are compared with."""
    return json.loads((folder / "r.json").read_text(encoding="utf-8"))


def findings_of(report: Any) -> list[Any]:
    """Return the findings of a JSON report in the order of the other reports: claims first, then the file's own."""
    return [
        finding
        for file in report["files"]
        for group in (*(claim["findings"] for claim in file["claims"]), file["findings"])
        for finding in group
    ]
