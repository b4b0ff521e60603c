"""Mutants of regular 837P files: most of their claims stay regular, and what is billed on them is nearly right.

A seed is one file, the same each time.  What `damages` does to envelopes happens to a few of them too.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from itertools import pairwise

from scrubber.x12.segment import Delimiters
from tests.support.damages import DAMAGES, Segments, places
from tests.support.shapes import LINE_ENDS, MARKS
from tests.support.ultrasound_files import (
    DIAGNOSES,
    PLACES,
    RENDERERS,
    RETIRED,
    ULTRASOUND,
    billable_rows,
    draw_note,
    draw_segments,
    modifiers,
    primaries,
    with_counts,
    written,
)

__all__ = ["COMMON", "MUTATIONS", "drawn_file", "mutant"]

Mutation = Callable[[random.Random, Segments], None]

COMMON = Delimiters("*", ":", "^", "~")
_DAY = date(2024, 8, 5)
_NUMBERS_OF_CHANGES = (0, 1, 1, 1, 2, 2, 3, 5)
_VALUES = (
    *("", " ", "X", "ZZ", "0", "-3", "2", "1.5", "999999", "8", "50", "LT", "1:2:9", "9", ":", "UN", "MJ", "12.50"),
    *("20240801", "20250101", "20160101", "20151231", "20240230", "20261130", "RD8", "11:B:7", "11:B:8", "22:B:1"),
    *("", "37252", "37253", "99213", "HC:37252", "HC:37253:59", "HC:37252:LT:LT", "HC:37191", "HC:36005", "ER:37252"),
    *("1234567890", "1999999984", "000000000A", "ABK:I871", "BK:4439"),
)


def drawn_file(seed: int) -> bytes:
    """Return the regular file of a seed, unchanged."""
    return written(with_counts(draw_segments(_chance("file", seed))), COMMON, "\n")


def mutant(seed: int) -> bytes:
    """Return the mutant of a seed."""
    chance = _chance("mutant", seed)
    segments = draw_segments(chance)
    for _ in range(chance.choice(_NUMBERS_OF_CHANGES)):
        chance.choices(MUTATIONS, _WEIGHTS)[0](chance, segments)
    if chance.random() < 0.8:
        _balance(segments)
    if chance.random() < 0.97:
        segments = with_counts(segments)
    if chance.random() < 0.03:
        chance.choice(DAMAGES)(chance.choice, segments)
    is_common = chance.random() < 0.7
    delimiters = COMMON if is_common else chance.choice(MARKS)
    return written(segments, delimiters, "" if delimiters.segment == "\n" else chance.choice(LINE_ENDS))


def _chance(kind: str, seed: int) -> random.Random:
    return random.Random(f"{kind} {seed}")


def _balance(segments: Segments) -> None:
    """Number the lines of each claim and add their charges up again, so that not all is lost by the first change."""
    claim: list[str] | None = None
    total, number = 0, 0
    for segment in segments:
        if segment[0] == "CLM":
            claim, total, number = segment, 0, 0
        elif segment[0] == "LX":
            number += 1
            segment[1:2] = [str(number)]
        elif segment[0] == "SV1" and claim is not None and len(claim) > 2:
            total += int(segment[2]) if len(segment) > 2 and segment[2].isdigit() else 0
            claim[2] = str(total)


# -- places ------------------------------------------------------------------------------------------------------------


def _of_claims(segments: Segments) -> range:
    """Return the places from the first hierarchical level to the trailer of the transaction set."""
    first = next(iter(places(segments, "HL")), 0)
    return range(first, next(iter(places(segments, "SE")), len(segments)))


def _spans(segments: Segments, first: str, *others: str) -> list[tuple[int, int]]:
    """Return the places from each segment `first` to the next of its kind or of the others."""
    ends = places(segments, first, *others, "HL", "SE")
    return [(start, end) for start, end in pairwise(ends) if segments[start][0] == first]


def _lines(segments: Segments) -> list[tuple[int, int]]:
    return _spans(segments, "LX", "CLM")


def _one(chance: random.Random, segments: Segments, *names: str) -> list[str] | None:
    found = places(segments, *names)
    return segments[chance.choice(found)] if found else None


def _set(segment: list[str], element: int, value: str) -> None:
    segment += [""] * (element + 1 - len(segment))
    segment[element] = value


def _set_one(name: str, element: int, values: Callable[[random.Random], str]) -> Mutation:
    """Return the mutation that sets an element of one of the segments of a name."""

    def change(chance: random.Random, segments: Segments) -> None:
        if (segment := _one(chance, segments, name)) is not None:
            _set(segment, element, values(chance))

    return change


def _any_of(*values: str) -> Callable[[random.Random], str]:
    return lambda chance: chance.choice(values)


# -- segments ----------------------------------------------------------------------------------------------------------


def _delete(chance: random.Random, segments: Segments) -> None:
    if found := _of_claims(segments):
        del segments[chance.choice(found)]


def _double(chance: random.Random, segments: Segments) -> None:
    if found := _of_claims(segments):
        at = chance.choice(found)
        segments.insert(at, list(segments[at]))


def _swap(chance: random.Random, segments: Segments) -> None:
    if found := _of_claims(segments)[:-1]:
        at = chance.choice(found)
        segments[at : at + 2] = [segments[at + 1], segments[at]]


def _move(chance: random.Random, segments: Segments) -> None:
    if len(found := _of_claims(segments)) > 1:
        segments.insert(chance.choice(found[:-1]), segments.pop(chance.choice(found)))


def _copy(chance: random.Random, segments: Segments) -> None:
    """Copy a segment of a claim to anywhere in another one."""
    if found := _of_claims(segments):
        segments.insert(chance.choice(found), list(segments[chance.choice(found)]))


def _delete_line(chance: random.Random, segments: Segments) -> None:
    if found := _lines(segments):
        start, end = chance.choice(found)
        del segments[start:end]


def _copy_line(chance: random.Random, segments: Segments) -> None:
    """Bill a line again behind the last line of any claim, its own among them."""
    if found := _lines(segments):
        start, end = chance.choice(found)
        _, at = chance.choice(found)
        segments[at:at] = [list(segment) for segment in segments[start:end]]


def _copy_claim(chance: random.Random, segments: Segments) -> None:
    if found := _spans(segments, "CLM"):
        start, end = chance.choice(found)
        again = [list(segment) for segment in segments[start:end]]
        if chance.random() < 0.5:
            again[0][1] += "R"
        segments[end:end] = again


def _value_of_another(chance: random.Random, segments: Segments) -> None:
    """Take over an element of a segment of the same name."""
    at = chance.choice(_of_claims(segments) or range(1))
    other = segments[chance.choice(places(segments, segments[at][0]))]
    element = chance.randrange(1, max(len(segments[at]), 2))
    if element < len(other):
        _set(segments[at], element, other[element])


def _any_value(chance: random.Random, segments: Segments) -> None:
    at = chance.choice(_of_claims(segments) or range(1))
    if len(segments[at]) > 1:
        segments[at][chance.randrange(1, len(segments[at]))] = chance.choice(_VALUES)


def _blank(chance: random.Random, segments: Segments) -> None:
    """Put a blank in front of an element or behind it, or of its parts."""
    at = chance.choice(_of_claims(segments) or range(1))
    if len(segments[at]) > 1:
        element = chance.randrange(1, len(segments[at]))
        form = chance.choice((" {}", "{} ", "{}  "))
        parts = segments[at][element].split(":")
        part = chance.randrange(len(parts))
        parts[part] = form.format(parts[part])
        segments[at][element] = ":".join(parts)


def _lower(chance: random.Random, segments: Segments) -> None:
    if (segment := _one(chance, segments, "SV1", "CLM", "HI", "DTP", "NM1")) is not None and len(segment) > 1:
        element = chance.randrange(1, len(segment))
        segment[element] = segment[element].lower()


# -- what is billed ----------------------------------------------------------------------------------------------------


def _modify(chance: random.Random, segments: Segments) -> None:
    """Add a modifier to a line, in front of its others or behind them, or take one away."""
    if (segment := _one(chance, segments, "SV1")) is not None and len(segment) > 1:
        parts = segment[1].split(":")
        if len(parts) > 2 and chance.random() < 0.3:
            del parts[chance.randrange(2, len(parts))]
        else:
            modifier = chance.choice(modifiers())
            parts.insert(chance.randint(2, max(len(parts), 2)), modifier.lower() if chance.random() < 0.1 else modifier)
        segment[1] = ":".join(parts)


def _set_procedure(choose: Callable[[random.Random], str]) -> Mutation:
    """Return the mutation that bills another procedure on a line, with the modifiers that are there."""

    def change(chance: random.Random, segments: Segments) -> None:
        if (segment := _one(chance, segments, "SV1")) is not None and len(segment) > 1:
            set_, _, *rest = [*segment[1].split(":"), ""][: max(segment[1].count(":") + 1, 2)]
            segment[1] = ":".join((set_, choose(chance), *rest))

    return change


def _of_any_table(chance: random.Random) -> str:
    return chance.choice(chance.choice(chance.choice(tuple(billable_rows().values()))).codes)


def _of_ultrasound(chance: random.Random) -> str:
    return chance.choice((*ULTRASOUND * 4, *RETIRED))


def _another_primary(chance: random.Random) -> str:
    return chance.choice(primaries(_DAY))


def _describe(chance: random.Random, segments: Segments) -> None:
    """Name vessels in SV101-7."""
    if (segment := _one(chance, segments, "SV1")) is not None and len(segment) > 1:
        parts = segment[1].split(":")
        segment[1] = ":".join([*parts, *[""] * (6 - len(parts)), draw_note(chance)])


def _shift(chance: random.Random, segments: Segments) -> None:
    """Move a date of service by a day or to another quarter or year, or make a span of it."""
    segment = _one(chance, segments, "DTP")
    if segment is None or len(segment) < 4 or not segment[3].isdigit() or len(segment[3]) != 8:
        return
    try:
        day = date(int(segment[3][:4]), int(segment[3][4:6]), int(segment[3][6:]))
    except ValueError:
        return
    moved = day + timedelta(days=chance.choice((-1, 1, -1, 1, 2, -91, 91, -365, 365, 730)))
    if chance.random() < 0.4:
        last = day + timedelta(days=chance.choice((0, 1, 1, 2, 31, -1)))
        segment[2:] = ["RD8", f"{day:%Y%m%d}-{last:%Y%m%d}"]
    else:
        segment[3] = f"{moved:%Y%m%d}"


def _date_of_a_row(chance: random.Random, segments: Segments) -> None:
    """Bill all lines of a claim on a day around the beginning or the end of a row of a table."""
    days = chance.choice(chance.choice(tuple(billable_rows().values()))).days
    spans = _spans(segments, "CLM")
    if days and spans:
        day = f"{chance.choice(days):%Y%m%d}"
        for segment in segments[slice(*chance.choice(spans))]:
            if segment[:2] == ["DTP", "472"]:
                segment[2:] = ["D8", day]


def _note(chance: random.Random, segments: Segments) -> None:
    """Put a note in front of a segment of a claim or line."""
    if found := places(segments, "HI", "NM1", "REF", "LX", "CLM"):
        code = chance.choice(("ADD", "ADD", "TPO", "DCP"))
        segments.insert(chance.choice(found) + chance.randrange(2), ["NTE", code, draw_note(chance)])


def _render(chance: random.Random, segments: Segments) -> None:
    """Name a rendering or referring provider on a claim or on a line."""
    provider = ["NM1", chance.choice(("82", "82", "82", "DN", "DK")), "1", "TESTDOCTOR", "PAT", "", "", "", "XX"]
    provider.append(chance.choice((*RENDERERS, "1234567893", "1234567890", "")))
    if found := (_lines(segments) if chance.random() < 0.7 else _spans(segments, "CLM", "LX")):
        segments.insert(chance.choice(found)[1], provider)


def _name_another(chance: random.Random, segments: Segments) -> None:
    """Name a provider again behind itself, or another one in the same place."""
    if found := [place for place in places(segments, "NM1") if segments[place][1:2] in (["82"], ["85"])]:
        at = chance.choice(found)
        segments.insert(at, [*segments[at][:9], chance.choice((*RENDERERS, *segments[at][9:10]))])


def _same_patient(chance: random.Random, segments: Segments) -> None:
    """Bill the claims of two subscribers as one patient's."""
    found = [segment for segment in segments if segment[:2] == ["NM1", "IL"]]
    if len(found) > 1:
        one, other = chance.sample(found, 2)
        one[:] = list(other)


