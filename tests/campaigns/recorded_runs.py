"""The runs that are recorded, each of them of the real command, and what is kept of one."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import zipfile
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from shutil import rmtree
from typing import Any

from attrs import field, frozen

from tests.campaigns.recorded_inputs import SETTINGS, Input, folders_of
from tests.support.paths import ROOT

FORMATS = ("json", "ndjson", "html", "xlsx", "csv", "xml", "sarif", "text")
INPUTS = "inputs"
PROCEDURES = (
    *("37252", "37253", "37250", "75945", "37238", "37239", "37221", "37254", "36012", "36902"),
    *("37191", "37197", "92928", "75710", "76937", "99213", "37184", "0645T", "C9600", "36005"),
)
_DAY = "2024-08-05"
_SECONDS = 600
_CHANGED = 1_767_225_600
"""When the first file of a watched folder was changed, in seconds; the next ones a second later each."""

_SAMPLE = "fixtures/claims/office_week.837"
_GUIDE = "--conformance=guide"

_REPORTS = tuple(f"--report={form}=report.{form}" for form in FORMATS)
_X12 = (
    *("--annotated=annotated.837", "--clean=clean.837", "--rejected=rejected.837"),
    *("--277ca=answer.277ca", "--999=answer.999"),
)
_OF_FOLDERS: dict[str, tuple[str, ...]] = {
    "folder": ("--format=ndjson",),
    "guide": (_GUIDE,),
    "partial": (
        *("--partial", "--annotate-k3", "--277ca-line-dates", "--fail-on=info"),
        *("--ack-date=2026-11-20T10:15", "--ack-control-number=7"),
    ),
    "redact": ("--redact", "--no-screen", "--format=ndjson"),
    "jobs": ("--jobs=2", "--partial"),
}
"""The settings with which every folder is judged; cases with the first only, `--jobs` on a part of the folders."""

_CLAIMS: list[dict[str, Any]] = [
    {
        "control_number": f"API{number}",
        "charge": "100.00",
        "place_of_service": "11",
        "frequency": "1",
        "diagnoses": ["I87.1"],
        "billing_provider": {"npi": "1234567893"},
        "subscriber": {"member_id": f"M{number // 2}"},
        "payer": {"id": "12502"},
        "lines": [
            {"procedure": code, "charge": "100.00", "units": units, "service_from": _DAY, "diagnosis_pointers": [1]}
            for code, _, units in (line.partition(" x") for line in lines.split(", "))
        ],
    }
    for number, lines in enumerate(
        ("37252 x1", "37238 x1", "37238 x1, 37253 x2", "37191 x1, 37252 x3", "37250 x1", "37252- xA")
    )
]
_CLAIMS += [{"control_number": "API6"}, {**_CLAIMS[0], "colour": "red"}, {**_CLAIMS[0], "billing_provider": {}}]


@frozen
class Run:
    """A run: its name, the arguments behind the program, and the inputs that it reads, by name.

    `stdin` is given to standard input; `prepare` lays out its folder; a run of the interface runs `program` by path.
    """

    name: str
    args: tuple[str, ...]
    inputs: tuple[str, ...] = ()
    stdin: bytes | None = None
    program: Path | None = None
    prepare: Callable[[Path], object] | None = field(default=None, repr=False)


@frozen
class Ended:
    """What a run leaves: its exit code and by name the bytes of standard output, standard error and every file."""

    code: int
    files: dict[str, bytes]


def runs(inputs: Sequence[Input], codes: Sequence[str]) -> Iterator[Run]:
    """Yield the runs over the inputs, and those that explain the edits of those codes."""
    for file in inputs:
        if file.is_claim_file and not file.name.startswith(("cases/", "one_mistake/", "clean_claims/")):
            yield Run(f"alone/{file.name}", ("scrub", _path(file.name), *_REPORTS, *_X12), (file.name,))
    settings = {file.folder for file in inputs if file.name.endswith(f"/{SETTINGS}")}
    for number, (folder, files) in enumerate(folders_of(inputs).items()):
        config = (f"--config={_path(folder)}/{SETTINGS}",) if folder in settings else ()
        names = (*(file.name for file in files), *([f"{folder}/{SETTINGS}"] if config else []))
        for kind, args in _OF_FOLDERS.items():
            if (kind != "folder" and folder.startswith("cases/")) or (kind == "jobs" and number % 2):
                continue
            reports = _REPORTS[:1] if kind in {"partial", "jobs"} else _REPORTS  # which change no words of a report
            yield Run(f"{kind}/{folder}", ("scrub", _path(folder), "--out-dir=out", *reports, *config, *args), names)
    yield from _with_settings(inputs)
    yield from _commands(codes)
    yield from _front_ends(inputs)


def _path(name: str) -> str:
    """Return the path of an input as the command is given it: a relative one, for reports show it."""
    return f"../{INPUTS}/{name}"


def _with_settings(inputs: Sequence[Input]) -> Iterator[Run]:
    for file in inputs:
        if file.name.endswith(".toml") and not file.name.startswith("cases/"):
            config = f"--config={_path(file.name)}"
            yield Run(f"settings/{file.name}", ("config", config), (file.name,))
            yield Run(
                f"settings/{file.name}, scrub",
                ("scrub", _path(_SAMPLE), config, *_REPORTS, *_X12),
                (file.name, _SAMPLE),
            )
            yield Run(f"settings/{file.name}, explain", ("explain", "37252", f"--on={_DAY}", config), (file.name,))


def _commands(codes: Sequence[str]) -> Iterator[Run]:
    """Yield what asks about the program itself, and what is asked wrongly."""
    questions: list[tuple[str, ...]] = [("--help",), ("--version",), ("config",), ("nonsense",)]
    questions += [(command, "--help") for command in ("scrub", "watch", "serve", "edits", "explain", "config")]
    questions += [("edits", f"--format={form}") for form in ("text", "markdown", "json")]
    questions += [("explain", code) for code in codes]
    questions += [("explain", code, f"--format={('json', 'markdown')[n % 2]}") for n, code in enumerate(codes[::4])]
    questions += [("explain", code, f"--on={_DAY}") for code in PROCEDURES]
    questions += [("explain", code, "--on=3/1/2026", "--format=json") for code in PROCEDURES[::2]]
    questions += [("explain", code) for code in ("CO-107", "CO-236", "N122", "XYZ", "IVUS1O1")]
    questions += [("explain", "37252", f"--on={day}") for day in ("2026-02-30", "1/2/26", "2015-12-31", "20190101")]
    week = _path(_SAMPLE)
    questions += [
        *(("scrub", "absent.837"), ("scrub", "."), ("scrub", week, "--format=pdf"), ("scrub", week, "--jobs=0")),
        ("scrub", week, "--report=json"),
        ("scrub", week, "--report=json=a", "--report=csv=a"),
        ("scrub", week, f"--clean={week}"),
        ("scrub", week, "--clean=a", "--out-dir=b"),
        ("scrub", week, _path("break"), "--clean=a"),
        ("scrub", week, "--select=IVUS2,X12", "--ignore=IVUS203", "--exit-zero"),
        ("scrub", week, "--ignore=X12101"),
        ("scrub", week, "--config=absent.toml"),
        ("scrub", week, week, _path("unreadable/empty.837"), "absent.837", "--report=json=a"),
        ("watch", "absent", "--out=b"),
    ]
    yield from (Run(f"command/{' '.join(args)}", args) for args in questions)


def _front_ends(inputs: Sequence[Input]) -> Iterator[Run]:
    """Yield what goes through standard input and output, the watcher and the Python interface."""
    known = {file.name: file.data for file in inputs}
    week = known[_SAMPLE]
    for form in FORMATS:
        yield Run(f"standard/{form}", ("scrub", "-", f"--format={form}", _GUIDE), (_SAMPLE,), week)
    yield Run("standard/out-dir", ("scrub", "--out-dir=out", "--format=json"), (_SAMPLE,), week)
    for folder, files in folders_of(inputs).items():
        if folder in {"fixtures/claims", "break", "unreadable", "drawn/03", "drawn/05"}:
            small = [file for file in files if len(file.data) < 100_000]

            def lay_out(cwd: Path, files: Sequence[Input] = small) -> None:
                (cwd / "inbox").mkdir()
                for number, file in enumerate(files):
                    path = cwd / "inbox" / Path(file.name).name
                    path.write_bytes(file.data)
                    os.utime(path, (_CHANGED + number, _CHANGED + number))  # the watcher takes the oldest first

            args = ("watch", "inbox", "--out=out", "--once", "--settle=0", "--give-up=0")
            yield Run(f"watch/{folder}", args, tuple(file.name for file in small), prepare=lay_out)
    names = [name for name in known if name.startswith(("fixtures/", "break/R0", "drawn/03", "unreadable"))]
    names = [file.name for file in inputs if file.name in names and file.is_claim_file]
    program = ROOT / "tests" / "recorded_api.py"
    claims = json.dumps(_CLAIMS).encode()
    for first in range(0, len(names), 20):
        some = names[first : first + 20]
        yield Run(f"api/{first:03}", tuple(map(_path, some)), tuple(some), claims, program)


def execute(run: Run, python: Path, folder: Path, number: int) -> Ended:
    """Run in a folder beside the inputs and return what it leaves.  Raises subprocess.TimeoutExpired."""
    while True:
        today, cwd, temporary = date.today(), folder / str(number), folder / f"{number}_temporary"
        cwd.mkdir()
        temporary.mkdir()
        if run.prepare is not None:
            run.prepare(cwd)
        program = ["-P", str(run.program)] if run.program else ["-m", "scrubber"]
        done = subprocess.run(
            [python, *program, *run.args],
            input=b"" if run.stdin is None else run.stdin,
            capture_output=True,
            check=False,
            cwd=cwd,
            env={"PATH": "", "PYTHONHASHSEED": "0", "COLUMNS": "100", "TMPDIR": str(temporary)},
            timeout=_SECONDS,
        )
        files = {"standard output": done.stdout, "standard error": done.stderr}
        files |= {f"left in TMPDIR: {path.name}": b"" for path in temporary.iterdir()}
        for path in sorted(cwd.rglob("*")):
            if path.is_file() and path.name != "journal.sqlite":  # the watcher's own, with the times of its work
                files[str(path.relative_to(cwd))] = path.read_bytes()
        rmtree(cwd)
        rmtree(temporary)
        if today == date.today():
            return Ended(done.returncode, {name: normalised(name, data, today, folder) for name, data in files.items()})


def normalised(name: str, data: bytes, today: date, folder: Path) -> bytes:
    """Replace in an output what is of the run and not of the input.  This is all that is not compared byte by byte:

    - the path of the folder of the runs, a temporary one: inputs are named by relative paths, so few outputs hold it
    - in a workbook the day on which it is made (docProps/core.xml): no option sets it; the parts are kept unpacked,
      each with its place, its time and its size in the archive, so that a difference can be shown as text
    - in a 277CA and 999 the day of the run, which they carry where the input has no readable date: `--ack-date` would
      hide the dates that are taken from inputs (the runs called `partial` set it)
    - in the reason that the watcher writes beside a file which it puts aside, the time at which it took the file
    """
    data = data.replace(str(folder).encode(), b"<folder of the runs>")
    if data.startswith(b"PK\x03\x04"):
        data = _unpacked(data, today)
    if name.endswith((".277ca", ".999")):
        data = re.sub(rb"(?<![0-9])(20)?%b(?![0-9])" % f"{today:%y%m%d}".encode(), rb"\1<day of the run>", data)
    if name.endswith(".reason.txt"):
        data = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", b"<time of the run>", data)
    return data


def _unpacked(data: bytes, today: date) -> bytes:
    parts: list[bytes] = []
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        for info in book.infolist():
            content = book.read(info)
            if info.filename == "docProps/core.xml":
                content = content.replace(today.isoformat().encode(), b"<day of the run>")
            parts += [f"== {info.filename} {info.date_time} {info.compress_type} {len(content)}\n".encode(), content]
    return b"\n".join(parts)
