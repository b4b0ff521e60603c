"""What a pack of edits holds, in short, as `scrubber --version` shows it.

A pack may have it written in a file beside its module (`edits/__init__.summary`), so that its edits need not be
imported.  The packs of this distribution have; `pytest --update-expected` writes the files.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from scrubber.packs.installed import EDITS_GROUP, PluginEntry, unique_entries

if TYPE_CHECKING:
    from scrubber.packs.registry import Plugin

__all__ = ["PackSummary", "summarize", "summary_file", "written_summaries"]


class PackSummary(NamedTuple):
    """A pack as `--version` shows it: how many edits, of which distribution, and a line for each table."""

    prefix: str
    distribution: str
    version: str
    edits: int
    tables: tuple[str, ...]

    def as_written(self) -> str:
        """Return the content of the file beside the module of the pack: the number of edits, then the tables."""
        return "".join(f"{line}\n" for line in (self.edits, *self.tables))


def summarize(plugin: Plugin) -> PackSummary:
    """Return the summary of a pack that is loaded."""
    infos = plugin.pack.table_infos()
    tables = tuple(f"{info.name}: {info.first_day} to {info.last_day}, {info.title}" for info in infos)
    return PackSummary(plugin.prefix, plugin.distribution, plugin.version, len(plugin.pack.edits), tables)


def written_summaries() -> list[PackSummary] | None:
    """Return the summaries of the installed packs, by prefix; None where one of them has none written.

    Raises PluginError where two distributions claim a prefix.
    """
    found = [_written_summary(entry) for entry in unique_entries(EDITS_GROUP, "edits")]
    known = [summary for summary in found if summary is not None]
    return known if len(known) == len(found) else None


def _written_summary(entry: PluginEntry) -> PackSummary | None:
    try:
        path = summary_file(entry.module)
        lines = path.read_text(encoding="utf-8").splitlines() if path is not None else []
        return PackSummary(entry.name, entry.distribution, entry.version, int(lines[0]), tuple(lines[1:]))
    except (ImportError, OSError, ValueError, IndexError):  # which importing the pack will explain, if it is an error
        return None


def summary_file(module: str) -> Path | None:
    """Return where the summary of the pack of a module is written; None for what is no file."""
    spec = find_spec(module)
    return Path(spec.origin).with_suffix(".summary") if spec is not None and spec.origin is not None else None
