"""Hostile inputs through every front end: the right answer, nothing lost, no traceback, bounded time and memory.

All of them through all front ends, each in a process: `pytest -n 2 tests/system/test_hostile.py --all-hostile`.
"""

from __future__ import annotations

import fcntl
import io
import json
import os
import stat
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from scrubber import UnreadableError, iter_claims, scrub
from scrubber.api import Scrubber, load_settings
from scrubber.io import source
from scrubber.outputs.reports.formats import format_names
from scrubber.watch import FileWorker, Waits, open_watcher
from tests.support.canary import canary_file
from tests.support.command import Run
from tests.support.hostile import BIG, GOOD, PLACES, SMALL, Hostile, Place
from tests.support.serving import serving

BY_NAME = {f"{place:03}.837": case for place, case in enumerate(SMALL)}
X12_FILES = [f"--{form}=o.{form}" for form in ("annotated", "clean", "rejected", "277ca", "999")]
QUICK = {"a million components", "a hundred thousand notes", "one segment", "lines of one day"}
FRONT_ENDS: dict[str, list[str]] = {
    "scrub": ["--format=json"],
    **{f"scrub {form}": [f"--format={form}"] for form in format_names() if form != "json"},
    "out-dir": ["--format=json", "--out-dir=out", "--annotate-k3"],
    "files": ["--format=json", "--partial", *X12_FILES],
    "jobs": ["--format=json", "--jobs=2"],
    "opened": ["--format=json", "--no-screen"],
    "guide": ["--format=json", "--conformance=guide"],
}


_MEMORY = {"guide": 2, "scrub html": 2, "scrub sarif": 2, "opened": 2}
"""How many times the memory of a case that a front end may take."""


@frozen
class Outcome:
    code: int
    out: bytes
    err: str
    seconds: float
    megabytes: int

    def file(self) -> Any:
        return json.loads(self.out)["files"][0]


_MEASURED = """
import resource, subprocess, sys
limits, program = sys.argv[1:4], sys.argv[4:]
resource.setrlimit(resource.RLIMIT_AS, (int(limits[0]),) * 2)
resource.setrlimit(resource.RLIMIT_CPU, (int(limits[1]),) * 2)
code = subprocess.call(program)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
with open(limits[2], "w") as file:
    print(code, used.ru_utime + used.ru_stime, used.ru_maxrss // 1024, file=file)
"""
"""A small process in between: what a process starts counts its starter's memory as its own, and the tests' is large."""


def _limited(folder: Path, *args: str, seconds: float = 60, data: Path | None = None) -> Outcome:
    """Run the command in a process with limits, and measure it."""
    program = str(Path(sys.executable).with_name("scrubber"))
    limits = [str(2 << 30), str(int(seconds) + 60), str(folder / "used")]
    with (
        (folder / "stdout").open("w+b") as out,
        (folder / "stderr").open("w+b") as err,
        Path(data or os.devnull).open("rb") as given,
    ):
        command = [sys.executable, "-I", "-S", "-c", _MEASURED, *limits, program, *args]
        env = {"PATH": "", "PYTHONHASHSEED": "0"}
        subprocess.run(command, stdin=given, stdout=out, stderr=err, cwd=folder, env=env, check=True)
        code, spent, megabytes = (folder / "used").read_text(encoding="ascii").split()
        out.seek(0)
        err.seek(0)
        return Outcome(int(code), out.read(), err.read().decode(), float(spent), int(megabytes))


def _codes(file: Any) -> set[str]:
    groups = (file["findings"], *(claim["findings"] for claim in file["claims"]))
    return {finding["code"] for group in groups for finding in group}


