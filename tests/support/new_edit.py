"""Write what a new built-in edit needs: a module with its class, its cases and, where it needs rows, a rule table.

    python -m tests.support.new_edit IVUS604 name-of-the-defect --severity warning
    python -m tests.support.new_edit IVUS604 name-of-the-defect --severity warning \
        --table edits/tables/name_of_table.csv --title TEXT --source TEXT --retrieved DAY --first-day DAY --last-day DAY

What only its author knows is marked `FILL IN`, and the tests fail while a mark is left.  Nothing is written where
something cannot be used: a code or name that is taken, a table without its columns.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import re
import sys
from bisect import bisect
from datetime import date
from pathlib import Path

from edits import EDITS
from scrubber import __version__
from tests.support.paths import ROOT

MARK = "FILL IN"
"""What the author replaces.  As a claim it is no shorthand, so a case that holds it cannot pass."""

_MODULE = '''"""{mark} what the edits of this module are about."""

from __future__ import annotations

from collections.abc import Iterator

from edits.ivus.codes import make_meta
from edits.ivus.editions import {editions}
from edits.ivus.facts import Facts
from scrubber import Context, Encounter, EncounterEdit, Finding, Severity

__all__ = ["{constant}"]


class {class_name}(EncounterEdit[Facts]):
    """{mark} what is wrong, in one sentence.

    Why: {mark} why the claim is denied, or what is lost.
    Fix: {mark} what to do.
    """

    meta = make_meta(
        "{code}",
        "{name}",
        "{mark} what it is called in headings",
        Severity.{severity},
        {source},
        fires="{mark}",
        passes="{mark}",
        since="{since}",
    )

    def check(self, encounter: Encounter, context: Context[Facts]) -> Iterator[Finding]:
        """Look for {mark}."""
        raise NotImplementedError


{constant} = ({class_name},)
'''

_CASES = (
    *((f"it fires, {number}", True) for number in (1, 2, 3)),
    *((f"a near miss, {number}", False) for number in (1, 2, 3)),
    ("the first day of the rule", True),
    ("the day before the rule", False),
)

_TABLE_FACTS = ("title", "source", "retrieved", "first_day", "last_day")


class ScaffoldError(Exception):
    """The edit cannot be written as it was asked for."""


def module_of(code: str, name: str, severity: str, table: Path | None) -> str:
    """Return the text of the module of the edit, which cites its table, or else a publication of its name."""
    cited = f'TABLES["{table.stem}"].citation' if table is not None else f'PUBLICATIONS["{_python_name(name)}"]'
    return _MODULE.format(
        mark=MARK,
        editions=cited.partition("[")[0],
        source=cited,
        code=code,
        name=name,
        since=".".join(__version__.split(".")[:2]),
        severity=severity.upper(),
        class_name=_class_name(name),
        constant=f"{_python_name(name).upper()}_EDITS",
    )


def cases_of() -> str:
    """Return the text of the file of cases: those that an edit must have, without their claims."""
    return "\n".join(
        f'[[case]]\nname = "{MARK}: {name}"\nclaim = """\n{MARK}\n"""\nfindings = {finding}\n'
        for name, fires in _CASES
        for finding in ['["PCN1:1 SV101-2"]' if fires else "[]"]
    )


def chain_with(chain: str, name: str) -> str:
    """Return the text of `edits/__init__.py` with the edit before IVUS109, which asks what the others found."""
    constant = f"{_python_name(name).upper()}_EDITS"
    lines = _insert(chain, "        PRIMARY_FAILS,\n", f"        *{constant},\n").splitlines(keepends=True)
    first = next(number for number, line in enumerate(lines) if line.startswith("from edits.ivus."))
    modules = [line for line in lines if line.startswith("from edits.ivus.")]
    new = f"from edits.ivus.{_python_name(name)} import {constant}\n"
    lines.insert(first + bisect([line.split()[1] for line in modules], new.split()[1]), new)
    return "".join(lines)


def manifest_with(manifest: str, table: Path, facts: dict[str, str]) -> str:
    """Return the text of the manifest with an entry for a table: `facts`, and the SHA-256 of the file as it is."""
    if f"[{table.stem}]" in manifest.splitlines():
        raise ScaffoldError(f"the manifest has a table {table.stem!r} already")
    days = {key: date.fromisoformat(facts[key]) for key in ("retrieved", "first_day", "last_day")}
    texts = {key: json.dumps(facts[key], ensure_ascii=False) for key in ("title", "source")}
    digest = hashlib.sha256(table.read_bytes()).hexdigest()
    entry = {**texts, **days, "file": f'"{table.name}"', "sha256": f'"{digest}"'}
    new = f"[{table.stem}]\n" + "".join(f"{key} = {value}\n" for key, value in entry.items()) + "\n"
    return manifest.replace("[publications.", f"{new}[publications.", 1)


def manifest_citing(manifest: str, name: str) -> str:
    """Return the text of the manifest with a publication that the edit cites."""
    facts = f'title = "{MARK} the publication and its edition"\neffective = "{MARK} its dates"\n'
    return f"{manifest}\n[publications.{_python_name(name)}]\n{facts}"


def tables_with(rows: str, facts: str, table: Path) -> tuple[str, str]:
    """Return the texts of `edits/ivus/rows.py` and `facts.py` with a row class for the table, its field and loading.

    Each column is text, and the first one is the key.
    """
    with table.open(encoding="utf-8", newline="") as file:
        columns = next(csv.reader(file), [])
    own = [column for column in columns if column not in ("effective", "deleted")]
    if len(columns) != len(own) + 2 or not own or not all(column.isidentifier() for column in own):
        raise ScaffoldError(f"{table.name} needs a header: columns of its own, then effective and deleted")
    row = f"{_class_name(table.stem)}Row"
    fields = "".join(f"    {column}: str\n" for column in own)
    rows = _with_name(rows, "__all__ = [\n", f'    "{row}",\n')
    rows += f'\n\n@frozen\nclass {row}(DatedRow):\n    """{MARK} what a row says."""\n\n{fields}'
    facts = _with_name(facts, "from edits.ivus.rows import (\n", f"    {row},\n")
    facts = _insert(facts, "    ivus_options: Table[", f"    {table.stem}: Table[{row}]\n")
    loading = f'load_table(FOLDER, TABLES["{table.stem}"], {row}, lambda row: row.{own[0]})'
    return rows, _insert(facts, "    )\n\n\ndef amount(", f"        {table.stem}={loading},\n")


def _with_name(text: str, head: str, name: str) -> str:
    """Insert a name in the sorted list, one a line, behind `head`."""
    before, _, behind = text.partition(head)
    names = behind[: re.search(r"^[\])]", behind, re.MULTILINE).start()].splitlines(keepends=True)  # type: ignore[union-attr]
    return before + head + "".join(sorted([*names, name])) + behind[sum(map(len, names)) :]


def scaffold(options: argparse.Namespace) -> list[Path]:
    """Write the files of the edit, and return them.  Raises ScaffoldError, with nothing written."""
    code, name = options.code, options.name
    if not re.fullmatch(r"IVUS\d{3}", code):
        raise ScaffoldError(f"{code!r} is not IVUS and three digits")
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)+", name):
        raise ScaffoldError(f"{name!r} is not two or more words of small letters and digits with hyphens between them")
    module = ROOT / "edits" / "ivus" / f"{_python_name(name)}.py"
    cases = ROOT / "fixtures" / "cases" / f"{code}.toml"
    for edit in EDITS.edits:
        if code == edit.meta.code or name == edit.meta.name:
            raise ScaffoldError(f"there is {edit.meta.code} ({edit.meta.name}) already")
    for path in (module, cases):
        if path.exists():
            raise ScaffoldError(f"{path.relative_to(ROOT)} exists already")
    chain = ROOT / "edits" / "__init__.py"
    texts = {
        module: module_of(code, name, options.severity, Path(options.table) if options.table is not None else None),
        chain: chain_with(chain.read_text(encoding="utf-8"), name),
        cases: cases_of(),
    }
    facts = {key: getattr(options, key) for key in _TABLE_FACTS}
    if options.table is not None:
        texts |= _texts_of_table(options.table, facts)
    elif any(facts.values()):
        raise ScaffoldError("what is said of a table needs --table")
    else:
        manifest = ROOT / "edits" / "tables" / "manifest.toml"
        texts[manifest] = manifest_citing(manifest.read_text(encoding="utf-8"), name)
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    return list(texts)


def _texts_of_table(name: str, facts: dict[str, str]) -> dict[Path, str]:
    """Return the files that know the rule tables, with another one."""
    table, folder = Path(name).resolve(), ROOT / "edits" / "tables"
    if table.parent != folder or not re.fullmatch(r"[a-z][a-z0-9_]*\.csv", table.name) or not table.is_file():
        raise ScaffoldError(f"{name} is not a file edits/tables/name_of_table.csv, its name in small letters")
    if missing := [f"--{key.replace('_', '-')}" for key in _TABLE_FACTS if not facts[key]]:
        raise ScaffoldError(f"a table needs {', '.join(missing)}")
    manifest = folder / "manifest.toml"
    classes, loader = (ROOT / "edits" / "ivus" / name for name in ("rows.py", "facts.py"))
    try:
        with_row, with_table = tables_with(
            classes.read_text(encoding="utf-8"), loader.read_text(encoding="utf-8"), table
        )
        listed = manifest_with(manifest.read_text(encoding="utf-8"), table, facts)
    except ValueError as error:  # a day that is none, or a table that is not UTF-8
        raise ScaffoldError(str(error)) from error
    return {manifest: listed, classes: with_row, loader: with_table}


def _insert(text: str, before: str, new: str) -> str:
    """Insert `new` in front of the one place where `before` is."""
    if text.count(before) != 1:
        raise ScaffoldError(f"the place to insert at is not there once: {before!r}")
    return text.replace(before, new + before)


def _python_name(name: str) -> str:
    return name.replace("-", "_")


def _class_name(name: str) -> str:
    return "".join(word.capitalize() for word in re.split("[-_]", name))


def main() -> int:
    """Write the edit, and print which files to fill in; exit code 2 where it cannot be written."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.support.new_edit", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("code", help="IVUS and three digits, the next free ones")
    parser.add_argument("name", help="what is wrong, as words with hyphens between them")
    parser.add_argument("--severity", required=True, choices=("error", "warning", "info"))
    parser.add_argument("--table", help="a CSV file in edits/tables with the rows of the edit")
    for name, what in (("title", "what it is called"), ("source", "where its rows come from")):
        parser.add_argument(f"--{name}", help=f"of the table: {what}")
    parser.add_argument("--retrieved", metavar="DAY", help="of the table: the day on which its source was read")
    for name in ("first", "last"):
        parser.add_argument(f"--{name}-day", metavar="DAY", help=f"of the table: the {name} day its source covers")
    try:
        written = scaffold(parser.parse_args())
    except ScaffoldError as error:
        parser.error(str(error))
    print("\n".join(f"{path.relative_to(ROOT)}" for path in written))
    print(f"Replace each {MARK!r}: `grep -rn '{MARK}' edits fixtures/cases`.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
