"""The plugins that are installed, by the `entry_points.txt` of the installed distributions.

`importlib.metadata` finds the same, but takes longer than all of `scrubber --version`: it imports `email`,
`zipfile` and `csv`.  It is asked only where something is installed in another way than in a folder of `sys.path`.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from functools import lru_cache, reduce
from importlib import import_module
from importlib.machinery import PathFinder
from typing import Any, NamedTuple

from scrubber.errors import PluginError

__all__ = ["EDITS_GROUP", "FORMATS_GROUP", "PluginEntry", "installed_entries", "unique_entries"]

EDITS_GROUP = "scrubber.edits"
FORMATS_GROUP = "scrubber.writers"

_UNKNOWN = "an unknown distribution"
_REFERENCE = re.compile(r"(?P<module>[\w.]+)\s*(:\s*(?P<attributes>[\w.]+)\s*)?(\[.*\]\s*)?")


class PluginEntry(NamedTuple):
    """An entry point, with the name and version of the distribution that offers it (version "" where it has none)."""

    name: str
    value: str
    distribution: str
    version: str

    @property
    def module(self) -> str:
        """The module that it names, "" where it names none."""
        match = _REFERENCE.fullmatch(self.value)
        return match["module"] if match is not None else ""

    def load(self) -> Any:
        """Import the module and return the object.  Raises ValueError, or whatever the module raises."""
        match = _REFERENCE.fullmatch(self.value)
        if match is None:
            raise ValueError(f"{self.value!r} is not MODULE:OBJECT")
        return reduce(getattr, filter(None, (match["attributes"] or "").split(".")), import_module(match["module"]))


class _UnusualError(Exception):
    """Something is installed in a way that only `importlib.metadata` knows."""


def installed_entries(group: str) -> list[PluginEntry]:
    """Return the entry points of one of our groups, in the order in which Python finds their distributions."""
    try:
        return list(_entries_in_folders(group))
    except _UnusualError:
        return list(_entries_of_importlib(group))


def unique_entries(group: str, what: str) -> list[PluginEntry]:
    """Return the entry points of a group by name.  Raises PluginError where two distributions offer one name."""
    by_name: dict[str, PluginEntry] = {}
    for entry in installed_entries(group):
        other = by_name.setdefault(entry.name, entry)
        if other.value != entry.value:
            names = " and ".join(sorted({other.distribution, entry.distribution}))
            raise PluginError(f"{what} plugin {entry.name!r} is offered twice, by {names}")
    return [by_name[name] for name in sorted(by_name)]


def _entries_in_folders(group: str) -> Iterator[PluginEntry]:
    # What else than Python itself can find distributions, only Python can ask.
    if any(finder is not PathFinder and hasattr(finder, "find_distributions") for finder in sys.meta_path):
        raise _UnusualError
    for info, text in _offers(tuple(sys.path)):
        if pairs := list(_pairs(text, group)):
            fields = _fields(_read(f"{info}/METADATA") or _read(f"{info}/PKG-INFO"))
            yield from (PluginEntry(name, value, fields["name"], fields["version"]) for name, value in pairs)


@lru_cache(maxsize=1)
def _offers(path: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return the folders of the distributions that have entry points for us, each with its `entry_points.txt`."""
    found: dict[str, str] = {}
    for folder in path:
        for info in _infos_in(folder):
            name = re.sub(r"[-_.]+", "_", info.rpartition(".")[0].partition("-")[0]).lower()
            found.setdefault(name, f"{folder or '.'}/{info}")  # what is found first hides others of its name
    texts = ((info, _read(f"{info}/entry_points.txt")) for info in found.values())
    return [(info, text) for info, text in texts if EDITS_GROUP in text or FORMATS_GROUP in text]


def _infos_in(folder: str) -> list[str]:
    """Return the names of what describes distributions in a folder, in the order of `importlib.metadata`."""
    if folder.lower().endswith(".egg"):
        raise _UnusualError
    try:
        names = os.listdir(folder or ".")  # noqa: PTH208 - pathlib takes several times as long
    except NotADirectoryError as error:  # a zip file
        raise _UnusualError from error
    except OSError:
        return []
    return [name for name in names if name.lower().endswith((".dist-info", ".egg-info"))]


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123
            return file.read()
    except OSError:
        return ""
    except ValueError as error:  # it is no text
        raise _UnusualError from error


def _pairs(text: str, group: str) -> Iterator[tuple[str, str]]:
    """Yield the names and values of a group."""
    section = ""
    for line in filter(None, map(str.strip, text.splitlines())):
        if line.startswith("[") and line.endswith("]"):
            section = line.strip("[]")
        elif section == group and not line.startswith("#"):
            name, equals, value = map(str.strip, line.partition("="))
            if not equals:
                raise _UnusualError
            yield name, value


def _fields(metadata: str) -> dict[str, str]:
    """Return the fields of the metadata of a distribution, the first of each name, by its name in small letters."""
    fields: dict[str, str] = {}
    for line in metadata.partition("\n\n")[0].splitlines():  # the description follows
        name, _, value = line.partition(":")
        fields.setdefault(name.lower(), value.strip())
    if not (fields.get("name") and fields.get("version")):
        raise _UnusualError
    return fields


def _entries_of_importlib(group: str) -> Iterator[PluginEntry]:
    from importlib.metadata import entry_points  # noqa: PLC0415 - start-up: see the head of this module

    for entry in entry_points(group=group):
        if entry.dist is None:
            yield PluginEntry(entry.name, entry.value, _UNKNOWN, "")
        else:
            yield PluginEntry(entry.name, entry.value, entry.dist.name, entry.dist.version)
