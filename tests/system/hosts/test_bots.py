"""The Bots EDI route of docs/integrations, run by a real bots-engine on a site of its own.

Needs an environment with Bots: SCRUBBER_BOTS_PYTHON names its Python.  `tests/system/hosts/bots.sh` makes one and runs
this.
"""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
import sys
import zipfile
from contextlib import closing
from pathlib import Path

import pytest
from attrs import define

from scrubber.testing import to_837p
from tests.support.command import Run
from tests.support.front_ends import FILES, PAGE, block
from tests.support.paths import ROOT

PYTHON = os.environ.get("SCRUBBER_BOTS_PYTHON", "")
PLUGIN = ROOT / "docs" / "integrations" / "bots"
ROUTE_SCRIPT = Path("usersys", "routescripts", "scrub837p.py")

CLEAN = to_837p("claim A1\n37238\n37252 dx=1,2\nclaim A2 patient=M2\n99213")
FAULTY = to_837p("claim A1\n99213\nclaim B1 patient=M2\n37253")
PATIENT = b"TESTPATIENT"  # NM103 of every subscriber of the shorthand
DONE, STUCK, FAILED = 0, 2, 2  # exit codes of bots-engine; 2 also reports files that got stuck

pytestmark = pytest.mark.skipif(not PYTHON, reason="SCRUBBER_BOTS_PYTHON names no Python with Bots")


@define
class Site:
    """A Bots site with the plugin installed."""

    folder: Path
    scrubber: str

    def receive(self, **files: bytes) -> None:
        folder = self.folder / "botssys" / "infile" / "scrub837p"
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            (folder / f"{name}.837").write_bytes(data)

    def run_engine(self, *options: str, **env: str) -> int:
        own = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(self.folder),
            "SCRUBBER": self.scrubber,
            "SCRUBBER_HOLD": str(self.folder / "held"),
        }
        engine = [PYTHON, str(Path(PYTHON).with_name("bots-engine")), "-cconfig", *options]
        done = subprocess.run(engine, env=own | env, cwd=self.folder, check=False, capture_output=True, timeout=60)
        assert PATIENT not in done.stdout + done.stderr
        return done.returncode

    @property
    def sent(self) -> list[bytes]:
        found = sorted((self.folder / "botssys" / "outfile").rglob("*"))
        return [path.read_bytes() for path in found if path.is_file()]

    @property
    def held(self) -> dict[str, bytes]:
        """What is in the hold folder, by the end of its name; one file of claims at most."""
        found = sorted((self.folder / "held").glob("*"))
        kept = {path.name[path.name.index(".") :]: path.read_bytes() for path in found}
        assert len(kept) == len(found)
        return kept

    @property
    def errors(self) -> list[str]:
        """What Bots shows for the files of all runs that have an error."""
        return [str(text) for (text,) in self.query("SELECT errortext FROM filereport WHERE statust = 1")]

    def query(self, sql: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.folder / "botssys" / "sqlitedb" / "botsdb")) as database, database:
            return database.execute(sql).fetchall()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    plugin = tmp_path / "scrub837p.zip"
    with zipfile.ZipFile(plugin, "w") as archive:
        for path in (Path("botsindex.py"), ROUTE_SCRIPT):
            archive.write(PLUGIN / path, path)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    folder = tmp_path / "site"
    folder.mkdir()
    subprocess.run(
        [PYTHON, Path(__file__).with_name("bots_site.py"), folder, plugin, port],
        env={"PYTHONPATH": str(folder)},
        check=True,
        timeout=60,
    )
    return Site(folder, str(Path(sys.executable).with_name("scrubber")))


def pretender(folder: Path, script: str) -> str:
    """Make a program that is called as the scrubber is."""
    program = folder / "pretender"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o700)
    return str(program)


def test_a_clean_file_leaves_byte_for_byte(site: Site) -> None:
    other = CLEAN.replace(b"~\n", b"~\r\n").replace(PATIENT, b"D\xd6E")
    assert b"~\r\nNM1*IL*1*D\xd6E" in other
    site.receive(a=CLEAN, b=other)
    assert site.run_engine() == DONE
    assert site.sent == [CLEAN, other]
    assert site.held == {}
    assert not list((site.folder / "botssys" / "infile").rglob("*.837"))


def test_a_file_with_a_rejected_claim_is_held_with_its_report(site: Site) -> None:
    site.receive(a=CLEAN, b=FAULTY)
    assert site.run_engine() == FAILED
    assert site.sent == [CLEAN]
    held = site.held
    assert held[".837"] == FAULTY
    assert held[".reason.txt"] == b"1 of 2 claims rejected (IVUS101, IVUS102)\n"
    assert [claim["disposition"] for claim in json.loads(held[".findings.json"])["files"][0]["claims"]] == [
        "accepted",
        "rejected",
    ]
    (error,) = site.errors
    assert "Not sent: 1 of 2 claims rejected (IVUS101, IVUS102). Held as scrub837p-" in error
    assert {path.stat().st_mode & 0o077 for path in (site.folder / "held").iterdir()} == {0}


