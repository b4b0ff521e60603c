"""Read service lines, and the pieces that they share with claims, into the model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache
from typing import Any

import attrs
from attrs import frozen

from scrubber.claims.claim_text import ClaimText, LineText
from scrubber.claims.loops import LINE_NAMES, OPENED_BY_NAMES, Elements, Named, elements_of, split_names
from scrubber.claims.model import Adjudication, LoopText, Note, Provider, ServiceLine
from scrubber.findings.dates import DateRange
from scrubber.x12.lexer import BLANK, cut_elements
from scrubber.x12.segment import Delimiters, Loop, tidy_code, trim
from scrubber.x12.values import parse_number

__all__ = [
    "NOTHING",
    "by_id",
    "element_of",
    "read_adjustments",
    "read_contract_type",
    "read_line",
    "read_notes",
    "read_provider",
    "read_providers",
    "read_reference",
    "read_references",
    "read_text_lines",
]

NOTHING = ("",) * 10
"""What makes a segment as long as its readers want it."""

_IDENTIFIERS = ("0B", "1G", "G2", "LU")
"""What REF may identify a provider by besides a tax number: state license, UPIN, the payer's number, location."""

_OTHER_PROVIDERS = frozenset({"2420B", "2420C", "2420D", "2420E", "2420F"})


@lru_cache(maxsize=1024)
def _read_pointers(text: str, component: str) -> tuple[str, ...]:
    """Read SV107."""
    return tuple([pointer for pointer in map(trim, trim(text).split(component)) if pointer])


@frozen(eq=False)
class _LineParts:
    """A service line taken apart: its own segments by identifier, and the loops in it."""

    own: Mapping[str, Sequence[Elements]]
    named: Named
    delimiters: Delimiters
    adjudicated: Sequence[Loop] = ()

    @property
    def service(self) -> Elements:
        """The identifier and the elements of SV1, "" for those that are absent."""
        return [*self.own["SV1"][0], *NOTHING] if "SV1" in self.own else list(NOTHING)

    @property
    def procedure(self) -> tuple[str, str, tuple[str, ...], str]:
        """What SV101 says."""
        return _read_procedure(self.service[1], self.delimiters.component)


_FIELDS: Mapping[str, Callable[[_LineParts], object]] = {
    "procedure": lambda parts: parts.procedure[1],
    "modifiers": lambda parts: parts.procedure[2],
    "units_text": lambda parts: trim(parts.service[4]),
    "unit_basis": lambda parts: tidy_code(parts.service[3]),
    "charge_text": lambda parts: trim(parts.service[2]),
    "service_dates": lambda parts: _service_dates(parts.own.get("DTP", ())),
    "pointers": lambda parts: _read_pointers(parts.service[7], parts.delimiters.component),
    "procedure_qualifier": lambda parts: parts.procedure[0],
    "description": lambda parts: parts.procedure[3],
    "line_place_of_service": lambda parts: trim(parts.service[5]),
    "line_rendering_provider": lambda parts: read_provider(parts.named, "2420A"),
    "other_providers": lambda parts: read_providers(parts.named, _OTHER_PROVIDERS),
    "assigned_number": lambda parts: element_of(parts.own["LX"][0], 1).strip() if "LX" in parts.own else "",
    "control_number": lambda parts: read_reference(parts.own.get("REF", ()), "6R"),
    "notes": lambda parts: read_notes(parts.own.get("NTE", ())),
    "adjudications": lambda parts: tuple([_adjudication(loop) for loop in parts.adjudicated]),
    "line_contract_type": lambda parts: read_contract_type(parts.own.get("CN1", ())),
}
"""What the fields of a service line are read from."""


def read_line(number: int, loop: Loop, kept: Loop | LoopText) -> ServiceLine:
    """Read a service line from its loop (2400); `kept` is what the line keeps of it: itself, or what makes it again."""
    named = [(inner.id, elements_of(inner)) for inner in loop.loops]
    parts = _LineParts(by_id(elements_of(loop)), named, loop.segments[0].delimiters, loop.children("2430"))
    values: dict[str, Any] = {name: read(parts) for name, read in _FIELDS.items()}
    return ServiceLine(number=number, loop=kept, **values)


