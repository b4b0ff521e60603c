"""What docs/integrations.md says can be done here is done as it says; the hosts themselves are in `hosts`."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from scrubber.testing import to_837p
from tests.support.command import Run
from tests.support.paths import ROOT

PAGE = (ROOT / "docs" / "integrations.md").read_text(encoding="utf-8")
BIN = Path(sys.executable).parent

CLEAN = to_837p("claim A1\n37238\n37252 dx=1,2\nclaim A2 patient=M2\n99213")
FAULTY = to_837p("claim A1\n99213\nclaim B1 patient=M2\n37253")


def shell_block(word: str) -> str:
    """Return the one command block that holds a word."""
    (block,) = [block for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) if word in block]
    return str(block)


def table_value(name: str) -> str:
    """Return what a table says in the cell behind a name."""
    (value,) = re.findall(rf"^\| {re.escape(name)} \| `([^`]*)` \|", PAGE, re.MULTILINE)
    return str(value)


def in_shell(commands: str, folder: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["/bin/sh", "-c", commands],
        cwd=folder,
        env={"PATH": f"{BIN}:{os.environ['PATH']}"},
        capture_output=True,
        check=False,
        timeout=60,
    )


def test_every_file_that_the_page_names_is_there() -> None:
    named = re.findall(r"\]\((?!https?:|#)([^)]+)\)", PAGE)
    assert len(named) > 8
    assert [path for path in named if not (ROOT / "docs" / path).exists()] == []


# -- Bots: the rest of it is in tests/system/hosts/test_bots.py -----------------------------------------------------


def test_the_plugin_for_bots_is_made_as_the_page_says(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "docs" / "integrations" / "bots", tmp_path / "docs" / "integrations" / "bots")
    done = in_shell(shell_block("zipfile").replace("python3", sys.executable), tmp_path)
    assert done.returncode == 0, done.stderr
    names = zipfile.ZipFile(tmp_path / "docs" / "integrations" / "bots" / "scrub837p.zip").namelist()
    assert {"botsindex.py", "usersys/routescripts/scrub837p.py"} <= set(names)


# -- NiFi -----------------------------------------------------------------------------------------------------------


class FlowFile(dict[str, str]):
    """The attributes of a FlowFile, and its content."""

    def __init__(self, content: bytes, attributes: dict[str, str]) -> None:
        super().__init__(attributes)
        self.content = content


def execute_stream_command(data: bytes, folder: Path) -> dict[str, FlowFile]:
    """Do what ExecuteStreamCommand does with the property values of the page; give FlowFiles by relationship."""
    assert table_value("Command Path") == "/opt/scrubber/bin/scrubber"
    command = [str(BIN / "scrubber"), *table_value("Command Arguments").split(table_value("Argument Delimiter"))]
    given = data if table_value("Ignore STDIN") == "false" else b""
    done = subprocess.run(command, input=given, capture_output=True, check=False, cwd=folder, timeout=60)
    attributes = {"execution.status": str(done.returncode), "execution.error": done.stderr.decode()}
    relationship = "nonzero status" if done.returncode else "output stream"
    return {"original": FlowFile(data, attributes), relationship: FlowFile(done.stdout, attributes)}


def route_on_attribute(flow_file: FlowFile) -> str:
    """Route as RouteOnAttribute does by the expressions of the page, which it reads as far as they go."""
    matched = []
    for name in ("passed", "rejected"):
        expression = re.fullmatch(r"\$\{([\w.]+):equals\('(\w+)'\)\}", table_value(f"`{name}`"))
        assert expression is not None
        if flow_file[expression[1]] == expression[2]:
            matched.append(name)
    return matched[0] if matched else "unmatched"


@pytest.mark.parametrize(
    ("data", "relationship", "route"),
    [
        (CLEAN, "output stream", "passed"),
        (FAULTY, "nonzero status", "rejected"),
        (CLEAN[:400], "nonzero status", "unmatched"),
        (b"", "nonzero status", "unmatched"),
    ],
)
def test_nifi_routes_claims_by_the_exit_code(tmp_path: Path, data: bytes, relationship: str, route: str) -> None:
    given = execute_stream_command(data, tmp_path)
    assert set(given) == {"original", relationship}
    assert route_on_attribute(given["original"]) == route
    assert given["original"].content == data
    (judged,) = json.loads(given[relationship].content)["files"]
    assert (judged["readable"], judged["totals"]["rejected"]) == (route != "unmatched", int(route == "rejected"))


def test_nifi_holds_what_bad_settings_leave_unjudged(tmp_path: Path) -> None:
    (tmp_path / "scrubber.toml").write_text("fail-on = 3\n", encoding="utf-8")
    given = execute_stream_command(CLEAN, tmp_path)
    assert route_on_attribute(given["original"]) == "unmatched"
    assert "scrubber.toml" in given["original"]["execution.error"]


def test_the_command_of_nifi_can_be_tried_by_hand(tmp_path: Path) -> None:
    (tmp_path / "claims.837").write_bytes(FAULTY)
    done = in_shell(shell_block("report.json"), tmp_path)
    assert (done.returncode, done.stdout) == (1, b"")
    assert json.loads((tmp_path / "report.json").read_bytes())["files"][0]["totals"]["rejected"] == 1


def test_the_clean_file_is_not_written_to_standard_output(run: Run) -> None:
    done = run("scrub", "-", "--clean", "/dev/stdout", data=CLEAN)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"is not a regular file" in done.stderr


# -- OpenEMR --------------------------------------------------------------------------------------------------------

HAND_OVER = ROOT / "docs" / "integrations" / "openemr" / "hand_over.sh"


def write_batch(folder: Path, name: str, data: bytes, age: int = 90) -> Path:
    """Write a file as OpenEMR does, some seconds ago."""
    folder.mkdir(parents=True, exist_ok=True)
    batch = folder / name
    batch.write_bytes(data)
    changed = batch.stat().st_mtime - age
    os.utime(batch, (changed, changed))
    return batch


def as_openemr(data: bytes) -> bytes:
    """Put the segments into one line without line ends, as BillingClaimBatch does."""
    return data.replace(b"~\n", b"~")


def hand_over(edi: Path, inbox: Path, handed: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["/bin/sh", HAND_OVER, edi, inbox, handed], capture_output=True, check=False, timeout=60)


def test_a_finished_batch_of_openemr_is_handed_over_once(tmp_path: Path) -> None:
    edi, inbox, handed = tmp_path / "edi", tmp_path / "inbox", tmp_path / "handed"
    first = write_batch(edi, "2024-08-05-101500-batch.txt", as_openemr(CLEAN))
    write_batch(edi, "2024-08-05-101501 of *-batch-p2.txt", as_openemr(FAULTY))
    write_batch(edi, "2024-08-05-101502-batch.txt", b"      HEALTH INSURANCE CLAIM FORM\n")
    write_batch(edi, "2024-08-05-101503-batch.txt", as_openemr(CLEAN)[:300], age=0)
    write_batch(edi, "f837_list.csv", b"ISA,1\n")
    write_batch(edi / "history", "2024-08-04-101500-batch.txt", as_openemr(CLEAN))
    assert hand_over(edi, inbox, handed).returncode == 0
    assert sorted(path.name for path in inbox.iterdir()) == [first.name, "2024-08-05-101501 of *-batch-p2.txt"]
    assert (inbox / first.name).read_bytes() == first.read_bytes()
    assert (inbox.stat().st_mode | (inbox / first.name).stat().st_mode) & 0o077 == 0

    (inbox / first.name).unlink()  # taken by the watcher
    write_batch(edi, "2024-08-05-101503-batch.txt", as_openemr(CLEAN))
    assert hand_over(edi, inbox, handed).returncode == 0
    assert sorted(path.name for path in inbox.iterdir()) == [
        "2024-08-05-101501 of *-batch-p2.txt",
        "2024-08-05-101503-batch.txt",
    ]


def test_a_batch_that_changes_afterwards_is_reported(tmp_path: Path) -> None:
    edi, inbox, handed = tmp_path / "edi", tmp_path / "inbox", tmp_path / "handed"
    batch = write_batch(edi, "2024-08-05-101500-batch.txt", as_openemr(CLEAN))
    assert hand_over(edi, inbox, handed).returncode == 0
    write_batch(edi, batch.name, as_openemr(CLEAN) * 2)
    done = hand_over(edi, inbox, handed)
    assert (done.returncode, done.stderr) == (
        1,
        f"hand_over: {batch.name} has changed since it was handed over\n".encode(),
    )
    assert (inbox / batch.name).read_bytes() == as_openemr(CLEAN)


def test_a_run_that_was_killed_is_made_good(tmp_path: Path) -> None:
    edi, inbox, handed = tmp_path / "edi", tmp_path / "inbox", tmp_path / "handed"
    batch = write_batch(edi, "2024-08-05-101500-batch.txt", as_openemr(CLEAN))
    inbox.mkdir()
    part = inbox / f".{batch.name}.part"
    part.write_bytes(as_openemr(CLEAN)[:100])  # killed while it copied
    assert hand_over(edi, inbox, handed).returncode == 0
    assert (inbox / batch.name).read_bytes() == as_openemr(CLEAN)

    (inbox / batch.name).rename(part)  # killed before it renamed
    assert hand_over(edi, inbox, handed).returncode == 0
    assert [path.name for path in inbox.iterdir()] == [batch.name]


def test_without_the_folder_of_openemr_nothing_is_said_to_be_done(tmp_path: Path) -> None:
    assert hand_over(tmp_path / "edi", tmp_path / "inbox", tmp_path / "handed").returncode != 0


def test_the_drop_folder_splits_what_was_handed_over(tmp_path: Path, run: Run) -> None:
    if run("watch", "--help").returncode:
        pytest.skip("this version has no drop folder")
    edi, inbox, out = tmp_path / "edi", tmp_path / "inbox", tmp_path / "out"
    write_batch(edi, "2024-08-05-101500-batch.txt", as_openemr(CLEAN))
    write_batch(edi, "2024-08-05-101501-batch.txt", as_openemr(FAULTY))
    assert hand_over(edi, inbox, tmp_path / "handed").returncode == 0
    command = shell_block("scrubber watch").split()
    assert command == ["scrubber", "watch", "/srv/claims/inbox", "--out", "/srv/claims/out"]
    assert run("watch", inbox, "--out", out, "--once", "--settle", "0").returncode == 1
    (clean,) = out.glob("2024-08-05-101500-batch*.clean.837")
    assert clean.read_bytes() == as_openemr(CLEAN)
    (accepted,) = out.glob("2024-08-05-101501-batch*.clean.837")
    assert b"*A1*" in accepted.read_bytes()
    assert b"*B1*" not in accepted.read_bytes()
