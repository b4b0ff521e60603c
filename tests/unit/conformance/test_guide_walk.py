"""The walk through the implementation guide: what is reported where, and that nothing stops it or leaks.

pyx12's own driver is the oracle: on whatever it survives, it and the walk must find the same.
"""

from __future__ import annotations

import inspect
import io
import json
import logging
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pyx12 import map_if, params, x12n_document
from pyx12.map_if import load_map_file, segment_if
from pyx12.map_walker import walk_tree

from scrubber.conformance import guide_walk as conformance
from scrubber.conformance.guide_walk import guide_errors
from scrubber.conformance.rules import CONFORMANCE_RULES, GuideElementError, GuideEnvelopeError, GuideSegmentError
from scrubber.findings.finding import Location, Severity
from scrubber.io.source import open_source
from scrubber.testing import to_837p
from scrubber.x12.lexer import cut_segments
from scrubber.x12.rules import X12SyntaxError
from tests.support.other_files import OTHERS, as_parameters
from tests.support.paths import FIXTURES, ROOT

HEAD = "ISA*00*          *00*          *ZZ*SUB0001        *ZZ*SCRUB01        *261124*1015*^*00501*000000101*0*T*:"
BODY = """\
GS*HC*SUB0001*SCRUB01*20261124*1015*1*X*005010X222A1
ST*837*0001*005010X222A1
BHT*0019*00*BATCH0001*20261124*0900*CH
NM1*41*2*SYNTHETIC BILLING*****46*SUB0001
PER*IC*EDI DESK*TE*5555551212
NM1*40*2*CLAIM SCRUBBER*****46*SCRUB01
HL*1**20*1
NM1*85*2*SYNTHETIC VASCULAR*****XX*1234567893
N3*1 SYNTHETIC WAY
N4*SPRINGFIELD*IL*627010001
REF*EI*999999999
HL*2*1*22*0
SBR*P*18*******MB
NM1*IL*1*CANARYLAST*CANARYFIRST****MI*CANARYMEMBER
N3*2 CANARY STREET
N4*CANARYTOWN*IL*62701
DMG*D8*19310717*F
NM1*PR*2*SYNTHETIC PAYER*****PI*12502
CLM*PCN1*3100***11:B:1*Y*A*Y*Y
HI*ABK:I70213*ABF:I739
LX*1
SV1*HC:37252*1200*UN*1***1
DTP*472*D8*20261102
LX*2
SV1*HC:37253:59*1900*UN*2***1:2
DTP*472*RD8*20261102-20261103
SE*{count}*0001
GE*1*1
IEA*1*000000101"""


def make(*changes: tuple[str, str], end: str = "~", body: str = BODY) -> bytes:
    """Return an interchange, with pieces of its text replaced; the piece must be there.  Each {count} is right."""
    text = f"{HEAD}\n{body}"
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    count, lines = 0, []
    for line in text.split("\n"):
        count = 1 if line.startswith("ST*") else count + bool(line)
        lines.append(line.replace("{count}", str(count)) + end)
    return "".join(lines).encode("latin-1")


def walk(data: bytes) -> list[X12SyntaxError]:
    """Return the faults of an input; each must have the code that a 999 would give it."""
    faults = list(guide_errors(open_source(data)))
    for fault in faults:
        assert_coded(fault)
    return faults


def assert_coded(fault: X12SyntaxError) -> None:
    """Assert that a fault of a segment or element has a code that the 999 lists, and any other fault none."""
    if fault.rule in {GuideSegmentError, GuideElementError}:
        assert fault.syntax in _listed("IK403" if fault.location.element else "IK304"), fault
    else:
        assert fault.syntax == "", fault


@cache
def _map(name: str) -> Any:
    settings = params.ParamsBase()
    settings.set("exclude_external_codes", "remark_code")
    return load_map_file(name, settings)


@cache
def _listed(element: str) -> frozenset[str]:
    """Return the codes that pyx12's map of the 999 lists for IK304 or IK403."""
    segments = _map("999.5010X231.A1.xml").loop_segment_iterator()
    segment = next(node for node in segments if node.id == element[:3])
    return frozenset(segment.children[int(element[3:]) - 1].valid_codes)


def codes(faults: list[X12SyntaxError]) -> list[str]:
    return [fault.rule.meta.code for fault in faults]


def at(data: bytes, location: Location) -> bytes:
    assert location.offset is not None
    assert location.length is not None
    return data[location.offset : location.offset + location.length]


