"""Several processes: the same bytes, a death that is told, an end that leaves nothing behind."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from benchmarks.generate import write as generate
from scrubber.api import load_settings, make_engine
from scrubber.engine.process_executor import ProcessExecutor
from scrubber.errors import ScrubberError
from scrubber.io.source import open_source
from scrubber.outputs.output_set import AckSettings, OutputSettings, Targets
from scrubber.outputs.reports.base import describe_tool
from scrubber.packs.registry import load_plugins
from scrubber.pipeline.file_scrub import FileScrub
from scrubber.pipeline.input_scrub import InputScrub
from scrubber.testing import to_837p
from tests.support.command import Run
from tests.support.paths import FIXTURES

SETTINGS = load_settings(discover=False)
OUTPUTS = OutputSettings(AckSettings(SETTINGS.today))
SHARED = "\n".join(f"claim A{n} patient=M{n % 3} date=202408{n + 1:02}\n37238\n36012\n37252" for n in range(20))


def processes() -> ProcessExecutor:
    return ProcessExecutor(partial(make_engine, SETTINGS), 2)


def input_scrub(executor: ProcessExecutor) -> InputScrub:
    return InputScrub(make_engine(SETTINGS), describe_tool(load_plugins(), SETTINGS.today), OUTPUTS, executor)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("inputs")
    generate(folder / "mixed.837", 700, 0.3)
    (folder / "shared.837").write_bytes(to_837p(SHARED))
    (folder / "cut.837").write_bytes(to_837p(SHARED)[:-500])
    (folder / "empty.837").write_bytes(b"")
    return [*sorted(folder.glob("*.837")), FIXTURES / "claims" / "office_week.837"]


@pytest.mark.parametrize("form", ["text", "json", "ndjson"])
def test_the_number_of_processes_changes_no_byte(form: str, files: list[Path], run: Run) -> None:
    alone = run("scrub", "--format", form, *files)
    assert alone.returncode == 3
    for jobs in ("2", "3"):
        together = run("scrub", "--format", form, "--jobs", jobs, *files)
        assert (together.returncode, together.stdout, together.stderr) == (3, alone.stdout, alone.stderr)


def test_the_x12_files_are_the_same(files: list[Path], run: Run, tmp_path: Path) -> None:
    for jobs in ("1", "2"):
        run("scrub", "--jobs", jobs, "--out-dir", f"out{jobs}", *files)
    names = sorted(path.name for path in (tmp_path / "out1").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "out2").iterdir())
    assert len(names) > 15
    for name in names:
        assert (tmp_path / "out1" / name).read_bytes() == (tmp_path / "out2" / name).read_bytes()


def test_the_claims_of_one_input_are_shared_out(files: list[Path], run: Run, tmp_path: Path) -> None:
    for path in files:
        alone = run("scrub", "--format", "json", "--annotated", "1.837", path)
        together = run("scrub", "--format", "json", "--annotated", "2.837", "--jobs", "2", path)
        assert (together.returncode, together.stdout, together.stderr) == (
            alone.returncode,
            alone.stdout,
            alone.stderr,
        )
        written = [tmp_path / name for name in ("1.837", "2.837") if (tmp_path / name).exists()]
        assert len({path.read_bytes() for path in written}) <= 1
        assert len(written) in (0, 2)
        for target in written:
            target.unlink()


def test_one_process_takes_small_inputs_only(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scrubber.pipeline.input_scrub._WHOLE", 1_000)
    with processes() as executor:
        taken: list[str] = []

        def begin(_function: object, name: str, *_: object) -> None:
            taken.append(name)

        monkeypatch.setattr(executor, "begin", begin)
        scrub = input_scrub(executor)
        for path in files:
            scrub.start(str(path), Targets(), [])
        assert taken == [str(path) for path in files if path.stat().st_size <= 1_000]
        assert 0 < len(taken) < len(files)


def test_standard_input_is_shared_out_too(run: Run) -> None:
    data = to_837p(SHARED)
    assert run("scrub", "--jobs=2", data=data).stdout == run("scrub", data=data).stdout


def test_a_file_that_cannot_be_written_by_a_process_ends_the_run(files: list[Path], run: Run, tmp_path: Path) -> None:
    (tmp_path / "out" / f"{files[-1].stem}.277ca").mkdir(parents=True)
    for jobs in ("1", "2"):
        ended = run("scrub", "--jobs", jobs, "--out-dir", "out", *files)
        assert ended.returncode == 2
        assert ended.stderr.splitlines()[-1].endswith(b"office_week.277ca: is not a regular file")
        assert ended.stdout == b""
        assert [path.name for path in (tmp_path / "out").iterdir()] == [f"{files[-1].stem}.277ca"]


def test_the_death_of_a_process_is_told(files: list[Path]) -> None:
    with processes() as executor, open_source(files[-1]) as source:
        executor._pool.submit(int).result()  # the first call starts the processes
        _kill(executor)
        run = FileScrub(source, make_engine(SETTINGS), executor=executor)
        with pytest.raises(ScrubberError, match="a worker process ended unexpectedly"):
            list(run)


def test_the_death_of_a_process_that_has_a_whole_input_is_told(files: list[Path]) -> None:
    with processes() as executor:
        scrub = input_scrub(executor)
        started = [scrub.start(str(path), Targets(), []) for path in files * 9]
        _kill(executor)
        with pytest.raises(ScrubberError, match="a worker process ended unexpectedly"):
            [finish() for finish in started]


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="the processes are looked up in /proc")
def test_the_processes_of_a_killed_run_end(tmp_path: Path) -> None:
    generate(tmp_path / "large.837", 3_000, 1)  # what it prints is more than a pipe holds, so it waits
    program = Path(sys.executable).with_name("scrubber")
    command = [str(program), "scrub", "--format", "ndjson", "--jobs", "2", str(tmp_path / "large.837")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as run:
        assert run.stdout is not None
        run.stdout.readline()
        workers = _children(run.pid)
        assert len(workers) == 2
        run.kill()
    patience = time.monotonic() + 10
    while any(Path(f"/proc/{worker}/cmdline").exists() for worker in workers):
        assert time.monotonic() < patience
        time.sleep(0.05)


def _children(process: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def _kill(executor: ProcessExecutor) -> None:
    for process in executor._pool._processes.values():
        process.kill()


@pytest.mark.skipif(multiprocessing.get_start_method() != "fork", reason="the change must reach the processes")
def test_a_crash_in_a_process_is_a_crash_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    from edits.ivus.addon import AddOnWithoutPrimary  # noqa: PLC0415

    def crash(*_: object) -> None:
        raise RuntimeError("a name")

    monkeypatch.setattr(AddOnWithoutPrimary, "check", crash)
    with processes() as executor, open_source(to_837p("37252")) as source:
        run = FileScrub(source, make_engine(SETTINGS), executor=executor)
        (claim,) = run
    assert run.report.totals.crashed
    assert "SCR901" in {finding.code for finding in claim.findings}
