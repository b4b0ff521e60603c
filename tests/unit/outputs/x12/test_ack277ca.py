"""The rejection report (277CA, 005010X214): who answers whom, what each level says, and which statuses."""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import attrs
import pytest

from scrubber.api import load_settings, make_engine
from scrubber.engine.judge import Engine
from scrubber.findings.finding import Severity, Status
from scrubber.findings.report import FileReport
from scrubber.io.publication import Publication
from scrubber.io.source import open_source
from scrubber.outputs.output_set import AckSettings, OutputSettings, Targets
from scrubber.outputs.x12.acknowledgement import _Numbers
from scrubber.testing import Form, to_837p
from scrubber.x12.segment import Delimiters
from tests.support import shapes
from tests.support.envelopes import counted as recounted
from tests.support.oracle import pyx12_errors
from tests.support.planted import Planting, error_on, planted
from tests.support.x12_files import check_numbering_of_acknowledgement, segments_of, write, write_files

CLEAN = "37238\n36012\n37252 desc='LEFT CIV'"
MIXED = """claim GOOD patient=M1
37238 charge=1800.50
36012
37252 desc='LEFT CIV'
claim LINES patient=M2 charge=300
36012
37252 x2 id=LINE2
37253-50
claim WARNED patient=M3
37238 charge=20
36012 charge=20
37252-51 charge=10 desc='LEFT CIV'
claim EMPTY patient=M4 charge=10"""

FAMILIES = {
    "add-on without base": ("37252", 1, "A8:732 A8:507 A8:736"),
    "additional vessel without initial": ("37238\n36012\n37253", 3, "A8:732 A8:507 A8:736"),
    "base by another provider": ("37238 by=1234567893\n37252", 2, "A8:732 A8:507 A8:736"),
    "base on another date": ("37238 on=20240804\n37252", 2, "A8:732 A8:507 A8:736"),
    "base cannot stand alone": ("36907\n37252", 2, "A8:732 A8:507 A8:736"),
    "excluded procedure": ("37191\n36010\n37252", 3, "A8:732 A8:507 A8:735"),
    "NCCI pair": ("37238\n37252\n36005", 3, "A8:732 A8:507 A8:735"),
    "units over the MUE": ("37238\n37252 x2", 2, "A8:732 A8:476 A8:507"),
    "bilateral modifier": ("37238\n37252-50", 2, "A8:453 A8:507"),
    "component modifier": ("37238\n37252-26", 2, "A8:453 A8:507"),
    "team modifier": ("37238\n37252-66", 2, "A8:453 A8:507"),
    "units not whole": ("37238\n37252 x1.5", 2, "A7:476 A7:697"),
    "units basis": ("37238\n37252 unit=MJ", 2, "A7:659 A8:507"),
    "duplicate line": ("claim A\n37238\n37252\n37253 x2\nclaim PCN1\n37253", 1, "A8:78 A8:507"),
    "pointer missing": ("37238\n37252 dx=none", 2, "A6:477"),
    "pointer to nothing": ("37238\n37252 dx=3", 2, "A8:477"),
    "base not valid on the date": ("claim date=20260102 file-date=20240805\n37221\n37252", 1, "A7:507 A7:187"),
    "retired code": ("37238\n37250", 2, "A7:507 A7:187"),
}
"""Claims, the line at fault, and its statuses after the table at the end of x12.md."""

_CODES = re.compile(r"A[01345678]:\d{1,3}(:(PR|41))?")

Segments = list[list[str]]
Edited = Callable[[bytes], bytes]


@attrs.frozen
class Answer:
    """The patient level of one claim: its own segments, and those of each service line."""

    own: Segments
    lines: list[Segments]

    def first(self, name: str, qualifier: str = "") -> list[str]:
        return next((s for s in self.own if s[0] == name and qualifier in ("", s[1])), [])

    @property
    def statuses(self) -> Segments:
        return [segment for segment in self.own if segment[0] == "STC"]


def answers(data: bytes) -> dict[str, Answer]:
    """Return the answers by TRN02, in order."""
    found: list[Answer] = []
    inside = False
    for segment in segments_of(data):
        if segment[0] in {"HL", "SE"}:
            inside = segment[0] == "HL" and segment[3] == "PT"
            if inside:
                found.append(Answer([], []))
        if not inside:
            continue
        if segment[0] == "SVC":
            found[-1].lines.append([])
        (found[-1].lines[-1] if found[-1].lines else found[-1].own).append(segment)
    return {answer.first("TRN")[2]: answer for answer in found}


def levels(data: bytes, kind: str) -> list[Segments]:
    """Return the segments of each hierarchical level of a kind."""
    found: list[Segments] = []
    inside = False
    for segment in segments_of(data):
        if segment[0] in {"HL", "SE"}:
            inside = segment[0] == "HL" and segment[3] == kind
            found += [[]] if inside else []
        if inside:
            found[-1].append(segment)
    return found


def level(data: bytes, kind: str) -> Segments:
    return levels(data, kind)[0]


def acknowledged(data: bytes, engine: Engine, *, line_dates: bool = False) -> bytes:
    return write(data, engine, line_dates=line_dates).files["ack277"]


