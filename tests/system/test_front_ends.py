"""One file, every front end: the commands of docs/front-ends.md find the same.

Bots has its tests in tests/system/hosts.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import scrubber
from scrubber.outputs.reports.base import describe_tool
from scrubber.outputs.reports.json import NdjsonWriter
from scrubber.packs.registry import load_plugins
from tests.support.front_ends import FILES, PAGE, block
from tests.support.paths import ROOT
from tests.support.serving import Server, serving

HOSTS = (ROOT / "docs" / "hosts.md").read_text(encoding="utf-8")
FRONT_ENDS = ("cli", "watch", "http")

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


def in_shell(commands: str, folder: Path) -> subprocess.CompletedProcess[bytes]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["/bin/sh", "-c", commands], cwd=folder, env={"PATH": path}, capture_output=True, check=False, timeout=60
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("front_ends") / "files", "--jobs=1") as started:
        yield started


@pytest.fixture(scope="module", params=[*FILES.values()], ids=[*FILES])
def folder(request: pytest.FixtureRequest, server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a file and the reports on it, one of each front end."""
    place = tmp_path_factory.mktemp("front_end")
    (place / "claims.837").write_bytes(request.param)
    for title in ("The command line", "The drop folder", "HTTP"):
        commands = block(PAGE, title, "sh")
        done = in_shell(commands.replace("127.0.0.1:8837", f"127.0.0.1:{server.port}"), place)
        assert b"Traceback" not in done.stderr
    return place


def judged(folder: Path, front_end: str) -> dict[str, Any]:
    """Return what the report of a front end says of the file."""
    (file,) = json.loads((folder / f"{front_end}.json").read_bytes())["files"]
    return dict(file)


def printed(source: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the lines that an example of a page prints."""
    monkeypatch.chdir(folder)
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(source, "an example", "exec"), {"__name__": "host"})
    return out.getvalue().splitlines()


def lines_of(file: dict[str, Any]) -> list[str]:
    """Return the findings of a report as the examples print them."""
    return [
        f"{claim['ordinal']} {finding['line']} {finding['code']} {finding['message']}"
        for claim in file["claims"]
        for finding in claim["findings"]
    ]


def test_every_door_gives_the_same_report(folder: Path) -> None:
    for front_end in FRONT_ENDS[1:]:
        # Only the drop folder puts notes into a copy of the file, so only its report counts those without room.
        named = {"path": "", "not_annotated": None}
        assert judged(folder, front_end) | named == judged(folder, "cli") | named


def test_the_page_says_how_to_compare(folder: Path) -> None:
    done = in_shell(block(PAGE, "Compare", "sh"), folder)
    assert (done.stderr, done.stdout) == (b"", b"the same findings 3 times\n")


def test_a_difference_would_be_seen(folder: Path, tmp_path: Path) -> None:
    shutil.copy(folder / "cli.json", tmp_path / "a.json")
    other = (folder / "cli.json").read_text().replace('"offset": ', '"offset": 1')
    if other == (tmp_path / "a.json").read_text():
        pytest.skip("it has no findings")
    (tmp_path / "b.json").write_text(other)
    assert b"AssertionError" in in_shell(block(PAGE, "Compare", "sh"), tmp_path).stderr


def test_python_finds_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cli = judged(folder, "cli")
    assert printed(block(PAGE, "Python", "python"), folder, monkeypatch) == lines_of(cli)

    (report,) = scrubber.scrub("claims.837").files
    out = io.StringIO()
    writer = NdjsonWriter(out, describe_tool(load_plugins(), date.today()))
    for claim in report.claims:
        writer.claim("", claim)
    assert [json.loads(line) for line in out.getvalue().splitlines()] == [
        {"file": ""} | claim for claim in cli["claims"]
    ]
    assert [(finding.code, finding.message) for finding in report.findings] == [
        (finding["code"], finding["message"]) for finding in cli["findings"]
    ]


def test_claims_read_by_pyx12_have_the_same_findings(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    example, cli = block(HOSTS, "The context reader of pyx12", "python"), judged(folder, "cli")
    if cli["readable"]:
        assert printed(example, folder, monkeypatch) == lines_of(cli)
    else:
        with pytest.raises(scrubber.ScrubberError, match="pyx12 nodes: "):
            printed(example, folder, monkeypatch)


def test_the_files_are_of_every_kind() -> None:
    verdicts = {name: scrubber.scrub(data).files[0] for name, data in FILES.items()}
    assert {name for name, report in verdicts.items() if not report.readable} == {"truncated"}
    assert verdicts["clean"].totals.rejected == 0
    several = verdicts["several patients and payers"].totals
    assert 0 < several.rejected < several.claims
    assert verdicts["truncated"].totals.claims > 0


def test_the_page_has_the_commands_of_the_other_pages() -> None:
    serve = (ROOT / "docs" / "serve.md").read_text(encoding="utf-8")
    assert re.sub(" -s | >.*", " ", block(PAGE, "HTTP", "sh")).strip() in serve
    integrations = (ROOT / "docs" / "integrations.md").read_text(encoding="utf-8")
    assert block(PAGE, "Bots", "sh").splitlines()[1] in integrations
