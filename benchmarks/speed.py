"""Measure what a claim costs, the start of the program apart: a run of many claims less a run of three."""

from __future__ import annotations

import hashlib
import json
import math
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from attrs import frozen

from benchmarks.contenders import BARE, JOBS, NDJSON, Contender
from benchmarks.generate import Mix, write_mix
from benchmarks.runs import SCRUB, Usage, in_turns

__all__ = ["FEW", "Compared", "Found", "Speed", "compare", "found_in", "prepared", "rows_of"]

FEW = 3
"""Claims of the run that is taken for the start of the program."""

_Run = tuple[str, bool]
"""A contender and whether it gets many claims."""


@frozen
class Found:
    """What a scrub finds in a file: claims, those with findings, all findings, and the digest of the report."""

    claims: int
    with_findings: int
    findings: int
    digest: str

    @property
    def share(self) -> float:
        """Return the share of the claims that have findings."""
        return self.with_findings / self.claims


@frozen
class Speed:
    """What a contender took for so many claims, `begun` apart, which is what it took for three."""

    claims: int
    begun: Usage
    whole: Usage

    @property
    def a_claim(self) -> float:
        """Return the processor seconds of one claim."""
        return (self.whole.processor - self.begun.processor) / (self.claims - FEW)

    @property
    def wall_a_claim(self) -> float:
        """Return the seconds by the clock of one claim."""
        return (self.whole.wall - self.begun.wall) / (self.claims - FEW)


@frozen
class Compared:
    """The contenders on one mix, what there is to find in it, and whether several processes find the same."""

    mix: str
    size: int
    found: Found
    speeds: dict[str, Speed]
    same_bytes: bool | None = None

    def times_bare(self, name: str) -> float:
        """Return how many claims a contender reads while the bare reader reads one of the same file.

        It is no number where there were too few claims to be measured, which misses every target.
        """
        own = self.speeds[name].a_claim
        return self.speeds[BARE].a_claim / own if own > 0 else math.nan


def found_in(path: Path, *options: str) -> Found:
    """Scrub a file and count what its ndjson report says."""
    claims = with_findings = findings = 0
    digest = hashlib.sha256()
    command = (*SCRUB, "--format", "ndjson", *options, str(path))
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        for line in process.stdout or ():
            digest.update(line)
            claims += b'"ordinal": ' in line
            if b'"findings": [{' in line:
                own = json.loads(line)
                with_findings += "claim" in own
                findings += len(own["findings"])
    return Found(claims, with_findings, findings, digest.hexdigest())


def prepared(folder: Path, mix: Mix, claims: int) -> Path:
    """Write a file of so many claims of a mix, where it is not there yet, and return its path."""
    path = folder / f"{mix.ivus}-{mix.faulty}-{mix.modifiers}-{mix.mistakes}-{claims}.837"
    if not path.exists():
        write_mix(path, claims, mix)
    return path


def compare(folder: Path, name: str, mix: Mix, wanted: Sequence[Contender], claims: int, runs: int) -> Compared:
    """Measure contenders in turns on files of a mix."""
    counts = {each.name: max(int(claims * each.part), 10 * FEW) for each in wanted}
    commands: dict[_Run, Sequence[str]] = {}
    for each in wanted:
        commands[each.name, False] = each.on(prepared(folder, mix, FEW))
        commands[each.name, True] = each.on(prepared(folder, mix, counts[each.name]))
    used = in_turns(commands, runs)
    whole = prepared(folder, mix, claims)
    found = found_in(whole)
    names = {each.name for each in wanted}
    same = found_in(whole, "--jobs", "2").digest == found.digest if JOBS in names else None
    speeds = {name: Speed(counts[name], used[name, False], used[name, True]) for name in counts}
    return Compared(name, whole.stat().st_size, found, speeds, same)


_COLUMNS = ("claims", "µs a claim", "claims a second", "times the bare reader", "by the clock", "start, ms", "peak MB")


def rows_of(compared: Compared) -> Iterator[str]:
    """Yield the lines of a table."""
    found = compared.found
    yield f"### {compared.mix}"
    yield ""
    yield (
        f"{found.claims:,} claims, {compared.size / 1e6:.1f} MB; {100 * found.share:.2f} % of the claims have "
        f"findings, {found.findings / found.claims:.2f} a claim."
    )
    yield ""
    yield f"| {' | '.join(('command', *_COLUMNS))} |"
    yield "|---|" + "---:|" * len(_COLUMNS)
    for name, speed in compared.speeds.items():
        cells = (
            f"{speed.claims:,}",
            f"{1e6 * speed.a_claim:.1f}",
            f"{1 / speed.a_claim if speed.a_claim > 0 else math.nan:,.0f}",
            f"{compared.times_bare(name):.2f}",
            f"{1e6 * speed.wall_a_claim:.1f} µs",
            f"{1e3 * speed.begun.processor:.0f}",
            f"{speed.whole.memory / 1e6:.0f}",
        )
        yield f"| {name} | {' | '.join(cells)} |"
    if compared.same_bytes is not None:
        yield ""
        yield f"The report with `--jobs 2` is {'the same' if compared.same_bytes else 'ANOTHER ONE'}, byte by byte."
    if {NDJSON, JOBS} <= compared.speeds.keys():
        yield _of_jobs(compared)
    yield ""


def _of_jobs(compared: Compared) -> str:
    one, two = compared.speeds[NDJSON], compared.speeds[JOBS]
    more, faster = two.a_claim / one.a_claim - 1, one.wall_a_claim / max(two.wall_a_claim, 1e-9)
    return (
        f"Two processes took {100 * more:+.1f} % of processor time, and were {faster:.2f} times as fast by the clock."
    )
