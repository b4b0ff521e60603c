"""Find the reasons an 837P claim will be denied, before it is sent.

Names are imported on first use, so that `import scrubber` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scrubber.adapters import claim_from_mapping, claims_from_databricks, claims_from_pyx12
    from scrubber.api import Settings, check_claim, check_claims, iter_claims, load_settings, scrub
    from scrubber.config import Config
    from scrubber.disclosure import CodeForm
    from scrubber.edit import Chain, Context, Edit, EncounterEdit, Example, Meta, Page, statuses
    from scrubber.encounter import Encounter, SameDays
    from scrubber.errors import AdapterError, ConfigError, PluginError, ScrubberError, UnreadableError
    from scrubber.findings import (
        Adjustment,
        ClaimReport,
        EndedTable,
        FileReport,
        Finding,
        Location,
        Observation,
        Report,
        Severity,
        Source,
        Status,
    )
    from scrubber.model import Claim, DateRange, Diagnosis, Note, Payer, Person, Provider, ServiceLine
    from scrubber.pack_options import Option, OptionRow, option_table
    from scrubber.tables import DatedRow, Table, TableInfo, load_manifest, load_table
    from scrubber.writers.base import Tool, Writer

__version__ = "0.1.0"

__all__ = [
    "AdapterError",
    "Adjustment",
    "Chain",
    "Claim",
    "ClaimReport",
    "CodeForm",
    "Config",
    "ConfigError",
    "Context",
    "DateRange",
    "DatedRow",
    "Diagnosis",
    "Edit",
    "Encounter",
    "EncounterEdit",
    "EndedTable",
    "Example",
    "FileReport",
    "Finding",
    "Location",
    "Meta",
    "Note",
    "Observation",
    "Option",
    "OptionRow",
    "Page",
    "Payer",
    "Person",
    "PluginError",
    "Provider",
    "Report",
    "SameDays",
    "ScrubberError",
    "ServiceLine",
    "Settings",
    "Severity",
    "Source",
    "Status",
    "Table",
    "TableInfo",
    "Tool",
    "UnreadableError",
    "Writer",
    "__version__",
    "check_claim",
    "check_claims",
    "claim_from_mapping",
    "claims_from_databricks",
    "claims_from_pyx12",
    "iter_claims",
    "load_manifest",
    "load_settings",
    "load_table",
    "option_table",
    "scrub",
    "statuses",
]

_HOMES = {
    "scrubber.adapters": ("claim_from_mapping", "claims_from_databricks", "claims_from_pyx12"),
    "scrubber.api": ("Settings", "check_claim", "check_claims", "iter_claims", "load_settings", "scrub"),
    "scrubber.config": ("Config",),
    "scrubber.disclosure": ("CodeForm",),
    "scrubber.edit": ("Chain", "Context", "Edit", "EncounterEdit", "Example", "Meta", "Page", "statuses"),
    "scrubber.encounter": ("Encounter", "SameDays"),
    "scrubber.errors": ("AdapterError", "ConfigError", "PluginError", "ScrubberError", "UnreadableError"),
    "scrubber.findings": (
        "Adjustment",
        "ClaimReport",
        "EndedTable",
        "FileReport",
        "Finding",
        "Location",
        "Observation",
        "Report",
        "Severity",
        "Source",
        "Status",
    ),
    "scrubber.model": (
        "Claim",
        "DateRange",
        "Diagnosis",
        "Note",
        "Payer",
        "Person",
        "Provider",
        "ServiceLine",
    ),
    "scrubber.pack_options": ("Option", "OptionRow", "option_table"),
    "scrubber.tables": ("DatedRow", "Table", "TableInfo", "load_manifest", "load_table"),
    "scrubber.writers.base": ("Tool", "Writer"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'scrubber' has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
