"""The tests mirror the source, and a test module can be read alone: what several share is in `tests/support`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.support.paths import ROOT

TESTS = ROOT / "tests"
FOLDERS = {"campaigns", "contracts", "edits", "system", "support", "unit"}
MODULES = [path for path in sorted(TESTS.rglob("*.py")) if "example_plugin" not in path.parts]


def imported_by(path: Path) -> Iterator[str]:
    """Yield the full name of all that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_no_module_imports_a_test_module() -> None:
    found = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in MODULES
        for name in imported_by(path)
        if name.startswith("tests.") and any(part.startswith(("test_", "conftest")) for part in name.split(".")[1:])
    ]
    assert len(MODULES) > 80
    assert found == []


def test_every_module_is_in_one_of_the_folders() -> None:
    assert {path.relative_to(TESTS).parts[0] for path in MODULES} == {*FOLDERS, "conftest.py"}


def test_the_unit_tests_of_a_package_are_in_the_folder_of_its_name() -> None:
    packages = {path.parent.relative_to(TESTS / "unit") for path in (TESTS / "unit").rglob("test_*.py")}
    assert len(packages) > 10
    assert [str(package) for package in packages if not (ROOT / "scrubber" / package).is_dir()] == []


def test_only_test_folders_have_tests() -> None:
    folders = {path.relative_to(TESTS).parts[0] for path in MODULES if path.name.startswith("test_")}
    assert folders == {"contracts", "edits", "system", "unit"}


def test_the_names_of_test_modules_differ() -> None:
    names = [path.name for path in MODULES if path.name.startswith("test_")]
    assert sorted(names) == sorted(set(names))
