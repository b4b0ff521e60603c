"""What a finding refers to: it exists, it is what the words say, and every report shows it."""

from __future__ import annotations

import json
import pickle
import random
import re
from collections import Counter
from typing import Any

import attrs
import pytest

from scrubber import ClaimReport, Finding, Location, Related, Severity, check_claims, iter_claims, scrub
from scrubber.api import load_settings, make_engine
from scrubber.engine.judge import Engine
from scrubber.io.source import open_source
from scrubber.pipeline.file_scrub import FileScrub
from scrubber.testing import scrub_shorthand, to_837p
from tests.campaigns.second_opinion import draw, shorthand
from tests.support.command import Run

SEVERAL = """
claim PCNA patient=M1
37238
37252
claim PCNB patient=M1
37252
36005
claim PCNC patient=M2
99213-25
claim PCND patient=M2
99213-25
"""
"""A line that repeats one of another claim, a PTP edit, and a claim that repeats another."""


def _judged(data: bytes, engine: Engine) -> list[ClaimReport]:
    with open_source(data) as source:
        return list(FileScrub(source, engine))


def _on(found: list[ClaimReport], code: str) -> list[Finding]:
    return [finding for claim in found for finding in claim.findings if finding.code == code]


@pytest.fixture(scope="module")
def drawn() -> bytes:
    return to_837p(shorthand(draw(random.Random(5), 300)))


def test_what_is_related_is_in_the_file(drawn: bytes, default_engine: Engine) -> None:
    claims = {claim.ordinal: claim for claim in iter_claims(drawn)}
    roles: Counter[str] = Counter()
    for finding in (finding for claim in _judged(drawn, default_engine) for finding in claim.findings):
        assert len(set(finding.related)) == len(finding.related) <= 10
        for related in finding.related:
            roles[related.role.partition(" IVUS")[0]] += 1
            claim = claims[related.claim_ordinal or 0]
            assert related.claim in {claim.control_number, None}
            is_own = (related.claim_ordinal, related.line) == (finding.claim_ordinal, finding.line)
            assert is_own is related.role.startswith("finding ")
            if related.line is not None:
                assert related.procedure == claim.lines[related.line - 1].procedure
                place = related.location
                assert place is not None
                assert place.offset is not None
                assert place.length is not None
                if place.element == "SV101-2":
                    assert drawn[place.offset : place.offset + place.length].decode() == related.procedure
    assert len(roles) > 12


def test_the_line_that_a_fix_refers_to_is_related(drawn: bytes, default_engine: Engine) -> None:
    referring = 0
    for finding in (finding for claim in _judged(drawn, default_engine) for finding in claim.findings):
        found = re.fullmatch(r"See (?:(IVUS\d+) on )?line (\d+)(?: of claim (\d+))?\.", finding.fix)
        if found is not None:
            referring += 1
            code, line, claim = found.groups()
            place = (int(claim) if claim else finding.claim_ordinal, int(line))
            roles = {related.role for related in finding.related if (related.claim_ordinal, related.line) == place}
            assert roles, finding
            assert code is None or f"finding {code}" in roles, finding
    assert referring > 100


def test_the_lines_that_a_message_names_are_related(drawn: bytes, default_engine: Engine) -> None:
    named = 0
    for finding in (finding for claim in _judged(drawn, default_engine) for finding in claim.findings):
        if finding.code.startswith("IVUS"):
            related = {(each.claim_ordinal, each.line) for each in finding.related}
            for line, claim in re.findall(r"\bline (\d+)(?: of claim (\d+))?\b", finding.message):
                place = (int(claim) if claim else finding.claim_ordinal, int(line))
                named += 1
                assert place in related or place == (finding.claim_ordinal, finding.line), finding
    assert named > 200


def test_of_many_the_first_ten_are_kept(default_engine: Engine) -> None:
    *_, last = _on(scrub_shorthand("37238\n37252\n" + "37253\n" * 30, engine=default_engine), "IVUS203")
    assert [related.line for related in last.related] == list(range(3, 13))
    assert "and 25 other lines" in last.message


def test_a_claim_that_relies_on_rejected_ones_names_them(default_engine: Engine) -> None:
    found = scrub_shorthand("claim A\n37238\n37252\n99213 xtwo\nclaim B\n37253", engine=default_engine)
    for finding in _on(found, "SCR902"):
        (related,) = finding.related
        assert (related.role, related.claim, related.claim_ordinal, related.line) == ("rejected claim", "A", 1, None)
        assert related.location is not None
        assert related.location.segment == "CLM"


def test_a_claim_that_a_host_built_is_related_without_a_place_in_a_file() -> None:
    (claim,) = iter_claims(to_837p("37238\n37252\n37252"))
    bare = attrs.evolve(claim, loop=None, lines=[attrs.evolve(line, loop=None) for line in claim.lines])
    (finding,) = (each for each in check_claims([bare]) if each.code == "IVUS701")
    (related,) = finding.related
    assert (related.claim, related.claim_ordinal, related.line) == (finding.claim, finding.claim_ordinal, 2)
    assert related.location == Location("2400", "SV1", "SV101-2")


