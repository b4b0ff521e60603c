"""IVUS303 and IVUS304: procedures bundled into intravascular ultrasound, or it into them (NCCI PTP edits)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import attrs
from attrs import frozen

from edits.ivus.codes import BUNDLED, CO4, CO236, IVUS, MODIFIER, ivus_lines, make_meta, once, places, side_of
from edits.ivus.day_facts import UltrasoundFacts
from edits.ivus.editions import NCCI_MODIFIERS, PTP
from edits.ivus.facts import Facts
from edits.ivus.found import refers_to
from edits.ivus.rows import Pair
from scrubber import Context, DateRange, Encounter, EncounterEdit, Finding, ServiceLine, Severity

__all__ = ["PAIR_EDITS", "BilledPair", "billed_pairs"]


@frozen(eq=False, repr=False)
class BilledPair:
    """A procedure-to-procedure edit whose two codes are billed on common days."""

    pair: Pair
    column1: ServiceLine
    column2: ServiceLine
    days: DateRange

    def bypassing(self, facts: Facts) -> tuple[str, ...]:
        """Return the modifiers that bypass the pair, whether they are right or not; none where its indicator is 0.

        Any NCCI-associated modifier does so on the column 2 line; 59 and XE, XP, XS, XU also on the column 1 line, for
        dates from 2019-07-01 (CMS CR 11168).
        """
        if self.pair.modifier_indicator != "1":
            return ()
        rows = [row for modifier in self.column1.modifiers for row in facts.ncci_modifiers.ever(modifier)]
        return (
            *(modifier for modifier in self.column2.modifiers if facts.ncci_modifiers.ever(modifier)),
            *(row.modifier for row in rows if row.either_column_from and row.either_column_from <= self.days.first),
        )

    def misplaced(self, facts: Facts) -> str:
        """Return the modifier of visits that alone bypasses the pair although its column 2 code is no visit, or ""."""
        modifiers = self.bypassing(facts)
        kinds = {row.kind for modifier in modifiers for row in facts.ncci_modifiers.ever(modifier)}
        return modifiers[0] if kinds == {"visit"} and not facts.is_visit(self.column2.procedure) else ""


@once
def billed_pairs(encounter: Encounter, facts: Facts) -> tuple[BilledPair, ...]:
    """Return the active pairs between intravascular ultrasound lines and the other lines of the encounter."""
    billed: list[BilledPair] = []
    for line in ivus_lines(encounter):
        for other in encounter.on_days_of(line):
            codes = (line.procedure, other.procedure)
            if other.procedure in IVUS or not (facts.ptp.ever(codes) or facts.ptp.ever(codes[::-1])):
                continue
            days = line.common_days(other)
            if days is None:
                continue
            for column1, column2 in ((line, other), (other, line)):
                pair = facts.ptp.on((column1.procedure, column2.procedure), days)
                if pair is not None and pair.modifier_indicator != "9":
                    billed.append(BilledPair(pair, column1, column2, days))
    return tuple(billed)


def _by_denied_line(encounter: Encounter, facts: Facts) -> Iterable[Sequence[BilledPair]]:
    """Return the pairs by their column 2 line, without those that IVUS301 is about."""
    by_line: dict[int, list[BilledPair]] = defaultdict(list)
    for billed in billed_pairs(encounter, facts):
        if not facts.exclusion_on(billed.column1.procedure, billed.days):
            by_line[id(billed.column2)].append(billed)
    return by_line.values()


class NcciPairBilled(EncounterEdit[Facts]):
    """A procedure of the encounter is bundled into intravascular ultrasound, or ultrasound into it (NCCI PTP edit).

    Why: payers deny the column 2 code of an active PTP edit. Modifier indicator 0: no modifier bypasses it. Indicator
    1: an NCCI-associated modifier does; 24, 25 and 57 are for visits only, and on another code draw a denial of their
    own. Where it is not known whether the edit was in force on the date, this is a warning.
    Fix: remove the bundled procedure; with indicator 1, if the record shows a separate service, append the modifier
    that says so.
    """

    meta = make_meta(
        "IVUS303",
        "ncci-pair",
        "Procedure bundled by an NCCI PTP edit",
        Severity.ERROR,
        PTP,
        fires="37238\n37252\n36005",
        passes="37238\n37252\n36005-LT",
        status=BUNDLED,
        adjustment=CO236,
        other_sources=(NCCI_MODIFIERS,),
    )

    @refers_to("IVUS301")
    def check(self, encounter: Encounter, context: Context[Facts]) -> Iterator[Finding]:
        """Look for active pairs that no modifier bypasses, or only one of visits; one finding a column 2 line."""
        facts = context.tables
        for pairs in _by_denied_line(encounter, facts):
            denied = [billed for billed in pairs if not billed.bypassing(facts)]
            misplaced = [billed for billed in pairs if billed.misplaced(facts)]
            if denied:
                yield self._denied(denied, facts)
            elif misplaced:
                yield self._misplaced(misplaced[0], facts)

    def _denied(self, pairs: Sequence[BilledPair], facts: Facts) -> Finding:
        line = pairs[0].column2
        codes = ", ".join(dict.fromkeys(billed.column1.procedure for billed in pairs))
        where = places(dict.fromkeys(billed.column1 for billed in pairs), line)
        absolute = any(billed.pair.modifier_indicator == "0" for billed in pairs)
        indicator = "0, which no modifier bypasses" if absolute else "1, and no modifier bypasses it"
        is_proven = any(billed.pair.is_proven(billed.days) for billed in pairs)
        doubt = "" if is_proven else f"; whether it was already in force on {pairs[0].days} is not known"
        finding = self.finding(
            line,
            f"{line.procedure} is bundled into {codes} ({where}): NCCI PTP edit, modifier indicator "
            f"{indicator}{doubt}.",
            f"Remove {line.procedure}." if absolute else _fix(line.procedure, facts),
            element="SV101-2",
            related={_COLUMN_1: dict.fromkeys(billed.column1 for billed in pairs)},
        )
        return finding if is_proven else attrs.evolve(finding, severity=Severity.WARNING)

    def _misplaced(self, billed: BilledPair, facts: Facts) -> Finding:
        line, modifier = billed.column2, billed.misplaced(facts)
        finding = self.finding(
            line,
            f"Modifier {modifier} on {line.procedure} bypasses the NCCI PTP edit with {billed.column1.procedure} "
            f"({places([billed.column1], line)}), but is for visits only.",
            f"If the record shows that {line.procedure} was a separate service, replace {modifier} with {_SEPARATE}; "
            f"otherwise remove {line.procedure}.",
            element=line.modifier_element(line.modifiers.index(modifier)),
            statuses=MODIFIER,
            adjustment=CO4,
            related={_COLUMN_1: [billed.column1]},
        )
        return attrs.evolve(finding, severity=Severity.WARNING)

    def screen(self, facts: UltrasoundFacts) -> bool:
        """Look for a code in a PTP edit with ultrasound."""
        return not facts.day.paired.isdisjoint(facts.procedures)


def _fix(procedure: str, facts: Facts) -> str:
    """Return which modifier fits a separate service; XP does not, for the lines of an encounter are one provider's."""
    modifier = "modifier 25" if facts.is_visit(procedure) else _SEPARATE
    return (
        f"If the record shows that {procedure} was a separate service, append {modifier}; otherwise remove {procedure}."
    )


