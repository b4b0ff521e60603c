"""Read the plainest claims, those that most files are made of, from their text without making objects of them.

What is read here says less than the model does: only that the claim has the form in which nothing about its structure
can be wrong.  Any doubt means None, and the claim is opened.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from functools import cache

from attrs import frozen

from scrubber.model import MAX_LINES, PlainClaim, Provider, parse_date
from scrubber.parser.claims import billing_provider_of, payer_id_of
from scrubber.parser.events import RawClaim
from scrubber.x12 import Delimiters

__all__ = ["PlainReader", "clearinghouse_id_of", "plain_head", "read_plain"]

_VOID = "8"
_AMOUNT = r"\d{1,12}(?:\.\d{1,2})?"


def plain_head(delimiters: Delimiters) -> str:
    """Give the pattern of the CLM of a plain claim, up to CLM05-3; its groups are CLM01, CLM02 and CLM05-3."""
    end, mark, part = (re.escape(text) for text in (delimiters.segment, delimiters.element, delimiters.component))
    element, component = f"[^{end}{mark}]", f"[^{end}{mark}{part}]"
    return (
        f"CLM{mark}({element}++){mark}({_AMOUNT}){mark}{element}*+{mark}{element}*+{mark}"
        f"{component}*+{part}{component}*+{part}({component}*+)"
    )


@frozen
class PlainReader:
    """What reads the plain claims of an interchange.

    `head` matches the CLM as `plain_head` says, `line` a whole service line (procedure, charge, date), `rendering` an
    NM1*82 (NM108, NM109) and `clearinghouse` a claim up to its own REF*D9; `looks` is what only a service line holds.
    """

    head: re.Pattern[str]
    line: re.Pattern[str]
    rendering: re.Pattern[str]
    clearinghouse: re.Pattern[str]
    looks: tuple[str, ...]

    @classmethod
    @cache
    def of(cls, delimiters: Delimiters) -> PlainReader:
        """Give the reader for these delimiters."""
        end, mark, part = (re.escape(text) for text in (delimiters.segment, delimiters.element, delimiters.component))
        inside = f"[^{end}]"  # of a segment
        element = f"[^{end}{mark}]"
        begin = f"{end}[\\r\\n]*+"
        return cls(
            head=re.compile(plain_head(delimiters), re.ASCII),
            line=re.compile(
                f"{begin}LX{mark}{element}+{begin}SV1{mark}HC{part}([A-Z0-9]{{5}})(?:{part}{element}*)?"
                f"{mark}({_AMOUNT}){mark}{element}*{mark}\\d{{1,9}}(?:\\.\\d{{1,3}})?(?:{mark}{inside}*)?"
                f"(?:{begin}(?!LX|SV1|DTP{mark}472|NM1|LIN|SVD|LQ|SBR){inside}*)*?"
                f"{begin}DTP{mark}472{mark}D8{mark}(\\d{{8}})(?={end})",
                re.ASCII,
            ),
            rendering=re.compile(
                f"{begin}NM1{mark}82{mark}(?:{f'{element}*+{mark}' * 6}({element}*+){mark}({element}*+))?"
            ),
            clearinghouse=re.compile(f"(?:(?!NM1|SBR|LX){inside}*{end}[\\r\\n]*+)*?REF{mark}D9{mark}({element}*)"),
            looks=tuple(f"{name}{delimiters.element}" for name in ("LX", "SV1", f"DTP{delimiters.element}472")),
        )

    def read(
        self, text: str, start: int, stop: int, head: Sequence[str], payer_id: str, provider: Provider
    ) -> PlainClaim | None:
        """Read the claim between two places of a text if it is plain; `head` are the groups of `plain_head`."""
        number, amount, frequency = head
        lines = self.line.findall(text, start, stop)
        if not 0 < len(lines) <= MAX_LINES or not number.strip() or frequency.strip() == _VOID:
            return None
        for look in self.looks:
            if text.count(look, start, stop) != len(lines):
                return None  # something looks like a part of another service line
        procedures, charges, days = zip(*lines, strict=True)
        npis = []
        for qualifier, npi in self.rendering.findall(text, start, stop):
            if qualifier.strip() != "XX":
                return None
            npis.append(npi.strip())
        if not _is_sum(amount, charges) or not all(map(_is_date, days)):
            return None
        return PlainClaim(number, Decimal(amount), len(lines), payer_id, provider, tuple(npis), procedures, days)


def read_plain(raw: RawClaim) -> PlainClaim | None:
    """Read a claim if it is plain, else give None."""
    if raw.stretch is None or not raw.complete:
        return None
    text, reader = raw.stretch.text, PlainReader.of(raw.stretch.delimiters)
    head = reader.head.match(text)
    if head is None:
        return None
    number, amount, frequency = head.groups()
    payer_id, provider = payer_id_of(raw.subscriber), billing_provider_of(raw.provider)
    return reader.read(text, 0, len(text), (number, amount, frequency), payer_id, provider)


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
