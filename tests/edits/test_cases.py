"""Cases as data: `fixtures/cases/<EDIT>.toml`, in the form that `scrubber.testing` describes.

`chain.toml` holds whole verdicts instead: "CLM01:line CODE", with the codes of `without` left out.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from scrubber.engine.judge import Engine
from scrubber.testing import DEFAULT_DATE, case_engine, load_cases, run_case, run_cases, scrub_shorthand, to_837p
from tests.support.paths import FIXTURES

CASES = FIXTURES / "cases"
CHAIN = tomllib.loads((CASES / "chain.toml").read_text(encoding="utf-8"))["case"]


@pytest.mark.parametrize(
    ("edit", "case"),
    [
        pytest.param(path.stem, case, id=f"{path.stem}-{case['name']}".replace(" ", "-"))
        for path in sorted(CASES.glob("[A-Z]*.toml"))
        for case in load_cases(path)
    ],
)
def test_case(edit: str, case: dict[str, Any], default_engine: Engine) -> None:
    assert run_case(edit, case, default_engine) == []


@pytest.mark.parametrize("case", CHAIN, ids=lambda case: case["name"].replace(" ", "-"))
def test_a_whole_verdict(case: dict[str, Any], default_engine: Engine) -> None:
    reports = scrub_shorthand(case["claim"], engine=case_engine(case, default_engine))
    without = tuple(case.get("without", ()))
    findings = [finding for report in reports for finding in report.findings]
    found = [f"{f.claim}:{f.line or 0} {f.code}" for f in findings if not f.code.startswith(without or ("-",))]
    assert found == case["findings"]


def _wrong(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "IVUS402.toml"
    path.write_text(text, encoding="utf-8")
    return run_cases(path)


def test_a_case_that_does_not_hold_is_told(tmp_path: Path) -> None:
    case = "[[case]]\nname = 'n'\nclaim = '37252-26'\n"
    assert _wrong(tmp_path, case + "findings = ['PCN1:1 SV101-3']") == []
    assert _wrong(tmp_path, case + "findings = []") == ["IVUS402, n: findings are ['PCN1:1 SV101-3'], not []"]
    for setting, told in (
        ("message = 'xyz'", "'xyz' is neither in the message nor in the fix"),
        ("severity = 'info'", "the severity is error"),
        ("statuses = ['A8:1']", "the statuses are ['A8:453', 'A8:507']"),
    ):
        (wrong,) = _wrong(tmp_path, f"{case}findings = ['PCN1:1 SV101-3']\n{setting}")
        assert wrong == f"IVUS402, n: PCN1:1 SV101-3: {told}"
    assert _wrong(tmp_path, case + "findings = []\nconfig = 'ignore = [\"IVUS402\"]'") == []
    assert _wrong(tmp_path, "") == ["IVUS402.toml holds no case"]


def test_a_malformed_case_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"IVUS402.toml, case 1: wrong or missing keys: claims, findings"):
        _wrong(tmp_path, "[[case]]\nname = 'n'\nclaim = '37252'\nclaims = ''")


# -- the date of the file ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shorthand", "day"),
    [
        ("37252", DEFAULT_DATE),
        ("claim date=20261103\n37252", "20261103"),
        ("claim date=20261103\n37252 on=20261101", "20261101"),
        ("37252 on=20261103\n37253 on=20250101", "20261103"),
        ("37252 on=20240730-20240807", "20240807"),
        ("claim date=20250101\n37252\nclaim date=20261103\n37252\nclaim\n37252", "20261103"),
        ("37252 on=none", DEFAULT_DATE),
        ("37252 on=20269999\n37252", DEFAULT_DATE),
        ("claim date=20261103 file-date=20261201\n37252", "20261201"),
        ("claim date=20261103\n37252\nclaim date=20261104 file-date=20261001\n37252", "20261001"),
    ],
)
def test_the_file_is_dated_by_its_newest_date_of_service(shorthand: str, day: str) -> None:
    isa, gs, _, bht, *_ = to_837p(shorthand).decode().split("~\n")
    assert isa.split("*")[9] == day[2:]
    assert gs.split("*")[4] == day
    assert bht.split("*")[4] == day


def test_two_dates_of_one_file_are_an_error() -> None:
    with pytest.raises(ValueError, match="one file has one file-date, not 20240101 and 20240102"):
        to_837p("claim file-date=20240102\n37252\nclaim file-date=20240101\n37252")
