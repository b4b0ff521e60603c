"""The settings in docs: accepted, and every setting does what the comment beside it says."""

from __future__ import annotations

from datetime import date

import attrs
import pytest

from scrubber.api import load_settings, make_engine
from scrubber.findings.report import ClaimReport
from scrubber.testing import scrub_shorthand, to_837p
from tests.support.command import Run
from tests.support.paths import ROOT

EXAMPLE = ROOT / "docs" / "scrubber.example.toml"
SETTINGS = attrs.evolve(load_settings(EXAMPLE), today=date(2026, 11, 24))
PLAIN = load_settings(discover=False)

STENT = "37238\n36012\n"
SEVERAL_LINES = f"{STENT}37252 desc='LEFT CIV'\n37253 desc='LEFT EIV'\n37253 desc='LEFT CFV' charge=90"
FEWER_VESSELS = f"{STENT}37252 desc='LEFT CIV'\n37253 x2"
NO_INITIAL = f"{STENT}37253 desc='LEFT EIV'"
FOUR_MORE = f"{STENT}37252 desc='LEFT CIV'\n37253 x4 desc='LEFT EIV, LEFT CFV, RIGHT CIV, RIGHT EIV'"


def _judge(payer: str, lines: str, settings: object = SETTINGS) -> ClaimReport:
    return scrub_shorthand(f"claim payer={payer}\n{lines}", settings)[0]  # type: ignore[arg-type]


def _severity(report: ClaimReport, code: str) -> str | None:
    return next((finding.severity.value for finding in report.findings if finding.code == code), None)


def test_it_is_accepted_and_shown(run: Run) -> None:
    done = run("config", "--config", EXAMPLE)
    assert done.returncode == 0, done.stderr
    shown = done.stdout.decode()
    for line in (
        'ignore = ["IVUS601"]',
        'severity.IVUS203 = "info"',
        'packs.IVUS.vessels = "check"',
        'payers."12502".severity.IVUS503 = "error"',
        'payers."EXAMPLE-HP".packs.IVUS.vessels = "off"',
        'payers."EXAMPLE-HP".severity.IVUS102 = "warning"',
        'payers."EXAMPLE-HP".tables.mue."37253".value = 3',
        'payers."EXAMPLE-HP".ignore.IVUS403.until = 2026-12-31',
    ):
        assert f"{line}  # {EXAMPLE} (--config)\n" in shown


@pytest.mark.parametrize(
    ("lines", "code", "plain", "medicare", "commercial"),
    [
        ("37238\n37252 desc='LEFT CIV'", "IVUS601", "info", None, None),
        (SEVERAL_LINES, "IVUS203", "warning", "info", "info"),
        (f"{STENT}37252", "IVUS502", None, "info", None),
        (FEWER_VESSELS, "IVUS503", "warning", "error", "warning"),
        (NO_INITIAL, "IVUS102", "error", "error", "warning"),
        (f"{STENT}37252-76", "IVUS405", "warning", "warning", "error"),
        (FOUR_MORE, "IVUS201", None, None, "error"),
        (f"{STENT}37252-51", "IVUS403", "warning", "warning", None),
    ],
)
def test_a_setting_does_what_its_comment_says(
    lines: str, code: str, plain: str | None, medicare: str | None, commercial: str | None
) -> None:
    found = (
        _severity(_judge("12502", lines, PLAIN), code),
        _severity(_judge("12502", lines), code),
        _severity(_judge("EXAMPLE-HP", lines), code),
    )
    assert found == (plain, medicare, commercial)


def test_a_payer_that_is_not_named_has_the_settings_for_all() -> None:
    assert _severity(_judge("OTHER", SEVERAL_LINES), "IVUS203") == "info"
    assert _severity(_judge("OTHER", FOUR_MORE), "IVUS201") is None


def test_the_ignore_is_kept_with_its_reason_and_ends() -> None:
    claim = f"{STENT}37252-51"
    (kept,) = _judge("EXAMPLE-HP", claim).suppressed
    assert (kept.finding.code, kept.reason) == ("IVUS403", "their letter of 2026-04-02 asks for modifier 51")
    last, after = (attrs.evolve(SETTINGS, today=day) for day in (date(2026, 12, 31), date(2027, 1, 1)))
    assert _severity(_judge("EXAMPLE-HP", claim, last), "IVUS403") is None
    assert _severity(_judge("EXAMPLE-HP", claim, after), "IVUS403") == "warning"
    assert after.expired() == [("EXAMPLE-HP", "IVUS403", date(2026, 12, 31))]


def test_its_table_values_exist() -> None:
    make_engine(SETTINGS)


# -- lenient.toml ------------------------------------------------------------------------------------------------------

LENIENT = ROOT / "docs" / "lenient.toml"
GOOD = to_837p("claim A\n99213").decode()


@pytest.mark.parametrize(
    ("code", "old", "new"),
    [
        ("X12114", "SE*24*", "SE*23*"),
        ("X12205", "*100*", "*100.005*"),
        ("X12208", "CLM*A*100*", "CLM*A*99*"),
        ("X12212", "XX*1234567893", "XX*1234567890"),
        ("X12217", "*11:B:1", "*1:B:1"),
    ],
)
def test_a_sample_file_passes_with_warnings(code: str, old: str, new: str, run: Run) -> None:
    assert old in GOOD
    data = GOOD.replace(old, new).encode()
    done = run("scrub", "-", "--config", LENIENT, data=data)
    assert (done.returncode, f"warning {code}".encode() in done.stdout) == (0, True), done.stdout
    if code != "X12114":
        assert run("scrub", "-", data=data).returncode == 1


def test_what_was_not_judged_stays_an_error_in_sample_files(run: Run) -> None:
    data = GOOD.replace("HC:99213", "HC:99213-25").encode()
    assert run("scrub", "-", "--config", LENIENT, data=data).returncode == 1
