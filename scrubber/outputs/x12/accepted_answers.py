"""The answers of a 277CA to claims that are accepted unopened, written from their text without making objects of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from functools import cache

from attrs import frozen

from scrubber.claims.loops import level_loops
from scrubber.claims.raw_claim import Level
from scrubber.claims.row_patterns import RowPatterns
from scrubber.outputs.x12.acknowledgement import SegmentBuffer, amount
from scrubber.outputs.x12.base import JudgedRun
from scrubber.x12.lexer import line_end_of
from scrubber.x12.segment import Delimiters

__all__ = ["NO_TRACE", "UNKNOWN", "AcceptedAnswers", "first_name", "patient_name"]

UNKNOWN = "UNKNOWN"
NO_TRACE = "0"
_MEMBER_QUALIFIERS = ("MI", "II")
_NAME_LENGTH = 10  # NM1 up to NM109
_ENTITIES = {"2010BA": "IL", "2010CA": "QC"}
_DAY = len("CCYYMMDD")
_SEGMENTS = 5  # HL, NM1, TRN, STC, DTP


@frozen(eq=False, repr=False)
class AcceptedAnswers:
    """The answers to a run of claims: `write` appends them to `batch`."""

    run: JudgedRun
    batch: SegmentBuffer
    status: str
    day: str

    def write(self, number: int, parent: int) -> None:
        """Write the patient levels with HL01 from `number` on under the provider's HL01 `parent`."""
        text, batch, whole = self.run.text, self.batch, self.run.text.block.text
        delimiters = text.block.delimiters
        separator, end, can_hold_range = delimiters.element, batch.end, batch.can_hold("-")
        reference = RowPatterns.of(delimiters).clearinghouse.match
        dated = separator.join(("DTP", "472", "D8", ""))
        status = separator.join(("STC", self.status, self.day, "WQ", ""))
        head, trace = f"{separator}{parent}{separator}PT{end}", f"{end}TRN{separator}2{separator}"
        rd8, d9 = dated.replace("D8", "RD8"), f"REF{separator}D9{separator}"
        answers: list[str] = []
        segments = 0
        columns = zip(text.claims, self._names(), self.run.claims.numbers, self.run.claims.charges, strict=True)
        for (_, start, stop), name, control_number, charge in columns:
            days = [piece[:_DAY] for piece in whole[start:stop].split(dated)[1:]]
            first, last = (days[0], days[0]) if len(days) == 1 else (min(days), max(days))
            dates = f"{rd8}{first}-{last}" if first != last and can_hold_range else f"{dated}{first}"
            found = reference(whole, start, stop)
            own = f"{d9}{found[1]}{end}" if found is not None and found[1] else ""
            segments += bool(own)
            answers.append(
                f"HL{separator}{number}{head}{name}{trace}{control_number.strip() or NO_TRACE}{end}"
                f"{status}{_amount(charge)}{end}{own}{dates}{end}"
            )
            number += 1
        batch.add_written("".join(answers), segments + len(answers) * _SEGMENTS)

    def _names(self) -> Iterator[str]:
        """Yield the NM1 of the patient of each claim."""
        text, separator = self.run.text, self.run.text.block.delimiters.element
        subscriber, patient = first_name(text.subscriber, "2010BA"), first_name(text.patient, "2010CA")
        name = separator.join(patient_name(subscriber, patient))
        insured, dependent = (_name_pattern(text.block.delimiters, loop).search for loop in ("2010BA", "2010CA"))
        whole, levels = text.block.text, iter(text.levels)
        for at, start, _ in text.claims:
            if at < start:
                while at < start:
                    level = next(levels)
                    found = (dependent if level.of_patient else insured)(whole, level.start, level.stop)
                    named = found[1].split(separator) if found is not None else []
                    subscriber, patient = (subscriber, named) if level.of_patient else (named, [])
                    at = level.stop  # noqa: PLW2901 - up to the claim
                name = separator.join(patient_name(subscriber, patient))
            yield name


def patient_name(subscriber: list[str], patient: list[str]) -> list[str]:
    """Return the NM1 of a patient from that of 2010BA and that of 2010CA, each empty where there is none.

    The member identifier is the subscriber's, for dependents have none of their own.
    """
    insured = subscriber + [""] * (_NAME_LENGTH - len(subscriber))
    named = patient + [""] * (_NAME_LENGTH - len(patient)) if patient else insured
    qualifier, member = insured[8:10]
    kind = qualifier if qualifier in _MEMBER_QUALIFIERS else "MI"
    return ["NM1", "QC", "1", named[3] or UNKNOWN, *named[4:8], kind, member or UNKNOWN]


def first_name(level: Level | None, loop_id: str) -> list[str]:
    """Return the elements of the NM1 of the first loop 2010BA or 2010CA of a level; none where there is none."""
    if level is not None and level.stretch is not None:
        found = _name_pattern(level.stretch.delimiters, loop_id).search(level.stretch.text)
        return found[1].split(level.stretch.delimiters.element) if found is not None else []
    loop = level_loops(level.loop, level.segments).child(loop_id) if level is not None else None
    segment = loop.find("NM1") if loop is not None else None
    return segment.elements if segment is not None else []


@cache
def _name_pattern(delimiters: Delimiters, loop_id: str) -> re.Pattern[str]:
    """Match the end of a segment and the name (NM1) that opens a loop of a level, which is the group."""
    end, separator, entity = re.escape(delimiters.segment), re.escape(delimiters.element), _ENTITIES[loop_id]
    return re.compile(f"{end}{line_end_of(delimiters)}(NM1{separator}{entity}(?=[{separator}{end}])[^{end}]*)")


def _amount(charge: str) -> str:
    return charge if charge.isdigit() and charge[0] != "0" else amount(Decimal(charge))
