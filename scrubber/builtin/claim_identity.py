"""The rules about the identity of patient and provider: claims without one are never taken for one patient's.

Only claims that an edit over encounters judges are asked, so the engine asks, which knows them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import chain, islice

import attrs

from scrubber.claims.model import Claim
from scrubber.claims.patients import Patient, is_patient_known, is_somebody, patients_of
from scrubber.findings.finding import Finding, Severity, Source
from scrubber.findings.rule import own_meta, statuses
from scrubber.packs.edit import EngineRule

__all__ = ["IDENTITY_RULES", "IdentityMissing", "PatientContradicted", "contradictions", "missing_identity"]


class IdentityMissing(EngineRule):
    """The patient, the payer or a provider of a claim has no identity.

    Why: who a service was done for and by decides which primary procedure and which units count with it; without an
    identity everybody would be one.  A patient is known by the member identifier, or by name and birth date; a payer by
    identifier or name; a provider by NPI, tax or other identifier (REF), or name.
    Fix: name the patient (2010BA, 2010CA), the payer (2010BB) and the providers (2010AA, 2310B, 2420A).
    """

    meta = own_meta(
        "X12215",
        "identity-missing",
        "Patient, payer or provider without identity",
        Severity.ERROR,
        Source("ASC X12N 005010X222A1 implementation guide, 2010AA, 2010BA, 2010BB and 2010CA", "005010X222A1"),
        status=statuses("A7:481"),
        mandatory=True,
        fires="claim patient= born=none\n37238\n37252",
        passes="37238\n37252",
    )


class PatientContradicted(EngineRule):
    """Claims with one member identifier name two patients.

    Why: they are two persons (a family under one identifier, a newborn, a sponsor) or one with a typing error, and that
    decides which primary procedure and which units count together.  Where name and birth date both differ, they are
    two patients (info).  Where one differs, the claims are judged apart, and the message says what judging them
    together would have found.  A Medicare Beneficiary Identifier is one patient's.
    Fix: if a name, birth date (2010BA NM103, NM104, DMG02) or member identifier (NM109) is wrong, correct it.
    """

    meta = own_meta(
        "X12216",
        "patient-contradicted",
        "Two patients with one member identifier",
        Severity.WARNING,
        Source("ASC X12N 005010X222A1 implementation guide, 2010BA and 2010CA", "005010X222A1"),
        Source("CMS, form of the Medicare Beneficiary Identifier (edit X222.121.2010BA.NM109.020)", "2020-01-01"),
        fires="claim A name=SMITH,JOE born=19400101\n37238\nclaim B name=JONES,AMY born=19900101\n37252",
        passes="claim A\n37238\nclaim B\n37252",
    )


IDENTITY_RULES = (IdentityMissing, PatientContradicted)

Together = Callable[[Sequence[Claim]], Mapping[int, str]]
"""Returns by ordinal what judging claims as one patient's would have changed, "" for nothing."""


def missing_identity(claim: Claim) -> Finding | None:
    """Return what is wrong with a claim whose patient, payer or a provider nobody can tell from others."""
    known = {
        "the patient (2010BA, 2010CA) has neither an identifier nor a name with birth date": is_patient_known(claim),
        "the payer (2010BB) has neither identifier nor name": any(claim.payer.key),
        "the billing provider (2010AA) has neither identifier nor name": any(claim.billing_key[1:]),
        "the rendering provider (2310B, 2420A) has neither identifier nor name": all(
            any(line.rendering_key[1:]) or line.rendering_provider is claim.billing_provider for line in claim.lines
        ),
    }
    missing = [what for what, is_known in known.items() if not is_known]
    if not missing:
        return None
    message = "; ".join(missing)
    fix = f"Name {' and '.join(what.partition(' has ')[0] for what in missing)}."
    return IdentityMissing.on_claim(claim, f"{message[0].upper()}{message[1:]}.", fix)


def contradictions(claims: Sequence[Claim], asked: AbstractSet[int], together: Together) -> Iterator[Finding]:
    """Yield what names and birth dates say against the member identifier, for the claims with ordinals `asked`."""
    patients = [patient for patient in patients_of(claims) if is_somebody(patient.claims[0])]
    subscribers = [claim for patient in patients if patient.is_subscriber for claim in patient.claims]
    for similar in _similar(patients):
        alike = [claim for patient in similar for claim in patient.claims]
        if asked.isdisjoint(claim.ordinal for claim in alike):
            continue
        changed: Mapping[int, str] = together(alike) if len(similar) > 1 else {}
        for patient in similar:
            own = {claim.ordinal for claim in patient.claims}
            for claim in (claim for claim in patient.claims if claim.ordinal in asked):
                if patient.contradicted:
                    yield _contradiction(claim, patient.claims, {claim.ordinal}, "or", _ONE_PATIENT)
                elif len(similar) > 1:
                    yield _contradiction(claim, alike, own, "or", _JUDGED_APART.format(changed[claim.ordinal]))
                elif patient.is_subscriber and len(subscribers) > len(own):
                    found = _contradiction(claim, subscribers, own, "and", "They were judged as two patients.")
                    yield attrs.evolve(found, severity=Severity.INFO)


_NAMED = 3
"""Claims that a message names."""

_ONE_PATIENT = "A Medicare Beneficiary Identifier is one patient's, so they were judged together."
_JUDGED_APART = "They were judged apart; judged together, this claim would have {}."


def _contradiction(claim: Claim, claims: Sequence[Claim], own: AbstractSet[int], joint: str, judged: str) -> Finding:
    """Return a finding on a claim that names those of `claims` whose ordinals are not `own`."""
    apart = (other for other in claims if other.ordinal not in own)
    named = list(islice(apart, _NAMED))
    others = [str(other.ordinal) for other in named]
    more = len(claims) - len(own) - len(others)
    places = f"{', '.join(others)} and {more} more" if more else " and ".join(others)
    have = "Claims {} of the file have" if more or len(others) > 1 else "Claim {} of the file has"
    message = (
        f"{have.format(places)} the same member identifier as this claim, but a different name {joint} birth date. "
    )
    fix = "If a name, birth date or member identifier (2010BA, 2010CA) is wrong, correct it."
    return PatientContradicted.on_claim(
        claim, message + judged, fix, {"claim with the same member identifier": chain(named, apart)}
    )


def _similar(patients: Sequence[Patient]) -> Iterator[list[Patient]]:
    """Yield the patients in groups of those that differ, or are connected by others that differ, in one point only.

    Dependents of one birth date are twins or a couple, whom nobody takes for one.
    """
    if not all(patient.name or patient.birth_date for patient in patients):
        yield list(patients)  # one of them may be any of the others
        return
    sharing: dict[tuple[str, str], list[Patient]] = defaultdict(list)
    for patient in patients:
        for point in _points(patient):
            sharing[point].append(patient)
    left = {id(patient): patient for patient in patients}
    while left:
        group: list[Patient] = []
        reached = [left.pop(next(iter(left)))]
        while reached:
            patient = reached.pop()
            group.append(patient)
            alike = [other for point in _points(patient) for other in sharing.pop(point, ())]
            reached += [other for other in alike if left.pop(id(other), None) is not None]
        yield sorted(group, key=lambda patient: patient.claims[0].ordinal)


def _points(patient: Patient) -> list[tuple[str, str]]:
    points = {"name": patient.name, "birth date": patient.birth_date if patient.is_subscriber else ""}
    return [(kind, text) for kind, text in points.items() if text]