def both_acknowledgements(data: bytes, engine: Engine, ack: AckSettings) -> tuple[Segments, Segments]:
    with tempfile.TemporaryDirectory() as name, open_source(data) as source, Publication() as publication:
        folder = Path(name)
        targets = Targets(ack277=folder / "a.277", ack999=folder / "a.999")
        write_files(source, engine, targets, OutputSettings(ack), publication)
        return segments_of((folder / "a.277").read_bytes()), segments_of((folder / "a.999").read_bytes())


def configured(**severities: str) -> Engine:
    changes = {code: Severity(severity) for code, severity in severities.items()}
    packs = {"IVUS": {"vessels": "check"}}  # else IVUS502 finds nothing
    return make_engine(load_settings(discover=False, severity=changes, packs=packs))


def for_patient(patient: str, shorthand: str) -> str:
    """Return all claims of a shorthand to a patient."""
    text = shorthand if shorthand.startswith("claim") else f"claim\n{shorthand}"
    return re.sub(r"(?m)^claim.*", rf"\g<0> patient={patient}", text)


def without(data: bytes, start: str) -> bytes:
    """Leave out the first segment that begins with `start`."""
    segments = data.decode().split("~\n")
    segments.remove(next(text for text in segments if text.startswith(start)))
    count = next(place for place, text in enumerate(segments) if text.startswith("SE*")) - 1
    return re.sub(rb"\nSE\*\d+", b"\nSE*%d" % count, "~\n".join(segments).encode())


def blanked(data: bytes, name: str, position: int, value: str = "") -> bytes:
    """Change an element of the first segment that begins with `name`."""
    segments = data.decode().split("~\n")
    place = next(place for place, text in enumerate(segments) if text.startswith(name))
    elements = segments[place].split("*")
    elements[position] = value
    segments[place] = "*".join(elements)
    return "~\n".join(segments).encode()


def several(*interchanges: Sequence[Sequence[Sequence[bool]]]) -> shapes.Made:
    """Make interchanges of groups of transaction sets of claims."""
    found = []
    for groups in interchanges:
        made = tuple(tuple(((shapes.Subscriber(tuple(claims), ()),),) for claims in group) for group in groups)
        found.append(shapes.Interchange(made, Delimiters("*", ":", "^", "~"), "\n", "005010X222A1"))
    return shapes.make(tuple(found))


# -- envelope ---------------------------------------------------------------------------------------------------------


def test_sender_and_receiver_are_swapped_and_the_rest_is_the_inputs(default_engine: Engine) -> None:
    isa, gs, st, bht, *_ = segments_of(acknowledged(to_837p(CLEAN), default_engine))
    assert isa[1:] == [
        *("00", " " * 10, "00", " " * 10, "ZZ", f"{'SCRUB01':15}", "ZZ", f"{'SUB0001':15}"),
        *("240805", "0900", "^", "00501", "000000101", "0", "T", ":"),
    ]
    assert gs == ["GS", "HN", "SCRUB01", "SUB0001", "20240805", "0900", "1", "X", "005010X214"]
    assert st == ["ST", "277", "0001", "005010X214"]
    assert [bht[1], bht[2], *bht[4:]] == ["0085", "08", "20240805", "0900", "TH"]
    assert 1 <= len(bht[3]) <= 50


def test_qualifiers_are_swapped_with_their_identifiers(default_engine: Engine) -> None:
    data = blanked(blanked(to_837p(CLEAN), "ISA", 5, "30"), "ISA", 15, "P")
    isa = segments_of(acknowledged(data, default_engine))[0]
    assert (isa[5], isa[6].strip(), isa[7], isa[8].strip(), isa[15]) == ("ZZ", "SCRUB01", "30", "SUB0001", "P")


@pytest.mark.parametrize(
    ("marks", "repetition"),
    [
        (Delimiters("|", ">", "!", "\n"), "!"),
        (Delimiters("+", ":", "!", "'"), "!"),
        (Delimiters("*", ":", "U", "~"), "^"),
        (Delimiters("^", ":", "U", "~"), "!"),
    ],
)
def test_the_delimiters_are_the_inputs(marks: Delimiters, repetition: str, default_engine: Engine) -> None:
    data = acknowledged(to_837p("37252-50", Form(marks, "")), default_engine).decode("latin-1")
    assert (data[3], data[104], data[82], data[105]) == (marks.element, marks.component, repetition, marks.segment)
    assert list(answers(data.encode("latin-1"))) == ["PCN1"]
    assert data.endswith(marks.segment)


@pytest.mark.parametrize(
    ("marks", "dates"),
    [
        (Delimiters("*", "-", "^", "~"), ["D8", "20240805"]),
        (Delimiters("*", ".", "^", "~"), ["RD8", "20240805-20240806"]),
        (Delimiters("*", ":", "-", "~"), ["RD8", "20240805-20240806"]),
        (Delimiters("-", ":", "^", "~"), ["D8", "20240805"]),
        (Delimiters("*", ":", "^", "-"), ["D8", "20240805"]),
    ],
)
def test_no_delimiter_cuts_a_date_or_an_amount(
    marks: Delimiters, dates: list[str], default_engine: Engine, x214: Path
) -> None:
    data = to_837p("claim charge=200.5\n99213 charge=100.5\n99213 on=20240806", Form(marks, ""))
    written = acknowledged(data, default_engine)
    (answer,) = answers(written).values()
    assert answer.first("DTP")[2:] == dates
    assert answer.first("STC")[4] == "200.5"
    assert pyx12_errors(written, x214) == []


