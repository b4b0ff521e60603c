"""Read the levels above claims into the model: once a level, for the claims under it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import field, frozen

from scrubber.claims.lines import NOTHING, element_of, read_provider, read_references
from scrubber.claims.loops import LEVEL_NAMES, Elements, Named, split_names
from scrubber.claims.model import Payer, Person, Provider
from scrubber.claims.raw_claim import Level
from scrubber.x12.lexer import cut_elements
from scrubber.x12.segment import tidy_code

__all__ = ["Insured", "billing_provider_of", "dependent_of", "insured_of", "payer_of"]


def billing_provider_of(level: Level | None) -> Provider:
    """Read the billing provider of its level (2000A)."""
    if level is None:
        return Provider()
    if level.built is None:
        own, named = split_names(_elements_of(level), LEVEL_NAMES)
        prv = _first(own, "PRV")
        taxonomy = element_of(prv, 3) if prv is not None else ""
        level.built = read_provider(named, "2010AA", taxonomy) or Provider(taxonomy=taxonomy)
    return level.built  # type: ignore[return-value]


@frozen
class Insured:
    """What a subscriber level (2000B) says: the subscriber, the destination payer, SBR01, SBR09 and 2010BB REF."""

    person: Person = field(factory=Person)
    payer: Payer = field(factory=Payer)
    responsibility: str = field(default="", repr=False)
    filing_indicator: str = field(default="", repr=False)
    billing_references: tuple[str, ...] = field(default=(), repr=False)


def insured_of(level: Level | None) -> Insured:
    """Read a subscriber level."""
    if level is None:
        return Insured()
    if level.built is None:
        own, named = split_names(_elements_of(level), LEVEL_NAMES)
        coverage, destination = _first(own, "SBR"), _loop(named, "2010BB")
        level.built = Insured(
            _person(_loop(named, "2010BA")),
            payer_of(destination[0]) if destination else Payer(),
            tidy_code(element_of(coverage, 1)) if coverage is not None else "",
            tidy_code(element_of(coverage, 9)) if coverage is not None else "",
            read_references([elements for elements in destination if elements[0] == "REF"]),
        )
    return level.built  # type: ignore[return-value]


def dependent_of(level: Level | None) -> Person | None:
    """Read the patient of a patient level (2000C)."""
    if level is None:
        return None
    if level.built is None:
        level.built = _person(_loop(split_names(_elements_of(level), LEVEL_NAMES)[1], "2010CA"))
    return level.built  # type: ignore[return-value]


def payer_of(name: Elements) -> Payer:
    """Read the payer of a name (NM1)."""
    return Payer(element_of(name, 9).strip(), element_of(name, 3))


def _elements_of(level: Level) -> list[Elements]:
    """Return the segments of a level."""
    if level.stretch is not None:
        return cut_elements(level.stretch.text, level.stretch.delimiters)
    return [[segment.id, *segment.elements[1:]] for segment in level.segments]


def _loop(named: Named, kind: str) -> list[Elements]:
    """Return the segments of the first loop of that kind, none if there is none."""
    for loop, segments in named:
        if loop == kind:
            return segments
    return []


def _first(segments: Iterable[Elements], segment_id: str) -> Elements | None:
    return next((elements for elements in segments if elements[0] == segment_id), None)


def _person(loop: Sequence[Elements]) -> Person:
    if not loop:
        return Person()
    demographics = _first(loop, "DMG")
    _, _, _, last_name, first_name, middle_name, _, _, _, member_id, *_ = [*loop[0], *NOTHING]
    return Person(
        last_name=last_name,
        first_name=first_name,
        middle_name=middle_name,
        member_id=member_id,
        birth_date=element_of(demographics, 2) if demographics is not None else "",
        sex=element_of(demographics, 3) if demographics is not None else "",
    )
