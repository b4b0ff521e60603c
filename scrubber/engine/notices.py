"""What the reader of a report must know of the run itself: settings by which less was looked for, tables that ended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date

from attrs import define, field

from scrubber.config import Config
from scrubber.findings.finding import Severity
from scrubber.findings.report import EndedTable, Notice
from scrubber.findings.rule import Rule

__all__ = ["EDITS_OFF", "TABLES_ENDED", "EndedTables", "notices_of_settings"]

EDITS_OFF = "edits-off"
"""The kind of a notice of settings that switch edits off, lower errors or suppress findings of a payer."""

TABLES_ENDED = "tables-ended"
"""The kind of a notice of rule tables that end before dates of service of the input."""


def notices_of_settings(config: Config, rules: Mapping[str, type[Rule]]) -> tuple[Notice, ...]:
    """Tell how many edits the settings switch off and where they come from; nothing where they switch nothing off."""
    off = [code for code, rule in rules.items() if not (rule.meta.mandatory or config.selects(code))]
    errors = {code for code, rule in rules.items() if rule.meta.severity is Severity.ERROR} - set(off)
    lowered = _below_error(config.severity, errors)
    for_payers = {code for payer in config.payers.values() for code in _below_error(payer.severity, errors)} - lowered
    ignores = [payer for payer, own in config.payers.items() for code in own.ignore if config.suppressed(payer, code)]
    unchecked = config.conformance == "none"
    if not (off or lowered or for_payers or ignores or unchecked):
        return ()
    settings = {
        "select": off,
        "ignore": off,
        "severity": lowered,
        "payers": for_payers or ignores,
        "conformance": unchecked,
    }
    told = [
        f"{len(off)} of {len(rules)} edits {'is' if len(off) == 1 else 'are'} switched off",
        f"{_counted(lowered, 'error is', 'errors are')} lowered to a warning or an info",
    ]
    if for_payers:
        told.append(f"{_counted(for_payers, 'error is', 'errors are')} lowered for some payers")
    if ignores:
        payers = _counted(set(ignores), "payer", "payers")
        told.append(f"{_counted(ignores, 'ignore suppresses', 'ignores suppress')} findings for {payers}")
    if unchecked:
        told.append("X12 syntax is not checked")
    where = " and ".join(_origins(config, (name for name, effect in settings.items() if effect)))
    return (Notice(EDITS_OFF, f"Settings of {where or 'the program that runs the edits'}: {', '.join(told)}."),)


def _below_error(severities: Mapping[str, Severity], errors: set[str]) -> set[str]:
    return {code for code, severity in severities.items() if code in errors and severity is not Severity.ERROR}


def _counted(things: Iterable[object], one: str, many: str) -> str:
    number = len(list(things))
    return f"{number} {one if number == 1 else many}"


def _origins(config: Config, settings: Iterable[str]) -> Iterator[str]:
    """Name where settings come from: a file by its path as it was given, without what a terminal would obey."""
    for origin in dict.fromkeys(config.origins[name] for name in settings if name in config.origins):
        yield "the command line" if origin == "command line" else "".join(filter(str.isprintable, origin))


@define(eq=False, repr=False)
class EndedTables:
    """Collects over the claims of an input the rule tables that end before dates of service they were used for."""

    _used: dict[tuple[str, date], tuple[date, date]] = field(factory=lambda: {}, init=False)

    def add(self, tables: Iterable[EndedTable]) -> None:
        """Take the tables of a claim."""
        for table in tables:
            key = (table.title, table.last_day)
            first, last = self._used.get(key, (table.first_used, table.last_used))
            self._used[key] = (min(first, table.first_used), max(last, table.last_used))

    @property
    def notices(self) -> tuple[Notice, ...]:
        """One notice of all of them, the first to end in front; none where no table has ended."""
        if not self._used:
            return ()
        by_dates: dict[tuple[date, date], list[str]] = {}
        for (title, last_day), dates in sorted(self._used.items(), key=lambda entry: (entry[0][1], entry[0][0])):
            by_dates.setdefault(dates, []).append(f"{title} (to {last_day})")
        told = "; ".join(
            f"{' and '.join(titles)} for {first}{'' if first == last else f' to {last}'}"
            for (first, last), titles in by_dates.items()
        )
        return (
            Notice(
                TABLES_ENDED,
                f"{_counted(self._used, 'rule table ends', 'rule tables end')} before dates of service of this input, "
                f"and the rows of the latest edition were used: {told}. "
                "Update the rule tables, or check these dates against the current editions.",
            ),
        )