def only(data: bytes) -> X12SyntaxError:
    faults = walk(data)
    assert len(faults) == 1, faults
    return faults[0]


# -- what is right --------------------------------------------------------------------------------------------------


def test_valid_a1_gives_nothing() -> None:
    assert walk(make()) == []
    assert walk((FIXTURES / "claims" / "office_week.837").read_bytes()) == []


@pytest.mark.parametrize("guide", ["005010X222", "005010X222A2"])
def test_other_versions_give_only_the_info(guide: str) -> None:
    data = make(end="~\r\n", body=BODY.replace("005010X222A1", guide))
    fault = only(data)
    assert fault.rule.meta.code == "X12305"
    assert fault.rule.meta.severity is Severity.INFO
    assert (fault.location.segment, fault.location.element) == ("ST", "ST03")
    assert at(data, fault.location) == guide.encode()


def test_other_version_named_by_the_group_alone() -> None:
    data = make(("X*005010X222A1", "X*005010X222A2"), ("837*0001*005010X222A1", "837*0001"))
    fault = only(data)
    assert (fault.rule.meta.code, fault.location.element) == ("X12305", "GS08")
    assert at(data, fault.location) == b"005010X222A2"


@pytest.mark.parametrize("end", ["~", "~\n", "~\r\n", "\n", "_", "\x1c", "~\n \n"])
def test_terminators(end: str) -> None:
    faults = walk(make(("*UN*1", "*XX*1"), end=end))
    assert [fault.location.element for fault in faults] == ["SV103"]


@pytest.mark.parametrize(
    ("element", "component"),
    [("*", ">"), ("*", "<"), ("*", "\\"), ("|", "^"), ("~", ":"), ("\x1d", "\x1f"), ("\xa7", "\xb6")],
)
def test_separators(element: str, component: str) -> None:
    text = make(("*UN*1", "*XX*1"), end="\n").decode().replace("^", "!")
    data = text.replace(":", component).replace("*", element).encode("latin-1")
    fault = only(data)
    assert fault.location.element == "SV103"
    assert at(data, fault.location) == b"XX"


@pytest.mark.parametrize("repetition", ["U", " ", "\x1e", "\xac"])
def test_repetition_separators(repetition: str) -> None:
    assert walk(make(("*^*", f"*{repetition}*"))) == []


def test_lower_case_identifiers_are_walked_as_upper_case() -> None:
    assert walk(make(("\nSV1*", "\nsv1*"), ("\nHL*2", "\nhl*2"))) == []


def test_recent_remark_codes_are_not_refused() -> None:
    other = "SBR*S*18*******CI\nOI***Y***Y\nMOA***N850\nNM1*IL*1*X*Y****MI*ZZ\nNM1*PR*2*P*****PI*11\nLX*1"
    assert walk(make(("LX*1", other))) == []


# -- elements -------------------------------------------------------------------------------------------------------

