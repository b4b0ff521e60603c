"""The rule tables of this plugin: how they are loaded, and the questions the edits ask of them."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal
from functools import cache, lru_cache

from attrs import field, fields, frozen

from edits.ivus.editions import FOLDER, TABLES
from edits.ivus.rows import (
    BaseCode,
    BaseFamily,
    BasePrimary,
    CatheterCode,
    CodeRange,
    CoronaryBase,
    Denial,
    EndedCode,
    Exclusion,
    FamilyNote,
    Fee,
    ListedCode,
    MistakenPrimary,
    Modifier,
    NcciModifier,
    Pair,
    Place,
    Procedure,
    SeparateModifier,
    Succession,
    UnitLimit,
    Vessel,
    VesselWord,
)
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

__all__ = ["OPTIONS", "Facts", "is_in_force", "load_facts", "price"]

OPTIONS = (Option("vessels", ("off", "check")), Option("strict-exclusions", (True, False)))
"""What settings may choose under `[packs.IVUS]`: whether a claim that names no vessel is reported (IVUS502), and
whether a modifier for a separate session makes a warning (IVUS302) of the error IVUS301."""

CONTRACTOR_DEFINED = "CCCCC"
"""What CMS writes for the primary procedures of an add-on code that each contractor defines (AOC type 2)."""

_CODE_COLUMNS = ("addon", "base", "primary", "procedure", "column1", "column2")
"""The columns of the tables that hold a procedure code."""


@frozen(eq=False, repr=False)
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

    @lru_cache(maxsize=64)  # noqa: B019 - the tables live as long as the program
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

    def is_primary(self, addon: str, procedure: str, dates: DateRange) -> bool:
        """Whether `procedure` is a listed primary of `addon` on a day of `dates`."""
        return self.base_codes.on((addon, procedure), dates) is not None

    def is_contractor_defined(self, addon: str, dates: DateRange) -> bool:
        """Whether there is no national list of primaries of `addon` then (AOC type 2)."""
        return self.is_primary(addon, CONTRACTOR_DEFINED, dates)

    @lru_cache(maxsize=1024)  # noqa: B019 - the tables live as long as the program
    def own_primaries(self, primary: str, dates: DateRange | None) -> frozenset[str]:
        """Return the primaries of a primary code that is an add-on itself; empty for one that is payable on its own.

        None are known where the dates are not.
        """
        if dates is None:
            return frozenset()
        if any(row.role == "initial" for row in self.procedures.ever(primary)):
            rows = (row for row in self.base_codes if row.addon == primary)
            return frozenset(row.base for row in rows if is_in_force(row, dates))
        own = self.base_primaries.ever(primary)
        return frozenset([row.primary for row in own if is_in_force(row, dates)])

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


def is_in_force(row: DatedRow, dates: DateRange) -> bool:
    """Whether a row is in force on any of the days."""
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
    is_excluded = encounter.once(
        ("price excluded", dates, facts), lambda: any(facts.exclusions.on(code, dates) for code in same_days)
    )
    payable = 0 if is_excluded else units
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
