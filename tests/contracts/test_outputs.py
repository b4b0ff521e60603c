"""The X12 files written for an input, over shapes drawn by Hypothesis and over other people's files."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import attrs
import pytest
from hypothesis import HealthCheck, given, settings

from scrubber.claims.builder import ClaimPlace
from scrubber.claims.model import Claim
from scrubber.claims.reader import Reader
from scrubber.engine.judge import Engine
from scrubber.findings.finding import Finding, Severity
from scrubber.findings.report import ClaimReport
from scrubber.io.source import open_source
from tests.support import shapes
from tests.support.oracle import interchanges, pyx12_errors
from tests.support.other_files import OTHERS, SAMPLES, as_parameters
from tests.support.x12_files import (
    Written,
    amounts,
    check_numbering,
    check_numbering_of_acknowledgement,
    check_only_added,
    claim_slices,
    segments_of,
    total,
    write,
)

FILES = [*SAMPLES, *OTHERS]

# The profile `long` has more of them than the default one, which draws fewer of these large files than of other things.
EXAMPLES = 20 if settings().max_examples <= 100 else settings().max_examples


class Alternating(Engine):
    """Rejects every second claim, whatever it holds, with a finding on its first line, or on itself without lines."""

    def judge(self, claims: Sequence[Claim], places: Sequence[ClaimPlace] = ()) -> list[ClaimReport]:
        """Add an error to the claims of even ordinals and a warning to the others."""
        return [self._with(report, claim) for report, claim in zip(super().judge(claims, places), claims, strict=True)]

    def _with(self, report: ClaimReport, claim: Claim) -> ClaimReport:
        severity = Severity.WARNING if claim.ordinal % 2 else Severity.ERROR
        line = claim.lines[0] if claim.lines and claim.ordinal % 3 else None
        place = (line or claim).locate()
        number = line.number if line else None
        added = Finding(
            "TEST001", "a-test", severity, "m", "f", claim.control_number, claim.ordinal, number, location=place
        )
        findings = sorted((*report.findings, added), key=lambda finding: finding.sort_key)
        return attrs.evolve(report, findings=tuple(findings))


@pytest.fixture(scope="session")
def alternating(default_engine: Engine) -> Engine:
    from scrubber.packs.registry import load_plugins  # noqa: PLC0415

    return Alternating(default_engine.config, load_plugins(), screened=False)


# -- properties -------------------------------------------------------------------------------------------------------


def check_written(made: shapes.Made, written: Written, engine: Engine) -> None:
    files, totals = written.files, written.report.totals
    assert [(claim.claim, claim.rejected) for claim in written.report.claims] == made.claims
    sides = {"clean": False, "rejected": True}
    wanted = {name: [number for number, fails in made.claims if fails is side] for name, side in sides.items()}
    slices = {slice_[4:12]: slice_ for slice_ in claim_slices(made.data)}
    for name, numbers in wanted.items():
        assert (name in files) == bool(numbers)
        if numbers:
            assert claim_slices(files[name]) == [slices[number.encode()] for number in numbers]
            check_numbering(files[name])
        if len(numbers) == len(made.claims):
            assert files[name] == made.data
    assert total(files[name] for name in sides if name in files) == amounts(made.data)
    assert amounts(files["annotated"]) == amounts(made.data)
    check_numbering(files["annotated"])
    check_only_added(made.data, files["annotated"])
    check_277ca(written)
    check_numbering_of_acknowledgement(files["ack277"])
    if "clean" in files:
        again = write(files["clean"], engine)
        assert not again.report.totals.rejected
        assert not again.report.findings
        assert again.files["clean"] == files["clean"]
    again = write(files["annotated"], engine)
    assert again.files["annotated"] == files["annotated"]
    assert again.report.totals == totals


def check_277ca(written: Written) -> None:
    segments, totals = segments_of(written.files["ack277"]), written.report.totals
    found: Counter[str] = Counter()
    for segment in segments:
        if segment[0] in {"QTY", "AMT"}:
            found[f"{segment[0]} {segment[1]}"] += Decimal(segment[2])  # type: ignore[assignment]
    for counted in (found["QTY 90"], found["QTY QA"]):
        assert counted == totals.accepted
    for counted in (found["QTY AA"], found["QTY QC"]):
        assert counted == totals.rejected
    # Both the receiver level and the provider level sum up the charges.
    assert found["AMT YU"] == 2 * totals.accepted_charges
    assert found["AMT YY"] == 2 * totals.rejected_charges
    traces = [segment[2] for segment in segments if segment[:2] == ["TRN", "2"] and segment[2].startswith("PCN")]
    assert traces == [claim.claim for claim in written.report.claims]


@given(shapes.files)
@settings(deadline=None, max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow])
def test_nothing_is_lost_whatever_the_shape(
    default_engine: Engine, file: tuple[tuple[shapes.Interchange, ...], str]
) -> None:
    made = shapes.make(*file)
    check_written(made, write(made.data, default_engine), default_engine)


@given(shapes.interchanges)
@settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.too_slow])
def test_pyx12_accepts_every_file(default_engine: Engine, x214: Path, shape: shapes.Interchange) -> None:
    made = shapes.make((shape,))
    assert pyx12_errors(made.data) == []
    for line_dates in (False, True):
        written = write(made.data, default_engine, line_dates=line_dates)
        assert pyx12_errors(written.files["ack277"], None if line_dates else x214) == []
    for kind, data in written.files.items():
        assert kind == "ack277" or pyx12_errors(data) == []


# -- other people's files ---------------------------------------------------------------------------------------------


def judged(data: bytes) -> list[bytes]:
    """Return the first interchanges of a file: pyx12 takes half a second for the smallest."""
    return interchanges(data)[:3]


def kinds(data: bytes) -> set[str]:
    """Return what pyx12 finds wrong, without the places."""
    errors = [error.partition(": ")[2] for interchange in judged(data) for error in pyx12_errors(interchange)]
    return {re.sub(r"\d+", "n", re.sub(r"Segment \S+ not found.*", "Segment not found", text))[:60] for text in errors}


@pytest.mark.parametrize("path", as_parameters(FILES), ids=lambda path: path.name)
def test_other_peoples_files_split_as_valid_as_they_were(path: Path, alternating: Engine, x214: Path) -> None:
    data = path.read_bytes()
    written = write(data, alternating, k3=True)
    if not written.report.readable:
        assert written.files.keys() <= {"ack999"}
        assert any("--partial" in note for note in written.notes)
        assert not any(map(pyx12_errors, judged(written.files.get("ack999", b""))))
        return
    there = kinds(data)
    for kind in ("annotated", "clean", "rejected"):
        if kind in written.files:
            assert kinds(written.files[kind]) <= there
            with open_source(written.files[kind]) as source:
                reader = Reader(source)
                assert list(reader)
                assert reader.readable
    assert total(written.files[name] for name in ("clean", "rejected") if name in written.files) == amounts(data)
    slices = [slice_ for name in ("clean", "rejected") for slice_ in claim_slices(written.files.get(name, b""))]
    assert Counter(slices) == Counter(claim_slices(data))
    assert not any(map(pyx12_errors, judged(written.files["ack999"])))
    if not there:
        assert not any(pyx12_errors(found, x214) for found in judged(written.files["ack277"]))
    assert write(written.files["annotated"], alternating, k3=True).files["annotated"] == written.files["annotated"]


@pytest.mark.parametrize("path", as_parameters(FILES), ids=lambda path: path.name)
def test_a_file_without_errors_comes_back_byte_for_byte(path: Path, default_engine: Engine) -> None:
    written = write(path.read_bytes(), default_engine)
    if written.report.readable and not written.report.totals.rejected:
        assert written.files["clean"] == path.read_bytes()
        assert "rejected" not in written.files
