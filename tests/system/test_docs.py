"""What the documents say is what the program does."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from scrubber.builtin.all_rules import all_rules
from scrubber.catalogue import explain_rule, render_catalogue
from scrubber.cli.main import commands
from scrubber.conformance.rules import CONFORMANCE_RULES
from scrubber.packs.registry import load_plugins
from scrubber.packs.summary import summarize, summary_file
from scrubber.testing import to_837p
from scrubber.x12.rules import SYNTAX_RULES
from tests.support.command import Run
from tests.support.paths import FIXTURES, ROOT
from tests.support.serving import serving

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_catalogue_in_the_readme_is_current(request: pytest.FixtureRequest) -> None:
    begin, end = "<!-- catalogue: begin -->\n", "<!-- catalogue: end -->"
    head, rest = README.split(begin)
    old, tail = rest.split(end)
    new = render_catalogue(load_plugins(), "markdown")
    if request.config.getoption("--update-expected"):
        (ROOT / "README.md").write_text(head + begin + new + end + tail, encoding="utf-8")
        old = new
    assert old == new


def test_the_pages_of_the_edits_are_current(request: pytest.FixtureRequest) -> None:
    plugins = load_plugins()
    rules = all_rules(plugins)
    pages = {f"{code}.md": explain_rule(*rules[code], "markdown") for code in rules}
    index = render_catalogue(plugins, "markdown")
    pages["README.md"] = "# The edits\n\n" + re.sub(r"(?m)^\| ([A-Z]+\d+) ", r"| [\1](\1.md) ", index)
    folder = ROOT / "docs" / "edits"
    if request.config.getoption("--update-expected"):
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.glob("*.md"):
            path.unlink()
        for name, text in pages.items():
            (folder / name).write_text(text, encoding="utf-8")
    assert {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()} == pages


@pytest.mark.parametrize(("prefix", "module"), [("IVUS", "edits"), ("X12", "scrubber.builtin.x12_pack")])
def test_what_version_shows_of_a_pack_is_current(prefix: str, module: str, request: pytest.FixtureRequest) -> None:
    (plugin,) = (plugin for plugin in load_plugins() if plugin.prefix == prefix)
    path = summary_file(module)
    assert path is not None
    if request.config.getoption("--update-expected"):
        path.write_text(summarize(plugin).as_written(), encoding="utf-8")
    assert path.read_text(encoding="utf-8") == summarize(plugin).as_written()


def test_the_page_of_syntax_errors_is_current(request: pytest.FixtureRequest) -> None:
    """Each rule says what it spoils and what the 999 answers."""
    path = ROOT / "docs" / "syntax-errors.md"
    begin = "<!-- rules: begin -->\n"
    head = path.read_text(encoding="utf-8").split(begin)[0]
    rows = "".join(
        f"| [{rule.meta.code}](edits/{rule.meta.code}.md) | {rule.meta.name} | {rule.meta.severity} | "
        f"{'the input: exit code 3' if rule.unreadable else rule.spoils} | {rule.answer} |\n"
        for rule in (*SYNTAX_RULES, *CONFORMANCE_RULES)
    )
    assert all(rule.spoils and rule.answer for rule in (*SYNTAX_RULES, *CONFORMANCE_RULES))
    new = f"{head}{begin}| code | name | severity | spoils | 999 and TA1 |\n|---|---|---|---|---|\n{rows}"
    if request.config.getoption("--update-expected"):
        path.write_text(new, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == new


def test_the_sample_is_what_its_shorthand_says(request: pytest.FixtureRequest) -> None:
    sample = FIXTURES / "claims" / "office_week"
    data = to_837p(sample.with_suffix(".txt").read_text(encoding="utf-8"))
    if request.config.getoption("--update-expected"):
        sample.with_suffix(".837").write_bytes(data)
    assert sample.with_suffix(".837").read_bytes() == data


def test_the_report_in_the_readme_is_the_one_printed(run: Run) -> None:
    printed = run("scrub", FIXTURES / "claims" / "office_week.837").stdout.decode()
    block = README.split("```text\n")[1].split("```")[0]
    for part in block.split("...\n"):
        assert part in printed


def test_the_settings_in_the_readme_are_accepted(run: Run) -> None:
    toml = README.split("```toml\n")[1].split("```")[0]
    done = run("config", "--config", "/dev/stdin", data=toml.encode())
    assert done.returncode == 0, done.stderr
    assert 'payers."60054".tables.mue."37253".value = 8' in done.stdout.decode()


def test_the_python_in_the_readme_runs() -> None:
    source = README.split("```python\n")[1].split("```")[0]
    printed: list[tuple[object, ...]] = []
    source = source.replace("claims.837", str(FIXTURES / "claims" / "office_week.837"))
    exec(compile(source, "README.md", "exec"), {"print": lambda *values: printed.append(values)})
    assert "IVUS101" in printed[-1][0]  # type: ignore[operator]
    assert len(printed) > 17


def test_the_page_on_drop_folders_names_the_options_of_its_command() -> None:
    page = (ROOT / "docs" / "watch.md").read_text(encoding="utf-8")
    options = {name for option in commands.commands["watch"].params for name in option.opts if name.startswith("--")}
    assert options <= set(re.findall(r"--[a-z0-9][a-z0-9-]*", page))
    for seconds in ("settle", "give-up", "interval", "tries"):
        option = next(o for o in commands.commands["watch"].params if f"--{seconds}" in o.opts)
        assert re.search(rf"`--{seconds}`[ a-z]* \({option.default:g}\)", page)


def test_the_unit_and_the_cron_line_are_commands_that_are_understood(run: Run) -> None:
    page = (ROOT / "docs" / "watch.md").read_text(encoding="utf-8")
    lines = re.findall(r"^.*/bin/scrubber (watch .*)$", page, re.MULTILINE)
    assert len(lines) == 2
    for line in lines:
        done = run(*line.split(" 2>")[0].split())
        assert done.returncode == 2
        assert b"'/srv/edi/inbox' does not exist" in done.stderr


@pytest.mark.skipif(shutil.which("curl") is None, reason="they are commands of curl")
def test_the_commands_of_serve_md_run(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "serve.md").read_text(encoding="utf-8")
    commands = [line for block in text.split("```sh\n")[1:] for line in block.split("```")[0].splitlines()]
    asked = [line for line in commands if line.startswith("curl")]
    assert len(asked) > 5
    (tmp_path / "claims.837").write_bytes((FIXTURES / "claims" / "office_week.837").read_bytes())
    with serving(tmp_path / "files", "--jobs=1") as server:
        for command in asked:
            line = command.replace(":8837", f":{server.port}")
            done = subprocess.run(["/bin/sh", "-c", f"{line} --fail"], cwd=tmp_path, capture_output=True, check=False)
            assert done.returncode == 0, (line, done.stderr)
    assert (tmp_path / "answer.277").read_bytes().startswith(b"ISA*")
    assert (tmp_path / "clean.837").read_bytes().startswith(b"ISA*")
    assert b"x-scrubber-disposition: mixed" in (tmp_path / "headers.txt").read_bytes()


def test_every_command_of_the_readme_runs(run: Run, tmp_path: Path) -> None:
    sample = FIXTURES / "claims" / "office_week.837"
    (tmp_path / "inbox").mkdir()
    for name in ("claims.837", "large.837", "inbox/week.837"):
        shutil.copy(sample, tmp_path / name)
    commands = README.split("## Use\n\n```sh\n")[1].split("```")[0].splitlines()
    assert len(commands) > 15
    for command in (line.partition(" #")[0] for line in commands):
        words = shlex.split(command.rpartition("|")[2])
        data = sample.read_bytes() if "|" in command else None
        ends = {"watch": ["--once", "--settle=0"], "serve": ["--help"]}.get(words[1], [])  # test_serve.py serves
        done = run(*words[1:], *ends, data=data)
        assert done.returncode == int("claims" in command or "inbox" in command or "large" in command), command
        assert b"rror:" not in done.stderr, command
    assert {"r.json", "r.html", "ok.837", "bad.837", "answer.277", "outbox"} <= {
        path.name for path in tmp_path.iterdir()
    }


def test_every_release_is_described() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"^## \[Unreleased\]$", changelog, re.MULTILINE)


def test_every_path_of_the_architecture_page_is_there() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:[a-z0-9_]+/)+[a-z0-9_]+\.[a-z]+)`", page))
    assert len(named) > 30
    assert {path for path in named if not ((ROOT / "scrubber" / path).exists() or (ROOT / path).exists())} == set()
    modules = {path.name for folder in ("scrubber", "edits") for path in (ROOT / folder).rglob("*.py")}
    bare = set(re.findall(r"`([a-z0-9_]+\.py)`", page))
    assert len(bare) > 5
    assert bare <= modules
