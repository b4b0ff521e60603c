"""What is compared: the commands, and the mixes of claims that they are given."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

from benchmarks.generate import Mix
from benchmarks.runs import SCRUB, program

__all__ = ["BARE", "BYTES_SPLIT", "JOBS", "MIXES", "NDJSON", "OUT_DIR", "Contender", "contenders"]

MIXES = {
    "1 % ultrasound": Mix(0.01, 0.05),
    "all ultrasound, 5 % with findings": Mix(1, 0.05),
    "all ultrasound, 25 % with findings": Mix(1, 0.25),
    "office, modifiers on 40 % of the lines": Mix(0.01, 0.05, modifiers=0.4),
    "worst case, findings on every claim": Mix(1, 1, mistakes=2),
}
"""The mixes by name; `Mix.faulty` is the share of the claims with ultrasound."""

_BARE_READER = "from pyx12.x12file import X12Reader\nfor _ in X12Reader(sys.argv[1]): pass"
_VALIDATION = """\
import logging
from pyx12 import params, x12n_document
logging.disable()
x12n_document.x12n_document(params.ParamsBase(), sys.argv[1], None, None)"""
_LINUXFORHEALTH = """\
from linuxforhealth.x12.io import X12ModelReader
with X12ModelReader(sys.argv[1]) as reader:
    for _ in reader.models(): pass"""
_SPLIT = "open(sys.argv[1], 'rb').read().split(b'~')"

NDJSON = "scrubber, ndjson"
OUT_DIR = "scrubber, `--out-dir` (837s, 277CA, 999, JSON)"
JOBS = "scrubber, ndjson, `--jobs 2`"
BARE = "pyx12 bare segment reader"
BYTES_SPLIT = "`bytes.split` on the terminator"


@frozen
class Contender:
    """A command to measure, without the name of the file; `part` is the share of the claims that it gets."""

    name: str
    command: tuple[str, ...]
    part: float = 1

    def on(self, path: Path) -> list[str]:
        """Return the command for a file; what it writes goes beside that."""
        return [*(word.replace("{folder}", str(path.parent / "out")) for word in self.command), str(path)]


def contenders(python: str = sys.executable) -> Iterator[Contender]:
    """Yield the commands, the slow ones with a tenth or a hundredth of the claims.

    linuxforhealth-x12, which needs an older pydantic than others may, runs under `python`, where that can import it.
    """
    ndjson = (*SCRUB, "--format", "ndjson")
    yield Contender(NDJSON, ndjson)
    yield Contender("scrubber, ndjson, `--no-screen`", (*ndjson, "--no-screen"), 0.1)
    yield Contender(OUT_DIR, (*ndjson, "--out-dir", "{folder}"))
    yield Contender(JOBS, (*ndjson, "--jobs", "2"))
    yield Contender(BARE, program(_BARE_READER))
    yield Contender("pyx12 guide validation", program(_VALIDATION), 0.01)
    if _can_import(python, "linuxforhealth.x12.io"):
        yield Contender("linuxforhealth-x12 models", (python, *program(_LINUXFORHEALTH)[1:]), 0.01)
    yield Contender(BYTES_SPLIT, program(_SPLIT))


def _can_import(python: str, module: str) -> bool:
    return subprocess.run((python, "-c", f"import {module}"), capture_output=True, check=False).returncode == 0
