"""The guide walk with pyx12: exact places, nothing lost where pyx12 stops or crashes, and no value in any message."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from scrubber.parser import open_source
from scrubber.parser.conformance import guide_faults
from scrubber.parser.faults import Fault
from scrubber.testing import Form, to_837p
from scrubber.x12 import Delimiters
from tests.conftest import FIXTURES

VALID = to_837p("claim A\n37238\n37252")


def _faults(data: bytes) -> list[Fault]:
    with open_source(data, "x") as source:
        return list(guide_faults(source))


def _seen(data: bytes) -> list[tuple[str, str, bytes]]:
    """Give rule code, element and the bytes at the location of each fault."""
    seen = []
    for fault in _faults(data):
        place = fault.location
        assert place.offset is not None
        assert place.length is not None
        seen.append((fault.rule.meta.code, place.element or "", data[place.offset : place.offset + place.length]))
    return seen


@pytest.mark.parametrize("form", [Form(), Form(Delimiters("|", ">", "^", "\n"), ""), Form(line_end="\r\n")], ids=str)
def test_a_valid_file_has_no_faults(form: Form) -> None:
    assert (
        _faults(to_837p("claim A note=X\n37238\n37252-LT id=1\nclaim B dependent=KIM\n99213 by=1234567893", form)) == []
    )


def test_the_sample_is_valid() -> None:
    assert _faults((FIXTURES / "claims" / "office_week.837").read_bytes()) == []


@pytest.mark.parametrize(
    ("old", "new", "code", "element", "value"),
    [
        (b"*F~", b"*Q~", "X12302", "DMG03", b"Q"),
        (b"37252*100*UN", b"37252*100*XX", "X12302", "SV103", b"XX"),
        (b"11:B:1", b"98:B:1", "X12302", "CLM05-1", b"98"),
        (b"ANN*", b"\xc4NN*", "X12302", "NM104", b"\xc4NN"),
        (b"HC:37252", b"HC:37252:LT:RT:59:50:X:7:8", "X12302", "SV101-9", b"8"),
        (b"LX*2~\n", b"LX*2~\nSV1*HC:37252*1*UN*1***1~\n", "X12301", "", b"SV1*HC:37252*100*UN*1***1"),
        (
            b"UN*1***1~\nDTP*472*D8*20240805~\nLX",
            b"UN*1***1:2:1:2:1~\nDTP*472*D8*20240805~\nLX",
            "X12302",
            "SV107-5",
            b"1",
        ),
        (b"20240805~\nLX", b"20240832~\nLX", "X12302", "DTP03", b"20240832"),
    ],
)
def test_a_fault_is_located_to_the_byte(old: bytes, new: bytes, code: str, element: str, value: bytes) -> None:
    assert old in VALID
    assert (code, element, value) in _seen(VALID.replace(old, new, 1))


def test_a_missing_segment_is_named_where_it_should_stand() -> None:
    fault = _faults(VALID.replace(b"REF*EI*123456789~\n", b""))[0]
    assert (fault.rule.meta.code, fault.location.loop, fault.location.segment) == ("X12301", "2010AA", "REF")


def test_what_pyx12_would_not_read_is_read() -> None:
    wrong = VALID.replace(b"37252*100*UN", b"37252*100*XX")
    behind_an_empty_segment = wrong.replace(b"~\nCLM", b"~~\nCLM")
    in_the_second_interchange = VALID + b"~~" + wrong
    in_the_last_segment = VALID.replace(b"IEA*1*000000101~\n", b"IEA*X*000000101")
    assert ("X12302", "SV103", b"XX") in _seen(behind_an_empty_segment)
    assert ("X12302", "SV103", b"XX") in _seen(in_the_second_interchange)
    assert "IEA01" in [element for _, element, _ in _seen(in_the_last_segment)]


@pytest.mark.parametrize("guide", [b"005010X222A2", b"005010X222"])
def test_other_versions_are_walked_as_a1_and_that_is_said(guide: bytes) -> None:
    data = VALID.replace(b"005010X222A1", guide)
    assert _seen(data) == [("X12305", "ST03", guide)]
    assert ("X12302", "DMG03", b"Q") in _seen(data.replace(b"*F~", b"*Q~"))


@pytest.mark.parametrize("guide", [b"005010X223A2", b"004010X098A1", b""])
def test_other_guides_are_left_to_the_reader(guide: bytes) -> None:
    data = VALID.replace(b"005010X222A1", guide).replace(b"*F~", b"*Q~")
    assert not [fault for fault in _faults(data) if fault.rule.meta.code == "X12302"]


@pytest.mark.parametrize("data", [b"", b"hello", b"ISA*", VALID[:120], VALID[:400]])
def test_what_is_no_file_breaks_nothing(data: bytes) -> None:
    for fault in _faults(data):
        assert fault.message


def test_no_value_reaches_a_message_a_log_or_a_stream(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data = (
        VALID.replace(b"TESTPATIENT", b"CANARY" * 20)
        .replace(b"19500101", b"CANARY01")
        .replace(b"*M1~", b"*CANARY\xe4~")
    )
    with caplog.at_level(logging.DEBUG):
        faults = _faults(data.replace(b"2 ELM ST", b"CANARY STREET" * 9))
    assert len(faults) >= 4
    printed = capfd.readouterr()
    told = "".join(fault.message + repr(fault.location) for fault in faults)
    assert "CANARY" not in told + caplog.text + printed.out + printed.err
    assert list(tmp_path.iterdir()) == []


def test_pyx12_is_imported_only_when_it_is_needed() -> None:
    code = "import sys, scrubber.parser.conformance, scrubber.structure; sys.exit('pyx12' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