ELEMENTS = [
    ("code", "*UN*1", "*XX*1", "2400", "SV103", b"XX", "7"),
    ("second line", "*UN*2", "*XX*2", "2400", "SV103", b"XX", "7"),
    ("component code", "11:B:1", "11:Q:1", "2300", "CLM05-2", b"Q", "7"),
    ("place of service", "11:B:1", "00:B:1", "2300", "CLM05-1", b"00", "7"),
    ("state", "CANARYTOWN*IL", "CANARYTOWN*QQ", "2010BA", "N402", b"QQ", "7"),
    ("too long", "PCN1", "P" * 39, "2300", "CLM01", b"P" * 39, "5"),
    ("too short", "37253:59", "37253:5", "2400", "SV101-3", b"5", "4"),
    ("date", "D8*20261102", "D8*20261302", "2400", "DTP03", b"20261302", "8"),
    ("birth date", "19310717", "19310740", "2010BA", "DMG02", b"19310740", "8"),
    ("time", "*0900*", "*2561*", "ST_LOOP", "BHT05", b"2561", "9"),
    ("missing", "*UN*1***1", "*UN****1", "2400", "SV104", b"", "1"),
    ("missing at the end", "*UN*1***1", "*UN*1", "2400", "SV107", b"", "1"),
    ("missing component", "11:B:1", "11:B", "2300", "CLM05-3", b"", "1"),
    ("missing composite", "***11:B:1*", "****", "2300", "CLM05", b"", "1"),
    ("missing identifier", "SYNTHETIC PAYER*****PI*12502", "SYNTHETIC PAYER*****PI", "2010BB", "NM109", b"", "1"),
    ("half a pair", "TE*5555551212", "TE*5555551212*EM", "1000A", "PER05", b"EM", "2"),
    ("unwanted composite", "SPRINGFIELD*", "SPRING:FIELD*", "2010AA", "N401", b"SPRING:FIELD", "6"),
    ("surplus", "HL*1**20", "HL*1**20*1*X", "2000A", "HL05", b"X", "3"),
    ("not used", "SV1*HC:37252*1200*UN*1**", "SV1*HC:37252*1200*UN*1**9", "2400", "SV106", b"9", "10"),
    ("component not used", "HC:37252", "HC:37252:26:26:26:26:TEXT:9", "2400", "SV101-8", b"9", "10"),
    ("latin-1", "CANARYFIRST", "JOS\xc9", "2010BA", "NM104", b"JOS\xc9", "6"),
    ("utf-8", "CANARYFIRST", "JOS\xc3\x89", "2010BA", "NM104", b"JOS\xc3\x89", "6"),
    ("control character", "CANARYFIRST", "JO\x07", "2010BA", "NM104", b"JO\x07", "6"),
    ("blanks", "CANARYFIRST", "JOAN ", "2010BA", "NM104", b"JOAN ", "6"),
    ("amount", "*1200*", "*12OO*", "2400", "SV102", b"12OO", "6"),
    ("line count", "LX*2", "LX*3", "2400", "LX01", b"3", "I12"),
    ("level count", "HL*2*1", "HL*5*1", "2000B", "HL01", b"5", "I12"),
    ("level parent", "HL*2*1", "HL*2*7", "2000B", "HL02", b"7", "I12"),
]
TEXTS = {
    "1": "The required .* is missing",
    "2": "are not all there",
    "3": "one too many",
    "4": "too short",
    "5": "too long",
    "6": "invalid character, a component separator, or needless blanks",
    "7": "not a code or a form",
    "8": "not a valid date",
    "9": "not a valid time",
    "10": "not used here",
    "13": "one too many",
    "I12": r"does not count 1, 2, 3|names no enclosing",
}


@pytest.mark.parametrize("case", ELEMENTS, ids=[case[0].replace(" ", "-") for case in ELEMENTS])
def test_element_fault_is_located_at_its_bytes(case: tuple[str, str, str, str, str, bytes, str]) -> None:
    _, old, new, loop, element, there, code = case
    data = make((old, new), end="~\n")
    fault = next(fault for fault in walk(data) if (fault.location.element, fault.syntax) == (element, code))
    assert fault.rule is GuideElementError
    assert fault.location.loop == loop
    assert at(data, fault.location) == there
    where = element if loop == "ST_LOOP" or code == "I12" else f"{loop} {element}"
    assert fault.message.startswith((where, f"The required {where}"))
    assert re.search(TEXTS[code], fault.message)


def test_line_numbers_begin_anew_with_each_claim() -> None:
    claim = BODY[BODY.index("CLM*") : BODY.index("SE*")]
    assert walk(make(("SE*", f"{claim.replace('PCN1', 'PCN2')}SE*"))) == []


# -- segments -------------------------------------------------------------------------------------------------------

MISSING = [
    ("N3*1 SYNTHETIC WAY\n", "2010AA", "N3", "NM1*85*2*SYNTHETIC VASCULAR*****XX*1234567893"),
    ("HI*ABK:I70213*ABF:I739\n", "2300", "HI", "CLM*PCN1*3100***11:B:1*Y*A*Y*Y"),
    ("SV1*HC:37252*1200*UN*1***1\n", "2400", "SV1", "LX*1"),
    ("NM1*PR*2*SYNTHETIC PAYER*****PI*12502\n", "2010BB", "NM1", "DMG*D8*19310717*F"),
    ("PER*IC*EDI DESK*TE*5555551212\n", "1000A", "PER", "NM1*41*2*SYNTHETIC BILLING*****46*SUB0001"),
]


@pytest.mark.parametrize(("gone", "loop", "segment", "before"), MISSING, ids=[case[2] + case[1] for case in MISSING])
def test_missing_segment_is_located_behind_the_one_before(gone: str, loop: str, segment: str, before: str) -> None:
    data = make((gone, ""))
    fault = only(data)
    place = data.index(before.encode()) + len(before)
    ordinal = data[:place].count(b"~") + 1
    assert (fault.rule, fault.syntax) == (GuideSegmentError, "3")
    assert fault.location == Location(loop, segment, None, ordinal, place, 0)