def test_repeated_control_numbers_give_the_free_ones_in_turn() -> None:
    numbers = _Numbers()
    wanted = ["7", "7", "", "999999999", "999999999", "2", "999999999", "999999999", "999999998", "999999999"]
    assert [numbers.take(number) for number in wanted] == [7, 8, 9, 999999999, 1, 2, 3, 4, 999999998, 5]


@pytest.mark.parametrize("line_end", ["", "\n", "\r\n"])
def test_line_ends_are_the_inputs(line_end: str, default_engine: Engine) -> None:
    data = acknowledged(to_837p("37252", Form(line_end=line_end)), default_engine)
    assert data.count(b"~") == data.count(f"~{line_end}".encode())
    assert data.count(b"\n") == (data.count(b"~") if line_end else 0)
    assert data.endswith(f"~{line_end}".encode())


@pytest.mark.parametrize(
    ("position", "value", "expected"),
    [
        (("GS", 4), "20240229", ("240229", "20240229", "0900")),
        (("GS", 5), "235959", ("240805", "20240805", "235959")),
        (("GS", 5), "2400", ("240805", "20240805", "0000")),
        (("GS", 4), "20260230", ("240805", "20240805", "0900")),
        (("GS", 4), "", ("240805", "20240805", "0900")),
    ],
)
def test_dates_are_those_of_the_input(
    position: tuple[str, int], value: str, expected: tuple[str, str, str], default_engine: Engine
) -> None:
    segments = segments_of(acknowledged(blanked(to_837p("37252"), *position, value), default_engine))
    gs = segments[1]
    assert gs[4:6] == [expected[1], expected[2]]
    assert {s[3] for s in segments if s[:2] in (["DTP", "050"], ["DTP", "009"])} == {expected[1]}
    assert segments[3][4:6] == [expected[1], expected[2]]
    if position != ("GS", 4):
        assert segments[0][9] == expected[0]


@pytest.mark.parametrize("at", [None, datetime(2026, 3, 4, 5, 6)])
@pytest.mark.parametrize("number", [None, 1, 77, 999_999_999])
def test_date_and_number_can_be_set(at: datetime | None, number: int | None, default_engine: Engine) -> None:
    ack = AckSettings(default_engine.config.today, at, number)
    answer, structure = both_acknowledgements(to_837p("37252"), default_engine, ack)
    day, clock = ("260304", "0506") if at else ("240805", "0900")
    for segments in (answer, structure):
        assert segments[0][9:11] == [day, clock]
        assert segments[1][4:6] == [f"20{day}", clock]
        assert re.fullmatch(r"\d{9}", segments[0][13])
        assert segments[-1] == ["IEA", "1", segments[0][13]]
    assert answer[0][13] == f"{number or 101:09}"
    assert answer[0][13] != structure[0][13]


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("number", [None, 5, 499_999_999, 999_999_998, 999_999_999])
def test_no_two_interchanges_share_a_number(count: int, number: int | None, default_engine: Engine) -> None:
    made = several(*[[[[True]]]] * count)
    ack = AckSettings(default_engine.config.today, None, number)
    answer, structure = both_acknowledgements(made.data, default_engine, ack)
    numbers = [segment[13] for segments in (answer, structure) for segment in segments if segment[0] == "ISA"]
    assert len(numbers) == 2 * count == len(set(numbers))
    assert all(re.fullmatch(r"\d{9}", text) and int(text) for text in numbers)


@pytest.mark.parametrize("number", ["000000000", "000000001", "499999998", "499999999", "500000000", "999999999"])
def test_derived_numbers_of_both_acknowledgements_differ(number: str, default_engine: Engine) -> None:
    data = to_837p("37252").replace(b"000000101", number.encode())
    answer, structure = both_acknowledgements(data, default_engine, AckSettings(default_engine.config.today))
    assert answer[0][13] != structure[0][13]
    if int(number):
        assert answer[0][13] == number
    for segments in (answer, structure):
        assert re.fullmatch(r"\d{9}", segments[0][13])
        assert int(segments[0][13])


# -- hierarchy and levels ---------------------------------------------------------------------------------------------


def test_the_whole_of_it(default_engine: Engine) -> None:
    data = acknowledged(to_837p(MIXED), default_engine)
    assert [s[1:] for s in segments_of(data) if s[0] == "HL"] == [
        ["1", "", "20", "1"],
        ["2", "1", "21", "1"],
        ["3", "2", "19", "1"],
        *([str(number), "3", "PT"] for number in range(4, 8)),
    ]
    assert level(data, "20")[1:] == [
        ["NM1", "AY", "2", "IVUS CLAIM SCRUBBER", "", "", "", "", "46", "SCRUB01"],
        ["TRN", "1", segments_of(data)[3][3]],
        ["DTP", "050", "D8", "20240805"],
        ["DTP", "009", "D8", "20240805"],
    ]
    counts = [["QTY", "{}", "2"], ["QTY", "{}", "2"], ["AMT", "YU", "2050.5"], ["AMT", "YY", "310"]]
    receiver, provider = ("90", "AA"), ("QA", "QC")
    assert level(data, "21")[1:] == [
        ["NM1", "41", "2", "SYNTHETIC BILLING", "", "", "", "", "46", "SUB0001"],
        ["TRN", "2", "BATCH0001"],
        ["STC", "A1:19:AY", "20240805", "WQ", "2360.5"],
        *[[s[0], s[1].format(q), s[2]] for s, q in zip(counts, (*receiver, "", ""), strict=True)],
    ]
    assert level(data, "19")[1:] == [
        ["NM1", "85", "2", "SYNTHETIC VASCULAR PC", "", "", "", "", "XX", "1234567893"],
        ["TRN", "1", "0"],
        ["STC", "A1:19:AY", "", "WQ", "2360.5"],
        *[[s[0], s[1].format(q), s[2]] for s, q in zip(counts, (*provider, "", ""), strict=True)],
    ]


