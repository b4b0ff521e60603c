"""The envelope: what is wrong with a file is said, what can be read is read, and nothing is silently left out."""

from __future__ import annotations

import io
from collections.abc import Callable

import attrs
import pytest

from scrubber.api import load_settings, make_engine
from scrubber.claims.builder import build_claim, place_of, reopen
from scrubber.claims.model import Claim
from scrubber.claims.reader import Reader
from scrubber.engine.judge import Engine
from scrubber.findings.report import FileReport
from scrubber.io.source import open_source
from scrubber.pipeline.file_scrub import FileScrub
from scrubber.testing import Form, load_cases, to_837p
from scrubber.x12.segment import Delimiters
from tests.support.paths import FIXTURES

ONE = to_837p("37238\n37252", Form(line_end=""))
OTHER = ONE.replace(b"000000101", b"000000102")
THIRD = ONE.replace(b"000000101", b"000000103")
TWO_CLAIMS = to_837p("claim A\n37238\n37252\nclaim B patient=M2\n99213", Form(line_end=""))
PLAIN = to_837p("claim A\n99213\nclaim B patient=M2\n99213 charge=0", Form(line_end=""))

Change = Callable[[bytes], bytes]


def _swap(old: bytes, new: bytes) -> Change:
    def change(data: bytes) -> bytes:
        assert old in data, old
        return data.replace(old, new)

    return change


def _guide(guide: bytes) -> Change:
    return _swap(b"005010X222A1", guide)


def _swallowed(first: str, second: str) -> bytes:
    """Return two claims of one subscriber, the second with a damaged CLM."""
    data = to_837p(f"claim A\n{first}\nclaim B\n{second}", Form(line_end=""))
    start, _, rest = data.partition(b"HL*3*")
    return start + rest[rest.index(b"CLM*") :].replace(b"CLM*", b"CLX*")


_ASTRAY = ["service-outside-claim", "hl-parent-unknown", "segment-unknown"]
_SWALLOWED = ["service-outside-claim", "count-says-missing", "segment-unknown"]


def _scrub(data: bytes, engine: Engine) -> FileReport:
    with open_source(data, "x") as source:
        return FileScrub(source, engine).whole_report()


