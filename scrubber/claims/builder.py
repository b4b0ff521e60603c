"""Read the segments of a claim into the model."""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterable
from functools import cache
from typing import Protocol

import attrs
from attrs import field, frozen

from scrubber.claims.lines import (
    read_adjustments,
    read_contract_type,
    read_line,
    read_notes,
    read_plain_lines,
    read_provider,
    read_providers,
    read_reference,
    read_references,
)
from scrubber.claims.loops import claim_loops, level_loops
from scrubber.claims.model import Claim, Diagnosis, OtherSubscriber, Payer, Person, Provider, ServiceLine, patient_key
from scrubber.claims.raw_claim import Level, RawClaim
from scrubber.claims.repeats import Repeat
from scrubber.errors import UnreadableError
from scrubber.findings.finding import Finding
from scrubber.x12.lexer import Stretch, cut_text
from scrubber.x12.segment import Delimiters, Loop, Segment, tidy_code, tidy_identifier, trim
from scrubber.x12.transaction_set import TransactionSet
from scrubber.x12.values import parse_number

__all__ = [
    "ClaimPlace",
    "Extent",
    "Readable",
    "billing_provider_of",
    "build_claim",
    "extent_of",
    "is_original",
    "key_under",
    "patient_key_of",
    "payer_id_of",
    "place_of",
    "reopen",
]


_OTHER_PROVIDERS = ("2310A", "2310C", "2310D")


def build_claim(raw: RawClaim) -> Claim:
    """Read one claim.  Nothing is rejected: what cannot be read is kept as text and reads as None."""
    head, lines, loop = _split(raw)
    named = head.by_id()
    _, number, charge, _, _, place = head.segments[0].take(5)
    place_of_service, _, frequency, *_ = [*place.split(raw.delimiters.component), "", ""]
    insured = _insured(raw.subscriber)
    return Claim(
        control_number=number,
        lines=lines,
        charge_text=trim(charge),
        place_of_service=trim(place_of_service),
        frequency=trim(frequency),
        diagnoses=_diagnoses(named.get("HI", ())),
        billing_provider=billing_provider_of(raw.provider),
        rendering_provider=read_provider(head.children("2310B")),
        other_providers=read_providers(head, _OTHER_PROVIDERS),
        subscriber=insured.person,
        dependent=_dependent(raw.patient),
        payer=insured.payer,
        responsibility=insured.responsibility,
        filing_indicator=insured.filing_indicator,
        billing_references=insured.billing_references,
        contract_type=read_contract_type(named.get("CN1", ())),
        notes=read_notes(named.get("NTE", ())),
        other_subscribers=tuple([_other_subscriber(other) for other in head.children("2320")]),
        clearinghouse_id=read_reference(named.get("REF", ()), "D9"),
        original_reference=read_reference(named.get("REF", ()), "F8"),
        ordinal=raw.ordinal,
        transaction=raw.transaction,
        loop=loop,
        complete=raw.complete,
    )


class _Loops:
    """Makes the loops of a claim when somebody asks for one, again each time: kept, they are many times the text."""

    def __init__(self, stretch: Stretch, *, plain: bool = False) -> None:
        self._stretch = stretch
        self._plain = plain  # the lines hold no other loops
        self._starts = array("q")  # of each service line: where its text begins, and the ordinal of its first segment

    def add_line(self, start: int, ordinal: int) -> Callable[[], Loop]:
        """Note where the next service line begins in the text, and return what makes its loop (2400)."""
        self._starts.extend((start, ordinal))
        return _LineLoop(self, len(self._starts) - 2)

    def claim(self) -> Loop:
        """Make loop 2300."""
        return claim_loops(self._stretch.cut())

    def line(self, place: int) -> Loop:
        """Make the loop of the line whose beginning is noted at `place`."""
        start, ordinal, *following = self._starts[place : place + 3]
        text = self._stretch.text[start : following[0] if following else None]
        segments = cut_text(text, self._stretch.offset + start, ordinal, self._stretch.delimiters)
        return Loop("2400", segments) if self._plain else claim_loops(segments).children("2400")[0]


@frozen(eq=False, repr=False)
class _LineLoop:
    """Makes the loop of one service line; there are as many as lines, and this is smaller than a `partial`."""

    loops: _Loops
    place: int

    def __call__(self) -> Loop:
        return self.loops.line(self.place)