def test_missing_service_lines_stay_with_the_claim() -> None:
    lines = BODY[BODY.index("LX*1") : BODY.index("SE*")]
    data = make((lines, ""))
    fault = only(data)
    assert (fault.location.loop, fault.location.segment) == ("2400", "LX")
    assert data[: fault.location.offset].endswith(b"HI*ABK:I70213*ABF:I739")


PAYER = "NM1*PR*2*SYNTHETIC PAYER*****PI*12502"
CLAIM = "CLM*PCN1*3100***11:B:1*Y*A*Y*Y"
MISPLACED = [
    ("unknown place", "LX*1\n", "LX*1\nHL*9*9*99\n", "HL", "2400", b"HL*9*9*99", "1"),
    ("of another guide", "LX*1\n", "LX*1\nSV2*0360\n", "", "2400", b"SV2*0360", "1"),
    ("unknown qualifier", "HC:37252", "ZZ:37252", "SV1", "2400", b"SV1*ZZ:37252*1200*UN*1***1", "1"),
    ("loop too often", PAYER, f"NM1*PR*2*A*****PI*11\n{PAYER}", "NM1", "2010BB", PAYER.encode(), "4"),
    ("too many", "N3*1 ", "N3*1 SYNTHETIC WAY\nN3*1 ", "N3", "2010AA", b"N3*1 SYNTHETIC WAY", "5"),
    ("trailing separators", CLAIM, f"{CLAIM}***", "CLM", "2300", f"{CLAIM}***".encode(), "8"),
    ("without elements", "D8*20261102\n", "D8*20261102\nK3\n", "K3", "2400", b"K3", "8"),
]


@pytest.mark.parametrize("case", MISPLACED, ids=[case[0].replace(" ", "-") for case in MISPLACED])
def test_segment_fault_is_located_at_the_segment(case: tuple[str, str, str, str, str, bytes, str]) -> None:
    _, old, new, segment, loop, there, code = case
    data = make((old, new))
    fault = next(fault for fault in walk(data) if fault.rule is GuideSegmentError)
    assert (fault.location.segment, fault.location.loop, fault.syntax) == (segment, loop, code)
    assert at(data, fault.location) == there
    assert fault.location.offset == data.rindex(there)  # of two alike, the second


def test_segment_that_cannot_be_judged_by_element_is_checked_for_its_characters() -> None:
    fault = next(fault for fault in walk(make(("LX*1\n", "LX*1\nSV2*\xe9\n"))) if fault.rule is GuideElementError)
    assert (fault.location.element, fault.syntax) == (None, "8")
    assert fault.message == "An element of this segment holds an invalid character."


def test_what_no_segment_hides() -> None:
    """An empty segment, a very long one and an unterminated last one leave what follows or is there visible."""
    data = make(("CLM*PCN1", "\n\nCLM*PCN1"), ("CANARYLAST", "L" * 20_000), ("*UN*1", "*XX*1"), ("GE*1*1", "GE*1*2"))
    data = data.removesuffix(b"1~") + b"9"
    faults = walk(data)
    assert [fault.location.element for fault in faults] == ["NM103", "SV103", "GE02", "IEA02"]
    assert [at(data, fault.location)[:2] for fault in faults] == [b"LL", b"XX", b"2", b"00"]
    empty = data.index(b"~~~")
    line = next(fault for fault in faults if fault.location.element == "SV103")
    assert line.location.ordinal == data[: line.location.offset].count(b"~") + 1
    assert line.location.offset is not None
    assert line.location.offset > empty


def test_two_interchanges_are_both_walked() -> None:
    first = make(("*UN*1", "*XX*1"), end="~\n")
    second = make(("*UN*2", "*YY*2"), end="\n").replace(b"*", b"|").replace(b":", b">")
    data = first + b"\r\n  \n" + second + b"\n" + make(end="_")
    faults = walk(data)
    assert [at(data, fault.location) for fault in faults] == [b"XX", b"YY"]
    ordinals = {s.offset: s.ordinal for s in cut_segments([data], lambda _: None) if s.text}
    for fault in faults:
        assert fault.location.ordinal == ordinals[data.rindex(b"SV1", 0, fault.location.offset)]


def test_several_groups_and_transactions() -> None:
    group = BODY[: BODY.index("\nIEA")]
    inside = group[group.index("ST*") : group.index("\nGE")]
    again = inside.replace("*0001*", "*0002*").replace("}*0001", "}*0002").replace("*UN*2", "*XX*2")
    second = group.replace("*1015*1*X", "*1015*2*X").replace("GE*1*1", "GE*1*2").replace("*UN*1", "*YY*1")
    first = group.replace("\nGE*1*1", f"\n{again}\nGE*2*1")
    data = make(body=f"{first}\n{second}\nIEA*2*000000101")
    assert [at(data, fault.location) for fault in walk(data)] == [b"XX", b"YY"]


