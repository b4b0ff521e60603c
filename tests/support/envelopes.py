"""Interchanges put together from groups and transaction sets."""

from __future__ import annotations

import re

from scrubber.testing import Form, to_837p

ONE = to_837p("37238\n37252", Form(line_end=""))
SET = ONE[ONE.index(b"ST*") : ONE.index(b"GE*")]
ISA = ONE[: ONE.index(b"GS*")]


def counted(data: bytes) -> bytes:
    """Make every SE01 right, not counting empty segments."""

    def corrected(found: re.Match[bytes]) -> bytes:
        count = sum(bool(segment) for segment in found[0].split(b"~")[:-1])
        return re.sub(rb"(~\r?\n?SE\*)\d+", rb"\g<1>%d" % count, found[0])

    return re.sub(rb"ST\*.*?~\r?\n?SE\*[^~]*~", corrected, data, flags=re.DOTALL)


def group(number: int, *sets: bytes) -> bytes:
    head = b"GS*HC*SUB0001*SCRUB01*20240805*0900*%d*X*005010X222A1~" % number
    return head + b"".join(sets) + b"GE*%d*%d~" % (len(sets), number)


def interchange(number: int, *groups: bytes) -> bytes:
    return ISA.replace(b"000000101", b"%09d" % number) + b"".join(groups) + b"IEA*%d*%09d~" % (len(groups), number)
