"""The way in for third parties: the example distribution, installed, and the page that explains it."""

from __future__ import annotations

import ast
import hashlib
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from scrubber.testing import to_837p
from tests.support.command import Run
from tests.support.paths import ROOT

EXAMPLE = ROOT / "tests" / "example_plugin"
PAGE = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def lay_out(distribution: Path, folder: Path) -> None:
    """Lay a distribution out as an installer does, without building it: that would ask a package index."""
    project = tomllib.loads((distribution / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    shutil.copytree(distribution / "src", folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    info = folder / f"acme_edits-{project['version']}.dist-info"
    info.mkdir()
    metadata = f"Metadata-Version: 2.4\nName: {project['name']}\nVersion: {project['version']}\n"
    (info / "METADATA").write_text(metadata, encoding="utf-8")
    lines = [
        line
        for group, entries in project["entry-points"].items()
        for line in (f"[{group}]", *(f"{name} = {value}" for name, value in entries.items()))
    ]
    (info / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")


def run_its_tests(distribution: Path, installed: Path) -> str:
    """Run the tests of a distribution and give what pytest says."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=distribution,
        env={"PYTHONPATH": str(installed), "PATH": ""},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout.decode()
    return done.stdout.decode()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the example is installed."""
    folder = tmp_path_factory.mktemp("site")
    lay_out(EXAMPLE, folder)
    return folder


def test_it_is_in_the_catalogue_and_explains_itself(run: Run, site: Path) -> None:
    listed = run("edits", PYTHONPATH=str(site)).stdout.decode()
    assert re.search(r"^ACME101 +error +place-not-in-policy ", listed, re.MULTILINE)
    told = run("explain", "ACME101", PYTHONPATH=str(site)).stdout.decode()
    assert "ACME policy 7 (example)" in told
    assert "Correct the place of service" in told
    version = run("--version", PYTHONPATH=str(site)).stdout.decode()
    assert "edits ACME: 1 of acme-edits 1.0.0" in version
    assert "table allowed_places: 2024-01-01 to 2026-12-31" in version


def test_its_edit_judges_and_its_writer_writes(run: Run, site: Path) -> None:
    data = to_837p("claim A\n99213 pos=22\nclaim B patient=M2\n37238\n37252 pos=21")
    done = run("scrub", "-", "--format", "worklist", data=data, PYTHONPATH=str(site))
    assert done.stdout.decode() == "<stdin>\t2\t2\tACME101\tCorrect the place of service.\n"
    assert done.returncode == 1
    cut = run("scrub", "-", "--format", "worklist", data=data[:-30], PYTHONPATH=str(site))
    assert "<stdin>\t-\t-\tX12103" in cut.stdout.decode()


def test_its_table_can_be_changed_for_a_payer(run: Run, site: Path, tmp_path: Path) -> None:
    settings = "[payers.12502.tables.allowed_places.24]\neffective = 2024-01-01\n"
    (tmp_path / "scrubber.toml").write_text(settings, encoding="utf-8")
    data = to_837p("37238\n37252 pos=24")
    assert run("scrub", "-", data=data, PYTHONPATH=str(site)).returncode == 0


def test_its_own_tests_pass(site: Path, tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE, tmp_path / "example")
    assert "3 passed" in run_its_tests(tmp_path / "example", site)


def test_it_uses_public_names_only() -> None:
    for path in EXAMPLE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("scrubber"):
                assert node.module in {"scrubber", "scrubber.testing"}


def test_without_it_nothing_is_known_of_it(run: Run) -> None:
    assert b"ACME" not in run("edits").stdout


# -- docs/plugins.md ------------------------------------------------------------------------------------------------


def _snippets(page: str = PAGE) -> Iterator[tuple[str, str]]:
    """Return the file that the page names last before each block, and the block."""
    for found in BLOCK.finditer(page):
        if found[1] != "sh":
            named = re.findall(r"In\s`([\w./]+)`:\n\n$", page[: found.start()])
            assert named, f"no file is named before {found[2][:40]!r}"
            yield named[-1], found[2]


@pytest.mark.parametrize(("name", "block"), list(_snippets()))
def test_a_block_of_the_page_is_in_the_example(name: str, block: str) -> None:
    assert block in (EXAMPLE / name).read_text(encoding="utf-8")


def test_the_six_steps_are_enough(tmp_path: Path, run: Run) -> None:
    written, installed = tmp_path / "written", tmp_path / "installed"
    for name, block in _snippets(PAGE.partition("\n## ")[0]):
        path = written / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as stream:
            stream.write(f"{block}\n\n" if path.suffix in {".py", ".toml"} else block)
    lay_out(written, installed)
    assert b"ACME101" in run("edits", PYTHONPATH=str(installed)).stdout
    assert "2 passed" in run_its_tests(written, installed)


def test_the_page_has_six_steps() -> None:
    assert re.findall(r"^\*\*(\d)\.", PAGE, re.MULTILINE) == list("123456")


def test_the_manifest_of_the_page_names_the_table_of_the_page() -> None:
    tables = EXAMPLE / "src" / "acme_edits" / "tables"
    manifest = tomllib.loads((tables / "manifest.toml").read_text(encoding="utf-8"))
    digest = hashlib.sha256((tables / "allowed_places.csv").read_bytes()).hexdigest()
    assert manifest["allowed_places"]["sha256"] == digest


def test_the_commands_of_the_page_run(run: Run, site: Path, tmp_path: Path) -> None:
    (tmp_path / "claims.837").write_bytes(to_837p("37238\n37252"))
    commands = [line for kind, block in BLOCK.findall(PAGE) if kind == "sh" for line in block.splitlines()]
    assert commands[0] == "pip install ."
    for command in commands[1:]:
        program, *words = command.split()
        assert program == "scrubber"
        assert run(*words, PYTHONPATH=str(site)).returncode == 0
