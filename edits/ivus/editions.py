"""Where the facts of the edits come from: the rule tables and other publications, as the manifest describes them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scrubber import TableInfo, load_manifest, load_publications

__all__ = [
    "AOC",
    "CENTER",
    "CPT",
    "FEES",
    "FOLDER",
    "GUIDE",
    "MUE",
    "NCCI_MANUAL",
    "NCCI_MODIFIERS",
    "PFS",
    "PTP",
    "PUBLICATIONS",
    "SIDES_MEANT",
    "SOCIETY",
    "TABLES",
    "table_infos",
]

FOLDER = Path(__file__).parent.parent / "tables"
TABLES = load_manifest(FOLDER)
"""The rule tables by name."""
PUBLICATIONS = load_publications(FOLDER)
"""What is cited and no table, by name."""

AOC = TABLES["base_codes"].citation
FEES = TABLES["fees"].citation
MUE = TABLES["mue"].citation
NCCI_MODIFIERS = TABLES["ncci_modifiers"].citation
PFS = TABLES["modifiers"].citation
PTP = TABLES["ptp"].citation

CENTER = PUBLICATIONS["center"]
CPT = PUBLICATIONS["cpt"]
GUIDE = PUBLICATIONS["guide"]
NCCI_MANUAL = PUBLICATIONS["ncci_manual"]
SIDES_MEANT = PUBLICATIONS["sides_meant"]
SOCIETY = PUBLICATIONS["society"]


def table_infos() -> Sequence[TableInfo]:
    """Name the tables without loading them."""
    return tuple(TABLES.values())
