"""A scaffolded edit fails the tests until it is filled in, and passes them then."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import new_edit
from tests.support.new_edit import MARK
from tests.support.paths import ROOT

TABLE = "procedure,effective,deleted\n37238,2024-01-01,\n"
ASKED = ("IVUS699", "throw-away-code", "--severity", "warning")
FACTS = {
    "--table": "edits/tables/throw_away.csv",
    "--title": 'A list "of" this test',
    "--source": "This test, and no publication",
    "--retrieved": "2026-11-28",
    "--first-day": "2024-01-01",
    "--last-day": "2026-12-31",
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """What the scaffold and the tests of an edit need, in a folder of their own, with a table."""
    for name in ("edits", "scrubber", "tests", "fixtures/cases"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "edits" / "tables" / "throw_away.csv").write_text(TABLE, encoding="utf-8")
    return tmp_path


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-B", *arguments], cwd=folder, capture_output=True, check=False, text=True, timeout=120
    )


def results(folder: Path) -> dict[str, str]:
    """Run the tests of the edit, and return the outcome of each."""
    files = ("tests/edits/test_cases.py", "tests/contracts/test_catalogue.py", "tests/system/test_new_edit.py")
    wanted = ("-k", "IVUS699 or mark_is_left", "-n", "0", "-p", "no:cacheprovider", "-vv")
    done = python(folder, "-m", "pytest", *files, *wanted)
    lines = [line.split(" ") for line in done.stdout.splitlines() if line.startswith("tests/") and "::" in line]
    found = {words[0].partition("::")[2]: words[1] for words in lines}
    assert (done.returncode == 0) == (set(found.values()) == {"PASSED"}), done.stdout
    return found


def fill_in(folder: Path) -> None:
    """Replace each mark, as the author of an edit about the codes of the table would."""
    module = folder / "edits" / "ivus" / "throw_away_code.py"
    text = module.read_text(encoding="utf-8").replace(f'fires="{MARK}"', 'fires="37238\\n37252"')
    text = text.replace(f'passes="{MARK}"', 'passes="37252"').replace(f"{MARK} ", "What ").replace(MARK, "the codes")
    body = (
        "for line in encounter.lines:\n"
        "            if line.service_dates and context.tables.throw_away.on(line.procedure, line.service_dates):\n"
        '                yield self.finding(line, "It is listed.", "Remove it.", element="SV101-2")'
    )
    module.write_text(text.replace("raise NotImplementedError", body), encoding="utf-8")
    for other in ("ivus/facts.py", "ivus/rows.py", "tables/manifest.toml"):
        path = folder / "edits" / other
        path.write_text(path.read_text(encoding="utf-8").replace(MARK, "Say"), encoding="utf-8")
    cases = folder / "fixtures" / "cases" / "IVUS699.toml"
    claims = iter([
        *("37238\n37252", "37238-RT\n37252", "37238 x2\n37252", "37252", "37239\n37252", "37252-RT"),
        *("claim date=20240101\n37238\n37252", "claim date=20231231\n37238\n37252"),
    ])  # fmt: skip
    blocks = cases.read_text(encoding="utf-8").split(f'"""\n{MARK}\n"""')
    filled = "".join(f'{block}"""\n{next(claims)}\n"""' for block in blocks[:-1]) + blocks[-1]
    cases.write_text(filled.replace(f"{MARK}: ", ""), encoding="utf-8")


def test_an_edit_fails_until_it_is_filled_in(copy: Path) -> None:
    done = python(copy, "-m", "tests.support.new_edit", *ASKED, *(text for fact in FACTS.items() for text in fact))
    assert done.returncode == 0, done.stderr
    manifest = (copy / "edits" / "tables" / "manifest.toml").read_text(encoding="utf-8")
    assert f'sha256 = "{hashlib.sha256(TABLE.encode()).hexdigest()}"' in manifest
    raw = results(copy)
    assert len([name for name in raw if name.startswith("test_case[")]) == 8
    for name in ("test_case[", "test_documented_examples_do_what_they_say", "test_no_mark_is_left"):
        assert {outcome for test, outcome in raw.items() if test.startswith(name)} == {"FAILED"}
    fill_in(copy)
    filled = results(copy)
    assert filled.keys() - raw.keys() == {name for name in filled if name.startswith("test_case[")}
    assert set(filled.values()) == {"PASSED"}


def test_an_edit_without_its_check_fails_the_near_misses_too(copy: Path) -> None:
    """The claims are there already; nothing is found on a near miss, but not because it was looked for."""
    assert python(copy, "-m", "tests.support.new_edit", *ASKED).returncode == 0
    module = copy / "edits" / "ivus" / "throw_away_code.py"
    raw = module.read_text(encoding="utf-8")
    fill_in(copy)
    module.write_text(raw, encoding="utf-8")
    outcomes = {outcome for name, outcome in results(copy).items() if name.startswith("test_case[")}
    assert outcomes == {"FAILED"}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("IVUS602", *ASKED[1:]), "there is IVUS602 (facility-code-on-professional-claim) already"),
        (("IVUS699", "bilateral-modifier", *ASKED[2:]), "there is IVUS401 (bilateral-modifier) already"),
        (("IVUS69", *ASKED[1:]), "is not IVUS and three digits"),
        (("ACME101", *ASKED[1:]), "is not IVUS and three digits"),
        (("IVUS699", "Throw_away", *ASKED[2:]), "is not two or more words"),
        ((*ASKED, "--title", "x"), "what is said of a table needs --table"),
        ((*ASKED, "--table", "edits/tables/throw_away.csv"), "a table needs --title, --source, --retrieved"),
        ((*ASKED, "--table", "pyproject.toml"), "is not a file edits/tables/name_of_table.csv"),
        ((*ASKED, *(t for f in (FACTS | {"--last-day": "2026-13-31"}).items() for t in f)), "month must be in 1..12"),
        ((*ASKED, *(t for f in (FACTS | {"--table": "edits/tables/mue.csv"}).items() for t in f)), "'mue' already"),
    ],
)
def test_what_cannot_be_written_is_refused(
    copy: Path,
    asked: tuple[str, ...],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(copy)
    monkeypatch.setattr(new_edit, "ROOT", copy)
    monkeypatch.setattr(sys, "argv", ["new_edit", *asked])
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    with pytest.raises(SystemExit, match="2"):
        new_edit.main()
    assert said in capsys.readouterr().err
    assert {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()} == before


def test_no_mark_is_left() -> None:
    texts = [*(ROOT / "edits").rglob("*.py"), *(ROOT / "edits" / "tables").iterdir(), *ROOT.glob("fixtures/cases/*")]
    assert len(texts) > 60
    assert [path.name for path in texts if MARK in path.read_text(encoding="utf-8")] == []
