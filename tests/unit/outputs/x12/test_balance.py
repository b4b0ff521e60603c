"""The count of an 837P that was written finds every loss, and asks the reader wherever a file is not plain."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from scrubber.io.source import open_source
from scrubber.outputs.x12 import balance
from scrubber.outputs.x12.balance import plain_tally, tally
from scrubber.outputs.x12.base import Tally
from scrubber.testing import to_837p

FILE = to_837p("claim A charge=300\n37238 charge=100\n37252 charge=200\nclaim B charge=10.50\n99213 charge=10.50")
HELD = Tally(2, 3, Decimal("310.50"))
END = FILE[105:106]


def counted(data: bytes) -> Tally | None:
    with open_source(data) as opened:
        return plain_tally(opened)


def read(data: bytes) -> Tally:
    with open_source(data) as opened:
        return tally(opened)


@pytest.mark.parametrize("chunk", [1 << 19, 64])
@pytest.mark.parametrize("line_end", [b"", b"\n", b"\r\n"])
@pytest.mark.parametrize("marks", [b"*:~", b"|>'", b"*:\n", b"\x1d\x1f\x1c"])
def test_a_plain_file_is_counted_as_it_is_read(
    chunk: int, line_end: bytes, marks: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(balance, "CHUNK", chunk)
    data = FILE.replace(END + b"\n", END).translate(bytes.maketrans(b"*:~", marks))
    data = data.replace(marks[2:], marks[2:] + line_end)
    assert counted(data) == read(data) == HELD


CLAIM_B = FILE[FILE.index(b"CLM*B*") : FILE.index(b"SE*")]


@pytest.mark.parametrize(
    ("old", "new", "held"),
    [
        (CLAIM_B, b"", Tally(1, 2, Decimal(300))),
        (CLAIM_B, CLAIM_B * 2, Tally(3, 4, Decimal("321.00"))),
        (b"CLM*A*300", b"CLM*A*301", Tally(2, 3, Decimal("311.50"))),
        (b"CLM*A*300", b"CLM*A*0300.00", HELD),
        (b"LX*2", b"NTE*ADD*2", Tally(2, 2, Decimal("310.50"))),
    ],
)
def test_what_is_lost_doubled_or_changed_is_found(old: bytes, new: bytes, held: Tally) -> None:
    assert FILE.count(old) == 1
    assert counted(FILE.replace(old, new)) == held


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"ISA",
        b"hello" * 50,
        FILE + FILE,
        FILE[: FILE.index(b"IEA")],
        FILE[:-10],
        re.sub(rb"SE\*[^~]*~\s*", b"", FILE),
        re.sub(rb"\bST\*[^~]*~\s*", b"", FILE),
        re.sub(rb"GS\*[^~]*~\s*", b"", FILE),
        FILE.replace(b"CLM*A*300", b"CLM*A*12,50"),
        FILE.replace(b"CLM*A*300", b"CLM*A*"),
        FILE.replace(b"CLM*A*300", b"CLM*A*-5"),
        FILE.replace(b"CLM*A*300", b"CLM*A*1E2"),
        FILE.replace(b"CLM*B*", b"CLM~CLM*B*"),
    ],
)
def test_a_file_that_is_not_plain_is_left_to_the_reader(data: bytes) -> None:
    assert counted(data) is None
