"""The built-in edits of providers: each is named once, by a National Provider Identifier (NPI) that can be one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import attrs

from scrubber.claims.columns import ClaimRow
from scrubber.claims.model import Claim, Provider, ServiceLine
from scrubber.findings.finding import Finding, Severity, Source, Status
from scrubber.findings.rule import Example, Meta, RuleStage, statuses
from scrubber.packs.edit import Context, Edit
from scrubber.x12.rules import GUIDE

__all__ = ["PROVIDER_EDITS"]

_NPI = Source(
    "CMS, National Provider Identifier check digit (ISO/IEC 7812-1 Luhn, prefix 80840); front end edits "
    "X222.262.2310B.NM109.030 and 2420A (A7:562:82), other entities likewise; First Coast Service Options asks for the "
    "billing provider's NPI on all Medicare claims (https://medicare.fcso.com/node/5356)",
    "read 2026-11-28",
)

_MEDICARE_PART_B = "MB"

# Entity (NM101): what the provider is called, and its loop on the claim and on the line.
_ROLES = {
    "85": ("billing provider", "2010AA", ""),
    "82": ("rendering provider", "2310B", "2420A"),
    "DN": ("referring provider", "2310A", "2420F"),
    "P3": ("primary care provider", "2310A", "2420F"),
    "77": ("service facility", "2310C", "2420C"),
    "DQ": ("supervising provider", "2310D", "2420D"),
    "DK": ("ordering provider", "", "2420E"),
    "QB": ("purchased service provider", "", "2420B"),
}
_MAY_LACK_NPI = ("77",)
"""A service facility has an NPI in 2310C only if it has one and is no part of the billing provider (X12 RFI 1845)."""


class NpiCheckDigitWrong(Edit[None]):
    """The NPI of a provider is missing, has not ten digits or fails its check digit.

    Why: such a number cannot belong to anybody, so receivers reject the claim; without one, Medicare Part B rejects it.
    A provider who has none (atypical) is named by REF*G2, REF*0B or REF*LU, without NM108 and NM109.
    Fix: look the provider up in NPPES and write its NPI in NM109, with XX in NM108.
    """

    meta = Meta(
        code="X12212",
        name="npi-check-digit-wrong",
        title="NPI missing or invalid",
        since="0.1",
        stage=RuleStage.STABLE,
        severity=Severity.ERROR,
        sources=(_NPI,),
        statuses=statuses("A7:562:82"),
        examples=(Example("99213 by=1234567890", fires=True), Example("99213 by=1234567893", fires=False)),
        voids=True,
    )

    def check(self, claim: Claim, context: Context[None]) -> Iterator[Finding]:
        """Check NM109 of 2010AA, 2310A-D and 2420A-F where NM108 is XX, and ask for it where there is none."""
        del context
        for subject, entity, provider in _providers(claim):
            wrong = npi_fault(provider.npi)
            if wrong:
                yield self._finding(subject, entity, f"{wrong}.", "A7")
            elif not provider.npi and entity not in _MAY_LACK_NPI and not _is_atypical(provider, claim):
                missing = self._finding(subject, entity, "is missing.", "A6")
                yield missing if _is_medicare(claim) else attrs.evolve(missing, severity=Severity.WARNING)

    def screen(self, row: ClaimRow, facts: None) -> bool:
        """Check the NPI of the billing provider and of all that the claim names."""
        del facts
        return not (_is_good(row.billing_provider.npi) and all(map(_is_good, row.npis)))

    def _finding(self, subject: Claim | ServiceLine, entity: str, wrong: str, category: str) -> Finding:
        return self.finding(
            subject,
            f"The NPI of the {_whose(subject, entity)} {wrong}",
            "Look the provider up in NPPES and write its NPI in NM109 (NM108 XX).",
            statuses=(Status(category, "562", entity),),
        )


class ProviderContradicted(Edit[None]):
    """The billing or rendering provider is named twice, by two different providers.

    Why: who did a service decides which primary procedure and which units count with it, so the claim cannot be judged.
    Fix: remove the NM1 that is wrong: NM1*85 belongs once in 2010AA, NM1*82 once in 2310B or in the 2420A of a line.
    """

    meta = Meta(
        code="X12213",
        name="provider-contradicted",
        title="Provider named twice, differently",
        since="0.1",
        stage=RuleStage.STABLE,
        severity=Severity.ERROR,
        sources=(GUIDE,),
        statuses=statuses("A7:481"),
        mandatory=True,
        voids=True,
    )

    def check(self, claim: Claim, context: Context[None]) -> Iterator[Finding]:
        """Look for a second 2010AA, 2310B or 2420A with another NM109."""
        del context
        for subject, entity, provider in _providers(claim):
            if provider.contradicted:
                message = f"The {_whose(subject, entity)} is named twice, differently; only the first was looked at."
                yield self.finding(subject, message, f"Remove the NM1*{entity} that is wrong.")

    def screen(self, row: ClaimRow, facts: None) -> bool:
        """Look for a second billing or rendering provider."""
        del facts
        return row.billing_provider.contradicted or row.names_one_twice


PROVIDER_EDITS = (NpiCheckDigitWrong, ProviderContradicted)


@lru_cache(maxsize=4096)
def _is_good(npi: str) -> bool:
    return bool(npi) and not npi_fault(npi)


def _providers(claim: Claim) -> Iterator[tuple[Claim | ServiceLine, str, Provider]]:
    """Yield what names a provider, the entity (NM101) that it names there, and the provider."""
    yield claim, "85", claim.billing_provider
    if claim.rendering_provider is not None:
        yield claim, "82", claim.rendering_provider
    for provider in claim.other_providers:
        yield claim, provider.entity, provider
    for line in claim.lines:
        if line.line_rendering_provider is not None:
            yield line, "82", line.line_rendering_provider
        for provider in line.other_providers:
            yield line, provider.entity, provider


def _whose(subject: Claim | ServiceLine, entity: str) -> str:
    name, claim_loop, line_loop = _ROLES[entity]
    return f"{name} ({claim_loop if isinstance(subject, Claim) else line_loop} NM1*{entity})"


def _is_medicare(claim: Claim) -> bool:
    return claim.filing_indicator == _MEDICARE_PART_B


def _is_atypical(provider: Provider, claim: Claim) -> bool:
    """Return whether a provider has no NM109 and is known by another number, as one is who cannot have an NPI."""
    references = provider.references
    if provider is claim.billing_provider:
        references += claim.billing_references
    return not provider.id and any(reference[:2] in {"0B", "G2", "LU"} for reference in references)


@lru_cache(maxsize=4096)
def npi_fault(npi: str) -> str:
    """Return what is wrong with an NPI, as the predicate of a sentence; "" for nothing, and for no NPI.

    It has ten digits, the last of which is the Luhn check digit over 80840 and the others.
    """
    if not npi:
        return ""
    if not (npi.isascii() and npi.isdigit()):
        return "is not ten digits"
    if len(npi) != 10:
        return f"has {_NUMERALS.get(len(npi), 'too many')} digit{'s' if len(npi) > 1 else ''}, not ten"
    digits = [int(digit) for digit in "80840" + npi]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return "fails its check digit" if (sum(digits[-1::-2]) + sum(doubled)) % 10 else ""


_NUMERALS = dict(enumerate(("one", "two", "three", "four", "five", "six", "seven", "eight", "nine"), 1)) | {
    11: "eleven"
}
