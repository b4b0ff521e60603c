"""The work list: the same rows as CSV and as a workbook, harmless in a spreadsheet, with dollars that can be summed."""

from __future__ import annotations

import csv
import io
import json
import sys
import zipfile
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings

from scrubber.api import load_settings, make_engine
from scrubber.errors import ConfigError
from scrubber.findings.finding import Finding, Severity
from scrubber.findings.report import ClaimDetail, ClaimReport, Detail, FileReport, LineDetail
from scrubber.io.source import open_source
from scrubber.outputs.reports.csv import CsvWriter
from scrubber.outputs.reports.worklist import COLUMNS, Kind
from scrubber.outputs.reports.xlsx import WorkbookWriter
from scrubber.pipeline.file_scrub import FileScrub
from scrubber.testing import to_837p
from tests.support.command import Run
from tests.support.paths import FIXTURES, ROOT
from tests.support.reports import BARE_TOOL, HOSTILE, TEXTS, TOOL, findings_of, hostile_file, json_report, write_reports

SAMPLES = sorted((FIXTURES / "claims").glob("*.837"))
TITLES = [column.title for column in COLUMNS]
FAULTY = to_837p("37252")
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")

Row = dict[str, Any]


def _csv(data: bytes) -> list[Row]:
    rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True))
    assert rows[0] == TITLES
    return [dict(zip(TITLES, row, strict=True)) for row in rows[1:]]


def _book(data: bytes) -> Any:
    return openpyxl.load_workbook(io.BytesIO(data))


def _list(sheet: Any) -> list[Row]:
    heading, *rows = sheet.iter_rows(values_only=True)
    assert list(heading) == TITLES
    return [dict(zip(TITLES, row, strict=True)) for row in rows]


def _summary(book: Any) -> list[Row]:
    titles = [cell.value for cell in book["Summary"][1]]
    rows = (dict(zip(titles, row, strict=True)) for row in book["Summary"].iter_rows(min_row=2, values_only=True))
    return [row for row in rows if isinstance(row["Claims"], int)]


