"""Run commands as whole processes, in turns, and take what each of them used."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from attrs import frozen

__all__ = ["SCRUB", "Usage", "in_turns", "medians_of", "program", "run_once"]

K = TypeVar("K")

SCRUBBER = str(Path(sys.executable).with_name("scrubber"))
SCRUB = (SCRUBBER, "scrub", "--no-progress")
_ENDS = {0, 1}
"""Exit codes of a command that did its work: 1 says that there are findings."""


@frozen
class Usage:
    """What a run used: seconds by the clock and of the processor, and peak memory of its largest process in bytes."""

    wall: float
    processor: float
    memory: float


def program(text: str) -> tuple[str, ...]:
    """Return the command that runs a Python program, which has the file in `sys.argv[1]`."""
    return (sys.executable, "-c", f"import sys\n{text}")


def run_once(command: Sequence[str]) -> Usage:
    """Run a command.  Raises RuntimeError where it failed."""
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in _ENDS:
        raise RuntimeError(f"{' '.join(command)[:200]} ended with {process.returncode}")
    return Usage(wall, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)


def in_turns(commands: Mapping[K, Sequence[str]], runs: int) -> dict[K, Usage]:
    """Run all commands one after the other, so many times over, and return the medians of each."""
    found: dict[K, list[Usage]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            found[name].append(run_once(command))
    return {name: medians_of(usages) for name, usages in found.items()}


def medians_of(usages: Iterable[Usage]) -> Usage:
    """Return the median of each of the values, each by itself."""
    values = [(usage.wall, usage.processor, usage.memory) for usage in usages]
    return Usage(*(statistics.median(column) for column in zip(*values, strict=True)))
