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

from scrubber.model import MAX_LINES, PlainClaim, Provider, parse_date
from scrubber.parser.claims import billing_provider_of, payer_id_of
from scrubber.parser.events import RawClaim
from scrubber.parser.segments import line_end_of
from scrubber.x12 import Delimiters

__all__ = ["PlainReader", "clearinghouse_id_of", "plain_form", "read_plain"]

_ORIGINAL = "1"
_AMOUNT = r"\d{1,12}(?:\.\d{1,2})?"
_UNITS = r"\d{1,9}(?:\.\d{1,3})?"


def plain_form(delimiters: Delimiters) -> str:
    """Give the pattern of a plain claim in a regular part of a file.

    It matches from CLM to the next event.  The groups are CLM01, CLM02, CLM05-3, NM108 and NM109 of the first NM1*82 in
    front of the service lines, and the beginning of any other NM1*82.
    """
    end, mark, part = (re.escape(text) for text in (delimiters.segment, delimiters.element, delimiters.component))
    element, component = f"[^{end}{mark}]", f"[^{end}{mark}{part}]"
    line_end = line_end_of(delimiters)
    rest = f"[^{end}]*+{end}{line_end}"
    date, rendering = f"DTP{mark}472", f"NM1{mark}82{mark}"
    other = f"(?!(?:CLM|HL|ST|SE|GS|GE|LX|SV1){mark}|{date}"
    in_line = f"{other}|(?:HI|SBR|PAT){mark}"  # which another begins with, if its CLM or HL is damaged
    line = (
        f"LX{mark}{element}++{end}{line_end}SV1{mark}HC{part}[A-Z0-9]{{5}}(?:{part}{element}*+)?+"
        f"{mark}{_AMOUNT}{mark}{element}*+{mark}{_UNITS}(?=[{mark}{end}]){rest}(?:{in_line}|NM1|LIN|SVD|LQ){rest})*+"
        f"{date}{mark}D8{mark}\\d{{8}}{end}{line_end}(?:{in_line}|{rendering}){rest})*+"
        f"(?:(?P<further>{rendering}){rest}(?:{in_line}|{rendering}){rest})*+)?+"
    )
    return (
        f"CLM{mark}({element}++){mark}({_AMOUNT}){mark}{element}*+{mark}{element}*+{mark}"
        f"{component}*+{part}{component}*+{part}({component}*+){rest}(?:{other}|{rendering}){rest})*+"
        f"(?:{rendering}{f'{element}*+{mark}' * 6}({element}*+){mark}({element}*+){rest}"
        f"(?:{other}|{rendering}){rest})*+)?+(?:{line})++(?=(?:CLM|HL|ST|SE|GS|GE){mark}|\\Z)"
    )


@frozen
class PlainReader:
    """What reads the plain claims of an interchange.

    `claim` matches one as `plain_form` says, `line` takes procedure, charge and date of each service line of it,
    `rendering` NM108 and NM109 of each NM1*82, and `clearinghouse` matches it up to its own REF*D9.
    """

    claim: re.Pattern[str]
    line: re.Pattern[str]
    rendering: re.Pattern[str]
    clearinghouse: re.Pattern[str]
    date_of_service: str

    @classmethod
    @cache
    def of(cls, delimiters: Delimiters) -> PlainReader:
        """Give the reader for these delimiters."""
        end, mark, part = (re.escape(text) for text in (delimiters.segment, delimiters.element, delimiters.component))
        inside = f"[^{end}]"  # of a segment
        element = f"[^{end}{mark}]"
        begin = f"{end}[\\r\\n]*+"
        return cls(
            claim=re.compile(plain_form(delimiters), re.ASCII),
            line=re.compile(
                f"{begin}SV1{mark}HC{part}(.{{5}}){element}*+{mark}({element}*+){mark}"
                f"(?:{inside}*+{begin}(?!DTP{mark}472))*+{inside}*+{begin}DTP{mark}472{mark}D8{mark}({element}*+)"
            ),
            rendering=re.compile(
                f"{begin}NM1{mark}82{mark}(?:{f'{element}*+{mark}' * 6}({element}*+){mark}({element}*+))?"
            ),
            clearinghouse=re.compile(f"(?:(?!NM1|SBR|LX){inside}*{end}[\\r\\n]*+)*?REF{mark}D9{mark}({element}*)"),
            date_of_service=f"DTP{delimiters.element}472",
        )

    def read(
        self, text: str, start: int, stop: int, form: Sequence[Any], payer_id: str, provider: Provider
    ) -> PlainClaim | None:
        """Read the claim between two places of a text if it is plain; `form` are the groups of `plain_form`."""
        number, amount, frequency, qualifier, npi, further = form
        lines = self.line.findall(text, start, stop)
        if len(lines) > MAX_LINES or not number.strip() or frequency.strip() != _ORIGINAL:
            return None
        if text.count(self.date_of_service, start, stop) != len(lines):
            return None  # which date holds is for the reader of lines to say
        procedures, charges, days = zip(*lines, strict=True)
        if not _is_sum(amount, charges) or not all(map(_is_date, days)):
            return None
        npis: tuple[str, ...] = ()
        if further is not None:
            renderers = self.rendering.findall(text, start, stop)
            if any(kind.strip() != "XX" for kind, _ in renderers):
                return None
            npis = tuple(found.strip() for _, found in renderers)
        elif npi is not None and qualifier is not None:
            if qualifier.strip() != "XX":
                return None
            npis = (npi.strip(),)
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
    """Give the clearinghouse's claim identifier (2300 REF*D9) of a plain claim, "" where it has none."""
    stretch = raw.stretch
    found = PlainReader.of(stretch.delimiters).clearinghouse.match(stretch.text) if stretch is not None else None
    return found[1] if found is not None else ""


@cache
def _is_date(text: str) -> bool:
    return parse_date(text) is not None


def _is_sum(amount: str, charges: tuple[str, ...]) -> bool:
    try:
        return int(amount) == sum(map(int, charges))
    except ValueError:
        return Decimal(amount) == sum(map(Decimal, charges))
