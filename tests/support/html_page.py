"""The HTML page on judged files."""

from __future__ import annotations

import io
from datetime import date

from scrubber.api import load_settings, make_engine
from scrubber.findings.report import ClaimReport, Detail, FileReport
from scrubber.io.source import open_source
from scrubber.outputs.reports.base import describe_tool
from scrubber.outputs.reports.html import HtmlWriter
from scrubber.packs.registry import load_plugins
from scrubber.pipeline.file_scrub import FileScrub
from tests.support.paths import FIXTURES

SAMPLE = FIXTURES / "claims" / "office_week.837"
TODAY = date(2026, 1, 1)


def judged(data: bytes) -> tuple[list[ClaimReport], FileReport]:
    """Judge claims as the page is given them."""
    engine = make_engine(load_settings(discover=False), detail=Detail.OPENED)
    with open_source(data) as source:
        run = FileScrub(source, engine)
        return list(run), run.report


def written(*files: tuple[list[ClaimReport], FileReport]) -> bytes:
    """Write the page on judged files."""
    out = io.BytesIO()
    writer = HtmlWriter(out, describe_tool(load_plugins(), TODAY))
    for claims, report in files:
        for claim in claims:
            writer.claim(report.path, claim)
        writer.end_file(report)
    writer.end()
    return out.getvalue()
