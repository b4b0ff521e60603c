"""Every rule in the catalogue: those of the installed packs, and those of the engine."""

from __future__ import annotations

from collections.abc import Iterable

from scrubber.builtin.engine_rules import OWN_RULES
from scrubber.findings.rule import Rule
from scrubber.packs.pack import EditPack
from scrubber.packs.registry import Plugin
from scrubber.version import DISTRIBUTION, __version__

__all__ = ["OWN", "all_rules"]


OWN = Plugin("SCR", DISTRIBUTION, __version__, EditPack(edits=OWN_RULES))
"""The rules of the engine as a pack.  Nobody installs it: what could not be judged is said whatever is installed."""


def all_rules(plugins: Iterable[Plugin]) -> dict[str, tuple[type[Rule], Plugin]]:
    """Return every rule in the catalogue by code, with the plugin it comes from."""
    return {rule.meta.code: (rule, plugin) for plugin in (OWN, *plugins) for rule in plugin.pack.edits}
