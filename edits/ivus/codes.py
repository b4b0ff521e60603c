"""What the edits share: the procedure codes they are about, how their `meta` is made, and how they name lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from edits.ivus.facts import load_ended_codes, load_procedures, load_successions
from scrubber import (
    Adjustment,
    DateRange,
    Encounter,
    Example,
    Meta,
    RuleStage,
    ServiceLine,
    Severity,
    Source,
    Status,
    statuses,
)

INITIAL = "37252"
ADDITIONAL = "37253"
IVUS = frozenset({INITIAL, ADDITIONAL})
MEDICARE = frozenset({"MB", "MA"})
"""The payers (SBR09) that are Medicare."""
RETIRED = frozenset(row.procedure for row in load_procedures() if row.role == "retired")
"""The codes of intravascular ultrasound before these."""
SUCCEEDED = frozenset(
    str(code)
    for row in load_successions()
    for first, last in ((row.first, row.last), (row.successor_first, row.successor_last))
    for code in range(int(first), int(last) + 1)
)
"""The codes of the families in the table `successions`."""
ENDED = frozenset(row.procedure for row in load_ended_codes())
"""The codes of the table `ended_codes`."""

IVUS_PERIOD = DateRange(min(row.effective for code in IVUS for row in load_procedures().ever(code)), date.max)
"""The dates of service for which 37252 and 37253 exist."""

CORONARY = {INITIAL: "92978", ADDITIONAL: "92979"}
"""The codes of coronary ultrasound that 37252 and 37253 correspond to."""

BUNDLED = statuses("A8:732", "A8:507", "A8:735")
CO236 = Adjustment("CO", "236")
MODIFIER = statuses("A8:453", "A8:507")
CO4 = Adjustment("CO", "4", "N519")
NO_PRIMARY = statuses("A8:732", "A8:507", "A8:736")
CO107 = Adjustment("CO", "107", "N122")
NOT_VALID = statuses("A7:507", "A7:187")
CO181 = Adjustment("CO", "181")


def make_meta(  # noqa: PLR0913 - an edit has so many facts
    code: str,
    name: str,
    title: str,
    severity: Severity,
    source: Source,
    *,
    fires: str,
    passes: str,
    status: tuple[Status, ...] = (),
    adjustment: Adjustment | None = None,
    procedures: frozenset[str] = IVUS,
    effective: DateRange | None = IVUS_PERIOD,
    option: tuple[str, str | bool] | None = None,
    other_sources: tuple[Source, ...] = (),
    since: str = "0.1",
    stage: RuleStage = RuleStage.STABLE,
) -> Meta:
    """Make the `meta` of an edit about intravascular ultrasound, with one example that fires and one that does not.

    Its `effective` is the period of 37252 and 37253, of which `ivus_lines` gives the lines.
    """
    return Meta(
        code=code,
        name=name,
        title=title,
        since=since,
        stage=stage,
        severity=severity,
        sources=(source, *other_sources),
        statuses=status,
        adjustment=adjustment,
        procedures=procedures,
        effective=effective,
        examples=(Example(fires, fires=True), Example(passes, fires=False)),
        option=option,
    )


MOST_NAMED = 6
"""Lines or dates that a message names; of more it counts the rest."""


def listed(codes: Iterable[str]) -> str:
    """Name codes or lines in a sentence: "76937", "76937 and 99152", the first five and the number of the others."""
    codes = tuple(codes)
    shown = codes if len(codes) <= MOST_NAMED else (*codes[: MOST_NAMED - 1], f"{len(codes) - MOST_NAMED + 1} others")
    return " and ".join(part for part in (", ".join(shown[:-1]), shown[-1]) if part)


def places(lines: Iterable[ServiceLine], seen_from: ServiceLine) -> str:
    """Name lines for somebody who looks at `seen_from`: "line 2", or "line 2 of claim 5" where it is another claim."""
    lines = tuple(lines)
    shown = len(lines) if len(lines) <= MOST_NAMED else MOST_NAMED - 1
    found = [
        f"line {line.number}" + (f" of claim {line.claim.ordinal}" if line.claim is not seen_from.claim else "")
        for line in lines[:shown]
    ]
    if shown < len(lines):
        return f"{', '.join(found)} and {len(lines) - shown} other lines"
    return listed(found) if found else ""


P = ParamSpec("P")
T = TypeVar("T")


def once(ask: Callable[Concatenate[Encounter, P], T]) -> Callable[Concatenate[Encounter, P], T]:
    """Have what several edits ask of an encounter answered once; the answer dies with the encounter."""

    @wraps(ask)
    def asked(encounter: Encounter, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return encounter.once((ask, args), lambda: ask(encounter, *args, **kwargs))

    return asked


@once
def sessions(encounter: Encounter) -> tuple[tuple[ServiceLine, ...], ...]:
    """Return the intravascular ultrasound lines in groups that share days of service; each group in file order.

    Only ultrasound lines connect days here: a long line of something else does not make one session of two.
    """
    lines = ivus_lines(encounter)
    if all(line.service_dates is lines[0].service_dates for line in lines):
        return (lines,) if lines else ()
    dated = sorted(
        (line.service_dates.first, line.service_dates.last, place)
        for place, line in enumerate(lines)
        if line.service_dates is not None
    )
    groups: list[list[int]] = []
    last = None
    for first, end, place in dated:
        if last is None or first > last:
            groups.append([])
        groups[-1].append(place)
        last = end if last is None else max(last, end)
    return tuple(tuple(lines[place] for place in group) for group in sorted(map(sorted, groups)))


@once  # almost every edit begins with them
def ivus_lines(encounter: Encounter) -> tuple[ServiceLine, ...]:
    """Return the lines of 37252 and 37253 on dates of service for which the codes exist."""
    begun = IVUS_PERIOD.first
    return tuple(
        [
            line
            for line in encounter.lines
            if line.procedure in IVUS and line.service_dates is not None and line.service_dates.last >= begun
        ]
    )


@once
def modified_lines(encounter: Encounter) -> tuple[ServiceLine, ...]:
    """Return those of `ivus_lines` that have a modifier."""
    return tuple(line for line in ivus_lines(encounter) if line.modifiers)


SIDES = frozenset({"LT", "RT"})


def side_of(line: ServiceLine) -> str:
    """Return the side that the modifiers of a line name: LT, RT, or "" for none and for both."""
    sides = SIDES.intersection(line.modifiers)
    return next(iter(sides)) if len(sides) == 1 else ""


def are_opposite(line: ServiceLine, other: ServiceLine) -> bool:
    """Whether one line names the left side and the other the right one."""
    return frozenset((side_of(line), side_of(other))) == SIDES
