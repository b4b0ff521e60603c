"""Find the reasons an 837P claim will be denied, before it is sent.

Names are imported on first use, so that `import scrubber` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from scrubber.version import __version__

if TYPE_CHECKING:
    from scrubber.api import (
        Scrubber,
        ScrubOutcome,
        Settings,
        check_claim,
        check_claims,
        iter_claims,
        load_settings,
        scrub,
    )
    from scrubber.claims.adapters import claim_from_mapping, claims_from_databricks, claims_from_pyx12
    from scrubber.claims.columns import ClaimRow, EncounterColumns, LineNotes
    from scrubber.claims.encounter import Encounter, SameDays
    from scrubber.claims.model import Claim, Diagnosis, Note, Payer, Person, Provider, ServiceLine
    from scrubber.config import Config
    from scrubber.errors import AdapterError, ConfigError, PluginError, ScrubberError, UnreadableError
    from scrubber.findings.code_form import CodeForm
    from scrubber.findings.dates import DateRange
    from scrubber.findings.finding import Adjustment, Finding, Location, Related, Severity, Source, Status
    from scrubber.findings.report import ClaimReport, EndedTable, FileReport, Observation, Report
    from scrubber.findings.rule import Example, Meta, RuleStage, statuses
    from scrubber.outputs.reports.base import ReportWriter, Tool
    from scrubber.packs.edit import Context, Edit, EncounterEdit, never_on_rows
    from scrubber.packs.option import Option, OptionRow, option_table
    from scrubber.packs.pack import EditPack, Page
    from scrubber.tables.table import DatedRow, Table, TableInfo, load_manifest, load_publications, load_table

__all__ = [
    "AdapterError",
    "Adjustment",
    "Claim",
    "ClaimReport",
    "ClaimRow",
    "CodeForm",
    "Config",
    "ConfigError",
    "Context",
    "DateRange",
    "DatedRow",
    "Diagnosis",
    "Edit",
    "EditPack",
    "Encounter",
    "EncounterColumns",
    "EncounterEdit",
    "EndedTable",
    "Example",
    "FileReport",
    "Finding",
    "LineNotes",
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
    "Related",
    "Report",
    "ReportWriter",
    "RuleStage",
    "SameDays",
    "ScrubOutcome",
    "Scrubber",
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
    "__version__",
    "check_claim",
    "check_claims",
    "claim_from_mapping",
    "claims_from_databricks",
    "claims_from_pyx12",
    "iter_claims",
    "load_manifest",
    "load_publications",
    "load_settings",
    "load_table",
    "never_on_rows",
    "option_table",
    "scrub",
    "statuses",
]

_HOMES = {
    "scrubber.api": (
        "ScrubOutcome",
        "Scrubber",
        "Settings",
        "check_claim",
        "check_claims",
        "iter_claims",
        "load_settings",
        "scrub",
    ),
    "scrubber.claims.adapters": (
        "claim_from_mapping",
        "claims_from_databricks",
        "claims_from_pyx12",
    ),
    "scrubber.claims.columns": (
        "ClaimRow",
        "EncounterColumns",
        "LineNotes",
    ),
    "scrubber.claims.encounter": (
        "Encounter",
        "SameDays",
    ),
    "scrubber.claims.model": (
        "Claim",
        "Diagnosis",
        "Note",
        "Payer",
        "Person",
        "Provider",
        "ServiceLine",
    ),
    "scrubber.config": ("Config",),
    "scrubber.errors": (
        "AdapterError",
        "ConfigError",
        "PluginError",
        "ScrubberError",
        "UnreadableError",
    ),
    "scrubber.findings.code_form": ("CodeForm",),
    "scrubber.findings.dates": ("DateRange",),
    "scrubber.findings.finding": (
        "Adjustment",
        "Finding",
        "Location",
        "Related",
        "Severity",
        "Source",
        "Status",
    ),
    "scrubber.findings.report": (
        "ClaimReport",
        "EndedTable",
        "FileReport",
        "Observation",
        "Report",
    ),
    "scrubber.findings.rule": (
        "Example",
        "Meta",
        "RuleStage",
        "statuses",
    ),
    "scrubber.outputs.reports.base": (
        "ReportWriter",
        "Tool",
    ),
    "scrubber.packs.edit": (
        "Context",
        "Edit",
        "EncounterEdit",
        "never_on_rows",
    ),
    "scrubber.packs.option": (
        "Option",
        "OptionRow",
        "option_table",
    ),
    "scrubber.packs.pack": (
        "EditPack",
        "Page",
    ),
    "scrubber.tables.table": (
        "DatedRow",
        "Table",
        "TableInfo",
        "load_manifest",
        "load_publications",
        "load_table",
    ),
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