def test_an_accepted_claim_is_forwarded_and_its_lines_are_not_named(default_engine: Engine) -> None:
    found = answers(acknowledged(to_837p(MIXED), default_engine))
    for name, charge, member in (("GOOD", "2000.5", "M1"), ("WARNED", "50", "M3")):
        assert found[name].own[1:] == [
            ["NM1", "QC", "1", "TESTPATIENT", "ANN", "", "", "", "MI", member],
            ["TRN", "2", name],
            ["STC", "A0:16:PR", "20240805", "WQ", charge],
            ["DTP", "472", "D8", "20240805"],
        ]
        assert found[name].lines == []


def test_a_claim_with_line_errors_names_its_faulty_lines_only(default_engine: Engine) -> None:
    found = answers(acknowledged(to_837p(MIXED), default_engine))["LINES"]
    assert found.own[2:] == [
        ["TRN", "2", "LINES"],
        ["STC", "A3:247", "20240805", "U", "300"],
        ["DTP", "472", "D8", "20240805"],
    ]
    assert [line[0][1] for line in found.lines] == ["HC:37252", "HC:37253:50"]
    assert [line[2] for line in found.lines] == [["REF", "FJ", "LINE2"], ["REF", "FJ", "3"]]
    for line in found.lines:
        assert [segment[0] for segment in line] == ["SVC", "STC", "REF", "DTP"]
        assert line[1][2:4] == ["", "U"]
        assert line[3] == ["DTP", "472", "D8", "20240805"]
    assert found.lines[0][0][2:] == ["100", "", "", "", "", "2"]


def test_an_error_of_the_claim_stands_on_the_claim(default_engine: Engine) -> None:
    found = answers(acknowledged(to_837p(MIXED), default_engine))["EMPTY"]
    assert found.statuses == [["STC", "A6:247", "20240805", "U", "10"]]
    assert found.lines == []


def test_errors_of_claim_and_line_stand_side_by_side(default_engine: Engine) -> None:
    data = to_837p("claim A charge=5\n37252\n37253 charge=ten")
    found = answers(acknowledged(data, configured(X12208="error")))["A"]
    assert found.statuses[0] == ["STC", "A3:247", "20240805", "U", "5"]
    assert len(found.statuses) > 1
    assert all(status[3:5] == ["U", "5"] for status in found.statuses)
    assert [line[0][1] for line in found.lines] == ["HC:37252"]


@pytest.mark.parametrize("drop", ["LX", "SV1"])
def test_a_line_without_lx_or_sv1_is_answered(drop: str, default_engine: Engine) -> None:
    found = answers(acknowledged(to_837p(f"99999\n37252 drop={drop}"), default_engine))["PCN1"]
    if drop == "LX":
        assert found.lines[0][2] == ["REF", "FJ", "2"]
    else:
        assert (found.lines, [status[1] for status in found.statuses]) == ([], ["A6:454"])


def test_every_claim_is_answered_under_its_own_provider(default_engine: Engine) -> None:
    data = to_837p(
        "claim A\n37252\nclaim B billing=1999999984 patient=M2\n99213\nclaim C billing=1999999984 patient=M3\n37252"
    )
    written = acknowledged(data, default_engine)
    check_numbering_of_acknowledgement(written)
    assert [[s[2] for s in segments_of(written) if s[0] == "HL" and s[3] == kind] for kind in ("19", "PT")] == [
        ["2", "2"],
        ["3", "5", "5"],
    ]
    assert [[s[9] for s in found if s[0] == "NM1"] for found in levels(written, "19")] == [
        ["1234567893"],
        ["1999999984"],
    ]
    assert [[s[1:] for s in found if s[0] == "QTY"] for found in levels(written, "19")] == [
        [["QC", "1"]],
        [["QA", "1"], ["QC", "1"]],
    ]
    assert list(answers(written)) == ["A", "B", "C"]


# -- statuses ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("line_dates", [False, True])
def test_statuses_of_every_family(family: str, *, line_dates: bool, default_engine: Engine) -> None:
    shorthand, number, statuses = FAMILIES[family]
    found = answers(acknowledged(to_837p(shorthand), default_engine, line_dates=line_dates))["PCN1"]
    assert [status[1] for status in found.statuses] == ["A3:247"]
    line = next(line for line in found.lines if line[2] == ["REF", "FJ", str(number)])
    first, *others = statuses.split()
    day = "20240805" if line_dates else ""
    assert line[1] == ["STC", first, day, "U", *([""] * 6 if others else []), *others]


