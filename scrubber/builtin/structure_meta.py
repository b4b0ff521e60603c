"""What the edits of claim and line structure say of themselves."""

from __future__ import annotations

from attrs import evolve

from scrubber.findings.finding import Severity, Source, Status
from scrubber.findings.rule import Meta, own_meta
from scrubber.x12.rules import GUIDE

__all__ = ["structure_meta"]


def structure_meta(
    code: str,
    name: str,
    title: str,
    severity: Severity,
    status: tuple[Status, ...],
    *,
    source: Source = GUIDE,
    fires: str = "",
    passes: str = "",
    mandatory: bool = False,
) -> Meta:
    """Return the meta of an edit that looks at void claims too, with an example that fires and one that passes."""
    meta = own_meta(code, name, title, severity, source, status=status, mandatory=mandatory, fires=fires, passes=passes)
    return evolve(meta, voids=True)
