"""What a syntax error spoils: the report, the 999 and TA1, the 277CA and the split files agree."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pytest
from attrs import define, field
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scrubber.engine.judge import Engine
from scrubber.findings.finding import Severity
from scrubber.testing import to_837p
from scrubber.x12.segment import Delimiters
from tests.support import shapes
from tests.support.damages import DAMAGES, Segments, places, written_of
from tests.support.envelopes import SET as A_SET
from tests.support.envelopes import counted, group, interchange
from tests.support.x12_files import segments_of, write

_COMMON = Delimiters("*", ":", "^", "~")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


# -- an independent account of what an input and its acknowledgements hold ---------------------------------------------


@define
class Envelopes:
    """The transaction sets of a file that a 999 can name: interchanges of groups of sets of claims (CLM01).

    `unnamed` are the claims of the others.
    """

    interchanges: list[list[list[list[str]]]] = field(factory=list)
    unnamed: list[str] = field(factory=list)


def envelopes_of(data: bytes) -> Envelopes:
    """Follow the envelopes of an input."""
    found = Envelopes()
    claims: list[str] = []
    group: list[list[str]] | None = None
    for segment in segments_of(data):
        match [segment[0].upper(), *segment[1:]]:
            case ["ISA", *_]:
                found.interchanges.append([])
                group = None
            case ["GS", kind, _, _, _, _, number, *_]:
                is_named = kind == "HC" and re.fullmatch("[0-9]{1,9}", number) and len(segment) > 8 and segment[8]
                group = [] if is_named else None
                if group is not None:
                    found.interchanges[-1].append(group)
            case ["GE", *_]:
                group = None
            case ["ST", _, number, *_] if group is not None and 4 <= len(number) <= 9:
                claims = []
                group.append(claims)
            case ["ST", *_]:
                claims = found.unnamed
            case ["CLM", number, *_]:
                claims.append(number)
    return found


def answers_of(ack: bytes) -> list[tuple[bool, list[tuple[bool, list[bool]]]]]:
    """Return for each interchange of a 999 whether it is refused, and for each group that and the same of its sets."""
    found: list[tuple[bool, list[tuple[bool, list[bool]]]]] = []
    refused, groups, sets = False, [], []  # type: bool, list[tuple[bool, list[bool]]], list[bool]
    for segment in segments_of(ack):
        match segment:
            case ["ISA", *_]:
                refused, groups = False, []
            case ["TA1", _, _, _, status, *_]:
                refused = status == "R"
            case ["AK1", *_]:
                sets = []
            case ["IK5", status, *_]:
                sets.append(status == "R")
            case ["AK9", status, *_]:
                groups.append((status == "R", sets))
            case ["IEA", *_]:
                found.append((refused, groups))
    return found


def refused_claims(data: bytes, ack: bytes) -> set[str]:
    """Return the claims whose transaction set, group or interchange the 999 or TA1 rejects or cannot name."""
    envelopes, answers = envelopes_of(data), answers_of(ack)
    found = set(envelopes.unnamed)
    for (refused_interchange, groups), own in zip(answers, envelopes.interchanges, strict=True):
        for (refused_group, statuses), sets in zip(groups, own, strict=True):
            for refused_set, claims in zip(statuses, sets, strict=True):
                if refused_interchange or refused_group or refused_set:
                    found |= set(claims)
    return found


def claims_in(data: bytes | None) -> list[str]:
    return [segment[1] for segment in segments_of(data or b"") if segment[0].upper() == "CLM"]


def answered_in(ack: bytes | None) -> list[str]:
    return [
        segment[2] for segment in segments_of(ack or b"") if segment[:2] == ["TRN", "2"] and segment[2][:3] == "PCN"
    ]


def test_an_envelope_without_claims_that_is_rejected_is_not_in_the_clean_file(default_engine: Engine) -> None:
    whole = segments_of(to_837p("99213"))
    header, body, tail = whole[:2], whole[2:-2], whole[-2:]
    empty = [["ST", "837", "0002", "005010X222A1"], *body[1:5], ["SE", "99", "0002"]]
    counted = [["GE", "2", "1"], tail[1]]
    group = [["GS", *header[1][1:6], "2", *header[1][7:]], ["GE", "1", "2"], ["IEA", "2", *tail[1][2:]]]
    for segments in ([*header, *body, *empty, *counted], [*header, *empty, *body, *counted], [*whole[:-1], *group]):
        written = write(written_of(segments, [_COMMON], [""]), default_engine)
        assert {finding.code for finding in written.report.findings} <= {"X12113", "X12114"}
        assert written.report.findings
        assert not any(claim.rejected for claim in written.report.claims)
        again = write(written.files["clean"], default_engine).report
        assert [claim.claim for claim in again.claims] == [claim.claim for claim in written.report.claims]
        assert not again.findings
        assert "rejected" not in written.files


@pytest.mark.parametrize("place", [0, 1], ids=["in front of the claims", "behind a claim"])
@pytest.mark.parametrize(
    ("level", "fault"),
    [
        ([["HL", "9", "1", "2Z", "0"], ["SBR", "P", "18"]], "X12123"),
        ([["HL", "9", "1", "22", "0"], ["XX1", "A"]], "X12127"),
        ([["HL", "9", "1", "22", "1"], ["nm1", "IL"], ["HL", "10", "9", "23", "0"], ["PAT", "19"]], "X12109"),
    ],
)
def test_the_rejected_file_has_the_level_without_claims_that_its_set_is_rejected_for(
    place: int, level: Segments, fault: str, default_engine: Engine
) -> None:
    segments = segments_of(to_837p("claim A patient=M1\n99213\nclaim B patient=M2\n99213"))
    at = places(segments, "HL")[1 + place]
    damaged = [*segments[:at], *level, *segments[at:]]
    end = places(damaged, "SE")[0]
    damaged[end] = ["SE", str(end - 1), "0001"]
    written = write(written_of(damaged, [_COMMON], [""]), default_engine)
    assert [claim.envelope_rejected for claim in written.report.claims] == [True, True]
    again = write(written.files["rejected"], default_engine).report
    assert fault in {finding.code for finding in again.findings}
    assert [(claim.claim, claim.envelope_rejected) for claim in again.claims] == [("A", True), ("B", True)]


@settings(
    max_examples=settings().max_examples // (4 if settings().max_examples <= 100 else 2),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(found=shapes.files, data=st.data())
def test_reports_acknowledgements_and_split_agree(
    found: tuple[tuple[shapes.Interchange, ...], str], data: st.DataObject, default_engine: Engine
) -> None:
    interchanges = found[0]
    made = shapes.make(interchanges)
    segments = segments_of(made.data)

    def choose(values: Sequence[Any]) -> Any:
        return data.draw(st.sampled_from(values))

    for _ in range(choose(range(1, 4))):
        choose(DAMAGES)(choose, segments)
    ends = ["" if shape.marks.segment == "\n" else shape.line_end for shape in interchanges]
    damaged = written_of(segments, [shape.marks for shape in interchanges], ends)
    written = write(damaged, default_engine)
    report, files = written.report, written.files
    if not report.readable:
        assert not files.keys() & {"clean", "rejected", "ack277", "annotated"}
        return
    claims = claims_in(damaged)
    accepted = [claim.claim for claim in report.claims if not claim.rejected]
    rejected = [claim.claim for claim in report.claims if claim.rejected]
    assert [claim.claim for claim in report.claims] == claims
    assert claims_in(files.get("clean")) == accepted
    assert claims_in(files.get("rejected")) == rejected
    refused = refused_claims(damaged, files["ack999"])
    assert refused <= set(rejected)
    assert refused == {claim.claim for claim in report.claims if claim.envelope_rejected}
    answered = answered_in(files.get("ack277"))
    assert answered == [_CONTROL.sub("", claim) for claim in claims if claim not in refused]
    if "clean" in files:
        again = write(files["clean"], default_engine).report
        assert again.readable
        found_again = [*again.findings, *(finding for claim in again.claims for finding in claim.findings)]
        assert not [finding for finding in found_again if finding.severity is Severity.ERROR]
    if "rejected" in files and refused:
        again = write(files["rejected"], default_engine).report
        spoiled_by_count = {
            claim.claim for claim in report.claims if claim.envelope_rejected and not _is_repetition(claim)
        }
        still = {claim.claim for claim in again.claims if claim.rejected}
        assert not again.readable or spoiled_by_count <= still


def _is_repetition(claim: object) -> bool:
    """Whether nothing but a repeated control number refused a claim: alone in the rejected file it repeats nothing."""
    findings = claim.findings  # type: ignore[attr-defined]
    return {finding.code for finding in findings if "is rejected: " in finding.message} == {"X12116"}


OTHER_SET = A_SET.replace(b"*0001", b"*0002").replace(b"*M1~", b"*M2~")


@pytest.mark.parametrize("excess", [0, 1], ids=["good", "miscounted"])
def test_a_set_without_claims_that_is_rejected_is_in_no_file(excess: int, default_engine: Engine) -> None:
    empty = counted(OTHER_SET[: OTHER_SET.index(b"CLM*")] + b"SE*0*0002~")
    count = int(segments_of(interchange(101, group(1, empty)))[-3][1])
    data = interchange(101, group(1, A_SET, empty.replace(b"SE*%d*" % count, b"SE*%d*" % (count + excess))))
    written = write(data, default_engine)
    (claim,) = written.report.claims
    assert not claim.rejected
    assert "rejected" not in written.files
    assert (written.files["clean"] == data) is (not excess)
    again = write(written.files["clean"], default_engine).report
    assert not any(finding.severity is Severity.ERROR for finding in again.findings)


def test_a_refused_set_is_kept_as_it_is(default_engine: Engine) -> None:
    """Its level without claims is what all of its claims are rejected for."""
    stray = OTHER_SET.replace(b"~HL*2*1*22*0~", b"~HL*2*1*2Z*0~NM1*IL*1*X~HL*3*1*22*0~")
    data = interchange(101, group(1, A_SET, counted(stray)))
    written = write(data, default_engine)
    assert [claim.envelope_rejected for claim in written.report.claims] == [False, True]
    assert counted(stray) in written.files["rejected"]
    again = write(written.files["rejected"], default_engine).report
    assert [claim.rejected for claim in again.claims] == [True]
