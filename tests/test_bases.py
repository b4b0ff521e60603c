"""What no claim under today's tables can show: how edits are described, and add-on codes that wait for each other."""

from __future__ import annotations

from collections.abc import Hashable

import attrs
import pytest

from edits.bases import can_stand
from edits.codes import IVUS_PERIOD, make_meta
from edits.facts import BasePrimary, load_facts
from scrubber import Adjustment, Encounter, Example, Meta, Severity, Source, Status, Table, iter_claims
from scrubber.testing import to_837p


def test_the_description_of_an_edit_holds_what_was_given() -> None:
    source, status, adjustment = Source("a title", "2026-01-01"), Status("A7", "507"), Adjustment("CO", "107")
    assert make_meta(
        "IVUS999",
        "a-defect",
        Severity.INFO,
        source,
        fires="37252",
        passes="37253",
        status=(status,),
        adjustment=adjustment,
        procedures=frozenset({"36005"}),
    ) == Meta(
        code="IVUS999",
        name="a-defect",
        severity=Severity.INFO,
        sources=(source,),
        statuses=(status,),
        adjustment=adjustment,
        procedures=frozenset({"36005"}),
        effective=IVUS_PERIOD,
        examples=(Example("37252", fires=True), Example("37253", fires=False)),
    )


@pytest.mark.parametrize(
    ("primaries", "claim", "stands"),
    [
        ({}, "99901\n99902", True),
        ({"99901": "99902"}, "99901\n99902", True),
        ({"99901": "99902"}, "99901\n99903", False),
        ({"99901": "99902", "99902": "99903"}, "99901\n99902", False),
        ({"99901": "99902", "99902": "99903"}, "99901\n99902\n99903", True),
        ({"99901": "99902", "99902": "99901"}, "99901\n99902", False),
        ({"99901": "99902", "99902": "99903", "99903": "99901"}, "99901\n99902\n99903", False),
        ({"99901": "99902", "99902": "CCCCC"}, "99901\n99902", False),
        ({"99901": "99902", "99902": "CCCCC"}, "99901\n99902\n99903", True),
    ],
)
def test_a_base_stands_where_its_primaries_do(primaries: dict[str, str], claim: str, stands: bool) -> None:  # noqa: FBT001
    facts = load_facts()
    rows: dict[Hashable, tuple[BasePrimary, ...]] = {
        addon: (BasePrimary(effective="2016-01-01", deleted=None, addon=addon, primary=primary, aoc_type="1"),)
        for addon, primary in primaries.items()
    }
    facts = attrs.evolve(facts, base_primaries=Table(facts.base_primaries.info, rows))
    (billed,) = iter_claims(to_837p(claim))
    assert can_stand(billed.lines[0], Encounter(tuple(billed.lines)), facts) is stands
