"""Regular claims as rows of columns: what screens ask of a claim, read from its text without making objects of it.

A row exists only for a claim of the form in which nothing about its structure can be misread: any doubt means that
there is none, and the claim is opened by the reader, which is the authority.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from datetime import date
from functools import lru_cache
from typing import Any

from attrs import frozen

from scrubber.claims.builder import billing_provider_of, patient_key_of, payer_id_of, place_of
from scrubber.claims.model import Provider
from scrubber.claims.raw_claim import RawClaim
from scrubber.claims.row_patterns import RowPatterns
from scrubber.findings.dates import DateRange
from scrubber.x12.segment import Delimiters, tidy_code, tidy_identifier, trim
from scrubber.x12.transaction_set import TransactionSet

__all__ = ["NO_LEVEL", "ClaimRow", "EncounterColumns", "LineNotes", "row_of"]


_RENDERING = "82"
_THIRD_PARTY = "TPO"
_LONG_POINTER = 4
_CLM_PLACE = 5
_PLACE, _POINTERS = 2, 4  # SV105 and SV107, from SV103 on
_MOST_UNITS = 999_999


NO_LEVEL = (-1, -1, -1)

Where = tuple[int, tuple[int, ...], tuple[int, int, int], TransactionSet]
"""Ordinal, levels, extent and transaction set of a claim, as in its `ClaimPlace`; of the three levels one after another
the first byte, the one behind, and the first segment, `NO_LEVEL` for none."""


class ClaimRow:
    """One original claim (CLM05-3 = 1) as a row of columns, of regular text and without errors of form.

    Each service line has LX, SV1 with a procedure code (HC), a charge and units that are plain numbers and a place of
    service of two digits or none, and one DTP*472 of one day (D8).  The columns hold a text for each line:
    `procedures`, `charges` (SV102) and `days` (CCYYMMDD).  `charge` is CLM02, `payer_id` NM109 of 2010BB, and `npis`
    are those of all providers named in the claim, "" for one that has none.  `patient_key` is `Claim.patient_key`,
    and `where` is what its `ClaimPlace` says.
    """

    __slots__ = (
        "_dates", "_listed", "_modifiers", "_named", "_patterns", "_services", "_span", "_starts", "_text",
        "billing_provider", "charge", "charges", "control_number", "days", "npis", "patient_key", "payer_id",
        "procedures", "where",
    )  # fmt: skip

    def __init__(  # noqa: PLR0917 - made once for each claim: by position is quicker
        self,
        patterns: RowPatterns,
        text: str,
        span: tuple[int, int],
        form: Sequence[Any],
        above: tuple[str, Provider],
        where: Where,
        patient_key: tuple[str, ...],
    ) -> None:
        self._patterns = patterns
        self._text = text
        self._span = span
        self.control_number, self.charge, qualifier, npi, another, in_line = form
        self.payer_id, self.billing_provider = above
        self.where = where
        self.patient_key = patient_key
        (
            self.procedures,
            self._modifiers,
            self.charges,
            self._services,
            self.days,
        ) = zip(*patterns.line.findall(text, *span), strict=True)
        self._dates: list[date | None] | None = None
        self._listed: list[list[str]] | None = None  # the diagnoses
        self._starts: list[int] | None = None  # of the service lines
        self._named: list[tuple[str, str, str, str]] = []
        self.npis: tuple[str, ...] = ()
        if another is not None or in_line is not None:
            self._named = patterns.providers.findall(text, *span)
            self.npis = tuple([_npi(*named) for name, _, *named in self._named if name == "NM1"])
        elif npi is not None:
            self.npis = (_npi(qualifier, npi),)

    @property
    def delimiters(self) -> Delimiters:
        """The delimiters of its interchange."""
        return self._patterns.delimiters

    @property
    def clearinghouse_id(self) -> str:
        """The clearinghouse's claim identifier (2300 REF*D9), "" where there is none."""
        found = self._patterns.clearinghouse.match(self._text, *self._span)
        return found[1] if found is not None else ""

    @property
    def services(self) -> list[tuple[str, DateRange]]:
        """The procedures with their dates of service, without dates that cannot be read."""
        dated = [(code, DateRange.parse("D8", day)) for code, day in zip(self.procedures, self.days, strict=True)]
        return [(code, dates) for code, dates in dated if dates is not None]

    @property
    def dates(self) -> list[date | None]:
        """The dates of service, each once; None for one that cannot be read."""
        if self._dates is None:
            days = self.days
            parsed = [
                DateRange.parse("D8", day)
                for day in (days[:1] if days.count(days[0]) == len(days) else dict.fromkeys(days))
            ]
            self._dates = [None if dates is None else dates.first for dates in parsed]
        return self._dates

    def __repr__(self) -> str:
        return f"<ClaimRow {self.where[0]}: {len(self.procedures)} lines>"

    @property
    def names_one_twice(self) -> bool:
        """Whether the claim or a line has two rendering providers (NM1*82)."""
        seen = False
        for name, entity, *_ in self._named:
            if name == "LX":
                seen = False
            elif entity == _RENDERING:
                if seen:
                    return True
                seen = True
        return False

    @property
    def size(self) -> int:
        """The bytes of its text."""
        return self._span[1] - self._span[0]

    @property
    def is_dependent(self) -> bool:
        """Whether the patient is a dependent (2000C) and not the subscriber."""
        return self.where[1][6] >= 0

    @property
    def is_known(self) -> bool:
        """Whether patient, payer and all providers have identifiers, and no two that contradict each other."""
        npis = (self.billing_provider.npi, *self.npis)
        return (
            all(self.patient_key)
            and all(map(tidy_identifier, npis))
            and not (self.is_dependent or self.billing_provider.contradicted or self.names_one_twice)
        )

    def encounters(self) -> list[EncounterColumns]:
        """Return the encounters of the claim: its lines by date of service and rendering provider.

        Lines whose date cannot be read are in none.
        """
        rendering = self._rendering() if self._named else None
        if rendering is None and len(self.dates) == 1:
            day = self.dates[0]
            return [] if day is None else [EncounterColumns(self, range(len(self.days)), day)]
        lines: dict[tuple[str, str], list[int]] = {}
        for line, text in enumerate(self.days):
            lines.setdefault((text, rendering[line] if rendering is not None else ""), []).append(line)
        found = [(own, DateRange.parse("D8", text)) for (text, _), own in lines.items()]
        return [EncounterColumns(self, own, dates.first) for own, dates in found if dates is not None]

    def _rendering(self) -> list[str]:
        """Return the NPI of the rendering provider of each line: 2420A, else 2310B, else the billing provider."""
        found: list[str] = []
        of_claim = tidy_identifier(self.billing_provider.npi)
        for name, entity, qualifier, npi in self._named:
            if name == "LX":
                found.append(of_claim)
            elif entity == _RENDERING and found:
                found[-1] = tidy_identifier(_npi(qualifier, npi))
            elif entity == _RENDERING:
                of_claim = tidy_identifier(_npi(qualifier, npi))
        return found

    def modifiers_of(self, line: int) -> tuple[str, ...]:
        """Return the modifiers of a line (SV101-3 to SV101-6), trimmed and in capitals."""
        return (
            _modifiers_in(self._modifiers[line], self._patterns.delimiters.component) if self._modifiers[line] else ()
        )

    def codes_of(self, lines: Sequence[int]) -> Hashable:
        """Return procedures, modifiers and SV103 to SV107 of some lines, and which they are if they are not all."""
        columns = (self.procedures, self._modifiers, self._services)
        if len(lines) == len(self.procedures):
            return columns
        return (*lines, *[tuple([column[line] for line in lines]) for column in columns])

    def units_of(self, line: int) -> int:
        """Return the units of a line as a count: basis UN and a whole number above 0, else 0."""
        return _units(self._services[line], self._patterns.delimiters.element)

    def place_of(self, line: int) -> str:
        """Return the place of service of a line: SV105, else CLM05-1."""
        marks = self._patterns.delimiters
        own = "".join(self._services[line].split(marks.element)[_PLACE : _PLACE + 1])
        if own:
            return own
        start, stop = self._span
        place = self._text[start : self._text.index(marks.segment, start, stop)].split(marks.element)[_CLM_PLACE]
        return trim(place.split(marks.component)[0])

    def date_of(self, line: int) -> date | None:
        """Return the date of service of a line, None where it cannot be read."""
        dates = DateRange.parse("D8", self.days[line])
        return None if dates is None else dates.first

    def points_to_diagnosis(self, line: int) -> bool:
        """Whether a pointer of a line is known to name a diagnosis of the claim (HI in front of all providers)."""
        marks = self._patterns.delimiters
        if self._listed is None:
            self._listed = [pair.split(marks.component) for pair in self._diagnoses().split(marks.element)]
        listed = self._listed
        for place in _pointers(self._services[line], marks.element, marks.component):
            if place <= len(listed) and len(listed[place - 1]) > 1 and trim(listed[place - 1][1]):
                return True
        return False

    def _diagnoses(self) -> str:
        """Return the elements of the HI that begins with a principal diagnosis, "" where it is not plainly one."""
        found = self._patterns.diagnoses.match(self._text, *self._span)
        return found[1] if found is not None else ""

    def notes(self) -> tuple[str, ...] | None:
        """Return the notes of the claim itself (2300 NTE02), without those of a third party (NTE01 TPO).

        None where it is not plain which loop a note is in.
        """
        return self._notes(self._span[0], self._line_starts()[0])

    def line_text(self, line: int) -> LineNotes | None:
        """Return what a line says in words, None where it is not plain which loop a note is in."""
        starts = [*self._line_starts(), self._span[1]]
        notes = self._notes(starts[line], starts[line + 1])
        if notes is None:
            return None
        found = self._patterns.description.search(self._text, starts[line], starts[line + 1])
        return LineNotes("" if found is None else found[1], notes, self.modifiers_of(line))

    def _line_starts(self) -> list[int]:
        if self._starts is None:
            self._starts = [found.start() for found in self._patterns.line_start.finditer(self._text, *self._span)]
        return self._starts

    def _notes(self, start: int, stop: int) -> tuple[str, ...] | None:
        patterns, text = self._patterns, self._text
        if text.find(patterns.note, start, stop) < 0:
            return ()
        inner = patterns.inner_loop.search(text, start, stop)
        if inner is not None:
            if text.find(patterns.note, inner.start(), stop) >= 0:
                return None
            stop = inner.start() + 1
        found = [note.split(patterns.delimiters.element) for note in patterns.notes.findall(text, start, stop)]
        return tuple([note[1] if len(note) > 1 else "" for note in found if note[0] != _THIRD_PARTY])


