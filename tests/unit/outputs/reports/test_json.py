"""The JSON of a claim, which is written from parts made once, is that of the object that the schema describes."""

from __future__ import annotations

import json
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from scrubber.findings.finding import Adjustment, Finding, Location, Related, Severity, Source, Status
from scrubber.findings.report import ClaimReport, SuppressedFinding
from scrubber.outputs.reports.json import claim_object, claim_text

_TEXT = st.text(max_size=6) | st.sampled_from(['"\\', "é\n\x7f", "\ud800"])
_MAYBE = st.none() | _TEXT
_NUMBER = st.none() | st.integers(0, 10**12)
_AMOUNT = st.decimals(0, 10**9, places=2)
_LOCATION = st.none() | st.builds(Location, _TEXT, _TEXT, _MAYBE, _NUMBER, _NUMBER, _NUMBER)
_RELATED = st.builds(Related, _TEXT, _MAYBE, _NUMBER, _NUMBER, _MAYBE, _LOCATION)
_STATUS = st.builds(Status, _TEXT, _TEXT, _MAYBE)
_FINDING = st.builds(
    Finding,
    _TEXT,
    _TEXT,
    st.sampled_from(Severity),
    _TEXT,
    _TEXT,
    line=_NUMBER,
    line_control_number=_MAYBE,
    procedure=_MAYBE,
    location=_LOCATION,
    statuses=st.lists(_STATUS, max_size=3).map(tuple),
    adjustment=st.none() | st.builds(Adjustment, _TEXT, _TEXT, _MAYBE),
    source=st.none() | st.builds(Source, _TEXT, _TEXT),
    related=st.lists(_RELATED, max_size=2),
)
_REPORT = st.builds(
    ClaimReport,
    _TEXT,
    st.integers(1),
    st.none() | _AMOUNT,
    st.integers(0),
    _TEXT,
    _TEXT,
    _AMOUNT | st.just(Decimal(0)),
    st.integers(0, 50),
    st.lists(_FINDING, max_size=2).map(tuple),
    st.lists(st.builds(SuppressedFinding, _FINDING, _TEXT), max_size=2).map(tuple),
)


@given(_REPORT)
def test_the_text_of_a_claim_is_its_object(report: ClaimReport) -> None:
    assert claim_text(report) == json.dumps(claim_object(report))