@pytest.mark.parametrize("data", FILES.values(), ids=FILES)
def test_the_findings_are_those_of_the_command_line(site: Site, run: Run, data: bytes) -> None:
    (site.folder / "claims.837").write_bytes(data)
    (site.folder / "botssys" / "infile" / "scrub837p").mkdir(parents=True)
    commands = block(PAGE, "Bots", "sh").replace("/opt/scrubber/bin/scrubber", site.scrubber)
    engine = f"{Path(PYTHON).with_name('bots-engine')} -cconfig"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(site.folder)}
    subprocess.run(
        ["/bin/sh", "-c", commands.replace("/opt/bots/bin/bots-engine", engine)],
        env=environment,
        cwd=site.folder,
        check=False,
        capture_output=True,
        timeout=60,
    )
    (cli,) = json.loads(run("scrub", "-", "--format", "json", data=data).stdout)["files"]
    if data == FILES["clean"]:
        assert (site.sent, cli["totals"]["rejected"]) == ([data], 0)
        return
    (bots,) = json.loads((site.folder / "bots.json").read_bytes())["files"]
    assert bots | {"path": ""} == cli | {"path": ""}


def test_a_file_that_is_not_whole_is_held(site: Site) -> None:
    site.receive(a=CLEAN[:400])
    assert site.run_engine() == FAILED
    assert (site.sent, site.held[".837"]) == ([], CLEAN[:400])
    assert b"could not be judged as a whole (X12103)" in site.held[".reason.txt"]


ANOTHER_FILE = '{"schema": 2, "files": [{"sha256": "0", "readable": true, "findings": [], "claims": [], "totals": {}}]}'


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("exit 0", b"exit code 0 and a report that cannot be used"),
        ("echo '{}'", b"exit code 0 and a report that cannot be used"),
        (f"echo '{ANOTHER_FILE}'", b"the scrubber read other bytes than Bots holds"),
        ("echo 'scrubber: internal fault' >&2; exit 4", b"exit code 4 (scrubber: internal fault)"),
        ("exit 2", b"exit code 2"),
        ("kill -9 $$", b"exit code -9"),
        ("exec sleep 30", b"was stopped after 1 seconds"),
    ],
)
def test_without_a_usable_answer_the_file_is_held(site: Site, script: str, reason: bytes) -> None:
    site.receive(a=CLEAN)
    assert site.run_engine(SCRUBBER=pretender(site.folder, script), SCRUBBER_TIMEOUT="1") == FAILED
    assert (site.sent, site.held[".837"]) == ([], CLEAN)
    assert reason in site.held[".reason.txt"]


def test_findings_that_count_as_errors_here_hold_the_file(site: Site) -> None:
    warned = to_837p("37238\n36012\n37252-51 desc='LEFT CIV'")
    settings = site.folder / "scrubber.toml"
    settings.write_text('fail-on = "warning"\n', encoding="utf-8")
    site.receive(a=warned)
    assert site.run_engine(SCRUBBER_CONFIG=str(settings)) == FAILED
    assert (site.sent, site.held[".837"]) == ([], warned)


def test_without_the_scrubber_the_file_is_held_and_leaves_when_received_again(site: Site) -> None:
    site.receive(a=CLEAN)
    assert site.run_engine(SCRUBBER=str(site.folder / "missing")) == FAILED
    assert b"cannot be run (No such file or directory)" in site.held[".reason.txt"]
    assert site.sent == []
    site.query("UPDATE filereport SET retransmit = 1")
    assert site.run_engine("--rereceive") == DONE
    assert site.sent == [CLEAN]


def test_a_faulty_file_that_is_received_again_is_judged_again(site: Site) -> None:
    site.receive(a=FAULTY)
    assert site.run_engine() == FAILED
    site.query("UPDATE filereport SET retransmit = 1")
    assert site.run_engine("--rereceive") == FAILED
    assert site.sent == []
    assert len(site.errors) == 2


def test_where_nothing_can_be_held_nothing_leaves(site: Site) -> None:
    site.receive(a=FAULTY)
    assert site.run_engine(SCRUBBER_HOLD="/dev/null/held") == FAILED
    assert site.sent == []
    assert "could not be put into the hold folder (Not a directory)" in site.errors[0]


def test_without_the_route_script_nothing_leaves(site: Site) -> None:
    (site.folder / ROUTE_SCRIPT).unlink()
    site.receive(a=CLEAN, b=FAULTY)
    assert site.run_engine() == STUCK
    assert site.sent == []


def test_with_a_broken_route_script_nothing_leaves(site: Site) -> None:
    with (site.folder / ROUTE_SCRIPT).open("a", encoding="utf-8") as script:
        script.write("import a_module_that_is_not_there\n")
    site.receive(a=CLEAN)
    assert site.run_engine() == STUCK
    assert site.sent == []