def test_the_default_form_is_valid_as_published_and_line_dates_on_the_stock_map(
    default_engine: Engine, x214: Path
) -> None:
    claims = [MIXED, "claim D patient=D1 dependent=BEN\n37252\n37253 x2 on=20240805-20240807"]
    claims += [for_patient(f"F{number}", shorthand) for number, (shorthand, _, _) in enumerate(FAMILIES.values())]
    data = to_837p("\n".join(claims))
    assert pyx12_errors(acknowledged(data, default_engine), x214) == []
    assert pyx12_errors(acknowledged(data, default_engine, line_dates=True)) == []


def test_a_duplicate_is_called_one_whatever_else_is_wrong_with_the_line(default_engine: Engine) -> None:
    found = answers(acknowledged(to_837p("37238\n37252\n37252"), default_engine))["PCN1"]
    assert [("A8:78" in line[1]) for line in found.lines] == [True]


def test_at_most_three_statuses_stand_on_a_line_in_one_segment(default_engine: Engine) -> None:
    found = answers(acknowledged(to_837p("37252-50-66 x2 dx=none"), default_engine))["PCN1"]
    assert len(found.lines) == 1
    assert [segment[0] for segment in found.lines[0]].count("STC") == 1
    statuses = [text for text in found.lines[0][1][1:] if text not in {"", "U"}]
    assert len(statuses) == len(set(statuses)) == 3
    assert statuses[0] == "A8:732"


def with_statuses(*texts: str, line: int | None) -> Planting:
    """Plant an error for each text, with the statuses in it."""
    return lambda claim: [
        error_on(claim, line, f"TEST{number:03}", statuses=tuple(map(Status.parse, text.split())))
        for number, text in enumerate(texts, 1)
    ]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["A8:732 A8:507"], ["A8:732", "A8:507"]),
        (["A8:732 A8:507", "A8:732 A8:507"], ["A8:732", "A8:507"]),
        (["A8:453 A8:507", "A8:78 A8:507"], ["A8:453", "A8:507", "A8:78"]),
        (["A6:477", "A7:476 A7:697"], ["A6:477", "A7:476", "A7:697"]),
        (["A8:453 A8:507 A8:476 A8:78"], ["A8:453", "A8:507", "A8:476"]),
    ],
)
def test_the_statuses_of_a_line_are_joined_without_repetition(
    texts: list[str], expected: list[str], default_engine: Engine
) -> None:
    engine = planted(default_engine, with_statuses(*texts, line=1))
    (line,) = answers(acknowledged(to_837p("99213"), engine))["PCN1"].lines
    assert line[1][1] == expected[0]
    assert sorted(text for text in line[1][1:] if text not in {"", "U"}) == sorted(expected)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["A6:247"], [["A6:247"]]),
        (["A6:247", "A6:247"], [["A6:247"]]),
        (["A7:178 A7:187", "A6:247"], [["A7:178", "A7:187"], ["A6:247"]]),
        (["A7:178 A7:187 A7:481 A6:247"], [["A7:178", "A7:187", "A7:481"]]),
    ],
)
def test_a_claim_has_a_status_segment_for_each_fault_of_at_most_three(
    texts: list[str], expected: list[list[str]], default_engine: Engine
) -> None:
    engine = planted(default_engine, with_statuses(*texts, line=None))
    found = answers(acknowledged(to_837p("99213"), engine))["PCN1"]
    codes = [[text for text in status[1:] if _CODES.fullmatch(text)] for status in found.statuses]
    assert codes == expected
    assert all(len(status) <= 12 for status in found.statuses)


@pytest.mark.parametrize("line", [1, None], ids=["line", "claim"])
def test_an_error_without_statuses_still_carries_legal_ones(
    line: int | None, default_engine: Engine, x214: Path
) -> None:
    data = acknowledged(to_837p("99213"), planted(default_engine, with_statuses("", line=line)))
    found = answers(data)["PCN1"]
    segment = found.lines[0][1] if line else found.statuses[0]
    codes = [segment[1], *segment[10:]]
    assert all(_CODES.fullmatch(code) for code in codes)
    assert "A8:732" not in codes or len(codes) > 1
    assert pyx12_errors(data, x214) == []


def test_a_severity_raised_by_configuration_rejects_with_a_status() -> None:
    found = answers(acknowledged(to_837p("37238\n37252"), configured(IVUS502="error", IVUS601="warning")))["PCN1"]
    assert [status[1] for status in found.statuses] == ["A3:247"]
    assert [line[0][1] for line in found.lines] == ["HC:37252"]
    assert all(_CODES.fullmatch(text) for text in found.lines[0][1][1:] if text not in {"", "U"})


@pytest.mark.parametrize("severity", ["warning", "info"])
def test_what_is_no_error_never_appears(severity: str) -> None:
    engine = configured(IVUS101=severity, IVUS201=severity, IVUS401="error")
    found = answers(acknowledged(to_837p("claim A\n37252 x2\nclaim B patient=M2\n37252 x2\n37253-50"), engine))
    assert found["A"].statuses[0][1:4] == ["A0:16:PR", "20240805", "WQ"]
    assert found["A"].lines == []
    assert [line[0][1] for line in found["B"].lines] == ["HC:37253:50"]
    assert found["B"].lines[0][1] == ["STC", "A8:453", "", "U", "", "", "", "", "", "", "A8:507"]