def _shown(column: Any, value: Any) -> str:
    """Write a cell of the workbook as CSV has it."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.date().isoformat()
    return f"{value:.2f}" if column.kind is Kind.MONEY else str(value)


def _finding(**values: Any) -> Finding:
    return Finding("IVUS101", "some-name", Severity.ERROR, "Message.", "Fix.", **values)


def _claim(name: str, *findings: Finding, detail: ClaimDetail | None = None) -> ClaimReport:
    return ClaimReport(name, 1, Decimal(5), 1, name, "", Decimal("1.50"), 0, findings or (_finding(),), detail=detail)


def _written(kind: type[CsvWriter | WorkbookWriter], path: str, *claims: ClaimReport) -> bytes:
    binary, text = io.BytesIO(), io.StringIO(newline="")
    out: Any = binary if kind.binary else text
    writer = kind(out, BARE_TOOL)
    for claim in claims:
        writer.claim(path, claim)
    writer.end_file(FileReport(path))
    writer.end()
    return binary.getvalue() or text.getvalue().encode()


@pytest.fixture(scope="module")
def engine() -> Any:
    return make_engine(load_settings(discover=False), detail=Detail.OPENED)


# -- the same rows --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_the_cells_of_the_workbook(sample: Path, run: Run, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    (tmp_path / "fixtures").symlink_to(FIXTURES)
    done = run("scrub", "--format=xlsx", sample.relative_to(ROOT))
    assert done.stderr == b""
    cells = {
        sheet.title: [[str(cell) if isinstance(cell, datetime) else cell for cell in row] for row in sheet.values]
        for sheet in _book(done.stdout)
    }
    text = json.dumps(cells, indent=0, ensure_ascii=False) + "\n"
    expected = FIXTURES / "expected" / "xlsx" / f"{sample.stem}.json"
    if request.config.getoption("--update-expected"):
        expected.parent.mkdir(exist_ok=True)
        expected.write_text(text, encoding="utf-8")
    assert text == expected.read_text(encoding="utf-8")


def test_rows_counts_and_dollars_are_those_of_the_json_report(office_week: Path) -> None:
    report = json_report(office_week)
    book = _book((office_week / "r.xlsx").read_bytes())
    rows = _list(book["Work list"])
    *cells, notice = _csv((office_week / "r.csv").read_bytes())
    assert (notice["Name"], notice["Message"]) == ("tables-ended", report["files"][0]["notices"][0]["message"])
    assert [{c.title: _shown(c, row[c.title]) for c in COLUMNS} for row in rows] == cells
    findings = findings_of(report)
    assert [(row["Code"], row["Line"], row["Byte"]) for row in rows] == [
        (finding["code"], finding["line"], finding["location"]["offset"]) for finding in findings
    ]
    (file,) = report["files"]
    (summary,) = _summary(book)
    totals = file["totals"]
    assert sum(Decimal(row["At risk"] or 0) for row in cells) == Decimal(totals["at_risk"])
    rejected = [Decimal(row["Claim charge"] or 0) for row in cells if row["Disposition"] == "rejected"]
    assert sum(rejected) == Decimal(totals["rejected_charges"])
    for title, name in (("Claims", "claims"), ("Accepted", "accepted"), ("Rejected", "rejected"), ("Lines", "lines")):
        assert summary[title] == totals[name]
    for title, name in (("Charges", "charges"), ("Rejected charges", "rejected_charges"), ("At risk", "at_risk")):
        assert f"{summary[title]:.2f}" == totals[name]
    assert summary["Errors"] + summary["Warnings"] + summary["Infos"] == len(findings)


def test_a_row_shows_the_line_and_how_a_payer_would_deny_it(run: Run, tmp_path: Path) -> None:
    write_reports(
        run,
        data=to_837p(
            "claim 00123 payer=00590 pos=22\n37238 on=20240805-20240806\n36012\n37252-LT-50 on=20240805-20240806"
        ),
    )
    row = next(row for row in _list(_book((tmp_path / "r.xlsx").read_bytes())["Work list"]) if row["Code"] == "IVUS401")
    assert (row["Claim"], row["Payer"], row["Place"], row["Procedure"]) == ("00123", "00590", "22", "37252")
    assert (row["Modifiers"], row["Units"], row["Line charge"]) == ("LT 50", 1, 100)
    assert (row["Date of service"], row["Last date"]) == (datetime(2024, 8, 5), datetime(2024, 8, 6))
    assert row["CARC"].startswith("CO-")
    assert row["277CA status"]


def test_dollars_stand_at_the_gravest_finding_of_a_claim_and_of_a_line() -> None:
    line = LineDetail(1, "37252", (), "1", "UN", Decimal(100), "11", date(2024, 8, 5), date(2024, 8, 5), (), "")
    first, second = _finding(line=1), _finding(line=1)
    info = Finding("IVUS502", "x", Severity.INFO, "m", "f")
    detail = ClaimDetail("11", "1", (), (line,))
    rows = _csv(_written(CsvWriter, "a", _claim("A", info, first, second, detail=detail)))
    assert [row["Claim charge"] for row in rows] == ["", "5.00", ""]
    assert [row["At risk"] for row in rows] == ["", "1.50", ""]
    assert [row["Line charge"] for row in rows] == ["", "100.00", ""]
    assert [row["Date of service"] for row in rows] == ["2024-08-05"] * 3


def test_inputs_that_were_not_read_are_rows_and_in_the_summary(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.837").write_bytes(to_837p("37252"))
    (tmp_path / "no.837").write_bytes(b"hello")
    assert write_reports(run, "a.837", "no.837", "none.837").returncode == 3
    book = _book((tmp_path / "r.xlsx").read_bytes())
    assert [(row["File"], row["Code"]) for row in _list(book["Work list"])][-2:] == [
        ("no.837", "X12101"),
        ("none.837", "X12100"),
    ]
    assert [row["Read"].split(":")[0] for row in _summary(book)] == ["completely", "NOT KNOWN", "NOT KNOWN"]
    tables = {row[0] for row in book["Summary"].iter_rows(values_only=True)}
    assert {info.name for info in TOOL.tables} <= tables


def test_what_is_set_aside_is_counted_but_is_no_work(run: Run, tmp_path: Path) -> None:
    (tmp_path / "scrubber.toml").write_text('[payers.12502.ignore]\nIVUS403 = { reason = "their letter" }\n')
    write_reports(run, data=to_837p("37238\n36012\n37252-51 desc='LEFT CIV'"))
    book = _book((tmp_path / "r.xlsx").read_bytes())
    assert _list(book["Work list"]) == []
    assert [row["Suppressed"] for row in _summary(book)] == [1]
    assert ("IVUS403", "12502", "1", "their letter") in {row[:4] for row in book["Summary"].iter_rows(values_only=True)}


# -- harmless in a spreadsheet --------------------------------------------------------------------------------------


def _one_line(text: str) -> str:
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def test_hostile_claim_numbers_are_text(run: Run, tmp_path: Path) -> None:
    write_reports(run, data=hostile_file())
    names = [claim["claim"] for claim in json_report(tmp_path)["files"][0]["claims"]]
    assert len(names) == len(HOSTILE)
    data = (tmp_path / "r.csv").read_bytes()
    rows = _csv(data)
    assert len(data.splitlines()) == len(rows) + 1
    guarded = ["'" + name if name.strip(" ").startswith(FORMULA) else name for name in names]
    assert list(dict.fromkeys(row["Claim"] for row in rows)) == [_one_line(name) for name in guarded]
    book = _book((tmp_path / "r.xlsx").read_bytes())
    cells = [row[1] for row in book["Work list"].iter_rows(min_row=2)]
    assert {cell.data_type for cell in cells} <= {"s", "inlineStr"}
    assert not any(cell.hyperlink for cell in cells)
    with zipfile.ZipFile(tmp_path / "r.xlsx") as parts:
        sheets = [parts.read(name) for name in parts.namelist() if name.startswith("xl/worksheets/sheet")]
    assert not any(b"<f>" in sheet or b"hyperlink" in sheet for sheet in sheets)
    shown = [_one_line("'" + name if name.startswith("<r>") else name) for name in names]
    shown = [name if len(name) < 32_768 else name[:32_766] + "…" for name in shown]
    assert [_unescaped(name) for name in dict.fromkeys(cell.value or "" for cell in cells)] == shown


def _unescaped(text: str) -> str:
    """Take back the escape of an underscore that could be read as an escape (ECMA-376, ST_Xstring)."""
    return text.replace("_x005F_", "_")


@given(name=TEXTS, path=TEXTS)
def test_any_text_gives_a_cell_of_csv(name: str, path: str) -> None:
    data = _written(CsvWriter, path, _claim(name))
    (row,) = _csv(data)
    assert data.count(b"\r\n") == 2
    for title, text in (("Claim", name), ("Payer", name), ("File", path)):
        assert row[title].removeprefix("'") == _one_line(text).removeprefix("'")
        assert not row[title].startswith(FORMULA)


@settings(max_examples=25, deadline=None)
@given(name=TEXTS, path=TEXTS)
def test_any_text_gives_a_cell_of_a_workbook(name: str, path: str) -> None:
    (row,) = _list(_book(_written(WorkbookWriter, path, _claim(name)))["Work list"])
    assert _unescaped(row["Claim"] or "").removeprefix("'") == _unescaped(_one_line(name)).removeprefix("'")
    assert _unescaped(row["File"] or "").removeprefix("'") == _unescaped(_one_line(path)).removeprefix("'")


@pytest.mark.parametrize(
    ("units", "first_day", "cells"),
    [
        ("1.5", date(2024, 8, 5), (1.5, datetime(2024, 8, 5))),
        ("-3", date(1900, 12, 31), (-3, "1900-12-31")),
        ("123456789012345678", date(1901, 1, 1), ("123456789012345678", datetime(1901, 1, 1))),
        ("0.1234567890123456", None, ("0.1234567890123456", None)),
    ],
)
def test_numbers_and_dates_that_excel_would_change_are_text(units: str, first_day: date | None, cells: Any) -> None:
    line = LineDetail(1, "37252", (), units, "UN", Decimal(1), "11", first_day, first_day, (), "")
    claim = _claim("A", _finding(line=1), detail=ClaimDetail("11", "1", (), (line,)))
    (row,) = _list(_book(_written(WorkbookWriter, "a", claim))["Work list"])
    assert (row["Units"], row["Date of service"]) == cells


# -- the workbook ---------------------------------------------------------------------------------------------------


def test_headings_stay_in_sight_filter_and_explain_themselves(office_week: Path) -> None:
    sheet = _book((office_week / "r.xlsx").read_bytes())["Work list"]
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == f"A1:AC{sheet.max_row}"
    assert {column.title for column, cell in zip(COLUMNS, sheet[1], strict=True) if cell.comment} == {
        column.title for column in COLUMNS if column.note
    }
    formats = {column.title: cell.number_format for column, cell in zip(COLUMNS, sheet[2], strict=True)}
    assert (formats["At risk"], formats["Payer"], formats["Date of service"]) == ("#,##0.00", "@", "yyyy-mm-dd")


def test_a_full_sheet_is_followed_by_another() -> None:
    class SmallSheets(WorkbookWriter):
        max_rows = 3

    book = _book(_written(SmallSheets, "a", *(_claim(f"C{number}") for number in range(5))))
    assert book.sheetnames == ["Work list", "Work list 2", "Work list 3", "Summary"]
    names = [[row["Claim"] for row in _list(sheet)] for sheet in book.worksheets[:-1]]
    assert names == [["C0", "C1"], ["C2", "C3"], ["C4"]]
    assert [sheet.auto_filter.ref for sheet in book.worksheets[:-1]] == ["A1:AC3", "A1:AC3", "A1:AC2"]


def test_a_run_without_inputs_has_headings_only() -> None:
    out = io.BytesIO()
    WorkbookWriter(out, TOOL).end()
    book = _book(out.getvalue())
    assert _list(book["Work list"]) == []
    assert book.properties.created == datetime(2026, 1, 5)


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    with pytest.raises(ConfigError, match=r"x12-claim-scrubber\[xlsx\]") as caught:
        WorkbookWriter(io.BytesIO(), TOOL)
    assert caught.value.exit_code == 2


def test_without_the_extra_nothing_is_written(run: Run, tmp_path: Path) -> None:
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "xlsxwriter.py").write_text("raise ImportError")
    done = run("scrub", "--report=xlsx=r.xlsx", SAMPLES[0], PYTHONPATH=str(tmp_path / "path"), PYTHONHASHSEED="0")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"[xlsx]" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["path"]


def test_the_folder_of_waiting_rows_goes_away(run: Run, tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    for other in ("json=r.json", "json=/dev/null"):  # the second is refused after the workbook was begun
        done = run("scrub", "--report=xlsx=r.xlsx", f"--report={other}", data=FAULTY, TMPDIR=str(tmp_path / "tmp"))
        assert list((tmp_path / "tmp").iterdir()) == []
    assert done.returncode == 2


# -- every format ---------------------------------------------------------------------------------------------------


def test_the_same_bytes_whatever_the_jobs_and_the_hash_seed(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.837").write_bytes(hostile_file())
    written = set()
    for options, seed in ((["--jobs=1"], "0"), (["--jobs=2"], "1"), (["--jobs=2", "--no-screen"], "2")):
        write_reports(run, *options, "a.837", SAMPLES[0], PYTHONHASHSEED=seed)
        written.add(tuple((tmp_path / f"r.{form}").read_bytes() for form in ("csv", "sarif", "xlsx", "xml")))
    assert len(written) == 1


@pytest.mark.parametrize("form", ["xlsx", "xml"])
def test_standard_output_gets_the_bytes_of_the_file(form: str, run: Run, office_week: Path) -> None:
    done = run("scrub", f"--format={form}", SAMPLES[0])
    assert (done.returncode, done.stderr) == (1, b"")
    assert (office_week / f"r.{form}").read_bytes() == done.stdout


def test_redaction_leaves_no_claim_number_anywhere(run: Run, tmp_path: Path) -> None:
    write_reports(run, "--redact", data=to_837p("claim SECRET1\n37252 id=SECRET2"))
    with zipfile.ZipFile(tmp_path / "r.xlsx") as parts:
        written = b"".join(parts.read(name) for name in parts.namelist())
    written += b"".join((tmp_path / f"r.{form}").read_bytes() for form in ("csv", "sarif", "xml"))
    assert written.count(b"claim 1") >= 4
    assert b"SECRET" not in written


def test_claims_without_detail_have_rows_all_the_same(engine: Any) -> None:
    with open_source(to_837p("37252"), "a.837") as source:
        (claim,) = FileScrub(source, engine)
    assert claim.detail is not None
    rows = _csv(_written(CsvWriter, "a.837", _claim("A", *claim.findings)))
    assert [row["Code"] for row in rows] == [finding.code for finding in claim.findings]
    assert {row["Modifiers"] + row["Units"] + row["Place"] for row in rows} == {""}
