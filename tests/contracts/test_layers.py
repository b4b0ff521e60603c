"""The contracts of imports bite: an edit that reaches into the machine, a package that imports upward."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

LINT = Path(sys.executable).with_name("lint-imports")

pytestmark = pytest.mark.skipif(not LINT.exists(), reason="import-linter is not installed")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The two packages and the contracts in a folder of their own."""
    folder = tmp_path_factory.mktemp("copy")
    for name in ("scrubber", "edits"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def lint(folder: Path) -> tuple[int, str]:
    """Check the contracts, and return the exit code with what was said."""
    done = subprocess.run([LINT, "--no-cache"], cwd=folder, capture_output=True, check=False, text=True, timeout=60)
    return done.returncode, done.stdout


def test_the_packages_keep_the_contracts(copy: Path) -> None:
    code, said = lint(copy)
    assert code == 0, said


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        (
            "edits/ivus/sides.py",
            "from scrubber.pipeline.claim_log import ClaimLog",
            "The edits use the public names",
        ),
        (
            "edits/ivus/primaries.py",
            "from scrubber.outputs.output_set import Targets",
            "The edits use the public names",
        ),
        (
            "edits/ivus/primaries.py",
            "from scrubber.claims.disclosure import detail_of",
            "The edits use the public names",
        ),
        ("scrubber/claims/loops.py", "from scrubber.engine.judge import Engine", "Layers of the machine"),
        ("scrubber/findings/rule.py", "from scrubber.io.spool import Spool", "Layers of the machine"),
        ("scrubber/api.py", "import edits", "The machine knows no medicine"),
        ("scrubber/cli/main.py", "import starlette", "HTTP libraries only in the server"),
        ("scrubber/engine/judge.py", "import pyx12", "pyx12 only in conformance"),
        ("scrubber/outputs/reports/text.py", "import lxml", "lxml only in the xml and html writers"),
    ],
)
def test_an_import_that_breaks_a_contract_is_refused(copy: Path, module: str, line: str, contract: str) -> None:
    path = copy / module
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text.replace("from __future__ import annotations\n", f"from __future__ import annotations\n{line}\n")
    )
    try:
        code, said = lint(copy)
    finally:
        path.write_text(text, encoding="utf-8")
    assert code == 1
    assert [name for name in said.splitlines() if name.startswith(contract) and "BROKEN" in name]


def test_a_package_that_no_layer_names_is_refused(copy: Path) -> None:
    new = copy / "scrubber" / "attic"
    new.mkdir()
    try:
        (new / "__init__.py").write_text("", encoding="utf-8")
        code, said = lint(copy)
    finally:
        shutil.rmtree(new)
    assert code == 1
    assert "- scrubber.attic" in said
