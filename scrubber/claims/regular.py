"""Read the plainest claims, those that most files are made of, from their text without making objects of them.

What is read here says less than the model does: only that the claim has the form in which nothing about its structure
can be wrong.  Any doubt means None, and the claim is opened.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from typing import Any

from attrs import frozen

from scrubber.claims.builder import billing_provider_of, payer_id_of
from scrubber.claims.model import MAX_LINES, PlainClaim, Provider
from scrubber.claims.raw_claim import RawClaim
from scrubber.findings.code_form import CodeForm
from scrubber.findings.dates import DateRange
from scrubber.x12.lexer import line_end_of
from scrubber.x12.segment import Delimiters, trim

__all__ = ["PlainReader", "clearinghouse_id_of", "plain_form", "read_plain"]

_PROVIDERS = "82|DN|P3|77|DQ|DK|QB"
"""NM101 of the providers that a claim or line names by their NPI (loops 2310A-D and 2420A-F)."""

_ORIGINAL = "1"
_AMOUNT = r"\d{1,12}(?:\.\d{1,2})?"
_UNITS = r"\d{1,9}(?:\.\d{1,3})?"


def plain_form(delimiters: Delimiters) -> str:
    """Return the pattern of a plain claim in a regular part of a file.

    It matches from CLM to the next event.  The groups are CLM01, CLM02, CLM05-3, NM108 and NM109 of the first provider
    (NM1) named in front of the service lines, and the beginnings of another one there and of one on a line.
    """
    end, separator, part = (re.escape(text) for text in (delimiters.segment, delimiters.element, delimiters.component))
    element, component = f"[^{end}{separator}]", f"[^{end}{separator}{part}]"
    line_end = line_end_of(delimiters)
    rest = f"[^{end}]*+{end}{line_end}"
    date, provider = f"DTP{separator}472", f"NM1{separator}(?:{_PROVIDERS}){separator}"
    other = f"(?!(?:CLM|HL|ST|SE|GS|GE|LX|SV1){separator}|{date}"
    place = f"(?:{separator}(?:{CodeForm.PLACE.value})?(?=[{separator}{end}])|(?={end}))"
    in_line = f"{other}|(?:HI|SBR|PAT){separator}"  # which another begins with, if its CLM or HL is damaged
    line = (
        f"LX{separator}{element}++{end}{line_end}SV1{separator}HC{part}(?:{CodeForm.PROCEDURE.value})(?:{part}{element}*+)?+"
        f"{separator}{_AMOUNT}{separator}{element}*+{separator}{_UNITS}{place}{rest}(?:{in_line}|NM1|LIN|SVD|LQ){rest})*+"
        f"{date}{separator}D8{separator}\\d{{8}}{end}{line_end}(?:{in_line}|{provider}){rest})*+"
        f"(?:({provider}){rest}(?:{in_line}){rest})*+)?+"
    )
    return (
        f"CLM{separator}({element}++){separator}({_AMOUNT}){separator}{element}*+{separator}{element}*+{separator}"
        f"{CodeForm.PLACE.value}{part}{component}*+{part}({component}*+){rest}(?:{other}|{provider}){rest})*+"
        f"(?:{provider}{f'{element}*+{separator}' * 6}({element}*+){separator}({element}*+){rest}"
        f"(?:{other}|{provider}){rest})*+)?+(?:({provider}){rest}(?:{other}){rest})*+)?+"
        f"(?:{line})++(?=(?:CLM|HL|ST|SE|GS|GE){separator}|\\Z)"
    )


@frozen
class PlainReader:
    """What reads the plain claims of an interchange.

    `claim` matches one as `plain_form` says, `line` takes procedure, charge and date of each service line of it,
    `providers` LX of each, and NM1, NM101, NM108 and NM109 of each provider named; `clearinghouse` matches it up to its
    own REF*D9.
    """

    claim: re.Pattern[str]
    line: re.Pattern[str]
    providers: re.Pattern[str]
    clearinghouse: re.Pattern[str]
    date_of_service: str

    @classmethod
    @cache
    def of(cls, delimiters: Delimiters) -> PlainReader:
        """Return the reader for these delimiters."""
        end, separator, part = (
            re.escape(text) for text in (delimiters.segment, delimiters.element, delimiters.component)
        )
        inside = f"[^{end}]"  # of a segment
        element = f"[^{end}{separator}]"
        begin = f"{end}[\\r\\n]*+"
        return cls(
            claim=re.compile(plain_form(delimiters), re.ASCII),
            line=re.compile(
                f"{begin}SV1{separator}HC{part}(.{{5}}){element}*+{separator}({element}*+){separator}"
                f"(?:{inside}*+{begin}(?!DTP{separator}472))*+{inside}*+{begin}"
                f"DTP{separator}472{separator}D8{separator}({element}*+)"
            ),
            providers=re.compile(
                f"{begin}(LX|NM1){separator}"
                f"(?:(?<=LX{separator})|({_PROVIDERS}){separator}"
                f"(?:{f'{element}*+{separator}' * 6}({element}*+){separator}({element}*+))?)"
            ),
            clearinghouse=re.compile(
                f"(?:(?!NM1|SBR|LX){inside}*{end}[\\r\\n]*+)*?REF{separator}D9{separator}({element}*)"
            ),
            date_of_service=f"DTP{delimiters.element}472",
        )

    def read(
        self, text: str, start: int, stop: int, form: Sequence[Any], payer_id: str, provider: Provider
    ) -> PlainClaim | None:
        """Read the claim between two places of a text if it is plain; `form` are the groups of `plain_form`."""
        number, amount, frequency, qualifier, npi, another, in_line = form
        lines = self.line.findall(text, start, stop)
        if len(lines) > MAX_LINES or not number.strip() or trim(frequency) != _ORIGINAL:
            return None
        if text.count(self.date_of_service, start, stop) != len(lines):
            return None  # which date holds is for the reader of lines to say
        procedures, charges, days = zip(*lines, strict=True)
        if not _is_sum(amount, charges) or not all(map(_is_date, days)):
            return None
        npis: tuple[str, ...] | None = ()
        if another is not None or in_line is not None:
            npis = _npis(self.providers.findall(text, start, stop))
        elif npi is not None:
            npis = (trim(npi),) if trim(qualifier) == "XX" else None
        if npis is None:
            return None
        return PlainClaim(number, Decimal(amount), len(lines), payer_id, provider, npis, procedures, days)


def read_plain(raw: RawClaim) -> PlainClaim | None:
    """Read a claim if it is plain, else give None."""
    if raw.stretch is None or not raw.complete:
        return None
    text, reader = raw.stretch.text, PlainReader.of(raw.stretch.delimiters)
    found = reader.claim.fullmatch(text)
    if found is None:
        return None
    payer_id, provider = payer_id_of(raw.subscriber), billing_provider_of(raw.provider)
    return reader.read(text, 0, len(text), found.groups(), payer_id, provider)


def clearinghouse_id_of(raw: RawClaim) -> str:
    """Return the clearinghouse's claim identifier (2300 REF*D9) of a plain claim, "" where it has none."""
    stretch = raw.stretch
    found = PlainReader.of(stretch.delimiters).clearinghouse.match(stretch.text) if stretch is not None else None
    return found[1] if found is not None else ""


def _npis(named: Sequence[tuple[str, str, str, str]]) -> tuple[str, ...] | None:
    """Return the NPIs of the providers named in a claim; None where one has none, or two render the claim or a line."""
    npis: list[str] = []
    rendered = False
    for segment_id, entity, qualifier, npi in named:
        if segment_id == "LX":
            rendered = False
            continue
        if trim(qualifier) != "XX" or (rendered and entity == "82"):
            return None
        rendered = rendered or entity == "82"
        npis.append(trim(npi))
    return tuple(npis)


@cache
def _is_date(text: str) -> bool:
    return DateRange.parse("D8", text) is not None


def _is_sum(amount: str, charges: tuple[str, ...]) -> bool:
    try:
        return int(amount) == sum(map(int, charges))
    except ValueError:
        return Decimal(amount) == sum(map(Decimal, charges))
