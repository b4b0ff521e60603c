"""Cases as data: `fixtures/cases/<EDIT>.toml`, each a claim in shorthand and the findings expected of that edit.

A finding is written "CLM01:line element", line 0 for the whole claim; `message` is a part of every message, `severity`
and `statuses` are those of every finding.  `chain.toml` holds whole verdicts instead: "CLM01:line CODE", with the
codes of `without` left out.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from scrubber.api import load_settings, make_engine
from scrubber.engine import Engine
from scrubber.findings import Finding
from scrubber.testing import scrub_shorthand

CASES = Path(__file__).parents[1] / "fixtures" / "cases"


def _load() -> list[Any]:
    return [
        pytest.param(path.stem, case, id=f"{path.stem}-{case['name']}".replace(" ", "-"))
        for path in sorted(CASES.glob("*.toml"))
        for case in tomllib.loads(path.read_text(encoding="utf-8"))["case"]
    ]


def _engine(case: dict[str, Any], default: Engine, tmp_path: Path) -> Engine:
    if "config" not in case:
        return default
    path = tmp_path / "scrubber.toml"
    path.write_text(case["config"], encoding="utf-8")
    return make_engine(load_settings(path))


def _place(finding: Finding) -> str:
    element = finding.location.element if finding.location is not None else None
    return f"{finding.claim}:{finding.line or 0} {element or '-'}"


@pytest.mark.parametrize(("edit", "case"), _load())
def test_case(edit: str, case: dict[str, Any], default_engine: Engine, tmp_path: Path) -> None:
    engine = _engine(case, default_engine, tmp_path)
    reports = scrub_shorthand(case["claim"], engine=engine)
    findings = [finding for report in reports for finding in report.findings]
    assert not any(finding.code == "SCR901" for finding in findings)
    if edit == "chain":
        without = tuple(case.get("without", ()))
        found = [f"{f.claim}:{f.line or 0} {f.code}" for f in findings if not f.code.startswith(without or ("-",))]
        assert found == case["findings"]
        return
    own = [finding for finding in findings if finding.code == edit]
    assert [_place(finding) for finding in own] == case["findings"]
    for finding in own:
        assert case.get("message", "") in f"{finding.message} {finding.fix}"
        assert finding.severity == case.get("severity", finding.severity)
        assert [str(status) for status in finding.statuses] == case.get("statuses", [str(s) for s in finding.statuses])