def test_nothing_is_lost_between_processes(run: Run, default_engine: Engine) -> None:
    (finding,) = _on(_judged(to_837p(SEVERAL), default_engine), "IVUS701")
    assert pickle.loads(pickle.dumps(finding)) == finding
    one, two = (run("scrub", "--format=json", f"--jobs={jobs}", data=to_837p(SEVERAL)).stdout for jobs in (1, 2))
    assert one == two
    assert b'"same service billed before"' in one


# -- what is shown -----------------------------------------------------------------------------------------------------


def _findings(run: Run, *options: str) -> dict[str, Any]:
    done = run("scrub", "--format=json", *options, data=to_837p(SEVERAL))
    (file,) = json.loads(done.stdout)["files"]
    return {finding["code"]: finding for claim in file["claims"] for finding in claim["findings"]}


def test_the_json_report_has_them(run: Run) -> None:
    found = _findings(run)
    (related,) = found["IVUS701"]["related"]
    location = related.pop("location")
    assert to_837p(SEVERAL)[location["offset"] :][: location["length"]] == b"37252"
    assert related == {
        "role": "same service billed before",
        "claim": "PCNA",
        "ordinal": 1,
        "line": 2,
        "procedure": "37252",
    }
    assert [each["line"] for each in found["IVUS303"]["related"]] == [2, 1]
    assert found["X12224"]["related"] == [
        {
            "role": "claim that this one repeats",
            "claim": None,
            "ordinal": 3,
            "line": None,
            "procedure": None,
            "location": None,
        }
    ]


def test_other_claims_are_redacted_too(run: Run) -> None:
    assert [each["claim"] for each in _findings(run, "--redact")["IVUS303"]["related"]] == ["claim 1", "claim 2"]
    for form in ("text", "json", "ndjson", "sarif", "xml", "html", "csv"):
        assert b"PCN" not in run("scrub", "--redact", "--format", form, data=to_837p(SEVERAL)).stdout


def test_a_representation_holds_no_claim_number() -> None:
    config = attrs.evolve(load_settings(discover=False), redact=False)
    (finding,) = _on(_judged(to_837p(SEVERAL), make_engine(config)), "IVUS701")
    assert repr(finding.related) == "(<Related same service billed before: claim 1, line 2, 37252>,)"


@pytest.mark.parametrize(
    ("related", "words"),
    [
        (Related("primary procedure", "A", 2, 1), "line 1: primary procedure"),
        (Related("primary procedure", "A", 1, 3), "line 3 of claim 1 (A): primary procedure"),
        (Related("primary procedure", "claim 1", 1, 3), "line 3 of claim 1: primary procedure"),
        (Related("rejected claim", "A", 1), "claim 1 (A): rejected claim"),
        (Related("rejected claim", None, 1), "claim 1: rejected claim"),
    ],
)
def test_a_place_is_named_as_in_a_message(related: Related, words: str) -> None:
    finding = Finding("ACME101", "a-name", Severity.INFO, "Wrong.", "Correct it.", claim_ordinal=2, related=[related])
    assert finding.related_in_words == words


@pytest.mark.parametrize(
    ("claim", "code", "shown"),
    [
        ("37238\n37252\n37253-RT\n37253-LT", "IVUS404", "see line 3]"),
        ("92928\n37252", "IVUS101", "see line 1]"),
        ("92924\n92928\n92933\n92937\n92941\n37252", "IVUS101", "see line 1, line 2, line 3, 2 more]"),
        # The message or the fix names it.
        ("36005\n37252", "IVUS101", ""),
        ("37238\n37252\n37252", "IVUS701", ""),
        ("claim A\n37238\n37252\nclaim B\n37252", "IVUS701", ""),
        ("claim A\n99213-25\nclaim B\n99213-25", "X12224", ""),
    ],
)
def test_the_text_names_what_the_words_do_not(run: Run, claim: str, code: str, shown: str) -> None:
    text = run("scrub", data=to_837p(claim)).stdout.decode()
    (place,) = re.findall(rf"{code} [a-z-]+  \[.*?(see .*)?$", text, re.MULTILINE)
    assert place == shown


def test_the_table_names_them_by_claim_number(run: Run) -> None:
    text = run("scrub", "--format=csv", data=to_837p(SEVERAL)).stdout.decode()
    assert '"line 2 of claim 1 (PCNA): same service billed before"' in text


def test_rows_name_them() -> None:
    rows = {row["code"]: row["related"] for row in scrub(to_837p(f"{SEVERAL}claim E patient=M3\n37252-51")).rows()}
    assert rows["IVUS701"] == "line 2 of claim 1 (PCNA): same service billed before"
    assert rows["IVUS403"] is None
