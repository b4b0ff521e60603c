"""The rule tables of this plugin: their rows, how they are loaded, and the questions the edits ask of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any

from attrs import Attribute, field, fields, frozen, validators

from edits.ivus.editions import FOLDER, TABLES
from scrubber import (
    DatedRow,
    DateRange,
    Encounter,
    Option,
    OptionRow,
    ServiceLine,
    Table,
    load_table,
    option_table,
)

__all__ = ["OPTIONS", "Facts", "load_facts", "price"]

OPTIONS = (Option("vessels", ("off", "check")), Option("strict-exclusions", (True, False)))
"""What settings may choose under `[packs.IVUS]`: whether a claim that names no vessel is reported (IVUS502), and
whether a modifier for a separate session makes a warning (IVUS302) of the error IVUS301."""


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


@frozen
class BaseCode(DatedRow):
    """`base` is a primary procedure of the add-on code `addon`.  AOC type 1: closed list; 2: contractor-defined."""

    addon: str
    base: str
    aoc_type: str = field(validator=_one_of("1", "2"))


@frozen
class BasePrimary(DatedRow):
    """The base code `addon` is an add-on code itself, and `primary` one of its own primaries."""

    addon: str
    primary: str
    aoc_type: str


@frozen
class CoronaryBase(DatedRow):
    """`base` is a primary of the coronary siblings 92978 and 92979."""

    addon: str
    base: str


@frozen
class UnitLimit(DatedRow):
    """The units of `procedure` a day (MAI 2 and 3) or a line (MAI 1) may have.  `mai` is "" where it is not known."""

    procedure: str
    value: int = field(converter=_units)
    mai: str = field(default="", validator=_one_of("", "1", "2", "3"))


@frozen
class Pair(DatedRow):
    """`column2` is included in `column1`; a modifier may lift it where `modifier_indicator` is 1, not where it is 0.

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


@frozen
class Fee(DatedRow):
    """National amounts of one unit in dollars, outside and inside a facility."""

    procedure: str
    non_facility: Decimal = field(converter=_dollars)
    facility: Decimal = field(converter=_dollars)


@frozen
class Modifier(DatedRow):
    """What a modifier says about an intravascular ultrasound line ("component", "bilateral", "side", ...)."""

    modifier: str
    kind: str = field(
        validator=_one_of(
            "assistant", "bilateral", "component", "co-surgeon", "coronary", "multiple-procedure", "repeat", "side",
            "team", "unbundling",
        )
    )  # fmt: skip


@frozen
class NcciModifier(DatedRow):
    """A modifier that may lift a pair; on the column 1 line too from `either_column_from`, where that is known.

    A modifier of the kind "visit" belongs on visits (table `visits`) only.
    """

    modifier: str
    kind: str = field(validator=_one_of("anatomic", "global-surgery", "other", "visit"))
    either_column_from: date | None = field(default=None, converter=_day)


@frozen
class CatheterCode(DatedRow):
    """A catheter placement code, or one whose service includes it."""

    procedure: str
    includes_catheterization: str = field(validator=_one_of("no", "yes"))


@frozen
class BaseFamily(DatedRow):
    """The family of a base code and whether it includes catheter placement: yes, no, non-selective or unknown."""

    base: str
    family: str
    catheter_placement: str = field(validator=_one_of("no", "non-selective", "unknown", "yes"))


@frozen
class Succession(DatedRow):
    """The codes `first` to `last` ended on `deleted`; `successor_first` to `successor_last` began the next day."""

    first: str
    last: str
    successor_first: str
    successor_last: str


@frozen
class EndedCode(DatedRow):
    """A procedure code that ended on `deleted`; no publication of the tables says which code follows it."""

    procedure: str


@frozen
class MistakenPrimary(DatedRow):
    """A procedure that is taken for a primary procedure of intravascular ultrasound, and is on no list of them."""

    procedure: str


@frozen
class FamilyNote(DatedRow):
    """Why it is not known whether a family of base codes includes catheter placement."""

    family: str
    note: str