@pytest.mark.parametrize("line_dates", [False, True])
def test_what_only_a_payer_says_and_what_the_guide_does_not_use_is_absent(
    *, line_dates: bool, default_engine: Engine
) -> None:
    families = enumerate(FAMILIES.values())
    claims = "\n".join(for_patient(f"F{number}", shorthand) for number, (shorthand, _, _) in families)
    data = to_837p(f"{MIXED}\n{claims}").replace(b"~\nHI*", b"~\nREF*F8*PAYERNUMBER~\nREF*D9*CH0001~\nHI*")
    data = recounted(data)
    written = write(data, default_engine, line_dates=line_dates, partial=True).files["ack277"]
    assert b"PAYERNUMBER" not in written
    assert all(len(s) == 4 for s in segments_of(written) if s[0] == "HL" and s[3] == "PT")
    assert {s[1] for s in segments_of(written) if s[0] == "REF"} == {"D9", "FJ"}
    for answer in answers(written).values():
        for status in [*answer.statuses, *(line[1] for line in answer.lines)]:
            assert status[0] == "STC"
            assert len(status) <= 12
            codes = [text for text in (status[1], *status[10:]) if text]
            assert codes
            assert all(_CODES.fullmatch(text) and not text.startswith("A2") for text in codes)
            assert status[3] == ("WQ" if codes == ["A0:16:PR"] else "U")
        for line in answer.lines:
            assert [segment[0] for segment in line].count("STC") == 1
            assert line[1][2] == ("20240805" if line_dates else "")
            assert line[1][4:10] in ([], [""] * 6)


def test_the_clearinghouse_number_is_echoed(default_engine: Engine) -> None:
    data = recounted(to_837p(CLEAN).replace(b"~\nHI*", b"~\nREF*D9*CH0001~\nHI*"))
    own = write(data, default_engine, partial=True).files["ack277"]
    assert [s[0] for s in answers(own)["PCN1"].own[3:]] == ["STC", "REF", "DTP"]
    assert answers(own)["PCN1"].first("REF") == ["REF", "D9", "CH0001"]


# -- totals -----------------------------------------------------------------------------------------------------------


def check_totals(data: bytes, report: FileReport) -> None:
    totals = report.totals
    for kind, accepted, rejected in (("21", "90", "AA"), ("19", "QA", "QC")):
        sums: Counter[str] = Counter()
        for found in levels(data, kind):
            for name, qualifier, value in (s for s in found if s[0] in {"QTY", "AMT"}):
                sums[f"{name}{qualifier}"] += Decimal(value)  # type: ignore[assignment]
                assert name == "AMT" or int(value) > 0
            sums["STC"] += sum(Decimal(s[4]) for s in found if s[0] == "STC")  # type: ignore[assignment]
        counted: tuple[Decimal | int, ...] = (
            sums[f"QTY{accepted}"],
            sums[f"QTY{rejected}"],
            sums["AMTYU"],
            sums["AMTYY"],
            sums["STC"],
        )
        assert counted == (
            *(totals.accepted, totals.rejected, totals.accepted_charges, totals.rejected_charges),
            totals.charges,
        )


@pytest.mark.parametrize(
    "shorthand",
    [
        CLEAN,
        "37252",
        MIXED,
        f"claim A charge=0.10\n37252\nclaim B charge=0.20\n37252\nclaim C patient=M2 charge=1234567.89\n{CLEAN}",
        f"claim A billing=1999999984\n37252\nclaim B patient=M2\n{CLEAN}\nclaim C billing=1999999984\n37252",
        "claim A charge=0\n37252",
        "claim A charge=12,50\n37252\nclaim B charge=10\n37252",
        "claim A charge=-5\n37252",
    ],
)
def test_counts_and_charges_are_those_of_the_report(shorthand: str, default_engine: Engine) -> None:
    written = write(to_837p(shorthand), default_engine)
    check_totals(written.files["ack277"], written.report)


@pytest.mark.parametrize("charge", ["12,50", "ABC", "1E3"])
def test_an_unreadable_charge_counts_as_nothing(charge: str, default_engine: Engine) -> None:
    data = acknowledged(to_837p(f"claim A charge={charge}\n37252\nclaim B charge=10.50\n37252"), default_engine)
    found = answers(data)
    assert {status[4] for status in found["A"].statuses} == {"0"}
    assert {status[4] for status in found["B"].statuses} == {"10.5"}
    assert [s[2] for s in level(data, "21") if s[0] == "AMT"] == ["10.5"]


# -- parties and references -------------------------------------------------------------------------------------------


def test_a_dependent_carries_the_subscribers_member_number(default_engine: Engine) -> None:
    found = answers(acknowledged(to_837p("claim A patient=SUBSCRIBER1 dependent=BEN\n37252"), default_engine))["A"]
    assert found.first("NM1") == ["NM1", "QC", "1", "TESTPATIENT", "BEN", "", "", "", "MI", "SUBSCRIBER1"]


BILLING = "NM1*85*2*SYNTHETIC VASCULAR PC*****"


