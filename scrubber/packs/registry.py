"""Find the installed packs of edits.  Any failure stops the run: a pack that is missing is a claim not judged."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeGuard

from attrs import Attribute, frozen

from scrubber.errors import PluginError
from scrubber.findings.rule import FileEdit, Meta, Rule
from scrubber.findings.values import Values
from scrubber.packs.edit import Edit, EncounterEdit
from scrubber.packs.installed import EDITS_GROUP, PluginEntry, unique_entries
from scrubber.packs.option import Option, describe_value
from scrubber.packs.pack import EditPack

__all__ = ["Plugin", "import_plugin", "load_plugins"]


@frozen(eq=False, repr=False)
class Plugin(Values):
    """One installed pack of edits: the prefix it owns, the distribution it comes from, and the pack."""

    prefix: str
    distribution: str
    version: str
    pack: EditPack[Any]


@cache
def load_plugins() -> tuple[Plugin, ...]:
    """Load all packs of edits, sorted by prefix.

    Raises PluginError when two distributions claim a prefix, a plugin cannot be imported, an edit lacks the contract,
    or a code lies outside the prefix.
    """
    return tuple(_load(entry) for entry in unique_entries(EDITS_GROUP, "edits"))


def import_plugin(entry: PluginEntry) -> Any:
    """Import what a plugin offers.  Raises PluginError, whatever its module raises."""
    try:
        return entry.load()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        # A third party's import can fail in any way; all of them mean the same to the user.
        raise PluginError(
            f"plugin {entry.name!r} of {entry.distribution} cannot be loaded: {type(error).__name__}: "
            f"{_reason(error)}{_other_module(entry)}"
        ) from error


def _reason(error: BaseException) -> str:
    """Return the message of an error, without the objects that attrs adds to it."""
    is_of_attrs = any(isinstance(what, Attribute) for what in error.args)
    return str(error.args[0] if is_of_attrs else error)


def _other_module(entry: PluginEntry) -> str:
    """Return what to do where a file of the current folder hides the module of a plugin; "" where none does."""
    name = entry.module.partition(".")[0]
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):
        spec = None
    if spec is None or spec.origin is None or not Path(spec.origin).resolve().is_relative_to(Path.cwd()):
        return ""
    return f" ({spec.origin} hides the installed module {name!r}: rename it, or run in another folder)"


def _is_pack(found: object) -> TypeGuard[EditPack[Any]]:
    return isinstance(found, EditPack)


def _load(entry: PluginEntry) -> Plugin:
    pack = import_plugin(entry)
    distribution = entry.distribution
    if not _is_pack(pack):
        raise PluginError(f"plugin {entry.name!r} of {distribution}: {entry.value} is not a scrubber.EditPack")
    _check_pack(pack, f"plugin {entry.name!r} of {distribution}")
    seen: set[str] = set()
    for rule in pack.edits:
        _check_rule(rule, entry.name, distribution)
        _check_option(rule.meta, pack.options, f"plugin {entry.name!r} of {distribution}")
        if rule.meta.code in seen:
            raise PluginError(f"plugin {entry.name!r} of {distribution} has two edits with code {rule.meta.code}")
        seen.add(rule.meta.code)
    return Plugin(entry.name, distribution, entry.version, pack)


_NEEDED, _OFFERED = (
    ("tables", "table_infos"),
    ("price", "describe", "facts_on", "facts_of", "observe", "codes", "ended"),
)
"""What is called of a pack: always, and where the pack has it."""


def _check_pack(pack: EditPack[Any], origin: str) -> None:
    for name in (*_NEEDED, *_OFFERED):
        called = getattr(pack, name)
        if not callable(called) and (name in _NEEDED or called is not None):
            raise PluginError(f"{origin}: {name} of the pack cannot be called")
    if not _are_options(pack.options):
        raise PluginError(f"{origin}: an option of the pack is not a scrubber.Option")


def _are_options(options: Iterable[object]) -> bool:
    return all(isinstance(option, Option) for option in options)


def _check_option(meta: Meta, options: Iterable[Option], origin: str) -> None:
    """Raise PluginError where the pack does not declare the option without which the rule finds nothing."""
    if meta.option is None:
        return
    name, value = meta.option
    if not any(option.name == name and option.takes(value) for option in options):
        wanted = f"{name} = {describe_value(value)}"
        raise PluginError(f"{origin}: {meta.code} needs the option {wanted}, which the pack does not declare")


_RULE_KINDS = frozenset([Edit, EncounterEdit, FileEdit])


def _is_rule(rule: object) -> TypeGuard[type[Rule]]:
    # `issubclass` of an abstract class asks all classes that derive from it, for each rule that does not.
    return isinstance(rule, type) and not _RULE_KINDS.isdisjoint(rule.__mro__)


def _is_checked(rule: type[Rule]) -> bool:
    return issubclass(rule, (Edit, EncounterEdit))


def _called_of(rule: type[Rule]) -> tuple[str, ...]:
    """Return the methods of a rule that are called."""
    if issubclass(rule, EncounterEdit):
        return ("check", "screen", "screen_claim")
    return ("check", "screen") if _is_checked(rule) else ()


def _check_rule(rule: object, prefix: str, distribution: str) -> None:
    origin = f"plugin {prefix!r} of {distribution}"
    if not _is_rule(rule):
        raise PluginError(f"{origin}: {rule!r} is not an Edit or EncounterEdit")
    meta = getattr(rule, "meta", None)
    if not isinstance(meta, Meta):
        raise PluginError(f"{origin}: {rule.__name__} has no meta, or one that is not a scrubber.Meta")
    if not (meta.code.startswith(prefix) and meta.code[len(prefix) :].isdigit()):
        raise PluginError(f"{origin}: code {meta.code} does not begin with its prefix {prefix}")
    for name in _called_of(rule):
        if not callable(getattr(rule, name, None)):
            raise PluginError(f"{origin}: {name} of {meta.code} is not a method")
    if missing := sorted(getattr(rule, "__abstractmethods__", ())):
        raise PluginError(f"{origin}: {meta.code} lacks the method {' and '.join(missing)}")
    try:
        rule.documentation()
    except ValueError as error:
        raise PluginError(f"{origin}: {meta.code}: {error}") from error
