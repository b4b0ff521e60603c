"""What must hold for any bytes: the targets of the fuzzer, which the tests run over the seeds too."""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
from datetime import date
from functools import cache
from importlib.resources.abc import Traversable
from pathlib import Path

from attrs import field, frozen

from scrubber.api import load_settings, make_engine
from scrubber.engine.judge import Engine
from scrubber.errors import ConfigError
from scrubber.findings.dates import DateRange
from scrubber.findings.finding import Severity
from scrubber.findings.report import FileReport
from scrubber.io.publication import Publication
from scrubber.io.source import open_source
from scrubber.outputs.output_set import AckSettings, OutputSettings, Targets
from scrubber.outputs.reports.base import ReportWriter, describe_tool
from scrubber.outputs.reports.json import JsonWriter
from scrubber.outputs.reports.text import TextWriter
from scrubber.packs.registry import load_plugins
from scrubber.pipeline.file_scrub import FileScrub
from scrubber.tables.table import DatedRow, TableInfo, load_manifest, load_table
from tests.support.x12_files import write_files

__all__ = ["TARGETS", "scrub", "tables"]


@cache
def _engine(screened: bool) -> Engine:  # noqa: FBT001 - an argument of a cached function
    return make_engine(load_settings(discover=False), screened=screened)


def scrub(data: bytes) -> None:
    """Scrub the bytes every way there is; no crash, no claim lost, no two answers, and a clean file that is clean."""
    engine = _engine(screened=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        report = _write(data, engine, folder)
        thorough = _report(data, _engine(screened=False))
        assert report.claims == thorough.claims, "the short cut changes the verdicts"
        assert report.findings == thorough.findings, "the short cut changes what is said of the file"
        totals = report.totals
        assert totals.claims == totals.accepted + totals.rejected == len(report.claims)
        assert totals.charges == totals.accepted_charges + totals.rejected_charges
        assert not totals.crashed, "an edit crashed"
        _check_reports(report)
        clean = folder / "clean"
        if report.readable and clean.exists():
            again = _report(clean.read_bytes(), engine)
            assert again.readable
            assert again.totals.rejected == 0, "the clean file has rejected claims"
            assert again.totals.claims == totals.accepted


def _write(data: bytes, engine: Engine, folder: Path) -> FileReport:
    """Write all X12 files; `finish` raises where one does not hold the claims of the report."""
    annotated, clean, rejected, ack277, ack999 = (
        folder / kind for kind in ("annotated", "clean", "rejected", "277", "999")
    )
    targets = Targets(annotated, clean, rejected, ack277, ack999)
    settings = OutputSettings(AckSettings(engine.config.today), annotate_k3=True, partial=True)
    with open_source(data, "fuzz") as source, Publication() as publication:
        return write_files(source, engine, targets, settings, publication)[0]


def _report(data: bytes, engine: Engine) -> FileReport:
    with open_source(data, "fuzz") as source:
        return FileScrub(source, engine).whole_report()


def _check_reports(report: FileReport) -> None:
    tool = describe_tool(load_plugins(), _engine(screened=True).config.today)
    texts = [io.StringIO(), io.StringIO()]
    writers: tuple[ReportWriter, ...] = (JsonWriter(texts[0], tool), TextWriter(texts[1], tool))
    for writer in writers:
        for claim in report.claims:
            writer.claim("fuzz", claim)
        writer.end_file(report)
        writer.end()
    (file,) = json.loads(texts[0].getvalue())["files"]
    assert len(file["claims"]) == len(report.claims)
    errors = sum(finding.severity is Severity.ERROR for claim in report.claims for finding in claim.findings)
    told = sum(found["severity"] == "error" for claim in file["claims"] for found in claim["findings"])
    assert told == errors


def tables(data: bytes) -> None:
    """Read the bytes as a rule table, as a manifest and as a configuration; nothing but a clear error may come."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in ("manifest.toml", "table.csv", "scrubber.toml"):
            (folder / file).write_bytes(data)
        for read in (_read_manifest, _read_table, _read_settings):
            try:
                read(folder)
            except ConfigError as error:
                assert str(error)
                assert "\n" not in str(error)


def _read_manifest(folder: Traversable) -> None:
    infos = load_manifest(folder)
    assert all(info.name for info in infos.values())


@frozen
class _Row(DatedRow):
    """A row like those of the shipped tables."""

    procedure: str
    value: int = field(converter=int)


def _read_table(folder: Path) -> None:
    content = (folder / "table.csv").read_bytes()
    day = date(2026, 1, 1)
    info = TableInfo("fuzz", "t", "s", day, day, day, "table.csv", hashlib.sha256(content).hexdigest())
    table = load_table(folder, info, _Row, lambda row: row.procedure)
    for row in table:
        assert row in table.ever(row.procedure)
        if row.deleted is None or row.effective <= row.deleted:
            assert table.on(row.procedure, DateRange(row.effective, row.deleted or date.max)) is not None


def _read_settings(folder: Path) -> None:
    make_engine(load_settings(folder / "scrubber.toml", discover=False))


TARGETS = {"scrub": scrub, "tables": tables}
