"""Settings that switch edits off are named in every report, with the file they come from."""

from __future__ import annotations

import csv
import io
import json
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import openpyxl
import pytest
from lxml import etree

from scrubber import scrub
from scrubber.api import load_settings, make_engine
from scrubber.config import Config
from scrubber.engine import all_rules
from scrubber.findings import Severity
from scrubber.plugins import load_plugins
from scrubber.testing import to_837p
from scrubber.watch import Judge, Waits, open_gate
from tests.conftest import ROOT, Run
from tests.serving import EDI, serving

FAULTY = to_837p("37252 desc='LEFT CIV'")
RULES = {code: rule for code, (rule, _) in all_rules(load_plugins()).items()}
ALL = len(RULES)
OFF = sum(code.startswith(("IVUS", "X12")) and not rule.meta.mandatory for code, rule in RULES.items())
EVERYTHING = 'ignore = ["IVUS", "X12"]\n'
NONE_LOWERED = "0 errors are lowered to a warning or an info"
WORDS = f"Settings of scrubber.toml: {OFF} of {ALL} edits are switched off, {NONE_LOWERED}."
FORMS = ("text", "json", "xml", "html", "sarif", "csv", "xlsx")


def _told(form: str, data: bytes) -> list[str]:  # noqa: PLR0911 - one a format
    """Find the notices in a report, as its format has them."""
    if form == "json":
        return [notice["message"] for file in json.loads(data)["files"] for notice in file["notices"]]
    if form == "sarif":
        (invocation,) = (run["invocations"][0] for run in json.loads(data)["runs"])
        return [told["message"]["text"] for told in invocation.get("toolConfigurationNotifications", [])]
    if form == "xml":
        return [str(text) for text in etree.fromstring(data).xpath("//*[local-name()='notice']/*/text()")]
    if form == "html":
        return [
            "".join(item.itertext())
            for item in etree.HTML(data.decode()).xpath("//section[@id='notices' or .//*[@id='notices']]//li")
        ]
    if form == "csv":
        rows = csv.DictReader(io.StringIO(data.decode("utf-8-sig")))
        return [row["Message"] for row in rows if row["Name"] == "edits-off"]
    if form == "xlsx":
        sheet = openpyxl.load_workbook(io.BytesIO(data))["Summary"]
        return [str(row[1]) for row in sheet.iter_rows(values_only=True) if row[0] == "Notice"]
    text = " ".join(data.decode().split())
    return [text.partition("Notice: ")[2].partition("info.")[0] + "info."] if "Notice: " in text else []


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("redact", [[], ["--redact"]])
def test_every_report_names_the_settings_that_switch_edits_off(
    form: str, redact: list[str], run: Run, tmp_path: Path
) -> None:
    (tmp_path / "a.837").write_bytes(FAULTY)
    assert _told(form, run("scrub", "a.837", f"--format={form}", *redact).stdout) == []
    (tmp_path / "scrubber.toml").write_text(EVERYTHING)
    done = run("scrub", "a.837", f"--format={form}", *redact)
    assert _told(form, done.stdout) == [WORDS]
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_the_streamed_form_says_it_once_on_standard_error(jobs: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "scrubber.toml").write_text(EVERYTHING)
    for name in ("a.837", "b.837", "c.837"):
        (tmp_path / name).write_bytes(FAULTY)
    done = run("scrub", "--format=ndjson", f"--jobs={jobs}", "a.837", "b.837", "c.837", "none.837")
    assert done.stderr.decode().count(f"scrubber: notice: {WORDS}\n") == 1
    assert len(done.stdout.splitlines()) == 3


def test_an_input_that_cannot_be_read_has_the_notice_too(run: Run, tmp_path: Path) -> None:
    (tmp_path / "scrubber.toml").write_text(EVERYTHING)
    (tmp_path / "b.837").write_bytes(b"nothing")
    done = run("scrub", "--format=json", "none.837", "b.837")
    assert done.returncode == 3
    assert _told("json", done.stdout) == [WORDS, WORDS]


