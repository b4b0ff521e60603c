"""The structure edit of claims that come twice in a file."""

from __future__ import annotations

import re

import attrs

from scrubber.claims.model import Claim, ServiceLine
from scrubber.claims.repeats import Repeat
from scrubber.findings.finding import Adjustment, Finding, Related, Severity, Source
from scrubber.findings.rule import Example, Meta, RuleStage, statuses
from scrubber.packs.edit import EngineRule

__all__ = ["REPEAT_RULES", "RepeatedClaim", "repeated_claim"]

_MAY_COME_AGAIN = re.compile(
    # Visits: eye, evaluation and management, telehealth; Medicare's preventive ones.
    r"9200[24]|9201[24]|99(?:20[2-9]|2[1-9]\d|[34]\d\d)|980(?:0\d|1[0-6])|G04(?:02|38|39)"
    # Laboratory: CPT 80047 to 89398 and proprietary analyses.
    r"|8\d{4}|\d{4}U"
    # Injections: immune globulins, vaccines, infusions and injections, and the drugs.
    r"|90(?:2[89]\d|[3-7]\d\d)|963[67]\d|J\d{4}",
    re.ASCII,
)
"""Procedures that a patient may well have twice a day, alike in everything that a claim says."""


class RepeatedClaim(EngineRule):
    """A claim bills again what an earlier claim of the file bills.

    Why: payers deny the second of two claims that are equal in patient, payer, providers, dates, places, codes, units,
    charges and modifiers, or pay both and ask for the money back.  The first is judged as if it came alone, and the
    second by nothing else over encounters.  Visits, laboratory tests and injections without a modifier may be two
    services where the claims have different numbers (CLM01), which is a warning.
    Fix: if the second claim bills another service, say so by a modifier, such as 25, 27, 59, 76, 77 or 91; otherwise
    remove it.
    """

    meta = Meta(
        code="X12224",
        name="repeated-claim",
        title="Claim billed again",
        since="0.1",
        stage=RuleStage.STABLE,
        severity=Severity.ERROR,
        sources=(
            Source("ASC X12 claim status 78 (duplicate of an existing claim or line) and CARC 18", "005010X222A1"),
            Source("CPT and HCPCS, visits, laboratory tests and injections; from memory", "edition not known"),
        ),
        statuses=statuses("A8:78"),
        adjustment=Adjustment("CO", "18"),
        examples=(
            Example("claim A\n37238\n37252\nclaim B\n37238\n37252", fires=True),
            Example("claim A\n37238\n37252\nclaim B\n37238-76\n37252-76", fires=False),
        ),
    )


REPEAT_RULES = (RepeatedClaim,)


def repeated_claim(claim: Claim, repeat: Repeat) -> Finding:
    """Return what is wrong with a claim that repeats another."""
    place = f"claim {repeat.earlier} of the file"
    # No more is known of it where the two were not judged together.
    related = (Related("claim that this one repeats", claim_ordinal=repeat.earlier),)
    equal = "equal in patient, payer, providers, dates, places, codes, units, charges and modifiers"
    if repeat.same_number or not all(map(_may_come_again, claim.lines)):
        found = RepeatedClaim.on_claim(
            claim,
            f"This claim repeats {place}: {equal}.",
            f"If this claim bills another service than {place}, say so by a modifier on its lines; otherwise "
            "remove it.",
        )
        return attrs.evolve(found, related=related)
    found = RepeatedClaim.on_claim(
        claim,
        f"This claim may repeat {place}: {equal}, under another CLM01.",
        f"If the services of {place} were done again, say so by a modifier on these lines; otherwise "
        "remove this claim.",
    )
    return attrs.evolve(found, severity=Severity.WARNING, related=related)


def _may_come_again(line: ServiceLine) -> bool:
    return not line.modifiers and _MAY_COME_AGAIN.fullmatch(line.procedure) is not None