@frozen
class SeparateModifier(DatedRow):
    """A modifier that may say of ultrasound that it was done in another session or vessel."""

    modifier: str


@frozen
class CodeRange(DatedRow):
    """The procedures `first` to `last`, both included; codes compare as text."""

    first: str
    last: str


@frozen
class Place(DatedRow):
    """A place of service paid at the facility rate."""

    place: str


@frozen
class Exclusion(DatedRow):
    """A procedure that CPT excludes from being reported with intravascular ultrasound in one session."""

    procedure: str


@frozen
class Procedure(DatedRow):
    """An intravascular ultrasound code: initial, additional or retired."""

    procedure: str
    role: str = field(validator=_one_of("additional", "initial", "retired"))


@frozen
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


@frozen
class VesselWord(DatedRow):
    """A word between the names of vessels in notes: its role in the grammar and, of some roles, what it means."""

    word: str
    role: str = field(validator=_one_of(*_WORD_ROLES))
    meaning: str = ""


@frozen
class ListedCode(DatedRow):
    """A code of an X12 external list: 507, 508, CARC or RARC."""

    list: str
    code: str
    meaning: str


@frozen
class Denial(DatedRow):
    """A denial of intravascular ultrasound: its CARC or RARC, the usual claim adjustment group, and what it answers."""

    list: str = field(validator=_one_of("CARC", "RARC"))
    code: str
    meaning: str
    use: str
    group: str = ""


CONTRACTOR_DEFINED = "CCCCC"
"""What CMS writes for the primary procedures of an add-on code that each contractor defines (AOC type 2)."""

_CODE_COLUMNS = ("addon", "base", "primary", "procedure", "column1", "column2")
"""The columns of the tables that hold a procedure code."""


