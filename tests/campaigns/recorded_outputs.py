"""Record every output of the real command over many inputs, and compare two checkouts byte by byte.

    python -m tests.campaigns.recorded_outputs record FOLDER [--python PATH] [--only PART]
    python -m tests.campaigns.recorded_outputs compare FOLDER [OTHER] [--python PATH] [--only PART]

`record` runs `python -m scrubber` of an interpreter, outside the checkout, and keeps in FOLDER what each run leaves:
exit code, standard output, standard error, all reports and all X12 files.  `compare` records again, or takes OTHER,
and prints what differs; the exit code is 1 where something does, 2 where nothing can be recorded.
"""

from __future__ import annotations

import argparse
import difflib
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

from tests.campaigns.recorded_inputs import Input, collect
from tests.campaigns.recorded_runs import INPUTS, Ended, Run, execute, runs

_DIFF_LINES = 20
_LONG_LINE = 300


@define
class Recording:
    """The recorded runs, kept in a folder: `recording.json` has digests, `files` the outputs by digest, compressed."""

    folder: Path
    inputs: dict[str, str] = field(factory=dict)
    runs: dict[str, dict[str, Any]] = field(factory=dict)

    @classmethod
    def load(cls, folder: Path) -> Recording:
        """Read a recording.  Raises OSError or ValueError."""
        content = json.loads((folder / "recording.json").read_text(encoding="utf-8"))
        return cls(folder, content["inputs"], content["runs"])

    def begin(self) -> None:
        """Make the folder.  Raises RuntimeError where it holds a recording."""
        if (self.folder / "recording.json").exists():
            raise RuntimeError(f"{self.folder}: holds a recording; name another folder")
        self.folder.mkdir(parents=True, exist_ok=True)

    def save(self) -> None:
        content = json.dumps({"inputs": self.inputs, "runs": dict(sorted(self.runs.items()))}, indent=1)
        (self.folder / "recording.json").write_text(content, encoding="utf-8")

    def add_input(self, name: str, data: bytes) -> None:
        self.inputs[name] = self._keep(data)

    def add_run(self, run: Run, ended: Ended) -> None:
        files = {name: self._keep(data) for name, data in ended.files.items()}
        self.runs[run.name] = {"args": [*run.args], "inputs": [*run.inputs], "exit code": ended.code, "files": files}

    def read(self, digest: str | None) -> bytes:
        """Return the bytes of a digest, none for an output that is not there."""
        return b"" if digest is None else zlib.decompress(self._path(digest).read_bytes())

    def _keep(self, data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        path = self._path(digest)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(zlib.compress(data, 1))  # reports on damaged files repeat themselves
        return digest

    def _path(self, digest: str) -> Path:
        return self.folder / "files" / digest[:2] / digest


@frozen
class Difference:
    """A difference: the run or input it is in, what differs, the arguments of the run, and the lines that show it."""

    where: str
    what: str
    args: str = ""
    shown: tuple[str, ...] = ()


def differences(old: Recording, new: Recording, only: str = "") -> Iterator[Difference]:
    """Yield what differs between two recordings, of the runs that have `only` in their name and of their inputs."""
    names = [name for name in sorted(old.runs.keys() | new.runs.keys()) if only in name]
    read = {name for run in names for side in (old, new) if run in side.runs for name in side.runs[run]["inputs"]}
    for name in sorted(read):
        if what := _change(old.inputs.get(name), new.inputs.get(name)):
            yield Difference(f"input {name}", what)
    for name in names:
        if what := _change(old.runs.get(name), new.runs.get(name), "the run "):
            yield from _between(name, old, new) if what == "the run differs" else [Difference(name, what)]


def _between(name: str, old: Recording, new: Recording) -> Iterator[Difference]:
    """Yield what differs in a run that both recordings have."""
    before, after = old.runs[name], new.runs[name]
    for key in ("args", "inputs", "exit code"):
        if before[key] != after[key]:
            yield Difference(name, f"{key}: {after[key]}, not {before[key]}")
    for file in sorted(before["files"].keys() | after["files"].keys()):
        digests = before["files"].get(file), after["files"].get(file)
        if what := _change(*digests, f"{file} "):
            shown = _diff(old.read(digests[0]), new.read(digests[1]))
            yield Difference(name, what, " ".join(after["args"]), tuple(shown))


def _change(before: object, after: object, name: str = "") -> str:
    """Return what became of a thing, nothing where it is the same."""
    if before == after:
        return ""
    return f"{name}is missing" if after is None else f"{name}is new" if before is None else f"{name}differs"


def _diff(before: bytes, after: bytes) -> list[str]:
    lines = difflib.unified_diff(_lines(before), _lines(after), "before", "after", lineterm="", n=1)
    return [line for line, _ in zip(lines, range(_DIFF_LINES), strict=False)]


def _lines(data: bytes) -> list[str]:
    """Return the lines, long ones broken at segment ends, tags and commas, control characters made visible."""
    found: list[str] = []
    for line in data.decode("latin-1").split("\n"):
        found += re.split(r"(?<=[~>,])", line) if len(line) > _LONG_LINE else [line]
    return [line.encode("unicode_escape").decode()[:_LONG_LINE] for line in found]


# -- recording ---------------------------------------------------------------------------------------------------------


def record(folder: Path, python: Path, only: str = "") -> Recording:
    """Run everything that has `only` in its name and keep what it leaves.  Raises RuntimeError if nothing runs."""
    recording = Recording(folder)
    recording.begin()
    inputs, absent = collect()
    for line in absent:
        print(line)
    wanted = [run for run in runs(inputs, edit_codes(python)) if only in run.name]
    if not wanted:
        raise RuntimeError(f"no run has {only!r} in its name")
    began, before = time.monotonic(), os.times()
    with tempfile.TemporaryDirectory() as name:
        _write_inputs(inputs, Path(name))
        with ThreadPoolExecutor(os.cpu_count()) as pool:  # each thread waits for a process
            numbered = [pool.submit(execute, run, python, Path(name), number) for number, run in enumerate(wanted)]
            for run, future in zip(wanted, numbered, strict=True):
                recording.add_run(run, future.result())
    used = {name for run in wanted for name in run.inputs}
    for file in inputs:
        if file.name in used:
            recording.add_input(file.name, file.data)
    recording.save()
    after = os.times()
    processor = after.children_user + after.children_system - before.children_user - before.children_system
    print(
        f"{len(recording.runs):,} runs over {len(used):,} inputs, "
        f"{sum(len(run['files']) for run in recording.runs.values()):,} outputs, "
        f"{time.monotonic() - began:.0f} s, {processor:.0f} s of processor time"
    )
    return recording


def edit_codes(python: Path) -> list[str]:
    """Return the codes of all edits that an interpreter has installed.  Raises RuntimeError."""
    with tempfile.TemporaryDirectory() as folder:  # in the checkout the current folder would be imported
        command: list[str | Path] = [python, "-m", "scrubber", "edits", "--format=json"]
        done = subprocess.run(command, cwd=folder, capture_output=True, check=False, env={"PATH": ""})
    if done.returncode:
        raise RuntimeError(f"{python}: cannot run scrubber: {done.stderr.decode(errors='replace').strip()}")
    return re.findall(r'"code": "(\w+)"', done.stdout.decode())


def _write_inputs(inputs: Sequence[Input], folder: Path) -> None:
    for file in inputs:
        path = folder / INPUTS / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.data)


