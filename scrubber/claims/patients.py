"""Whose the claims are: the patients among claims with the same `patient_key`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from attrs import define, field

from scrubber.claims.model import Claim
from scrubber.x12.segment import tidy_identifier

__all__ = ["Patient", "is_patient_known", "is_somebody", "patients_of", "single_identity"]

_A, _AN = "[AC-HJKMNP-RT-Y]", "[0-9AC-HJKMNP-RT-Y]"
_MBI = re.compile(rf"[1-9]{_A}{_AN}\d{_A}{_AN}\d{_A}{_A}\d\d", re.ASCII)
"""A Medicare Beneficiary Identifier (CMS edit X222.121.2010BA.NM109.020): C A AN N A AN N A A N N, where C is 1 to 9, N
a digit, A a letter other than S, L, O, I, B and Z, and AN either."""

_MEDICARE = frozenset({"MB", "MA", "16"})
"""SBR09 of Medicare Part B, Part A and Medicare Advantage, whose member identifiers are one person's each."""


@define(eq=False, repr=False)
class Patient:
    """One patient among claims that share a `patient_key`, with its claims in file order.

    `name` and `birth_date` are as they compare, "" where no claim tells them.  `contradicted` says that the claims name
    several, and are one patient's all the same because of their Medicare Beneficiary Identifier.
    """

    name: str = field(repr=False)
    birth_date: str = field(repr=False)
    claims: list[Claim]
    contradicted: bool = False

    @property
    def is_subscriber(self) -> bool:
        """Whether a claim names the patient as the subscriber (2010BA), not as a dependent (2010CA)."""
        return any(claim.dependent is None for claim in self.claims)

    def may_be(self, name: str, birth_date: str) -> bool:
        """Whether neither name nor birth date contradicts; one that is missing contradicts nothing."""
        pairs = ((self.name, name), (self.birth_date, birth_date))
        return all(own == other or not own or not other for own, other in pairs)


def is_patient_known(claim: Claim) -> bool:
    """Whether the patient has an identifier of its own (2010BA NM109), or a name with a birth date."""
    own = "" if claim.dependent is not None else tidy_identifier(claim.subscriber.member_id)
    return bool(own) or all(claim.patient.identity)


def is_somebody(claim: Claim) -> bool:
    """Whether patient and payer both have an identity, so that other claims may be of the same patient."""
    return is_patient_known(claim) and any(claim.payer.key)


def patients_of(claims: Sequence[Claim]) -> list[Patient]:
    """Return the patients of claims with the same `patient_key`, in the order of their first claims.

    Another name or birth date is another patient, unless the member identifier is a Medicare Beneficiary Identifier.
    Where one is missing, the claim belongs to the one patient that it can be, and to a patient apart where it can be
    several.  So does each claim whose patient or payer has no identity.
    """
    if len(claims) == 1:
        return [Patient(*claims[0].patient.identity, list(claims))]
    nobody = [claim for claim in claims if not is_somebody(claim)]
    known = [claim for claim in claims if claim not in nobody] if nobody else claims
    one = [claim for claim in known if claim.dependent is None] if any(map(_has_mbi, known)) else []
    found = [_beneficiary(one)] if one else []
    named: dict[tuple[str, str], list[Claim]] = {}
    for claim in known:
        if not one or claim.dependent is not None:
            named.setdefault(claim.patient.identity, []).append(claim)
    # Those that are completely named come first: the others may be one of them.
    for (name, birth_date), own in sorted(named.items(), key=lambda entry: entry[0].count("")):
        same = [patient for patient in found if patient.may_be(name, birth_date)] if len(named) > 1 or one else []
        if len(same) == 1:
            same[0].name, same[0].birth_date = same[0].name or name, same[0].birth_date or birth_date
            same[0].claims = sorted([*same[0].claims, *own], key=lambda claim: claim.ordinal)
        else:
            found.append(Patient(name, birth_date, own))
    found += [Patient("", "", [claim]) for claim in nobody]
    return sorted(found, key=lambda patient: patient.claims[0].ordinal)


def single_identity(claim: Claim) -> tuple[str, ...]:
    """Return the name and birth date that tell the patient from others of the same member identifier, if they do."""
    return () if _has_mbi(claim) else claim.patient.identity


def _has_mbi(claim: Claim) -> bool:
    """Whether the patient is known by a Medicare Beneficiary Identifier."""
    own = claim.dependent is None and claim.filing_indicator in _MEDICARE
    return own and _MBI.fullmatch(tidy_identifier(claim.subscriber.member_id)) is not None


def _beneficiary(claims: list[Claim]) -> Patient:
    told = [
        {text for text in texts if text} for texts in zip(*(claim.patient.identity for claim in claims), strict=True)
    ]
    name, birth_date = claims[0].patient.identity
    return Patient(name, birth_date, claims, contradicted=any(len(texts) > 1 for texts in told))