@frozen(eq=False)
class Facts:
    """All tables of the plugin.  A configuration may change values by table, key and column."""

    base_codes: Table[BaseCode]
    base_primaries: Table[BasePrimary]
    coronary_bases: Table[CoronaryBase]
    mue: Table[UnitLimit]
    ptp: Table[Pair]
    fees: Table[Fee]
    modifiers: Table[Modifier]
    ncci_modifiers: Table[NcciModifier]
    catheter_codes: Table[CatheterCode]
    base_families: Table[BaseFamily]
    successions: Table[Succession]
    ended_codes: Table[EndedCode]
    visits: Table[CodeRange]
    central_procedures: Table[CodeRange]
    facility_places: Table[Place]
    exclusions: Table[Exclusion]
    procedures: Table[Procedure]
    vessels: Table[Vessel]
    vessel_words: Table[VesselWord]
    code_lists: Table[ListedCode]
    denial_codes: Table[Denial]
    mistaken_primaries: Table[MistakenPrimary]
    separate_modifiers: Table[SeparateModifier]
    family_notes: Table[FamilyNote]
    ivus_options: Table[OptionRow] = field(factory=lambda: option_table("IVUS", OPTIONS))

    @lru_cache(maxsize=64)  # noqa: B019 - the tables live as long as the program
    def procedure_codes(self) -> frozenset[str]:
        """Return all procedure codes that a row of a table names, whatever its dates."""
        return frozenset(
            getattr(row, column)
            for table in (getattr(self, attribute.name) for attribute in fields(Facts))
            for row in table
            for column in _CODE_COLUMNS
            if hasattr(row, column)
        )

    def knows(self, procedure: str) -> bool:
        """Whether a table has a row about `procedure`, whatever its dates."""
        in_range = (row.first <= procedure <= row.last for table in self.ranges() for row in table)
        return procedure in self.procedure_codes() or any(in_range)

    def ranges(self) -> tuple[Table[CodeRange], ...]:
        """Return the tables whose rows are ranges of procedure codes, but that of the successions."""
        tables = (getattr(self, attribute.name) for attribute in fields(Facts) if attribute.name != "successions")
        return tuple(table for table in tables if all(hasattr(row, "first") for row in table))

    def option(self, name: str) -> str:
        """Return the value of an option of the pack."""
        return self.ivus_options.ever(name)[0].value

    def modifiers_of_kind(self, line: ServiceLine, *kinds: str) -> tuple[str, ...]:
        """Return the modifiers of a line that are of one of the kinds, in the order billed."""
        if not line.modifiers:
            return ()
        rows = {modifier: self.modifiers.ever(modifier) for modifier in line.modifiers}
        return tuple(modifier for modifier, found in rows.items() if found and found[0].kind in kinds)

    def is_base(self, addon: str, procedure: str, dates: DateRange) -> bool:
        """Whether `procedure` is a listed primary of `addon` on a day of `dates`."""
        return self.base_codes.on((addon, procedure), dates) is not None

    def is_contractor_defined(self, addon: str, dates: DateRange) -> bool:
        """Whether there is no national list of primaries of `addon` then (AOC type 2)."""
        return self.is_base(addon, CONTRACTOR_DEFINED, dates)

    @lru_cache(maxsize=1024)  # noqa: B019 - the tables live as long as the program
    def own_primaries(self, base: str, dates: DateRange | None) -> frozenset[str]:
        """Return the primaries of a base code that is an add-on itself; empty for one that can stand alone.

        None are known where the dates are not.
        """
        if dates is None:
            return frozenset()
        if any(row.role == "initial" for row in self.procedures.ever(base)):
            rows = (row for row in self.base_codes if row.addon == base)
            return frozenset(row.base for row in rows if _in_force(row, dates))
        own = self.base_primaries.ever(base)
        return frozenset([row.primary for row in own if _in_force(row, dates)])

    def exclusion_on(self, procedure: str, dates: DateRange) -> bool:
        """Whether CPT excludes `procedure` with intravascular ultrasound."""
        return self.exclusions.on(procedure, dates) is not None

    def is_visit(self, procedure: str) -> bool:
        """Whether `procedure` is an evaluation and management service."""
        return any(row.first <= procedure <= row.last for row in self.visits)

    def is_mistaken_primary(self, procedure: str) -> bool:
        """Whether `procedure` is taken for a primary procedure of intravascular ultrasound, and is none."""
        return bool(self.mistaken_primaries.ever(procedure))

    def has_no_side(self, procedure: str) -> bool:
        """Whether the side of `procedure` says nothing of the vessel examined: catheter placement, central vessels."""
        placement = any(row.includes_catheterization == "no" for row in self.catheter_codes.ever(procedure))
        return placement or any(row.first <= procedure <= row.last for row in self.central_procedures)


def _in_force(row: DatedRow, dates: DateRange) -> bool:
    return row.effective <= dates.last and (row.deleted is None or dates.first <= row.deleted)


@cache
def load_procedures() -> Table[Procedure]:
    """Load the codes of intravascular ultrasound."""
    return load_table(FOLDER, TABLES["procedures"], Procedure, lambda row: row.procedure)


@cache
def load_successions() -> Table[Succession]:
    """Load the families of codes that took each other's place."""
    return load_table(FOLDER, TABLES["successions"], Succession, lambda row: row.first)


@cache
def load_ended_codes() -> Table[EndedCode]:
    """Load the codes that ended."""
    return load_table(FOLDER, TABLES["ended_codes"], EndedCode, lambda row: row.procedure)


