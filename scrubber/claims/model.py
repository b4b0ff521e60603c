"""The claim tree in the terms of the 837P implementation guide (005010X222A1).

Everything is frozen, and a wrong claim is representable: what cannot be read is kept as text and reads as None.
Text of the input stays out of `repr`, for a name can be misplaced anywhere: only what has the form of a code is shown.
The parser builds these objects from an interchange; a host with a parser of its own builds them from its own data and
calls `scrubber.check_claim`.

Effective values, the ones a payer judges by, are properties of `ServiceLine` and are decided here only: place of
service, rendering provider, dates of service and the diagnoses its pointers name.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import Any, Protocol, TypeVar

import attrs
from attrs import field, frozen

from scrubber.findings.code_form import CodeForm
from scrubber.findings.dates import DateRange, parse_date
from scrubber.findings.finding import Location
from scrubber.x12.segment import Loop, Segment, tidy_identifier, tidy_name
from scrubber.x12.transaction_set import TransactionSet
from scrubber.x12.values import in_cents, parse_number

__all__ = [
    "MAX_LINES",
    "Adjudication",
    "Claim",
    "Diagnosis",
    "LoopText",
    "Memoized",
    "Note",
    "OtherSubscriber",
    "Payer",
    "Person",
    "Provider",
    "ServiceLine",
    "patient_key",
]

T = TypeVar("T")


class LoopText(Protocol):
    """The text of a loop, from which it and what is in it are made when somebody asks."""

    def __call__(self) -> Loop:
        """Make the loop."""
        ...

    def find(self, segment_id: str, qualifier: str | None = None) -> Segment | None:
        """Return what `Loop.find` does."""
        ...

    def locate(self, segment_id: str, element: str | None = None, qualifier: str | None = None) -> Location:
        """Return what `Loop.locate` does."""
        ...


MAX_LINES = 50
"""The service lines that the guide allows a claim."""


_MILLION = 1_000_000
_NAMED = 8
"""Procedures that the `repr` of a claim names."""

_NO_TRANSACTION_SET = TransactionSet()
_SURGERY_CENTER = "261QA1903X"
"""NUCC Health Care Provider Taxonomy: Clinic/Center, Ambulatory Surgical."""


@lru_cache(maxsize=1024)
def _parse_count(text: str) -> int | None:
    """Read a whole number above 0, also with a fraction of zeros; None for anything else.

    A million is not a count: a birth date or another number is in the wrong place, and must not be shown as units.
    """
    number = parse_number(text)
    return int(number) if number and 0 < number < _MILLION and number % 1 == 0 else None


def _shown(form: CodeForm, text: str) -> str:
    """Return what `repr` shows for a text: itself if it has the form of a code, else nothing of it."""
    return form.shown(text, "...")


@frozen(repr=False)
class Provider:
    """A provider: billing (2010AA), or one of those a claim (2310A-D) or a line (2420A-F) names.

    `id` is NM109 (the NPI where `id_qualifier`, NM108, is XX), `taxonomy` PRV03, `tax_id` REF*EI or REF*SY,
    `references` its other identifiers (REF*0B, 1G, G2, LU) as qualifier and identifier ("G2:A1"), `entity` NM101 (85
    billing, 82 rendering, DN referring, P3 primary care, 77 service facility, DQ supervising, DK ordering, QB purchased
    service), `entity_type` NM102.  `contradicted` says that the same place names another provider too.
    """

    id: str = ""
    id_qualifier: str = "XX"
    name: str = ""
    first_name: str = ""
    taxonomy: str = ""
    tax_id: str = ""
    contradicted: bool = False
    references: tuple[str, ...] = ()
    entity: str = ""
    entity_type: str = ""

    def __repr__(self) -> str:
        return f"<Provider{f' {_shown(CodeForm.NPI, self.npi)}' if self.npi else ''}>"

    @property
    def npi(self) -> str:
        """The NPI, "" where the provider is named by another kind of identifier."""
        return self.id if self.id_qualifier == "XX" else ""

    @cached_property
    def key(self) -> tuple[str, ...]:
        """What makes two mentions the same provider: NM109, else the name with all other identifiers."""
        if identifier := tidy_identifier(self.id):
            return (self.id_qualifier.strip().upper(), identifier)
        others = (text for text in self.references if tidy_identifier(text.partition(":")[2]))
        return ("", *map(tidy_name, (self.name, self.first_name)), *map(tidy_identifier, (self.tax_id, *others)))

    @property
    def is_surgery_center(self) -> bool:
        """Whether the taxonomy is that of an ambulatory surgical center (ASC)."""
        return tidy_identifier(self.taxonomy) == _SURGERY_CENTER


@frozen
class Person:
    """A subscriber (2010BA) or patient (2010CA): NM103-NM105, NM109, DMG02, DMG03.  All of it is PHI."""

    last_name: str = field(default="", repr=False)
    first_name: str = field(default="", repr=False)
    middle_name: str = field(default="", repr=False)
    member_id: str = field(default="", repr=False)
    birth_date: str = field(default="", repr=False)
    sex: str = field(default="", repr=False)

    @property
    def identity(self) -> tuple[str, str]:
        """Name and birth date as they compare; "" for a name that is missing and a date that cannot be read."""
        name = f"{tidy_name(self.last_name)} {tidy_name(self.first_name)}".strip()
        birth_date = self.birth_date.strip()
        return (name, birth_date if parse_date(birth_date) else "")


@frozen(repr=False)
class Payer:
    """The destination payer (2010BB): NM109 and NM103."""

    id: str = ""
    name: str = ""

    def __repr__(self) -> str:
        return f"<Payer{f' {_shown(CodeForm.PAYER, self.id)}' if self.id else ''}>"

    @property
    def key(self) -> tuple[str, ...]:
        """What makes two mentions the same payer: the identifier, else the name; ("", "") for none."""
        identifier = tidy_identifier(self.id)
        return (identifier,) if identifier else ("", tidy_name(self.name))


@frozen
class Diagnosis:
    """One diagnosis (HI): qualifier (ABK principal, ABF other) and code without a point."""

    qualifier: str = field(repr=False)
    code: str = field(repr=lambda code: _shown(CodeForm.DIAGNOSIS, code))


@frozen
class Note:
    """One note (NTE): reference code NTE01 and text NTE02."""

    code: str = field(repr=False)
    text: str = field(repr=False)


@frozen
class Adjudication:
    """What another payer did with a line (2430 SVD, CAS, DTP*573).  Data of the past, never a service of this claim."""

    payer_id: str = field(repr=False)
    paid: Decimal | None
    procedure: str = field(repr=False)
    units: Decimal | None
    bundled_line: str = field(repr=False)
    adjustments: tuple[str, ...] = field(default=(), repr=False)
    paid_on: str = field(default="", repr=False)


@frozen
class OtherSubscriber:
    """Another coverage of the patient (2320 SBR, CAS, AMT*D; 2330B NM1*PR)."""

    responsibility: str = field(repr=False)
    payer: Payer
    paid: Decimal | None = None
    adjustments: tuple[str, ...] = field(default=(), repr=False)


@frozen(eq=False, repr=False)
class ServiceLine:
    """One service line (loop 2400).

    Fields are as submitted; the properties after them are the effective values.  `number` is the line's place in the
    claim from 1, `assigned_number` LX01.  `procedure` (SV101-2) and `modifiers` (SV101-3 to 6, empty ones left out) are
    trimmed and upper-cased.  `charge_text` is SV102, `unit_basis` SV103, `units_text` SV104, `pointers` SV107,
    `control_number` REF*6R, `service_dates` DTP*472 (None when missing or unreadable), `line_contract_type` CN101.
    `other_providers` are those of 2420B to 2420F.
    """

    number: int
    procedure: str
    modifiers: tuple[str, ...] = ()
    units_text: str = "1"
    unit_basis: str = "UN"
    charge_text: str = "0"
    service_dates: DateRange | None = None
    pointers: tuple[str, ...] = ("1",)
    procedure_qualifier: str = "HC"
    description: str = ""
    line_place_of_service: str = ""
    line_rendering_provider: Provider | None = None
    other_providers: tuple[Provider, ...] = ()
    assigned_number: str = ""
    control_number: str = ""
    notes: tuple[Note, ...] = ()
    adjudications: tuple[Adjudication, ...] = ()
    line_contract_type: str = ""
    _loop: Loop | LoopText | None = field(default=None, alias="loop")
    _claim: Claim | None = field(default=None, init=False)

    def __repr__(self) -> str:
        code = "-".join(
            (
                _shown(CodeForm.PROCEDURE, self.procedure),
                *(_shown(CodeForm.MODIFIER, modifier) for modifier in self.modifiers),
            )
        )
        basis = "" if self.unit_basis == "UN" else f" {_shown(CodeForm.BASIS, self.unit_basis)}"
        charge = "..." if self.charge is None else f"${in_cents(self.charge):,.2f}"
        return f"<ServiceLine {self.number}: {code} x{_shown(CodeForm.UNITS, self.units_text)}{basis}, {charge}>"

    @property
    def loop(self) -> Loop | None:
        """Loop 2400 exactly as it is in the input, made again each time; None for a line that a host built itself."""
        return self._loop if self._loop is None or isinstance(self._loop, Loop) else self._loop()

    @property
    def has_claim(self) -> bool:
        """Whether the line is part of a claim already."""
        return self._claim is not None

    @property
    def claim(self) -> Claim:
        """The claim this line is part of.  Raises ValueError for a line not yet given to a `Claim`."""
        if self._claim is None:
            raise ValueError("this service line is not part of a claim yet")
        return self._claim

    @property
    def charge(self) -> Decimal | None:
        """SV102 in dollars, None when unreadable."""
        return parse_number(self.charge_text)

    @property
    def units(self) -> Decimal | None:
        """SV104, None when unreadable."""
        return parse_number(self.units_text)

    @property
    def whole_units(self) -> int | None:
        """The units of service as a count: basis UN and a whole number above 0, else None."""
        return _parse_count(self.units_text) if self.unit_basis == "UN" else None

    @property
    def place_of_service(self) -> str:
        """SV105, else CLM05-1."""
        return self.line_place_of_service or self.claim.place_of_service

    @property
    def rendering_provider(self) -> Provider:
        """2420A, else 2310B, else the billing provider (2010AA)."""
        return self.line_rendering_provider or self.claim.rendering_provider or self.claim.billing_provider

    @property
    def rendering_key(self) -> tuple[str, ...]:
        """What makes two lines the same rendering provider's; `Claim.billing_key` where the billing one rendered it."""
        provider = self.line_rendering_provider or self.claim.rendering_provider
        return provider.key if provider is not None else self.claim.billing_key

    @property
    def is_prepaid(self) -> bool:
        """Whether a charge of zero is right: an encounter (BHT06 RP), or capitation (CN101 05 of line or claim)."""
        contract = self.line_contract_type or self.claim.contract_type
        return self.claim.transaction.transaction_type == "RP" or contract == "05"

    @property
    def diagnoses(self) -> tuple[Diagnosis, ...]:
        """The diagnoses that the pointers (SV107) name, in pointer order; pointers past the list name none."""
        listed = self.claim.diagnoses
        named: list[Diagnosis] = []
        for pointer in self.pointers:
            place = int(pointer) if pointer.isascii() and pointer.isdigit() and len(pointer) < 4 else 0
            if 1 <= place <= len(listed) and listed[place - 1].code:
                named.append(listed[place - 1])
        return tuple(named)

    def modifier_element(self, place: int) -> str:
        """Return the element that holds `modifiers[place]`: "SV101-3" for the first, if none before it is empty."""
        loop = self._loop
        service = loop.find("SV1") if loop is not None else None
        if service is not None:
            filled = [number for number, text in enumerate(service.components(1)[2:6], 3) if text.strip()]
            return f"SV101-{filled[place]}"
        return f"SV101-{place + 3}"

    def common_days(self, other: ServiceLine) -> DateRange | None:
        """Return the dates of service that this line shares with `other`; None for none or unknown ones."""
        own, others = self.service_dates, other.service_dates
        if own is others:
            return own
        return own.common(others) if own is not None and others is not None else None

    def locate(self, element: str | None = None, qualifier: str | None = None) -> Location:
        """Return the place of an element of this line ("SV101-2", "DTP03" with qualifier "472"), else of SV1.

        The three positions are None for a line that a host built itself.
        """
        segment_id = element.partition("-")[0][:-2] if element else "SV1"
        loop = self._loop
        return Location("2400", segment_id, element) if loop is None else loop.locate(segment_id, element, qualifier)