@frozen
class LineNotes:
    """What a service line says in words: SV101-7 and notes (NTE02), not those of third parties; and its modifiers."""

    description: str
    notes: tuple[str, ...]
    modifiers: tuple[str, ...]

    def __repr__(self) -> str:
        return f"<LineNotes: {len(self.notes)} notes>"


class EncounterColumns:
    """Service lines of one claim with the same day and rendering provider, as screens see them.

    `claim` is their row, and `lines` are their places in its columns; `day` is the date of service, `procedures` the
    set of their codes.
    """

    __slots__ = ("claim", "day", "lines", "procedures")

    def __init__(self, claim: ClaimRow, lines: Sequence[int], day: date) -> None:
        self.claim = claim
        self.lines = lines
        self.day = day
        self.procedures = frozenset([claim.procedures[line] for line in lines])

    @property
    def codes(self) -> Hashable:
        """Procedures, modifiers and SV103 to SV107 of the lines: what `EncounterEdit.screen` depends on."""
        return self.claim.codes_of(self.lines)

    def billing(self, procedure: str) -> list[int]:
        """Return the places of the lines that bill a procedure."""
        codes = self.claim.procedures
        return [line for line in self.lines if codes[line] == procedure]


def row_of(raw: RawClaim) -> ClaimRow | None:
    """Return the row of a claim, None where it has none."""
    if raw.stretch is None or not raw.complete or raw.unknown is not None:
        return None
    text, patterns = raw.stretch.text, RowPatterns.of(raw.stretch.delimiters)
    found = patterns.claim.fullmatch(text)
    if found is None:
        return None
    above = (payer_id_of(raw.subscriber), billing_provider_of(raw.provider))
    place = place_of(raw)
    levels = tuple([number for level in place.levels for number in (NO_LEVEL if level is None else level[:3])])
    where = (place.ordinal, levels, place.claim, place.transaction)
    return ClaimRow(patterns, text, (0, len(text)), found.groups(), above, where, patient_key_of(raw))


def _npi(qualifier: str, identifier: str) -> str:
    return trim(identifier) if trim(qualifier) == "XX" else ""


@lru_cache(maxsize=1024)  # the lines of a file share few
def _units(service: str, separator: str) -> int:
    """Return the units in what follows the charge of SV1 (SV103, SV104, ...) as a count, 0 where they are none."""
    basis, units, *_ = service.split(separator)
    number = float(units)
    return int(number) if tidy_code(basis) == "UN" and number.is_integer() and number <= _MOST_UNITS else 0


@lru_cache(maxsize=1024)
def _pointers(service: str, separator: str, part: str) -> tuple[int, ...]:
    """Return the places in the list of diagnoses that SV107 names, in what follows the charge of SV1."""
    texts = "".join(service.split(separator)[_POINTERS : _POINTERS + 1]).split(part)
    numbers = [text for text in map(trim, texts) if text.isascii() and text.isdigit() and len(text) < _LONG_POINTER]
    return tuple([int(number) for number in numbers if int(number)])


@lru_cache(maxsize=1024)
def _modifiers_in(behind: str, part: str) -> tuple[str, ...]:
    return tuple([code for code in map(tidy_code, behind.split(part)) if code])