def _another_person(chance: random.Random, segments: Segments) -> None:
    """Change the name or birth date of a patient, whose other claims keep it."""
    if chance.random() < 0.5:
        _set_one("DMG", 2, _any_of("19500102", "19400101", ""))(chance, segments)
    elif found := [segment for segment in segments if segment[:2] == ["NM1", "IL"]]:
        _set(chance.choice(found), chance.choice((3, 4)), chance.choice(("ANNA", "OTHER", "")))


def _many_lines(chance: random.Random, segments: Segments) -> None:
    """Bill a line so often that a claim has about as many lines as it may have."""
    if found := _lines(segments):
        start, end = chance.choice(found)
        again = [list(segment) for _ in range(chance.choice((47, 49, 50, 52))) for segment in segments[start:end]]
        segments[end:end] = again


def _diagnoses_behind_provider(chance: random.Random, segments: Segments) -> None:
    """Move a HI behind the next provider: it belongs to that loop then."""
    if found := [at for at in places(segments, "HI") if segments[at + 1][0] == "NM1"]:
        at = chance.choice(found)
        segments[at : at + 2] = [segments[at + 1], segments[at]]


def _diagnose(chance: random.Random, segments: Segments) -> None:
    if (segment := _one(chance, segments, "HI")) is not None:
        codes = chance.sample(DIAGNOSES, k=chance.randrange(3))
        segment[1:] = [f"{'ABF' if number else 'ABK'}:{code}" for number, code in enumerate(codes)]