@pytest.mark.parametrize(
    ("name", "reference", "expected"),
    [
        (BILLING + "XX*1234567893", "REF*EI*123456789", ["XX", "1234567893"]),
        (BILLING.rstrip("*"), "REF*EI*123456789", ["FI", "123456789"]),
        (BILLING.rstrip("*"), "REF*SY*987654321", ["FI", "987654321"]),
        (BILLING + "XX*", "REF*EI*123456789", ["FI", "123456789"]),
        (BILLING.rstrip("*"), "", ["FI", "UNKNOWN"]),
        (BILLING + "24*123456789", "REF*EI*123456789", ["FI", "123456789"]),
        (BILLING + "34*987654321", "REF*SY*987654321", ["FI", "987654321"]),
    ],
)
def test_a_provider_is_named_by_npi_else_by_tax_number(
    name: str, reference: str, expected: list[str], default_engine: Engine
) -> None:
    data = to_837p("37252").decode().replace(BILLING + "XX*1234567893", name)
    data = data.replace("REF*EI*123456789~\n", f"{reference}~\n" if reference else "")
    written = write(recounted(data.encode()), default_engine, partial=True).files["ack277"]
    assert level(written, "19")[1] == ["NM1", "85", "2", "SYNTHETIC VASCULAR PC", "", "", "", "", *expected]


MISSING: dict[str, tuple[Edited, str, list[str]]] = {
    "submitter": (lambda data: without(data, "NM1*41"), "21", ["NM1", "41", "2", "UNKNOWN", "46", "UNKNOWN"]),
    "submitter number": (
        lambda data: blanked(data, "NM1*41", 9),
        "21",
        ["NM1", "41", "2", "SYNTHETIC BILLING", "46", "UNKNOWN"],
    ),
    "receiver": (lambda data: without(data, "NM1*40"), "20", ["NM1", "AY", "2", "UNKNOWN", "46", "UNKNOWN"]),
    "reference": (lambda data: blanked(data, "BHT", 3), "21", ["TRN", "2", "0"]),
    "patient control number": (lambda data: blanked(data, "CLM", 1), "PT", ["TRN", "2", "0"]),
    "member number": (
        lambda data: blanked(data, "NM1*IL", 9),
        "PT",
        ["NM1", "QC", "1", "TESTPATIENT", "ANN", "MI", "UNKNOWN"],
    ),
    "subscriber": (lambda data: without(data, "NM1*IL"), "PT", ["NM1", "QC", "1", "UNKNOWN", "MI", "UNKNOWN"]),
    "patient": (lambda data: blanked(data, "NM1*IL", 3), "PT", ["NM1", "QC", "1", "UNKNOWN", "ANN", "MI", "M1"]),
    "provider": (lambda data: without(data, "NM1*85"), "19", ["NM1", "85", "2", "UNKNOWN", "FI", "UNKNOWN"]),
}


@pytest.mark.parametrize("what", MISSING)
def test_what_is_missing_is_said_to_be_unknown(what: str, default_engine: Engine) -> None:
    change, kind, expected = MISSING[what]
    data = acknowledged(change(to_837p("37252")), default_engine)
    assert expected in [[text for text in segment if text] for segment in level(data, kind)]
    assert len(answers(data)) == 1


def test_the_answer_to_a_file_with_gaps_is_valid(default_engine: Engine, x214: Path) -> None:
    data = to_837p("37252 charge=10\n37253 drop=SV1")
    for what in ("submitter", "receiver", "reference", "patient control number", "subscriber", "provider"):
        data = MISSING[what][0](data)
    assert pyx12_errors(write(data, default_engine, partial=True).files["ack277"], x214) == []


@pytest.mark.parametrize("start", ["HL*1*", "HL*2*"])
def test_a_claim_without_its_levels_is_answered(start: str, default_engine: Engine) -> None:
    written = write(without(to_837p("37252"), start), default_engine, partial=True)
    assert list(answers(written.files["ack277"])) == ["PCN1"]
    check_totals(written.files["ack277"], written.report)
    check_numbering_of_acknowledgement(written.files["ack277"])


@pytest.mark.parametrize("date", ["none", "20240230", "2024-08-05"])
def test_a_rejected_claim_without_a_date_carries_that_of_the_answer(
    date: str, default_engine: Engine, x214: Path
) -> None:
    data = acknowledged(to_837p(f"37252 on={date}"), default_engine)
    found = answers(data)["PCN1"]
    assert found.statuses[0][3] == "U"
    assert found.first("DTP") == ["DTP", "472", "D8", "20240805"]
    assert [[segment[0] for segment in line] for line in found.lines] == [["SVC", "STC", "REF"]]
    assert date != "none" or pyx12_errors(data, x214) == []


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        (["20240805", "20240805"], ["D8", "20240805"]),
        (["20240807", "20240805"], ["RD8", "20240805-20240807"]),
        (["20240805-20240809", "20240806"], ["RD8", "20240805-20240809"]),
        (["20240805-20240805", "none"], ["D8", "20240805"]),
    ],
)
def test_the_dates_of_a_claim_span_those_of_its_lines(
    dates: list[str], expected: list[str], default_engine: Engine
) -> None:
    lines = "\n".join(f"99213 on={date}" for date in dates)
    found = answers(acknowledged(to_837p(lines), planted(default_engine, with_statuses("A8:507", line=1))))["PCN1"]
    assert found.first("DTP") == ["DTP", "472", *expected]
    assert found.lines[0][-1][3].split("-")[0] == dates[0][:8]


