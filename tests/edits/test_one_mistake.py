"""One mistake gives one error, and a claim without mistakes gives none: claims as data, through the real parser."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from scrubber.engine.judge import Engine
from scrubber.findings.finding import Finding, Severity
from scrubber.testing import scrub_shorthand
from tests.support.paths import FIXTURES


def _load(name: str) -> list[dict[str, Any]]:
    claims: list[dict[str, Any]] = tomllib.loads((FIXTURES / name).read_text(encoding="utf-8"))["claim"]
    return claims


MISTAKES = _load("one_mistake.toml")
CLEAN = _load("clean_claims.toml")


def _findings(claim: str, engine: Engine) -> list[Finding]:
    return [finding for report in scrub_shorthand(claim, engine=engine) for finding in report.findings]


def _told(findings: list[Finding]) -> list[str]:
    return [f"{finding.claim}:{finding.line or 0} {finding.code}" for finding in findings]


def _serious(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.severity is not Severity.INFO]


@pytest.mark.parametrize("claim", MISTAKES, ids=lambda claim: claim["mistake"].replace(" ", "-"))
def test_one_mistake_gives_one_error_whose_fix_makes_the_claim_clean(
    claim: dict[str, Any], default_engine: Engine
) -> None:
    errors = [found for found in _findings(claim["billed"], default_engine) if found.severity is Severity.ERROR]
    assert [found.code for found in errors] == [claim["error"]], _told(errors)
    assert _told(_serious(_findings(claim["corrected"], default_engine))) == []


def test_forty_mistakes_differ() -> None:
    assert len({claim["billed"] for claim in MISTAKES}) == len(MISTAKES) >= 40


@pytest.mark.parametrize("claim", CLEAN, ids=lambda claim: claim["name"].replace(" ", "-"))
def test_a_clean_claim_has_no_error_and_no_warning(claim: dict[str, Any], default_engine: Engine) -> None:
    assert _told(_serious(_findings(claim["billed"], default_engine))) == []


def _with_findings(claims: list[str], engine: Engine) -> list[str]:
    """Return the claims on which anything is found: infos count, IVUS901 too, and so does what is ignored."""
    judged = [(claim, scrub_shorthand(claim, engine=engine)) for claim in claims]
    return [claim for claim, reports in judged if any(report.findings or report.suppressed for report in reports)]


def test_infos_are_on_at_most_one_clean_claim_in_ten(default_engine: Engine) -> None:
    billed = [claim["billed"] for claim in CLEAN]
    assert len(set(billed)) == len(billed) >= 50
    assert len(found := _with_findings(billed, default_engine)) <= len(billed) // 10, found


@pytest.mark.parametrize(
    ("info", "claim"),
    [
        ("IVUS106", "claim A\n37238\n36012\nclaim B\n37252"),
        ("IVUS304", "37238-LT\n36012-LT\n36005-59\n37252"),
        ("IVUS411", "37238-RT\n36012-RT\n37252-LT"),
        ("IVUS601", "37238\n37252"),
        ("IVUS603", "37238\n36012\n37253"),
        ("IVUS901", "claim date=20261110\n37238\n36012\n37252\n1234T"),
    ],
)
def test_a_claim_with_an_info_counts(info: str, claim: str, default_engine: Engine) -> None:
    assert info in {finding.code for finding in _findings(claim, default_engine) if finding.severity is Severity.INFO}
    assert _with_findings([claim], default_engine) == [claim]


def test_the_clean_claims_are_clean_in_one_file(default_engine: Engine) -> None:
    """Each under a control number and a patient of its own, as an office sends them."""
    claims = [
        claim["billed"].strip().replace("claim ", f"claim C{number} patient=P{number} ", 1)
        for number, claim in enumerate(CLEAN, 1)
    ]
    reports = scrub_shorthand("\n".join(claims), engine=default_engine)
    assert len(reports) >= len(CLEAN)
    assert [report.claim for report in reports if report.rejected] == []
    assert _told(_serious([finding for report in reports for finding in report.findings])) == []
    assert sum(bool(report.findings or report.suppressed) for report in reports) <= len(reports) // 10
