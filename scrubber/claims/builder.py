"""Read the segments of a claim into the model."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Protocol

import attrs
from attrs import frozen

from scrubber.claims.claim_text import ClaimText
from scrubber.claims.heads import HEAD_FIELDS, HeadParts, inherited, read_clm, text_claim
from scrubber.claims.levels import billing_provider_of, dependent_of, insured_of
from scrubber.claims.lines import read_line
from scrubber.claims.loops import claim_loops
from scrubber.claims.model import Claim, ServiceLine, patient_key
from scrubber.claims.raw_claim import Level, RawClaim
from scrubber.claims.repeats import Repeat
from scrubber.errors import UnreadableError
from scrubber.findings.finding import Finding
from scrubber.x12.lexer import Stretch
from scrubber.x12.segment import Delimiters, tidy_identifier, trim
from scrubber.x12.transaction_set import TransactionSet

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


def build_claim(raw: RawClaim, *, alone: bool = False) -> Claim:
    """Read one claim, which is judged `alone` or not (see `Claim`).

    Nothing is rejected: what cannot be read is kept as text and reads as None.
    """
    found = text_claim(raw) if raw.stretch is not None else None
    if found is None:
        found = _read_claim(raw)
    return attrs.evolve(found, alone=True) if alone else found


def _read_claim(raw: RawClaim) -> Claim:
    """Read a claim from its loops; where it has a text, the claim keeps that and not the loops."""
    loop = claim_loops(raw.segments)
    text = ClaimText(raw.stretch) if raw.stretch is not None else None
    lines: list[ServiceLine] = []
    for number, line in enumerate(loop.children("2400"), 1):
        opens = line.segments[0]
        kept = line if text is None else text.add_line(opens.offset - raw.start, opens.ordinal)
        lines.append(read_line(number, line, kept))
    parts = HeadParts.of_loop(loop, raw.delimiters)
    values: dict[str, Any] = dict(read_clm(loop.segments[0].elements, raw.delimiters))
    values |= {name: read(parts) for name, read in HEAD_FIELDS.items()}
    values |= inherited(raw.subscriber, raw.patient)
    return Claim(
        lines=lines,
        billing_provider=billing_provider_of(raw.provider),
        ordinal=raw.ordinal,
        transaction=raw.transaction,
        loop=text or loop,
        complete=raw.complete,
        **values,
    )


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
    return build_claim(
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
        ),
        alone=place.alone,
    )


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
    insured = insured_of(level)
    return patient_key(insured.payer, insured.person, dependent_of(patient))


def payer_id_of(level: Level | None) -> str:
    """Return the payer identifier of a subscriber level (2010BB NM109) without reading the rest of it."""
    if level is None or level.built is not None or level.stretch is None:
        return insured_of(level).payer.id
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
