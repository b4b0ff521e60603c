"""A command imports what it uses: each module in these lists takes time that the shortest runs have not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import FIXTURES

WEEK = str(FIXTURES / "claims" / "office_week.837")

PROGRAM = """
import sys
from scrubber.cli.main import main
try:
    main(sys.argv[1:])
finally:
    print(*sys.modules, sep="\\n", file=sys.stderr)
"""

NEVER = {
    "concurrent.futures",
    "email",
    "importlib.metadata",
    "logging",
    "lxml",
    "multiprocessing",
    "pyx12",
    "sqlite3",
    "xlsxwriter",
}
"""What a plain scrub does not use, and `--version` and `--help` even less."""

ONLY_TO_SCRUB = {
    "attrs",
    "csv",
    "decimal",
    "edits",
    "hashlib",
    "json",
    "scrubber.api",
    "tempfile",
    "tomllib",
}

OTHER_OUTPUTS = {
    "scrubber.conformance.guide_walk",
    "scrubber.engine.process_executor",
    "scrubber.findings.notebook",
    *(f"scrubber.outputs.reports.{name}" for name in ("csv", "html", "sarif", "text", "xlsx", "xml")),
    *(f"scrubber.outputs.x12.{name}" for name in ("ack277ca", "ack999", "annotated837", "split837")),
    "scrubber.server",
    "scrubber.watch",
}


def modules_of(*args: str) -> set[str]:
    """Run the command line in a process of its own, and return the names of the modules that it imported."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, *args], capture_output=True, check=False, timeout=60)
    assert done.returncode in {0, 1}, done.stderr
    return set(done.stderr.decode().split())


@pytest.mark.parametrize(
    "args", [["--version"], ["--help"], ["scrub", "--help"], ["watch", "--help"], ["serve", "--help"]]
)
def test_what_only_tells_of_the_program_imports_no_edits(args: list[str]) -> None:
    assert not modules_of(*args) & (NEVER | ONLY_TO_SCRUB | OTHER_OUTPUTS)


def test_a_plain_scrub_imports_no_other_outputs() -> None:
    imported = modules_of("scrub", WEEK, "--format=ndjson", "--no-progress")
    assert not imported & (NEVER | OTHER_OUTPUTS)
    assert {"edits", "scrubber.outputs.reports.json"} <= imported


def test_an_output_that_is_asked_for_is_imported(tmp_path: Path) -> None:
    imported = modules_of("scrub", WEEK, "--format=csv", f"--out-dir={tmp_path}", "--conformance=guide", "--jobs=2")
    assert imported >= {
        "multiprocessing",
        "pyx12",
        "scrubber.engine.process_executor",
        "scrubber.outputs.reports.csv",
        "scrubber.outputs.x12.ack277ca",
        "scrubber.outputs.x12.ack999",
    }
