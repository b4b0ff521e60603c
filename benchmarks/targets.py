"""The targets of the scrubber, as ratios of one run, and whether they are met."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import frozen

from benchmarks.contenders import JOBS, MIXES, NDJSON, OUT_DIR
from benchmarks.costs import FindingCost, Grown, StartUp
from benchmarks.speed import Compared

__all__ = ["Target", "of_finding", "of_memory", "of_speed", "of_start_up", "table_of"]

_TIMES_BARE = dict(zip(MIXES, (5, 3, 1.8, 5, 1), strict=True))
_MORE_PROCESSOR, _FASTER = 0.08, 1.6
_OF_A_FINDING, _OF_FILES = 0.2, 0.25
_VERSION, _SCRUB = 7, 12
_BYTES = 40
_FEW_PERCENT, _MANY_FINDINGS = next(iter(MIXES)), "all ultrasound, 25 % with findings"


@frozen
class Target:
    """A measured value and its limit: the least or the most that it may be."""

    name: str
    value: float
    limit: float
    is_least: bool = False

    @property
    def is_met(self) -> bool:
        """Return whether the value is within the limit."""
        return self.value >= self.limit if self.is_least else self.value <= self.limit

    @property
    def row(self) -> str:
        """Return a row of a table."""
        limit = f"{'at least' if self.is_least else 'at most'} {self.limit:g}"
        return f"| {self.name} | {self.value:.2f} | {limit} | {'met' if self.is_met else '**missed**'} |"


def of_speed(compared: Compared, *, is_idle: bool) -> Iterator[Target]:
    """Yield the targets of a mix; how fast two processes are can be seen on an idle machine only."""
    name, speeds = compared.mix, compared.speeds
    if NDJSON in speeds:
        yield Target(f"{name}: times the bare reader", compared.times_bare(NDJSON), _TIMES_BARE[name], is_least=True)
    if name == _FEW_PERCENT and {NDJSON, OUT_DIR} <= speeds.keys():
        more = 1 / compared.times_bare(OUT_DIR) - 1 / compared.times_bare(NDJSON)
        yield Target(f"{name}: --out-dir over ndjson, of the bare reader's time", more, _OF_FILES)
    if {NDJSON, JOBS} <= speeds.keys():
        one, two = speeds[NDJSON], speeds[JOBS]
        yield Target(f"{name}: --jobs 2, more processor time", two.a_claim / one.a_claim - 1, _MORE_PROCESSOR)
        yield Target(f"{name}: --jobs 2, reports that differ", float(not compared.same_bytes), 0)
        if is_idle and name == _MANY_FINDINGS:
            faster = one.wall_a_claim / max(two.wall_a_claim, 1e-9)
            yield Target(f"{name}: --jobs 2, times as fast by the clock", faster, _FASTER, is_least=True)


def of_finding(cost: FindingCost) -> Target:
    """Return the target of one more finding."""
    return Target("one more finding, of the bare reader's time for the claim", cost.seconds / cost.bare, _OF_A_FINDING)


def of_start_up(found: StartUp) -> Iterator[Target]:
    """Yield the targets of the smallest commands."""
    yield Target("--version, times `python -c pass`", found.version / found.python, _VERSION)
    yield Target("scrub of 3 claims, times `python -c pass`", found.scrub / found.python, _SCRUB)


def of_memory(grown: Grown) -> Target:
    """Return the target of the memory of an output."""
    return Target(f"memory, {grown.name}: bytes of each further claim", grown.a_claim, _BYTES)


def table_of(targets: Iterable[Target]) -> str:
    """Return a table of targets."""
    return "\n".join(["| target | measured | limit | |", "|---|---:|---|---|", *(target.row for target in targets)])
