"""Ultrasound claims that once were answered wrongly, with claims of their kinds: `fixtures/field_ultrasound.toml`."""

from __future__ import annotations

import tomllib
from typing import Any

import attrs
import pytest

from edits import EDITS
from edits.ivus.facts import Facts, load_facts
from edits.ivus.rows import Fee
from scrubber.api import load_settings, scrub
from scrubber.engine.judge import Engine
from scrubber.packs.registry import Plugin
from scrubber.testing import scrub_shorthand, to_837p
from tests.support.paths import FIXTURES

CLAIMS = tomllib.loads((FIXTURES / "field_ultrasound.toml").read_text(encoding="utf-8"))["claim"]
SETTINGS = load_settings(discover=False, packs={"IVUS": {"vessels": "check"}})


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim["name"].replace(" ", "-"))
def test_an_ultrasound_claim_gets_its_whole_answer(claim: dict[str, Any]) -> None:
    path = FIXTURES / "field" / f"{claim.get('file')}.837"
    report = scrub(path.read_bytes() if "file" in claim else to_837p(claim["claim"]), SETTINGS).files[0]
    found = [
        f"{finding.claim}:{finding.line or 0} {finding.code} {finding.severity}"
        for judged in report.claims
        for finding in judged.findings
    ]
    assert (report.readable, report.findings) == (True, ())
    assert found == claim["findings"]
    if "at_risk" in claim:
        assert str(report.totals.at_risk) == claim["at_risk"]
        assert sum(judged.unpriced_lines for judged in report.claims) == claim["unpriced"]


def test_every_file_has_three_claims_of_its_kind() -> None:
    files = [bool(claim.get("file")) for claim in CLAIMS]
    kinds = "".join("F" if is_file else "." for is_file in files).replace("FF", "F").split("F")[1:]
    assert len(kinds) == sum(files) - 1  # two of the files are of one kind
    assert all(len(kind) >= 3 for kind in kinds)


# -- what is at risk on the line of a code that ended ------------------------------------------------------------------


@pytest.fixture(scope="module")
def priced() -> Engine:
    """An engine to which 37221 and 75956 are worth 5 dollars in 2025 and 7 in 2026."""
    facts = load_facts()

    def priced_facts() -> Facts:
        fees = {
            code: (
                Fee(procedure=code, effective="2025-01-01", deleted="2025-12-31", non_facility="5", facility="4"),
                Fee(procedure=code, effective="2026-01-01", deleted="2026-12-31", non_facility="7", facility="6"),
            )
            for code in ("37221", "75956")
        }
        return attrs.evolve(facts, fees=attrs.evolve(facts.fees, rows=dict(facts.fees.rows) | fees))

    pack = attrs.evolve(EDITS, tables=priced_facts)
    return Engine(load_settings(discover=False), [Plugin("IVUS", "a test", "0", pack)])


@pytest.mark.parametrize(
    ("claim", "at_risk", "at_risk_priced"),
    [
        # Beside another base, the ended code's line alone is at risk.
        ("claim date=20260110\n37221\n75710\n37252", ("0.00", 1), ("7.00", 0)),
        ("claim date=20260110 pos=22\n37221\n75710\n37252", ("0.00", 1), ("6.00", 0)),
        ("claim date=20260110\n37221 x2\n75710\n37252", ("0.00", 1), ("14.00", 0)),
        ("claim date=20260110\n75956\n75710\n37252\n37253 x2", ("0.00", 1), ("7.00", 0)),
        ("claim date=20260110\n37221\n75956\n75710\n37252", ("0.00", 2), ("14.00", 0)),
        ("claim date=20260110\n37221", ("0.00", 1), ("7.00", 0)),
        ("claim date=20260110\n37221\n37223\n75710\n37252", ("0.00", 2), ("7.00", 1)),
        # As the only base, it takes the ultrasound along, whose amount counts once.
        ("claim date=20260110\n37221\n37252", ("895.48", 1), ("902.48", 0)),
        ("claim date=20260110\n37221\n75956\n37252", ("895.48", 2), ("909.48", 0)),
        ("claim date=20260110\n37221\n37252\n37253", ("1065.16", 1), ("1072.16", 0)),
        # The amount is that of the first day.
        ("37221 on=20251231-20260101\n75710 on=20251231\n37252 on=20251231", ("0.00", 1), ("5.00", 0)),
        ("claim date=20251231\n37221\n37252", ("0.00", 0), ("0.00", 0)),
        ("claim date=20270101\n37221\n75710\n37252", ("0.00", 1), ("0.00", 1)),
    ],
)
def test_the_line_of_an_ended_code_is_what_is_at_risk(
    claim: str, at_risk: tuple[str, int], at_risk_priced: tuple[str, int], default_engine: Engine, priced: Engine
) -> None:
    for engine, expected in ((default_engine, at_risk), (priced, at_risk_priced)):
        (report,) = scrub_shorthand(claim, engine=engine)
        assert report.rejected is any(finding.code == "IVUS105" for finding in report.findings)
        assert (str(report.at_risk), report.unpriced_lines) == expected