def _tuple_of_lines(lines: Iterable[ServiceLine]) -> tuple[ServiceLine, ...]:
    return tuple(lines)


@frozen(eq=False)
class Memoized:
    """What many edits ask the same questions about; the answers die with it."""

    _answers: dict[Hashable, Any] = field(factory=lambda: {}, init=False, repr=False)

    def once(self, question: Hashable, answer: Callable[[], T]) -> T:
        """Return what `answer` gives; the next time that `question` is asked, the same again."""
        if question not in self._answers:
            self._answers[question] = answer()
        found: T = self._answers[question]
        return found


@frozen(eq=False, repr=False)
class Claim(Memoized):
    """One claim (loop 2300) with what it inherits from the levels above it.

    `control_number` is CLM01, `charge_text` CLM02, `place_of_service` CLM05-1, `frequency` CLM05-3 (1 original, 7
    replacement, 8 void), `clearinghouse_id` REF*D9, `original_reference` REF*F8, `contract_type` CN101.  `diagnoses`
    are the up to 12 of HI in order.  `dependent` is the patient of loop 2000C, None when the subscriber is the patient.
    `responsibility` is SBR01 and `filing_indicator` SBR09 of the destination payer (MB Medicare Part B, MA Part A, 16
    Medicare Advantage, CI commercial), `billing_references` what that payer knows the billing provider by (2010BB
    REF*G2, REF*LU; see `Provider.references`).  `other_providers` are those of 2310A, C and D.  `ordinal` counts the
    claims of the file from 1.  `complete` is False when part of the claim was not read, `alone` True when the other
    claims of its patient are too many to be looked at with it.
    """

    control_number: str
    lines: tuple[ServiceLine, ...] = field(converter=_tuple_of_lines)
    charge_text: str = "0"
    place_of_service: str = ""
    frequency: str = "1"
    diagnoses: tuple[Diagnosis, ...] = ()
    billing_provider: Provider = Provider()
    rendering_provider: Provider | None = None
    other_providers: tuple[Provider, ...] = ()
    subscriber: Person = Person()
    dependent: Person | None = None
    payer: Payer = Payer()
    billing_references: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    other_subscribers: tuple[OtherSubscriber, ...] = ()
    clearinghouse_id: str = ""
    original_reference: str = ""
    ordinal: int = 1
    transaction: TransactionSet = _NO_TRANSACTION_SET
    _loop: Loop | LoopText | None = field(default=None, alias="loop")
    complete: bool = True
    alone: bool = False
    responsibility: str = ""
    filing_indicator: str = ""
    contract_type: str = ""

    def __repr__(self) -> str:
        codes = [_shown(CodeForm.PROCEDURE, line.procedure) for line in self.lines]
        named = ", ".join(codes[:_NAMED]) + (", ..." if len(codes) > _NAMED else "")
        lines = "1 line" if len(codes) == 1 else f"{len(codes)} lines"
        return f"<Claim {self.ordinal}: {lines}{f'; {named}' if named else ''}>"

    def __attrs_post_init__(self) -> None:
        # The one mutation of the model: a line learns its claim.  A line of another claim (attrs.evolve) is copied.
        own: list[ServiceLine] = []
        for given in self.lines:
            line = _copy(given) if given.has_claim else given
            object.__setattr__(line, "_claim", self)
            own.append(line)
        object.__setattr__(self, "lines", tuple(own))

    @property
    def loop(self) -> Loop | None:
        """Loop 2300 exactly as it is in the input, made again each time; None for a claim that a host built itself."""
        return self._loop if self._loop is None or isinstance(self._loop, Loop) else self._loop()

    @property
    def charge(self) -> Decimal | None:
        """CLM02 in dollars, None when unreadable."""
        return parse_number(self.charge_text)

    @property
    def services(self) -> list[tuple[str, DateRange]]:
        """The procedures with their dates of service, without dates that cannot be read."""
        return [(line.procedure, line.service_dates) for line in self.lines if line.service_dates is not None]

    @property
    def is_original(self) -> bool:
        """Whether the claim is sent for the first time (CLM05-3 = 1)."""
        return self.frequency == "1"

    @property
    def is_void(self) -> bool:
        """Whether the claim takes back an earlier one (CLM05-3 = 8)."""
        return self.frequency == "8"

    @property
    def is_replacement(self) -> bool:
        """Whether the claim replaces an earlier one (CLM05-3 = 7)."""
        return self.frequency == "7"

    @property
    def patient(self) -> Person:
        """The dependent (2000C), else the subscriber (2000B)."""
        return self.dependent or self.subscriber

    @property
    def patient_key(self) -> tuple[str, ...]:
        """What makes two claims the same patient's, before the same payer; see `patient_key`."""
        return patient_key(self.payer, self.subscriber, self.dependent)

    @property
    def billing_key(self) -> tuple[str, ...]:
        """What makes two claims the same billing provider's.

        Where it has no NM109, what the payer knows it by (2010BB REF*G2, REF*LU) counts like its other identifiers.
        """
        billing, known = self.billing_provider, self.billing_references
        if not known or billing.id.strip():
            return billing.key
        return attrs.evolve(billing, references=(*billing.references, *known)).key

    def locate(self, element: str | None = None, qualifier: str | None = None) -> Location:
        """Return the place of an element of loop 2300 ("CLM02", "HI01-2"); the CLM segment when none is given."""
        segment_id = element.partition("-")[0][:-2] if element else "CLM"
        loop = self._loop
        return Location("2300", segment_id, element) if loop is None else loop.locate(segment_id, element, qualifier)


def patient_key(payer: Payer, subscriber: Person, dependent: Person | None) -> tuple[str, ...]:
    """Return what brings claims together that may be one patient's, before the same payer.

    The payer belongs to it because a payer judges what it receives.  It is the member identifier, else name and birth
    date of the patient.  Whose the claims are that it brings together, `scrubber.claims.patients` tells.
    """
    member = tidy_identifier(subscriber.member_id)
    return (*payer.key, member) if member else (*payer.key, "", *(dependent or subscriber).identity)


def _copy(line: ServiceLine) -> ServiceLine:
    values: dict[str, Any] = {
        attribute.alias or attribute.name: getattr(line, attribute.name)
        for attribute in attrs.fields(ServiceLine)
        if attribute.init
    }
    return ServiceLine(**values)