def _split(raw: RawClaim) -> tuple[Loop, tuple[ServiceLine, ...], Loop | Callable[[], Loop]]:
    """Return loop 2300, the service lines, and what the claim takes for its loop.

    Where the lines can be read from their text, the first is the loop without them.
    """
    stretch = raw.stretch
    if stretch is None:
        loop = claim_loops(raw.cut)
        lines = [read_line(number, line, line) for number, line in enumerate(loop.children("2400"), 1)]
        return loop, tuple(lines), loop
    delimiters = stretch.delimiters
    first = _first_line(delimiters).search(stretch.text)
    if first is not None:
        loops = _Loops(stretch, plain=True)
        head = claim_loops(cut_text(stretch.text[: first.end()], stretch.offset, stretch.ordinal, delimiters))
        ordinal = stretch.ordinal + stretch.text.count(delimiters.segment, 0, first.end())
        plain = read_plain_lines(stretch.text, first.end(), ordinal, delimiters, loops.add_line)
        if plain is not None and head.child("2400") is None:
            return head, plain, loops.claim
    found: list[ServiceLine] = []
    loops, loop = _Loops(stretch), claim_loops(stretch.cut())
    for number, line in enumerate(loop.children("2400"), 1):
        opens = line.segments[0]
        found.append(read_line(number, line, loops.add_line(opens.offset - stretch.offset, opens.ordinal)))
    return loop, tuple(found), loops.claim


@cache
def _first_line(delimiters: Delimiters) -> re.Pattern[str]:
    end, separator = re.escape(delimiters.segment), re.escape(delimiters.element)
    return re.compile(f"{end}[\\r\\n]*+(?=LX{separator})")


Extent = tuple[int, int, int, str]
"""Where a level is: its first byte, the one behind it, the ordinal of its first segment, its loop."""


@frozen(eq=False, repr=False)
class ClaimPlace:
    """Where a claim and its levels are in the input, so that it can be read again without the rest of the file.

    `levels` are the billing provider's, the subscriber's and the patient's, and one of an unknown kind (HL03) if it
    is below one.  `alone` says that it is judged without the other claims of its patient, which are too many;
    `repeats` which earlier claim it repeats where it is judged alone for that or another reason;
    `known` is what was found in it, or in its levels, before it is judged, and `envelope_errors` the errors for which
    its transaction set, functional group or interchange is rejected.  `may_fire` are the codes of the edits that may
    find anything on it where it is judged alone, as screens tell; None for all edits.
    """

    ordinal: int
    delimiters: Delimiters
    levels: tuple[Extent | None, ...]
    claim: tuple[int, int, int]
    transaction: TransactionSet
    complete: bool = True
    alone: bool = False
    known: tuple[Finding, ...] = ()
    envelope_errors: tuple[Finding, ...] = ()
    repeats: Repeat | None = None
    may_fire: frozenset[str] | None = None


def place_of(raw: RawClaim) -> ClaimPlace:
    """Return the place of a claim, for `reopen`."""
    levels = (raw.provider, raw.subscriber, raw.patient, *([raw.unknown] if raw.unknown is not None else []))
    end = raw.end if raw.complete else raw.segments[-1].end  # of one that is too long only the beginning is read
    return ClaimPlace(
        ordinal=raw.ordinal,
        delimiters=raw.delimiters,
        levels=tuple(extent_of(level) if level else None for level in levels),
        claim=(raw.start, end, raw.stretch.ordinal if raw.stretch else raw.segments[0].ordinal),
        transaction=raw.transaction,
        complete=raw.complete,
    )


