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
from scrubber.api import Scrubber, load_settings, make_engine
from scrubber.builtin.all_rules import all_rules
from scrubber.config import Config
from scrubber.engine.notices import TABLES_ENDED
from scrubber.findings.finding import Severity
from scrubber.io.source import open_source
from scrubber.packs.registry import load_plugins
from scrubber.pipeline.file_scrub import FileScrub
from scrubber.testing import to_837p
from scrubber.watch import FileWorker, Waits, open_watcher
from tests.support.command import Run
from tests.support.paths import ROOT
from tests.support.serving import EDI, serving

FAULTY = to_837p("37252 desc='LEFT CIV'")
RULES = {code: rule for code, (rule, _) in all_rules(load_plugins()).items()}
ALL = len(RULES)
OFF = sum(code.startswith(("IVUS", "X12")) and not rule.meta.mandatory for code, rule in RULES.items())
EVERYTHING = 'ignore = ["IVUS", "X12"]\n'
NONE_LOWERED = "0 errors are lowered to a warning or an info"
WORDS = f"Settings of scrubber.toml: {OFF} of {ALL} edits are switched off, {NONE_LOWERED}."
PTP, MUE, AOC = (
    "CMS NCCI procedure-to-procedure edits, practitioner",
    "CMS Medically Unlikely Edits, practitioner services",
    "CMS NCCI add-on code edits (AOC) for 37252 and 37253",
)
UPDATE = "Update the rule tables, or check these dates against the current editions."
TABLES = (
    "3 rule tables end before dates of service of this input, and the rows of the latest edition were used: "
    f"{PTP} (to 2024-09-30) for 2025-06-01 to 2026-11-20; {MUE} (to 2026-06-30) and {AOC} (to 2026-09-30) for "
    f"2026-11-03 to 2026-11-20. {UPDATE}"
)
LATE = to_837p(
    "claim A date=20261103\n37238\n36012\n37252\nclaim B patient=M2 date=20250601\n37238\n36012\n37252\n"
    "claim C patient=M3 date=20261120\n37238\n36012\n37252\nclaim D patient=M4 date=20261123\n99213"
)
FORMS = ("text", "json", "xml", "html", "sarif", "csv", "xlsx")


def _told(form: str, data: bytes) -> list[str]:  # noqa: PLR0911 - one a format
    """Find the notices in a report, as its format has them."""
    if form == "json":
        return [notice["message"] for file in json.loads(data)["files"] for notice in file["notices"]]
    if form == "sarif":
        (invocation,) = (run["invocations"][0] for run in json.loads(data)["runs"])
        return [told["message"]["text"] for told in invocation.get("toolConfigurationNotifications", [])]
    if form == "xml":
        found: Any = etree.fromstring(data).xpath("//*[local-name()='notice']/*/text()")
        return [str(text) for text in found]
    if form == "html":
        items: Any = etree.HTML(data.decode()).xpath("//section[@id='notices' or .//*[@id='notices']]//li")
        return ["".join(item.itertext()) for item in items]
    if form == "csv":
        rows = csv.DictReader(io.StringIO(data.decode("utf-8-sig")))
        return [row["Message"] for row in rows if row["Name"] in {"edits-off", "tables-ended"}]
    if form == "xlsx":
        sheet = openpyxl.load_workbook(io.BytesIO(data))["Summary"]
        return [str(row[1]) for row in sheet.iter_rows(values_only=True) if row[0] == "Notice"]
    text = " ".join(data.decode().split())
    if TABLES in text:
        return [TABLES]
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
    schema = json.loads((ROOT / "scrubber" / "outputs" / "reports" / "report.schema.json").read_bytes())
    (tmp_path / "scrubber.toml").write_text(EVERYTHING)
    report = json.loads(run("scrub", "--format=json", data=FAULTY).stdout)
    jsonschema.validate(report, schema)
    assert report["schema"] == 2
    assert report["files"][0]["notices"] == [{"kind": "edits-off", "message": WORDS}]
    xsd = etree.XMLSchema(etree.parse(ROOT / "scrubber" / "outputs" / "reports" / "report.xsd"))
    xsd.assertValid(etree.fromstring(run("scrub", "--format=xml", data=FAULTY).stdout))


