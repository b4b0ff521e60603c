"""The catalogue and its explanations, all from the metadata and docstrings of the rules."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import date
from difflib import get_close_matches
from textwrap import wrap
from typing import Any

from attrs import evolve, frozen

from scrubber.api import load_settings
from scrubber.builtin.all_rules import all_rules
from scrubber.config import Config
from scrubber.findings.rule import Example, Meta, Rule
from scrubber.packs.edit import Edit, EncounterEdit
from scrubber.packs.option import describe_value
from scrubber.packs.pack import Page
from scrubber.packs.registry import Plugin
from scrubber.tables.table import find_table, override_tables
from scrubber.testing import scrub_shorthand

__all__ = ["catalogue", "explain_page", "explain_rule", "find_page", "nearest_codes", "render_catalogue"]

_WIDTH = 100

_SHORTHAND = (
    "A service line a row: procedure-modifiers xUNITS; `claim` begins a claim, `on` is the date of service, "
    "`by` the rendering provider, `pos` the place of service, `dx` the diagnosis pointers, `desc` SV101-7."
)


def catalogue(plugins: Iterable[Plugin]) -> list[dict[str, Any]]:
    """List every rule by code: what it is called, what is wrong, since when it is there and whose it is."""
    found = all_rules(plugins)
    return [
        {
            "code": code,
            "name": rule.meta.name,
            "severity": rule.meta.severity.value,
            "title": rule.meta.title,
            "what": rule.documentation().what,
            "since": rule.meta.since,
            "stage": rule.meta.stage.value,
            "scope": _scope(rule),
            "plugin": plugin.distribution,
            "version": plugin.version,
        }
        for code, (rule, plugin) in sorted(found.items())
    ]


def _scope(rule: type[Rule]) -> str:
    if issubclass(rule, EncounterEdit):
        return "encounter"
    return "claim" if issubclass(rule, Edit) else "file"


def render_catalogue(plugins: Iterable[Plugin], form: str) -> str:
    """Write the catalogue as text, Markdown table or JSON."""
    entries = catalogue(plugins)
    if form == "json":
        return json.dumps(entries, indent=2) + "\n"
    if form == "markdown":
        rows = (f"| {entry['code']} | {entry['name']} | {entry['severity']} | {entry['what']} |\n" for entry in entries)
        return "| code | name | severity | what is wrong |\n|---|---|---|---|\n" + "".join(rows)
    width = max(len(entry["name"]) for entry in entries)
    return "".join(
        f"{entry['code']:8} {entry['severity']:8} {entry['name']:{width}}  {entry['what']}\n" for entry in entries
    )


def explain_rule(rule: type[Rule], plugin: Plugin, form: str, config: Config | None = None) -> str:
    """Explain one rule as text, Markdown or JSON, with what `config` changes about it."""
    meta, told = rule.meta, rule.documentation()
    settings = list(_rule_settings(meta, config or Config()))
    if form == "json":
        return json.dumps(_rule_object(rule, plugin) | {"settings": settings}, indent=2) + "\n"
    facts = [
        (
            "Severity",
            meta.severity.value + (" (cannot be changed: something was not judged)" if meta.mandatory else ""),
        ),
        (
            "Looks at",
            {"file": "the file", "claim": "each claim", "encounter": "each encounter"}[_scope(rule)],
        ),
        ("Runs only with", _setting(meta)),
        *(("Settings", text) for text in settings),
        ("Procedures", ", ".join(sorted(meta.procedures)) if meta.procedures else ""),
        ("Dates", _dates(meta.effective.first, meta.effective.last) if meta.effective else ""),
        ("Claim status (277CA)", ", ".join(str(status) for status in meta.statuses)),
        ("Expected denial", str(meta.adjustment) if meta.adjustment else ""),
        ("Sources", "; ".join(f"{source.title} ({source.effective})" for source in meta.sources)),
        ("Stage", f"{meta.stage}, since {meta.since}"),
        ("Plugin", f"{plugin.distribution} {plugin.version}"),
        ("Defined in", rule.__module__),
    ]
    examples = [_Shown.of(rule, example) for example in meta.examples]
    heading = f"{meta.code} {meta.name}: {meta.title}"
    if form == "markdown":
        return _rule_markdown(heading, (told.what, told.why, told.fix), facts, examples)
    lines = [heading, ""]
    for text in (told.what, f"Why: {told.why}", f"Fix: {told.fix}"):
        lines += [*wrap(text, _WIDTH), ""]
    lines += [line for label, value in facts if value for line in _paragraph(f"{label}: {value}")]
    if examples:
        lines += ["", *wrap(f"Examples. {_SHORTHAND}", _WIDTH)]
    for shown in examples:
        lines += ["", f"{shown.label}:", *(f"    {row}" for row in shown.rows)]
        lines += [row for text in shown.says for row in _paragraph(f"Says: {text}", indent="  ")]
    return "\n".join(lines) + "\n"


def _rule_settings(meta: Meta, config: Config) -> Iterator[str]:
    """Yield what settings change about a rule, each with its origin."""

    def of(name: str) -> str:
        return config.origins.get(name, "the program that runs the edits")

    if not (meta.mandatory or config.selects(meta.code)):
        origins = dict.fromkeys(of(name) for name in ("select", "ignore") if getattr(config, name))
        yield f"switched off, from {' and '.join(origins)}"
    if meta.code in config.severity:
        yield f"severity {config.severity[meta.code]}, from {of('severity')}"
    for payer, own in config.payers.items():
        if meta.code in own.severity:
            yield f"severity {own.severity[meta.code]} for payer {payer}, from {of('payers')}"
        if meta.code in own.ignore:
            ignore = own.ignore[meta.code]
            until = f" until {ignore.until}" if ignore.until is not None else ""
            yield f"suppressed for payer {payer}{until}, from {of('payers')}: {ignore.reason}"


@frozen
class _Shown:
    """An example: its claim in shorthand, a service line a row, and what the edit says about it."""

    label: str
    rows: tuple[str, ...]
    says: tuple[str, ...]

    @classmethod
    def of(cls, rule: type[Rule], example: Example) -> _Shown:
        settings = load_settings(discover=False, packs=rule.meta.packs)
        found = [finding for claim in scrub_shorthand(example.claim, settings) for finding in claim.findings]
        says = (
            (f"line {finding.line}: " if finding.line else "") + f"{finding.message} {finding.fix}"
            for finding in found
            if finding.code == rule.meta.code
        )
        label = "Fires on" if example.fires else "Does not fire on"
        return cls(label, tuple(example.claim.strip().splitlines()), tuple(says))


def _setting(meta: Meta) -> str:
    """Write the option without which a rule finds nothing as a line of settings, "" where there is none."""
    if meta.option is None:
        return ""
    name, value = meta.option
    return f"packs.{meta.prefix}.{name} = {describe_value(value)} in the settings"


def _dates(first: date, last: date) -> str:
    return f"from {first}" + ("" if last == date.max else f" to {last}")


def _rule_markdown(title: str, told: tuple[str, str, str], facts: list[tuple[str, str]], examples: list[_Shown]) -> str:
    what, why, fix = told
    parts = [f"# {title}", what, f"**Why:** {why}", f"**Fix:** {fix}"]
    parts.append("\n".join(f"- {label}: {value}" for label, value in facts if value))
    if examples:
        parts += ["## Examples", _SHORTHAND]
    for shown in examples:
        rows = "\n".join(shown.rows)
        parts += [f"{shown.label}:\n\n```text\n{rows}\n```", *(f"> {text}" for text in shown.says)]
    return "\n\n".join(parts) + "\n"


def _rule_object(rule: type[Rule], plugin: Plugin) -> dict[str, Any]:
    meta, told = rule.meta, rule.documentation()
    return {
        "code": meta.code,
        "name": meta.name,
        "title": meta.title,
        "since": meta.since,
        "stage": meta.stage.value,
        "severity": meta.severity.value,
        "mandatory": meta.mandatory,
        "option": dict([meta.option]) if meta.option else None,
        "scope": _scope(rule),
        "what": told.what,
        "why": told.why,
        "fix": told.fix,
        "procedures": sorted(meta.procedures) if meta.procedures is not None else None,
        "effective": None
        if meta.effective is None
        else {
            "first": meta.effective.first.isoformat(),
            "last": None if meta.effective.last == date.max else meta.effective.last.isoformat(),
        },
        "statuses": [str(status) for status in meta.statuses],
        "adjustment": str(meta.adjustment) if meta.adjustment else None,
        "sources": [{"title": source.title, "effective": source.effective} for source in meta.sources],
        "examples": [
            {"claim": example.claim, "fires": example.fires, "says": list(_Shown.of(rule, example).says)}
            for example in meta.examples
        ],
        "plugin": plugin.distribution,
    }


def find_page(code: str, day: date, plugins: Iterable[Plugin], config: Config | None = None) -> Page | None:
    """Ask the plugins to explain a code on a date of service; the first that knows it answers.

    The values that `config` changes for the code, each with its origin, and the edits that are about the code follow.
    A value changed for all payers is the one that is explained.  Raises ConfigError for a setting that fits no table.
    """
    plugins = tuple(plugins)
    settings = config or Config()
    for plugin in plugins:
        pack = plugin.pack
        if pack.describe is None:
            continue
        tables = pack.tables()
        changed = {name: rows for name, rows in settings.tables.items() if hasattr(tables, name)}
        page = pack.describe(code, day, override_tables(tables, changed, "tables"))
        if page is not None:
            more = [
                ("Settings", tuple(_changed_values(code, tables, settings))),
                ("Edits", _edits_about(code, plugin)),
                ("Edits that forecast this denial", _edits_that_forecast(code, plugins)),
            ]
            return evolve(page, sections=(*page.sections, *(section for section in more if section[1])))
    return None


def _edits_about(code: str, plugin: Plugin) -> tuple[str, ...]:
    rules = (rule.meta for rule in plugin.pack.edits if code in (rule.meta.procedures or ()))
    return tuple(f"{meta.code} {meta.name} ({meta.severity})" for meta in sorted(rules, key=_code))


def _edits_that_forecast(code: str, plugins: Iterable[Plugin]) -> tuple[str, ...]:
    """Name the edits whose usual denial has a CARC, with its group or without, or a RARC."""
    wanted = code.removeprefix("CARC").removeprefix("RARC").strip(" -")
    rules = [rule.meta for rule, _ in all_rules(plugins).values()]
    return tuple(
        f"{meta.code} {meta.name} ({meta.adjustment})"
        for meta in sorted(rules, key=_code)
        if (denial := meta.adjustment) is not None
        and wanted in {denial.carc, f"{denial.group}-{denial.carc}", f"{denial.group}{denial.carc}", denial.rarc}
    )


def _changed_values(code: str, tables: Any, config: Config) -> Iterator[str]:
    """Yield the values of rows about a code that settings change: for all payers, then payer by payer."""
    changes = [
        ("tables", config.tables),
        *((f"payers.{name}.tables", own.tables) for name, own in config.payers.items()),
    ]
    for place, by_table in changes:
        for name, rows in by_table.items():
            table = find_table(tables, name)
            if table is None:
                continue
            for column, value in rows.get(code, {}).items():
                known = dict.fromkeys(str(getattr(row, column)) for row in table.ever(code) if hasattr(row, column))
                origin = config.origins.get(place.partition(".")[0], "the program that runs the edits")
                yield f"{place}.{name}.{code}.{column} = {value} instead of {' or '.join(known)}, from {origin}"


def nearest_codes(code: str, plugins: Iterable[Plugin]) -> list[str]:
    """Return the codes of edits and tables that are most like an unknown one, the nearest first."""
    plugins = tuple(plugins)
    known = {*all_rules(plugins)}
    for plugin in plugins:
        if plugin.pack.codes is not None:
            known |= {*plugin.pack.codes(plugin.pack.tables())}
    return get_close_matches(code, sorted(known), n=4, cutoff=0.6)


def _code(meta: Meta) -> str:
    return meta.code


def explain_page(page: Page, form: str) -> str:
    """Write the explanation of a code as text, Markdown or JSON."""
    if form == "json":
        sections = [{"heading": heading, "lines": list(lines)} for heading, lines in page.sections]
        return json.dumps({"title": page.title, "sections": sections}, indent=2) + "\n"
    if form == "markdown":
        parts = [f"# {page.title}"]
        parts += [f"## {heading}\n\n" + "\n".join(f"- {line}" for line in lines) for heading, lines in page.sections]
        return "\n\n".join(parts) + "\n"
    rows = [page.title]
    for heading, lines in page.sections:
        rows += ["", heading, *(row for line in lines for row in _paragraph(line, indent="  "))]
    return "\n".join(rows) + "\n"


def _paragraph(text: str, indent: str = "") -> list[str]:
    return wrap(text, _WIDTH, initial_indent=indent, subsequent_indent=indent or "  ")
