"""The formats of reports: the writers that are installed under the entry point group `scrubber.writers`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import BinaryIO, TextIO

from attrs import frozen

from scrubber.errors import PluginError
from scrubber.findings.report import Detail
from scrubber.findings.values import Values
from scrubber.outputs.reports.base import ReportWriter, Tool
from scrubber.packs.installed import FORMATS_GROUP, installed_entries, unique_entries
from scrubber.packs.registry import import_plugin

__all__ = ["ReportFormat", "format_names", "load_format", "most_detail"]


@frozen(eq=False, repr=False)
class ReportFormat(Values):
    """A format and what makes its writers: `binary` and `detail` are those of `ReportWriter`."""

    name: str
    binary: bool
    detail: Detail
    _make: Callable[..., ReportWriter]

    def writer(self, out: TextIO | BinaryIO, tool: Tool, *, color: bool = False) -> ReportWriter:
        """Begin a report that is written to `out`, a binary stream if the format is `binary`, else a text stream."""
        return self._make(out, tool, color=color)


@cache
def load_format(name: str) -> ReportFormat:
    """Load the format of that name.

    Raises PluginError when there is none, or its writer cannot be imported or lacks a method of `ReportWriter`.
    """
    for entry in unique_entries(FORMATS_GROUP, "writer"):
        if entry.name == name:
            kind = import_plugin(entry)
            origin = f"writer plugin {name!r} of {entry.distribution}"
            if not (isinstance(kind, type) and issubclass(kind, ReportWriter)):
                raise PluginError(f"{origin}: {entry.value} is not a subclass of scrubber.ReportWriter")
            if missing := sorted(kind.__abstractmethods__):
                raise PluginError(f"{origin} lacks the method {' and '.join(missing)}")
            return ReportFormat(name, kind.binary, kind.detail, kind)
    raise PluginError(f"no writer is installed for format {name!r}")


def format_names() -> tuple[str, ...]:
    """Return the names of the installed formats, sorted."""
    return tuple(sorted({entry.name for entry in installed_entries(FORMATS_GROUP)}))


def most_detail(formats: Iterable[ReportFormat]) -> Detail:
    """Return how much of the claims all of the formats together need."""
    return max((each.detail for each in formats), default=Detail.NONE)
