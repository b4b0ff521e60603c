"""Make the installed packs ready for each payer under the settings, and check the settings against them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scrubber.engine.policy import Policy
from scrubber.engine.stage import Stage, grouped
from scrubber.errors import PluginError
from scrubber.packs.edit import Edit, EncounterEdit
from scrubber.packs.pack import EditPack
from scrubber.tables.table import override_tables

__all__ = ["Compiler"]

_Override = tuple[str, Mapping[str, Mapping[str, Mapping[str, object]]]]


class Compiler:
    """Compiles packs into stages, once a payer and when it is asked for: rule tables are loaded with the first."""

    def __init__(self, policy: Policy, packs: Sequence[EditPack[Any]]) -> None:
        self.policy = policy
        self._packs = packs
        self._stages: dict[str, list[Stage]] = {}
        self._tables: dict[int, Any] = {}

    def stages_for(self, payer: str) -> list[Stage]:
        """Return the stages for claims to a payer, in the order of the packs.

        Raises ConfigError where the settings name a table, row, column or value that does not exist.
        """
        own = self.payer_named(payer)
        if own not in self._stages:
            overrides = self._split_overrides(own)
            self._stages[own] = [self._stage(pack, overrides[place], own) for place, pack in enumerate(self._packs)]
        return self._stages[own]

    def payer_named(self, payer: str) -> str:
        """Return the payer of the settings that has this identifier, "" where they name none."""
        config = self.policy.config
        return (config.payer_named(payer) or "") if config.payers else ""

    def check(self) -> None:
        """Make every payer's stages, so that a wrong setting is an error before the first claim is read.

        Raises ConfigError as `stages_for` does, and PluginError for an edit that cannot be made.
        """
        try:
            for payer in ("", *self.policy.config.payers):
                self.stages_for(payer)
        except TypeError as error:
            raise PluginError(f"an edit cannot be made: {error}") from error

    def _stage(self, pack: EditPack[Any], overrides: Sequence[_Override], payer: str) -> Stage:
        wanted = [rule() for rule in pack.edits if self.policy.runs(rule.meta)]
        tables = self._tables_of(pack)
        for origin, changes in overrides:
            tables = override_tables(tables, changes, origin)
        over_claims: list[Edit[Any]] = [edit for edit in wanted if isinstance(edit, Edit)]
        over_encounters: list[EncounterEdit[Any]] = [edit for edit in wanted if isinstance(edit, EncounterEdit)]
        return Stage(
            pack=pack,
            claim_edits=grouped(over_claims),
            void_edits=grouped(edit for edit in over_claims if edit.meta.voids),
            encounter_edits=grouped(over_encounters),
            rejecting_edits=grouped(edit for edit in over_encounters if self.policy.rejects(edit.meta, payer)),
            tables=tables,
        )

    def _tables_of(self, pack: EditPack[Any]) -> Any:
        if id(pack) not in self._tables:
            self._tables[id(pack)] = pack.tables()
        return self._tables[id(pack)]

    def _split_overrides(self, payer: str) -> list[list[_Override]]:
        """Return for each pack the configured table values that name a table of its own, the payer's last."""
        split: list[list[_Override]] = [[] for _ in self._packs]
        for origin, name, rows in self._overrides(payer):
            owners = [place for place, pack in enumerate(self._packs) if hasattr(self._tables_of(pack), name)]
            # `override_tables` words the error for a name that no pack knows.
            for place in owners or [0]:
                split[place].append((origin, {name: rows}))
        return split

    def _overrides(self, payer: str) -> Iterator[tuple[str, str, Mapping[str, Mapping[str, object]]]]:
        """Yield where a table's values are set, the name of the table, and the rows."""
        config = self.policy.config
        given = [("tables", config.tables)]
        if payer:
            given.append((f"payers.{payer}.tables", config.payers[payer].tables))
        return ((origin, name, rows) for origin, changes in given for name, rows in changes.items())