CASES: list[tuple[str, Change, list[str], bool, int]] = [
    ("as it is", lambda data: data, [], True, 1),
    ("empty", lambda _: b"", ["not-x12"], False, 0),
    ("blanks", lambda _: b" \r\n", ["not-x12"], False, 0),
    ("text", lambda _: b"hello world\n", ["not-x12"], False, 0),
    ("short ISA", _swap(b"ISA*00*          *", b"ISA*00**"), ["isa-unreadable"], False, 0),
    ("ISA alone", lambda data: data[:60], ["isa-unreadable"], False, 0),
    ("byte order mark", lambda data: b"\xef\xbb\xbf" + data, ["byte-order-mark"], True, 1),
    ("line ends", _swap(b"~", b"~\r\n"), [], True, 1),
    ("mixed line ends", lambda data: data.replace(b"~", b"~\n", 5).replace(b"~HL", b"~\r\nHL"), [], True, 1),
    ("line feed as terminator", _swap(b"~", b"\n"), [], True, 1),
    ("blanks in front", lambda data: b"\r\n  " + data, [], True, 1),
    ("junk in front", lambda data: b"junk" + data, ["bytes-outside-interchange"], False, 1),
    ("junk behind", lambda data: data + b"junk", ["bytes-outside-interchange"], False, 1),
    ("two interchanges", lambda data: data + OTHER, [], True, 2),
    ("blanks between", lambda data: data + b" \r\n" + OTHER, [], True, 2),
    ("junk between", lambda data: data + b"junk" + OTHER, ["bytes-outside-interchange"], False, 2),
    ("same number twice", lambda data: data + data, ["control-number-repeated"], True, 2),
    ("missing SE", _swap(b"SE*27*0001~", b""), ["trailer-missing"], True, 1),
    ("missing GE", _swap(b"GE*1*1~", b""), ["trailer-missing"], True, 1),
    ("missing IEA at the end", _swap(b"IEA*1*000000101~", b""), ["truncated"], False, 1),
    (
        "other separators behind a missing IEA",
        lambda data: data.replace(b"IEA*1*000000101~", b"") + OTHER.replace(b"*", b"|") + THIRD,
        ["trailer-missing"],
        True,
        3,
    ),
    (
        "other separators behind a claim",
        lambda data: data[: data.index(b"SE*")] + OTHER.replace(b"*", b"|") + THIRD,
        ["trailer-missing"],
        True,
        3,
    ),
    ("ISA without elements", _swap(b"~GS*", b"~ISA~GS*"), ["isa-unreadable", "trailer-missing"], False, 0),
    ("missing IEA between", lambda d: d.replace(b"IEA*1*000000101~", b"") + OTHER, ["trailer-missing"], True, 2),
    ("SE twice", _swap(b"SE*27*0001~", b"SE*27*0001~SE*27*0001~"), ["trailer-unexpected"], True, 1),
    ("GE twice", _swap(b"GE*1*1~", b"GE*1*1~GE*1*1~"), ["trailer-unexpected"], True, 1),
    ("SE01 too high", _swap(b"SE*27*", b"SE*28*"), ["count-says-missing"], True, 1),
    ("SE01 too low", _swap(b"SE*27*", b"SE*26*"), ["count-too-low"], True, 1),
    ("SE01 no number", _swap(b"SE*27*", b"SE*many*"), ["count-too-low"], True, 1),
    ("GE01 too high", _swap(b"GE*1*", b"GE*2*"), ["count-says-missing"], True, 1),
    ("IEA01 too low", _swap(b"IEA*1*", b"IEA*0*"), ["count-too-low"], True, 1),
    ("SE02 differs", _swap(b"SE*27*0001", b"SE*27*0002"), ["control-number-differs"], True, 1),
    ("GE02 differs", _swap(b"GE*1*1~", b"GE*1*2~"), ["control-number-differs"], True, 1),
    ("IEA02 differs", _swap(b"IEA*1*000000101", b"IEA*1*000000109"), ["control-number-differs"], True, 1),
    ("empty segment", _swap(b"~CLM", b"~~CLM"), ["empty-segment"], True, 1),
    ("lower case identifier", _swap(b"~CLM", b"~clm"), ["segment-id-malformed"], True, 1),
    ("HL points nowhere", _swap(b"HL*2*1*", b"HL*2*9*"), ["hl-parent-unknown"], True, 1),
    ("HL01 of another level", _swap(b"HL*2*1*", b"HL*1*1*"), ["hl-parent-unknown"], True, 1),
    ("HL01 no number", _swap(b"HL*2*1*", b"HL*X*1*"), ["hl-parent-unknown"], True, 1),
    ("unknown segment", _swap(b"~HI*", b"~HX*1~HI*"), ["segment-unknown", "count-too-low"], True, 1),
    ("control character", _swap(b"37252", b"37252\x00"), ["control-character"], True, 1),
    ("line end in an element", _swap(b"37252", b"37\n252"), ["control-character"], True, 1),
    ("line end in front of a terminator", _swap(b"~SE*", b"\n~SE*"), ["control-character"], True, 1),
    ("C1 bytes are letters of UTF-8", _swap(b"*ANN*", b"*\xc3\x89*"), [], True, 1),
    ("HL number", _swap(b"HL*2*1*", b"HL*7*1*"), ["hl-number-out-of-sequence"], True, 1),
    ("HL level", _swap(b"*22*0~", b"*99*0~"), ["hl-level-unknown", "hl-parent-unknown"], True, 1),
    ("lines without CLM", _swap(b"CLM*", b"CLX*"), ["service-outside-claim", "segment-unknown"], False, 0),
    (
        "lines without HL",
        _swap(b"~HL*1*", b"~LX*1~SV1*HC:37252*1~HL*1*"),
        ["service-outside-claim", "count-too-low"],
        False,
        1,
    ),
    (
        "lines without CLM under an unknown HL",
        lambda data: data.replace(b"*22*0~", b"*99*0~").replace(b"CLM*", b"CLX*"),
        ["hl-level-unknown", "service-outside-claim", "segment-unknown"],
        False,
        0,
    ),
    ("a second subscriber without HL", lambda _: TWO_CLAIMS.replace(b"HL*3*", b"HX*3*"), _ASTRAY, False, 2),
    ("a plain claim and one without HL", lambda _: PLAIN.replace(b"HL*3*", b"HX*3*"), _ASTRAY, False, 2),
    ("two lots of diagnoses", _swap(b"~HI*", b"~HI*ABF:I739~HI*"), ["count-too-low"], True, 1),
    (
        "diagnoses in the name of a line's provider",
        _swap(b"~LX*2", b"~NM1*82*1*DELHI*PAT~LX*2"),
        ["count-too-low"],
        True,
        1,
    ),
    ("a second claim without CLM", lambda _: _swallowed("37238\n37252", "99213"), _SWALLOWED, False, 1),
    ("a second claim without CLM that is plain", lambda _: _swallowed("99213", "99213 charge=0"), _SWALLOWED, False, 1),
    ("a second claim without CLM and LX", lambda _: _swallowed("99213 drop=LX", "99213 drop=LX"), _SWALLOWED, False, 1),
    (
        "no ST",
        _swap(b"ST*837*0001*005010X222A1~", b""),
        ["segments-outside-transaction", "trailer-unexpected", "count-says-missing"],
        False,
        0,
    ),
    (
        "no GS",
        _swap(b"GS*HC*", b"GX*HC*"),
        ["header-missing", "segments-outside-transaction", "trailer-unexpected", "count-says-missing"],
        False,
        1,
    ),
    ("A2", _guide(b"005010X222A2"), [], True, 1),
    ("plain", _guide(b"005010X222"), [], True, 1),
    ("institutional", _guide(b"005010X223A2"), ["unsupported-guide"], False, 0),
    ("dental", _guide(b"005010X224A2"), ["unsupported-guide"], False, 0),
    ("4010", _guide(b"004010X098A1"), ["unsupported-guide"], False, 0),
    ("predetermination", _guide(b"005010X291"), ["unsupported-guide"], False, 0),
    ("post-adjudicated", _guide(b"005010X298"), ["unsupported-guide"], False, 0),
    ("no guide", _guide(b""), ["unsupported-guide"], False, 0),
    ("277", _swap(b"ST*837", b"ST*277"), ["unsupported-guide"], False, 0),
]


