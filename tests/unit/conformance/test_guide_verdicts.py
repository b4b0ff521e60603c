"""With `--conformance guide` a claim answers for what the walk finds in it, above it, and in what it relies on."""

from __future__ import annotations

from functools import partial

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scrubber.api import load_settings, make_engine
from scrubber.config import Ignore, PayerConfig
from scrubber.engine.executor import Executor
from scrubber.engine.judge import Engine
from scrubber.engine.process_executor import ProcessExecutor
from scrubber.findings.finding import Severity
from scrubber.io.source import open_source
from scrubber.pipeline.file_scrub import FileScrub
from scrubber.testing import Form, to_837p
from tests.support.envelopes import counted
from tests.support.x12_files import write

GUIDE = load_settings(discover=False, conformance="guide")
# B has its primary procedure on A; C is alone.
THREE = to_837p("claim A\n37238\nclaim B\n37252\nclaim C patient=M2\n37238\n37252", Form(line_end=""))


def codes(data: bytes, engine: Engine, executor: Executor | None = None) -> list[list[str]]:
    """Return what the walk finds about each claim, and what relies on that; what is about the file at the end."""
    with open_source(counted(data), "in.837") as source:
        run = FileScrub(source, engine, executor=executor)
        claims = [[finding.code for finding in claim.findings] for claim in run]
        return [
            [code for code in found if code.startswith(("X123", "SCR"))]
            for found in [*claims, [finding.code for finding in run.report.findings]]
        ]


def replaced(old: bytes, new: bytes, place: int = 1) -> bytes:
    """Change the `place`-th occurrence in the file."""
    parts = THREE.split(old)
    return old.join(parts[:place]) + new + old.join(parts[place:])


STRAY = b"~CLM*X*0***11:B:1*Y*A*Y*Y~"  # a claim in front of any subscriber
TAX_NUMBER = b"~REF*EI*123456789~"

CASES = [
    ("nothing", THREE, [[], [], [], []]),
    ("the base claim", replaced(b"*Y*A*Y*", b"*Y*Z*Y*"), [["X12302"], ["SCR902"], [], []]),
    ("the claim that relies on it", replaced(b"*Y*A*Y*", b"*Y*Z*Y*", 2), [[], ["X12302"], [], []]),
    ("the subscriber of the base claim", replaced(b"*D8*19500101*F", b"*D8*1950*F"), [["X12302"], ["SCR902"], [], []]),
    ("the subscriber of C", replaced(b"*D8*19500101*F", b"*D8*1950*F", 3), [[], [], ["X12302"], []]),
    ("the billing provider", replaced(b"NM1*85*2*", b"NM1*85*7*"), [["X12302"], ["X12302"], ["X12302"], []]),
    (
        "two of one level",
        replaced(b"~N3*1 MAIN", b"~N3~N3*1 MAIN"),
        [["X12301", "X12301", "X12302"], ["X12301", "X12302"], ["X12301", "X12302"], []],
    ),
    ("missing above all claims", replaced(TAX_NUMBER, b"~"), [["X12301"], ["X12301"], ["X12301"], []]),
    (
        "missing above a stray claim and the others",
        replaced(TAX_NUMBER, STRAY),
        [["X12301"] * 2, ["X12301"], ["X12301"], ["X12301"], []],
    ),
    (
        "missing above an unknown level and the claims",
        replaced(TAX_NUMBER, b"~HL*2*1*99~"),
        [["X12301", "X12301", "X12302"]] * 3 + [["X12301"]],
    ),
    ("the receiver", replaced(b"NM1*40*2*", b"NM1*40*7*"), [["X12302"]] * 4),
]


@pytest.mark.parametrize(("data", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_the_walk_rejects_claims_like_any_edit(data: bytes, expected: list[list[str]], guide_engine: Engine) -> None:
    assert codes(data, guide_engine) == expected


def test_other_processes_know_what_the_walk_found(guide_engine: Engine) -> None:
    with ProcessExecutor(partial(make_engine, GUIDE), 2) as executor:
        for _, data, expected in CASES:
            assert codes(data, guide_engine, executor) == expected


def test_what_a_level_has_many_faults_of_is_listed_once(guide_engine: Engine) -> None:
    data = THREE.replace(b"~REF*EI*", b"~REF*ZZ*1" * 30 + b"~REF*EI*")
    with open_source(data, "in.837") as source:
        first, *others = FileScrub(source, guide_engine)
    told = [found.message for found in first.findings if found.code == "X12301"]
    assert len(told) == 30
    for claim in others:
        (found,) = [found for found in claim.findings if found.code == "X12301"]
        assert found.message == f"{told[0]} 29 more of this level are listed with claim 1 of the file."
        assert claim.rejected


def test_a_claim_that_no_edit_is_about_is_rejected_too(guide_engine: Engine) -> None:
    data = to_837p("99213", Form(line_end="")).replace(b"*Y*A*Y*", b"*Y*Z*Y*")
    assert codes(data, guide_engine) == [["X12302"], []]


@pytest.mark.parametrize(
    ("payer", "rejected", "suppressed"),
    [
        (PayerConfig(severity={"X12302": Severity.WARNING}), [False, False, False], 0),
        (PayerConfig(ignore={"X12302": Ignore("agreed")}), [False, False, False], 1),
        (PayerConfig(), [True, True, False], 0),
    ],
    ids=["severity", "ignore", "nothing"],
)
def test_settings_of_the_payer_hold(payer: PayerConfig, rejected: list[bool], suppressed: int) -> None:
    engine = make_engine(attrs.evolve(GUIDE, payers={"12502": payer}))
    with open_source(replaced(b"*Y*A*Y*", b"*Y*Z*Y*"), "in.837") as source:
        claims = list(FileScrub(source, engine))
    assert [claim.rejected for claim in claims] == rejected
    assert sum(len(claim.suppressed) for claim in claims) == suppressed


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_clean_file_of_a_damaged_one_is_clean(data: st.DataObject, guide_engine: Engine) -> None:
    segments = THREE.split(b"~")
    changed = data.draw(st.integers(7, len(segments) - 5))  # behind the header of the transaction set, before SE
    elements = segments[changed].split(b"*")
    elements[data.draw(st.integers(1, len(elements) - 1))] = data.draw(st.sampled_from([b"", b"ZZ", b"1", b"20240805"]))
    segments[changed] = b"*".join(elements)
    written = write(b"~".join(segments), guide_engine)
    clean = written.files.get("clean")
    if clean is not None and not written.report.findings:
        again = write(clean, guide_engine).report
        assert not any(claim.rejected for claim in again.claims)
        assert not any(finding.severity is Severity.ERROR for finding in again.findings)
