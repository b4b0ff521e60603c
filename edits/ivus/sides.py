"""IVUS203, IVUS404 and IVUS411: one code on several lines, and the sides that lines name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import chain

from edits.ivus.codes import ADDITIONAL, INITIAL, SIDES, ivus_lines, make_meta, modified_lines, places, side_of
from edits.ivus.day_facts import UltrasoundFacts
from edits.ivus.editions import NCCI_MANUAL, PFS, SIDES_MEANT
from edits.ivus.facts import Facts
from edits.ivus.found import is_among, lines_with, refers_to, without
from edits.ivus.primaries import codes_of, primaries_in
from edits.ivus.retired import retired_beside
from edits.ivus.units import UnitsByDay, limit_of, together
from scrubber import Context, Encounter, EncounterEdit, Finding, ServiceLine, Severity

__all__ = ["SIDE_EDITS"]


class LateralityPair(EncounterEdit[Facts]):
    """The same intravascular ultrasound code is billed with RT and with LT on one date.

    Why: with bilateral indicator 0 payers may pay the two as one unit. RT and LT lines of 37252 exceed its MUE, which
    IVUS201 reports instead; a line that repeats another is IVUS701 only.
    Fix: bill the first vessel as 37252 x1 and all others as units of one 37253 line.
    """

    meta = make_meta(
        "IVUS404",
        "laterality-pair",
        "Same code with RT and LT",
        Severity.WARNING,
        PFS,
        fires="37238\n37252\n37253-RT\n37253-LT",
        passes="37238\n37252-RT\n37253-LT",
    )

    @refers_to("IVUS301")
    def check(self, encounter: Encounter, context: Context[Facts]) -> Iterator[Finding]:
        """Look for the other side of the same code on an earlier line of the date, or on the line itself."""
        repeats, told = lines_with("IVUS701", context), lines_with("IVUS201", context, Severity.ERROR)
        seen: dict[str, list[tuple[ServiceLine, tuple[str, ...]]]] = defaultdict(list)
        for line in modified_lines(encounter):
            sides = context.tables.modifiers_of_kind(line, "side")
            same = [entry for entry in seen[line.procedure] if entry[0].common_days(line)] if sides else []
            seen[line.procedure].append((line, sides))
            if is_among(line, repeats) or (line.procedure == INITIAL and is_among(line, told)):
                continue
            if len({*sides, *chain.from_iterable(found for _, found in same)}) > 1:
                yield self.finding(
                    line,
                    f"{line.procedure} is billed with RT and LT for {line.service_dates}; the two may be paid as one.",
                    "Bill 37252 x1 for the first vessel, and all others as units of one 37253 line."
                    if line.procedure == INITIAL
                    else "Bill all additional vessels as units of one 37253 line, one unit for each vessel.",
                    element=line.modifier_element(line.modifiers.index(sides[0])),
                    related={"same code on that date": [other for other, _ in same]},
                )

    def screen(self, facts: UltrasoundFacts) -> bool:
        """Look for more than one side on ultrasound lines."""
        return facts.kinds.count("side") > 1


class AdditionalVesselsOnSeveralLines(EncounterEdit[Facts]):
    """Additional vessels (37253) of one date are on several lines that neither differ by side nor repeat each other.

    Why: payers sum them by date of service, and may deny lines that look alike as duplicates.
    Fix: bill one line of 37253 with the sum of the units.
    """

    meta = make_meta(
        "IVUS203",
        "additional-vessels-on-several-lines",
        "Additional vessels on several lines",
        Severity.WARNING,
        NCCI_MANUAL,
        fires="37238\n37252\n37253\n37253-LT",
        passes="37238\n37252\n37253 x2",
    )

    @refers_to("IVUS301")
    def check(self, encounter: Encounter, context: Context[Facts]) -> Iterator[Finding]:
        """Look for a second line of 37253 on a date; each names all of them, so that they give one order."""
        lines = [line for line in ivus_lines(encounter) if line.procedure == ADDITIONAL]
        lines = without(lines, lines_with("IVUS701", context))
        by_sides, no_initial = lines_with("IVUS404", context), lines_with("IVUS102", context)
        by_day = UnitsByDay(lines)
        for line in lines:
            same = together(line, encounter, lines)
            if same[0] is line or line.service_dates is None:
                continue
            if any(is_among(each, by_sides) for each in same):
                continue
            units, limit = by_day.most(line.service_dates), limit_of(line, context.tables)
            # Where the initial vessel is missing (IVUS102), one of the units is to be billed as that.
            are_too_many = limit is not None and units > limit.value
            are_wrong = are_too_many or any(is_among(each, no_initial) for each in same)
            are_sums = all(each.whole_units is not None and each.service_dates == line.service_dates for each in same)
            billed = f"x{units}" if are_sums and not are_wrong else "with the corrected units"
            yield self.finding(
                line,
                f"37253 for {line.service_dates} appears on {places(same, line)}.",
                f"Bill one line of 37253 {billed}.",
                element="SV104",
                related={"additional vessel": same},
            )

    def screen(self, facts: UltrasoundFacts) -> bool:
        """Look for a second line of 37253."""
        return len(facts.additional) > 1


class OppositeSide(EncounterEdit[Facts]):
    """37252 has one side, and every primary procedure of the day the other one.

    Why: the initial vessel is often one that the primary procedure treated or examined; the other side may be a slip,
    and may draw a request for records.
    Fix: if one of the sides is wrong, correct it; otherwise nothing needs to be done.
    """

    meta = make_meta(
        "IVUS411",
        "opposite-side",
        "Primary procedure on the other side",
        Severity.INFO,
        SIDES_MEANT,
        fires="37238-RT\n36012-RT\n37252-LT",
        passes="37238-RT\n36012-RT\n37252-RT",
    )

    def check(self, encounter: Encounter, context: Context[Facts]) -> Iterator[Finding]:
        """Look for 37252 with one side, all of whose primary procedures have the other; catheters say nothing."""
        facts = context.tables
        for line in modified_lines(encounter):
            side = side_of(line)
            if line.procedure != INITIAL or not side:
                continue
            primaries = [
                primary for primary in primaries_in(encounter, line, facts) if not facts.has_no_side(primary.procedure)
            ]
            opposite = primaries and all(_sides(primary, facts) == SIDES - {side} for primary in primaries)
            # Beside a primary procedure whose code ended, that one may have the side of the ultrasound.
            if opposite and not retired_beside(line, encounter, facts):
                yield self.finding(
                    line,
                    f"37252 is {side}, but its primary procedure ({codes_of(primaries)}, {places(primaries, line)}) is "
                    f"{side_of(primaries[0])}.",
                    "If one of the sides is wrong, correct it; otherwise nothing needs to be done.",
                    element=line.modifier_element(line.modifiers.index(side)),
                    related={"primary procedure": primaries},
                )

    def screen(self, facts: UltrasoundFacts) -> bool:
        """Look for a side of 37252, and for the other one on any line."""
        own = SIDES & facts.of_initial
        return bool(own) and any(not (SIDES - own).isdisjoint(modifiers) for modifiers in facts.modifiers)


def _sides(primary: ServiceLine, facts: Facts) -> frozenset[str]:
    """Return the sides of a primary procedure; both for a bilateral modifier."""
    return SIDES if facts.modifiers_of_kind(primary, "bilateral") else SIDES.intersection(primary.modifiers)


SIDE_EDITS = (LateralityPair, AdditionalVesselsOnSeveralLines, OppositeSide)
