"""IVUS6xx: money that is left behind, and codes of the other kind of claim."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from edits.ivus.codes import INITIAL, ivus_lines, make_meta, sessions
from edits.ivus.day_facts import UltrasoundFacts
from edits.ivus.editions import CENTER, PTP
from edits.ivus.facts import Facts
from edits.ivus.primaries import primaries_in
from scrubber import Context, Encounter, EncounterEdit, Finding, ServiceLine, Severity

__all__ = ["CATHETER_EDITS"]


def _primaries(lines: Iterable[ServiceLine], encounter: Encounter, facts: Facts) -> tuple[ServiceLine, ...]:
    """Return the primary procedures of ultrasound lines, in file order; 37252 is none here, though listed for 37253."""
    found = dict.fromkeys(primary for line in lines for primary in primaries_in(encounter, line, facts))
    primaries = [primary for primary in found if primary.procedure != INITIAL]
    return tuple(sorted(primaries, key=lambda primary: (primary.claim.ordinal, primary.number)))


class CatheterPlacementNotBilled(EncounterEdit[Facts]):
    """The primary procedures do not include catheter placement, and none is billed.

    Why: for these families catheter placement is separately reportable, so its payment may be missing.
    Fix: if a catheter was placed and the record shows where, bill the catheter placement code.
    """

    meta = make_meta(
        "IVUS601",
        "catheter-placement-not-billed",
        "Catheter placement not billed",
        Severity.INFO,
        PTP,
        fires="37238\n37252",
        passes="37238\n36012\n37252",
    )

    def check(self, encounter: Encounter, context: Context[Facts]) -> Iterator[Finding]:
        """Look for primary procedures of such families only, without any catheter code."""
        facts = context.tables
        for lines in sessions(encounter):
            primaries = _primaries(lines, encounter, facts)
            same_days = {other.procedure for line in lines for other in encounter.on_days_of(line)}
            if not primaries or facts.catheter_codes.has_any(same_days) or _includes_placement(same_days, facts):
                continue
            families = [row for primary in primaries for row in facts.base_families.ever(primary.procedure)]
            if len(families) == len(primaries) and all(row.catheter_placement == "no" for row in families):
                yield self.finding(
                    primaries[0],
                    f"{primaries[0].procedure} does not include catheter placement, and none is billed for that date.",
                    "If a catheter was placed and the record shows where, bill its placement code (such as "
                    "36010-36248).",
                    element="SV101-2",
                )

    def screen(self, facts: UltrasoundFacts) -> bool:
        """Look for a primary procedure without catheter placement, and for the placement."""
        day, billed = facts.day, facts.procedures
        return not day.without_placement.isdisjoint(billed) and day.placements.isdisjoint(billed)


def _includes_placement(procedures: Iterable[str], facts: Facts) -> bool:
    """Whether a code among `procedures`, which may be retired, includes catheter placement."""
    families = (row for procedure in procedures for row in facts.base_families.ever(procedure))
    return any(row.catheter_placement == "yes" for row in families)


class FacilityCodeOnProfessionalClaim(EncounterEdit[Facts]):
    """A primary procedure is a C code, which only facilities bill.

    Why: C codes are for outpatient hospital claims (837I) and for ambulatory surgical centers, which bill them on an
    837P (taxonomy 261QA1903X, or place of service 24 without an individual rendering provider). On any other 837P the
    primary procedure is denied, and the ultrasound with it.
    Fix: if an ambulatory surgical center bills, add its taxonomy (2000A PRV03); otherwise bill the professional
    procedure code.
    """

    meta = make_meta(
        "IVUS602",
        "facility-code-on-professional-claim",
        "Facility code on a professional claim",
        Severity.WARNING,
        CENTER,
        fires="C9764\n37252",
        passes="37238\n37252",
    )

    def check(self, encounter: Encounter, context: Context[Facts]) -> Iterator[Finding]:
        """Look for primary codes that begin with C."""
        if not any(procedure.startswith("C") for procedure in encounter.procedures):
            return
        for primary in _primaries(ivus_lines(encounter), encounter, context.tables):
            if primary.procedure.startswith("C") and not _is_of_surgery_center(primary):
                yield self.finding(
                    primary,
                    f"{primary.procedure} is a facility code on a professional claim (837P).",
                    "If an ambulatory surgical center bills, add its taxonomy 261QA1903X (2000A PRV03); otherwise bill "
                    "the professional procedure code.",
                    element="SV101-2",
                )

    def screen(self, facts: UltrasoundFacts) -> bool:
        """Look for codes that begin with C."""
        return any(procedure.startswith("C") for procedure in facts.procedures)


def _is_of_surgery_center(line: ServiceLine) -> bool:
    """Whether an ambulatory surgical center bills the line."""
    is_individual = line.rendering_provider.entity_type == "1"
    return line.claim.billing_provider.is_surgery_center or (line.place_of_service == "24" and not is_individual)


CATHETER_EDITS = (CatheterPlacementNotBilled, FacilityCodeOnProfessionalClaim)
