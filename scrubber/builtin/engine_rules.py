"""The rules of the scrubber itself: what it reports where claims could not be judged as they should."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from scrubber.claims.model import Claim
from scrubber.errors import place_of_error
from scrubber.findings.finding import Finding, Severity, Source
from scrubber.findings.rule import own_meta
from scrubber.packs.edit import EngineRule, related_places

__all__ = [
    "OWN_RULES",
    "EditCrashed",
    "NotJudgedTogether",
    "ReliesOnRejectedClaim",
    "crash",
    "not_together",
    "relies_on",
]


class EditCrashed(EngineRule):
    """An edit raised an error instead of an answer.

    Why: the claim was not judged by that edit, so it is not accepted.  The other edits still ran.
    Fix: report the code of the edit and the place named in the message to whoever maintains the plugin.
    """

    meta = own_meta(
        "SCR901",
        "edit-crashed",
        "Edit crashed",
        Severity.ERROR,
        Source("x12-claim-scrubber: how it runs edits", "0.1"),
        mandatory=True,
    )


class ReliesOnRejectedClaim(EngineRule):
    """A claim is without errors only because of another claim of the file, which is rejected.

    Why: the rejected claim does not go out now, and without it the payer denies this one: it lacks its primary
    procedure or its initial vessel.
    Fix: correct the rejected claim, and send both together.
    """

    meta = own_meta(
        "SCR902",
        "relies-on-rejected-claim",
        "Relies on a rejected claim",
        Severity.ERROR,
        Source("x12-claim-scrubber: how it judges claims together", "0.1"),
    )


class NotJudgedTogether(EngineRule):
    """The claims of a patient, or the lines of one encounter, are too many to be judged together.

    Why: the primary procedure or more units may be on another of them.  More than 1,000 claims of a patient in a
    file, or 150 lines of one provider on connected dates, are no real patient's: one identifier is used for many.
    Fix: give each patient its own member identifier (2010BA NM109), or a name and birth date.
    """

    meta = own_meta(
        "SCR903",
        "not-judged-together",
        "Too many claims or lines to be judged together",
        Severity.ERROR,
        Source("x12-claim-scrubber: how it judges claims together", "0.1"),
        mandatory=True,
    )


OWN_RULES = (EditCrashed, ReliesOnRejectedClaim, NotJudgedTogether)


def relies_on(finding: Finding, rejected: Sequence[Claim]) -> Finding:
    """Turn what is found without the rejected claims into a finding that names them by their place in the file."""
    meta = ReliesOnRejectedClaim.meta
    ordinals = " and ".join(str(claim.ordinal) for claim in rejected)
    which = f"{'claims' if len(rejected) > 1 else 'claim'} {ordinals} of the file"
    return attrs.evolve(
        finding,
        code=meta.code,
        name=meta.name,
        severity=meta.severity,
        message=f"This claim relies on {which}, rejected here. Without it: {finding.code}, {finding.message}",
        fix=f"Correct {which} and send both together, or correct this claim so that it is payable on its own.",
        source=meta.sources[0],
        related=related_places({"rejected claim": rejected}),
    )


def not_together(claim: Claim, what: str) -> Finding:
    """Report that a claim was not judged with those it belongs to."""
    return NotJudgedTogether.on_claim(
        claim,
        f"{what} are too many to be judged together, so that was not done.",
        "Give each patient its own member identifier (2010BA NM109), or a name and birth date.",
    )


def crash(what: str, claim: Claim, error: BaseException) -> Finding:
    """Report that foreign code crashed on a claim."""
    return EditCrashed.on_claim(
        claim,
        f"{what} crashed with {place_of_error(error)}; the claim is not accepted.",
        "Report this to the maintainer of the edit; other edits still ran.",
    )