def test_the_json_report_is_of_schema_2(run: Run, tmp_path: Path) -> None:
    schema = json.loads((ROOT / "scrubber" / "writers" / "report.schema.json").read_bytes())
    (tmp_path / "scrubber.toml").write_text(EVERYTHING)
    report = json.loads(run("scrub", "--format=json", data=FAULTY).stdout)
    jsonschema.validate(report, schema)
    assert report["schema"] == 2
    assert report["files"][0]["notices"] == [{"kind": "edits-off", "message": WORDS}]
    xsd = etree.XMLSchema(etree.parse(ROOT / "scrubber" / "writers" / "report.xsd"))
    xsd.assertValid(etree.fromstring(run("scrub", "--format=xml", data=FAULTY).stdout))


def test_the_name_of_the_file_may_hold_anything(run: Run, tmp_path: Path) -> None:
    name = "=1+1 \x1b[31m<b>&{0}\r\n\u202eé\U0001f600.toml"
    (tmp_path / name).write_text(EVERYTHING)
    for form in FORMS:
        done = run("scrub", f"--config={name}", f"--format={form}", "--redact", data=FAULTY, PYTHONUTF8="1")
        told = "".join(_told(form, done.stdout)).replace("{{", "{").replace("}}", "}")
        assert "Settings of =1+1 [31m<b>&{0}é\U0001f600.toml (--config): " in told, form
        assert form == "xlsx" or b"\x1b" not in done.stdout


# -- what counts -------------------------------------------------------------------------------------------------------


def _notice(tmp_path: Path, text: str, **flags: Any) -> str:
    (tmp_path / "s.toml").write_text(text)
    notices = make_engine(load_settings(tmp_path / "s.toml", **flags)).notices
    return "; ".join(notice.message.replace(f"{tmp_path}/", "") for notice in notices)


@pytest.mark.parametrize(
    "text",
    [
        "",
        'fail-on = "warning"',
        "redact = true",
        'select = ["IVUS", "X12", "SCR"]',
        '[severity]\nIVUS203 = "info"',
        '[severity]\nIVUS203 = "error"\nIVUS101 = "error"',
        '[payers.1.severity]\nIVUS503 = "error"',
        '[payers.1.ignore]\nIVUS402 = { reason = "r", until = 2020-01-01 }',
        "[payers.1]",
        "tables.mue.37253.value = 8",
        'ignore = ["SCR901"]',
    ],
)
def test_what_switches_nothing_off_is_no_notice(tmp_path: Path, text: str) -> None:
    assert _notice(tmp_path, text) == ""


FILE = "Settings of s.toml (--config): "


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('ignore = ["IVUS601"]', f"1 of {ALL} edits is switched off, {NONE_LOWERED}."),
        (
            '[severity]\nIVUS101 = "warning"\nIVUS202 = "info"\nIVUS203 = "info"',
            f"0 of {ALL} edits are switched off, 2 errors are lowered to a warning or an info.",
        ),
        (
            'ignore = ["IVUS101"]\n[severity]\nIVUS101 = "info"\nIVUS201 = "info"',
            f"1 of {ALL} edits is switched off, 1 error is lowered to a warning or an info.",
        ),
        (
            '[payers.1.severity]\nIVUS101 = "info"\n[payers.2.severity]\nIVUS101 = "info"\nIVUS201 = "warning"',
            f"0 of {ALL} edits are switched off, {NONE_LOWERED}, 2 errors are lowered for some payers.",
        ),
        (
            '[payers.1.ignore]\nIVUS402 = "r"\n[payers.2.ignore]\nIVUS402 = "r"\nIVUS403 = "r"\n[payers.3.ignore]',
            f"0 of {ALL} edits are switched off, {NONE_LOWERED}, 3 ignores suppress findings for 2 payers.",
        ),
        (
            'conformance = "none"',
            f"0 of {ALL} edits are switched off, {NONE_LOWERED}, X12 syntax is not checked.",
        ),
    ],
)
def test_both_numbers_are_said(tmp_path: Path, text: str, told: str) -> None:
    assert _notice(tmp_path, text) == FILE + told


