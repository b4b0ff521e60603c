"""One input with screens and without them, in this process: what comes out has to be the same byte for byte."""

from __future__ import annotations

import io
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from attrs import frozen

from scrubber.api import load_settings, make_engine
from scrubber.config import read_values
from scrubber.engine.judge import Engine
from scrubber.errors import ScrubberError, UnreadableError
from scrubber.findings.report import AcceptedRun, Detail
from scrubber.io.publication import Publication
from scrubber.io.source import open_source
from scrubber.outputs.output_set import AckSettings, OutputSettings, Targets
from scrubber.outputs.reports.base import Tool, describe_tool
from scrubber.outputs.reports.json import JsonWriter
from scrubber.outputs.x12.base import JudgedClaim, JudgedRun
from scrubber.packs.registry import load_plugins
from scrubber.pipeline.file_scrub import FileScrub, unreadable_file

VARIANTS: dict[str, Mapping[str, Any]] = {
    "default": {},
    "a payer's tables": {
        "payers": {
            "60054": {
                "tables": {
                    "mue": {"37252": {"value": 2}, "37253": {"value": 1, "effective": "2016-01-01"}},
                    "exclusions": {"37191": {"deleted": "2020-01-01"}},
                    "modifiers": {"LT": {"kind": "bilateral"}},
                },
                "ignore": {"IVUS403": {"reason": "their letter"}},
                "severity": {"IVUS102": "warning"},
            },
            "00590": {"packs": {"IVUS": {"vessels": "check", "strict-exclusions": False}}},
        }
    },
    "other tables": {
        "tables": {
            "visits": {"99201": {"last": "99300"}},
            "catheter_codes": {"36010": {"includes_catheterization": "yes"}},
            "ncci_modifiers": {"59": {"deleted": "2024-06-30"}},
            "procedures": {"37250": {"deleted": "2024-12-31"}},
        }
    },
    "exclusions that are not strict": {"packs": {"IVUS": {"strict-exclusions": False}}},
    "vessels": {"packs": {"IVUS": {"vessels": "check"}}},
    "few edits": {"select": ["IVUS1", "IVUS502", "X12214"]},
    "edits ignored": {"ignore": ["IVUS101", "IVUS2", "X12205"]},
    "redacted": {"redact": True, "severity": {"IVUS503": "error"}},
}
"""Settings that change which edits run, by which tables, and what is shown."""

_TIME = datetime(2026, 11, 24, 10, 15)
Outputs = dict[str, bytes]
"""What comes of an input: the JSON report and the X12 files, by name."""


def engine_of(variant: str, *, screened: bool) -> Engine:
    """Make an engine with the settings of a variant: a name, or the text of a `scrubber.toml`."""
    values = VARIANTS[variant] if variant in VARIANTS else tomllib.loads(variant)
    config = load_settings(discover=False, **read_values(values, variant))
    return make_engine(config, screened=screened, detail=Detail.NONE)


@frozen(eq=False)
class EnginePair:
    """Two engines with the same settings, one of which opens every claim."""

    screened: Engine
    thorough: Engine

    @classmethod
    @cache
    def of(cls, variant: str) -> EnginePair:
        """Make the engines of a variant, once."""
        return cls(engine_of(variant, screened=True), engine_of(variant, screened=False))

    def difference(self, data: bytes, *, with_files: bool = False) -> str | None:
        """Return in which outputs the two differ on an input, and where first; None where they do not."""
        return described(outputs_of(data, self.screened, with_files), outputs_of(data, self.thorough, with_files))


def described(screened: Outputs, thorough: Outputs) -> str | None:
    """Return the names of the outputs that differ with the first difference, None where none does."""
    if screened == thorough:
        return None
    names = sorted(
        name for name in screened.keys() | thorough.keys() if screened.get(name, b"-") != thorough.get(name, b"-")
    )
    one, other = screened.get(names[0], b""), thorough.get(names[0], b"")
    at = next(
        (at for at, (left, right) in enumerate(zip(one, other, strict=False)) if left != right),
        min(len(one), len(other)),
    )
    shown = slice(max(at - 60, 0), at + 100)
    return f"{', '.join(names)} differ; with screens {one[shown]!r}, without {other[shown]!r}"


@cache
def _tool() -> Tool:
    return describe_tool(load_plugins(), load_settings(discover=False).today)


def outputs_of(data: bytes, engine: Engine, with_files: bool = False) -> Outputs:  # noqa: FBT001, FBT002 - see above
    """Scrub an input into a JSON report, and into all X12 files if they are wanted."""
    if not with_files:
        return _scrubbed(data, engine, Targets())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        annotated, clean, rejected = (folder / f"{kind}.837" for kind in ("annotated", "clean", "rejected"))
        targets = Targets(annotated, clean, rejected, folder / "a.277ca", folder / "a.999")
        found = _scrubbed(data, engine, targets)
        found["notes"] = found["notes"].replace(name.encode(), b"")
        return found | {path.name: path.read_bytes() for path in folder.iterdir()}


def _scrubbed(data: bytes, engine: Engine, targets: Targets) -> Outputs:
    text = io.StringIO()
    writer = JsonWriter(text, _tool())
    settings = OutputSettings(AckSettings(_TIME.date(), _TIME, 1), annotate_k3=True, partial=True)
    notes: Sequence[str] = ()
    try:
        with open_source(data, "in.837") as source, Publication() as publication:
            run = FileScrub(source, engine)
            outputs = run.begin_files(targets, settings, publication)
            for event in run.events() if outputs.takes_text else run.verdicts():
                if not isinstance(event, AcceptedRun):
                    outputs.take(event)
                verdict = event.claims if isinstance(event, JudgedRun) else event
                if isinstance(verdict, AcceptedRun):
                    writer.accepted(source.name, verdict)
                elif isinstance(verdict, JudgedClaim):
                    writer.claim(source.name, verdict.shown)
            notes = outputs.finish(run.report).notes
            publication.publish()
            writer.end_file(run.report)
    except UnreadableError as error:
        writer.end_file(unreadable_file("in.837", error))
    except ScrubberError as error:
        notes = [f"{type(error).__name__}: {error}"]
    writer.end()
    return {"report.json": text.getvalue().encode(), "notes": "\n".join(notes).encode()}
