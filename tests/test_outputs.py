"""The X12 files written for an input, over shapes drawn by Hypothesis and over other people's files."""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
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
from scrubber.findings.report import ClaimReport, FileReport
from scrubber.io.publication import Publication
from scrubber.io.source import open_source
from scrubber.outputs.output_set import AckSettings, OutputSettings, Targets
from scrubber.x12.lexer import cut_segments
from tests import shapes
from tests.conftest import FIXTURES, ROOT
from tests.oracle import interchanges, published_x214_map, pyx12_errors
from tests.writing import write_files

CORPUS = ROOT.parent / "shared" / "corpus"
FILES = [*sorted((FIXTURES / "claims").glob("*.837")), *(sorted(CORPUS.iterdir()) if CORPUS.is_dir() else [])]
NAMES = {"annotated": "a.837", "clean": "c.837", "rejected": "r.837", "ack277": "a.277", "ack999": "a.999"}

# The profile `long` has more of them than the default one, which draws fewer of these large files than of other things.
EXAMPLES = 60 if settings().max_examples <= 100 else settings().max_examples


@attrs.frozen
class Written:
    """The report on an input and the files written for it, by the name of their target."""

    report: FileReport
    files: dict[str, bytes]
    notes: list[str]


def write(data: bytes, engine: Engine, *, partial: bool = False, k3: bool = False, line_dates: bool = False) -> Written:
    with tempfile.TemporaryDirectory() as name, open_source(data, "in.837") as source, Publication() as publication:
        folder = Path(name)
        annotated, clean, rejected, ack277, ack999 = (folder / file for file in NAMES.values())
        targets = Targets(annotated, clean, rejected, ack277, ack999)
        options = OutputSettings(AckSettings(engine.config.today), k3, line_dates, partial)
        report, notes = write_files(source, engine, targets, options, publication)
        there = {kind: folder / file for kind, file in NAMES.items() if (folder / file).exists()}
        assert len(list(folder.iterdir())) == len(there)
        return Written(report, {kind: path.read_bytes() for kind, path in there.items()}, list(notes))


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

    return Alternating(default_engine.config, load_plugins(), shortcut=False)


@pytest.fixture(scope="session")
def x214(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """pyx12's maps with the 277CA as published."""
    return published_x214_map(tmp_path_factory.mktemp("maps"))


# -- independent checks: nothing here uses the writers or the reader ---------------------------------------------------


def segments_of(data: bytes) -> list[list[str]]:
    return [s.elements for s in cut_segments([data], lambda _: None) if s.text]


def claim_slices(data: bytes) -> list[bytes]:
    """Cut the claims out of a file of one kind of delimiters: from CLM to the next CLM, HL or SE."""
    return [slice_ for interchange in interchanges(data) for slice_ in _claim_slices(interchange)]


def _claim_slices(data: bytes) -> list[bytes]:
    mark, end = re.escape(data[3:4]), re.escape(data[105:106])
    blank = rb"[ \t\r\n]*" if data[105:106] not in b"\r\n" else b""
    start = rb"(?<=" + end + rb")" + blank + rb"(?=(CLM|HL|SE)" + mark + rb")"
    cuts = [(match.end(), match.group(1)) for match in re.finditer(start, data)]
    ends = [place for place, _ in cuts[1:]] + [len(data)]
    return [
        data[place:stop].rstrip(b" \t\r\n") for (place, name), stop in zip(cuts, ends, strict=True) if name == b"CLM"
    ]


def amounts(data: bytes) -> tuple[int, int, Decimal]:
    segments = segments_of(data)
    charges = [Decimal(segment[2]) for segment in segments if segment[0] == "CLM"]
    return len(charges), sum(segment[0] == "LX" for segment in segments), sum(charges, Decimal(0))


def total(files: Iterable[bytes]) -> tuple[int, int, Decimal]:
    claims, lines, charges = zip(*map(amounts, files), strict=True)
    return sum(claims), sum(lines), sum(charges, Decimal(0))


def check_numbering(data: bytes) -> None:
    """HL01 counts, HL02 names the enclosing level, HL04 tells of children, and every trailer counts right."""
    counts: Counter[str] = Counter()
    levels: list[list[str]] = []
    for segment in segments_of(data):
        name = segment[0]
        counts[name] += 1
        counts["segments"] += 1
        if name == "ISA":
            counts["GS"] = 0
        elif name == "GS":
            counts["ST"] = 0
        elif name == "ST":
            counts["segments"], levels = 1, []
        elif name == "HL":
            levels.append(segment)
        elif name == "SE":
            assert segment[1] == str(counts["segments"])
            check_levels(levels)
        elif name in {"GE", "IEA"}:
            assert segment[1] == str(counts["ST" if name == "GE" else "GS"])


def check_levels(levels: list[list[str]]) -> None:
    assert [level[1] for level in levels] == [str(number) for number in range(1, len(levels) + 1)]
    last: dict[str, str] = {}
    parents = {level[2] for level in levels}
    for level in levels:
        assert level[2] == {"20": "", "22": last.get("20"), "23": last.get("22")}[level[3]]
        last[level[3]] = level[1]
        assert level[4] == ("1" if level[1] in parents else "0")


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


def check_only_added(before: bytes, after: bytes) -> None:
    """The annotated file is the input with NTE and K3 segments added and SE01 changed."""
    rest = iter(segments_of(after))
    for segment in segments_of(before):
        found = next(rest)
        while found != segment and found[0] in {"NTE", "K3"}:
            found = next(rest)
        assert found == segment or (found[0] == segment[0] == "SE" and found[2:] == segment[2:])
    assert not list(rest)


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


def check_numbering_of_acknowledgement(data: bytes) -> None:
    levels: list[list[str]] = []
    last: dict[str, str] = {}
    for segment in segments_of(data):
        if segment[0] == "ST":
            levels, last = [], {}
        elif segment[0] == "HL":
            levels.append(segment)
            assert segment[1] == str(len(levels))
            assert segment[2] == {"20": "", "21": "1", "19": "2", "PT": last.get("19")}[segment[3]]
            last[segment[3]] = segment[1]


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


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
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


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_without_errors_comes_back_byte_for_byte(path: Path, default_engine: Engine) -> None:
    written = write(path.read_bytes(), default_engine)
    if written.report.readable and not written.report.totals.rejected:
        assert written.files["clean"] == path.read_bytes()
        assert "rejected" not in written.files