# -- envelope -------------------------------------------------------------------------------------------------------

ENVELOPE = [
    ("SE*{count}", "SE*9", "SE01", b"9"),
    ("*0001\nGE", "*0002\nGE", "SE02", b"0002"),
    ("GE*1*1", "GE*2*1", "GE01", b"2"),
    ("GE*1*1", "GE*1*7", "GE02", b"7"),
    ("IEA*1", "IEA*5", "IEA01", b"5"),
    ("IEA*1*000000101", "IEA*1*000000102", "IEA02", b"000000102"),
    ("GS*HC", "GS*HI", "GS01", b"HI"),
    ("20261124*1015*1*X", "20261124*2515*1*X", "GS05", b"2515"),
    ("*00501*", "*00401*", "ISA12", b"00401"),
    ("*00501*", "*00601*", "ISA12", b"00601"),
    ("ISA*00", "ISA*07", "ISA01", b"07"),
    ("*ZZ*SUB", "*99*SUB", "ISA05", b"99"),
]


@pytest.mark.parametrize(("old", "new", "element", "there"), ENVELOPE, ids=[f"{c[2]}-{c[1][-6:]}" for c in ENVELOPE])
def test_envelope_fault_is_located_at_its_bytes(old: str, new: str, element: str, there: bytes) -> None:
    data = make((old, new))
    fault = only(data)
    assert (fault.rule.meta.code, fault.location.element) == ("X12303", element)
    assert at(data, fault.location) == there


@pytest.mark.parametrize(
    ("gone", "open_headers"),
    [
        ("SE*{count}*0001\n", ["ST"]),
        ("GE*1*1\n", ["GS"]),
        ("\nIEA*1*000000101", ["ISA"]),
        ("SE*{count}*0001\nGE*1*1\n", ["ST", "GS"]),
        ("SE*{count}*0001\nGE*1*1\nIEA*1*000000101", ["ST", "GS", "ISA"]),
    ],
)
def test_missing_trailer_is_reported_once_at_its_header(gone: str, open_headers: list[str]) -> None:
    data = make((gone, ""))
    faults = walk(data)
    assert codes(faults) == ["X12303"] * len(open_headers)
    assert [fault.location.segment for fault in faults] == open_headers
    assert walk(data + make(("*UN*1", "*XX*1")))[-1].location.element == "SV103"


def test_trailers_that_close_nothing_are_left_to_the_reader() -> None:
    assert walk(make(("GE*1*1", "SE*1*1\nSE*1*1\nGE*1*1\nGE*1*1"))) == []


def test_repeated_control_numbers() -> None:
    inside = BODY[BODY.index("ST*") : BODY.index("GE*")]
    data = make(("GE*1*1", f"{inside}GE*2*1"))
    assert only(data).message == "This transaction set number was used before in the group."


# -- what is not walked ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not X12 at all",
        HEAD.encode(),
        HEAD.encode() + b"~",
        make(body=BODY.replace("005010X222A1", "005010X223A2")),
        make(body=BODY.replace("005010X222A1", "004010X098A1")),
        make(("837*0001", "834*0001")),
        make(("837*0001*005010X222A1", "837*0001*005010X223A2"), ("X*005010X222A1", "X")),
        make(body="TA1*000000101*261124*1015*A*000\nIEA*0*000000101"),
    ],
)
def test_other_guides_are_skipped_silently(data: bytes) -> None:
    assert walk(data) == []


@pytest.mark.parametrize("first", [True, False])
def test_groups_of_other_guides_beside_ours(*, first: bool) -> None:
    ours = BODY[: BODY.index("\nIEA")].replace("*UN*1", "*XX*1")
    other = ours.replace("005010X222A1", "005010X223A2").replace("SV1", "SV2")
    groups = [other, ours] if first else [ours, other]
    data = make(body="TA1*000000101*261124*1015*A*000\n" + "\n".join(groups) + "\nIEA*2*000000101")
    fault = only(data)
    assert fault.location.element == "SV103"
    assert at(data, fault.location) == b"XX"


