"""The command line through the installed entry point: options, exit codes, one clear line for bad input."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scrubber.errors import UnreadableError
from scrubber.io.source import open_source
from scrubber.io.stderr import tell
from scrubber.packs.registry import load_plugins
from scrubber.pipeline.discovery import expand_inputs
from scrubber.testing import to_837p
from tests.support.command import Run
from tests.support.paths import FIXTURES

CLEAN = to_837p("37238\n36012\n37252 desc='LEFT CIV'")
FAULTY = to_837p("37252 desc='LEFT CIV'")
WARNED = to_837p("37238\n36012\n37252-51 desc='LEFT CIV'")
SAMPLE = FIXTURES / "claims" / "office_week.837"


@pytest.mark.parametrize(
    ("data", "options", "code"),
    [
        (CLEAN, [], 0),
        (FAULTY, [], 1),
        (FAULTY, ["--exit-zero"], 0),
        (WARNED, [], 0),
        (WARNED, ["--fail-on=warning"], 1),
        (CLEAN, ["--fail-on=info"], 0),
        (FAULTY, ["--ignore=IVUS101"], 0),
        (FAULTY, ["--ignore", "IVUS1,X12"], 0),
        (FAULTY, ["--select=IVUS2"], 0),
        (FAULTY, ["--select", "ivus101"], 1),
        (b"", [], 3),
        (b"", ["--exit-zero"], 3),
        (b"hello", [], 3),
        (CLEAN[:300], [], 3),
        (FAULTY[:-20], [], 3),
        (CLEAN.replace(b"005010X222A1", b"005010X223A2"), [], 3),
    ],
)
def test_exit_codes(run: Run, data: bytes, options: list[str], code: int) -> None:
    done = run("scrub", *options, data=data)
    assert done.returncode == code, done.stdout + done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    "args",
    [
        ["scrub", "--format=pdf", "x"],
        ["scrub", "--fail-on=never", "x"],
        ["scrub", "--report=json", "x"],
        ["scrub", "--report=pdf=x", "x"],
        ["scrub", "--select=NOPE", "x"],
        ["scrub", "--config=none.toml", "x"],
        ["scrub", "--no-such-option"],
        ["explain", "IVUS999"],
        ["explain", "37252", "--on=yesterday"],
        ["config", "--show"],
        ["nope"],
    ],
)
def test_bad_usage_is_one_clear_line_and_exit_code_2(run: Run, args: list[str]) -> None:
    done = run(*args)
    assert done.returncode == 2
    assert done.stdout == b""
    assert done.stderr.strip()
    assert b"Traceback" not in done.stderr


def test_a_missing_file_does_not_stop_the_others(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.837").write_bytes(FAULTY)
    done = run("scrub", "--format=json", "none.837", "a.837")
    files = json.loads(done.stdout)["files"]
    assert done.returncode == 3
    assert [file["readable"] for file in files] == [False, True]
    assert files[0]["findings"][0]["code"] == "X12100"
    assert "No such file" in files[0]["findings"][0]["message"]
    assert files[1]["totals"]["rejected"] == 1


def test_a_folder_stands_for_its_claim_files_in_order(run: Run, tmp_path: Path) -> None:
    for name in ("b.837", "a.edi", "sub/c.X12", "notes.md", ".hidden.837"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(CLEAN)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "in" / "monday").symlink_to("../elsewhere")
    os.mkfifo(tmp_path / "in" / "p.837")
    done = run("scrub", "--format=json", "in")
    assert [file["path"] for file in json.loads(done.stdout)["files"]] == ["in/a.edi", "in/b.837", "in/sub/c.X12"]
    assert b"1 files of other extensions were passed over" in done.stderr
    assert b"3 hidden files, pipes, devices and links to folders were passed over" in done.stderr


def test_what_cannot_be_read_below_a_folder_is_not_passed_over(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in" / "sub").mkdir(parents=True)
    (tmp_path / "in" / "a.837").write_bytes(CLEAN)
    (tmp_path / "in" / "b.837").symlink_to("nothing")
    assert run("scrub", "in").returncode == 3
    look = os.scandir

    def refuse(path: str) -> Iterator[os.DirEntry[str]]:  # the superuser is refused nothing
        if str(path).endswith("sub"):
            raise PermissionError(errno.EACCES, "no", str(path))
        return look(path)

    monkeypatch.setattr("os.scandir", refuse)
    found = [str(tmp_path / "in" / name) for name in ("a.837", "b.837", "sub")]
    assert expand_inputs([str(tmp_path / "in")], tell) == found
    with pytest.raises(UnreadableError, match="Permission denied"):
        open_source(found[2])


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["n" * 300], 3),
        (["d/" * 3_000], 3),
        (["a.837", "--clean=circle/c.837"], 2),
        (["a.837", "--report=json=circle/r.json"], 2),
        (["a.837", "--out-dir=circle"], 2),
        (["a.837", "--out-dir=" + "n" * 300], 2),
    ],
)
def test_a_path_that_can_lead_nowhere_is_no_internal_fault(
    run: Run, tmp_path: Path, args: list[str], code: int
) -> None:
    (tmp_path / "a.837").write_bytes(CLEAN)
    (tmp_path / "circle").symlink_to("circle")
    done = run("scrub", "--format=ndjson", *args)
    assert done.returncode == code
    assert len(done.stderr.splitlines()) == 1


def test_a_folder_without_claim_files_is_bad_usage(run: Run, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    done = run("scrub", "in")
    assert done.returncode == 2
    assert b"no file with an extension" in done.stderr


def test_standard_input_with_and_without_a_dash(run: Run) -> None:
    for args in ([], ["-"]):
        done = run("scrub", "--format=json", *args, data=FAULTY)
        assert json.loads(done.stdout)["files"][0]["path"] == "<stdin>"
        assert done.returncode == 1


def test_reports_go_to_files_whole_and_private(run: Run, tmp_path: Path) -> None:
    done = run("scrub", SAMPLE, "--report=json=r.json", "--report", "ndjson=r.ndjson")
    assert b"Summary" in done.stdout
    assert len((tmp_path / "r.ndjson").read_bytes().splitlines()) == 17
    assert json.loads((tmp_path / "r.json").read_bytes())["schema"] == 2
    assert (tmp_path / "r.json").stat().st_mode & 0o777 == 0o600
    assert {path.name for path in tmp_path.iterdir()} == {"r.json", "r.ndjson"}


def test_a_report_never_overwrites_its_input(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.837").write_bytes(CLEAN)
    done = run("scrub", "a.837", "--report=json=a.837")
    assert done.returncode == 2
    assert b"would overwrite it" in done.stderr
    assert (tmp_path / "a.837").read_bytes() == CLEAN


def test_a_report_that_cannot_be_written_is_bad_usage(run: Run) -> None:
    done = run("scrub", SAMPLE, "--report=json=none/r.json")
    assert done.returncode == 2
    assert b"none/r.json: cannot be written" in done.stderr


def test_the_streamed_form_tells_findings_about_the_file_on_standard_error(run: Run) -> None:
    done = run("scrub", "--format=ndjson", data=FAULTY[:-20])
    assert b"X12103: The file ends" in done.stderr
    assert len(done.stdout.splitlines()) == 1


def test_guide_conformance_finds_what_the_envelope_does_not(run: Run) -> None:
    wrong = CLEAN.replace(b"DMG*D8*19500101*F", b"DMG*D8*19500101*Q")
    assert run("scrub", data=wrong).returncode == 0
    done = run("scrub", "--conformance=guide", "--format=json", data=wrong)
    assert done.returncode == 1
    assert "X1230" in done.stdout.decode()
    assert b"19500101" not in done.stdout + done.stderr
    assert run("scrub", "--conformance=guide", data=CLEAN).returncode == 0


def test_conformance_none_leaves_the_envelope_out(run: Run) -> None:
    wrong = CLEAN.replace(b"IEA*1*", b"IEA*2*")
    assert run("scrub", data=wrong).returncode == 1
    assert run("scrub", "--conformance=none", data=wrong).returncode == 0


def test_version_names_plugins_and_tables(run: Run) -> None:
    text = run("--version").stdout.decode()
    assert text.startswith("x12-claim-scrubber ")
    assert "edits IVUS" in text
    assert "table mue: 2022-01-01 to 2026-06-30" in text


def test_the_module_is_the_same_program() -> None:
    done = subprocess.run([sys.executable, "-m", "scrubber", "--version"], capture_output=True, check=True)
    assert done.stdout.startswith(b"x12-claim-scrubber ")


@pytest.mark.parametrize("form", ["text", "markdown", "json"])
def test_the_catalogue_lists_every_rule(run: Run, form: str) -> None:
    text = run("edits", f"--format={form}").stdout.decode()
    for plugin in load_plugins():
        for rule in plugin.pack.edits:
            assert rule.meta.code in text
    if form == "json":
        keys = {"code", "name", "severity", "title", "what", "since", "stage", "scope", "plugin", "version"}
        assert all(entry.keys() == keys for entry in json.loads(text))


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["IVUS301"], ["ivus-with-excluded-procedure", "Why:", "Fix:", "CO-236", "Fires on:", "Says: line 3"]),
        (["ivus101", "--format=markdown"], ["# IVUS101", "**Why:**"]),
        (
            ["37252", "--on=2026-03-01"],
            [
                "Primary procedures (226)",
                "MUE 1: a limit per date of service that contractors may not override",
                "may bypass): 0596T",
                "$895.48",
                "edition are shown",
            ],
        ),
        (["37252", "--on=2017-03-01"], ["Contractor-defined"]),
        (["37253", "--on=2022-03-01"], ["MUE 5: of which it is not known"]),
        (["37221", "--on=2026-01-02"], ["37221 ended 2025-12-31: 37254-37299", "NOT valid on 2026-01-02"]),
        (["37191", "--on=2024-08-01"], ["CPT excludes 37252 and 37253"]),
        (["36907", "--on=2024-08-01"], ["add-on code itself", "36901"]),
        (["37250"], ["through 2015-12-31", "37252 and 37253 took its place"]),
        (["37252"], ["IVUS301 ivus-with-excluded-procedure"]),
    ],
)
def test_explanations(run: Run, args: list[str], words: list[str]) -> None:
    done = run("explain", *args)
    assert done.returncode == 0
    for word in words:
        assert word in done.stdout.decode()


def test_settings_are_shown_with_their_origin(run: Run, tmp_path: Path) -> None:
    (tmp_path / "scrubber.toml").write_text("fail-on = 'warning'\n", encoding="utf-8")
    text = run("config").stdout.decode()
    assert 'fail-on = "warning"  # scrubber.toml' in text
    assert 'conformance = "envelope"  # default' in text


def test_an_expired_ignore_is_told(run: Run, tmp_path: Path) -> None:
    text = "[payers.12502.ignore]\nIVUS101 = { reason = 'r', until = 2020-01-01 }\n"
    (tmp_path / "scrubber.toml").write_text(text, encoding="utf-8")
    done = run("scrub", data=FAULTY)
    assert done.returncode == 1
    assert b"expired on 2020-01-01" in done.stderr


def test_a_broken_pipe_is_no_traceback(tmp_path: Path) -> None:
    path = tmp_path / "many.837"
    path.write_bytes(to_837p("\n".join(f"claim C{n} patient=M{n}\n37252" for n in range(3000))))
    program = Path(sys.executable).with_name("scrubber")
    with subprocess.Popen([program, "scrub", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b"scrubber: standard output was closed before the report was complete\n"
        assert process.wait(timeout=60) == 4


ANSWERS = ["--version", "--help", "-h", "scrub --help", "watch --help", "serve --help", "edits", "explain 37252"]
OUTS = {
    "gone": "standard output was closed before the report was complete",
    "/dev/full": "standard output: cannot be written (No space left on device)",
    "closed": "standard output is closed",
    "/dev/null": "",
}


@pytest.mark.parametrize(
    ("args", "out", "told"),
    [
        (args, out, told)
        for out, told in OUTS.items()
        for args in {"gone": ANSWERS[::2], "closed": ANSWERS[1::2], "/dev/null": ANSWERS[::4]}.get(out, ANSWERS)
    ],
)
def test_an_answer_that_nobody_takes_is_one_line(args: str, out: str, told: str, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with Path("/dev/null" if out in {"gone", "closed"} else out).open("wb") as file:
        done = subprocess.run(
            [Path(sys.executable).with_name("scrubber"), *args.split()],
            stdout=writer if out == "gone" else file,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            check=False,
            timeout=60,
            preexec_fn=(lambda: os.close(1)) if out == "closed" else None,
        )
    os.close(writer)
    if out == "closed" and args.endswith(("help", "-h")):
        told = ""  # click has nowhere to write it to
    assert done.stderr.decode() == (f"scrubber: {told}\n" if told else "")
    assert done.returncode == (4 if told else 0)


def test_an_interrupt_ends_with_130(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("scrubber")
    fifo = tmp_path / "pipe.837"
    os.mkfifo(fifo)
    with subprocess.Popen(
        [program, "scrub", fifo, "--report=json=r.json"], cwd=tmp_path, stderr=subprocess.PIPE
    ) as run:
        assert run.stderr is not None
        writer = os.open(fifo, os.O_WRONLY)  # returns once the program reads
        time.sleep(0.3)
        run.send_signal(signal.SIGINT)
        assert run.stderr.read().strip() == b"scrubber: interrupted"
        assert run.wait(timeout=30) == 130
        os.close(writer)
    assert [path.name for path in tmp_path.iterdir()] == ["pipe.837"]
