"""The 999: which fault gives which answer, at which level, and that it tells nothing but structure."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import attrs
import pytest

from scrubber.api import load_settings, make_engine
from scrubber.engine.judge import Engine
from scrubber.findings.finding import Severity
from scrubber.io.publication import Publication
from scrubber.io.source import open_source
from scrubber.outputs.output_set import AckSettings, OutputSettings, targets_in
from scrubber.testing import Form, to_837p
from tests.support.envelopes import ISA, ONE, SET, counted, group, interchange
from tests.support.oracle import interchanges, pyx12_errors
from tests.support.x12_files import lines_of, segments_of, write, write_files

TWO = to_837p("claim A\n37238\n37252\nclaim B patient=M2\n99213", Form(line_end=""))
REJECTED = to_837p("37252", Form(line_end=""))
ENVELOPE = {"ISA", "GS", "ST", "SE", "GE", "IEA"}
AK1, AK2 = "AK1*HC*1*005010X222A1", "AK2*837*0001*005010X222A1"

Change = Callable[[bytes], bytes]


def swap(old: bytes, new: bytes, count: int = -1) -> Change:
    def change(data: bytes) -> bytes:
        assert old in data, old
        return data.replace(old, new, count)

    return change


def a_set(number: int, *changes: Change) -> bytes:
    data = SET.replace(b"*0001", b"*%04d" % number)
    for change in changes:
        data = change(data)
    return data


def ack(data: bytes, engine: Engine) -> bytes:
    return write(data, engine).files["ack999"]


def answer(data: bytes, engine: Engine) -> list[str]:
    """Return the 999 on an input without its envelope."""
    return [line for line in lines_of(ack(data, engine)) if line.partition("*")[0] not in ENVELOPE]


def by_set(lines: list[str]) -> dict[str, str]:
    """Return IK5 by AK202."""
    number, found = "", {}
    for line in lines:
        if line.startswith("AK2*"):
            number = line.split("*")[2]
        elif line.startswith("IK5*"):
            found[number] = line
    return found


# -- the reader's faults ----------------------------------------------------------------------------------------------

TA1 = "TA1*000000101*240805*0900*"
ALL = ["IK5*A", "AK9*A*1*1*1"]
NONE = ["IK5*R", "AK9*R*1*1*0"]
NOTED = ["IK5*E*5", "AK9*E*1*1*1"]
HEAD = [AK1, AK2]

# name, change, what the answer holds besides AK1 and AK2
FAULTS: list[tuple[str, Change, list[str]]] = [
    ("nothing", lambda data: data, ALL),
    ("X12103 cut in a claim", lambda data: data[: data.index(b"HI*") + 6], [TA1 + "R*023", "IK5*R*2", "AK9*R*1*1*0*3"]),
    ("X12103 cut behind SE", lambda data: data[: data.index(b"GE*")], [TA1 + "R*023", "IK5*A", "AK9*R*1*1*0*3"]),
    ("X12103 cut behind GE", lambda data: data[: data.index(b"IEA*")], [TA1 + "R*023", *ALL]),
    ("X12104 another set", swap(b"ST*837", b"ST*277"), ["IK5*R*1", "AK9*R*1*1*0"]),
    ("X12104 another guide", swap(b"005010X222A1", b"005010X223A2"), ["IK5*R*I6", "AK9*R*1*1*0*2"]),
    ("X12106 byte order mark", lambda data: b"\xef\xbb\xbf" + data, ALL),
    ("X12107 junk in front", lambda data: b"junk" + data, ALL),
    ("X12107 junk behind", lambda data: data + b"\r\njunk", ALL),
    ("X12107 junk like an ISA behind", lambda data: data + b"\nISAAC", ALL),
    ("X12108 empty segment", swap(b"~CLM", b"~~CLM"), ["IK5*E*5", "AK9*E*1*1*1"]),
    ("X12108 empty segment behind ISA", swap(b"~GS", b"~~GS"), [TA1 + "E*024", *ALL]),
    ("X12108 empty segment behind SE", swap(b"~GE", b"~~GE"), [TA1 + "E*024", *ALL]),
    ("X12108 empty segment behind GE", swap(b"~IEA", b"~~IEA"), [TA1 + "E*024", *ALL]),
    ("X12109", swap(b"~CLM", b"~clm"), ["IK3*CLM*18*2300*1", "CTX*CLM01:PCN1", *NOTED]),
    ("X12109 too long", swap(b"~DTP*", b"~DTPDTP*"), NOTED),
    ("X12109 in a header", swap(b"~BHT*", b"~bht*"), ["IK3*BHT*2**1", "IK5*R*5", "AK9*R*1*1*0"]),
    ("X12109 of a group", swap(b"~GS*", b"~gs*"), [TA1 + "E*024", *NONE]),
    ("X12109 of a trailer", swap(b"~SE*", b"~se*"), ["IK3*SE*27**1", "IK5*R*5", "AK9*R*1*1*0"]),
    ("X12109 of an interchange", swap(b"~IEA*", b"~iea*"), [TA1 + "R*024", *NONE]),
    ("X12110 SE", swap(b"SE*27*0001~", b""), ["IK5*R*2", "AK9*R*1*1*0"]),
    ("X12110 GE", swap(b"GE*1*1~", b""), ["IK5*R", "AK9*R*1*1*0*3"]),
    ("X12110 SE and GE", swap(b"SE*27*0001~GE*1*1~", b""), ["IK5*R*2", "AK9*R*1*1*0*3"]),
    ("X12111 SE", swap(b"SE*27*0001~", b"SE*27*0001~SE*27*0001~"), [TA1 + "E*024", *NONE]),
    ("X12111 GE", swap(b"GE*1*1~", b"GE*1*1~GE*1*1~"), [TA1 + "R*024", *NONE]),
    ("X12113 SE01", swap(b"SE*27*", b"SE*28*"), ["IK5*R*4", "AK9*R*1*1*0"]),
    ("X12113 GE01", swap(b"GE*1*", b"GE*2*"), ["IK5*R", "AK9*R*2*1*0*5"]),
    ("X12113 IEA01", swap(b"IEA*1*", b"IEA*2*"), [TA1 + "R*021", *NONE]),
    ("X12114 SE01", swap(b"SE*27*", b"SE*26*"), ["IK5*R*4", "AK9*R*1*1*0"]),
    ("X12114 SE01 no number", swap(b"SE*27*", b"SE*many*"), ["IK5*R*4", "AK9*R*1*1*0"]),
    ("X12114 GE01", swap(b"GE*1*", b"GE*0*"), ["IK5*R", "AK9*R*0*1*0*5"]),
    ("X12114 GE01 no number", swap(b"GE*1*", b"GE*many*"), ["IK5*R", "AK9*R*1*1*0*5"]),
    ("X12114 IEA01", swap(b"IEA*1*", b"IEA*0*"), [TA1 + "R*021", *NONE]),
    ("X12115 SE02", swap(b"SE*27*0001", b"SE*27*0002"), ["IK5*R*3", "AK9*R*1*1*0"]),
    ("X12115 GE02", swap(b"GE*1*1~", b"GE*1*2~"), ["IK5*R", "AK9*R*1*1*0*4"]),
    ("X12115 GE02 as a number", swap(b"GE*1*1~", b"GE*1*01~"), ALL),
    ("X12115 IEA02", swap(b"IEA*1*000000101", b"IEA*1*000000109"), [TA1 + "R*001", *NONE]),
    ("X12115 IEA02 without zeros", swap(b"IEA*1*000000101", b"IEA*1*101"), [TA1 + "R*001", *NONE]),
    ("X12117 behind SE", swap(b"~GE", b"~REF*EI*1~GE"), [TA1 + "R*024", *ALL]),
    ("X12117 behind GE", swap(b"~IEA", b"~REF*EI*1~IEA"), [TA1 + "R*024", *ALL]),
    ("X12121 HL02", swap(b"HL*2*1*", b"HL*2*9*"), ["IK3*HL*11**8", "IK4*2**I12", *NOTED]),
    ("X12121 HL01 twice", swap(b"HL*2*1*", b"HL*1*1*"), ["IK3*HL*11**8", "IK4*1**I12", *NOTED]),
    ("X12126 in a claim", swap(b"37252", b"3725\r\n2"), ["IK3*SV1*25*2400*8", "CTX*CLM01:PCN1", "IK4*1**6", *NOTED]),
    (
        "X12126 in a header",
        swap(b"~BHT*0019", b"~BHT*0019\x07"),
        ["IK3*BHT*2**8", "IK4*1**6", "IK5*R*5", "AK9*R*1*1*0"],
    ),
    ("X12127", lambda data: counted(data.replace(b"~HI*", b"~XX1*HC~HI*")), NOTED),
    ("X12122 HL01", swap(b"HL*2*1*", b"HL*7*1*"), ["IK3*HL*11**8", "IK4*1**I12", "IK5*E*5", "AK9*E*1*1*1"]),
    (
        "X12123 HL03",
        swap(b"*22*0~", b"*99*0~"),
        ["IK3*HL*11*2000*8", "IK4*3**7", "IK3*CLM*18*2300*7", "CTX*CLM01:PCN1", *NOTED],
    ),
    (
        "X12124",
        lambda data: re.sub(rb"CLM\*[^~]*~", b"", data),
        ["IK3*LX*20**7", "IK3*SV1*21**7", "IK3*LX*23**7", "IK3*SV1*24**7", "IK5*R*5*4", "AK9*R*1*1*0"],
    ),
    (
        "several codes in order",
        lambda data: data.replace(b"SE*27*0001", b"SE*28*0002").replace(b"HL*2*1*", b"HL*2*9*"),
        ["IK3*HL*11**8", "IK4*2**I12", "IK5*R*5*4*3", "AK9*R*1*1*0"],
    ),
]


@pytest.mark.parametrize(("change", "expected"), [case[1:] for case in FAULTS], ids=[case[0] for case in FAULTS])
def test_each_fault_of_the_reader_has_its_answer(change: Change, expected: list[str], default_engine: Engine) -> None:
    found = answer(change(ONE), default_engine)
    assert [line for line in found if not line.startswith(("AK1", "AK2"))] == expected


def test_headers_are_echoed_in_front_of_what_is_said_of_them(default_engine: Engine) -> None:
    assert answer(ONE, default_engine) == [*HEAD, *ALL]
    assert answer(ONE.replace(b"IEA*1*", b"IEA*2*"), default_engine) == [TA1 + "R*021", *HEAD, *NONE]
    assert answer(ONE.replace(b"222A1", b"222A2"), default_engine)[0] == "AK1*HC*1*005010X222A2"


@pytest.mark.parametrize("guide", [b"005010X222", b"005010X222A1", b"005010X222A2"])
def test_every_guide_that_is_judged_is_accepted(guide: bytes, default_engine: Engine) -> None:
    assert answer(ONE.replace(b"005010X222A1", guide), default_engine)[2:] == ALL


def test_an_endless_segment_refuses_all_that_it_swallowed(default_engine: Engine) -> None:
    """X12105: nothing behind it was read, as little as behind the end of a truncated file."""
    data = ONE.replace(b"~CLM", b"~NTE*ADD*" + b"X" * (1 << 20) + b"~CLM").replace(b"*0*T*", b"*1*T*")
    found = answer(data, default_engine)
    assert by_set(found)["0001"].startswith("IK5*R")
    assert found[-1].startswith("AK9*R*1*1*0")
    assert found[0].startswith(TA1 + "R*")


def test_a_set_outside_any_group_refuses_the_interchange(default_engine: Engine) -> None:
    """X12112."""
    assert answer(ONE.replace(b"GS*HC*", b"GX*HC*"), default_engine) == [TA1 + "R*024"]
    data = interchange(101, group(1, a_set(1)), a_set(2)).replace(b"IEA*2", b"IEA*1")
    assert answer(data, default_engine) == [TA1 + "E*024", *HEAD, *ALL]


def test_repeated_control_numbers_are_noted_at_the_second(default_engine: Engine) -> None:
    """X12116."""
    sets = answer(interchange(101, group(1, a_set(1), a_set(1))), default_engine)
    assert [line for line in sets if line.startswith("IK5")] == ["IK5*A", "IK5*R*23"]
    groups = answer(interchange(101, group(1, a_set(1)), group(1, a_set(1))), default_engine)
    assert [line for line in groups if line.startswith("AK9")] == ["AK9*A*1*1*1", "AK9*R*1*1*0*19"]
    twice = answer(ONE + ONE, default_engine)
    assert [line for line in twice if line.startswith("TA1")] == [TA1 + "R*025"]
    assert twice.index(TA1 + "R*025") == len(twice) // 2
    other = ONE.replace(b"SUB0001        ", b"SUB0002        ")
    assert not [line for line in answer(ONE + other, default_engine) if line.startswith("TA1")]


def test_a_set_number_of_another_group_is_a_warning_only(default_engine: Engine) -> None:
    """X12116: the guide wants ST02 to be unique in the interchange, the codes are about the group."""
    written = write(interchange(101, group(1, a_set(1)), group(2, a_set(1))), default_engine)
    assert [finding.severity for finding in written.report.findings if finding.code == "X12116"] == [Severity.WARNING]
    assert not any(claim.envelope_rejected for claim in written.report.claims)


def test_a_lower_case_identifier_is_noted_wherever_it_stands(default_engine: Engine) -> None:
    """X12109, also where the identifier came before as it should be."""
    found = answer(TWO.replace(b"~CLM*B", b"~clm*B"), default_engine)
    assert found[2:] == ["IK3*CLM*34*2300*1", "CTX*CLM01:B", *NOTED]


def test_a_group_whose_sets_have_noted_errors_is_accepted_with_errors(default_engine: Engine) -> None:
    """AK901 is E, accepted but errors were noted, not A."""
    data = interchange(101, group(1, a_set(1), a_set(2, swap(b"HL*2*1*", b"HL*7*1*"))))
    assert answer(data, default_engine)[-1] == "AK9*E*2*2*2"


# -- positions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("segment", [b"NM1*41", b"HL*1*", b"NM1*85", b"N4*ANYTOWN*PA*17111~", b"CLM*", b"SV1*HC:37252"])
@pytest.mark.parametrize("sets", [1, 2])
def test_positions_count_from_the_header_of_the_set(segment: bytes, sets: int, default_engine: Engine) -> None:
    body = a_set(sets)
    place = body.index(b"~" + segment) + 1
    name = segment[: segment.index(b"*")]
    wrong = body[:place] + name.lower() + body[place + len(name) :]
    data = interchange(101, group(1, *(a_set(number) for number in range(1, sets)), wrong))
    # The first of its kind in the file, so that no other is before it.
    data = data.replace(b"~" + name + b"*", b"~" + name.lower() + b"*")
    positions = [
        int(line.split("*")[2]) for line in answer(data, default_engine) if line.startswith(f"IK3*{name.decode()}*")
    ]
    expected = [
        number
        for _ in range(sets)
        for number, text in enumerate(a_set(1).split(b"~"), 1)
        if text.startswith(name + b"*")
    ]
    assert positions == expected


@pytest.mark.parametrize("before", [0, 3, 2_000])
@pytest.mark.parametrize("inside", [0, 1, 2_000])
def test_positions_count_what_se01_counts(before: int, inside: int, default_engine: Engine) -> None:
    data = ONE.replace(b"~HL*2*1*", b"~" * (1 + before) + b"HL*2*9*").replace(b"~SBR*", b"~" * (1 + inside) + b"sbr*")
    lines = answer(data, default_engine)
    assert "IK3*HL*11**8" in lines
    assert "IK3*SBR*12**1" in lines
    assert not any("*4" in line for line in lines if line.startswith("IK5"))


def test_faults_of_one_segment_share_its_note(default_engine: Engine) -> None:
    data = ONE.replace(b"HL*2*1*", b"HL*7*9*")
    assert answer(data, default_engine)[2:] == ["IK3*HL*11**8", "IK4*1**I12", "IK4*2**I12", *NOTED]


# -- the guide --------------------------------------------------------------------------------------------------------

# name, change of TWO, notes, IK5, whether claims A and B are rejected
GUIDE: list[tuple[str, Change, list[str], str, list[bool]]] = [
    ("nothing", lambda data: data, [], "IK5*A", [False, False]),
    (
        "element of A",
        swap(b"11:B:1", b"11:B:12", 1),
        ["IK3*CLM*18*2300*8", "CTX*CLM01:A", "IK4*5:3**5"],
        "IK5*E*5",
        [True, False],
    ),
    (
        "element at the end of B",
        lambda data: data[::-1].replace(b"D8"[::-1], b"XX"[::-1], 1)[::-1],
        ["IK3*DTP*39*2400*8", "CTX*CLM01:B", "IK4*2**7"],
        "IK5*E*5",
        [False, True],
    ),
    (
        "unknown code of A's first segment",
        swap(b"HI*ABK:", b"HI*ZZZ:", 1),
        ["IK3*HI*18*2300*3", "CTX*CLM01:A", "IK3*HI*19*2300*1", "CTX*CLM01:A"],
        "IK5*E*5",
        [True, False],
    ),
    (
        "segment of the guide at a wrong place in A",
        swap(b"~HI*", b"~SV5*X~HI*", 1),
        ["IK3*SV5*19*2300*1", "CTX*CLM01:A"],
        "IK5*E*5",
        [True, False],
    ),
    ("segment unknown to the guide in A", swap(b"~HI*", b"~QQQ*X~HI*", 1), [], "IK5*E*5", [True, False]),
    (
        "missing at the end of A",
        lambda data: re.sub(rb"DTP\*472\*D8\*20240805~HL", b"HL", data),
        ["IK3*DTP*25*2400*3", "CTX*CLM01:A"],
        "IK5*E*5",
        [True, False],
    ),
    (
        "missing at the end of B",
        lambda data: re.sub(rb"DTP\*472\*D8\*20240805~SE", b"SE", data),
        ["IK3*DTP*38*2400*3", "CTX*CLM01:B"],
        "IK5*E*5",
        [False, True],
    ),
    (
        "B without lines",
        lambda data: data[: data.rindex(b"LX*")] + data[data.rindex(b"SE*") :],
        ["IK3*LX*36*2400*3", "CTX*CLM01:B"],
        "IK5*E*5",
        [False, True],
    ),
    ("patient", swap(b"*F~", b"*Q~", 1), ["IK3*DMG*16**8", "IK4*3**7"], "IK5*E*5", [True, False]),
    (
        "billing provider",
        swap(b"NM1*85*2*", b"NM1*85*7*", 1),
        ["IK3*NM1*7**8", "IK4*2**7"],
        "IK5*E*5",
        [True, True],
    ),
    (
        "billing provider without claims behind both",
        swap(
            b"~SE*",
            b"~HL*4**20*1~NM1*85*7*SYNTHETIC*****XX*1234567893~N3*1 MAIN ST~N4*ANYTOWN*PA*171110000~REF*EI*1~SE*",
        ),
        ["IK3*NM1*41**8", "IK4*2**7", "IK3*HL*44**3"],
        "IK5*R*5",
        [True, True],
    ),
    ("receiver", swap(b"NM1*40*2*", b"NM1*40*7*", 1), ["IK3*NM1*5**8", "IK4*2**7"], "IK5*R*5", [True, True]),
    (
        "payer missing in front of A",
        lambda data: re.sub(rb"NM1\*PR[^~]*~", b"", data, count=1),
        ["IK3*NM1*16**3"],
        "IK5*E*5",
        [True, False],
    ),
    (
        "subscriber of B, behind A",
        lambda data: data[::-1].replace(b"*18*"[::-1], b"*ZZ*"[::-1], 1)[::-1],
        ["IK3*SBR*28**8", "IK4*2**7"],
        "IK5*E*5",
        [False, True],
    ),
    ("two codes for one element", swap(b"*PA*17111~", b"*PAAAA*17111~", 1), ["4", "5", "7"], "IK5*E*5", [True, False]),
]


@pytest.mark.parametrize(
    ("change", "notes", "verdict", "rejected"), [case[1:] for case in GUIDE], ids=[case[0] for case in GUIDE]
)
def test_the_guide_rejects_the_claim_or_else_the_set(
    change: Change, notes: list[str], verdict: str, rejected: list[bool], guide_engine: Engine
) -> None:
    written = write(counted(change(TWO)), guide_engine)
    assert [claim.rejected for claim in written.report.claims] == rejected
    lines = [line for line in lines_of(written.files["ack999"]) if line.partition("*")[0] not in ENVELOPE]
    assert lines[-2] == verdict
    if notes and not notes[0].startswith("IK3"):
        assert lines[2:-2] == ["IK3*N4*15**8", "IK4*2**5", "IK4*2**7"]
    else:
        assert lines[2:-2] == notes
    status = {"A": "A*1*1*1", "E": "E*1*1*1", "R": "R*1*1*0"}[verdict.split("*")[1]]
    assert lines[-1] == f"AK9*{status}"
    # Whatever is wrong rejects claims: those it is about, or all of the set.
    assert any(rejected) or verdict == "IK5*A"
    assert all(rejected) or not verdict.startswith("IK5*R")


def test_what_the_reader_and_the_guide_both_find_is_noted_once(guide_engine: Engine) -> None:
    found = answer(ONE.replace(b"HL*2*1*", b"HL*2*9*"), guide_engine)
    assert len([line for line in found if line.startswith("IK4*2*")]) == 1
    assert found[-2:] == NOTED
    assert answer(ONE.replace(b"SE*27*", b"SE*28*"), guide_engine)[2:] == ["IK5*R*4", "AK9*R*1*1*0"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (swap(b"*00501*", b"*00401*"), [TA1 + "R*024", *NONE]),
        (swap(b"*0900*1*X*", b"*9900*1*X*"), [TA1 + "E*024", *NONE]),
        (swap(b"*20240805*0900*CH", b"*20261305*0900*CH"), ["IK3*BHT*2**8", "IK4*4**8", "IK5*R*5", "AK9*R*1*1*0"]),
    ],
)
def test_the_guide_looks_at_the_envelope_too(change: Change, expected: list[str], guide_engine: Engine) -> None:
    found = answer(change(ONE), guide_engine)
    assert [line for line in found if not line.startswith(("AK1", "AK2"))] == expected


def test_a_guide_walked_as_another_is_no_fault(guide_engine: Engine) -> None:
    assert answer(ONE.replace(b"222A1", b"222A2"), guide_engine)[2:] == ALL


@pytest.mark.parametrize(
    "lenient",
    [{"ignore": ("X12",)}, {"conformance": "none"}, {"severity": {"X12113": Severity.WARNING}}],
    ids=["ignored", "no conformance", "a warning"],
)
def test_what_the_settings_forgive_is_noted_and_refuses_nothing(lenient: dict[str, Any]) -> None:
    """The 999 and the split agree: what is in the clean file is not rejected."""
    engine = make_engine(attrs.evolve(load_settings(discover=False), **lenient))
    data = to_837p("37238\n37252", Form(line_end="")).replace(b"SE*27*", b"SE*28*")
    assert answer(data, engine)[2:] == ["IK5*E*4", "AK9*E*1*1*1"]
    assert write(data, engine).files["clean"] == data


def test_edits_do_not_change_what_the_structure_is(default_engine: Engine) -> None:
    written = write(REJECTED, default_engine)
    assert written.report.totals.rejected == 1
    assert lines_of(written.files["ack999"])[5:7] == ALL


# -- levels -----------------------------------------------------------------------------------------------------------

HIGH = swap(b"SE*27*", b"SE*28*")


@pytest.mark.parametrize(
    ("sets", "expected"),
    [
        ([a_set(1), a_set(2)], "AK9*A*2*2*2"),
        ([a_set(1, HIGH), a_set(2)], "AK9*P*2*2*1"),
        ([a_set(1), a_set(2, HIGH), a_set(3)], "AK9*P*3*3*2"),
        ([a_set(1, HIGH), a_set(2, HIGH)], "AK9*R*2*2*0"),
        ([a_set(1), a_set(2, swap(b"ST*837", b"ST*277"))], "AK9*P*2*2*1"),
    ],
)
def test_a_group_with_some_sets_refused_is_accepted_in_part(
    sets: list[bytes], expected: str, default_engine: Engine
) -> None:
    assert answer(interchange(101, group(1, *sets)), default_engine)[-1] == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (b"GE*2*1", "AK9*A*2*2*2"),
        (b"GE*3*1", "AK9*R*3*2*0*5"),
        (b"GE*1*1", "AK9*R*1*2*0*5"),
        (b"GE**1", "AK9*R*2*2*0*5"),
    ],
)
def test_counts_are_those_of_the_trailer_and_those_that_came(
    written: bytes, expected: str, default_engine: Engine
) -> None:
    data = interchange(101, group(1, a_set(1), a_set(2))).replace(b"GE*2*1", written)
    assert answer(data, default_engine)[-1] == expected


def test_a_group_without_sets_is_answered(default_engine: Engine) -> None:
    assert answer(interchange(101, group(1)), default_engine) == [AK1, "AK9*A*0*0*0"]


def test_each_group_has_an_answer_of_its_own(default_engine: Engine) -> None:
    data = interchange(101, group(1, a_set(1, HIGH)), group(7, a_set(1), a_set(2)))
    found = lines_of(ack(data, default_engine))
    assert [line for line in found if line.startswith(("AK1", "AK9"))] == [
        AK1,
        "AK9*R*1*1*0",
        "AK1*HC*7*005010X222A1",
        "AK9*A*2*2*2",
    ]
    assert sum(line.startswith("ST*999*") for line in found) == 2


def test_institutional_claims_beside_professional_ones_are_refused_alone(default_engine: Engine) -> None:
    other = group(2, a_set(1)).replace(b"005010X222A1", b"005010X223A2")
    found = answer(interchange(101, group(1, a_set(1)), other), default_engine)
    assert found == [
        *HEAD,
        *ALL,
        "AK1*HC*2*005010X223A2",
        "AK2*837*0001*005010X223A2",
        "IK5*R*I6",
        "AK9*R*1*1*0*2",
    ]


def test_each_interchange_is_answered_to_its_sender(default_engine: Engine) -> None:
    other = interchange(102, group(1, a_set(1, HIGH))).replace(b"*ZZ*SUB0001 *ZZ*", b"*ZZ*SUB0001 *ZZ*")
    other = other.replace(b"SUB0001        ", b"SUB0002        ").replace(b"GS*HC*SUB0001", b"GS*HC*SUB0002")
    first, second = interchanges(ack(ONE + other, default_engine))
    for data, sender, verdict in ((first, "SUB0001", "IK5*A"), (second, "SUB0002", "IK5*R*4")):
        segments = segments_of(data)
        assert (segments[0][6].strip(), segments[0][8].strip()) == ("SCRUB01", sender)
        assert segments[1][1:4] == ["FA", "SCRUB01", sender]
        assert verdict in lines_of(data)
    assert segments_of(first)[0][13] != segments_of(second)[0][13]


@pytest.mark.parametrize("asked", [True, False])
def test_an_interchange_that_asks_for_it_gets_a_ta1(asked: bool, default_engine: Engine) -> None:  # noqa: FBT001
    data = ONE.replace(b"*0*T*", b"*1*T*") if asked else ONE
    found = lines_of(ack(data, default_engine))
    assert found[1] == TA1 + "A*000" if asked else not any(line.startswith("TA1") for line in found)
    assert found[0].split("*")[14] == "0"


def test_an_interchange_without_groups_gets_a_ta1_only_when_asked_or_at_fault(default_engine: Engine) -> None:
    data = interchange(101)
    assert "ack999" not in write(data, default_engine).files
    found = lines_of(ack(data.replace(b"*0*T*", b"*1*T*"), default_engine))
    assert [line.partition("*")[0] for line in found] == ["ISA", "TA1", "IEA"]
    assert found[-1].startswith("IEA*0*")
    assert lines_of(ack(data.replace(b"IEA*0", b"IEA*1"), default_engine))[1] == TA1 + "R*021"


def test_a_999_is_never_answered_by_a_999(default_engine: Engine) -> None:
    answered = write(ack(ONE, default_engine), default_engine).files.get("ack999")
    assert answered is None or not {"ST", "AK1"} & {segment[0] for segment in segments_of(answered)}


# -- many faults ------------------------------------------------------------------------------------------------------


def test_more_faults_than_the_report_keeps_all_find_their_set(default_engine: Engine) -> None:
    sets = [a_set(number, *([HIGH] if number % 2 else [])) for number in range(1, 61)]
    data = interchange(101, group(1, *sets[:30]), group(2, *sets[30:]))
    found = answer(data, default_engine)
    assert by_set(found) == {f"{number:04}": "IK5*R*4" if number % 2 else "IK5*A" for number in range(1, 61)}
    assert [line for line in found if line.startswith("AK9")] == ["AK9*P*30*30*15"] * 2


def test_more_faults_than_the_report_keeps_all_find_their_segment(default_engine: Engine) -> None:
    sets = [a_set(number, swap(b"HL*2*1*", b"HL*2*9*")) for number in range(1, 31)]
    found = answer(interchange(101, group(1, *sets)), default_engine)
    assert found.count("IK3*HL*11**8") == found.count("IK5*E*5") == 30
    many = ONE.replace(b"~CLM", b"~" * 50 + b"CLM") + interchange(102, group(1, a_set(1, swap(b"~CLM", b"~~CLM"))))
    assert [line for line in answer(many, default_engine) if line.startswith("IK5")] == ["IK5*E*5"] * 2


def test_more_faults_than_the_report_keeps_all_find_their_interchange(default_engine: Engine) -> None:
    parts = []
    for number in range(1, 31):
        part = interchange(number, group(1, a_set(1)))
        parts.append(part.replace(b"IEA*1", b"IEA*2") if number % 3 else part)
    answers = interchanges(ack(b"".join(parts), default_engine))
    assert len(answers) == 30
    for number, data in enumerate(answers, 1):
        notes = [line.split("*") for line in lines_of(data) if line.startswith("TA1")]
        assert notes == ([["TA1", f"{number:09}", "240805", "0900", "R", "021"]] if number % 3 else [])


def test_more_faults_of_the_guide_than_a_report_keeps_all_find_their_set(guide_engine: Engine) -> None:
    sets = [
        a_set(n, *([swap(b"NM1*40*2*", b"NM1*40*7*")] if n % 2 else [swap(b"*UN*", b"*XX*")])) for n in range(1, 27)
    ]
    found = answer(interchange(101, group(1, *sets)), guide_engine)
    assert by_set(found) == {f"{n:04}": "IK5*R*5" if n % 2 else "IK5*E*5" for n in range(1, 27)}
    assert found[-1] == "AK9*P*26*26*13"


@pytest.mark.parametrize("claims", [1, 2, 3])
@pytest.mark.parametrize("cut", range(0, 1100, 97))
def test_a_truncated_file_is_never_accepted(cut: int, claims: int, default_engine: Engine) -> None:
    data = to_837p("\n".join(f"claim C{n} patient=M{n}\n37238" for n in range(claims)), Form(line_end=""))
    length = len(data) - 1 - cut * (len(data) - 110) // 1100
    found = answer(data[:length], default_engine)
    assert found[0] == TA1 + "R*023"
    if b"~ST*837*0001*005010X222A1~" in data[:length]:
        assert (by_set(found)["0001"] == "IK5*A") is (b"SE*" in data[:length])
        assert by_set(found)["0001"].startswith("IK5*R*2" if b"SE*" not in data[:length] else "IK5*A")
        assert found[-1] == ("AK9*A*1*1*1" if b"GE*1*1~" in data[:length] else "AK9*R*1*1*0*3")


@pytest.mark.parametrize(
    "last", [b"ISA", b"GS*HC*SUB0001*SC", b"GS*HC*SUB0001*SCRUB01*20240805*0900*1*X*00501", b"ST*83", b"ST*837*"]
)
def test_what_a_cut_header_does_not_hold_is_not_answered(last: bytes, default_engine: Engine) -> None:
    """AK102, AK103 and AK202 are mandatory."""
    data = ONE[: ONE.index(last) + len(last)] if last != b"ISA" else ISA
    found = ack(data, default_engine)
    assert lines_of(found)[1] == TA1 + "R*023"
    for segment in segments_of(found):
        least = {"AK1": 4, "AK2": 3}.get(segment[0], 0)
        assert len(segment) >= least
        assert all(segment[:least])


# -- what it tells ----------------------------------------------------------------------------------------------------

CANARIES = ["CANARY", "31071931", "19310717", "K7777", "9999999995"]


def canary_file() -> bytes:
    data = TWO.replace(b"TESTPATIENT*ANN", b"CANARYLAST*CANARYFIRST").replace(b"2 ELM ST", b"2 CANARY STREET")
    data = (
        data.replace(b"MI*M1", b"MI*CANARYMEMBER")
        .replace(b"ABK:I70213", b"ABK:K7777")
        .replace(b"19500101", b"19310717")
    )
    return data.replace(b"TESTDOCTOR*SAM****XX*1999999984", b"CANARYDOC*SAM****XX*9999999995")


@pytest.mark.parametrize(
    "change",
    [
        swap(b"*MI*", b"*CANARY*"),
        swap(b"*F~", b"*CANARY~"),
        swap(b"D8*19310717", b"D8*31071931"),
        swap(b"ABK:", b"CANARY:"),
        swap(b"NM1*IL*1*", b"NM1*CANARY*1*"),
        swap(b"HL*2*1*22", b"HL*CANARY*CANARY*CANARY"),
        swap(b"CANARYFIRST*", b"CANARYFIRST~CANARY*"),
        swap(b"CANARYFIRST*", b"CANARYFIRST~canary*"),
        swap(b"2 CANARY STREET", "2 CANARY STRE\xcbT".encode("latin-1")),
        swap(b"~CLM*A", b"~NTE*CANARY*CANARY~CLM*A"),
        swap(b"~HI*", b"~NTE*CANARY*CANARY~HI*"),
        swap(b"SE*", b"SE*CANARY"),
        swap(b"LX*1~", b"LX*CANARY~"),
        swap(b"*XX*9999999995", b"*XX*9999999995CANARY"),
        swap(b"NM1*82*", b"CANARY*82*"),
        lambda data: re.sub(rb"CLM\*[^~]*~", b"", data),
        lambda data: data[: data.index(b"CANARYDOC") + 5],
    ],
)
@pytest.mark.parametrize("guide", [True, False])
def test_no_element_value_gets_into_it(
    change: Change,
    guide: bool,  # noqa: FBT001
    guide_engine: Engine,
    default_engine: Engine,
) -> None:
    text = ack(change(canary_file()), guide_engine if guide else default_engine).decode("latin-1")
    for canary in CANARIES:
        assert canary not in text.upper()
    assert "IK4" not in text or all(len(line.split("*")) == 4 for line in lines_of(text.encode()) if line[:3] == "IK4")


@pytest.mark.parametrize("guide", [True, False])
def test_a_piece_of_a_name_is_not_taken_for_an_identifier(
    guide: bool,  # noqa: FBT001
    guide_engine: Engine,
    default_engine: Engine,
) -> None:
    """A terminator inside a name makes what follows look like a segment, in lower case or not."""
    for piece in (b"DOE", b"doe"):
        data = ONE.replace(b"TESTPATIENT*", b"TEST~" + piece + b"*")
        assert "DOE" not in ack(data, guide_engine if guide else default_engine).decode()


# -- form -------------------------------------------------------------------------------------------------------------

FORMS = [
    ("accepted", ONE),
    (
        "all in one",
        interchange(
            101,
            group(
                1,
                a_set(1, HIGH, swap(b"HL*2*1*", b"HL*7*9*")),
                a_set(2, swap(b"SE*27*", b"SE*26*")),
                a_set(2, swap(b"~CLM", b"~clm"), swap(b"SE*27*0002", b"SE*28*0009")),
                a_set(4, swap(b"*UN*", b"*XX*")),
                a_set(5, swap(b"*F~", b"*Q~")),
                a_set(6, swap(b"ST*837", b"ST*277")),
            ),
            group(1, a_set(1)),
            group(2, a_set(1)).replace(b"005010X222A1", b"005010X223A2"),
        ).replace(b"IEA*3*", b"IEA*4*"),
    ),
    ("no guide", ONE.replace(b"005010X222A1", b"")),
    ("truncated", ONE[:-40]),
    ("TA1 alone", interchange(101).replace(b"*0*T*", b"*1*T*")),
    (
        "long patient control number",
        ONE.replace(b"CLM*PCN1*", b"CLM*" + b"P" * 60 + b"*").replace(b"11:B:1", b"XX:B:1"),
    ),
    (
        "other delimiters",
        ONE.replace(b"*", b"|").replace(b":", b">").replace(b"~", b"\n").replace(b"HL|2|1", b"HL|2|9"),
    ),
]


@pytest.mark.parametrize("data", [form[1] for form in FORMS], ids=[form[0] for form in FORMS])
def test_pyx12_accepts_it(data: bytes, guide_engine: Engine) -> None:
    (written,) = interchanges(ack(data, guide_engine))
    assert pyx12_errors(written) == []


@pytest.mark.parametrize("data", [form[1] for form in FORMS], ids=[form[0] for form in FORMS])
def test_its_own_counts_and_control_numbers_are_right_and_its_bytes_the_same_again(
    data: bytes, guide_engine: Engine
) -> None:
    written = ack(data, guide_engine)
    assert ack(data, guide_engine) == written
    segments = segments_of(written)
    opened: dict[str, list[str]] = {}
    counts = dict.fromkeys(("ST", "GS", "ISA"), 0)
    seen: set[tuple[str, str]] = set()
    for segment in segments:
        counts["ST"] += 1
        if segment[0] in counts:
            opened[segment[0]] = segment
            number = segment[{"ST": 2, "GS": 6, "ISA": 13}[segment[0]]]
            assert ((segment[0], number) not in seen) or segment[0] == "ST"
            seen.add((segment[0], number))
            counts[segment[0]] = 1 if segment[0] == "ST" else 0
            counts["GS"] += segment[0] == "ST"
            counts["ISA"] += segment[0] == "GS"
        elif segment[0] in {"SE", "GE", "IEA"}:
            header = {"SE": "ST", "GE": "GS", "IEA": "ISA"}[segment[0]]
            place = {"ST": 2, "GS": 6, "ISA": 13}[header]
            assert segment[1:] == [str(counts[header]), opened[header][place]]


def test_its_date_and_number_can_be_set(default_engine: Engine, tmp_path: Path) -> None:
    settings = AckSettings(default_engine.config.today, datetime(2026, 2, 3, 4, 5), 700)
    found = lines_of(_written_in_folder(ONE.replace(b"SE*27", b"SE*28"), default_engine, tmp_path, settings) or b"")
    assert found[0].split("*")[9:11] == ["260203", "0405"]
    assert found[1].split("*")[4:6] == ["20260203", "0405"]
    assert int(found[0].split("*")[13]) >= 700


# -- in an output folder ----------------------------------------------------------------------------------------------


def _written_in_folder(
    data: bytes, engine: Engine, folder: Path, ack_settings: AckSettings | None = None, *, in_folder: bool = True
) -> bytes | None:
    target = folder / "in.999"
    with open_source(data, "in.837") as source, Publication() as publication:
        targets = attrs.evolve(targets_in(folder, "in.837"), findings=None, in_folder=in_folder)
        options = OutputSettings(ack_settings or AckSettings(engine.config.today))
        write_files(source, engine, targets, options, publication)
    return target.read_bytes() if target.exists() else None


@pytest.mark.parametrize(
    ("data", "there"),
    [
        (ONE, False),
        (REJECTED, False),
        (ONE.replace(b"*0*T*", b"*1*T*"), False),
        (ONE.replace(b"005010X222A1", b"005010X222A2"), False),
        (b"", False),
        (b"\xef\xbb\xbf" + ONE, True),
        (ONE + b"junk", True),
        (ONE.replace(b"SE*27*", b"SE*26*"), True),
        (ONE.replace(b"GE*1*", b"GE*0*"), True),
        (ONE.replace(b"IEA*1*", b"IEA*0*"), True),
        (ONE.replace(b"~CLM", b"~~CLM"), True),
        (ONE[:-5], True),
        (ONE.replace(b"005010X222A1", b"005010X223A2"), True),
        (ONE.replace(b"*UN*", b"*XX*"), True),
    ],
)
def test_in_an_output_folder_it_is_there_only_for_a_flawed_structure(
    data: bytes,
    there: bool,  # noqa: FBT001
    guide_engine: Engine,
    tmp_path: Path,
) -> None:
    (tmp_path / "in.999").write_bytes(b"of an earlier run")
    written = _written_in_folder(data, guide_engine, tmp_path)
    assert (written is not None) is there
    assert written != b"of an earlier run"


def test_asked_for_by_name_it_is_there_for_every_structure(guide_engine: Engine, tmp_path: Path) -> None:
    assert _written_in_folder(ONE, guide_engine, tmp_path, in_folder=False) == ack(ONE, guide_engine)
