"""IVUS4xx: modifiers on intravascular ultrasound lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from edits.ivus.codes import CO4, CORONARY, INITIAL, MODIFIER, make_meta, modified_lines
from edits.ivus.day_facts import UltrasoundFacts
from edits.ivus.editions import GUIDE, NCCI_MANUAL, PFS, PTP
from edits.ivus.facts import Facts
from edits.ivus.found import refers_to
from edits.ivus.pairs import billed_pairs
from scrubber import (
    CodeForm,
    Context,
    Encounter,
    EncounterEdit,
    Finding,
    ServiceLine,
    Severity,
    statuses,
)

__all__ = ["MODIFIER_EDITS"]


def _place(line: ServiceLine, modifier: str) -> str:
    """Return the element that holds a modifier."""
    return line.modifier_element(line.modifiers.index(modifier))


class _ModifierKind(EncounterEdit[Facts]):
    """Looks for modifiers of one kind of the table `modifiers`; the subclasses say which and what it means."""

    kind: ClassVar[str]
    wrong: ClassVar[str]
    fix: ClassVar[str]

    @refers_to("IVUS301")
    def check(self, encounter: Encounter, context: Context[Facts]) -> Iterator[Finding]:
        """Look for the modifiers of this kind on intravascular ultrasound lines."""
        for line in modified_lines(encounter):
            for modifier in context.tables.modifiers_of_kind(line, self.kind):
                message = f"Modifier {modifier} on {line.procedure}: {self.wrong}."
                fix = self.fix_of(line).format(modifier=modifier)
                yield self.finding(line, message, fix, element=_place(line, modifier))

    def fix_of(self, line: ServiceLine) -> str:
        """Return what to do about the line, with "{modifier}" for the modifier."""
        del line
        return self.fix

    def screen(self, facts: UltrasoundFacts) -> bool:
        """Look for a modifier of this kind on ultrasound lines."""
        return self.kind in facts.kinds


class BilateralModifier(_ModifierKind):
    """Modifier 50 is on an intravascular ultrasound line.

    Why: the bilateral indicator of 37252 and 37253 is 0, and CPT forbids modifier 50 on add-on codes.
    Fix: remove the modifier; a bilateral evaluation is two vessels: 37252 x1 and 37253 x1, or two units of 37253 after
    another vessel.
    """

    meta = make_meta(
        "IVUS401",
        "bilateral-modifier",
        "Bilateral modifier",
        Severity.ERROR,
        PFS,
        fires="37238\n37252-50",
        passes="37238-50\n37252",
        status=MODIFIER,
        adjustment=CO4,
    )
    kind = "bilateral"
    wrong = "the bilateral indicator is 0"
    fix = (
        "Remove modifier 50; if both sides were examined, they are two vessels: bill 37252 x1 and 37253 x1, or one "
        "more unit where 37253 is already billed."
    )

    def fix_of(self, line: ServiceLine) -> str:
        """Return what to do about the line; an additional vessel on both sides is two of 37253."""
        additional = "Remove modifier 50; if both sides were examined, they are two vessels: bill 37253 x2."
        return self.fix if line.procedure == INITIAL else additional


class ComponentModifier(_ModifierKind):
    """Modifier 26 or TC is on an intravascular ultrasound line.

    Why: the PC/TC indicator is 0: the code has no professional and technical component to split.
    Fix: remove the modifier; the place of service sets the amount.
    """

    meta = make_meta(
        "IVUS402",
        "component-modifier",
        "Component modifier",
        Severity.ERROR,
        PFS,
        fires="37238\n37252-26",
        passes="75825-26\n37252",
        status=MODIFIER,
        adjustment=CO4,
    )
    kind = "component"
    wrong = "the code has no professional or technical component (PC/TC indicator 0)"
    fix = "Remove modifier {modifier}; the place of service sets the amount."


class MultipleProcedureModifier(_ModifierKind):
    """Modifier 51 is on an intravascular ultrasound line.

    Why: add-on codes are exempt from it (multiple procedure indicator 0); some payers cut the payment.
    Fix: remove the modifier.
    """

    meta = make_meta(
        "IVUS403",
        "multiple-procedure-modifier",
        "Multiple procedure modifier",
        Severity.WARNING,
        PFS,
        fires="37238\n37252-51",
        passes="37238-51\n37252",
    )
    kind = "multiple-procedure"
    wrong = "add-on codes are exempt from it"
    fix = "Remove modifier 51."


class RepeatModifier(_ModifierKind):
    """Modifier 76 or 77 is on an intravascular ultrasound line.

    Why: a vessel is billed once however often it is imaged, and the modifier does not bypass the MUE.
    Fix: remove the modifier; if the line repeats another one, remove the line.
    """

    meta = make_meta(
        "IVUS405",
        "repeat-modifier",
        "Repeat procedure modifier",
        Severity.WARNING,
        NCCI_MANUAL,
        fires="37238\n37252-76",
        passes="37238-76\n37252",
    )
    kind = "repeat"
    wrong = "a vessel is billed once however often it is imaged, and a repeat modifier does not bypass the MUE"
    fix = "Remove modifier {modifier}; if the line repeats another one, remove the line."

    @refers_to("IVUS701")
    def check(self, encounter: Encounter, context: Context[Facts]) -> Iterator[Finding]:
        """Look for 76 and 77; what to do with a line that bills another one again, IVUS701 says."""
        yield from super().check(encounter, context)


class AssistantModifier(_ModifierKind):
    """An assistant surgeon modifier (80, 81, 82, AS) is on an intravascular ultrasound line.

    Why: the assistant indicator is 0: paid only with documentation of medical necessity.
    Fix: if the record shows that an assistant was necessary, send it; otherwise remove the assistant's line.
    """

    meta = make_meta(
        "IVUS406",
        "assistant-modifier",
        "Assistant surgeon modifier",
        Severity.WARNING,
        PFS,
        fires="37238\n37252-80",
        passes="37238-80\n37252",
    )
    kind = "assistant"
    wrong = "an assistant is paid only with documentation of medical necessity (indicator 0)"
    fix = "If the record shows that an assistant was necessary, send it; otherwise remove the assistant's line."


class TeamModifier(_ModifierKind):
    """Modifier 66 is on an intravascular ultrasound line.

    Why: the team surgery indicator is 0: a team is not paid for the code.
    Fix: remove the modifier.
    """

    meta = make_meta(
        "IVUS407",
        "team-modifier",
        "Team surgery modifier",
        Severity.ERROR,
        PFS,
        fires="37238\n37252-66",
        passes="37238-66\n37252",
        status=MODIFIER,
        adjustment=CO4,
    )
    kind = "team"
    wrong = "team surgery is not paid for the code (indicator 0)"
    fix = "Remove modifier 66."


class CoSurgeonModifier(_ModifierKind):
    """Modifier 62 is on an intravascular ultrasound line.

    Why: the co-surgeon indicator is 1: two surgeons are paid only with documentation that both were needed.
    Fix: if the record shows that two surgeons were needed, send it; otherwise remove the modifier.
    """

    meta = make_meta(
        "IVUS408",
        "co-surgeon-modifier",
        "Co-surgeon modifier",
        Severity.INFO,
        PFS,
        fires="37238\n37252-62",
        passes="37238-62\n37252",
    )
    kind = "co-surgeon"
    wrong = "two surgeons are paid only with documentation that both were needed (indicator 1)"
    fix = "If the record shows that two surgeons were needed, send it; otherwise remove modifier 62."


class NeedlessUnbundlingModifier(EncounterEdit[Facts]):
    """A modifier does not fit the ultrasound: 59 or an X modifier without a PTP edit, or one of a coronary vessel.

    Why: unbundling modifiers (59, XE, XP, XS, XU) without an NCCI PTP edit that needs them may draw audits. LC, LD, RC,
    LM and RI name coronary vessels; 37252 and 37253 are for others.
    Fix: if a coronary vessel was examined, bill 92978 or 92979 instead; otherwise remove the modifier.
    """

    meta = make_meta(
        "IVUS409",
        "needless-unbundling-modifier",
        "Needless unbundling or coronary modifier",
        Severity.INFO,
        PTP,
        fires="37238\n37252-59",
        passes="37238\n36005\n37252-59",
    )

    @refers_to("IVUS301", "IVUS701")
    def check(self, encounter: Encounter, context: Context[Facts]) -> Iterator[Finding]:
        """Look for a coronary modifier, and for the others on a line that is in no pair with indicator 1."""
        facts = context.tables
        paired: frozenset[int] = _paired(encounter, facts) if modified_lines(encounter) else frozenset()
        for line in modified_lines(encounter):
            coronary = facts.modifiers_of_kind(line, "coronary")
            kinds = ("coronary",) if id(line) in paired else ("coronary", "unbundling")
            for modifier in facts.modifiers_of_kind(line, *kinds):
                if modifier in coronary:
                    wrong = f" names a coronary vessel, and {line.procedure} is for other vessels"
                    instead = f"{CORONARY[line.procedure]} instead of {line.procedure}"
                    fix = f"If a coronary vessel was examined, bill {instead}; otherwise remove modifier {modifier}."
                else:
                    wrong = ": no NCCI PTP edit that is known for this date needs it"
                    fix = f"Remove modifier {modifier}."
                yield self.finding(
                    line,
                    f"Modifier {modifier} on {line.procedure}{wrong}.",
                    fix,
                    element=_place(line, modifier),
                )

    def screen(self, facts: UltrasoundFacts) -> bool:
        """Look for a coronary or unbundling modifier on ultrasound lines."""
        return "coronary" in facts.kinds or "unbundling" in facts.kinds


def _paired(encounter: Encounter, facts: Facts) -> frozenset[int]:
    """Return the lines of the encounter, by `id`, that are in a pair with indicator 1."""
    pairs = [billed for billed in billed_pairs(encounter, facts) if billed.pair.modifier_indicator == "1"]
    return frozenset(id(line) for billed in pairs for line in (billed.column1, billed.column2))


class MalformedModifier(EncounterEdit[Facts]):
    """A modifier of the encounter is not two letters or digits, or is twice on a line.

    Why: receivers reject the line, and a rejected primary procedure takes its add-on codes with it.
    Fix: correct or remove the modifier.
    """

    meta = make_meta(
        "IVUS410",
        "malformed-modifier",
        "Malformed or repeated modifier",
        Severity.ERROR,
        GUIDE,
        fires="37238\n37252-LT-LT",
        passes="37238\n37252-LT",
        status=statuses("A7:453"),
        adjustment=CO4,
        effective=None,  # the form of a modifier does not depend on the date
    )

    def check(self, encounter: Encounter, context: Context[Facts]) -> Iterator[Finding]:
        """Look at every modifier of every line of the encounter."""
        del context
        for line in encounter.lines:
            for position, modifier in enumerate(line.modifiers):
                well_formed = CodeForm.MODIFIER.fits(modifier)
                if well_formed and modifier not in line.modifiers[:position]:
                    continue
                # A malformed modifier may be anything, a name even, so it is not quoted.
                element = line.modifier_element(position)
                wrong = f"Modifier {modifier} is on line {line.number} twice."
                fix = f"Remove one {modifier}, or correct it if another modifier was meant."
                if not well_formed:
                    wrong = f"A modifier of line {line.number} is not two letters or digits."
                    fix = "Correct the modifier, or remove it."
                yield self.finding(line, wrong, fix, element=element)

    def screen(self, facts: UltrasoundFacts) -> bool:
        """Look at every modifier."""
        for modifiers in facts.modifiers:
            if len(set(modifiers)) < len(modifiers) or not all(map(CodeForm.MODIFIER.fits, modifiers)):
                return True
        return False


MODIFIER_EDITS = (
    BilateralModifier,
    ComponentModifier,
    MultipleProcedureModifier,
    RepeatModifier,
    AssistantModifier,
    TeamModifier,
    CoSurgeonModifier,
    NeedlessUnbundlingModifier,
    MalformedModifier,
)
