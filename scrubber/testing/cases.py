"""Cases as data: a claim in the shorthand and the findings it must have."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from scrubber.api import load_settings, make_engine
from scrubber.engine.judge import Engine
from scrubber.findings.finding import Finding, Related
from scrubber.findings.rule import Rule
from scrubber.testing.shorthand import scrub_shorthand

__all__ = ["case_engine", "load_cases", "run_case", "run_cases", "run_examples"]


def run_examples(rule: type[Rule]) -> list[str]:
    """Execute the examples of an edit; give one line for each that does not do what it says."""
    engine = make_engine(load_settings(discover=False, packs=rule.meta.packs))
    wrong: list[str] = []
    for example in rule.meta.examples:
        found: list[Finding] = [
            finding for claim in scrub_shorthand(example.claim, engine=engine) for finding in claim.findings
        ]
        fired = any(finding.code == rule.meta.code for finding in found)
        if fired != example.fires:
            wrong.append(f"{rule.meta.code}: the example {example.claim!r} {'fires' if fired else 'does not fire'}")
    return wrong


_CASE_KEYS = {"name", "claim", "findings", "message", "severity", "statuses", "related", "config"}


def load_cases(path: Path) -> list[dict[str, Any]]:
    """Read the cases of a TOML file.  Raises ValueError for one that lacks a name, claim or findings, or has more."""
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    common = {"config": content["config"]} if "config" in content else {}
    cases: list[dict[str, Any]] = [common | case for case in content.get("case", [])]
    for number, case in enumerate(cases, 1):
        missing, unknown = {"name", "claim", "findings"} - case.keys(), case.keys() - _CASE_KEYS
        if missing or unknown:
            raise ValueError(
                f"{path.name}, case {number}: wrong or missing keys: {', '.join(sorted(missing | unknown))}"
            )
    return cases


def run_case(code: str, case: Mapping[str, Any], engine: Engine | None = None) -> list[str]:
    """Execute a case of the edit `code`; give a line for everything that is not as the case says."""
    reports = scrub_shorthand(case["claim"], engine=case_engine(case, engine))
    findings = [finding for report in reports for finding in report.findings]
    own = [finding for finding in findings if finding.code == code]
    found = [_place(finding) for finding in own]
    wrong = [finding.message for finding in findings if finding.code == "SCR901"]
    if found != case["findings"]:
        wrong.append(f"findings are {found}, not {case['findings']}")
    for finding, place in zip(own, found, strict=True):
        if case.get("message", "") not in f"{finding.message} {finding.fix}":
            wrong.append(f"{place}: {case['message']!r} is neither in the message nor in the fix")
        if finding.severity != case.get("severity", finding.severity):
            wrong.append(f"{place}: the severity is {finding.severity}")
        statuses = [str(status) for status in finding.statuses]
        if statuses != case.get("statuses", statuses):
            wrong.append(f"{place}: the statuses are {statuses}")
    related = [_related(each) for finding in own for each in finding.related]
    if related != case.get("related", related):
        wrong.append(f"related are {related}, not {case['related']}")
    return [f"{code}, {case['name']}: {text}" for text in wrong]


def run_cases(path: Path) -> list[str]:
    """Execute the cases of a file called after its edit; give a line for everything that is not as they say.

    A file without cases is one such line: an empty test would pass for any edit.
    """
    engine = make_engine(load_settings(discover=False))
    cases = load_cases(path)
    return [wrong for case in cases for wrong in run_case(path.stem, case, engine)] or (
        [] if cases else [f"{path.name} holds no case"]
    )


def case_engine(case: Mapping[str, Any], engine: Engine | None = None) -> Engine:
    """Return `engine`, or one with the settings of the case if it has its own."""
    if engine is not None and "config" not in case:
        return engine
    with TemporaryDirectory() as folder:
        path = Path(folder, "scrubber.toml")
        path.write_text(case.get("config", ""), encoding="utf-8")
        return make_engine(load_settings(path))


def _related(related: Related) -> str:
    return f"{related.claim or f'claim {related.claim_ordinal}'}:{related.line or 0} {related.role}"


def _place(finding: Finding) -> str:
    element = finding.location.element if finding.location is not None else None
    return f"{finding.claim}:{finding.line or 0} {element or '-'}"