def test_selecting_a_few_switches_the_others_off(tmp_path: Path) -> None:
    kept = sum(code.startswith("IVUS1") or rule.meta.mandatory for code, rule in RULES.items())
    assert f"{ALL - kept} of {ALL} edits" in _notice(tmp_path, 'select = ["IVUS1"]')


def test_the_command_line_is_named_and_what_it_replaces_is_not(run: Run, tmp_path: Path) -> None:
    (tmp_path / "scrubber.toml").write_text('ignore = ["IVUS6"]\n[severity]\nIVUS101 = "info"\n')
    (told,) = _told("json", run("scrub", "--format=json", "--ignore=IVUS601", data=FAULTY).stdout)
    assert told.startswith(f"Settings of the command line and scrubber.toml: 1 of {ALL} edits is switched off, 1 error")
    (tmp_path / "scrubber.toml").write_text('ignore = ["IVUS6"]\n')
    (told,) = _told("json", run("scrub", "--format=json", "--ignore=IVUS601", data=FAULTY).stdout)
    assert told.startswith("Settings of the command line: 1 of")
    (told,) = _told("json", run("scrub", "--format=json", "--select=IVUS1", data=FAULTY).stdout)
    assert told.startswith("Settings of the command line and scrubber.toml: ")


def test_a_file_that_the_environment_names_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text(EVERYTHING)
    (told,) = _told("json", run("scrub", "--format=json", data=FAULTY, SCRUBBER_CONFIG="x.toml").stdout)
    assert told.startswith("Settings of x.toml (SCRUBBER_CONFIG): ")


def test_a_notice_changes_no_exit_code(run: Run, tmp_path: Path) -> None:
    (tmp_path / "scrubber.toml").write_text('ignore = ["IVUS6"]\n')
    assert run("scrub", "--fail-on=info", data=to_837p("99213\n36415")).returncode == 0
    assert run("scrub", data=FAULTY).returncode == 1


# -- every way in ------------------------------------------------------------------------------------------------------


def test_python_has_the_notices() -> None:
    report = scrub(FAULTY, Config(ignore=("IVUS",), severity={"X12201": Severity.INFO}, today=date(2026, 11, 27)))
    (notice,) = report.files[0].notices
    assert notice.message.startswith("Settings of the program that runs the edits: ")
    assert scrub(FAULTY, Config()).files[0].notices == ()


def test_a_server_tells_and_answers_with_the_notice(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "scrubber.toml").write_text(EVERYTHING)
    with serving(tmp_path / "files", "--jobs=1") as server:
        assert f"scrubber: notice: {WORDS}\n" in server.log.read_text()
        answer = server.ask("POST", "/v1/scrub", FAULTY, EDI)
        assert _told("json", answer.body) == [WORDS]


def test_a_watcher_tells_and_publishes_the_notice(run: Run, tmp_path: Path) -> None:
    (tmp_path / "scrubber.toml").write_text(EVERYTHING)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.837").write_bytes(FAULTY)
    done = run("watch", "in", "--out=out", "--once", "--settle=0")
    assert f"scrubber: notice: {WORDS}\n" in done.stderr.decode()
    (report,) = (tmp_path / "out").glob("*.findings.json")
    assert _told("json", report.read_bytes()) == [WORDS]


def test_a_watcher_without_such_settings_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    lines: list[str] = []
    judge = Judge(load_settings(discover=False))
    with open_gate(tmp_path / "in", tmp_path / "out", Waits(settle=0), judge, lines.append) as gate:
        gate.run_once()
    assert lines == []
