"""Claims in shorthand, expanded to real 837P bytes, for the tests of edits, ours and yours.

    claim PCN1 patient=M1 pos=11 note="LEFT CIV, LEFT EIV"
    37238
    37252 dx=1,2
    37253-LT-59 x2 on=20240805-20240807 by=1999999984 charge=900

A line that begins with `claim` opens a claim and may name CLM01; any other line is one service: the code with its
modifiers, the units as `x2`, then settings.  A shorthand without `claim` is one claim with the defaults.

Settings of a claim: date, pos, freq, charge (else the sum of its lines), dx (diagnosis codes; "none" for no HI),
file-date (of ISA09, GS04 and BHT04, one for the file; else its newest date of service), patient (member identifier),
name (of the patient, LAST or LAST,FIRST), born (birth date), dependent (first name; opens loop 2000C), payer,
payer-name, filing (SBR09), f8 (REF*F8), contract (CN101), billing, taxonomy (of the billing provider), by (rendering
provider), note.
Settings of a line: on (date or range; "none" for no DTP), by, pos, charge, unit, dx (pointers; "none" for none), desc
(SV101-7), note, id (REF*6R), set (code set SV101-1), drop (a segment to leave out: LX or SV1).

Cases are written in TOML, a file for each edit and called after it (ACME101.toml), each with the claim and what the
edit finds on it, as "CLM01:line element", line 0 for the whole claim:

    [[case]]
    name = "in a hospital"
    claim = "37252 pos=22"
    findings = ["PCN1:1 SV105"]

A case may also name `message` (a part of every message or fix), `severity` and `statuses` (of every finding),
`related` (the places that the findings refer to, one after the other, as "CLM01:line role") and `config` (the text of a
`scrubber.toml`; at the head of the file for all cases that have none of their own).

All data is synthetic; the National Provider Identifiers merely pass their check digit.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from itertools import groupby

from attrs import define, field, frozen

from scrubber.api import load_settings, make_engine
from scrubber.config import Config
from scrubber.engine.judge import Engine
from scrubber.findings.dates import parse_date
from scrubber.findings.report import ClaimReport
from scrubber.io.source import open_source
from scrubber.pipeline.file_scrub import FileScrub
from scrubber.x12.segment import Delimiters

__all__ = [
    "BILLING_NPI",
    "DEFAULT_DATE",
    "RENDERING_NPI",
    "Form",
    "scrub_shorthand",
    "to_837p",
]

DEFAULT_DATE = "20240805"
"""The date of service where none is given: a day that every table of the shipped edits covers."""

BILLING_NPI = "1234567893"
RENDERING_NPI = "1999999984"

_CLAIM_SETTINGS = {
    "date": DEFAULT_DATE,
    "file-date": "",
    "pos": "11",
    "freq": "1",
    "charge": "",
    "dx": "I70213,I739",
    "patient": "M1",
    "dependent": "",
    "name": "TESTPATIENT,ANN",
    "born": "",
    "payer": "12502",
    "payer-name": "SYNTHETIC PAYER",
    "filing": "MB",
    "f8": "",
    "contract": "",
    "taxonomy": "",
    "billing": BILLING_NPI,
    "by": RENDERING_NPI,
    "note": "",
}
_LINE_SETTINGS = {
    "on": "",
    "by": "",
    "pos": "",
    "charge": "100",
    "unit": "UN",
    "dx": "1",
    "desc": "",
    "note": "",
    "id": "",
    "set": "HC",
    "drop": "",
}


_COMMON = Delimiters(element="*", component=":", repetition="^", segment="~")


@frozen
class Form:
    """How the bytes are written: delimiters and what follows each segment terminator."""

    delimiters: Delimiters = _COMMON
    line_end: str = "\n"


@define
class _Line:
    code: list[str]
    units: str = "1"
    settings: dict[str, str] = field(factory=lambda: {})


@define
class _ShorthandClaim:
    number: str
    settings: dict[str, str]
    lines: list[_Line] = field(factory=lambda: [])


def _parse(shorthand: str) -> list[_ShorthandClaim]:
    """Read the shorthand.  Raises ValueError for a setting that does not exist."""
    claims: list[_ShorthandClaim] = []
    for words in filter(None, (shlex.split(text, comments=True) for text in shorthand.splitlines())):
        if words[0] == "claim":
            named = len(words) > 1 and "=" not in words[1]
            number = words[1] if named else f"PCN{len(claims) + 1}"
            claims.append(_ShorthandClaim(number, _settings(words[1 + named :], _CLAIM_SETTINGS)))
            continue
        if not claims:
            claims.append(_ShorthandClaim("PCN1", dict(_CLAIM_SETTINGS)))
        code, *rest = words
        units = "1"
        if rest and rest[0].startswith("x") and "=" not in rest[0]:
            units = rest.pop(0)[1:]
        claims[-1].lines.append(_Line(code.split("-"), units, _settings(rest, _LINE_SETTINGS)))
    return claims


def _settings(words: Iterable[str], known: Mapping[str, str]) -> dict[str, str]:
    settings = dict(known)
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or name not in known:
            raise ValueError(f"shorthand: unknown setting {word!r}; known are {', '.join(known)}")
        settings[name] = value
    return settings


def to_837p(shorthand: str, form: Form | None = None) -> bytes:
    """Expand shorthand to one 837P interchange (005010X222A1).  Raises ValueError for shorthand that cannot be read."""
    form = form or Form()
    delimiters = form.delimiters
    claims = _parse(shorthand)
    day = _file_date(claims)
    body = [
        ["ST", "837", "0001", "005010X222A1"],
        ["BHT", "0019", "00", "BATCH0001", day, "0900", "CH"],
        ["NM1", "41", "2", "SYNTHETIC BILLING", "", "", "", "", "46", "SUB0001"],
        ["PER", "IC", "EDI DESK", "TE", "5555551212"],
        ["NM1", "40", "2", "IVUS CLAIM SCRUBBER", "", "", "", "", "46", "SCRUB01"],
        *_levels(claims, delimiters),
    ]
    body.append(["SE", str(len(body) + 1), "0001"])
    parties = f"ZZ|{'SUB0001':15}|ZZ|{'SCRUB01':15}"
    head = f"ISA|00|{'':10}|00|{'':10}|{parties}|{day[2:]}|0900|{delimiters.repetition}|00501|000000101|0|T|"
    segments = [
        head.replace("|", delimiters.element) + delimiters.component,
        delimiters.element.join(["GS", "HC", "SUB0001", "SCRUB01", day, "0900", "1", "X", "005010X222A1"]),
        *(delimiters.element.join(segment).rstrip(delimiters.element) for segment in body),
        delimiters.element.join(["GE", "1", "1"]),
        delimiters.element.join(["IEA", "1", "000000101"]),
    ]
    return "".join(segment + delimiters.segment + form.line_end for segment in segments).encode("latin-1")


def _file_date(claims: Sequence[_ShorthandClaim]) -> str:
    """Return the date of the file, for ISA09, GS04 and BHT04: as set, else the newest date of service that is a day.

    Raises ValueError where claims set different dates.
    """
    given = {claim.settings["file-date"] for claim in claims} - {""}
    if len(given) > 1:
        raise ValueError(f"shorthand: one file has one file-date, not {' and '.join(sorted(given))}")
    days = (
        day
        for claim in claims
        for line in claim.lines
        for day in (line.settings["on"] or claim.settings["date"]).split("-")
        if parse_date(day)
    )
    return given.pop() if given else max(days, default=DEFAULT_DATE)


def _levels(claims: Sequence[_ShorthandClaim], delimiters: Delimiters) -> Iterator[list[str]]:
    number = 0
    for (billing, taxonomy), group in groupby(claims, key=_billing):
        number += 1
        provider = number
        yield ["HL", str(number), "", "20", "1"]
        if taxonomy:
            yield ["PRV", "BI", "PXC", taxonomy]
        yield ["NM1", "85", "2", "SYNTHETIC VASCULAR PC", "", "", "", "", "XX", billing]
        yield from (["N3", "1 MAIN ST"], ["N4", "ANYTOWN", "PA", "171110000"], ["REF", "EI", "123456789"])
        for claim in group:
            number += 1
            dependent = claim.settings["dependent"]
            yield ["HL", str(number), str(provider), "22", "1" if dependent else "0"]
            last_name, _, first_name = "TESTPATIENT,ANN".partition(",") if dependent else _name(claim)
            born = "" if dependent else claim.settings["born"]
            yield ["SBR", "P", "" if dependent else "18", "", "", "", "", "", "", claim.settings["filing"]]
            yield ["NM1", "IL", "1", last_name, first_name, "", "", "", "MI", claim.settings["patient"]]
            yield from (["N3", "2 ELM ST"], ["N4", "ANYTOWN", "PA", "17111"])
            yield from [["DMG", "D8", born or "19500101", "F"]][: born != "none"]
            payer = claim.settings["payer-name"]
            yield ["NM1", "PR", "2", payer, "", "", "", "", "PI", claim.settings["payer"]]
            if dependent:
                number += 1
                yield ["HL", str(number), str(number - 1), "23", "0"]
                yield from (["PAT", "19"], ["NM1", "QC", "1", _name(claim)[0], dependent])
                yield from (["N3", "2 ELM ST"], ["N4", "ANYTOWN", "PA", "17111"])
                born = claim.settings["born"]
                yield from [["DMG", "D8", born or "20100101", "M"]][: born != "none"]
            yield from _claim(claim, delimiters)


def _billing(claim: _ShorthandClaim) -> tuple[str, str]:
    return claim.settings["billing"], claim.settings["taxonomy"]


def _name(claim: _ShorthandClaim) -> tuple[str, str, str]:
    return claim.settings["name"].partition(",")


def _claim(claim: _ShorthandClaim, delimiters: Delimiters) -> Iterator[list[str]]:
    settings = claim.settings
    place = delimiters.component.join([settings["pos"], "B", settings["freq"]])
    yield ["CLM", claim.number, settings["charge"] or _total(claim), "", "", place, "Y", "A", "Y", "Y"]
    if settings["contract"]:
        yield ["CN1", settings["contract"]]
    if settings["f8"]:
        yield ["REF", "F8", settings["f8"]]
    if settings["note"]:
        yield ["NTE", "ADD", settings["note"]]
    if settings["dx"] != "none":
        codes = settings["dx"].split(",")
        yield [
            "HI",
            *(delimiters.component.join(["ABF" if place else "ABK", code]) for place, code in enumerate(codes)),
        ]
    if settings["by"] != settings["billing"]:
        yield ["NM1", "82", "1", "TESTDOCTOR", "SAM", "", "", "", "XX", settings["by"]]
    for number, line in enumerate(claim.lines, 1):
        yield from _service(number, line, settings["date"], delimiters)


def _total(claim: _ShorthandClaim) -> str:
    try:
        return str(sum((Decimal(line.settings["charge"]) for line in claim.lines), Decimal(0)))
    except InvalidOperation:
        return "0"


def _service(number: int, line: _Line, date: str, delimiters: Delimiters) -> Iterator[list[str]]:
    settings = line.settings
    dates = settings["on"] or date
    procedure = [settings["set"], *line.code]
    if settings["desc"]:
        procedure = [*procedure, *[""] * (6 - len(procedure)), settings["desc"]]
    pointers = "" if settings["dx"] == "none" else settings["dx"].replace(",", delimiters.component)
    service = [
        delimiters.component.join(procedure),
        settings["charge"],
        settings["unit"],
        line.units,
        settings["pos"],
        "",
        pointers,
    ]
    segments = [["LX", str(number)], ["SV1", *service]]
    if dates != "none":
        segments.append(["DTP", "472", "RD8" if "-" in dates else "D8", dates])
    if settings["id"]:
        segments.append(["REF", "6R", settings["id"]])
    if settings["note"]:
        segments.append(["NTE", "ADD", settings["note"]])
    if settings["by"]:
        segments.append(["NM1", "82", "1", "TESTDOCTOR", "PAT", "", "", "", "XX", settings["by"]])
    yield from (segment for segment in segments if segment[0] != settings["drop"])


def scrub_shorthand(shorthand: str, config: Config | None = None, engine: Engine | None = None) -> list[ClaimReport]:
    """Expand shorthand, read it with the real parser, judge it, and give the verdicts in order."""
    with open_source(to_837p(shorthand), "shorthand") as source:
        return list(FileScrub(source, engine or make_engine(config or load_settings(discover=False))))
