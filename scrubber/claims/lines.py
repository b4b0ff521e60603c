"""Read service lines, and the pieces that they share with claims, into the model."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import Any

import attrs

from scrubber.claims.model import Adjudication, Note, Provider, ServiceLine
from scrubber.findings.dates import DateRange
from scrubber.x12.lexer import cut_text
from scrubber.x12.segment import Delimiters, Loop, Segment, tidy_code, trim
from scrubber.x12.values import parse_number

__all__ = [
    "read_adjustments",
    "read_contract_type",
    "read_line",
    "read_notes",
    "read_plain_lines",
    "read_provider",
    "read_providers",
    "read_reference",
    "read_references",
]

_IDENTIFIERS = ("0B", "1G", "G2", "LU")
"""What REF may identify a provider by besides a tax number: state license, UPIN, the payer's number, location."""

_OTHER_PROVIDERS = ("2420B", "2420C", "2420D", "2420E", "2420F")


def read_line(number: int, loop: Loop, kept: Loop | Callable[[], Loop]) -> ServiceLine:
    """Read a service line from its loop (2400); `kept` is what the line keeps of it: itself, or what makes it again."""
    named = loop.by_id()
    service, assigned = named.get("SV1"), named.get("LX")
    return ServiceLine(
        **_service(service[0].take(7) if service else [""] * 8, loop.segments[0].delimiters),
        number=number,
        service_dates=_service_dates(named.get("DTP", ())),
        line_rendering_provider=read_provider(loop.children("2420A")),
        line_contract_type=read_contract_type(named.get("CN1", ())),
        other_providers=read_providers(loop, _OTHER_PROVIDERS),
        assigned_number=assigned[0].get(1).strip() if assigned else "",
        control_number=read_reference(named.get("REF", ()), "6R"),
        notes=read_notes(named.get("NTE", ())),
        adjudications=tuple([_adjudication(other) for other in loop.children("2430")]),
        loop=kept,
    )


def read_plain_lines(
    text: str, place: int, ordinal: int, delimiters: Delimiters, add_line: Callable[[int, int], Callable[[], Loop]]
) -> tuple[ServiceLine, ...] | None:
    """Read service lines from their text, as `read_line` does, if each is LX, SV1, DTP*472, REF*6R and notes only.

    They begin at `place`, with the segment `ordinal`.  `add_line` is told where each begins and with which segment, and
    gives what makes its loop when somebody asks for it.  None for lines of any other form.
    """
    pattern = _plain_line(delimiters)
    lines: list[ServiceLine] = []
    while place < len(text):
        found = pattern.match(text, place)
        if found is None:
            return None
        assigned, service, form, dates, control_number, notes = found.groups("")
        number = len(lines) + 1
        lines.append(
            ServiceLine(
                **_service([*f"SV1{delimiters.element}{service}".split(delimiters.element), *[""] * 7][:8], delimiters),
                number=number,
                service_dates=DateRange.parse(trim(form).upper(), trim(dates)),
                assigned_number=assigned.strip(),
                control_number=control_number,
                notes=read_notes(cut_text(notes, 0, 0, delimiters)) if notes else (),
                loop=add_line(place, ordinal),
            )
        )
        ordinal += found[0].count(delimiters.segment)
        place = found.end()
    return tuple(lines)


@cache
def _plain_line(delimiters: Delimiters) -> re.Pattern[str]:
    end, separator = re.escape(delimiters.segment), re.escape(delimiters.element)
    rest, element = f"[^{end}]*+", f"[^{end}{separator}]*+"
    # A regular stretch has at most a line end between its segments.
    close = end if delimiters.segment in "\r\n" else f"{end}[\\r\\n]*+"
    return re.compile(
        f"LX{separator}({element}){rest}{close}"
        f"SV1{separator}({rest}){close}"
        f"DTP{separator}472{separator}({element}){separator}({element}){rest}{close}"
        f"(?:REF{separator}6R{separator}({element}){rest}{close})?"
        f"((?:NTE{separator}{rest}{close})*+)"
    )