def _free(chance: random.Random, segments: Segments) -> None:
    """Charge nothing for a line."""
    if (segment := _one(chance, segments, "SV1")) is not None:
        _set(segment, 2, chance.choice(("0", "0.00")))


def _refer(chance: random.Random, segments: Segments) -> None:
    if found := places(segments, "HI", "LX"):
        segments.insert(chance.choice(found), ["REF", chance.choice(("F8", "D9", "6R", "G1")), f"R{chance.random()}"])


def _depend(chance: random.Random, segments: Segments) -> None:
    """Put a level of a dependent between a subscriber and the claims."""
    if found := [place for place in places(segments, "CLM") if segments[place - 1][:2] == ["NM1", "PR"]]:
        at = chance.choice(found)
        level = max(place for place in places(segments, "HL") if place < at)
        own = segments[level][1]
        segments[level][4:5] = ["1"]
        segments[at:at] = [["HL", "9", own, "23", "0"], ["PAT", "19"], ["NM1", "QC", "1", "KIM", "BO"]]
        for number, place in enumerate(places(segments, "HL"), 1):
            segments[place][1] = str(number)


MUTATIONS: tuple[Mutation, ...] = (
    *(_delete, _double, _swap, _move, _copy, _value_of_another, _any_value, _blank, _lower),
    *(_delete_line, _copy_line, _copy_claim, _describe, _shift, _date_of_a_row, _note, _modify),
    *(_render, _name_another),
    *(_same_patient, _another_person, _many_lines, _diagnoses_behind_provider, _diagnose, _free, _refer, _depend),
    *(_set_procedure(_of_any_table), _set_procedure(_of_ultrasound), _set_procedure(_another_primary)),
    _set_one("SV1", 1, _any_of("HC:", "HC:3725", "HC:37252-59", "HC:37252^37253", "HC", "", "ER:37252", "XX:37252")),
    _set_one("SV1", 4, _any_of("0", "1", "2", "2", "3", "5", "6", "12", "1.5", "1.0", "", "-1", "01")),
    _set_one("SV1", 3, _any_of("MJ", "UN", "", "un")),
    _set_one("SV1", 5, _any_of(*PLACES, "", "99", "1", "XX")),
    _set_one("SV1", 7, _any_of("1", "2:1", "9", "4", "", "1:1", "0", "12", "1:2:3:4:5", "A")),
    _set_one("SV1", 2, _any_of("0", "", "12.345", "1E2", "-5", "100.00")),
    _set_one("CLM", 5, _any_of("11:B:7", "11:B:8", "22:B:1", "11:B:6", "24:B:1", ":B:1", "11:B:")),
    _set_one("CLM", 1, _any_of("PCN1", "PCN2", "PCN1 ", "")),
    _set_one("CLM", 2, _any_of("0", "1", "", "100.00")),
    _set_one("SBR", 9, _any_of("MB", "CI", "WC", "")),
)
_OFTEN = {_modify, _shift, _copy_line, _delete_line, _date_of_a_row, _same_patient, _any_value}
_WEIGHTS: Sequence[float] = tuple(
    0.2 if change is _many_lines else 3 if change in _OFTEN else 1 for change in MUTATIONS
)