@pytest.mark.parametrize(
    ("line", "service"),
    [
        ("37252", ["HC:37252", "100", "", "", "", "", "1"]),
        ("37252-LT-59 x2 charge=1900.00", ["HC:37252:LT:59", "1900", "", "", "", "", "2"]),
        ("37252 x1.5 desc='LEFT CIV'", ["HC:37252", "100", "", "", "", "", "1.5"]),
        ("37252--59", ["HC:37252::59", "100", "", "", "", "", "1"]),
        ("37252 x0 charge=0", ["HC:37252", "0", "", "", "", "", "0"]),
        ("37252 xMANY", ["HC:37252", "100"]),
        ("37252 x-1", ["HC:37252", "100"]),
    ],
)
def test_a_service_is_named_as_submitted(line: str, service: list[str], default_engine: Engine) -> None:
    found = answers(acknowledged(to_837p(line), default_engine))["PCN1"]
    assert found.lines[0][0] == ["SVC", *service]


# -- several transaction sets and interchanges ------------------------------------------------------------------------


def test_each_transaction_set_gets_its_own_answer(default_engine: Engine) -> None:
    made = several([[[True, False], [False]], [[True]]])
    written = write(made.data, default_engine)
    data = written.files["ack277"]
    assert [s[1:] for s in segments_of(data) if s[0] in {"ISA", "GS", "ST", "SE", "GE", "IEA"} and s[0] != "ISA"] == [
        ["HN", "SCRUB01", "SUB0001", "20261124", "1015", "1", "X", "005010X214"],
        ["277", "0001", "005010X214"],
        [counted(data)[0], "0001"],
        ["277", "0002", "005010X214"],
        [counted(data)[1], "0002"],
        ["2", "1"],
        ["HN", "SCRUB01", "SUB0001", "20261124", "1015", "2", "X", "005010X214"],
        ["277", "0001", "005010X214"],
        [counted(data)[2], "0001"],
        ["1", "2"],
        ["2", "000000001"],
    ]
    assert [[s[2] for s in found if s[0] == "TRN"] for found in levels(data, "21")] == [
        ["BATCH1001"],
        ["BATCH1002"],
        ["BATCH2001"],
    ]
    traces = [s[3] for s in segments_of(data) if s[0] == "BHT"]
    assert len(set(traces)) == 3
    assert [[s[2] for s in found if s[0] == "TRN"] for found in levels(data, "20")] == [[trace] for trace in traces]
    assert list(answers(data)) == [number for number, _ in made.claims]
    check_numbering_of_acknowledgement(data)
    check_totals(data, written.report)


def counted(data: bytes) -> list[str]:
    """Count the segments of each transaction set."""
    counts: list[int] = []
    for segment in segments_of(data):
        counts += [0] if segment[0] == "ST" else []
        if counts and segment[0] not in {"GS", "GE", "IEA", "ISA"}:
            counts[-1] += 1
    return [str(count) for count in counts]


def test_each_interchange_is_answered_to_its_own_sender(default_engine: Engine, x214: Path) -> None:
    made = several([[[True]]], [[[False], [True]]], [[[False]]])
    written = write(made.data, default_engine)
    segments = segments_of(written.files["ack277"])
    headers = [(s[6].strip(), s[8].strip(), s[13]) for s in segments if s[0] == "ISA"]
    assert headers == [("SCRUB01", f"SUB{number:04}", f"{number:09}") for number in (1, 2, 3)]
    assert [(s[2], s[3]) for s in segments if s[0] == "GS"] == [("SCRUB01", f"SUB{n:04}") for n in (1, 2, 3)]
    assert [s[1:] for s in segments if s[0] == "IEA"] == [["1", number] for _, _, number in headers]
    assert [s[1] for s in segments if s[0] == "GE"] == ["1", "2", "1"]
    check_totals(written.files["ack277"], written.report)
    assert pyx12_errors(written.files["ack277"], x214) == []


def test_an_interchange_that_repeats_a_number_gets_another(default_engine: Engine) -> None:
    made = several([[[True]]], [[[True]]])
    data = made.data.replace(b"*000000002", b"*000000001")
    segments = segments_of(write(data, default_engine, partial=True).files["ack277"])
    assert [s[13] for s in segments if s[0] == "ISA"] == ["000000001", "000000002"]


def test_a_transaction_set_without_claims_gets_no_answer(default_engine: Engine) -> None:
    first, second = to_837p(CLEAN), to_837p("37252").replace(b"000000101", b"000000102")
    start, end = first.index(b"CLM*"), first.index(b"SE*")
    count = int(segments_of(first)[-3][1]) - sum(
        s[0] in _CLAIM_IDS for s in segments_of(first[:106] + first[start:end])
    )
    empty = re.sub(rb"SE\*\d+", b"SE*%d" % count, first[:start] + first[end:])
    written = write(empty + second, default_engine, partial=True)
    segments = segments_of(written.files["ack277"])
    assert [s[13] for s in segments if s[0] == "ISA"] == ["000000102"]
    assert [s[2] for s in segments if s[0] == "ST"] == ["0001"]


_CLAIM_IDS = {"CLM", "HI", "NM1", "LX", "SV1", "DTP"}


@pytest.mark.parametrize("line_dates", [False, True])
def test_the_same_input_gives_the_same_bytes(*, line_dates: bool, default_engine: Engine) -> None:
    data = to_837p(MIXED)
    written = {acknowledged(data, default_engine, line_dates=line_dates) for _ in range(3)}
    assert len(written) == 1
