"""Settings: sources and their order, errors, payers, ignores with a reason and an end."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import attrs
import pytest

from scrubber.api import load_settings, make_engine
from scrubber.config import Config, describe_config
from scrubber.errors import ConfigError
from scrubber.findings.finding import Severity
from scrubber.findings.report import ClaimReport
from scrubber.io import source
from scrubber.packs.option import Option, OptionRow, option_table
from scrubber.tables.table import Table, override_tables
from scrubber.testing import scrub_shorthand, to_837p
from tests.support.command import Run

SIX_VESSELS = "37238\n36012\n37252 desc='IVC'\n37253 x6"


def _settings(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "scrubber.toml"
    path.write_text(text, encoding="utf-8")
    return path


def _verdict(tmp_path: Path, toml: str, claim: str) -> ClaimReport:
    return scrub_shorthand(claim, load_settings(_settings(tmp_path, toml)))[0]


def _codes(report: ClaimReport) -> list[str]:
    return [finding.code for finding in report.findings]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("colour = 1", "unknown setting 'colour'"),
        ("fail-on = 'never'", "fail-on: must be error, warning or info"),
        ("conformance = 'full'", "conformance: must be none, envelope or guide"),
        ("redact = 'yes'", "redact: must be true or false"),
        ("select = 'IVUS'", "select: must be a list"),
        ("select = ['IVUX']", "no edit has the code or prefix 'IVUX'"),
        ("ignore = ['']", "no edit has the code or prefix ''"),
        ("[severity]\nIVUS999 = 'info'", "no edit has the code 'IVUS999'"),
        ("[severity]\nX12207 = 'info'", "X12207 says that something was not judged"),
        ("[payers.1]\ncolour = 1", "payers.1: unknown setting 'colour'"),
        ("[payers.1.ignore]\nIVUS101 = ''", "an ignore needs a reason"),
        ("[payers.1.ignore]\nIVUS101 = { until = 2026-01-01 }", "an ignore needs a reason"),
        ("[payers.1.ignore]\nIVUS101 = { reason = 'r', until = 'soon' }", "must be a date"),
        ("[payers.1.ignore]\nX12207 = 'r'", "X12207 says that something was not judged"),
        ("payers = 3", "payers: must be a table"),
        ("tables = { mue = 3 }", "tables.mue: must be a table"),
        ("packs = 3", "packs: must be a table"),
        ("packs = { IVUS = 3 }", "packs.IVUS: must be a table"),
        ("[packs.IVUS]\nvessels = 3", "packs.IVUS.vessels: must be a text, true or false"),
        ("[packs.IVUS]\nvessels = 'yes'", 'packs.IVUS.vessels: must be "off" or "check"'),
        ("[packs.IVUS]\nvessels = true", 'packs.IVUS.vessels: must be "off" or "check"'),
        ("[packs.IVUS]\nvessel = 'off'", "packs.IVUS: unknown option 'vessel'; known are strict-exclusions, vessels"),
        ("[packs.IVUZ]\nvessels = 'off'", "packs: no pack 'IVUZ' is installed; installed are IVUS, X12"),
        ("[packs.X12]\nvessels = 'off'", "packs.X12: unknown option 'vessels'; known are none"),
        ("[payers.P.packs.IVUS]\nvessels = 'no'", 'payers.P.packs.IVUS.vessels: must be "off" or "check"'),
        ("a = = 1", "is not TOML"),
        ("a = " + "9" * 5_000, "is not TOML"),
        ("a = " + "[" * 5_000, "is not TOML"),
        ("#" * 1_100_000, "is larger than 1 MiB"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_settings(_settings(tmp_path, text))


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be opened"):
        load_settings(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("content", "message"), [(b"\xff", "is not a text in UTF-8"), (b"#" * (1 << 20) + b"\n", "is larger than 1 MiB")]
)
def test_what_is_no_file_of_settings_is_an_error(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "scrubber.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        load_settings(path)


def test_windows_settings_are_read(tmp_path: Path) -> None:
    path = tmp_path / "scrubber.toml"
    path.write_bytes(b"\xef\xbb\xbffail-on = 'info'\r\nredact = true\r\n")
    assert load_settings(path).redact


def test_settings_are_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "_PATIENCE", 0.1)
    os.mkfifo(tmp_path / "pipe")
    for name, message in ((tmp_path / "pipe", "nobody writes to"), (Path("/dev/zero"), "is not a regular file")):
        with pytest.raises(ConfigError, match=message):
            load_settings(name)


def test_flags_win_over_the_file_and_origins_are_told(tmp_path: Path) -> None:
    path = _settings(tmp_path, "fail-on = 'info'\nignore = ['IVUS601']\n[payers.P.tables.mue.37253]\nvalue = 8")
    config = load_settings(path, fail_on=Severity.WARNING)
    text = describe_config(config)
    assert 'fail-on = "warning"  # command line' in text
    assert f'ignore = ["IVUS601"]  # {path} (--config)' in text
    assert 'payers."P".tables.mue."37253".value = 8' in text
    assert 'conformance = "envelope"  # default' in text


def test_the_environment_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRUBBER_CONFIG", str(_settings(tmp_path, "fail-on = 'info'")))
    assert load_settings().fail_on is Severity.INFO
    assert load_settings(discover=False).fail_on is Severity.ERROR


@pytest.mark.parametrize(
    ("select", "ignore", "code", "wanted"),
    [
        ((), (), "IVUS101", True),
        (("IVUS1",), (), "IVUS101", True),
        (("IVUS1",), (), "IVUS201", False),
        ((), ("IVUS",), "IVUS201", False),
        (("IVUS201",), ("IVUS",), "IVUS201", True),
        (("IVUS",), ("IVUS201",), "IVUS201", False),
        (("IVUS201",), ("IVUS201",), "IVUS201", False),
    ],
)
def test_the_longer_match_decides(
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    code: str,
    wanted: bool,  # noqa: FBT001
) -> None:
    assert load_settings(discover=False, select=select, ignore=ignore).selects(code) is wanted


def test_deselecting_does_not_hide_what_was_not_judged() -> None:
    report = scrub_shorthand("37238\n37252 on=none", load_settings(discover=False, select=("IVUS",)))[0]
    assert "X12207" in _codes(report)
    assert report.rejected


def test_a_payer_has_its_own_table_values(tmp_path: Path) -> None:
    toml = "[payers.COMM.tables.mue.37253]\nvalue = 8"
    assert "IVUS201" in _codes(_verdict(tmp_path, toml, f"claim payer=12502\n{SIX_VESSELS}"))
    assert "IVUS201" not in _codes(_verdict(tmp_path, toml, f"claim payer=COMM\n{SIX_VESSELS}"))


def test_values_for_all_payers_and_a_payers_own_add_up(tmp_path: Path) -> None:
    toml = "[tables.mue.37253]\nvalue = 7\n[payers.COMM.tables.mue.37253]\nvalue = 2"
    assert "IVUS201" not in _codes(_verdict(tmp_path, toml, f"claim payer=12502\n{SIX_VESSELS}"))
    assert "IVUS201" in _codes(_verdict(tmp_path, toml, f"claim payer=COMM\n{SIX_VESSELS}"))


def test_a_payer_has_its_own_severities(tmp_path: Path) -> None:
    toml = "[severity]\nIVUS402 = 'info'\n[payers.COMM.severity]\nIVUS402 = 'warning'"
    for payer, severity in (("12502", "info"), ("COMM", "warning")):
        report = _verdict(tmp_path, toml, f"claim payer={payer}\n37238\n37252-26")
        assert [finding.severity for finding in report.findings if finding.code == "IVUS402"] == [severity]
        assert not report.rejected


def test_an_ignored_finding_is_kept_with_its_reason(tmp_path: Path) -> None:
    report = _verdict(tmp_path, "[payers.12502.ignore]\nIVUS402 = 'their policy'", "37238\n37252-26")
    assert not report.rejected
    assert [(entry.finding.code, entry.reason) for entry in report.suppressed] == [("IVUS402", "their policy")]


def test_an_ignore_ends_after_its_last_day(tmp_path: Path) -> None:
    path = _settings(tmp_path, "[payers.12502.ignore]\nIVUS402 = { reason = 'r', until = 2026-06-30 }")
    config = load_settings(path)
    for today, rejected in ((date(2026, 6, 30), False), (date(2026, 7, 1), True)):
        dated = attrs.evolve(config, today=today)
        assert scrub_shorthand("37238\n37252-26", dated)[0].rejected is rejected
        assert bool(dated.expired()) is rejected


@pytest.mark.parametrize("place", ["tables", "payers.12502.tables"])
def test_a_table_value_that_fits_nothing_stops_the_run(tmp_path: Path, place: str) -> None:
    path = _settings(tmp_path, f"[{place}.mue.37253]\nworth = 8")
    with pytest.raises(ConfigError, match=f"{place}: table mue, row 37253: there is no column worth"):
        make_engine(load_settings(path))
    with pytest.raises(ConfigError, match="no table 'nope'"):
        make_engine(load_settings(_settings(tmp_path, f"[{place}.nope.37253]\nworth = 8")))


def test_options_of_packs_are_shown_and_win_by_payer(tmp_path: Path) -> None:
    path = _settings(tmp_path, "[packs.IVUS]\nvessels = 'check'\n[payers.P.packs.IVUS]\nvessels = 'off'")
    text = describe_config(load_settings(path))
    assert f'packs.IVUS.vessels = "check"  # {path} (--config)\n' in text
    assert f'payers."P".packs.IVUS.vessels = "off"  # {path} (--config)\n' in text
    assert "ivus_options" not in text
    found = [_codes(_verdict(tmp_path, path.read_text(), f"claim payer={payer}\n37238\n37252")) for payer in "PQ"]
    assert ["IVUS502" in codes for codes in found] == [False, True]


def test_a_wrong_option_ends_the_command(tmp_path: Path, run: Run) -> None:
    done = run("scrub", "--config", _settings(tmp_path, "[packs.IVUS]\nvessels = 'on'"), data=to_837p("37238\n37252"))
    assert done.returncode == 2
    assert done.stderr.decode().endswith('packs.IVUS.vessels: must be "off" or "check"\n')
    assert done.stderr.count(b"\n") == 1


def test_an_option_may_be_true_or_false() -> None:
    option = Option("strict", (True, False))
    table = option_table("ACME", (option,))
    assert [option.takes(value) for value in (True, False, 1, 0, "true", None)] == [True, True, *[False] * 4]
    assert table.ever("strict")[0].value == "true"

    @attrs.frozen
    class Tables:
        acme_options: Table[OptionRow] = table

    changed = override_tables(Tables(), Config(packs={"ACME": {"strict": False}}).tables, "packs")
    assert changed.acme_options.ever("strict")[0].value == "false"
    with pytest.raises(ConfigError, match="option strict must be true or false"):
        override_tables(Tables(), {"acme_options": {"strict": {"value": "x"}}}, "tables")
