"""One mistake gives one error, and a claim without mistakes gives none: claims as data, through the real parser."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from scrubber.engine import Engine
from scrubber.findings import Finding, Severity
from scrubber.testing import scrub_shorthand
from tests.conftest import FIXTURES


def _load(name: str) -> list[dict[str, Any]]:
    claims: list[dict[str, Any]] = tomllib.loads((FIXTURES / name).read_text(encoding="utf-8"))["claim"]
    return claims


MISTAKES = _load("one_mistake.toml")
CLEAN = _load("clean_claims.toml")

_AGE_OF_TABLES = "IVUS901"
"""Says how old the tables are, and nothing of the claim."""


def _findings(claim: str, engine: Engine) -> list[Finding]:
    found = [finding for report in scrub_shorthand(claim, engine=engine) for finding in report.findings]
    return [finding for finding in found if finding.code != _AGE_OF_TABLES]


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


def test_infos_are_on_at_most_one_clean_claim_in_ten(default_engine: Engine) -> None:
    with_infos = [claim["name"] for claim in CLEAN if _findings(claim["billed"], default_engine)]
    assert len({claim["billed"] for claim in CLEAN}) == len(CLEAN) >= 50
    assert len(with_infos) <= len(CLEAN) // 10, with_infos
