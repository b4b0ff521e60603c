"""The options of a pack of edits: what a pack declares, what the settings choose, where an edit asks for it.

A pack declares its options in its `EditPack` and keeps them beside its rule tables as one more table, so that a payer's
choice reaches the edits on the way that a payer's values take:

    OPTIONS = (Option("vessels", ("off", "check")),)                            EditPack(..., options=OPTIONS)
    acme_options: Table[OptionRow] = field(factory=lambda: option_table("ACME", OPTIONS))
    context.tables.acme_options.ever("vessels")[0].value == "check"
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from attrs import field, frozen

from scrubber.findings.values import Values
from scrubber.tables.table import DatedRow, Table, TableInfo

__all__ = ["Option", "OptionRow", "describe_value", "option_table", "options_as_tables"]


@frozen(eq=False, repr=False)
class Option(Values):
    """One option of a pack: its name in the settings and the values it takes, the default first.

    Values are texts, or True and False.
    """

    name: str
    values: tuple[str | bool, ...]

    def takes(self, value: object) -> bool:
        """Whether `value` is one of the values; 1 is not True."""
        return any(type(value) is type(known) and value == known for known in self.values)


def _check_value(row: OptionRow, _attribute: object, value: str) -> None:
    if value not in row.values:
        raise ValueError(f"option {row.option} must be {' or '.join(row.values)}")


@frozen(eq=False, repr=False)
class OptionRow(DatedRow):
    """An option and its value, "true" and "false" for True and False."""

    option: str
    value: str = field(validator=_check_value)
    values: tuple[str, ...] = ()


def _text(value: str | bool) -> str:  # noqa: FBT001 - a value, not a switch
    return str(value).lower() if isinstance(value, bool) else value


def describe_value(value: str | bool) -> str:  # noqa: FBT001
    """Write a value as TOML does."""
    return _text(value) if isinstance(value, bool) else f'"{value}"'


def _table_name(prefix: str) -> str:
    return f"{prefix.lower()}_options"


def option_table(prefix: str, options: Iterable[Option]) -> Table[OptionRow]:
    """Return the options of the pack `prefix` at their defaults, by name, as its table `<prefix>_options`.

    The table has no dates and no file: nobody published it.
    """
    name = _table_name(prefix)
    info = TableInfo(name, f"options of {prefix}", "settings", date.min, date.min, date.max, file="", sha256="")
    return Table(
        info,
        {
            option.name: (OptionRow(option.name, _text(option.values[0]), tuple(map(_text, option.values))),)
            for option in options
        },
    )


def options_as_tables(packs: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, dict[str, str]]]:
    """Return chosen options, by prefix and name, as changes to the tables of `option_table`."""
    return {
        _table_name(prefix): {name: {"value": _text(value)} for name, value in chosen.items()}
        for prefix, chosen in packs.items()
    }