def test_transactions_of_other_kinds_beside_ours() -> None:
    other = "ST*834*0009*005010X220A1\nBGN*00*1*20261124\nSE*3*0009\n"
    assert walk(make(("ST*837", f"{other}ST*837"), ("GE*1*", "GE*2*"))) == []
    wrong = make(("ST*837", f"{other}ST*837"), ("GE*1*", "GE*2*"), ("SE*{count}*0001", "SE*9*0007"))
    assert [fault.location.element for fault in walk(wrong)] == ["SE02", "SE01"]


def test_an_input_cut_anywhere_is_walked_to_its_end() -> None:
    data = make(("*UN*1", "*YY*1"), end="~\n")
    fault, end = only(data), data.index(b"YY") + len(b"YY")
    for stop in range(0, len(data), 23):
        faults = walk(data[:stop])
        assert "X12304" not in codes(faults)
        assert (fault in faults) == (stop >= end)


def test_segments_between_envelopes_are_left_to_the_reader() -> None:
    assert walk(make(("ST*837", "N3*LOST\nST*837"), ("GE*1", "N3*LOST\nGE*1"))) == []


def test_transaction_outside_a_group_is_not_checked() -> None:
    data = make((BODY[: BODY.index("ST*")], ""), ("GE*1*1\n", ""))
    fault = only(data)
    assert fault.rule.meta.code == "X12304"
    assert fault.location.segment == "ST"


# -- crashes --------------------------------------------------------------------------------------------------------

CRASHES = [
    ("11:B:1", "11:B:1:9", "CLM05-4", b"9", "13"),
    ("HC:37252", "HC:37252:26:26:26:26:TEXT::9", "SV101-9", b"9", "13"),
    ("HC:37252", "HC:37252:26:26:26:26:TEXT:::9", "SV101-9", b"", "13"),
    ("UN*2***1:2", "UN*2***1:2:1:2:1", "SV107-5", b"1", "13"),
    ("RD8*20261102-20261103", "RD8*20261102-20261103-20261104", "DTP03", b"20261102-20261103-20261104", "8"),
    ("ABF:I739", "ABF:I739:::::::::::X", "HI02-10", b"", "13"),
]


@pytest.mark.parametrize(("old", "new", "element", "there", "code"), CRASHES)
def test_what_crashes_pyx12_is_an_element_fault(old: str, new: str, element: str, there: bytes, code: str) -> None:
    assert _oracle(make((old, new))) is None
    data = make((old, new), ("*19310717", "*19319999"))
    faults = walk(data)
    assert {"X12302"} == set(codes(faults))
    fault = next(fault for fault in faults if fault.location.element == element)
    assert at(data, fault.location) == there
    assert fault.syntax == code
    assert re.search(TEXTS[code], fault.message)
    assert any(fault.location.element == "DMG02" for fault in faults)


def _boom(*_: Any, **__: Any) -> Any:
    raise RuntimeError("CANARYMEMBER 19310717")


@pytest.mark.parametrize(("owner", "name"), [(segment_if, "is_valid_errors"), (walk_tree, "walk_errors")])
def test_any_exception_is_a_finding(owner: type, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owner, name, _boom)
    faults = walk(make())
    assert set(codes(faults)) == {"X12304"}
    assert all(fault.rule.unreadable for fault in faults)
    assert "RuntimeError" in faults[0].message
    assert not any("CANARY" in fault.message or "1931" in fault.message for fault in faults)


def test_one_crash_does_not_hide_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    real = segment_if.is_valid_errors

    def sometimes(self: Any, data: Any) -> Any:
        return _boom() if data.get_seg_id() == "CLM" else real(self, data)

    monkeypatch.setattr(segment_if, "is_valid_errors", sometimes)
    data = make(("*UN*1", "*XX*1"))
    faults = walk(data)
    assert codes(faults) == ["X12304", "X12302"]
    assert at(data, faults[0].location).startswith(b"CLM*")
    assert faults[0].location.loop == "2300"


def test_a_map_that_cannot_be_loaded_is_reported_once_an_interchange(monkeypatch: pytest.MonkeyPatch) -> None:
    conformance._guide.cache_clear()
    monkeypatch.setattr(map_if, "load_map_file", _boom)
    faults = walk(make() + make())
    assert codes(faults) == ["X12304", "X12304"]
    assert [fault.location.segment for fault in faults] == ["ISA", "ISA"]


def test_a_refusal_without_a_reason_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment_if, "is_valid_errors", lambda *_: (False, []))
    assert set(codes(walk(make()))) == {"X12304"}


# -- the codes of a 999 ---------------------------------------------------------------------------------------------


