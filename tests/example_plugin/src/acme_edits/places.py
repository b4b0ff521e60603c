"""ACME1xx: where ACME performs intravascular ultrasound."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from functools import cache
from importlib.resources import files

from attrs import frozen

from scrubber import (
    Claim,
    ClaimRow,
    Context,
    DatedRow,
    DateRange,
    Edit,
    Example,
    Finding,
    Meta,
    RuleStage,
    Severity,
    Source,
    Table,
    TableInfo,
    load_manifest,
    load_table,
    statuses,
)

__all__ = ["PlaceNotInPolicy", "Policies", "load_policies", "table_infos"]

IVUS = frozenset({"37252", "37253"})
PERIOD = DateRange(date(2024, 1, 1), date.max)
TABLES = files("acme_edits") / "tables"


@frozen
class AllowedPlace(DatedRow):
    """A place of service (CLM05-1, SV105) where ACME performs intravascular ultrasound."""

    place: str


@frozen(eq=False)
class Policies:
    """The tables of this plugin; a `scrubber.toml` may change their values by these names."""

    allowed_places: Table[AllowedPlace]


def table_infos() -> Sequence[TableInfo]:
    """Name the tables without loading them."""
    return tuple(load_manifest(TABLES).values())


@cache
def load_policies() -> Policies:
    """Load the tables, each checked against its SHA-256."""
    info = load_manifest(TABLES)["allowed_places"]
    return Policies(allowed_places=load_table(TABLES, info, AllowedPlace, lambda row: row.place))


class PlaceNotInPolicy(Edit[Policies]):
    """Intravascular ultrasound is billed for a place where ACME does not perform it.

    Why: ACME has its equipment in these places only, so another one is a typing error, and the place decides between
    the facility and the non-facility amount.
    Fix: correct the place of service, or have the billing lead add the place to policy 7.
    """

    meta = Meta(
        code="ACME101",
        name="place-not-in-policy",
        title="Place outside the policy",
        since="1.0",
        stage=RuleStage.STABLE,
        severity=Severity.ERROR,
        sources=(Source("ACME policy 7 (example)", "2024-01-01"),),
        statuses=statuses("A7:249"),
        procedures=IVUS,
        effective=PERIOD,
        examples=(Example("37252 pos=21", fires=True), Example("37252 pos=11", fires=False)),
    )

    def check(self, claim: Claim, context: Context[Policies]) -> Iterator[Finding]:
        """Look every ultrasound line's place up on its dates of service."""
        for line in claim.lines:
            if line.procedure not in IVUS or line.service_dates is None or not line.service_dates.overlaps(PERIOD):
                continue
            if context.tables.allowed_places.on(line.place_of_service, line.service_dates) is None:
                yield self.finding(
                    line,
                    f"{line.procedure} on {line.service_dates} is billed for a place outside ACME policy 7.",
                    "Correct the place of service.",
                    element="SV105",
                )

    def screen(self, row: ClaimRow, policies: Policies) -> bool:
        """Look for an ultrasound line whose place is not in the table on its date."""
        for line, procedure in enumerate(row.procedures):
            day = row.date_of(line)
            if procedure in IVUS and (day is None or policies.allowed_places.on(row.place_of(line), day) is None):
                return True
        return False
