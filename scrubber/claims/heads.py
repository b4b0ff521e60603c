"""Read what a claim says in front of its service lines into the model, or when it is asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from attrs import frozen

from scrubber.claims.claim_text import ClaimText
from scrubber.claims.levels import billing_provider_of, dependent_of, insured_of, payer_of
from scrubber.claims.lines import (
    NOTHING,
    by_id,
    read_adjustments,
    read_contract_type,
    read_notes,
    read_provider,
    read_providers,
    read_reference,
    read_text_lines,
)
from scrubber.claims.loops import CLAIM_NAMES, OPENED_BY_NAMES, Elements, Named, elements_of, split_names
from scrubber.claims.model import Claim, Diagnosis, OtherSubscriber, Payer
from scrubber.claims.raw_claim import Level, RawClaim
from scrubber.x12.lexer import cut_elements
from scrubber.x12.segment import Delimiters, Loop, trim
from scrubber.x12.values import parse_number

__all__ = ["HEAD_FIELDS", "HeadParts", "inherited", "read_clm", "text_claim"]

_OTHER_PROVIDERS = frozenset({"2310A", "2310C", "2310D"})


@frozen(eq=False)
class HeadParts:
    """A claim without its lines, taken apart: its own segments by identifier, and the loops in it."""

    own: Mapping[str, Sequence[Elements]]
    named: Named
    delimiters: Delimiters
    coverages: Sequence[Loop] = ()

    @classmethod
    def of_loop(cls, loop: Loop, delimiters: Delimiters) -> HeadParts:
        """Take loop 2300 apart."""
        named = [(inner.id, elements_of(inner)) for inner in loop.loops if inner.id != "2400"]
        return cls(by_id(elements_of(loop)), named, delimiters, loop.children("2320"))


HEAD_FIELDS: Mapping[str, Callable[[HeadParts], object]] = {
    "diagnoses": lambda parts: _diagnoses(parts.own.get("HI", ()), parts.delimiters),
    "rendering_provider": lambda parts: read_provider(parts.named, "2310B"),
    "other_providers": lambda parts: read_providers(parts.named, _OTHER_PROVIDERS),
    "contract_type": lambda parts: read_contract_type(parts.own.get("CN1", ())),
    "notes": lambda parts: read_notes(parts.own.get("NTE", ())),
    "other_subscribers": lambda parts: tuple([_other_subscriber(loop) for loop in parts.coverages]),
    "clearinghouse_id": lambda parts: read_reference(parts.own.get("REF", ()), "D9"),
    "original_reference": lambda parts: read_reference(parts.own.get("REF", ()), "F8"),
}
"""What the fields of a claim are read from, but those of CLM."""


def inherited(subscriber: Level | None, patient: Level | None) -> dict[str, Any]:
    """Return what a claim inherits from the levels of its subscriber and patient."""
    insured = insured_of(subscriber)
    return {
        "subscriber": insured.person,
        "payer": insured.payer,
        "responsibility": insured.responsibility,
        "filing_indicator": insured.filing_indicator,
        "billing_references": insured.billing_references,
        "dependent": dependent_of(patient),
    }


def read_clm(clm: Elements, delimiters: Delimiters) -> dict[str, str]:
    """Read CLM."""
    _, number, charge, _, _, place, *_ = [*clm, *NOTHING]
    place_of_service, _, frequency, *_ = [*place.split(delimiters.component), "", ""]
    return {
        "control_number": number,
        "charge_text": trim(charge),
        "place_of_service": trim(place_of_service),
        "frequency": trim(frequency),
    }


_ABSENT: Mapping[str, tuple[str, object]] = {"notes": ("NTE", ()), "contract_type": ("CN1", "")}
"""What fields are where their segment is nowhere in front of the service lines."""


class _TextClaim(Claim):
    """A claim that reads its text when it is asked for a field, and keeps what it has read."""

    __slots__ = ("_delimiters", "_head")
    _delimiters: Delimiters
    _head: str  # the text in front of the service lines

    def __getattr__(self, name: str) -> object:
        if name not in HEAD_FIELDS:
            raise AttributeError(name)
        own, named = split_names(cut_elements(self._head, self._delimiters), CLAIM_NAMES)
        value = HEAD_FIELDS[name](HeadParts(by_id(own), named, self._delimiters))
        object.__setattr__(self, name, value)
        return value


def text_claim(raw: RawClaim) -> Claim | None:
    """Return a claim that reads its text when asked; None where something else than names and LX opens loops in it."""
    stretch = raw.stretch
    if stretch is None:
        return None
    delimiters = stretch.delimiters
    first = _first_line(delimiters).match(stretch.text)
    if first is None:
        return None
    text, end = ClaimText(stretch), first.end()
    ordinal = stretch.ordinal + stretch.text.count(delimiters.segment, 0, end)
    lines = read_text_lines(stretch.text, end, ordinal, text)
    if lines is None:
        return None
    claim, keep = _TextClaim.__new__(_TextClaim), object.__setattr__
    clm = stretch.text.partition(delimiters.segment)[0].split(delimiters.element)
    for name, value in (read_clm(clm, delimiters) | inherited(raw.subscriber, raw.patient)).items():
        keep(claim, name, value)
    for line in lines:
        keep(line, "_claim", claim)
    keep(claim, "lines", lines)
    keep(claim, "billing_provider", billing_provider_of(raw.provider))
    keep(claim, "ordinal", raw.ordinal)
    keep(claim, "transaction", raw.transaction)
    keep(claim, "complete", raw.complete)
    keep(claim, "alone", False)  # noqa: FBT003 - a field
    keep(claim, "_loop", text)
    keep(claim, "_answers", {})
    keep(claim, "_delimiters", delimiters)
    keep(claim, "_head", head := stretch.text[:end])
    keep(claim, "other_subscribers", ())  # SBR would open a loop
    for name, (segment_id, absent) in _ABSENT.items():
        if segment_id not in head:
            keep(claim, name, absent)
    return claim


@cache
def _first_line(delimiters: Delimiters) -> re.Pattern[str]:
    """Match a claim up to its first LX where nothing in front of it opens a loop but names."""
    end, separator = re.escape(delimiters.segment), re.escape(delimiters.element)
    ids = "|".join(sorted(OPENED_BY_NAMES))
    return re.compile(
        f"CLM{separator}[^{end}]*+{end}[\\r\\n]*+(?:(?:{ids}){separator}[^{end}]*+{end}[\\r\\n]*+)*+(?=LX{separator})"
    )


def _diagnoses(lists: Sequence[Elements], delimiters: Delimiters) -> tuple[Diagnosis, ...]:
    """Read the HI that begins with a principal diagnosis: ABK (ICD-10-CM) or BK (ICD-9-CM)."""
    for elements in lists:
        pairs = [element.split(delimiters.component) for element in elements[1:]]
        if pairs and pairs[0][0] in {"ABK", "BK"}:
            return tuple([Diagnosis(pair[0], trim(pair[1]) if len(pair) > 1 else "") for pair in pairs])
    return ()


def _other_subscriber(loop: Loop) -> OtherSubscriber:
    payer = loop.child("2330B")
    paid = loop.find("AMT", "D")
    return OtherSubscriber(
        responsibility=loop.segments[0].get(1),
        payer=payer_of(payer.segments[0].elements) if payer is not None else Payer(),
        paid=parse_number(paid.get(2)) if paid else None,
        adjustments=tuple(read_adjustments(loop)),
    )
