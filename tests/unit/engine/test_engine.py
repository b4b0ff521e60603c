"""The engine and the scrub of a file: crashes, order of edits, encounters over claims, money, determinism."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest

from scrubber.api import load_settings, make_engine
from scrubber.claims.encounter import Encounter
from scrubber.claims.model import Claim
from scrubber.config import Config
from scrubber.engine.judge import Engine
from scrubber.findings.dates import DateRange
from scrubber.findings.finding import Finding, Severity, Source
from scrubber.findings.rule import Meta, RuleStage
from scrubber.io.source import open_source
from scrubber.packs.edit import Context, Edit, EncounterEdit
from scrubber.packs.pack import EditPack
from scrubber.packs.registry import Plugin, load_plugins
from scrubber.pipeline.file_scrub import FileScrub
from scrubber.testing import scrub_shorthand, to_837p
from tests.support.paths import FIXTURES

PLAIN = load_settings(discover=False)


def _meta(code: str, severity: Severity = Severity.ERROR) -> Meta:
    return Meta(
        code=code,
        name=code.lower(),
        title=code,
        since="0.1",
        stage=RuleStage.STABLE,
        severity=severity,
        sources=(Source("a test", "2026"),),
    )


class Crashing(Edit[Any]):
    """Fails always.

    Why: to see what happens.
    Fix: nothing.
    """

    meta = _meta("TST001")

    def check(self, claim: Claim, context: Context[Any]) -> Iterator[Finding]:
        raise RuntimeError(f"a secret of {claim.subscriber.last_name}")
        yield


class CrashingOnEncounters(EncounterEdit[Any]):
    """Fails always.

    Why: to see what happens.
    Fix: nothing.
    """

    meta = _meta("TST002")

    def check(self, encounter: Encounter, context: Context[Any]) -> list[Finding]:
        raise KeyError(encounter.claims[0].subscriber.last_name)


class EveryClaim(Edit[Any]):
    """An edit that reports something about every claim.

    Why: to see what happens.
    Fix: nothing.
    """

    meta = _meta("TST003", Severity.INFO)

    def check(self, claim: Claim, context: Context[Any]) -> Iterator[Finding]:
        yield self.finding(claim, "Here.", "Nothing.")


def _engine(*edits: type[Any], config: Config = PLAIN) -> Engine:
    return Engine(config, [Plugin("TST", "a test", "0", EditPack(edits=edits))])


@pytest.mark.parametrize(
    ("dates", "asked"),
    [
        (["20151231"], False),
        (["20160101"], True),
        (["20151220-20160101"], True),
        (["20151220-20151231"], False),
        (["20151231", "20160101"], True),
        (["20161231"], True),
        (["20170101"], False),
        (["29990101"], True),  # which cannot be read
        (["20151231", "29990101"], True),
    ],
)
@pytest.mark.parametrize("kind", [EveryClaim, CrashingOnEncounters])
def test_an_edit_is_asked_about_dates_of_its_period_only(kind: type[Any], dates: list[str], *, asked: bool) -> None:
    period = DateRange(date(2016, 1, 1), date(2016, 12, 31))
    timed = type(kind.__name__, (kind,), {"__doc__": kind.__doc__, "meta": attrs.evolve(kind.meta, effective=period)})
    claim = "\n".join(f"99213 on={day}" for day in dates)
    (report,) = scrub_shorthand(f"claim A\n{claim}", engine=_engine(timed))
    if kind is CrashingOnEncounters and "29990101" in dates:
        asked = False  # a line without a readable date is in no encounter
    assert bool(report.findings) is asked


def test_a_crash_rejects_the_claim_and_the_other_edits_still_run() -> None:
    engine = _engine(Crashing, EveryClaim)
    report = scrub_shorthand("99213", engine=engine)[0]
    assert [finding.code for finding in report.findings] == ["SCR901", "TST003"]
    assert report.rejected
    assert report.crashed
    message = report.findings[0].message
    assert "TST001 crashed with RuntimeError at test_engine.py line" in message
    assert "TESTPATIENT" not in message


def test_a_crash_over_an_encounter_rejects_all_its_claims() -> None:
    reports = scrub_shorthand("claim A\n99213\nclaim B\n99214", engine=_engine(CrashingOnEncounters))
    assert [[finding.code for finding in report.findings] for report in reports] == [["SCR901"], ["SCR901"]]


def test_a_crash_cannot_be_deselected() -> None:
    config = load_settings(discover=False, select=("IVUS",))
    assert scrub_shorthand("99213", engine=_engine(Crashing, config=config))[0].findings == ()
    crashed = scrub_shorthand("99213", engine=_engine(Crashing, config=Config(ignore=("SCR",))))[0]
    assert [finding.code for finding in crashed.findings] == ["SCR901"]


def test_an_edit_is_run_only_where_its_procedures_are_billed() -> None:
    class Narrow(EveryClaim):
        """Looks at 37252 only.

        Why: to see what happens.
        Fix: nothing.
        """

        meta = Meta(
            code="TST004",
            name="narrow",
            title="Narrow",
            since="0.1",
            stage=RuleStage.STABLE,
            severity=Severity.INFO,
            sources=(Source("a test", "2026"),),
            procedures=frozenset({"37252"}),
        )

    reports = scrub_shorthand("claim A\n37252\nclaim B patient=M2\n99213", engine=_engine(Narrow))
    assert [len(report.findings) for report in reports] == [1, 0]


def test_void_claims_are_counted_and_not_judged(default_engine: Engine) -> None:
    report = scrub_shorthand("claim freq=8 filing=CI f8=P1\n37252 x9", engine=default_engine)[0]
    assert [finding.code for finding in report.findings] == ["X12223"]
    assert (report.lines, report.charge) == (1, Decimal(100))


def test_money_at_risk_is_that_of_the_lines_with_an_error(default_engine: Engine) -> None:
    report = scrub_shorthand("37238\n37252-50\n37253 x2", engine=default_engine)[0]
    assert report.at_risk == Decimal("927.06")
    several = scrub_shorthand("37238\n37252\n37253-50 x2", engine=default_engine)[0]
    assert several.at_risk == Decimal("340.86")
    unpriced = scrub_shorthand("37238\n36005\n37252", engine=default_engine)[0]
    assert (unpriced.at_risk, unpriced.unpriced_lines) == (Decimal("0.00"), 1)


@pytest.mark.parametrize(
    ("lines", "units"),
    [
        ("37238\n37252-50", 1),
        ("37238\n37252-50 x6", 1),
        ("37238\n37252\n37252-50", 0),
        ("37238\n37252-50\n37252-50", 1),
        ("37238\n37252-50\n37252-50 on=20240806\n37238 on=20240806", 2),
        ("37238\n37252-50 x3 on=20240805-20240806\n37238 on=20240806", 2),
        ("37238\n37193\n37252-50", 0),
        ("37238\n37193 on=20240806\n37252-50", 1),
        ("37238\n37193 by=1234567893\n37252-50", 1),
    ],
)
def test_at_risk_is_never_more_than_could_be_paid(lines: str, units: int, default_engine: Engine) -> None:
    (one,) = scrub_shorthand("37238\n37252-50", engine=default_engine)
    (report,) = scrub_shorthand(lines, engine=default_engine)
    assert report.rejected
    assert report.at_risk == one.at_risk * units


@pytest.mark.parametrize(
    ("claims", "units"),
    [
        ("claim A\n37238\n37252-50\nclaim B\n37252-50", (1, 0)),  # one unit a day, whatever claim it is on
        ("claim A\n37238\n37252-50\nclaim B\n37238 by=1234567893\n37252-50 by=1234567893", (1, 1)),
        ("claim A\n37238\n37252-50\nclaim B date=20240806\n37238\n37252-50", (1, 1)),
        ("claim A\n37238\n37252-50\nclaim B patient=P2\n37238\n37252-50", (1, 1)),
        ("claim A\n37238\n37252-50\nclaim B\n37193", (0,)),  # beside an excluded procedure
        ("claim A\n37238\n37252-50\nclaim B\n37238\n37252-50", (1, 0)),  # a repeat
        ("claim A\n37238\n37252-50 x2 on=20240805-20240806\n37238 on=20240806\nclaim B\n37252-50", (2, 0)),
    ],
)
def test_at_risk_counts_the_day_and_not_the_claim(claims: str, units: tuple[int, ...], default_engine: Engine) -> None:
    (one,) = scrub_shorthand("37238\n37252-50", engine=default_engine)
    reports = scrub_shorthand(claims, engine=default_engine)
    assert [report.at_risk for report in reports][: len(units)] == [one.at_risk * number for number in units]


def test_a_facility_pays_less(default_engine: Engine) -> None:
    assert scrub_shorthand("claim pos=22\n37238\n37252-50", engine=default_engine)[0].at_risk == Decimal("86.21")


def test_the_claims_of_a_patient_are_judged_together_and_reported_in_file_order(default_engine: Engine) -> None:
    shorthand = "claim A\n37238\nclaim X patient=M2\n99213\nclaim B\n37252\nclaim C\n37252 charge=90"
    reports = scrub_shorthand(shorthand, engine=default_engine)
    assert [report.claim for report in reports] == ["A", "X", "B", "C"]
    codes = [{finding.code for finding in report.findings} for report in reports]
    assert "IVUS106" in codes[2]
    assert "IVUS701" in codes[3]
    assert "IVUS701" not in codes[2]


def test_findings_are_in_order_of_line_and_code(default_engine: Engine) -> None:
    findings = scrub_shorthand("claim charge=1\n36005\n37252-50 x2 dx=none", engine=default_engine)[0].findings
    assert [(finding.line or 0, finding.code) for finding in findings] == sorted(
        (finding.line or 0, finding.code) for finding in findings
    )


def test_the_same_input_gives_the_same_findings() -> None:
    data = to_837p((FIXTURES / "claims" / "office_week.txt").read_text(encoding="utf-8"))
    results = []
    for _ in range(2):
        with open_source(data, "x") as source:
            results.append(list(FileScrub(source, make_engine(PLAIN))))
    assert results[0] == results[1]


def test_a_source_that_changes_between_the_passes_is_not_believed(tmp_path: Path, default_engine: Engine) -> None:
    from scrubber.errors import UnreadableError  # noqa: PLC0415

    path = tmp_path / "a.837"
    path.write_bytes(to_837p("37238\n37252"))
    with open_source(path) as source:
        run = FileScrub(source, default_engine)
        path.write_bytes(to_837p("99213"))
        with pytest.raises(UnreadableError, match="changed while it was being read"):
            list(run)


def test_the_installed_plugins_own_their_prefixes() -> None:
    assert {plugin.prefix for plugin in load_plugins()} >= {"IVUS", "X12"}


@pytest.mark.parametrize("flaw", ["99213 on=20240231", "99213 xtwo", "99213 charge=-1"])
def test_a_claim_that_relies_on_a_rejected_one_is_rejected_too(flaw: str, default_engine: Engine) -> None:
    first, second, third = scrub_shorthand(
        f"claim A\n37238\n37252\n{flaw}\nclaim B\n37253\nclaim C date=20240901\n99213", engine=default_engine
    )
    assert [finding.code for finding in second.findings if finding.severity is Severity.ERROR] == ["SCR902", "SCR902"]
    message = second.findings[-1].message
    assert message.startswith("This claim relies on claim 1 of the file, rejected here. Without it: IVUS10")
    assert second.findings[-1].statuses
    assert first.rejected
    assert not third.rejected


def test_a_claim_that_stands_alone_is_not_held_back(default_engine: Engine) -> None:
    first, second = scrub_shorthand("claim A\n37238\n99213 xtwo\nclaim B\n37238\n37252", engine=default_engine)
    assert first.rejected
    assert not second.rejected


def test_every_claim_that_relies_on_the_rejected_one_is_rejected(default_engine: Engine) -> None:
    claims = scrub_shorthand("claim A\n37238\n99213 xtwo\nclaim B\n37252\nclaim C\n37253", engine=default_engine)
    assert all(claim.rejected for claim in claims)


def test_relying_can_be_made_a_warning() -> None:
    config = attrs.evolve(load_settings(discover=False), severity={"SCR902": Severity.WARNING})
    _, second = scrub_shorthand("claim A\n37238\n37252\n99213 xtwo\nclaim B\n37253", config)
    assert "SCR902" in {finding.code for finding in second.findings}
    assert not second.rejected


def test_no_claim_outlives_a_run() -> None:
    program = """
import gc, scrubber
from tests.support.paths import FIXTURES
from scrubber.testing import to_837p
kinds = ("37238 on=20240804", "37252-LT"), ("37238-LT", "37252-LT", "37253-LT x9", "36012-LT")
claims = [f"claim A{place} patient=P{place} note='LEFT CIV'" for place in range(20)]
texts = [text for place, claim in enumerate(claims) for text in (claim, *kinds[place % 2])]
report = scrubber.scrub(to_837p(chr(10).join(texts)))
assert {"IVUS104", "IVUS201", "IVUS503"} <= {finding.code for finding in report.findings}
gc.collect()
kinds = scrubber.Claim, scrubber.ServiceLine, scrubber.Encounter, scrubber.SameDays
print([type(found) for found in gc.get_objects() if isinstance(found, kinds)])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert done.stdout == "[]\n"
