"""IVUS2xx and IVUS7xx: units of service, and lines billed twice."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from itertools import accumulate

from edits.ivus.codes import INITIAL, IVUS, are_opposite, ivus_lines, make_meta, places, side_of
from edits.ivus.day_facts import UltrasoundFacts
from edits.ivus.editions import GUIDE, MUE, NCCI_MANUAL
from edits.ivus.facts import Facts
from edits.ivus.found import lines_with, refers_to, without
from edits.ivus.rows import UnitLimit
from scrubber import (
    Adjustment,
    CodeForm,
    Context,
    DateRange,
    Encounter,
    EncounterEdit,
    Finding,
    ServiceLine,
    Severity,
    Status,
    statuses,
)

__all__ = [
    "DUPLICATE_EDITS",
    "UNIT_EDITS",
    "UnitsByDay",
    "limit_of",
    "together",
]

_UNITS = Adjustment("CO", "16", "M53")


def units_per_date(line: ServiceLine) -> int:
    """Return the units of one day: those of the line divided by its days, rounded half up (NCCI manual, chapter I)."""
    units = line.whole_units or 0
    days = line.service_dates.days if line.service_dates else 1
    return (2 * units + days) // (2 * days) if days > 1 else units


class UnitsByDay:
    """The sums of the units of lines by day, on those days on which they can be more than before: some line begins."""

    def __init__(self, lines: Iterable[ServiceLine]) -> None:
        lines = tuple(lines)
        dates = lines[0].service_dates if lines else None
        if dates is not None and all(line.service_dates is dates for line in lines):
            self._days, self._units = [dates.first], [sum(map(units_per_date, lines))]
            return
        begun: set[date] = set()
        changes: dict[date, int] = defaultdict(int)
        for line in lines:
            if line.service_dates is not None:
                begun.add(line.service_dates.first)
                changes[line.service_dates.first] += units_per_date(line)
                if line.service_dates.last < date.max:
                    changes[line.service_dates.last + timedelta(days=1)] -= units_per_date(line)
        self._days = sorted(begun)
        sums = dict(zip(sorted(changes), accumulate(changes[day] for day in sorted(changes)), strict=True))
        self._units = [sums[day] for day in self._days]

    def of(self, dates: DateRange) -> list[tuple[date, int]]:
        """Return the days within `dates` on which a line begins, with the units of each."""
        first, last = bisect_left(self._days, dates.first), bisect_right(self._days, dates.last)
        return list(zip(self._days[first:last], self._units[first:last], strict=True))

    def most(self, dates: DateRange | None = None) -> int:
        """Return the units of the day that has the most, within `dates` if they are given; 0 where no line begins."""
        return max((units for _, units in self.of(dates)) if dates is not None else self._units, default=0)


def _by_code(lines: Iterable[ServiceLine]) -> dict[str, UnitsByDay]:
    """Return the units by day for each procedure."""
    by_code: dict[str, list[ServiceLine]] = defaultdict(list)
    for line in lines:
        by_code[line.procedure].append(line)
    return {code: UnitsByDay(found) for code, found in by_code.items()}


def together(line: ServiceLine, encounter: Encounter, lines: Iterable[ServiceLine]) -> list[ServiceLine]:
    """Return `line` and those of `lines`, in file order, that bill the same code on a day of it."""
    wanted = set(map(id, lines))
    others = [other for other in encounter.on_days_of(line) if other.procedure == line.procedure]
    found = [line, *(other for other in others if id(other) in wanted)]
    return sorted(found, key=lambda each: (each.claim.ordinal, each.number))


def _on(line: ServiceLine) -> str:
    is_span = line.service_dates is not None and line.service_dates.days > 1
    return f"{'per date of service' if is_span else 'for'} {line.service_dates}"


def limit_of(line: ServiceLine, facts: Facts) -> UnitLimit | None:
    """Return the MUE of a line on its date, None where none is known."""
    return facts.mue.on(line.procedure, line.service_dates) if line.service_dates else None


class UnitsOverMue(EncounterEdit[Facts]):
    """The units of an intravascular ultrasound code on one date exceed the Medically Unlikely Edit (MUE).

    Why: when the sum of a date exceeds the MUE, payers deny all units of the code for that date, not just the excess.
    Modifiers do not change the sum. The denial may be appealed: with MAI 2 contractors may not override it up to
    redetermination, with MAI 3 they may on the strength of records. A second line of 37252 is IVUS701, or this edit
    where it is for the other side; the units of a line that IVUS701 reports are not counted.
    Fix: bill 37252 once per date of service and 37253 once for each additional vessel, however often it was imaged.
    """

    meta = make_meta(
        "IVUS201",
        "units-over-mue",
        "Units over the MUE",
        Severity.ERROR,
        MUE,
        fires="37238\n37252 x2",
        passes="37238\n37252\n37253 x5",
        status=statuses("A8:732", "A8:476", "A8:507"),
        adjustment=Adjustment("CO", "151", "N362"),
    )

    @refers_to("IVUS301")
    def check(self, encounter: Encounter, context: Context[Facts]) -> Iterator[Finding]:
        """Sum the units by code and day (MAI 2 and 3) or take them by line (MAI 1), without repeats (IVUS701)."""
        repeats = lines_with("IVUS701", context, Severity.ERROR)
        countable = [line for line in without(ivus_lines(encounter), repeats) if line.whole_units is not None]
        by_code = _by_code(countable)
        for line in countable:
            limit = limit_of(line, context.tables)
            if limit is None or line.service_dates is None:
                continue
            own = units_per_date(line)
            units = own if limit.mai == "1" else by_code[line.procedure].most(line.service_dates)
            if units <= limit.value:
                continue
            same = together(line, encounter, countable) if limit.mai != "1" else [line]
            # One mistake, one error: it is reported on the line that is too many.
            if same[0] is line and line.procedure == INITIAL and own <= limit.value:
                continue
            where = f" on {places(same, line)}" if len(same) > 1 else ""
            yield self.finding(
                line,
                f"{units} units of {line.procedure} {_on(line)}{where}; the MUE is {limit.value}. All units will be "
                f"denied. {_APPEALS[limit.mai]}",
                _over_limit_fix(line, limit, same),
                element="SV104",
                related={"same code on that date": same},
            )

    def screen(self, facts: UltrasoundFacts) -> bool:
        """Compare the units of each code with its MUE."""
        return any(facts.units[code] > most for code, most in facts.day.limits.items())


_APPEALS = {
    "": "The denial may be appealed; whether contractors may override it is not known for that date (MAI unknown).",
    "1": "The MUE is by line (MAI 1); the denial may be appealed.",
    "2": "The denial may be appealed, but contractors may not override it up to redetermination (MAI 2).",
    "3": "An appeal with records is possible (MAI 3).",
}


def _second_line_fix(line: ServiceLine, first: ServiceLine) -> str:
    """Return what to do with a second line: the claim does not tell whether it repeats the first."""
    side = f"-{side_of(line)}" if side_of(line) else ""
    units = line.whole_units or 1
    if line.procedure != INITIAL:
        return (
            f"If line {line.number} repeats {places([first], line)}, remove it; if it was for other vessels and they "
            f"are documented, add its units to {places([first], line)}."
        )
    return (
        f"If line {line.number} was an additional vessel and is documented, bill it as 37253{side} x{units}; "
        f"if it repeats {places([first], line)}, remove it."
    )


def _over_limit_fix(line: ServiceLine, limit: UnitLimit, same: Sequence[ServiceLine]) -> str:
    if limit.value == 0:
        return f"Remove {line.procedure}."
    if line.procedure == INITIAL and units_per_date(line) <= limit.value:
        return _second_line_fix(line, same[0])
    if line.procedure == INITIAL:
        return _one_initial(limit.value)
    if same[0] is not line:
        return f"See {places(same[:1], line)}."
    fix = "Bill one unit of 37253 for each additional vessel that is documented"
    return f"{fix}; if that exceeds the MUE, have the records ready for an appeal." if limit.mai == "3" else f"{fix}."


def _one_initial(units: int) -> str:
    return f"Bill 37252 x{units}; if the other units were additional vessels and are documented, bill them as 37253."


class UnitsNotCountable(EncounterEdit[Facts]):
    """The units of an intravascular ultrasound line are not whole units of service.

    Why: vessels are counted; minutes, fractions and zero are rejected.
    Fix: write UN in SV103 and the number of vessels in SV104.
    """

    meta = make_meta(
        "IVUS202",
        "units-not-countable",
        "Units that cannot be counted",
        Severity.ERROR,
        GUIDE,
        fires="37238\n37252 x1.5",
        passes="37238\n37252 x1.0",
        status=statuses("A7:476", "A7:697"),
        adjustment=_UNITS,
    )

    def check(self, encounter: Encounter, context: Context[Facts]) -> Iterator[Finding]:
        """Look for another basis than UN, and for anything but a whole number above 0."""
        del context
        for line in ivus_lines(encounter):
            fix = "Write UN in SV103 and the number of additional vessels in SV104."
            if line.procedure == INITIAL:
                fix = "Write UN in SV103 and 1 in SV104; bill additional vessels as 37253."
            if line.unit_basis != "UN":
                basis = CodeForm.BASIS.shown(line.unit_basis)
                yield self.finding(
                    line,
                    f"The units of {line.procedure} are counted in {basis}, not in UN (SV103)."
                    if basis
                    else f"The units of {line.procedure} are not counted in UN (SV103).",
                    fix,
                    element="SV103",
                    statuses=statuses("A7:659", "A8:507"),
                )
            elif line.whole_units is None:
                shown = CodeForm.UNITS.shown(line.units_text.strip())
                are = f"are {shown}," if shown else "are missing," if not line.units_text else "are"
                message = f"The units of {line.procedure} (SV104) {are} not a whole number above 0."
                yield self.finding(line, message, fix, element="SV104", statuses=_uncountable(line))

    def screen(self, facts: UltrasoundFacts) -> bool:
        """Look for units that are no count."""
        return not facts.are_counted


def _uncountable(line: ServiceLine) -> tuple[Status, ...]:
    """Tell missing units from wrong ones, and a fraction from zero or less."""
    if not line.units_text:
        return statuses("A6:476")
    is_fraction = line.units is not None and line.units > 0
    return statuses("A7:476", "A7:697") if is_fraction else statuses("A7:476")


class UnitsLimitUnknown(EncounterEdit[Facts]):
    """More than one unit is billed for a date for which no MUE is known here.

    Why: whether the units are acceptable before the first day of the MUE table was not judged.
    Fix: look up the MUE of that quarter, or set the first day of the known one in the configuration, such as
    tables.mue.37253.effective = 2016-01-01. A vessel after the first is 37253, whatever the MUE of 37252 was.
    """

    meta = make_meta(
        "IVUS204",
        "units-limit-unknown",
        "No MUE known for the date of service",
        Severity.WARNING,
        MUE,
        fires="claim date=20190605\n37238\n37252\n37253 x2",
        passes="claim date=20190605\n37238\n37252\n37253",
        status=statuses("A8:732", "A8:476", "A8:507"),
    )

    @refers_to("IVUS301", "IVUS201")
    def check(self, encounter: Encounter, context: Context[Facts]) -> Iterator[Finding]:
        """Look for days with more than one unit and without a limit; lines that repeat others do not count."""
        lines = without(ivus_lines(encounter), lines_with("IVUS701", context))
        countable = [line for line in lines if line.whole_units is not None]
        by_code = _by_code(countable)
        for line in countable:
            begun = by_code[line.procedure].of(line.service_dates) if line.service_dates is not None else []
            days = [(day, units) for day, units in begun if context.tables.mue.on(line.procedure, day) is None]
            units = max((units for _, units in days), default=0)
            if units > 1:
                same = together(line, encounter, countable)
                fix = "Look up the MUE of that quarter; if the units exceed it, correct them."
                if line.procedure == INITIAL:
                    fix = _one_initial(1)
                yield self.finding(
                    line,
                    f"No MUE of {line.procedure} is known for {days[0][0]}; its {units} units were not judged.",
                    fix if same[0] is line else f"See {places(same[:1], line)}.",
                    element="SV104",
                    related={"same code on that date": same},
                )

    def screen(self, facts: UltrasoundFacts) -> bool:
        """Look for units of a code without a limit."""
        limits = facts.day.limits
        return len(limits) < len(IVUS) and any(facts.units[code] > 1 for code in IVUS.difference(limits))


class DuplicateIvusLine(EncounterEdit[Facts]):
    """An intravascular ultrasound line is billed twice.

    Why: there is one initial vessel per session, so payers deny a second 37252 as a duplicate; so they do a line of
    37253 that comes again with the same modifiers on another claim.
    Fix: if the second line was an additional vessel and is documented, bill it as 37253; if it repeats the first,
    remove it.
    """

    meta = make_meta(
        "IVUS701",
        "duplicate-ivus-line",
        "Ultrasound line billed twice",
        Severity.ERROR,
        NCCI_MANUAL,
        fires="37238\n37252\n37252",
        passes="37238\n37252\n37253",
        status=statuses("A8:78", "A8:507"),
        adjustment=Adjustment("OA", "18"),
    )

    @refers_to("IVUS301")
    def check(self, encounter: Encounter, context: Context[Facts]) -> Iterator[Finding]:
        """Look for an earlier line that the line repeats."""
        lines = ivus_lines(encounter)
        order = {id(line): place for place, line in enumerate(lines)}
        for place, line in enumerate(lines):
            earlier = [other for other in encounter.on_days_of(line) if order.get(id(other), place) < place]
            first = next((other for other in earlier if _repeats(line, other, context.tables)), None)
            if first is not None:
                yield self.finding(
                    line,
                    f"{line.procedure} for {line.service_dates} is already billed on {places([first], line)}.",
                    _second_line_fix(line, first),
                    element="SV101-2",
                    related={"same service billed before": [first]},
                )

    def screen(self, facts: UltrasoundFacts) -> bool:
        """Look for a second line of 37252; one of 37253 repeats a line of another claim only."""
        return len(facts.initial) > 1


def _repeats(line: ServiceLine, earlier: ServiceLine, facts: Facts) -> bool:
    """Whether a line bills again what an earlier one of the same days bills."""
    if line.procedure != earlier.procedure:
        return False
    if line.procedure == INITIAL:
        # Both sides are reported as too many units (IVUS201), where the MUE is known.
        return not are_opposite(line, earlier) or limit_of(line, facts) is None
    return line.claim is not earlier.claim and sorted(line.modifiers) == sorted(earlier.modifiers)


UNIT_EDITS = (UnitsOverMue, UnitsNotCountable, UnitsLimitUnknown)
DUPLICATE_EDITS = (DuplicateIvusLine,)
