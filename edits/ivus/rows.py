"""The rows of the rule tables in `edits/tables`: a class for each table."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

from attrs import Attribute, field, frozen, validators

from scrubber import (
    DatedRow,
    DateRange,
)

__all__ = [
    "BaseCode",
    "BaseFamily",
    "BasePrimary",
    "CatheterCode",
    "CodeRange",
    "CoronaryBase",
    "Denial",
    "EndedCode",
    "Exclusion",
    "FamilyNote",
    "Fee",
    "ListedCode",
    "MistakenPrimary",
    "Modifier",
    "NcciModifier",
    "Pair",
    "Place",
    "Procedure",
    "SeparateModifier",
    "Succession",
    "UnitLimit",
    "Vessel",
    "VesselWord",
]

_WORD_ROLES = (
    *("side", "noun", "short-noun", "qualifier", "spelling"),
    *("separator", "stop", "heading", "filler", "limb", "segment", "no-name", "not-vessel"),
)


_MOST_UNITS = 999_999
_MOST_DOLLARS, _SMALLEST_PART = Decimal(10) ** 9, -6
"""An amount is below a billion, with up to six decimals: more, or an exponent of hundreds, is no price of a unit."""


def _dollars(text: str | Decimal) -> Decimal:
    """Read an amount of a table.  Raises ValueError for what is none: no number, nan, infinite, negative, too large."""
    try:
        amount = Decimal(text)
    except ArithmeticError:
        raise ValueError(f"{text!r} is no amount in dollars") from None
    if not amount.is_finite() or amount.is_signed() or amount >= _MOST_DOLLARS:
        raise ValueError(f"{text!r} is no amount in dollars from 0 to below {_MOST_DOLLARS:,}")
    exponent = amount.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < _SMALLEST_PART:
        raise ValueError(f"{text!r} has more than {-_SMALLEST_PART} decimals")
    return amount


def _units(text: str | int) -> int:
    """Read a number of units.  Raises ValueError for what is no whole number from 0 to 999,999."""
    digits = str(text)
    if not (digits.isascii() and digits.isdigit()) or len(digits) > len(str(_MOST_UNITS)):
        raise ValueError(f"{digits[:20]!r} is no whole number from 0 to {_MOST_UNITS:,}")
    return int(digits)


def _one_of(*values: str) -> Callable[[Any, Attribute[str], str], object]:
    """Take one of these words only: with another one an edit would never look at the row, and nobody would know."""
    return validators.in_(values)


def _day(text: str | date | None) -> date | None:
    return date.fromisoformat(text) if isinstance(text, str) else text


@frozen(eq=False, repr=False)
class BaseCode(DatedRow):
    """`base` is a primary procedure of the add-on code `addon`.  AOC type 1: closed list; 2: contractor-defined."""

    addon: str
    base: str
    aoc_type: str = field(validator=_one_of("1", "2"))


@frozen(eq=False, repr=False)
class BasePrimary(DatedRow):
    """The primary code `addon` is an add-on code itself, and `primary` one of its own primaries."""

    addon: str
    primary: str
    aoc_type: str


@frozen(eq=False, repr=False)
class CoronaryBase(DatedRow):
    """`base` is a primary of the coronary siblings 92978 and 92979."""

    addon: str
    base: str


@frozen(eq=False, repr=False)
class UnitLimit(DatedRow):
    """The units of `procedure` a day (MAI 2 and 3) or a line (MAI 1) may have.  `mai` is "" where it is not known."""

    procedure: str
    value: int = field(converter=_units)
    mai: str = field(default="", validator=_one_of("", "1", "2", "3"))


@frozen(eq=False, repr=False)
class Pair(DatedRow):
    """`column2` is bundled into `column1`; a modifier may bypass it where `modifier_indicator` is 1, not where it is 0.

    `effective` is the first day, or 2016-01-01, when the ultrasound codes began, where that is not known; `proven_from`
    is the first day on which the pair is known to have been in force, None where no edition shows it in force.
    """

    column1: str
    column2: str
    modifier_indicator: str = field(validator=_one_of("0", "1", "9"))
    proven_from: date | None = field(default=None, converter=_day)
    rationale: str = ""

    def is_proven(self, days: DateRange) -> bool:
        """Whether it is known that the pair was in force on one of the days that it shares with `days`."""
        return self.proven_from is not None and days.last >= self.proven_from


@frozen(eq=False, repr=False)
class Fee(DatedRow):
    """National amounts of one unit in dollars, outside and inside a facility."""

    procedure: str
    non_facility: Decimal = field(converter=_dollars)
    facility: Decimal = field(converter=_dollars)


@frozen(eq=False, repr=False)
class Modifier(DatedRow):
    """What a modifier says about an intravascular ultrasound line ("component", "bilateral", "side", ...)."""

    modifier: str
    kind: str = field(
        validator=_one_of(
            "assistant", "bilateral", "component", "co-surgeon", "coronary", "multiple-procedure", "repeat", "side",
            "team", "unbundling",
        )
    )  # fmt: skip


@frozen(eq=False, repr=False)
class NcciModifier(DatedRow):
    """A modifier that may bypass a PTP edit; on the column 1 line too from `either_column_from`, where that is known.

    A modifier of the kind "visit" belongs on visits (table `visits`) only.
    """

    modifier: str
    kind: str = field(validator=_one_of("anatomic", "global-surgery", "other", "visit"))
    either_column_from: date | None = field(default=None, converter=_day)


@frozen(eq=False, repr=False)
class CatheterCode(DatedRow):
    """A catheter placement code, or one whose service includes it."""

    procedure: str
    includes_catheterization: str = field(validator=_one_of("no", "yes"))


@frozen(eq=False, repr=False)
class BaseFamily(DatedRow):
    """The family of a primary code and whether it includes catheter placement: yes, no, non-selective or unknown."""

    base: str
    family: str
    catheter_placement: str = field(validator=_one_of("no", "non-selective", "unknown", "yes"))


@frozen(eq=False, repr=False)
class Succession(DatedRow):
    """The codes `first` to `last` ended on `deleted`; `successor_first` to `successor_last` began the next day."""

    first: str
    last: str
    successor_first: str
    successor_last: str


@frozen(eq=False, repr=False)
class EndedCode(DatedRow):
    """A procedure code that ended on `deleted`; no publication of the tables says which code follows it."""

    procedure: str


@frozen(eq=False, repr=False)
class MistakenPrimary(DatedRow):
    """A procedure that is taken for a primary procedure of intravascular ultrasound, and is on no list of them."""

    procedure: str


@frozen(eq=False, repr=False)
class FamilyNote(DatedRow):
    """Why it is not known whether a family of primary codes includes catheter placement."""

    family: str
    note: str


@frozen(eq=False, repr=False)
class SeparateModifier(DatedRow):
    """A modifier that may say of ultrasound that it was done in another session or vessel."""

    modifier: str


@frozen(eq=False, repr=False)
class CodeRange(DatedRow):
    """The procedures `first` to `last`, both included; codes compare as text."""

    first: str
    last: str


@frozen(eq=False, repr=False)
class Place(DatedRow):
    """A place of service paid at the facility rate."""

    place: str


@frozen(eq=False, repr=False)
class Exclusion(DatedRow):
    """A procedure that CPT excludes from being reported with intravascular ultrasound in one session."""

    procedure: str


@frozen(eq=False, repr=False)
class Procedure(DatedRow):
    """An intravascular ultrasound code: initial, additional or retired."""

    procedure: str
    role: str = field(validator=_one_of("additional", "initial", "retired"))


@frozen(eq=False, repr=False)
class Vessel(DatedRow):
    """A name of the vein or artery `vessel`; vessels with the same `counted_as` count as one.

    `paired`: there is a left and a right one.  `context` says what the name needs to be one, without VEIN or ARTERY:
    "no": nothing; "yes": a side or another vessel in its list; "alone": that, and to be a whole item of the list;
    "side": a side in front.
    """

    name: str
    vessel: str
    kind: str = field(validator=_one_of("vein", "artery"))
    counted_as: str
    paired: str = field(validator=_one_of("no", "yes"))
    context: str = field(validator=_one_of("no", "yes", "alone", "side"))


@frozen(eq=False, repr=False)
class VesselWord(DatedRow):
    """A word between the names of vessels in notes: its role in the grammar and, of some roles, what it means."""

    word: str
    role: str = field(validator=_one_of(*_WORD_ROLES))
    meaning: str = ""


@frozen(eq=False, repr=False)
class ListedCode(DatedRow):
    """A code of an X12 external list: 507, 508, CARC or RARC."""

    list: str
    code: str
    meaning: str


@frozen(eq=False, repr=False)
class Denial(DatedRow):
    """A denial of intravascular ultrasound: its CARC or RARC, the usual claim adjustment group, and what it answers."""

    list: str = field(validator=_one_of("CARC", "RARC"))
    code: str
    meaning: str
    use: str
    group: str = ""
