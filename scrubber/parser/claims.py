"""Read the segments of a claim into the model."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Protocol

from attrs import frozen

from scrubber.model import (
    Adjudication,
    Claim,
    DateRange,
    Diagnosis,
    Note,
    OtherSubscriber,
    Payer,
    Person,
    Provider,
    ServiceLine,
    TransactionSet,
    parse_number,
    patient_key,
)
from scrubber.parser.events import Level, RawClaim
from scrubber.parser.loops import claim_loops, level_loops
from scrubber.parser.segments import Stretch, cut_slice
from scrubber.x12 import Delimiters, Loop, Segment, tidy_code

__all__ = ["ClaimPlace", "RawClaim", "build_claim", "patient_key_of", "place_of", "reopen"]


def build_claim(raw: RawClaim) -> Claim:
    """Read one claim.  Nothing is refused: what cannot be read is kept as text and reads as None."""
    loop = claim_loops(raw.segments)
    clm = loop.segments[0]
    subscriber, payer = _subscriber(raw.subscriber)
    rendering = loop.child("2310B")
    return Claim(
        control_number=clm.get(1),
        lines=tuple(_line(number, line) for number, line in enumerate(loop.children("2400"), 1)),
        charge_text=clm.get(2).strip(),
        place_of_service=clm.get(5, 1).strip(),
        frequency=clm.get(5, 3).strip(),
        diagnoses=_diagnoses(loop),
        billing_provider=billing_provider_of(raw.provider),
        rendering_provider=_provider(rendering) if rendering else None,
        subscriber=subscriber,
        dependent=_dependent(raw.patient),
        payer=payer,
        notes=_notes(loop),
        other_subscribers=tuple(_other_subscriber(other) for other in loop.children("2320")),
        clearinghouse_id=_reference(loop, "D9"),
        original_reference=_reference(loop, "F8"),
        ordinal=raw.ordinal,
        transaction=raw.transaction,
        loop=loop,
        complete=raw.complete,
    )


@frozen(eq=False)
class ClaimPlace:
    """Where a claim and its levels stand in the input, so that it can be read again without the rest of the file."""

    ordinal: int
    delimiters: Delimiters
    levels: tuple[tuple[int, int, int, str] | None, ...]
    claim: tuple[int, int, int]
    transaction: TransactionSet
    complete: bool


def place_of(raw: RawClaim) -> ClaimPlace:
    """Give the place of a claim, for `reopen`."""
    levels = (raw.provider, raw.subscriber, raw.patient)
    return ClaimPlace(
        ordinal=raw.ordinal,
        delimiters=raw.delimiters,
        levels=tuple(_extent(level) if level else None for level in levels),
        claim=(raw.start, raw.end, raw.stretch.ordinal if raw.stretch else raw.segments[0].ordinal),
        transaction=raw.transaction,
        complete=raw.complete,
    )


class Readable(Protocol):
    """Gives bytes of an input."""

    def read(self, offset: int, length: int) -> bytes:
        """Give up to `length` bytes from `offset`."""


def reopen(source: Readable, place: ClaimPlace) -> Claim:
    """Read the claim at `place` again."""

    def cut(extent: tuple[int, int, int]) -> list[Segment]:
        start, end, ordinal = extent
        data = source.read(start, end - start)
        terminator = place.delimiters.segment.encode("latin-1")
        if not data.endswith(terminator):  # the last segment of a truncated file
            data += terminator
        return cut_slice(data, start, ordinal, place.delimiters)

    def level(extent: tuple[int, int, int, str] | None) -> Level | None:
        if extent is None:
            return None
        segments = cut(extent[:3])
        opened = Level(segments[0], extent[3])
        opened.segments.extend(segments[1:])
        return opened

    segments = cut(place.claim)
    provider, subscriber, patient = map(level, place.levels)
    return build_claim(
        RawClaim(
            place.ordinal,
            segments[0].offset,
            segments[-1].end,
            len(segments),
            provider,
            subscriber,
            patient,
            place.transaction,
            complete=place.complete,
            cut=segments,
        )
    )


def patient_key_of(raw: RawClaim) -> tuple[str, ...]:
    """Give `Claim.patient_key` without reading the claim itself."""
    level = raw.subscriber
    if raw.patient is None and level is not None and level.built is None and level.stretch is not None:
        member = _name_in(level.stretch, "IL")[6:7]
        if member and (known := member[0].strip().upper()):
            return (payer_id_of(level), known)
    subscriber, payer = _subscriber(level)
    return patient_key(payer, subscriber, _dependent(raw.patient))


def payer_id_of(level: Level | None) -> str:
    """Give the payer identifier of a subscriber level (2010BB NM109) without reading the rest of it."""
    if level is None or level.built is not None or level.stretch is None:
        return _subscriber(level)[1].id
    return "".join(_name_in(level.stretch, "PR")[6:7]).strip()


def _name_in(stretch: Stretch, entity: str) -> list[str]:
    """Give the elements from NM103 on of the first name (NM1) of that entity in a level; nothing if there is none."""
    found = _name_pattern(stretch.delimiters, entity).search(stretch.text)
    return found[1].split(stretch.delimiters.element) if found else []


@cache
def _name_pattern(delimiters: Delimiters, entity: str) -> re.Pattern[str]:
    end, mark = re.escape(delimiters.segment), re.escape(delimiters.element)
    return re.compile(f"{end}[\\r\\n]*+NM1{mark}{entity}{mark}[^{mark}{end}]*{mark}([^{end}]*)")


def _extent(level: Level) -> tuple[int, int, int, str]:
    stretch = level.stretch
    if stretch is not None:
        return stretch.offset, stretch.end, stretch.ordinal, level.loop
    segments = level.segments
    return segments[0].offset, segments[-1].end, segments[0].ordinal, level.loop


# -- levels above the claim: read once, shared by the claims under them ---------------------------------------------


def billing_provider_of(level: Level | None) -> Provider:
    """Read the billing provider of its level (2000A)."""
    if level is None:
        return Provider()
    if level.built is None:
        loop = level_loops(level.loop, level.segments)
        name = loop.child("2010AA")
        prv = loop.find("PRV")
        level.built = _provider(name or Loop("2010AA"), taxonomy=prv.get(3) if prv else "")
    return level.built  # type: ignore[return-value]


def _subscriber(level: Level | None) -> tuple[Person, Payer]:
    if level is None:
        return Person(), Payer()
    if level.built is None:
        loop = level_loops(level.loop, level.segments)
        payer = _name(loop.child("2010BB"))
        level.built = (
            _person(loop.child("2010BA")),
            Payer(payer.get(9).strip(), payer.get(3)) if payer else Payer(),
        )
    return level.built  # type: ignore[return-value]


def _dependent(level: Level | None) -> Person | None:
    if level is None:
        return None
    if level.built is None:
        level.built = _person(level_loops(level.loop, level.segments).child("2010CA"))
    return level.built  # type: ignore[return-value]


def _name(loop: Loop | None) -> Segment | None:
    return loop.find("NM1") if loop is not None else None


def _person(loop: Loop | None) -> Person:
    name = _name(loop)
    if loop is None or name is None:
        return Person()
    demographics = loop.find("DMG")
    return Person(
        last_name=name.get(3),
        first_name=name.get(4),
        middle_name=name.get(5),
        member_id=name.get(9),
        birth_date=demographics.get(2) if demographics else "",
        sex=demographics.get(3) if demographics else "",
    )


def _provider(loop: Loop, taxonomy: str = "") -> Provider:
    name = loop.find("NM1")
    if name is None:
        return Provider(taxonomy=taxonomy)
    prv = loop.find("PRV")
    return Provider(
        id=name.get(9).strip(),
        id_qualifier=name.get(8).strip(),
        name=name.get(3),
        first_name=name.get(4),
        taxonomy=prv.get(3) if prv else taxonomy,
        tax_id=_reference(loop, "EI") or _reference(loop, "SY"),
    )


# -- the claim ------------------------------------------------------------------------------------------------------


def _reference(loop: Loop, qualifier: str) -> str:
    segment = loop.find("REF", qualifier)
    return segment.get(2) if segment else ""


def _notes(loop: Loop) -> tuple[Note, ...]:
    return tuple(Note(segment.get(1), segment.get(2)) for segment in loop.find_all("NTE"))


def _diagnoses(loop: Loop) -> tuple[Diagnosis, ...]:
    """Read the HI that begins with a principal diagnosis: ABK (ICD-10-CM) or BK (ICD-9-CM)."""
    for segment in loop.find_all("HI"):
        if segment.get(1, 1) in {"ABK", "BK"}:
            pairs = (segment.components(place) for place in range(1, len(segment.elements)))
            return tuple(Diagnosis(pair[0], pair[1].strip() if len(pair) > 1 else "") for pair in pairs)
    return ()


def _other_subscriber(loop: Loop) -> OtherSubscriber:
    payer = _name(loop.child("2330B"))
    paid = loop.find("AMT", "D")
    return OtherSubscriber(
        responsibility=loop.segments[0].get(1),
        payer=Payer(payer.get(9).strip(), payer.get(3)) if payer else Payer(),
        paid=parse_number(paid.get(2)) if paid else None,
        adjustments=tuple(_adjustments(loop)),
    )


def _adjustments(loop: Loop) -> Iterator[str]:
    """Yield the adjustments of the CAS segments as group and reason ("CO-45")."""
    for segment in loop.find_all("CAS"):
        for place in range(2, len(segment.elements), 3):
            if segment.get(place):
                yield f"{segment.get(1)}-{segment.get(place)}"


# -- the service line -----------------------------------------------------------------------------------------------


def _line(number: int, loop: Loop) -> ServiceLine:
    sv1 = loop.find("SV1")
    dates = loop.find("DTP", "472")
    assigned = loop.find("LX")
    rendering = loop.child("2420A")
    marks = loop.segments[0].delimiters
    elements = [*(text.strip() for text in (sv1.elements if sv1 else ())), *[""] * 8]
    procedure = [*elements[1].split(marks.component), *[""] * 7]
    return ServiceLine(
        number=number,
        procedure_qualifier=tidy_code(procedure[0]),
        procedure=tidy_code(procedure[1]),
        modifiers=tuple([text for text in map(tidy_code, procedure[2:6]) if text]),
        description=procedure[6],
        charge_text=elements[2],
        unit_basis=tidy_code(elements[3]),
        units_text=elements[4],
        line_place_of_service=elements[5],
        pointers=tuple([text for text in map(str.strip, elements[7].split(marks.component)) if text]),
        service_dates=DateRange.parse(dates.get(2).strip().upper(), dates.get(3).strip()) if dates else None,
        line_rendering_provider=_provider(rendering) if rendering else None,
        assigned_number=assigned.get(1).strip() if assigned else "",
        control_number=_reference(loop, "6R"),
        notes=_notes(loop),
        adjudications=tuple(_adjudication(other) for other in loop.children("2430")),
        loop=loop,
    )


def _adjudication(loop: Loop) -> Adjudication:
    svd = loop.segments[0]
    paid_on = loop.find("DTP", "573")
    return Adjudication(
        payer_id=svd.get(1),
        paid=parse_number(svd.get(2)),
        procedure=tidy_code(svd.get(3, 2)),
        units=parse_number(svd.get(5)),
        bundled_line=svd.get(6),
        adjustments=tuple(_adjustments(loop)),
        paid_on=paid_on.get(3) if paid_on else "",
    )
