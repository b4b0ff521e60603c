"""What is installed is checked when it is loaded: a plugin that breaks the contract stops the run and is named."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from tests.support.command import Run
from tests.support.paths import FIXTURES

WEEK = FIXTURES / "claims" / "office_week.837"

EDIT = '''
from scrubber import EditPack, Edit, Example, Meta, Severity, Source

class Whatever(Edit):
    """A claim is whatever.

    Why: to see what happens.
    Fix: nothing.
    """

    meta = Meta(
        "BAD001", "whatever", Severity.ERROR, (Source("a test", "2026"),), title="Whatever", since="0.1", stage="stable"
    )

    def check(self, claim, context):
        return ()

EDITS = EditPack(edits=(Whatever,))
'''

WRITER = """
from scrubber import ReportWriter


class Short(ReportWriter):
    def __init__(self, out, tool, *, color=False):
        pass

    def claim(self, path, claim):
        pass

    def end_file(self, report):
        pass

    def end(self):
        pass
"""


def install(folder: Path, program: str) -> dict[str, str]:
    """Install a distribution `bad-rules` in a folder, and return the environment that has it on its path."""
    (folder / "bad_rules.py").write_text(dedent(program), encoding="utf-8")
    info = folder / "bad_rules-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bad-rules\nVersion: 1.0\n", encoding="utf-8")
    groups = (
        "[scrubber.edits]\nBAD = bad_rules:EDITS\n"
        if "EDITS" in program
        else "[scrubber.writers]\nshort = bad_rules:Short\n"
    )
    (info / "entry_points.txt").write_text(groups, encoding="utf-8")
    return {"PYTHONPATH": str(folder)}


@pytest.mark.parametrize(
    ("text", "instead", "why"),
    [
        ("    meta = Meta(", "    other = Meta(", "Whatever has no meta, or one that is not a scrubber.Meta"),
        ("    meta = Meta(", "    meta = dict(title='x') or dict(", "has no meta"),
        (', title="Whatever"', "", "cannot be loaded: TypeError: Meta.__init__() missing 1 required keyword-only"),
        ('"Whatever"', '"whatever"', "title 'whatever' is not one line of at most 60 characters that begins with a"),
        ('"Whatever"', '"It is."', "title 'It is.' is not one line"),
        ('"Whatever"', '""', "title '' is not one line"),
        ('"Whatever"', '" What"', "title ' What' is not one line"),
        ('"Whatever"', '"What\\never"', "is not one line"),
        ('"Whatever"', '"What" * 20', "is not one line"),
        ('"Whatever"', "3", "cannot be loaded: TypeError"),
        (', since="0.1"', "", "missing 1 required keyword-only argument: 'since'"),
        ('"0.1"', '"v1"', "since 'v1' is not a version, such as 0.1"),
        ('"0.1"', '"0."', "since '0.' is not a version"),
        ('"0.1"', "0.1", "cannot be loaded: TypeError"),
        (', stage="stable"', "", "missing 1 required keyword-only argument: 'stage'"),
        ('"stable"', '"old"', "cannot be loaded: ValueError: 'old' is not a valid RuleStage"),
        (
            "    Why: to see what happens.\n",
            "",
            "BAD001: the docstring of Whatever needs a first sentence, Why: and Fix:",
        ),
        ("    Fix: nothing.\n", "", "needs a first sentence, Why: and Fix:"),
        ("BAD001", "GOOD001", "code GOOD001 does not begin with its prefix BAD"),
        ("def check", "def look", "BAD001 lacks the method check"),
        ('"2026"),)', '"2026"),), examples=("37252",)', "cannot be loaded: TypeError: 'examples' must be"),
        ('"2026"),)', '"2026"),), effective="2026"', "cannot be loaded: TypeError: 'effective' must be"),
        ('"2026"),)', '"2026"),), procedures=["37252"]', "cannot be loaded: TypeError: 'procedures' must be"),
        ('"2026"),)', '"2026"),), adjustment="CO-107"', "cannot be loaded: TypeError: 'adjustment' must be"),
        ('"2026"),)', '"2026"),), statuses=("A7:507",)', "cannot be loaded: TypeError: 'statuses' must be"),
        (
            '"2026"),)',
            '"2026"),), option=("mode", "on")',
            'BAD001 needs the option mode = "on", which the pack does not',
        ),
        ('(Source("a test", "2026"),)', "()", "cannot be loaded: ValueError: Length of 'sources' must be >= 1: 0"),
        ('(Source("a test", "2026"),)', '("a test",)', "cannot be loaded: TypeError: 'sources' must be"),
        ("Severity.ERROR", '"error"', "cannot be loaded: TypeError: 'severity' must be"),
        ('"whatever", Severity', '"Whatever!", Severity', "cannot be loaded: ValueError: 'name' must match regex"),
        ("def check(self, claim, context):\n        return ()", "check = None", "check of BAD001 is not a method"),
        ("(Whatever,))", "(Whatever,), tables=None)", "tables of the pack cannot be called"),
        ("(Whatever,))", "(Whatever,), price=3)", "price of the pack cannot be called"),
        ("(Whatever,))", "(Whatever,), options=('mode',))", "an option of the pack is not a scrubber.Option"),
        ("(Whatever,)", "(Whatever, Whatever)", "has two edits with code BAD001"),
        ("(Whatever,)", "(int,)", "is not an Edit or EncounterEdit"),
        ("EditPack(edits=(Whatever,))", "(Whatever,)", "bad_rules:EDITS is not a scrubber.EditPack"),
        ("class Whatever", "1 / 0\n\nclass Whatever", "cannot be loaded: ZeroDivisionError"),
    ],
)
def test_an_edit_that_breaks_the_contract_stops_the_run(
    run: Run, tmp_path: Path, text: str, instead: str, why: str
) -> None:
    assert text in EDIT
    done = run("scrub", WEEK, **install(tmp_path, EDIT.replace(text, instead)))
    assert (done.returncode, done.stdout) == (2, b"")
    message = done.stderr.decode()
    assert "plugin 'BAD' of bad-rules" in message
    assert why in message


def test_an_edit_that_keeps_the_contract_runs(run: Run, tmp_path: Path) -> None:
    assert run("scrub", WEEK, **install(tmp_path, EDIT)).returncode == 1


@pytest.mark.parametrize("method", ["claim", "end_file", "end"])
def test_a_writer_without_a_method_stops_the_run(run: Run, tmp_path: Path, method: str) -> None:
    env = install(tmp_path, WRITER.replace(f"def {method}(", f"def no_{method}("))
    done = run("scrub", WEEK, "--format", "short", **env)
    assert (done.returncode, done.stdout) == (2, b"")
    assert f"writer plugin 'short' of bad-rules lacks the method {method}" in done.stderr.decode()


def test_a_writer_that_is_no_class_stops_the_run(run: Run, tmp_path: Path) -> None:
    done = run("scrub", WEEK, "--format", "short", **install(tmp_path, "Short = 1"))
    assert (done.returncode, done.stdout) == (2, b"")
    assert (
        "writer plugin 'short' of bad-rules: bad_rules:Short is not a subclass of scrubber.ReportWriter"
        in done.stderr.decode()
    )


@pytest.mark.parametrize(("place", "program"), [("edits.py", "1 / 0"), ("edits/__init__.py", "")])
@pytest.mark.parametrize(
    "command",
    [
        ("-m", "scrubber", "scrub", str(WEEK)),
        ("-m", "scrubber", "edits"),
        ("-m", "scrubber", "explain", "37252"),
        ("-c", f"import scrubber; scrubber.scrub({str(WEEK)!r})"),
    ],
)
def test_a_module_that_hides_ours_is_named(tmp_path: Path, place: str, program: str, command: tuple[str, ...]) -> None:
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text(program, encoding="utf-8")
    done = subprocess.run([sys.executable, *command], cwd=tmp_path, capture_output=True, check=False, timeout=60)
    last = done.stderr.decode().splitlines()[-1]
    assert done.returncode == (1 if command[0] == "-c" else 2)
    assert f"({tmp_path / place} hides the installed module 'edits': rename it, or run in another folder)" in last
