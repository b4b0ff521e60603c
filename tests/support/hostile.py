"""Inputs that mean harm, each with what must come of it at every front end."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

from attrs import frozen

from scrubber.testing import to_837p

__all__ = ["BIG", "PLACES", "SMALL", "Hostile", "Place", "good_file"]

UNREAD = 3
"""The exit code of an input that was not completely read."""


@frozen
class Hostile:
    """Bytes that mean harm.

    `code` is the exit code of `scrub` on them alone, `rule` a code that must be among the findings.  `claims` is how
    many claims must be counted, None where the input is reported as not completely read.  `seconds` of processor time
    and `megabytes` of memory (of one process) are the most that any front end may take.
    """

    name: str
    make: Callable[[], Iterator[bytes]]
    code: int
    rule: str
    claims: int | None = 3
    seconds: float = 10
    megabytes: int = 130

    def write(self, path: Path) -> Path:
        with path.open("wb") as out:
            out.writelines(self.make())
        return path

    @property
    def data(self) -> bytes:
        return b"".join(self.make())


@frozen
class Place:
    """Something in a folder that is no file to be read.  `message` is a part of what is said of it."""

    name: str
    make: Callable[[Path], object]
    message: str


def good_file() -> bytes:
    """Return three claims: one that no edit looks at, an accepted one and a rejected one."""
    return to_837p(
        "claim PCN1 patient=M1\n99213\nclaim PCN2 patient=M2\n37238\n36012\n37252 desc='LEFT CIV'\n"
        "claim PCN3 patient=M3\n37252 desc='LEFT CIV'"
    )


GOOD = good_file()
HEAD = GOOD[: GOOD.index(b"HL*1*")]
LEVELS = GOOD[GOOD.index(b"HL*1*") : GOOD.index(b"CLM*PCN1")]
CLAIM = GOOD[GOOD.index(b"CLM*PCN1") : GOOD.index(b"HL*3*")]
LINE = b"LX*1~\nSV1*HC:37252*1*UN*1***1~\nDTP*472*D8*20240805~\n"
TAIL = b"SE*9*0001~\nGE*1*1~\nIEA*1*000000101~\n"
ISA = GOOD[:106]
_MILLION = 1_000_000
_PRIME = 1_000_000_007
_MIB = 1 << 20


def _swap(*pairs: tuple[bytes, bytes]) -> Callable[[], Iterator[bytes]]:
    """Replace parts of the good file; each must be there."""

    def make() -> Iterator[bytes]:
        data = GOOD
        for old, new in pairs:
            assert old in data, old
            data = data.replace(old, new)
        yield data

    return make


def _just(data: bytes) -> Callable[[], Iterator[bytes]]:
    return lambda: iter([data])


def _claim_with(segments: bytes) -> Callable[[], Iterator[bytes]]:
    """Put segments behind the header of the first claim."""
    first = GOOD.index(b"\n", GOOD.index(b"CLM*PCN1")) + 1
    return lambda: iter([GOOD[:first], segments, GOOD[first:]])


def _many(part: bytes, times: int = _MILLION, step: int = 1) -> Iterator[bytes]:
    """Repeat bytes; "%d" in them is the place from 1, in steps of so many around a prime."""
    for start in range(0, times, 10_000):
        numbers = [place * step % _PRIME for place in range(start + 1, min(start + 10_000, times) + 1)]
        yield b"".join([part.replace(b"%d", b"%d" % number) for number in numbers])


def _around(
    inside: Callable[[], Iterator[bytes]], head: bytes = HEAD, tail: bytes = TAIL
) -> Callable[[], Iterator[bytes]]:
    def make() -> Iterator[bytes]:
        yield head
        yield from inside()
        yield tail

    return make


def _relettered() -> bytes:
    return GOOD.replace(b"*", b"E").replace(b"~", b"Q")


SMALL = (
    Hostile("empty", _just(b""), UNREAD, "X12101", None),
    Hostile("blank", _just(b" \r\n\t" * 99), UNREAD, "X12101", None),
    Hostile("text", _just(b"Dear Sir or Madam,\n"), UNREAD, "X12101", None),
    Hostile("nulls", _just(b"\0" * 4096), UNREAD, "X12101", None),
    Hostile("utf-16", _just(GOOD.decode().encode("utf-16")), UNREAD, "X12101", None),
    Hostile("ebcdic", _just(GOOD.decode().encode("cp037")), UNREAD, "X12101", None),
    Hostile("zip", _just(b"PK\x03\x04" + bytes(range(256)) * 8), UNREAD, "X12101", None),
    Hostile("isa short", _just(ISA[:60] + b"~" + GOOD[107:]), UNREAD, "X12102", None),
    Hostile("isa only", _just(ISA), UNREAD, "X12103", None),
    Hostile("isa cut", _just(ISA[:50]), UNREAD, "X12102", None),
    Hostile("isa repeated", _just(ISA * 50), UNREAD, "X12103", None),
    Hostile("isa isa isa", _just(b"ISA*" * 5000), UNREAD, "X12102", None),
    Hostile("delimiters are letters", _just(_relettered()), UNREAD, "X12101", None),
    Hostile("delimiters are equal", _swap((ISA, ISA[:104] + b"**")), UNREAD, "X12102", None),
    Hostile("delimiter is blank", _just(GOOD.replace(b"~", b" ")), UNREAD, "X12102", None),
    Hostile("delimiter is null", _just(GOOD.replace(b"~\n", b"\0")), 1, "IVUS101"),
    Hostile("bom", _just(b"\xef\xbb\xbf" + GOOD), 1, "X12106"),
    Hostile("null bytes between", _swap((b"~\n", b"~\0\0\n")), 1, "IVUS101"),
    Hostile("null bytes inside", _swap((b"CLM*PCN1", b"CLM*P\0N1"), (b"HC:99213", b"HC:99\0213")), 1, "IVUS101"),
    Hostile("mixed line ends", _swap((b"~\nCLM", b"~\r\nCLM"), (b"~\nSV1", b"~\r\r\nSV1")), 1, "IVUS101"),
    Hostile("empty segments", _swap((b"CLM*", b"~~~~CLM*")), 1, "X12108"),
    Hostile("lower case", _swap((b"\nCLM*", b"\nclm*"), (b"\nSV1*", b"\nsv1*")), 1, "X12109"),
    Hostile("between interchanges", _just(GOOD + b"lost and found" + GOOD), UNREAD, "X12107", None),
    Hostile("twice", _just(GOOD + b"\n\n" + GOOD), 1, "X12116", 6),
    Hostile("truncated", _just(GOOD[: len(GOOD) * 2 // 3]), UNREAD, "X12103", None),
    Hostile("trailers missing", _swap((b"SE*56*0001~\n", b""), (b"GE*1*1~\n", b"")), 1, "X12110"),
    Hostile("trailers repeated", _swap((b"GE*1*1~\n", b"GE*1*1~\n" * 2)), 1, "X12111"),
    Hostile("counts", _swap((b"SE*56*", b"SE*" + b"9" * 5000 + b"*"), (b"IEA*1*", b"IEA*-1*")), 1, "X12114"),
    Hostile("count too high", _swap((b"SE*56*", b"SE*9999999999*")), 1, "X12113"),
    Hostile("control numbers", _swap((b"*000000101", b"*../../../x"[:10]), (b"0001*005", b"../../x*005")), 1, "X12115"),
    Hostile(
        "paths as numbers",
        _swap((b"PCN1", b"../../../x"), (b"PCN2", b"/etc/passwd"), (b"BATCH0001", b"../x")),
        1,
        "IVUS101",
    ),
    Hostile("4010", _swap((b"005010X222A1", b"004010X098A1")), UNREAD, "X12104", None),
    Hostile("837I", _swap((b"005010X222A1", b"005010X223A2")), UNREAD, "X12104", None),
    Hostile("837D", _swap((b"005010X222A1", b"005010X224A2")), UNREAD, "X12104", None),
    Hostile("no guide", _swap((b"005010X222A1", b"JANE DOE")), UNREAD, "X12104", None),
    Hostile("hl to itself", _swap((b"HL*2*1*", b"HL*2*2*")), 1, "X12121"),
    Hostile("hl cycle", _swap((b"HL*1**", b"HL*1*3*"), (b"HL*3*1*", b"HL*3*3*")), 1, "X12121"),
    Hostile("hl nowhere", _swap((b"HL*3*1*", b"HL*" + b"9" * 5000 + b"*1E400*")), 1, "X12121"),
    Hostile("hl unknown", _swap((b"HL*3*1*22", b"HL*3*1*99")), 1, "X12123"),
    Hostile("no lines", _swap((CLAIM, CLAIM[: CLAIM.index(b"LX*")])), 1, "X12201"),
    Hostile("line without service", _swap((b"SV1*HC:99213*100*UN*1***1~\n", b"")), 1, "X12202"),
    Hostile("no claims", _just(HEAD + LEVELS + TAIL), 1, "X12114", 0),
    Hostile("no header", _just(GOOD[GOOD.index(b"GS*") :]), UNREAD, "X12101", None),
    Hostile("service outside", _swap((b"CLM*PCN1", b"CLN*PCN1")), UNREAD, "X12124", None),
    *(
        Hostile(
            f"amount {text.decode('latin-1')[:12]}", _swap((b"*100***11:B:1", b"*" + text + b"***11:B:1")), 1, "X12205"
        )
        for text in (b"1E400", b"NaN", b"Infinity", b"9" * 5000, b"0x10", b"\xb2", b"1,000.00", b"=1+1")
    ),
    *(
        Hostile(f"units {text.decode('latin-1')[:12]}", _swap((b"*UN*1*", b"*UN*" + text + b"*")), 1, "X12206")
        for text in (b"1E400", b"NaN", b"sNaN", b"9" * 5000, b"\xb2\xb3")
    ),
    *(
        Hostile(f"date {text.decode()[:12]}", _swap((b"*20240805", b"*" + text)), 1, "X12207")
        for text in (b"00000000", b"99999999", b"20240231", b"D" * 5000, b"20240805-20240805-20240805")
    ),
    Hostile("days 000101-99991231", _swap((b"*D8*20240805", b"*RD8*00010101-99991231")), 1, "X12207"),
    Hostile("formulas", _swap((b"PCN1", b"=cmd|'/C calc'!A0"), (b"PCN2", b"<script>alert(1)</script>")), 1, "IVUS101"),
    Hostile("escapes", _swap((b"PCN3", b"\x1b[2J\x07\x9b31m"), (b"PCN2", b"]]><!--")), 1, "IVUS101"),
    Hostile("not utf-8", _swap((b"PCN1", b"\xff\xfe\xc3\x28"), (b"ANN", b"\xc0\x80")), 1, "IVUS101"),
    Hostile("pointers", _swap((b"***1~", b"***" + b":".join([b"99999999999999999999"] * 500) + b"~")), 1, "IVUS501"),
)

BIG = (
    Hostile("a million repeats", _claim_with(b"K3*" + b"^".join([b"A"] * 500_000) + b"~\n"), 1, "IVUS101"),
    Hostile("a million components", _swap((b"HC:99213", b"HC:" + b"9:" * 500_000)), 1, "IVUS101"),
    Hostile("a million elements", _claim_with(b"HI" + b"*ABK:1" * 170_000 + b"~\n"), 1, "IVUS101"),
    Hostile("a million empty segments", _claim_with(b"~" * _MILLION), 1, "X12108"),
    Hostile("a million notes", _claim_with(b"NTE*ADD*A~\n" * _MILLION), UNREAD, "X12125", None),
    Hostile("a hundred thousand notes", _claim_with(b"NTE*ADD*A~\n" * 100_000), UNREAD, "X12125", None),
    Hostile("a million lines", _claim_with(b"LX*1~\nSV1*HC:37252*1*UN*1***1~\n" * 500_000), UNREAD, "X12125", None),
    Hostile(
        "a million names", _around(lambda: iter([LEVELS, b"NM1*IL*1*A~\n" * _MILLION, CLAIM])), UNREAD, "X12125", None
    ),
    Hostile("a million levels", _around(lambda: _many(b"HL*%d*1*22*0~\n", times=999_999)), 1, "X12121", 0, 40),
    Hostile(
        "claims of one patient",
        _around(lambda: iter([LEVELS, (b"CLM*A*1***11:B:1*Y*A*Y*Y~\n" + LINE) * 20_000])),
        *(1, "SCR903", 20_000, 60),
    ),
    Hostile("lines of one day", _swap((CLAIM, CLAIM + LINE * 1_000)), 1, "SCR903", 3, 20),
    Hostile("a million headers", _around(lambda: _many(b"ST*837*%d~\n"), tail=b""), UNREAD, "X12110", None, 40),
    Hostile(
        "a million scattered headers",
        _around(lambda: _many(b"ST*837*%d~\n", step=736_338_717), tail=b""),
        *(UNREAD, "X12110", None, 40, 180),
    ),
    Hostile("a million groups", _around(lambda: _many(b"GS*HC*A*B*1*1*%d~\n"), ISA, b""), UNREAD, "X12110", None, 40),
    Hostile("a million interchanges", lambda: _many(ISA), UNREAD, "X12103", None, 60),
    Hostile("a million isa", lambda: iter([b"ISA*" * _MILLION]), UNREAD, "X12102", None, 30),
    Hostile("one segment", lambda: iter([HEAD, *[bytes(_MIB)] * 64]), UNREAD, "X12105", None),
    Hostile("one segment of text", lambda: iter([HEAD, *[b"A" * _MIB] * 64]), UNREAD, "X12105", None),
)


def _hole(path: Path) -> None:
    with path.open("wb") as out:
        out.write(HEAD)
        out.truncate(2 << 30)


def _unreadable(path: Path) -> None:
    path.write_bytes(GOOD)
    path.chmod(0)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.path.relpath(path))


PLACES = (
    Place("missing.837", lambda _: None, "No such file"),
    Place("folder.837", Path.mkdir, "is a directory"),
    Place("pipe.837", os.mkfifo, "a pipe that nobody writes to"),
    Place("device.837", lambda path: path.symlink_to("/dev/zero"), "is not a regular file"),
    Place("nowhere.837", lambda path: path.symlink_to("nothing"), "No such file"),
    Place("circle.837", lambda path: path.symlink_to(path.name), "levels of symbolic links"),
    Place("socket.837", _socket, "is not a regular file"),
    Place("locked.837", _unreadable, "Permission denied"),
    Place("hole.837", _hole, "longer than 1 MiB"),
)