def _service(elements: Sequence[str], delimiters: Delimiters) -> dict[str, Any]:
    """Read SV1, given its identifier and seven elements."""
    _, code, charge, basis, units, place, _, pointers = map(trim, elements)
    qualifier, procedure, *modifiers = [*code.split(delimiters.component), ""]
    return {
        "procedure_qualifier": tidy_code(qualifier),
        "procedure": tidy_code(procedure),
        "modifiers": tuple([text for text in map(tidy_code, modifiers[:4]) if text]),
        "description": modifiers[4] if len(modifiers) > 4 else "",
        "charge_text": charge,
        "unit_basis": tidy_code(basis),
        "units_text": units,
        "line_place_of_service": place,
        "pointers": tuple([text for text in map(trim, pointers.split(delimiters.component)) if text]),
    }


def _service_dates(dates: Iterable[Segment]) -> DateRange | None:
    """Read DTP*472; None where there is none, it cannot be read, or several differ."""
    segments = [segment.take(3) for segment in dates]
    stated = {(trim(form).upper(), trim(text)) for _, qualifier, form, text in segments if qualifier == "472"}
    return DateRange.parse(*stated.pop()) if len(stated) == 1 else None


def _adjudication(loop: Loop) -> Adjudication:
    svd = loop.segments[0]
    paid_on = loop.find("DTP", "573")
    return Adjudication(
        payer_id=svd.get(1),
        paid=parse_number(svd.get(2)),
        procedure=tidy_code(svd.get(3, 2)),
        units=parse_number(svd.get(5)),
        bundled_line=svd.get(6),
        adjustments=tuple(read_adjustments(loop)),
        paid_on=paid_on.get(3) if paid_on else "",
    )


def read_provider(loops: Iterable[Loop], taxonomy: str = "") -> Provider | None:
    """Read the provider of the loops of one kind, of which the guide allows one; None where there is none.

    The first holds; it is contradicted if another names another provider.  `taxonomy` holds where its loop has no PRV.
    """
    found = [_provider(loop, taxonomy) for loop in loops]
    if len({provider.key for provider in found}) > 1:
        return attrs.evolve(found[0], contradicted=True)
    return found[0] if found else None


def read_providers(loop: Loop, kinds: Sequence[str]) -> tuple[Provider, ...]:
    """Read the providers of all loops of these kinds directly inside a loop, in file order."""
    return tuple([_provider(inner, "") for inner in loop.loops if inner.id in kinds])


def _provider(loop: Loop, taxonomy: str) -> Provider:
    """Read the provider of a loop that begins with NM1."""
    prv = loop.find("PRV")
    references = loop.find_all("REF")
    _, entity, entity_type, last_name, first_name, _, _, _, id_qualifier, identifier = loop.segments[0].take(9)
    return Provider(
        id=trim(identifier),
        id_qualifier=trim(id_qualifier),
        name=last_name,
        first_name=first_name,
        taxonomy=prv.get(3) if prv else taxonomy,
        tax_id=read_reference(references, "EI") or read_reference(references, "SY"),
        references=read_references(references),
        entity=entity,
        entity_type=entity_type.strip(),
    )


def read_reference(references: Iterable[Segment], qualifier: str) -> str:
    """Return REF02 of the first REF with that REF01."""
    return next((segment.get(2) for segment in references if segment.get(1) == qualifier), "")


def read_references(references: Sequence[Segment]) -> tuple[str, ...]:
    """Return the identifiers of a provider besides a tax number: "G2:A1" for REF*G2*A1."""
    found = [(kind, read_reference(references, kind).strip()) for kind in _IDENTIFIERS] if references else []
    return tuple([f"{kind}:{text}" for kind, text in found if text])


def read_contract_type(contracts: Iterable[Segment]) -> str:
    """Return CN101 of the first CN1, "" where there is none."""
    return next((tidy_code(segment.get(1)) for segment in contracts), "")


def read_notes(notes: Iterable[Segment]) -> tuple[Note, ...]:
    """Read NTE segments."""
    return tuple([Note(segment.get(1), segment.get(2)) for segment in notes])


def read_adjustments(loop: Loop) -> Iterator[str]:
    """Yield the adjustments of the CAS segments as group and reason ("CO-45")."""
    for segment in loop.find_all("CAS"):
        for place in range(2, len(segment.elements), 3):
            if segment.get(place):
                yield f"{segment.get(1)}-{segment.get(place)}"
