"""Measure the scrubber beside pyx12 and the bound of the machine, in one run, as whole processes.

    python -m benchmarks.compare                  # speed, on 10,000 claims
    python -m benchmarks.compare --memory         # peak memory, 10,000 claims against 1,000,000

Each command runs several times; the median of the processor time counts (for several processes, the time by the clock).
Slow readers get a tenth of the claims.  linuxforhealth-x12 is measured where it is installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from attrs import frozen

from benchmarks.generate import write

SHARES = (1, 20, 100)
SCRUB = (str(Path(sys.executable).with_name("scrubber")), "scrub", "--no-progress")
BARE_READER = "from pyx12.x12file import X12Reader\nfor _ in X12Reader(sys.argv[1]): pass"
CONTEXT = """\
from pyx12 import error_handler, params, x12context
errors = error_handler.errh_null()
for _ in x12context.X12ContextReader(params.ParamsBase(), errors, sys.argv[1]).iter_segments("2300"): pass"""
VALIDATION = """\
import logging
from pyx12 import params, x12n_document
logging.disable()
x12n_document.x12n_document(params.ParamsBase(), sys.argv[1], None, None)"""
LINUXFORHEALTH = """\
from linuxforhealth.x12.io import X12ModelReader
with X12ModelReader(sys.argv[1]) as reader:
    for _ in reader.models(): pass"""
SPLIT = "open(sys.argv[1], 'rb').read().split(b'~')"


@frozen
class Measured:
    """Medians of a command: seconds by the clock and of the processor, peak memory of its largest process in MB."""

    wall: float
    processor: float
    memory: float


@frozen
class Contender:
    """A command to measure; `part` is the share of the claims that it gets."""

    name: str
    command: tuple[str, ...]
    part: float = 1
    by_clock: bool = False


def contenders() -> Iterator[Contender]:
    """Return the commands to measure, without the name of the file."""
    yield Contender("scrubber, JSON", (*SCRUB, "--format", "json"))
    yield Contender(
        "scrubber, JSON, `--jobs 2` (by the clock)", (*SCRUB, "--format", "json", "--jobs", "2"), by_clock=True
    )
    yield Contender("scrubber, JSON, `--no-screen`", (*SCRUB, "--format", "json", "--no-screen"))
    yield Contender(
        "scrubber, `--out-dir` (837s, 277CA, JSON)", (*SCRUB, "--format", "ndjson", "--out-dir", "{folder}")
    )
    yield Contender("pyx12 bare segment reader", _python(BARE_READER))
    yield Contender("pyx12 context reader", _python(CONTEXT), 0.1)
    yield Contender("pyx12 guide validation", _python(VALIDATION), 0.1)
    if importlib.util.find_spec("linuxforhealth"):
        yield Contender("linuxforhealth-x12 models", _python(LINUXFORHEALTH), 0.1)
    yield Contender("`bytes.split` on the terminator", _python(SPLIT))


def _python(program: str) -> tuple[str, ...]:
    return (sys.executable, "-c", f"import sys\n{program}")


def measure(command: Sequence[str], runs: int) -> Measured:
    """Run a command several times and give the medians."""
    found = [_run(command) for _ in range(runs)]
    return Measured(*(statistics.median(values) for values in zip(*found, strict=True)))


def _run(command: Sequence[str]) -> tuple[float, float, float]:
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in {0, 1}:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}")
    return time.perf_counter() - begin, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def compare_speed(folder: Path, claims: int, runs: int) -> None:
    """Print claims a second of every contender, and how many times the bare reader's that is."""
    print(
        f"| {claims:,} claims, claims a second | " + " | ".join(f"{share} % IVUS" for share in SHARES) + " | peak MB |"
    )
    print("|---|" + "---:|" * (len(SHARES) + 1))
    bare: dict[int, float] = {}
    rows: list[tuple[str, dict[int, float], float]] = []
    for contender in contenders():
        rates: dict[int, float] = {}
        memory = 0.0
        for share in SHARES:
            count = int(claims * contender.part)
            path = folder / f"{share}-{count}.837"
            if not path.exists():
                write(path, count, share / 100)
            command = [part.replace("{folder}", str(folder / "out")) for part in contender.command]
            measured = measure([*command, str(path)], runs)
            rates[share] = count / (measured.wall if contender.by_clock else measured.processor)
            memory = max(memory, measured.memory)
        rows.append((contender.name, rates, memory))
        if contender.name.endswith("bare segment reader"):
            bare = rates
    for name, rates, memory in rows:
        cells = (f"{rates[share]:,.0f} ({rates[share] / bare[share]:.2f}x)" for share in SHARES)
        print(f"| {name} | " + " | ".join(cells) + f" | {memory:.0f} |")


def compare_memory(folder: Path, small: int, large: int) -> None:
    """Print the peak memory of outputs on a small and on a large file."""
    outputs = {
        "ndjson": ("--format", "ndjson"),
        "all files of --out-dir": ("--format", "ndjson", "--out-dir", "{folder}"),
    }
    print(f"| peak memory, MB | {small:,} claims | {large:,} claims |\n|---|---:|---:|")
    paths = [folder / f"{count}.837" for count in (small, large)]
    for path, count in zip(paths, (small, large), strict=True):
        write(path, count, 0.01)
    for name, options in outputs.items():
        command = [*SCRUB, *(option.replace("{folder}", str(folder / "out")) for option in options)]
        cells = [f"{measure([*command, str(path)], 1).memory:.0f}" for path in paths]
        print(f"| {name} | {cells[0]} | {cells[1]} |", flush=True)


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--claims", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--memory", action="store_true", help="peak memory instead of speed")
    parser.add_argument("--large", type=int, default=1_000_000, help="claims of the large file for --memory")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        if options.memory:
            compare_memory(Path(name), options.claims, options.large)
        else:
            compare_speed(Path(name), options.claims, options.runs)


if __name__ == "__main__":
    main()
