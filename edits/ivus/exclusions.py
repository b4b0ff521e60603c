"""IVUS301 and IVUS302: procedures that CPT excludes with intravascular ultrasound."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs
from attrs import frozen

from edits.ivus.codes import BUNDLED, CO236, ivus_lines, make_meta, places
from edits.ivus.day_facts import UltrasoundFacts
from edits.ivus.editions import CPT
from edits.ivus.facts import Facts
from edits.ivus.pairs import billed_pairs
from scrubber import Context, Encounter, EncounterEdit, Finding, ServiceLine, Severity

__all__ = ["EXCLUSION_EDITS"]

_ROLE = "procedure excluded with ultrasound"


@frozen(eq=False, repr=False)
class _Excluded:
    """An ultrasound line with the excluded procedures of its days, and the modifiers that bypass each NCCI pair."""

    line: ServiceLine
    others: Sequence[ServiceLine]
    bypassing: Sequence[tuple[str, ...]]

    @property
    def codes(self) -> str:
        """The excluded procedures, each once."""
        return ", ".join(dict.fromkeys(other.procedure for other in self.others))

    @property
    def modifiers(self) -> tuple[str, ...]:
        """The modifiers that bypass the pairs; none where one of the pairs is not bypassed."""
        return tuple(dict.fromkeys(each for own in self.bypassing for each in own)) if all(self.bypassing) else ()

    def is_separate(self, facts: Facts) -> bool:
        """Whether the settings take a modifier for a separate session, and each excluded procedure has one."""
        is_strict = facts.option("strict-exclusions") == "true"
        return not is_strict and all(map(facts.separate_modifiers.has_any, self.bypassing))


def _excluded(encounter: Encounter, facts: Facts) -> Iterator[_Excluded]:
    if not facts.exclusions.has_any(encounter.procedures):
        return
    pairs = {(id(pair.column2), id(pair.column1)): pair for pair in billed_pairs(encounter, facts)}
    for line in ivus_lines(encounter):
        others = [
            other
            for other in encounter.on_days_of(line)
            if facts.exclusions.ever(other.procedure)
            and (days := line.common_days(other)) is not None
            and facts.exclusion_on(other.procedure, days)
        ]
        if others:
            found = [pairs.get((id(line), id(other))) for other in others]
            yield _Excluded(line, others, [pair.bypassing(facts) if pair is not None else () for pair in found])


class IvusWithExcludedProcedure(EncounterEdit[Facts]):
    """Intravascular ultrasound is billed with an IVC filter procedure or a foreign body retrieval.

    Why: 37191, 37192, 37193 and 37197 include imaging guidance, and CPT excludes 37252 and 37253 with them. NCCI has
    PTP edits with modifier indicator 1, for separate sessions: a modifier bypasses them, and the payment may be taken
    back.
    Fix: remove the ultrasound line. For payers that take separate sessions, the option strict-exclusions = false under
    [packs.IVUS] makes it a warning (IVUS302) where XE, XS or 59 says so.
    """

    meta = make_meta(
        "IVUS301",
        "ivus-with-excluded-procedure",
        "Ultrasound with an excluded procedure",
        Severity.ERROR,
        CPT,
        fires="37191\n36010\n37252",
        passes="37238\n37252",
        status=BUNDLED,
        adjustment=CO236,
    )

    def check(self, encounter: Encounter, context: Context[Facts]) -> Iterator[Finding]:
        """Look for an excluded procedure on a common day."""
        facts = context.tables
        is_strict = facts.option("strict-exclusions") == "true"
        for found in _excluded(encounter, facts):
            if found.is_separate(facts):
                continue
            line, bypass = found.line, ""
            if found.modifiers:
                are = "bypasses" if len(found.modifiers) == 1 else "bypass"
                bypass = f"; {' and '.join(found.modifiers)} {are} the PTP edit"
            finding = self.finding(
                line,
                f"{line.procedure} is billed with {found.codes} ({places(found.others, line)}), with which it is not "
                f"separately reportable in one session (CPT rule; NCCI allows separate sessions{bypass}).",
                f"Remove {line.procedure}."
                if is_strict
                else f"If the record shows a separate session, append XE; otherwise remove {line.procedure}.",
                element="SV101-2",
                related={_ROLE: found.others},
            )
            # A payer that looks at the pair alone would pay the line.
            yield attrs.evolve(finding, adjustment=None) if found.modifiers else finding

    def screen(self, facts: UltrasoundFacts) -> bool:
        """Look for an excluded procedure."""
        return not facts.day.excluded.isdisjoint(facts.procedures)


class ModifierDoesNotLiftExclusion(EncounterEdit[Facts]):
    """A modifier says that ultrasound and an IVC filter or foreign body procedure were separate sessions or vessels.

    Why: XE, XS and 59 bypass the PTP edits of 37191, 37192, 37193 and 37197, but CPT excludes ultrasound in the same
    session, so the line may be paid and taken back later. With the option strict-exclusions = false under
    [packs.IVUS], this warning takes the place of IVUS301.
    Fix: if it was one session, remove the ultrasound line, not just the modifier; otherwise have the record of the
    separate session ready.
    """

    meta = make_meta(
        "IVUS302",
        "modifier-does-not-lift-exclusion",
        "Modifier does not bypass the exclusion",
        Severity.WARNING,
        CPT,
        fires="37191\n36010\n37252-XE",
        passes="37191\n36010\n37252",
        option=("strict-exclusions", False),
    )

    def check(self, encounter: Encounter, context: Context[Facts]) -> Iterator[Finding]:
        """Look for XE, XS or 59 on lines that IVUS301 would find, where the settings ask for it."""
        facts = context.tables
        for found in _excluded(encounter, facts):
            if not found.is_separate(facts):
                continue
            line = found.line
            modifier = next(each for own in found.bypassing for each in own if facts.separate_modifiers.ever(each))
            own = modifier in line.modifiers
            yield self.finding(
                line,
                f"Modifier {modifier} says that {line.procedure} was separate from {found.codes} "
                f"({places(found.others, line)}); CPT excludes the two in one session.",
                f"If it was one session, remove {line.procedure}; otherwise have the record of the separate session "
                "ready.",
                element=line.modifier_element(line.modifiers.index(modifier)) if own else "SV101-2",
                related={_ROLE: found.others},
            )

    def screen(self, facts: UltrasoundFacts) -> bool:
        """Look for an excluded procedure."""
        return not facts.day.excluded.isdisjoint(facts.procedures)


EXCLUSION_EDITS = (IvusWithExcludedProcedure, ModifierDoesNotLiftExclusion)
