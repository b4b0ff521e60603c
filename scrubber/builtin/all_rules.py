"""Every rule in the catalogue: those of the installed packs, and those of the engine."""

from __future__ import annotations

from collections.abc import Iterable

from scrubber.builtin.engine_rules import OWN_RULES
from scrubber.findings.rule import Rule
from scrubber.packs.registry import Plugin

__all__ = ["all_rules"]


def all_rules(plugins: Iterable[Plugin]) -> dict[str, tuple[type[Rule], Plugin | None]]:
    """Return every rule in the catalogue by code, with the plugin it comes from (None for the scrubber's own)."""
    found: dict[str, tuple[type[Rule], Plugin | None]] = {rule.meta.code: (rule, None) for rule in OWN_RULES}
    for plugin in plugins:
        found |= {rule.meta.code: (rule, plugin) for rule in plugin.chain.edits}
    return found
