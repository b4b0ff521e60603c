"""An engine that finds what a test says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import attrs

from scrubber.claims.builder import ClaimPlace
from scrubber.claims.model import Claim
from scrubber.engine.judge import Engine
from scrubber.findings.finding import Finding, Severity
from scrubber.findings.report import ClaimReport

Planting = Callable[[Claim], Iterable[Finding]]


class Planted(Engine):
    """Finds what a function says, and nothing else."""

    plant: Planting

    def judge(self, claims: Sequence[Claim], places: Sequence[ClaimPlace] = ()) -> list[ClaimReport]:
        reports = zip(super().judge(claims, places), claims, strict=True)
        return [attrs.evolve(report, findings=tuple(self.plant(claim))) for report, claim in reports]


def planted(engine: Engine, plant: Planting) -> Engine:
    made = Planted(engine.config, [], screened=False)
    made.plant = plant
    return made


def error_on(claim: Claim, line: int | None = None, code: str = "TEST001", **changes: object) -> Finding:
    finding = Finding(code, "a-test", Severity.ERROR, "m", "Do this.", claim.control_number, claim.ordinal, line)
    return attrs.evolve(finding, **changes)  # type: ignore[arg-type]
