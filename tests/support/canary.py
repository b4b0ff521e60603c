"""A claim file in which everything that is protected health information can be found again, and the search for it."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator

__all__ = ["CLAIM_NUMBERS", "PLANTED", "canary_file", "damaged", "leaks", "planted", "seen", "segments_of"]

CLAIM_NUMBERS = (b"QZCLAIM", b"QZLINE")
"""CLM01 and REF*6R begin with them: reports may hold these, unless they are redacted."""

_NUMBERS = (b"19370419", b"19610523", b"987654321", b"8005551298", b"999170001")
_NAME = re.compile(rb"QZ[A-Z]{2,}")
_NUMBER = re.compile(rb"(?<![\d.])(?:%b)(?!\d)" % b"|".join(_NUMBERS))
_MISPLACED = "QZJANE QZDOE"

_TEXT = """\
ISA*00*          *00*          *ZZ*SUB0001        *ZZ*SCRUB01        *260105*0900*^*00501*000000101*0*T*:
GS*HC*SUB0001*SCRUB01*20260105*0900*1*X*005010X222A1
ST*837*0001*005010X222A1
BHT*0019*00*BATCH0001*20260105*0900*CH
NM1*41*2*SYNTHETIC BILLING*****46*SUB0001
PER*IC*QZCONTACT*TE*8005551298
NM1*40*2*IVUS CLAIM SCRUBBER*****46*SCRUB01
HL*1**20*1
NM1*85*2*SYNTHETIC VASCULAR PC*****XX*1234567893
N3*1 MAIN ST
N4*ANYTOWN*PA*171110000
REF*EI*123456789
PER*IC*QZDESK*TE*8005551298
HL*2*1*22*1
SBR*P**QZGROUP*QZGROUPNAME*****MB
NM1*IL*1*QZLAST*QZFIRST*QZMIDDLE**QZSUFFIX*MI*QZMEMBER
N3*QZSTREET*QZFLOOR
N4*QZCITY*PA*999170001
DMG*D8*19370419*F
REF*SY*987654321
REF*1W*QZOTHERID
PER*IC*QZHOME*TE*8005551298
NM1*PR*2*SYNTHETIC PAYER*****PI*12502
HL*3*2*23*0
PAT*19
NM1*QC*1*QZCHILD*QZGIVEN*QZSECOND
N3*QZLANE
N4*QZTOWN*PA*999170001
DMG*D8*19610523*M
REF*SY*987654321
CLM*QZCLAIMA*300***11:B:1*Y*A*Y*Y
DTP*431*D8*20240701
PWK*OZ*EL***AC*QZATTACHMENT
REF*EA*QZRECORD
REF*D9*QZCLEARINGHOUSE
K3*QZFIXED
NTE*ADD*QZNOTE ON THE PATIENT
HI*ABK:I70213*ABF:I739
NM1*DN*1*QZREFERRING*QZDOCTOR****XX*1999999984
NM1*82*1*QZRENDERING*SAM****XX*1999999984
SBR*S*18*QZOTHERGROUP*QZOTHERPLAN*****CI
AMT*D*10
OI***Y***Y
NM1*IL*1*QZOTHERLAST*QZOTHERFIRST****MI*QZOTHERMEMBER
N3*QZOTHERSTREET
N4*QZOTHERCITY*PA*999170001
REF*SY*987654321
NM1*PR*2*OTHER PAYER*****PI*60054
LX*1
SV1*HC:37252:::::QZDESCRIPTION*100*UN*2***1
DTP*472*D8*20240805
REF*6R*QZLINEA
K3*QZLINEFIXED
NTE*ADD*QZLINENOTE
LX*2
SV1*HC:37253:51*100*UN*1***1:2
DTP*472*RD8*20240805-20240806
REF*6R*QZLINEB
LX*3
SV1*HC:99213*100*UN*1***1
DTP*472*D8*20240805
CLM*QZCLAIMB*100***11:B:1*Y*A*Y*Y
HI*ABK:I70213
LX*1
SV1*HC:99213*100*UN*1***1
DTP*472*D8*20240805
SE*65*0001
GE*1*1
IEA*1*000000101"""


def segments_of() -> list[list[str]]:
    """Return the segments of the canary file, each as its elements."""
    return [line.split("*") for line in _TEXT.splitlines()]


def _join(segments: list[list[str]]) -> bytes:
    return "".join("*".join(segment) + "~\n" for segment in segments).encode()


def canary_file() -> bytes:
    """Return the file."""
    return _join(segments_of())


def damaged() -> Iterator[tuple[str, bytes]]:
    """Yield the file damaged in every place, each time with a name for it.

    At every segment it ends, a segment is missing, is written twice or has its identifier lost; in front of every
    element a segment ends, so that a name is read as an identifier; and a name takes the place of every element.
    """
    whole = segments_of()
    for place, segment in enumerate(whole):
        name, before, after = f"{segment[0]} #{place + 1}", whole[:place], whole[place + 1 :]
        yield f"ends in {name}", _join([*before, segment])[:-3]
        yield f"without {name}", _join(before + after)
        yield f"twice {name}", _join([*before, segment, segment, *after])
        yield f"nameless {name}", _join([*before, segment[1:], *after])
        yield f"lower {name}", _join([*before, [segment[0].lower(), *segment[1:]], *after])
        for element in range(1, len(segment)):
            split = [segment[:element], segment[element:]]
            yield f"split {name}-{element:02}", _join([*before, *split, *after])
            wrong = [*segment[:element], _MISPLACED, *segment[element + 1 :]]
            yield f"misplaced {name}-{element:02}", _join([*before, wrong, *after])
            if ":" in segment[element]:
                parts = segment[element].split(":")
                for part in range(len(parts)):
                    mixed = ":".join([*parts[:part], _MISPLACED, *parts[part + 1 :]])
                    wrong = [*segment[:element], mixed, *segment[element + 1 :]]
                    yield f"misplaced {name}-{element:02}-{part + 1}", _join([*before, wrong, *after])


PLANTED = ("935104827", "9351048276", "19370419", "QZDOEX")
"""A Social Security number, a number of ten digits that is no NPI, a birth date and a name."""


def planted(value: str, *, redact: bool, turn: int = 0, turns: int = 1) -> Iterator[tuple[str, bytes]]:
    """Yield files that hold a value in every element where no report may show it, with a name for each.

    Most of them are in one file of many claims; what damages the envelope or the levels is a file of its own.  With
    `turns` the claims are those of every second element (or third, and so on), and `turn` says of which.
    """
    whole = segments_of()
    first = next(place for place, segment in enumerate(whole) if segment[:2] == ["HL", "2"])
    head, body, tail = whole[:first], whole[first:-3], whole[-3:]
    for place, segment in enumerate(whole):
        if place < first or segment[0] in {"HL", "SE", "GE", "IEA"}:
            for element, wrong in _plantings(segment, value, redact=redact):
                yield f"{segment[0]} #{place + 1}-{element}", _join([*whole[:place], wrong, *whole[place + 1 :]])
    for changed in range(1, 5):
        every = [[*s[:changed], value, *s[changed + 1 :]] if s[0] == "HL" else s for s in whole]
        yield f"HL #all-{changed:02}", _join(every)
    claims = [
        [*body[:place], wrong, *body[place + 1 :]]
        for place, segment in enumerate(body)
        if segment[0] != "HL"
        for parts, wrong in _plantings(segment, value, redact=redact)
        if (place + sum(map(int, parts.split("-")))) % turns == turn
    ]
    # Without an initial vessel the place of service is part of a message.
    claims += [
        [[part.replace("HC:37252:", "HC:37238:") for part in segment] for segment in claim]
        for claim in claims
        if any(value in part for segment in claim if segment[0] in {"CLM", "SV1"} for part in segment)
    ]
    batch = [segment for number, claim in enumerate(claims) for segment in _numbered(claim, number)]
    yield "claims", _join([*head, *batch, ["SE", str(len(head) - 2 + len(batch) + 1), "0001"], *tail[1:]])


def _plantings(segment: list[str], value: str, *, redact: bool) -> Iterator[tuple[str, list[str]]]:
    """Yield the segment with a value in each element and component, and in one element more than it has."""
    for element in range(1, len(segment) + 1):
        if _may_be_shown(segment, element, value, redact=redact):
            continue
        yield f"{element:02}", [*segment[:element], value, *segment[element + 1 :]]
        parts = segment[element].split(":") if element < len(segment) and segment[0] != "ISA" else []
        for part in range(len(parts) if len(parts) > 1 else 0):
            mixed = ":".join([*parts[:part], value, *parts[part + 1 :]])
            yield f"{element:02}-{part + 1}", [*segment[:element], mixed, *segment[element + 1 :]]


def _may_be_shown(segment: list[str], element: int, value: str, *, redact: bool) -> bool:
    """Whether SECURITY.md says that a report may show the value there: it has the form of what belongs there."""
    name, qualifier = segment[:2]
    if (name, element) == ("CLM", 1) or (name, qualifier, element) == ("REF", "6R", 2):
        return not redact
    if (name, element) in {("CLM", 2), ("SV1", 2)} or (name, qualifier, element) == ("NM1", "PR", 9):
        return value.isdigit()
    return name == "NM1" and qualifier in {"85", "82"} and element == 9 and value.isdigit() and len(value) == 10


def _numbered(claim: list[list[str]], number: int) -> Iterator[list[str]]:
    """Yield the segments of a copy of the canary's claims with levels and a patient of its own."""
    subscriber = 2 + 2 * number
    for segment in claim:
        if segment[0] == "HL":
            is_patient = segment[3] == "23"
            parent = subscriber if is_patient else 1
            yield ["HL", str(subscriber + is_patient), str(parent), *segment[3:]]
        else:
            yield [f"{element}{number}" if element == "QZMEMBER" else element for element in segment]


def seen(value: str, data: bytes) -> bool:
    """Whether a value can be read in a report; a birth date also as a date.  Workbooks are unpacked."""
    if data.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(data)) as book:
            data = b"\n".join(book.read(name) for name in book.namelist())
    forms = [value, f"{value[:4]}-{value[4:6]}-{value[6:]}", f"{value[:3]}-{value[3:5]}-{value[5:]}"]
    if value.isdigit():
        forms.append(f"{int(value):,}")
    return any(form.encode() in data for form in forms)


def leaks(data: bytes | str, *, numbers: bool = False) -> set[bytes]:
    """Return the secrets found; with `numbers` claim and line control numbers are allowed.  Workbooks are unpacked."""
    found = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
    if found.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(found)) as book:
            found = b"\n".join(book.read(name) for name in book.namelist())
    if b"\0" in found:  # what is written in two bytes a character is looked for as well
        found += b"\n" + found.replace(b"\0", b"")
    secrets = set(_NAME.findall(found.upper()))
    if any(number in found for number in _NUMBERS):  # which is asked for much sooner
        secrets.update(_NUMBER.findall(found))
    return {secret for secret in secrets if not (numbers and secret.startswith(CLAIM_NUMBERS))}