@pytest.mark.parametrize(("change", "names", "readable", "claims"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_a_fault_is_named_and_the_rest_is_read(
    change: Change,
    names: list[str],
    readable: bool,  # noqa: FBT001
    claims: int,
    default_engine: Engine,
) -> None:
    report = _scrub(change(ONE), default_engine)
    found = [*report.findings, *(finding for claim in report.claims for finding in claim.findings)]
    assert sorted({finding.name for finding in found if finding.code.startswith("X121")}) == sorted(names)
    assert report.readable is readable
    assert len(report.claims) == report.totals.claims == claims
    for finding in found:
        assert finding.message.endswith(".")
        assert finding.fix


def test_a_file_cut_anywhere_is_never_believed(default_engine: Engine) -> None:
    whole = _scrub(TWO_CLAIMS, default_engine).claims
    for length in range(len(TWO_CLAIMS)):
        report = _scrub(TWO_CLAIMS[:length], default_engine)
        assert not report.readable, length
        for claim, full in zip(report.claims, whole, strict=False):
            assert claim.rejected or claim.lines == full.lines, length


class _Slow(io.BytesIO):
    """A stream that gives less than it is asked for, as those without a buffer may."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(size, 100) if size is not None and size >= 0 else size)


def test_a_stream_that_gives_little_at_a_time_is_read_whole(default_engine: Engine) -> None:
    with open_source(_Slow(TWO_CLAIMS), "x") as source:
        assert tuple(FileScrub(source, default_engine)) == _scrub(TWO_CLAIMS, default_engine).claims


def test_a_claim_cut_by_the_end_of_the_file_is_rejected(default_engine: Engine) -> None:
    report = _scrub(ONE[: ONE.index(b"DTP*472")], default_engine)
    assert "X12210" in [finding.code for finding in report.claims[0].findings]


def test_a_void_claim_cut_by_the_end_of_the_file_is_rejected_too(default_engine: Engine) -> None:
    void = ONE.replace(b"11:B:1", b"11:B:8")
    report = _scrub(void[: void.index(b"DTP*472")], default_engine)
    assert report.claims[0].rejected


def test_many_faults_of_a_kind_are_counted_not_listed(default_engine: Engine) -> None:
    report = _scrub(ONE.replace(b"~CLM", b"~" * 1001 + b"CLM"), default_engine)
    assert [finding.code for finding in report.findings] == ["X12108"] * 21
    assert report.findings[-1].message == "... and at 980 more places."


def test_faults_of_the_envelope_point_at_their_bytes(default_engine: Engine) -> None:
    finding = _scrub(ONE.replace(b"SE*27*", b"SE*28*"), default_engine).findings[0]
    place = finding.location
    assert place is not None
    assert place.offset is not None
    assert place.length is not None
    assert (place.element, ONE.replace(b"SE*27*", b"SE*28*")[place.offset : place.offset + place.length]) == (
        "SE01",
        b"28",
    )


def test_an_unreadable_part_cannot_be_switched_off() -> None:
    engine = make_engine(load_settings(discover=False, ignore=("X12",), conformance="none"))
    report = _scrub(ONE + b"junk", engine)
    assert not report.readable
    assert [finding.name for finding in report.findings] == ["bytes-outside-interchange"]


@pytest.mark.parametrize("form", [Form(), Form(Delimiters("|", ">", "^", "\n"), ""), Form(line_end="\r\n")], ids=str)
def test_a_claim_read_again_where_it_stands_is_the_same(form: Form) -> None:
    shorthand = "claim A\n37238\n37252-LT id=1\nclaim B dependent=KIM billing=1999999984\n99213 by=1234567893 note=X"
    with open_source(to_837p(shorthand, form)) as source:
        for raw in Reader(source):
            first, again = build_claim(raw), reopen(source, place_of(raw))
            simple = attrs.filters.exclude("lines", "_loop")
            assert attrs.asdict(first, filter=simple) == attrs.asdict(again, filter=simple)
            for line, same in zip(first.lines, again.lines, strict=True):
                plain = attrs.filters.exclude("_loop", "_claim")
                assert attrs.asdict(line, filter=plain) == attrs.asdict(same, filter=plain)
                assert line.locate("SV101-2") == same.locate("SV101-2")
                assert line.locate("DTP03", "472") == same.locate("DTP03", "472")


@pytest.mark.parametrize("form", [Form(), Form(Delimiters("|", ">", "^", "\n"), ""), Form(line_end="\r\n")], ids=str)
@pytest.mark.parametrize(
    "shorthand",
    [
        "37238\n37252-LT-59 x2 id=1 note=X dx=1",
        "37238 desc='LEFT CIV'\n37252",
        "37252 on=20240101-20240102\n'' charge=",
        "37252 by=1234567893",
        "37252 drop=LX\n37253",
        "37252 drop=SV1",
    ],
)
def test_lines_read_from_text_are_those_read_from_segments(shorthand: str, form: Form) -> None:
    with open_source(to_837p(shorthand, form)) as source:
        (raw,) = Reader(source)
        assert raw.stretch is not None
        claims = [build_claim(raw), build_claim(attrs.evolve(raw, stretch=None, cut=raw.segments))]
    plain = attrs.filters.exclude("_loop", "_claim")
    first, second = [[attrs.asdict(line, filter=plain) for line in claim.lines] for claim in claims]
    assert first == second
    places, same = [[line.locate("SV101-2") for line in claim.lines] for claim in claims]
    assert places == same


_CASES = [case for path in sorted((FIXTURES / "cases").glob("[IX]*.toml")) for case in load_cases(path)]


@pytest.mark.parametrize("form", [Form(), Form(Delimiters("|", ">", "^", "\n"), "")], ids=str)
@pytest.mark.parametrize("name", [field.name for field in attrs.fields(Claim) if field.name[0] != "_"])
def test_a_field_that_is_read_when_asked_is_that_read_from_segments(name: str, form: Form) -> None:
    for case in _CASES[::3]:
        with open_source(to_837p(case["claim"], form)) as source:
            for raw in Reader(source):
                asked, read = build_claim(raw), build_claim(attrs.evolve(raw, stretch=None, cut=raw.segments))
                if name != "lines":
                    assert getattr(asked, name) == getattr(read, name)
                    continue
                for line, same in zip(asked.lines, read.lines, strict=True):
                    plain = attrs.filters.exclude("_loop", "_claim")
                    assert attrs.asdict(line, filter=plain) == attrs.asdict(same, filter=plain)
                    assert line.loop is not None
                    for segment in line.loop.segments:
                        assert line.locate(f"{segment.id}01") == same.locate(f"{segment.id}01")
                    assert line.locate("DTP03", "472") == same.locate("DTP03", "472")
                assert asked.locate("HI01") == read.locate("HI01")
                assert asked.locate("REF02", "F8") == read.locate("REF02", "F8")


def test_a_claim_that_was_read_is_frozen_and_copied_like_another() -> None:
    with open_source(to_837p("claim A note=X\n37238\n37252-LT id=1")) as source:
        (claim,) = map(build_claim, Reader(source))
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        claim.control_number = "B"  # type: ignore[misc]
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        claim.lines[0].control_number = "B"  # type: ignore[misc]
    with pytest.raises(AttributeError, match="nothing"):
        claim.lines[0].nothing  # type: ignore[attr-defined]  # noqa: B018
    other = attrs.evolve(claim, control_number="B")
    assert (other.control_number, other.notes, other.payer) == ("B", claim.notes, claim.payer)
    assert [line.claim for line in other.lines] == [other, other]
    assert [line.claim for line in claim.lines] == [claim, claim]
    assert "A" not in repr(claim).partition(";")[2]