@cache
def load_facts() -> Facts:
    """Load and verify all tables.  Raises ConfigError when a file is not the one the manifest describes."""
    return Facts(
        base_codes=load_table(FOLDER, TABLES["base_codes"], BaseCode, lambda row: (row.addon, row.base)),
        base_primaries=load_table(FOLDER, TABLES["base_primaries"], BasePrimary, lambda row: row.addon),
        coronary_bases=load_table(FOLDER, TABLES["coronary_bases"], CoronaryBase, lambda row: row.base),
        mue=load_table(FOLDER, TABLES["mue"], UnitLimit, lambda row: row.procedure),
        ptp=load_table(FOLDER, TABLES["ptp"], Pair, lambda row: (row.column1, row.column2)),
        fees=load_table(FOLDER, TABLES["fees"], Fee, lambda row: row.procedure),
        modifiers=load_table(FOLDER, TABLES["modifiers"], Modifier, lambda row: row.modifier),
        ncci_modifiers=load_table(FOLDER, TABLES["ncci_modifiers"], NcciModifier, lambda row: row.modifier),
        catheter_codes=load_table(FOLDER, TABLES["catheter_codes"], CatheterCode, lambda row: row.procedure),
        base_families=load_table(FOLDER, TABLES["base_families"], BaseFamily, lambda row: row.base),
        successions=load_successions(),
        ended_codes=load_ended_codes(),
        visits=load_table(FOLDER, TABLES["visits"], CodeRange, lambda row: row.first),
        central_procedures=load_table(FOLDER, TABLES["central_procedures"], CodeRange, lambda row: row.first),
        facility_places=load_table(FOLDER, TABLES["facility_places"], Place, lambda row: row.place),
        exclusions=load_table(FOLDER, TABLES["exclusions"], Exclusion, lambda row: row.procedure),
        procedures=load_procedures(),
        vessels=load_table(FOLDER, TABLES["vessels"], Vessel, lambda row: row.name),
        vessel_words=load_table(FOLDER, TABLES["vessel_words"], VesselWord, lambda row: row.word),
        code_lists=load_table(FOLDER, TABLES["code_lists"], ListedCode, lambda row: (row.list, row.code)),
        denial_codes=load_table(FOLDER, TABLES["denial_codes"], Denial, lambda row: (row.list, row.code)),
        mistaken_primaries=load_table(FOLDER, TABLES["mistaken_primaries"], MistakenPrimary, lambda row: row.procedure),
        separate_modifiers=load_table(FOLDER, TABLES["separate_modifiers"], SeparateModifier, lambda row: row.modifier),
        family_notes=load_table(FOLDER, TABLES["family_notes"], FamilyNote, lambda row: row.family),
    )


def amount(facts: Facts, procedure: str, place_of_service: str, day: date) -> Decimal | None:
    """Return the national amount of one unit in dollars, None where the table has none for that day."""
    fee = facts.fees.on(procedure, day)
    if fee is None:
        return None
    return fee.facility if facts.facility_places.on(place_of_service, day) else fee.non_facility


def price(line: ServiceLine, encounter: Encounter, facts: Facts) -> Decimal | None:
    """Return the national amount that could be paid of a line at most: one unit's by year and place, times the units.

    Units over the MUE are not paid, and of several lines of an encounter, code and day only the first ones within it;
    nothing is paid of ultrasound beside an excluded procedure.  None where the units cannot be counted: minutes,
    fractions, or a number that is no count of services.
    """
    dates, units = line.service_dates, line.whole_units
    unit = amount(facts, line.procedure, line.place_of_service, dates.first) if dates is not None else None
    if dates is None or unit is None or units is None:
        return None
    same_days = encounter.once(("lines to price", dates), lambda: _by_procedure(line, encounter))
    payable = 0 if any(facts.exclusions.on(code, dates) for code in same_days) else units
    limit = facts.mue.on(line.procedure, dates)
    if limit is not None:
        most = limit.value * dates.days
        for other in same_days[line.procedure] if limit.mai != "1" else ():
            if other is line or most <= 0:
                break  # of many lines the first few use up what is paid
            most -= other.whole_units or 0
        payable = max(0, min(payable, most))
    return (unit * payable).quantize(Decimal("0.01"))


def _by_procedure(line: ServiceLine, encounter: Encounter) -> dict[str, list[ServiceLine]]:
    """Return the lines of an encounter that share a day with `line`, itself included, by procedure in file order."""
    found: dict[str, list[ServiceLine]] = defaultdict(list)
    for other in encounter.lines:
        if other.common_days(line):
            found[other.procedure].append(other)
    return found