class _TextLine(ServiceLine):
    """A service line that reads its text when it is asked for a field, and keeps what it has read.

    No loops are in it but those that names open.
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> object:
        if name not in _FIELDS or not isinstance(self._loop, LineText):
            raise AttributeError(name)
        delimiters = self._loop.claim.delimiters
        own, named = split_names(cut_elements(self._loop.text, delimiters), LINE_NAMES)
        value = _FIELDS[name](_LineParts(by_id(own), named, delimiters))
        object.__setattr__(self, name, value)
        return value


def read_text_lines(text: str, place: int, ordinal: int, whole: ClaimText) -> tuple[ServiceLine, ...] | None:
    """Return service lines that read the text of a claim when asked; None where it takes `read_line` to read one.

    They begin at `place`, with the segment `ordinal`.
    """
    delimiters = whole.delimiters
    opening, at = f"LX{delimiters.element}", place
    found: list[tuple[int, int, list[str]]] = []
    for count, piece in enumerate(text[place:].split(delimiters.segment)[:-1], ordinal):
        own = piece.lstrip(BLANK)
        if own.startswith(opening):
            found.append((at + len(piece) - len(own), count, []))
        if not found:
            return None
        found[-1][2].append(own)
        at += len(piece) + 1
    lines: list[ServiceLine] = []
    for start, count, pieces in found:
        line = _text_line(len(lines) + 1, whole.add_line(start, count), pieces, delimiters)
        if line is None:
            return None
        lines.append(line)
    return tuple(lines)


def _text_line(number: int, text: LineText, segments: Sequence[str], delimiters: Delimiters) -> ServiceLine | None:
    """Make a line that has read what almost every edit asks for; None where names alone do not open its loops."""
    separator = delimiters.element
    service: Elements | None = None
    own: dict[str, list[Elements]] = {"DTP": [], "REF": [], "NTE": []}
    is_named = False
    for segment in segments[1:]:
        name = segment.partition(separator)[0]
        if name == "SV1":
            if service is not None or is_named:
                return None  # it opens another line
            service = segment.split(separator)
        elif name == "NM1":
            is_named = True
        elif name in own:
            if is_named and name == "DTP":
                return None  # it may be the line's, behind a name that opens no loop
            own[name].append(segment.split(separator))
        elif name not in OPENED_BY_NAMES:
            return None
    if service is None or len(service) < _SERVICE:
        return None
    line = _filled(number, text, service, _service_dates(own["DTP"]), delimiters)
    if not is_named:
        keep = object.__setattr__
        keep(line, "line_rendering_provider", None)
        keep(line, "control_number", read_reference(own["REF"], "6R"))
        keep(line, "notes", read_notes(own["NTE"]))
    return line


_SERVICE, _PLACE, _POINTERS = 5, 5, 7
"""How many SV1 and its elements up to the units are; the positions of the place of service and the pointers."""


def _filled(
    number: int, text: LineText, service: Elements, dates: DateRange | None, delimiters: Delimiters
) -> ServiceLine:
    line, keep = _TextLine.__new__(_TextLine), object.__setattr__
    qualifier, procedure, modifiers, description = _read_procedure(service[1], delimiters.component)
    keep(line, "number", number)
    keep(line, "procedure_qualifier", qualifier)
    keep(line, "procedure", procedure)
    keep(line, "modifiers", modifiers)
    keep(line, "description", description)
    keep(line, "charge_text", trim(service[2]))
    keep(line, "unit_basis", tidy_code(service[3]))
    keep(line, "units_text", trim(service[4]))
    keep(line, "line_place_of_service", trim(service[5]) if len(service) > _PLACE else "")
    keep(line, "pointers", _read_pointers(service[7] if len(service) > _POINTERS else "", delimiters.component))
    keep(line, "service_dates", dates)
    keep(line, "_loop", text)
    keep(line, "_claim", None)
    return line


def _read_procedure(text: str, component: str) -> tuple[str, str, tuple[str, ...], str]:
    """Read SV101: the code set, the procedure, its modifiers and its description."""
    # What a line may be described by in words is not kept for the next one.
    return (_read_codes_again if text.count(component) < _DESCRIPTION else _read_codes)(text, component)


_DESCRIPTION = 6
"""The component separators of SV101 in front of SV101-7."""


def _read_codes(text: str, component: str) -> tuple[str, str, tuple[str, ...], str]:
    qualifier, procedure, *modifiers = [*trim(text).split(component), ""]
    tidy = tuple([code for code in map(tidy_code, modifiers[:4]) if code])
    return tidy_code(qualifier), tidy_code(procedure), tidy, modifiers[4] if len(modifiers) > 4 else ""


# The lines of a file share few codes.
_read_codes_again = lru_cache(maxsize=1024)(_read_codes)


def _service_dates(dates: Sequence[Elements]) -> DateRange | None:
    """Read DTP*472; None where there is none, it cannot be read, or several differ."""
    if len(dates) == 1 and len(dates[0]) == _DTP:
        _, qualifier, form, text = dates[0]
        return DateRange.parse(trim(form).upper(), trim(text)) if qualifier == "472" else None
    segments = [[*elements, *NOTHING][:_DTP] for elements in dates]
    stated = {(trim(form).upper(), trim(text)) for _, qualifier, form, text in segments if qualifier == "472"}
    return DateRange.parse(*stated.pop()) if len(stated) == 1 else None


_DTP = 4
"""The identifier of DTP and its elements."""


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


def read_provider(named: Named, kind: str, taxonomy: str = "") -> Provider | None:
    """Read the provider of the loops of one kind, of which the guide allows one; None where there is none.

    The first holds; it is contradicted if another names another provider.  `taxonomy` holds where its loop has no PRV.
    """
    found = [_provider(segments, taxonomy) for loop, segments in named if loop == kind]
    if len(found) > 1 and len({provider.key for provider in found}) > 1:
        return attrs.evolve(found[0], contradicted=True)
    return found[0] if found else None


def read_providers(named: Named, kinds: AbstractSet[str]) -> tuple[Provider, ...]:
    """Read the providers of all loops of these kinds, in file order."""
    return tuple([_provider(segments, "") for loop, segments in named if loop in kinds])


def _provider(segments: Sequence[Elements], taxonomy: str) -> Provider:
    """Read the provider of a loop that begins with NM1."""
    prv = next((elements for elements in segments if elements[0] == "PRV"), None)
    references = [elements for elements in segments if elements[0] == "REF"]
    _, entity, entity_type, last_name, first_name, _, _, _, id_qualifier, identifier, *_ = [*segments[0], *NOTHING]
    return Provider(
        id=trim(identifier),
        id_qualifier=trim(id_qualifier),
        name=last_name,
        first_name=first_name,
        taxonomy=element_of(prv, 3) if prv is not None else taxonomy,
        tax_id=(read_reference(references, "EI") or read_reference(references, "SY")) if references else "",
        references=read_references(references),
        entity=entity,
        entity_type=entity_type.strip(),
    )


def by_id(segments: Iterable[Elements]) -> dict[str, list[Elements]]:
    """Return segments by identifier."""
    found: dict[str, list[Elements]] = {}
    for elements in segments:
        found.setdefault(elements[0], []).append(elements)
    return found


def element_of(elements: Elements, position: int) -> str:
    """Return the element at `position` (from 1) of a segment; "" where it is absent."""
    return elements[position] if position < len(elements) else ""


def read_reference(references: Iterable[Elements], qualifier: str) -> str:
    """Return REF02 of the first REF with that REF01."""
    for elements in references:
        if element_of(elements, 1) == qualifier:
            return element_of(elements, 2)
    return ""


def read_references(references: Sequence[Elements]) -> tuple[str, ...]:
    """Return the identifiers of a provider besides a tax number: "G2:A1" for REF*G2*A1."""
    found = [(kind, read_reference(references, kind).strip()) for kind in _IDENTIFIERS] if references else []
    return tuple([f"{kind}:{text}" for kind, text in found if text])


def read_contract_type(contracts: Sequence[Elements]) -> str:
    """Return CN101 of the first CN1, "" where there is none."""
    return tidy_code(element_of(contracts[0], 1)) if contracts else ""


def read_notes(notes: Iterable[Elements]) -> tuple[Note, ...]:
    """Read NTE segments."""
    return tuple([Note(element_of(elements, 1), element_of(elements, 2)) for elements in notes])


def read_adjustments(loop: Loop) -> Iterator[str]:
    """Yield the adjustments of the CAS segments as group and reason ("CO-45")."""
    for segment in loop.find_all("CAS"):
        for place in range(2, len(segment.elements), 3):
            if segment.get(place):
                yield f"{segment.get(1)}-{segment.get(place)}"