def test_the_name_of_the_file_may_hold_anything(run: Run, tmp_path: Path) -> None:
    name = "=1+1 \x1b[31m<b>&{0}\r\n\u202eé\U0001f600.toml"
    (tmp_path / name).write_text(EVERYTHING)
    reports = [f"--report={form}=r.{form}" for form in FORMS]
    run("scrub", f"--config={name}", "--redact", *reports, data=FAULTY, PYTHONUTF8="1")
    for form in FORMS:
        report = (tmp_path / f"r.{form}").read_bytes()
        told = "".join(_told(form, report)).replace("{{", "{").replace("}}", "}")
        assert "Settings of =1+1 [31m<b>&{0}é\U0001f600.toml (--config): " in told, form
        assert form == "xlsx" or b"\x1b" not in report


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


# -- tables that have ended --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_every_report_names_the_tables_that_have_ended(form: str, jobs: str, run: Run, tmp_path: Path) -> None:
    for name in ("a.837", "b.837")[: int(jobs)]:
        (tmp_path / name).write_bytes(LATE)
    done = run("scrub", ".", f"--format={form}", f"--jobs={jobs}", "--redact")
    assert set(_told(form, done.stdout)) == {TABLES}
    assert (done.returncode, done.stderr) == (0, b"")
    if form == "xml":
        xsd = etree.XMLSchema(etree.parse(ROOT / "scrubber" / "outputs" / "reports" / "report.xsd"))
        xsd.assertValid(etree.fromstring(done.stdout))
    if form == "json":
        jsonschema.validate(
            json.loads(done.stdout),
            json.loads((ROOT / "scrubber" / "outputs" / "reports" / "report.schema.json").read_bytes()),
        )


def test_the_streamed_form_names_them_on_standard_error(run: Run) -> None:
    done = run("scrub", "--format=ndjson", data=LATE)
    assert done.stderr.decode() == f"scrubber: notice: {TABLES}\n"


def _ended(shorthand: str, **settings: Any) -> list[str]:
    (report,) = scrub(to_837p(shorthand), Config(), **settings).files
    assert not any(finding.code == "IVUS901" for claim in report.claims for finding in claim.findings)
    return [notice.message for notice in report.notices if notice.kind == TABLES_ENDED]


@pytest.mark.parametrize(
    ("last_day", "titles", "next_day"),
    [
        ("20240930", [PTP], "2024-10-01"),
        ("20260630", [PTP, MUE], "2026-07-01"),
        ("20260930", [PTP, MUE, AOC], "2026-10-01"),
        ("20261231", [PTP, MUE, AOC, "CMS physician fee schedule, national amounts"], "2027-01-01"),
    ],
)
def test_a_table_has_ended_from_the_day_after(last_day: str, titles: list[str], next_day: str) -> None:
    claim = "claim date={}\n37238\n36012\n37252"
    assert not any(titles[-1] in message for message in _ended(claim.format(last_day)))
    (message,) = _ended(claim.format(next_day.replace("-", "")))
    assert [title in message for title in titles] == [True] * len(titles)
    assert f" for {next_day}. " in message
    assert message.startswith(f"{len(titles)} rule table{'s end' if titles[1:] else ' ends'} before")


def test_a_range_counts_from_the_day_after_the_table() -> None:
    (message,) = _ended("claim date=20240929-20241002\n37238\n36012\n37252 x4")
    assert "(to 2024-09-30) for 2024-10-01 to 2024-10-02. " in message


@pytest.mark.parametrize(
    ("shorthand", "settings"),
    [
        ("claim date=20261103\n37238\n36012", {}),  # no ultrasound
        ("claim date=20261103 freq=8 filing=CI f8=P1\n37238\n37252", {}),  # not judged
        ("claim\n37238 on=20261103\n36012\n37252\n37238", {}),
        ("claim date=20261103\n37238\n37252", {"ignore": ["IVUS901"]}),
        ("claim date=20261103\n37238\n37252", {"select": ["IVUS1"]}),
        ("claim date=20261103\n37238\n37252", {"payers": {"12502": {"ignore": {"IVUS901": "checked by hand"}}}}),
    ],
)
def test_what_was_not_judged_by_an_ended_table_is_no_notice(shorthand: str, settings: dict[str, Any]) -> None:
    assert _ended(shorthand, **settings) == []


def test_every_claim_opened_gives_the_same_notice() -> None:
    for screened in (True, False):
        with open_source(LATE, "late") as source:
            run = FileScrub(source, make_engine(load_settings(discover=False), screened=screened))
            assert len(list(run)) == 4
        assert [notice.message for notice in run.report.notices] == [TABLES]


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
    judge = FileWorker(Scrubber(load_settings(discover=False)))
    with open_watcher(tmp_path / "in", tmp_path / "out", Waits(settle=0), judge, lines.append) as gate:
        gate.run_once()
    assert lines == []
