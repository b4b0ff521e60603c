"""Find installed edits and writers.  Any failure stops the run: a plugin that is missing is a claim not judged."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from attrs import frozen

from scrubber.errors import PluginError
from scrubber.findings.rule import FileEdit, Rule
from scrubber.packs.edit import Edit, EncounterEdit
from scrubber.packs.pack import Chain

__all__ = ["EDITS_GROUP", "WRITERS_GROUP", "Plugin", "load_plugins", "load_writer", "writer_names"]

EDITS_GROUP = "scrubber.edits"
WRITERS_GROUP = "scrubber.writers"


@frozen
class Plugin:
    """One installed chain of edits: the prefix it owns, the distribution it comes from, and the chain."""

    prefix: str
    distribution: str
    version: str
    chain: Chain[Any]


@cache
def load_plugins() -> tuple[Plugin, ...]:
    """Load all chains of edits, sorted by prefix.

    Raises PluginError when two distributions claim a prefix, a plugin cannot be imported, an edit lacks the contract,
    or a code lies outside the prefix.
    """
    return tuple(_load(entry) for entry in _unique(entry_points(group=EDITS_GROUP), "edits"))


@cache
def load_writer(name: str) -> Any:
    """Load the writer class of that format name.  Raises PluginError when there is none or it cannot be imported."""
    for entry in _unique(entry_points(group=WRITERS_GROUP), "writer"):
        if entry.name == name:
            return _import(entry)
    raise PluginError(f"no writer is installed for format {name!r}")


def writer_names() -> tuple[str, ...]:
    """Return the names of the installed output formats, sorted."""
    return tuple(sorted({entry.name for entry in entry_points(group=WRITERS_GROUP)}))


def _unique(found: Iterable[EntryPoint], what: str) -> list[EntryPoint]:
    by_name: dict[str, EntryPoint] = {}
    for entry in found:
        other = by_name.setdefault(entry.name, entry)
        if other.value != entry.value:
            names = " and ".join(sorted({_distribution(other), _distribution(entry)}))
            raise PluginError(f"{what} plugin {entry.name!r} is offered twice, by {names}")
    return [by_name[name] for name in sorted(by_name)]


def _distribution(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else "an unknown distribution"


def _import(entry: EntryPoint) -> Any:
    try:
        return entry.load()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        # A third party's import can fail in any way; all of them mean the same to the user.
        raise PluginError(
            f"plugin {entry.name!r} of {_distribution(entry)} cannot be loaded: {type(error).__name__}: {error}"
        ) from error


def _load(entry: EntryPoint) -> Plugin:
    chain = _import(entry)
    distribution = _distribution(entry)
    if not isinstance(chain, Chain):
        raise PluginError(f"plugin {entry.name!r} of {distribution}: {entry.value} is not a scrubber.Chain")
    seen: set[str] = set()
    for rule in chain.edits:
        _check_rule(rule, entry.name, distribution)
        if rule.meta.code in seen:
            raise PluginError(f"plugin {entry.name!r} of {distribution} has two edits with code {rule.meta.code}")
        seen.add(rule.meta.code)
    return Plugin(entry.name, distribution, entry.dist.version if entry.dist is not None else "", chain)


def _check_rule(rule: type[Rule], prefix: str, distribution: str) -> None:
    origin = f"plugin {prefix!r} of {distribution}"
    if not (isinstance(rule, type) and issubclass(rule, (Edit, EncounterEdit, FileEdit))):
        raise PluginError(f"{origin}: {rule!r} is not an Edit or EncounterEdit")
    code = rule.meta.code
    if not (code.startswith(prefix) and code[len(prefix) :].isdigit()):
        raise PluginError(f"{origin}: code {code} does not begin with its prefix {prefix}")
    if not rule.__doc__:
        raise PluginError(f"{origin}: {code} has no docstring to explain it")