class Readable(Protocol):
    """Reads bytes of an input."""

    def read(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`."""
        ...


def reopen(source: Readable, place: ClaimPlace, providers: dict[Extent, Level] | None = None) -> Claim:
    """Read the claim at `place` again; the billing provider's level stays in `providers` for the next claim of it.

    Raises UnreadableError where the input ends before it.
    """
    known = {} if providers is None else providers

    def stretch(name: str, start: int, end: int, ordinal: int) -> Stretch:
        text = source.read(start, end - start).decode("latin-1")
        if len(text) < end - start:
            raise UnreadableError("changed while it was being read")
        terminator = place.delimiters.segment
        if not text.rstrip("\r\n").endswith(terminator):  # the last segment of a truncated file
            text += terminator
        return Stretch(name, text, start, ordinal, text.count(terminator), place.delimiters)

    def level(extent: Extent | None) -> Level | None:
        if extent is None:
            return None
        if extent in known:
            return known[extent]
        opened = stretch("HL", *extent[:3])
        read = Level(opened.head, extent[3], opened)
        if read.loop == "2000A":
            known.clear()
            known[extent] = read
        return read

    claim = stretch("CLM", *place.claim)
    provider, subscriber, patient = map(level, place.levels[:3])
    found = build_claim(
        RawClaim(
            place.ordinal,
            claim.offset,
            claim.end,
            claim.count,
            provider,
            subscriber,
            patient,
            place.transaction,
            complete=place.complete,
            stretch=claim,
        )
    )
    return attrs.evolve(found, alone=True) if place.alone else found


def is_original(raw: RawClaim) -> bool:
    """Whether CLM05-3 is 1, without reading the claim itself."""
    if raw.stretch is None:
        place = raw.segments[0].take(5)[5]
    else:
        delimiters = raw.stretch.delimiters
        place = "".join(raw.stretch.text.partition(delimiters.segment)[0].split(delimiters.element)[5:6])
    return trim("".join(place.split(raw.delimiters.component)[2:3])) == "1"


def patient_key_of(raw: RawClaim) -> tuple[str, ...]:
    """Return `Claim.patient_key` without reading the claim itself."""
    return key_under(raw.subscriber, raw.patient)


def key_under(level: Level | None, patient: Level | None) -> tuple[str, ...]:
    """Return `Claim.patient_key` of the claims under a subscriber level and, for a dependent, a patient level."""
    if level is not None and level.built is None and level.stretch is not None:
        known = tidy_identifier("".join(_name_in(level.stretch, "IL")[6:7]))
        payer_id = tidy_identifier(payer_id_of(level))
        if known and payer_id:
            return (payer_id, known)
    insured = _insured(level)
    return patient_key(insured.payer, insured.person, _dependent(patient))


def payer_id_of(level: Level | None) -> str:
    """Return the payer identifier of a subscriber level (2010BB NM109) without reading the rest of it."""
    if level is None or level.built is not None or level.stretch is None:
        return _insured(level).payer.id
    return "".join(_name_in(level.stretch, "PR")[6:7]).strip()


def _name_in(stretch: Stretch, entity: str) -> list[str]:
    """Return the elements from NM103 on of the first name (NM1) of that entity in a level; nothing if there is none."""
    found = _name_pattern(stretch.delimiters, entity).search(stretch.text)
    return found[1].split(stretch.delimiters.element) if found else []


@cache
def _name_pattern(delimiters: Delimiters, entity: str) -> re.Pattern[str]:
    end, separator = re.escape(delimiters.segment), re.escape(delimiters.element)
    return re.compile(f"{end}[\\r\\n]*+NM1{separator}{entity}{separator}[^{separator}{end}]*{separator}([^{end}]*)")


def extent_of(level: Level) -> Extent:
    """Return where a level is."""
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
        prv = loop.find("PRV")
        taxonomy = prv.get(3) if prv else ""
        level.built = read_provider(loop.children("2010AA"), taxonomy) or Provider(taxonomy=taxonomy)
    return level.built  # type: ignore[return-value]


@frozen(eq=False, repr=False)
class _Insured:
    """What a subscriber level (2000B) says: the subscriber, the destination payer, SBR01, SBR09 and 2010BB REF."""

    person: Person = field(factory=Person)
    payer: Payer = field(factory=Payer)
    responsibility: str = field(default="", repr=False)
    filing_indicator: str = field(default="", repr=False)
    billing_references: tuple[str, ...] = field(default=(), repr=False)


def _insured(level: Level | None) -> _Insured:
    if level is None:
        return _Insured()
    if level.built is None:
        loop = level_loops(level.loop, level.segments)
        coverage, destination = loop.find("SBR"), loop.child("2010BB")
        payer = _name(destination)
        level.built = _Insured(
            _person(loop.child("2010BA")),
            Payer(payer.get(9).strip(), payer.get(3)) if payer else Payer(),
            tidy_code(coverage.get(1)) if coverage else "",
            tidy_code(coverage.get(9)) if coverage else "",
            read_references(destination.find_all("REF")) if destination else (),
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
    _, _, _, last_name, first_name, middle_name, _, _, _, member_id = name.take(9)
    return Person(
        last_name=last_name,
        first_name=first_name,
        middle_name=middle_name,
        member_id=member_id,
        birth_date=demographics.get(2) if demographics else "",
        sex=demographics.get(3) if demographics else "",
    )


# -- the claim ------------------------------------------------------------------------------------------------------


def _diagnoses(lists: Iterable[Segment]) -> tuple[Diagnosis, ...]:
    """Read the HI that begins with a principal diagnosis: ABK (ICD-10-CM) or BK (ICD-9-CM)."""
    for segment in lists:
        separator = segment.delimiters.component
        pairs = [element.split(separator) for element in segment.elements[1:]]
        if pairs and pairs[0][0] in {"ABK", "BK"}:
            return tuple([Diagnosis(pair[0], trim(pair[1]) if len(pair) > 1 else "") for pair in pairs])
    return ()


def _other_subscriber(loop: Loop) -> OtherSubscriber:
    payer = _name(loop.child("2330B"))
    paid = loop.find("AMT", "D")
    return OtherSubscriber(
        responsibility=loop.segments[0].get(1),
        payer=Payer(payer.get(9).strip(), payer.get(3)) if payer else Payer(),
        paid=parse_number(paid.get(2)) if paid else None,
        adjustments=tuple(read_adjustments(loop)),
    )