def test_every_fault_has_a_code_that_a_999_lists() -> None:
    changes = [(case[1], case[2]) for case in (*ELEMENTS, *MISPLACED)]
    changes += [(case[0], "") for case in MISSING] + [(case[0], case[1]) for case in CRASHES]
    faults = [fault for change in changes for fault in walk(make(change))]  # `walk` looks each code up
    segments = {fault.syntax for fault in faults if fault.location.element is None}
    elements = {fault.syntax for fault in faults if fault.location.element is not None}
    assert segments == {"1", "3", "4", "5", "8"}
    assert elements == set(TEXTS)


@pytest.mark.parametrize("change", [("SE*{count}", "SE*9"), ("GS*HC", "GS*HI"), ("SE*{count}*0001\n", "")])
def test_faults_of_the_envelope_have_none(change: tuple[str, str]) -> None:
    assert [(fault.rule, fault.syntax) for fault in walk(make(change))] == [(GuideEnvelopeError, "")]


# -- no health information ------------------------------------------------------------------------------------------


def test_no_value_leaves_the_file(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    host, own = io.StringIO(), logging.getLogger("pyx12.error_handler")
    handler = logging.StreamHandler(host)
    logging.getLogger("pyx12").addHandler(handler)
    monkeypatch.setattr(own, "level", logging.DEBUG)
    changes = [
        ("NM1*IL*1*", "NM1*IL*CANARYTYPE*"),
        ("CANARYFIRST", "CANARYFIRST~DOE*CANARYTAIL~CANARYID"),
        ("CANARYTOWN*IL*62701", "CANARYTOWN*CANARYSTATE*CANARYZIP"),
        ("19310717*F", "193107177*CANARYSEX"),
        ("PCN1", "CANARYNUMBER" * 5),
        ("I70213", "CANARYDX" * 8),
        ("HC:37252", ":".join(["CANARYCODE"] * 9)),
        ("SE*{count}", "SE*CANARYCOUNT"),
        ("GE*1", "GE*CANARYGE"),
    ]
    try:
        with caplog.at_level(logging.DEBUG):
            faults = walk(make(*changes, end="~\n"))
    finally:
        logging.getLogger("pyx12").removeHandler(handler)
    assert len(faults) > 12
    out, err = capfd.readouterr()
    shown = "".join(f"{fault.message}{fault.location}{fault.finding()}" for fault in faults)
    for text in (shown, caplog.text, out, err, host.getvalue()):
        assert not any(value in text for value in ("CANARY", "1931", "DOE", "3100"))
    assert not caplog.records
    assert not list(tmp_path.iterdir())


def test_the_logger_is_given_back_as_it_was() -> None:
    logger = logging.getLogger("pyx12")
    before = (logger.level, logger.propagate)
    assert walk(make(("*UN*1", "*XX*1")))
    assert (logger.level, logger.propagate) == before


# -- the module -----------------------------------------------------------------------------------------------------


def test_import_is_cheap_and_pyx12_comes_with_the_first_interchange() -> None:
    modules = "scrubber.conformance.guide_walk, scrubber.builtin.x12_pack"
    program = f"import sys, {modules}; sys.exit('pyx12' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], check=False, cwd=ROOT)
    assert done.returncode == 0


def test_it_streams() -> None:
    faults = guide_errors(open_source(make(("*UN*1", "*XX*1"), ("*UN*2", "*XX*2"))))
    assert next(faults).location.element == "SV103"
    assert inspect.isgenerator(faults)
    faults.close()


def test_rules() -> None:
    assert [rule.meta.code for rule in CONFORMANCE_RULES] == ["X12301", "X12302", "X12303", "X12304", "X12305"]
    assert [rule.unreadable for rule in CONFORMANCE_RULES] == [False, False, False, True, False]
    for rule in CONFORMANCE_RULES:
        assert "\nWhy: " in (inspect.getdoc(rule) or "")
        assert "\nFix: " in (inspect.getdoc(rule) or "")


# -- files ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", as_parameters(OTHERS), ids=lambda path: path.name)
def test_corpus_is_walked(path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    data = path.read_bytes()
    segments = {segment.ordinal: segment for segment in cut_segments([data], lambda _: None) if segment.text}
    for fault in walk(data):
        place = fault.location
        assert fault.rule.meta.code != "X12304"
        assert place.ordinal is not None
        assert place.offset is not None
        assert place.length is not None
        segment = segments[place.ordinal]
        assert segment.offset <= place.offset <= place.offset + place.length <= segment.offset + len(segment.text)
    assert capfd.readouterr() == ("", "")
    assert not caplog.records


@cache
def _oracle(data: bytes) -> tuple[set[tuple[int, str, str]], list[tuple[int, str]]] | None:
    """Return what pyx12's own driver finds: (ordinal, element, code) and, about whole segments, (ordinal, code).

    None where it crashes.
    """
    tree, settings = io.StringIO(), params.ParamsBase()
    settings.set("exclude_external_codes", "remark_code")
    logging.getLogger("pyx12").setLevel(logging.CRITICAL + 1)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(map_if, "load_map_file", lambda name, *_: _map(name))
            x12n_document.x12n_document(settings, io.StringIO(data.decode("latin-1")), None, None, fd_json=tree)
    except (IndexError, ValueError):
        return None
    finally:
        logging.getLogger("pyx12").setLevel(logging.NOTSET)
    starts = [s.ordinal for s in cut_segments([data], lambda _: None) if s.id == "ST"]
    elements, segments = set(), []
    transactions = json.loads(tree.getvalue())["interchanges"][0]["groups"][0]["transactions"]
    for start, transaction in zip(starts, transactions, strict=True):
        for segment in transaction["segments"]:
            ordinal = start + segment["seg_count"] - 1
            # Of an unknown identifier its reader says what its walker says, too.
            errors = [error for error in segment["errors"] if not error["err_str"].startswith("Segment identifier")]
            segments += [(ordinal, error["err_cde"]) for error in errors]
            for element in segment["elements"]:
                part = f"-{element['subele_pos']}" if element["subele_pos"] else ""
                reference = f"{segment['seg_id']}{element['ele_pos']:02}{part}"
                elements |= {(ordinal, reference, error["err_cde"]) for error in element["errors"]}
    return elements, segments


def _canonical(data: bytes) -> bytes:
    """Return one group of the A1 guide as pyx12's driver can take it: no line ends, no empty segments."""
    texts = [s.text + s.delimiters.segment for s in cut_segments([data], lambda _: None) if s.text]
    return "".join(texts).replace("005010X222A2", "005010X222A1").encode("latin-1")


def _comparable() -> list[Any]:
    changes = [(case[0], case[1], case[2]) for case in (*ELEMENTS, *MISPLACED)]
    changes += [(f"without {case[2]} {case[1]}", case[0], "") for case in MISSING]
    cases = [pytest.param(make((old, new)), id=name.replace(" ", "-")) for name, old, new in changes]
    for file in as_parameters(OTHERS):
        (path,) = file.values
        data = _canonical(path.read_bytes())
        if b"005010X222A1" in data and data.count(b"ISA") == data.count(b"GS*") == 1:
            cases.append(pytest.param(data, id=path.name, marks=file.marks))
    return cases


@pytest.mark.parametrize("data", _comparable())
def test_agrees_with_pyx12s_own_driver(data: bytes) -> None:
    expected = _oracle(data)
    assert expected is not None, "pyx12's driver crashes: this belongs to CRASHES"
    elements, segments = expected
    faults = walk(data)
    ours = {(f.location.ordinal, f.location.element, f.syntax) for f in faults if f.rule is GuideElementError}
    assert elements <= ours
    # Of a composite, a surplus element or a relation of elements the driver only says that its segment has a fault.
    more = [place for place in ours - elements if place[2] != "I12"]
    assert {ordinal for ordinal, *_ in more} <= {ordinal for ordinal, code in segments if code == "8"}
    # Of the rest it has the same number, if not always the same place: that of a count may be a segment late.
    order = sorted(f.syntax for f in faults if f.syntax == "I12" or (f.rule is GuideSegmentError and f.syntax != "8"))
    counts = dict.fromkeys(("HL1", "HL2", "LX"), "I12")
    assert order == sorted(counts.get(code, code) for _, code in segments if code not in {"8", "SEG1"})


def test_of_one_claim_the_first_hundred_faults_are_listed() -> None:
    data = to_837p("claim A\n99213\nclaim B\n99213").replace(b"LX*1", b"K3*X~\n" * 1_000 + b"K9*X~\nLX*1")
    with open_source(data) as source:
        found = list(guide_errors(source))
    for claim in (b"CLM*A", b"CLM*B"):
        begin = data.index(claim)
        end = data.find(b"CLM*", begin + 1)
        own = [
            fault.message
            for fault in found
            if fault.rule is GuideSegmentError
            and begin < (fault.location.offset or 0) < (end if end > 0 else len(data))
        ]
        assert len(own) == 100
        assert ["not listed" in message for message in own] == [*[False] * 99, True]
