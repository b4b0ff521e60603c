"""Read the plainest claims, those that most files are made of, from their text without making objects of them.

What is read here says less than the model does: only that the claim has the form in which nothing about its structure
can be wrong.  Any doubt means None, and the claim is opened.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import cache

from attrs import frozen

from scrubber.model import MAX_LINES, PlainClaim, parse_date
from scrubber.parser.claims import billing_provider_of, payer_id_of
from scrubber.parser.events import RawClaim
from scrubber.x12 import Delimiters

__all__ = ["read_plain"]

_VOID = "8"


@frozen
class _Patterns:
    """What a plain claim is read with.

    `line` matches a whole service line (charge, units, date), `rendering` the rest of an NM1*82, and `clearinghouse` a
    claim up to its own REF*D9.
    """

    line: re.Pattern[str]
    rendering: re.Pattern[str]
    clearinghouse: re.Pattern[str]


@cache
def _patterns(delimiters: Delimiters) -> _Patterns:
    end, mark, part = (re.escape(text) for text in (delimiters.segment, delimiters.element, delimiters.component))
    inside = f"[^{end}]"  # of a segment
    element = f"[^{end}{mark}]"
    begin = f"{end}[\\r\\n]*+"
    return _Patterns(
        line=re.compile(
            f"{begin}LX{mark}{element}+{begin}SV1{mark}HC{part}[A-Z0-9]{{5}}(?:{part}{element}*)?"
            f"{mark}(\\d{{1,12}}(?:\\.\\d{{1,2}})?){mark}{element}*{mark}(\\d{{1,9}}(?:\\.\\d{{1,3}})?)(?:{mark}{inside}*)?"
            f"(?:{begin}(?!LX|SV1|DTP{mark}472|NM1|LIN|SVD|LQ|SBR){inside}*)*?"
            f"{begin}DTP{mark}472{mark}D8{mark}(\\d{{8}})(?={end})",
            re.ASCII,
        ),
        clearinghouse=re.compile(f"(?:(?!NM1|SBR|LX){inside}*{end}[\\r\\n]*+)*?REF{mark}D9{mark}({element}*)"),
        rendering=re.compile(f"{begin}NM1{mark}82{mark}({inside}*)"),
    )


@cache
def _is_date(text: str) -> bool:
    return parse_date(text) is not None


def read_plain(raw: RawClaim) -> PlainClaim | None:
    """Read a claim if it is plain, else give None."""
    if raw.stretch is None or not raw.complete:
        return None
    text, marks = raw.stretch.text, raw.stretch.delimiters
    head = text[: text.find(marks.segment)].split(marks.element)
    lines = _patterns(marks).line.findall(text)
    npis = _rendering_npis(text, marks)
    if npis is None or not _are_all_lines(len(lines), text, marks) or not _is_live(head, marks):
        return None
    charge = _sum([charge for charge, _, _ in lines])
    days = tuple([day for _, _, day in lines])
    if Decimal(head[2]) != charge or not all(map(_is_date, days)):
        return None
    return PlainClaim(
        head[1], charge, len(lines), payer_id_of(raw.subscriber), billing_provider_of(raw.provider), npis, days
    )


def clearinghouse_id_of(raw: RawClaim) -> str:
    """Give the clearinghouse's claim identifier (2300 REF*D9) of a plain claim, "" where it has none."""
    stretch = raw.stretch
    found = _patterns(stretch.delimiters).clearinghouse.match(stretch.text) if stretch is not None else None
    return found[1] if found is not None else ""


def _are_all_lines(count: int, text: str, marks: Delimiters) -> bool:
    """Whether nothing in the text looks like a part of another service line than the `count` that were matched."""
    mark = marks.element
    looks = (f"LX{mark}", f"SV1{mark}", f"DTP{mark}472{mark}")
    return 0 < count <= MAX_LINES and all(text.count(look) == count for look in looks)


def _is_live(head: list[str], marks: Delimiters) -> bool:
    """Whether CLM has a number, a readable charge and a frequency that is not void."""
    place = head[5].split(marks.component) if len(head) > 5 else []
    return bool(len(place) > 2 and place[2].strip() != _VOID and head[1].strip() and _AMOUNT.fullmatch(head[2]))


def _rendering_npis(text: str, marks: Delimiters) -> tuple[str, ...] | None:
    """Give the NPIs of the rendering providers; None where one is named by another identifier."""
    names = [found.split(marks.element) for found in _patterns(marks).rendering.findall(text)]
    if any(len(name) < 8 or name[6].strip() != "XX" for name in names):
        return None
    return tuple(name[7].strip() for name in names)


_AMOUNT = re.compile(r"\d{1,12}(\.\d{1,2})?", re.ASCII)


def _sum(amounts: list[str]) -> Decimal:
    try:
        return Decimal(sum(map(int, amounts)))
    except ValueError:
        return sum(map(Decimal, amounts), Decimal(0))