# -- the command -------------------------------------------------------------------------------------------------------


def compare(folder: Path, other: Path | None, python: Path, only: str, diffs: int) -> int:
    """Compare a recording with another one or with a run of today, print the differences and return the exit code."""
    old = Recording.load(folder)
    with tempfile.TemporaryDirectory() as fresh:
        new = Recording.load(other) if other else record(Path(fresh), python, only)
        found = list(differences(old, new, only))
    places = {difference.where for difference in found}
    place = ""
    for number, difference in enumerate(found):
        if difference.where != place:
            place = difference.where
            print(f"{place}  ({difference.args})" if difference.args else place)
        print(f"  {difference.what}")
        if number < diffs:
            for line in difference.shown:
                print(f"    {line}")
    print(f"{len(found):,} differences in {len(places):,} runs and inputs" if found else "no difference")
    return 1 if found else 0


def main() -> int:
    """Read the command line and do what it says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("record", "compare"):
        command = commands.add_parser(name)
        command.add_argument("folder", type=Path, help="where the recording is kept")
        command.add_argument("--python", type=Path, default=Path(sys.executable), help="the interpreter that runs")
        command.add_argument("--only", default="", metavar="PART", help="only the runs with PART in their name")
    commands.choices["compare"].add_argument("other", type=Path, nargs="?", help="another recording; default a new one")
    commands.choices["compare"].add_argument("--diffs", type=int, default=10, help="show so many differences in full")
    options = parser.parse_args()
    try:
        if options.command == "compare":
            return compare(options.folder, options.other, options.python, options.only, options.diffs)
        record(options.folder, options.python, options.only)
    except (RuntimeError, OSError, ValueError, subprocess.TimeoutExpired) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
