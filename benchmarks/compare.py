"""Measure the scrubber beside pyx12 and the bound of the machine, as whole processes, the start of each apart.

    python -m benchmarks.compare                     # speed, on 100,000 claims of five mixes
    python -m benchmarks.compare --claims 10000 --runs 3 --only "1 %" ndjson
    python -m benchmarks.compare --start-up          # --version and three claims, against `python -c pass`
    python -m benchmarks.compare --finding           # what one more finding on a claim costs
    python -m benchmarks.compare --memory            # peak memory of every output, 10,000 claims against 1,000,000
    python -m benchmarks.compare --check             # all of these; exit code 1 where a target is missed, and its name

The commands run in turns, several times over; the median of the processor time (user and system) counts.  From each
the time of the same command on three claims is subtracted.  Rates are given as multiples of pyx12's bare segment
reader on the same claims.  Slow readers get a tenth or a hundredth of the claims.  `--only` takes words: mixes,
contenders or outputs whose name holds one; the bare reader always runs.

linuxforhealth-x12 is measured where it is installed, or by the Python of an environment that has it: run
`pip install linuxforhealth-x12 "pydantic[dotenv]<2"` there, and give `--linuxforhealth PYTHON` here.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from benchmarks.contenders import BARE, MIXES, Contender, contenders
from benchmarks.costs import OUTPUTS, finding_cost, memory_of, start_up
from benchmarks.speed import compare, rows_of
from benchmarks.targets import Target, of_finding, of_memory, of_speed, of_start_up, table_of

_IDLE = 0.3
"""The load of an idle machine."""


def _named(names: Iterable[str], words: list[str]) -> list[str]:
    """Return the names that hold one of the words; all where none does."""
    names = list(names)
    return [name for name in names if any(word in name for word in words)] or names


def _contenders(words: list[str], python: str) -> list[Contender]:
    all_ = list(contenders(python))
    names = {BARE, *_named((each.name for each in all_), words)}
    return [each for each in all_ if each.name in names]


def _speed(folder: Path, options: argparse.Namespace) -> Iterator[Target]:
    wanted = _contenders(options.only, options.linuxforhealth)
    for name in _named(MIXES, options.only):
        is_idle = os.getloadavg()[0] < _IDLE
        compared = compare(folder, name, MIXES[name], wanted, options.claims, options.runs)
        print("\n".join(rows_of(compared)), flush=True)
        yield from of_speed(compared, is_idle=is_idle)
        for path in folder.glob("*.837"):
            path.unlink()


def _start_up(folder: Path, options: argparse.Namespace) -> Iterator[Target]:
    found = start_up(folder, options.runs)
    print(found.rows(), flush=True)
    yield from of_start_up(found)


def _finding(folder: Path, options: argparse.Namespace) -> Iterator[Target]:
    cost = finding_cost(folder, max(options.claims // 10, 1000), options.runs)
    print(cost.rows(), flush=True)
    yield of_finding(cost)


def _memory(folder: Path, options: argparse.Namespace) -> Iterator[Target]:
    small, large = options.small, options.large
    print(f"| peak memory, MB | {small:,} claims | {large:,} claims | bytes a further claim |\n|---|---:|---:|---:|")
    for name in _named(OUTPUTS, options.only):
        grown = memory_of(folder, name, (small, large))
        cells = (*(f"{memory / 1e6:.0f}" for memory in grown.memory), f"{grown.a_claim:.1f}")
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
        yield of_memory(grown)
    print()


_PARTS = {"start_up": _start_up, "finding": _finding, "speed": _speed, "memory": _memory}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--claims", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", nargs="+", default=[], help="words of the names of mixes, contenders or outputs")
    parser.add_argument("--speed", action="store_true", help="speed of the mixes, which is the default")
    parser.add_argument("--start-up", action="store_true", help="the smallest commands")
    parser.add_argument("--finding", action="store_true", help="the cost of one more finding")
    parser.add_argument("--memory", action="store_true", help="peak memory of every output")
    parser.add_argument("--small", type=int, default=10_000, help="claims of the small file for --memory")
    parser.add_argument("--large", type=int, default=1_000_000, help="claims of the large file for --memory")
    parser.add_argument("--linuxforhealth", default=sys.executable, help="a Python that has linuxforhealth-x12")
    parser.add_argument(
        "--check", action="store_true", help="compare with the targets; all parts unless some are named"
    )
    options = parser.parse_args()
    names = [*MIXES, *OUTPUTS, *(each.name for each in contenders(options.linuxforhealth))]
    for word in options.only:
        if not any(word in name for name in names):
            parser.error(f"no mix, contender or output has {word!r} in its name: {'; '.join(names)}")
    return options


def main() -> int:
    """Read the arguments, measure, and return the exit code."""
    options = _options()
    parts = [part for part in _PARTS if getattr(options, part)]
    parts = parts or (list(_PARTS) if options.check else ["speed"])
    print(f"{platform.machine()}, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}\n")
    with tempfile.TemporaryDirectory() as name:
        targets = [target for part in parts for target in _PARTS[part](Path(name), options)]
    if not options.check:
        return 0
    print(table_of(targets))
    missed = [target.name for target in targets if not target.is_met]
    print(f"\nmissed: {'; '.join(missed)}" if missed else "\nall targets are met")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