def _check(case: Hostile, file: Any) -> None:
    """Nothing is lost: every claim is counted once, or the input is reported as not completely read."""
    totals = file["totals"]
    assert totals["claims"] == totals["accepted"] + totals["rejected"] == len(file["claims"]), case.name
    assert case.rule in _codes(file), case.name
    assert file["readable"] == (case.claims is not None), case.name
    if case.claims is not None:
        assert totals["claims"] == case.claims, case.name


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all small inputs in `in`, as 000.837 and so on."""
    made = tmp_path_factory.mktemp("hostile")
    (made / "in").mkdir()
    for name, case in BY_NAME.items():
        case.write(made / "in" / name)
    return made


@pytest.mark.parametrize("front_end", ["out-dir", "jobs", "guide"])
def test_small_ones_together(folder: Path, front_end: str) -> None:
    reports = [f"--report={form}=r.{form}" for form in format_names()] if front_end == "out-dir" else []
    done = _limited(folder, "scrub", "in", *FRONT_ENDS[front_end], *reports)
    assert done.code == 3
    assert "Traceback" not in done.err
    assert len(done.err.splitlines()) <= 2 * len(SMALL)
    assert done.seconds < 20
    assert done.megabytes < 130
    files = json.loads(done.out)["files"]
    assert [Path(file["path"]).name for file in files] == list(BY_NAME)
    for file in files:
        _check(BY_NAME[Path(file["path"]).name], file)
    if front_end == "out-dir":
        _check_files(folder / "out")


def _check_files(out: Path) -> None:
    """What is published is private and lies where it should; an input that was not completely read has no 837."""
    names = {path.name for path in out.iterdir()}
    assert not any(stat.S_IMODE(path.stat().st_mode) != 0o600 for path in out.iterdir())
    for name, case in BY_NAME.items():
        stem = Path(name).stem
        assert f"{stem}.findings.json" in names
        assert (f"{stem}.annotated.837" in names) == (case.claims is not None), case.name
        # Claims are answered by a 277CA, unless the 999 rejects all that they came with.
        answers = {f"{stem}.277ca", f"{stem}.999"} if case.claims else {f"{stem}.277ca"}
        assert bool(answers & names) == bool(case.claims), case.name
    assert {name.partition(".")[0] for name in names} == {Path(name).stem for name in BY_NAME}


def test_python_reads_them_all() -> None:
    settings = load_settings(discover=False)
    for case in SMALL:
        report = scrub(case.data, settings)
        assert report.exit_code == case.code, case.name
        assert case.rule in {finding.code for finding in report.findings}, case.name
        if case.claims is None:
            with pytest.raises(UnreadableError) as caught:
                list(iter_claims(case.data))
            assert len(str(caught.value).splitlines()) == 1, case.name
        else:
            assert len(list(iter_claims(case.data))) == case.claims, case.name


def test_a_watcher_takes_them_all(tmp_path: Path) -> None:
    inbox, out = tmp_path / "in", tmp_path / "out"
    inbox.mkdir()
    told: list[str] = []
    for name, case in BY_NAME.items():
        case.write(inbox / name)
    worker = FileWorker(Scrubber(load_settings(discover=False)))
    with open_watcher(inbox, out, Waits(settle=0, give_up=0), worker, told.append) as gate:
        assert gate.run_once() == 3
    assert len(told) == len(SMALL)
    assert not any("\n" in line or "Traceback" in line for line in told)
    assert len(list((out / "archive").iterdir())) == sum(case.claims is not None for case in SMALL)
    assert len(list((out / "failed").glob("*.reason.txt"))) == sum(case.claims is None for case in SMALL)


def test_a_server_answers_them_all(tmp_path: Path) -> None:
    with serving(tmp_path / "files", "--jobs=1") as server:
        for case in SMALL:
            reply = server.scrub(case.data)
            if not case.data:
                assert reply.problem == "empty-body"
                continue
            assert reply.status == 200, case.name
            assert reply.headers["x-scrubber-exit-code"] == str(case.code), case.name
            _check(case, reply.json["files"][0])
        log = server.log.read_text()
    assert "Traceback" not in log
    assert len(log.splitlines()) < 2 * len(SMALL) + 20


@pytest.mark.parametrize("case", [case for case in BIG if case.name in QUICK], ids=lambda case: case.name)
def test_a_big_one_takes_bounded_time_and_memory(tmp_path: Path, case: Hostile) -> None:
    _check_alone(tmp_path, case, "scrub")


@pytest.mark.campaign("--all-hostile")
@pytest.mark.parametrize("front_end", [*FRONT_ENDS, "stdin", "watch"])
@pytest.mark.parametrize("case", [*SMALL, *BIG], ids=lambda case: case.name)
def test_every_one_through_every_front_end(tmp_path: Path, case: Hostile, front_end: str) -> None:
    if front_end == "guide" and case in BIG and case.name not in QUICK - {"a hundred thousand notes"}:
        pytest.skip("pyx12 takes minutes for a million segments")
    _check_alone(tmp_path, case, front_end)


def _check_alone(folder: Path, case: Hostile, front_end: str) -> None:
    path = case.write(folder / "a.837")
    slow = case.seconds * (3 if front_end in {"guide", "files", "out-dir", "watch"} else 1)
    if front_end == "watch":
        (folder / "in").mkdir()
        path.rename(folder / "in" / "a.837")
        args = ["watch", "in", "--out=out", "--once", "--settle=0", "--give-up=0"]
    else:
        args = [
            "scrub",
            *(["-"] if front_end == "stdin" else ["a.837"]),
            *FRONT_ENDS.get(front_end, FRONT_ENDS["scrub"]),
        ]
    done = _limited(folder, *args, seconds=slow, data=path if front_end == "stdin" else None)
    assert done.code == (case.code if front_end != "guide" else max(case.code, 1 if done.code == 1 else 0)), done.err
    assert "Traceback" not in done.err
    told = Counter(line.split()[3] for line in done.err.splitlines() if line.split()[2] in {"error", "warning"})
    assert max(told.values(), default=0) <= 21  # twenty places of a rule, and how many more there are
    assert len(done.err.splitlines()) - told.total() <= 5
    assert done.seconds < slow
    assert done.megabytes < case.megabytes * _MEMORY.get(front_end, 1)
    if "--format=json" in args:
        _check(case, done.file())
    (folder / "stdout").unlink()


# -- what is no file to be read ----------------------------------------------------------------------------------------


def _made(place: Place, folder: Path) -> Path:
    os.chdir(folder)
    place.make(folder / place.name)
    if place.name == "locked.837" and os.access(folder / place.name, os.R_OK):
        pytest.skip("the superuser reads everything")
    return folder / place.name


@pytest.fixture
def _home() -> Iterator[None]:
    home = Path.cwd()
    yield
    os.chdir(home)


@pytest.mark.usefixtures("_home")
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_what_is_no_file_is_one_line_and_exit_code_3(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: Place
) -> None:
    monkeypatch.setattr(source, "_PATIENCE", 0.1)  # of this process; the command waits as it does
    if place.name == "hole.837" and not request.config.getoption("--all-hostile"):
        pytest.skip("--all-hostile reads two gigabytes")
    path = _made(place, tmp_path)
    begun = time.monotonic()
    if place.name == "folder.837":
        done = _limited(tmp_path, "scrub", "--format=ndjson", str(path))
        assert done.code == 2
        assert "no file with an extension" in done.err
    else:
        done = _limited(tmp_path, "scrub", "--format=ndjson", str(path))
        assert done.code == 3
        assert place.message in done.err
        report = scrub(path, load_settings(discover=False))
        assert report.exit_code == 3
    assert len(done.err.splitlines()) == 1
    assert done.megabytes < 130
    assert time.monotonic() - begun < 60
    if place.name != "hole.837":
        with pytest.raises(UnreadableError, match=place.message):
            next(iter_claims(path))


def test_a_pipe_with_a_writer_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "a.837").write_bytes(GOOD * 1_000)  # three blocks of what is read at once
    program = (
        "import time; time.sleep(0.6); out = open('pipe', 'wb'); time.sleep(0.6); out.write(open('a.837', 'rb').read())"
    )
    writer = subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path)
    done = _limited(tmp_path, "scrub", "--format=json", "pipe")
    assert writer.wait(20) == 0
    assert done.code == 1
    assert done.file()["totals"]["claims"] == 3_000


def test_a_pipe_that_does_not_wait_is_read_to_its_end(tmp_path: Path) -> None:
    receiver, sender = os.pipe()
    os.set_blocking(receiver, False)
    program = Path(sys.executable).with_name("scrubber")
    with subprocess.Popen([program, "scrub", "-", "--format=json"], stdin=receiver, stdout=subprocess.PIPE) as run:
        os.close(receiver)
        with os.fdopen(sender, "wb") as out:
            for _ in range(2):
                out.write(GOOD)
                out.flush()
                time.sleep(0.5)
        assert run.stdout is not None
        (file,) = json.loads(run.stdout.read())["files"]
    assert file["totals"]["claims"] == 6
    assert run.returncode == 1


def test_a_stream_that_gives_nothing_and_cannot_be_waited_for_is_not_read() -> None:
    class Idle(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, _buffer: object) -> None:
            return None

    report = scrub(Idle(), load_settings(discover=False))  # type: ignore[arg-type]
    assert report.exit_code == 3


@pytest.mark.parametrize("form", ["ndjson", "xlsx"])
def test_a_full_pipe_that_does_not_wait_is_told_without_a_buffer_too(tmp_path: Path, form: str) -> None:
    (tmp_path / "a.837").write_bytes(GOOD * 20)
    receiver, sender = os.pipe()
    fcntl.fcntl(sender, fcntl.F_SETPIPE_SZ, 4096)  # every report is larger
    os.set_blocking(sender, False)
    program = Path(sys.executable).with_name("scrubber")
    for unbuffered in ("", "1"):
        done = subprocess.run(
            [program, "scrub", "a.837", f"--format={form}"],
            cwd=tmp_path,
            stdout=sender,
            stderr=subprocess.PIPE,
            env={"PATH": "", "PYTHONUNBUFFERED": unbuffered},
            timeout=60,
            check=False,
        )
        assert done.returncode == 4, unbuffered
        assert len(done.stderr.splitlines()) == 1
    os.close(receiver)
    os.close(sender)


def test_an_interchange_given_as_text_is_refused_without_its_words() -> None:
    for read in (scrub, lambda text: list(iter_claims(text))):
        with pytest.raises(TypeError, match="an interchange is given as bytes") as caught:
            read(canary_file().decode("latin-1"))
        assert "ISA" not in str(caught.value)


@pytest.mark.parametrize("name", ["a\nb.837", "\x1b[2J.837", "\udcff.837"])
def test_a_file_name_is_one_line(run: Run, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(GOOD[:-30])
    for args in (["--format=ndjson", name], ["--clean=c", name], ["--report=json=" + name, name], ["--config=" + name]):
        done = run("scrub", *args)
        assert done.returncode in {2, 3}
        assert done.stderr.splitlines()
        assert all(line.startswith(b"scrubber: ") for line in done.stderr.splitlines())
        assert b"\x1b" not in done.stderr + done.stdout


@pytest.mark.parametrize("command", ["scrub - <&-", "scrub - </dev/zero", "scrub - </dev/null"])
def test_standard_input_that_is_none(tmp_path: Path, command: str) -> None:
    program = Path(sys.executable).with_name("scrubber")
    done = subprocess.run(
        f"{program} {command} --format=ndjson", shell=True, cwd=tmp_path, capture_output=True, timeout=30, check=False
    )
    assert done.returncode == 3
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", ["scrub a.837 >&-", "scrub a.837 2>&-", "scrub a.837 >/dev/full"])
def test_outputs_that_are_none_are_no_traceback(tmp_path: Path, command: str) -> None:
    (tmp_path / "a.837").write_bytes(GOOD)
    program = Path(sys.executable).with_name("scrubber")
    done = subprocess.run(
        f"{program} {command}", shell=True, cwd=tmp_path, capture_output=True, timeout=30, check=False
    )
    assert done.returncode == (1 if "2>" in command else 4)
    assert len(done.stderr.splitlines()) <= 1
    assert b"Traceback" not in done.stderr


# -- files are their owner's -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o277])
def test_files_can_be_read_by_their_owner_only(run: Run, tmp_path: Path, umask: int) -> None:
    (tmp_path / "a.837").write_bytes(canary_file())
    (tmp_path / "b.837").write_bytes(b"ISA")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.837").write_bytes(GOOD)
    (tmp_path / "in" / "b.837").write_bytes(b"ISA")
    given = set(tmp_path.rglob("*"))
    before = os.umask(umask)
    try:
        reports = [f"--report={form}=r.{form}" for form in format_names()]
        assert run("scrub", "a.837", "b.837", "--out-dir=deep/er/out", *reports).returncode == 3
        assert run("scrub", "a.837", "--partial", *X12_FILES).returncode == 1
        assert run("watch", "in", "--out=far/away", "--once", "--settle=0", "--give-up=0").returncode == 3
    finally:
        os.umask(before)
    made = set(tmp_path.rglob("*")) - given
    assert len(made) > 30
    for path in made:
        assert stat.S_IMODE(path.lstat().st_mode) == (0o700 if path.is_dir() else 0o600), path
