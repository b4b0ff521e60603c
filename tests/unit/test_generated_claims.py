"""What the generator of the benchmarks promises: the shares asked for, and nothing found on the other claims."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.generate import Mix, texts, write, write_mix
from scrubber.engine.judge import Engine
from scrubber.findings.finding import Severity
from scrubber.findings.report import ClaimReport
from tests.support.paths import ROOT
from tests.support.x12_files import check_numbering
from tests.support.x12_files import write as scrub

CLAIMS = 400


def _text(mix: Mix, claims: int = CLAIMS, seed: int = 837) -> bytes:
    return "".join(texts(claims, mix, seed)).encode("ascii")


def _reports(mix: Mix, engine: Engine) -> tuple[ClaimReport, ...]:
    report = scrub(_text(mix), engine).report
    assert report.readable
    assert not report.findings
    return report.claims


@pytest.mark.parametrize("mix", [Mix(0, 0), Mix(1, 0), Mix(0.3, 0, modifiers=0.4), Mix(1, 0, modifiers=1)], ids=str)
def test_nothing_is_found_on_a_claim_that_is_not_to_be_denied(mix: Mix, default_engine: Engine) -> None:
    assert [finding.code for claim in _reports(mix, default_engine) for finding in claim.findings] == []


@pytest.mark.parametrize(("faulty", "mistakes"), [(0.05, 1), (0.25, 1), (1, 1), (1, 2), (1, 4)])
def test_the_share_of_claims_with_findings_is_what_was_asked_for(
    faulty: float, mistakes: int, default_engine: Engine
) -> None:
    claims = _reports(Mix(1, faulty, mistakes=mistakes), default_engine)
    found = [claim for claim in claims if claim.findings]
    assert abs(len(found) / CLAIMS - faulty) < (0.06 if faulty < 1 else 1e-9)
    assert all(claim.rejected for claim in found)
    errors = {finding.code for claim in found for finding in claim.findings if finding.severity is Severity.ERROR}
    assert {"IVUS101", "IVUS102", "IVUS201", "IVUS401"} <= errors
    assert all(len(claim.findings) >= mistakes for claim in found)


def test_the_share_of_ultrasound_and_of_modifiers_is_what_was_asked_for() -> None:
    data = _text(Mix(0.3, 0, modifiers=0.4), 1_000)
    claims = data.split(b"CLM*")[1:]
    assert abs(sum(b"HC:3725" in claim for claim in claims) / len(claims) - 0.3) < 0.05
    lines = re.findall(rb"SV1\*HC:(?!3725[23])(\w{5})(:\w\w)?\*", data)
    assert abs(sum(bool(modifier) for _, modifier in lines) / len(lines) - 0.4) < 0.03
    assert {b":25", b":59", b":LT", b":RT", b":26"} <= {modifier for _, modifier in lines}
    assert not re.search(rb"HC:3725[23]:", data)


def test_every_fiftieth_claim_is_a_second_one_of_a_patient() -> None:
    members = re.findall(rb"NM1\*IL\*(.+)~", _text(Mix(), 500))
    assert len(set(members)) == 490


def test_the_same_arguments_give_the_same_file(tmp_path: Path) -> None:
    assert _text(Mix(0.5, 0.5)) == _text(Mix(0.5, 0.5)) != _text(Mix(0.5, 0.5), seed=1)
    write(tmp_path / "a", 100, 0.2)
    write_mix(tmp_path / "b", 100, Mix())
    command = (sys.executable, "benchmarks/generate.py", str(tmp_path / "c"), "--claims", "100", "--ivus", "20")
    subprocess.run(command, cwd=ROOT, check=True)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() == (tmp_path / "c").read_bytes()


def test_all_is_counted_right() -> None:
    check_numbering(_text(Mix(0.2), 5_100))