_COLUMN_1 = "column 1 code of the PTP edit"
_SEPARATE = "XE, XS, XU or an anatomic modifier (59 if none fits)"


class PairBypassedInDoubt(EncounterEdit[Facts]):
    """An NCCI PTP edit is bypassed by the same side on both lines, or by modifier 59 alone.

    Why: a modifier bypasses the PTP edit mechanically, but the same side is not a separate site, and 59 is for what XE,
    XP, XS and XU do not say (NCCI Policy Manual, chapter I). Such lines may be paid first and audited later.
    Fix: if XE, XS or XU says why the service was separate, bill it; otherwise have the record ready.
    """

    meta = make_meta(
        "IVUS304",
        "pair-bypassed-in-doubt",
        "Doubtful bypass of an NCCI PTP edit",
        Severity.INFO,
        PTP,
        fires="37238\n37252-LT\n36005-LT",
        passes="37238\n37252-LT\n36005-RT",
        other_sources=(NCCI_MODIFIERS,),
    )

    @refers_to("IVUS301")
    def check(self, encounter: Encounter, context: Context[Facts]) -> Iterator[Finding]:
        """Look for pairs that nothing bypasses but a side of both lines, or 59; one finding a column 2 line."""
        facts = context.tables
        for pairs in _by_denied_line(encounter, facts):
            doubts = [(billed, modifier) for billed in pairs if (modifier := _doubtful(billed, facts))]
            if doubts and all(billed.bypassing(facts) for billed in pairs):
                yield self._doubted(*doubts[0])

    def _doubted(self, billed: BilledPair, modifier: str) -> Finding:
        line, other = billed.column2, billed.column1
        says = "does not say why it was separate" if modifier == "59" else "is the side of both lines"
        fix = "bill it instead of 59" if modifier == "59" else "append it"
        own = modifier in line.modifiers
        return self.finding(
            line,
            f"The NCCI PTP edit of {line.procedure} with {other.procedure} ({places([other], line)}) is bypassed by "
            f"modifier {modifier}, which {says}.",
            f"If XE, XS or XU fits, {fix}; otherwise have the record of the separate service ready.",
            element=line.modifier_element(line.modifiers.index(modifier)) if own else "SV101-2",
            related={_COLUMN_1: [other]},
        )

    def screen(self, facts: UltrasoundFacts) -> bool:
        """Look for a code in a PTP edit with ultrasound."""
        return not facts.day.paired.isdisjoint(facts.procedures)


def _doubtful(billed: BilledPair, facts: Facts) -> str:
    """Return the modifier of the doubt, or "": nothing else bypasses the pair."""
    modifiers = set(billed.bypassing(facts))
    side = side_of(billed.column2)
    if side and side == side_of(billed.column1):
        modifiers.discard(side)
        if not modifiers:
            return side
    return "59" if modifiers == {"59"} else ""


PAIR_EDITS = (NcciPairBilled, PairBypassedInDoubt)
