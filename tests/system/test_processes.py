"""No command imports a file of the folder in which it is run, however its processes are started."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scrubber.errors import ConfigError
from scrubber.io.processes import take_installed_modules_only
from scrubber.testing import to_837p
from tests.support.serving import serving

PROGRAM = Path(sys.executable).with_name("scrubber")
GOOD = to_837p("37238\n36012\n37252 desc='LEFT CIV'")

NAMES = (
    "attr", "attrs", "click", "concurrent", "csv", "edits", "encodings", "json", "logging", "lxml", "multiprocessing",
    "os", "pickle", "prometheus_client", "random", "re", "scrubber", "selectors", "signal", "site", "sitecustomize",
    "socket", "sqlite3", "starlette", "struct", "tempfile", "threading", "usercustomize", "uvicorn",
)  # fmt: skip
TRAP = "from pathlib import Path\nPath({log!r}).open('a').write(__name__ + '\\n')\nraise ImportError('a trap')\n"

LAUNCH = """
import multiprocessing, sys
if __name__ == "__main__":
    multiprocessing.set_start_method({method!r})
    from scrubber.cli.main import main
    main(sys.argv[1:])
"""


@pytest.fixture
def trapped(tmp_path: Path) -> Path:
    """A folder with a file of the name of each module that a command may import; `imported` beside it lists them."""
    folder = tmp_path / "trapped"
    folder.mkdir()
    for name in NAMES:
        (folder / f"{name}.py").write_text(TRAP.format(log=str(tmp_path / "imported")))
    return folder


def _command(folder: Path, method: str) -> list[str]:
    """Return a program in another folder, which is the one that Python imports from, as `bin` is."""
    place = folder.with_name("launcher")
    place.mkdir()
    (place / "launch.py").write_text(LAUNCH.format(method=method))
    return [sys.executable, str(place / "launch.py")]


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_jobs_run_no_file_of_the_current_folder(trapped: Path, method: str) -> None:
    for name in ("a.837", "b.837"):
        (trapped / name).write_bytes(GOOD)
    command = [*_command(trapped, method), "scrub", "--jobs=2", "--format=ndjson", "a.837", "b.837"]
    done = subprocess.run(command, cwd=trapped, capture_output=True, check=False, timeout=60, env={"PATH": ""})
    assert (done.returncode, done.stderr.decode()) == (0, "")
    assert len(done.stdout.splitlines()) == 2
    assert not trapped.with_name("imported").exists()


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_a_watcher_runs_no_file_of_the_current_folder(trapped: Path, method: str) -> None:
    (trapped / "in").mkdir()
    (trapped / "in" / "a.837").write_bytes(GOOD)
    command = [*_command(trapped, method), "watch", "in", "--out=out", "--once", "--settle=0", "--jobs=2"]
    done = subprocess.run(command, cwd=trapped, capture_output=True, check=False, timeout=60, env={"PATH": ""})
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False), done.stderr
    assert len(list((trapped / "out").glob("*.clean.837"))) == 1
    assert not trapped.with_name("imported").exists()


def test_a_server_runs_no_file_of_the_current_folder(trapped: Path) -> None:
    with serving(trapped, "--jobs=2") as server:  # which waits until a worker is ready
        assert server.scrub(GOOD).status == 200
        assert b"Traceback" not in server.log.read_bytes()
    assert not trapped.with_name("imported").exists()


@pytest.mark.parametrize("args", [["--version"], ["edits"], ["explain", "37252"], ["scrub", "--format=xml", "a.837"]])
def test_the_other_commands_run_no_file_of_the_current_folder(trapped: Path, args: list[str]) -> None:
    (trapped / "a.837").write_bytes(GOOD)
    done = subprocess.run([PROGRAM, *args], cwd=trapped, capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    assert not trapped.with_name("imported").exists()


def test_without_its_environment_python_is_to_be_told(tmp_path: Path) -> None:
    for flags, told in ((["-E"], True), (["-E", "-P"], False), (["-I"], False)):
        command = [sys.executable, *flags, str(PROGRAM), "serve", "--port=0", "--temp-dir=/none"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, timeout=60)
        assert done.returncode == 2
        assert (b"start it with -P" in done.stderr) is told
        assert (b"cannot hold temporary files" in done.stderr) is not told


def test_it_holds_for_all_processes_from_then_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONSAFEPATH", "")  # so that it is put back
    monkeypatch.setattr("scrubber.io.processes.sys.flags", _Flags())
    take_installed_modules_only()
    assert os.environ["PYTHONSAFEPATH"] == "1"
    monkeypatch.setattr("scrubber.io.processes.sys.flags", _Flags(ignore_environment=1))
    with pytest.raises(ConfigError):
        take_installed_modules_only()


class _Flags:
    """What Python was started with."""

    def __init__(self, ignore_environment: int = 0) -> None:
        self.safe_path, self.ignore_environment = False, ignore_environment
