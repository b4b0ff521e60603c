"""IVUS3xx: procedures that include intravascular ultrasound or are included in it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from attrs import frozen

from edits.codes import CPT, CR11168, IVUS, ivus_lines, make_meta, modified_lines, places
from edits.facts import Facts, Pair
from scrubber import (
    Adjustment,
    Context,
    DateRange,
    Encounter,
    EncounterEdit,
    Finding,
    ServiceLine,
    Severity,
    statuses,
)

__all__ = ["EXCLUSION_EDITS", "BilledPair", "billed_pairs"]

_BUNDLED = statuses("A8:732", "A8:507", "A8:735")
_CO236 = Adjustment("CO", "236")


@frozen(eq=False)
class BilledPair:
    """A procedure-to-procedure edit whose two codes are billed on common days."""

    pair: Pair
    column1: ServiceLine
    column2: ServiceLine
    days: DateRange

    def is_lifted(self, facts: Facts) -> bool:
        """Whether the pair has indicator 1 and carries a modifier that lifts it.

        Any NCCI-associated modifier does so on the column 2 line; 59 and XE, XP, XS, XU also on the column 1 line, for
        dates from 2019-07-01 (CMS CR 11168).
        """
        if self.pair.modifier_indicator != "1":
            return False
        if any(facts.ncci_modifiers.ever(modifier) for modifier in self.column2.modifiers):
            return True
        rows = [row for modifier in self.column1.modifiers for row in facts.ncci_modifiers.ever(modifier)]
        return any(row.either_column_from is not None and row.either_column_from <= self.days.first for row in rows)


@lru_cache(maxsize=4)
def billed_pairs(encounter: Encounter, facts: Facts) -> tuple[BilledPair, ...]:
    """Give the active pairs between intravascular ultrasound lines and the other lines of the encounter."""
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


def _excluded_with(line: ServiceLine, encounter: Encounter, facts: Facts) -> list[ServiceLine]:
    if not facts.exclusions.has_any(encounter.procedures):
        return []
    return [
        other
        for other in encounter.on_days_of(line)
        if facts.exclusions.ever(other.procedure)
        and (days := line.common_days(other)) is not None
        and facts.exclusion_on(other.procedure, days)
    ]


class IvusWithExcludedProcedure(EncounterEdit[Facts]):
    """Intravascular ultrasound is billed with an IVC filter procedure or a foreign body retrieval.

    Why: 37191, 37192, 37193 and 37197 include imaging guidance; CPT never allows 37252 or 37253 with them, with or
    without a modifier.
    Fix: remove the ultrasound line.
    """

    meta = make_meta(
        "IVUS301",
        "ivus-with-excluded-procedure",
        Severity.ERROR,
        CPT,
        fires="37191\n36010\n37252",
        passes="37238\n37252",
        status=_BUNDLED,
        adjustment=_CO236,
    )

    def check(self, encounter: Encounter, context: Context[Facts]) -> Iterator[Finding]:
        """Look for an excluded procedure on a common day."""
        for line in ivus_lines(encounter):
            found = _excluded_with(line, encounter, context.tables)
            if found:
                codes = ", ".join(dict.fromkeys(other.procedure for other in found))
                yield self.finding(
                    line,
                    f"{line.procedure} is never reported with {codes} ({places(found, line)}).",
                    f"Remove {line.procedure}; no modifier makes it reportable.",
                    element="SV101-2",
                )


class ModifierDoesNotLiftExclusion(EncounterEdit[Facts]):
    """A modifier on the ultrasound line tries to lift the exclusion with an IVC filter or foreign body procedure.

    Why: the modifier passes the NCCI pair mechanically, so the line may be paid and taken back later; CPT forbids it.
    Fix: remove the ultrasound line, not just the modifier.
    """

    meta = make_meta(
        "IVUS302",
        "modifier-does-not-lift-exclusion",
        Severity.WARNING,
        CPT,
        fires="37191\n36010\n37252-59",
        passes="37191\n36010\n37252",
    )

    def check(self, encounter: Encounter, context: Context[Facts]) -> Iterator[Finding]:
        """Look for an NCCI-associated modifier on a line that IVUS301 finds."""
        facts = context.tables
        for line in modified_lines(encounter):
            lifting = [modifier for modifier in line.modifiers if facts.ncci_modifiers.ever(modifier)]
            excluded = _excluded_with(line, encounter, facts)
            if lifting and excluded:
                modifiers = f"Modifier {lifting[0]} does" if len(lifting) == 1 else f"Modifiers {', '.join(lifting)} do"
                yield self.finding(
                    line,
                    f"{modifiers} not make {line.procedure} reportable with {excluded[0].procedure}.",
                    f"Remove the {line.procedure} line.",
                    element=line.modifier_element(line.modifiers.index(lifting[0])),
                )


class NcciPairBilled(EncounterEdit[Facts]):
    """A procedure of the encounter is included in intravascular ultrasound, or includes it (NCCI PTP edit).

    Why: payers deny the column 2 code of an active pair. Indicator 0: always. Indicator 1: unless a modifier says
    that the service was separate. The days on which pairs began are not known; 2016-01-01 is used.
    Fix: remove the included procedure; for indicator 1, if it was a separate service, say so with the right modifier.
    """

    meta = make_meta(
        "IVUS303",
        "ncci-pair",
        Severity.ERROR,
        CR11168,
        fires="37238\n37252\n36005",
        passes="37238\n37252\n36005-LT",
        status=_BUNDLED,
        adjustment=_CO236,
    )

    def check(self, encounter: Encounter, context: Context[Facts]) -> Iterator[Finding]:
        """Look for active pairs, other than those of IVUS301, that no modifier lifts; one finding a column 2 line."""
        facts = context.tables
        denied: dict[int, list[BilledPair]] = {}
        for billed in billed_pairs(encounter, facts):
            excluded = facts.exclusion_on(billed.column1.procedure, billed.days)
            if not excluded and not billed.is_lifted(facts):
                denied.setdefault(id(billed.column2), []).append(billed)
        for pairs in denied.values():
            line = pairs[0].column2
            codes = ", ".join(dict.fromkeys(billed.column1.procedure for billed in pairs))
            absolute = any(billed.pair.modifier_indicator == "0" for billed in pairs)
            indicator = "0: no modifier lifts it" if absolute else "1: no modifier says that it was separate"
            yield self.finding(
                line,
                f"{line.procedure} is included in {codes} (NCCI pair, indicator {indicator}).",
                f"Remove {line.procedure}." if absolute else _fix(line.procedure),
                element="SV101-2",
            )


def _fix(procedure: str) -> str:
    """Say which modifier fits a separate service: 25 for a visit, else 59, XE, XP, XS, XU or an anatomic one."""
    is_visit = "99202" <= procedure <= "99499" or procedure in {"92012", "92014"}
    modifier = "25" if is_visit else "59, XE, XP, XS, XU or an anatomic modifier"
    return f"Remove {procedure}, or, if it was a separate service and the record shows it, append modifier {modifier}."


EXCLUSION_EDITS = (IvusWithExcludedProcedure, ModifierDoesNotLiftExclusion, NcciPairBilled)
