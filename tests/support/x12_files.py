"""The X12 files written for an input, and checks of them that use neither the writers nor the reader."""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import attrs

from scrubber.engine.judge import Engine
from scrubber.findings.report import ClaimReport, FileReport
from scrubber.io.publication import Publication
from scrubber.io.source import InputSource, open_source
from scrubber.outputs.output_set import AckSettings, OutputSettings, Targets
from scrubber.outputs.x12.base import JudgedClaim, JudgedRun
from scrubber.pipeline.file_scrub import FileScrub
from scrubber.x12.lexer import cut_segments
from tests.support.oracle import interchanges

NAMES = {"annotated": "a.837", "clean": "c.837", "rejected": "r.837", "ack277": "a.277", "ack999": "a.999"}


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


def write_files(
    source: InputSource, engine: Engine, targets: Targets, settings: OutputSettings, publication: Publication
) -> tuple[FileReport, tuple[str, ...]]:
    """Scrub an input into files, and return its report with the claims and what the user is to know of the files."""
    run = FileScrub(source, engine)
    outputs = run.begin_files(targets, settings, publication)
    claims: list[ClaimReport] = []
    for event in run.events():
        outputs.take(event)
        if isinstance(event, JudgedRun):
            claims += event.claims.reports()
        if isinstance(event, JudgedClaim):
            claims.append(event.shown)
    written = outputs.finish(run.report)
    publication.publish()
    return attrs.evolve(run.report, claims=tuple(claims), not_annotated=written.not_annotated), written.notes


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


def check_only_added(before: bytes, after: bytes) -> None:
    """The annotated file is the input with NTE and K3 segments added and SE01 changed."""
    rest = iter(segments_of(after))
    for segment in segments_of(before):
        found = next(rest)
        while found != segment and found[0] in {"NTE", "K3"}:
            found = next(rest)
        assert found == segment or (found[0] == segment[0] == "SE" and found[2:] == segment[2:])
    assert not list(rest)


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


def lines_of(data: bytes) -> list[str]:
    return ["*".join(segment) for segment in segments_of(data)]
