"""The channel scripts for Mirth Connect and OIE in docs/integrations, run by Rhino against an HTTP door.

The door is a stand-in; SCRUBBER_URL names the /v1/scrub of a running `scrubber serve` to ask instead where a real door
has an answer (SCRUBBER_TOKEN: its token).  Skipped where `rhino` is not installed (Debian: apt-get install rhino).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from scrubber.testing import to_837p
from tests.conftest import ROOT
from tests.hosts.door import TOKEN, Answer, Fault, answer_with, open_door, problem

RHINO = shutil.which("rhino")
SCRIPTS = ROOT / "docs" / "integrations" / "mirth"

CLEAN = to_837p("claim A1\n37238\n37252 dx=1,2\nclaim A2 patient=M2\n99213")
FAULTY = to_837p("claim A1\n99213\nclaim B1 patient=M2\n37253")
PATIENT = b"TESTPATIENT"  # NM103 of every subscriber of the shorthand

pytestmark = pytest.mark.skipif(RHINO is None, reason="rhino is not installed")


def cut_short(body: bytes) -> Answer:
    whole = answer_with(body)
    return whole._replace(headers={**whole.headers, "Content-Length": str(len(whole.body))}, body=whole.body[:-9])


def take_long(body: bytes) -> Answer:
    time.sleep(1)
    return answer_with(body)


def elsewhere(_body: bytes) -> Answer:
    return Answer(307, {"Location": "/v1/scrub"}, b"")


def warned(body: bytes) -> Answer:
    whole = answer_with(body)
    return whole._replace(headers={**whole.headers, "X-Scrubber-Exit-Code": "1"})


NO_TOTALS = {"claims": None, "accepted": None, "rejected": None}

FAULTS: dict[str, tuple[Fault, str]] = {
    "not-x12": (lambda _: problem(400, "Not X12"), "the scrubber answered 400 (Not X12)"),
    "too-large": (lambda _: problem(413, "Content Too Large"), "the scrubber answered 413 (Content Too Large)"),
    "busy": (lambda _: problem(429, "Too Many Requests"), "the scrubber answered 429 (Too Many Requests)"),
    "crash": (lambda _: problem(500, "Internal Server Error"), "the scrubber answered 500 (Internal Server Error)"),
    "proxy": (lambda _: Answer(502, {}, b"<html>Bad Gateway</html>"), "the scrubber answered 502"),
    "redirect": (elsewhere, "the scrubber answered 307"),
    "no-content": (lambda _: Answer(204, {}, b""), "the scrubber answered 204"),
    "silent": (take_long, "no answer from the scrubber (java.net.SocketTimeoutException)"),
    "cut": (cut_short, "the answer is not JSON"),
    "page": (lambda _: Answer(200, {}, b"<html>Welcome</html>"), "the answer is not JSON"),
    "null": (lambda _: Answer(200, {}, b"null"), "no report of schema version 1"),
    "other-schema": (lambda _: Answer(200, {}, b'{"schema": 2, "files": [{}]}'), "no report of schema version 1"),
    "no-file": (lambda _: Answer(200, {}, b'{"schema": 1, "files": []}'), "no report of schema version 1"),
    "unreadable": (lambda body: answer_with(body, readable=False), "could not be judged as a whole ()"),
    "other-bytes": (lambda body: answer_with(body + b" "), "the report is about other bytes"),
    "no-totals": (lambda body: answer_with(body, totals=NO_TOTALS), "the report has no totals"),
    "no-claims": (
        lambda body: answer_with(body, totals={"claims": 0, "accepted": 0, "rejected": 0}),
        "the report accounts for 0 of 0 claims",
    ),
    "claims-missing": (
        lambda body: answer_with(body, totals={"claims": 2, "accepted": 1, "rejected": 0}),
        "the report accounts for 1 of 2 claims",
    ),
    "other-counts": (
        lambda body: answer_with(body)._replace(headers={"X-Scrubber-Rejected": "1"}),
        "the counts in the header are not those of the report",
    ),
}


def make_cases(door: str, address: str) -> dict[str, tuple[bytes, dict[str, str]]]:
    """Give messages and configuration maps; `address` is where the claims of a working door go."""
    works = {"scrubberUrl": address}
    if "SCRUBBER_TOKEN" in os.environ:
        works["scrubberToken"] = os.environ["SCRUBBER_TOKEN"]
    cases = {
        "clean": (CLEAN, works),
        "faulty": (FAULTY, works),
        "umlaut": (CLEAN.replace(PATIENT, b"D\xd6E"), works),
        "truncated": (CLEAN[:400], works),
        "text": (b"MSH|^~\\&|LAB", works),
        "utf-8": (CLEAN.replace(PATIENT, b"D\xd6E"), works | {"scrubberCharset": "US-ASCII"}),
        "token": (CLEAN, {"scrubberUrl": f"{door}/guarded/v1/scrub", "scrubberToken": TOKEN}),
        "no-token": (CLEAN, {"scrubberUrl": f"{door}/guarded/v1/scrub"}),
        "not-there": (CLEAN, {"scrubberUrl": f"{door}/v2/scrub"}),
        "closed": (CLEAN, {"scrubberUrl": "http://127.0.0.1:9/v1/scrub"}),
        "not-configured": (CLEAN, {}),
        "warned": (CLEAN, {"scrubberUrl": f"{door}/warned"}),
    }
    for name in FAULTS:
        cases[name] = (CLEAN, {"scrubberUrl": f"{door}/{name}"})
    cases["silent"][1]["scrubberTimeoutMs"] = "300"
    return cases


@pytest.fixture(scope="module", params=["180", "200"], ids=["JavaScript 1.8", "ES6"])
def outcomes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Any]]:
    """What became of each message, by the name of its case."""
    faults = {f"/{name}": fault for name, (fault, _) in FAULTS.items()}
    with open_door(faults | {"/warned": warned}) as door:
        cases = make_cases(door, os.environ.get("SCRUBBER_URL", f"{door}/v1/scrub"))
        listed = [{"raw": data.decode("latin-1"), "configuration": maps} for data, maps in cases.values()]
        file = tmp_path_factory.mktemp("mirth") / "cases.json"
        file.write_text(json.dumps(listed), encoding="utf-8")
        command = [str(RHINO), "-version", request.param, Path(__file__).with_name("mirth.js"), file, SCRIPTS]
        done = subprocess.run(command, capture_output=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        assert done.stderr == b""
        yield dict(zip(cases, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize("case", ["clean", "umlaut", "token"])
def test_a_clean_message_goes_to_the_senders(outcomes: Mapping[str, Any], case: str) -> None:
    outcome = outcomes[case]
    assert (outcome["send"], outcome["keep"], outcome["summary"]) == (True, False, "2 claims accepted")
    assert json.loads(outcome["report"])["files"][0]["totals"]["accepted"] == 2


def test_a_message_with_a_rejected_claim_goes_to_the_keeper_with_its_report(outcomes: Mapping[str, Any]) -> None:
    outcome = outcomes["faulty"]
    assert (outcome["send"], outcome["keep"]) == (False, True)
    assert outcome["summary"] == "1 of 2 claims rejected (IVUS101, IVUS102)"
    assert json.loads(outcome["report"])["files"][0]["claims"][1]["disposition"] == "rejected"


def test_findings_that_count_as_errors_here_go_to_the_keeper(outcomes: Mapping[str, Any]) -> None:
    outcome = outcomes["warned"]
    assert (outcome["send"], outcome["keep"]) == (False, True)
    assert "(fail-on)" in outcome["summary"]


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("truncated", ""),  # a door may answer with a report or with an error
        ("text", ""),
        ("utf-8", "the message cannot be turned back into bytes, see scrubberCharset"),
        ("no-token", "the scrubber answered 401 (Unauthorized)"),
        ("not-there", "the scrubber answered 404 (Not Found)"),
        ("closed", "no answer from the scrubber (java.net.ConnectException)"),
        ("not-configured", "the configuration map has no scrubberUrl"),
        *((name, reason) for name, (_, reason) in FAULTS.items()),
    ],
)
def test_anything_else_is_an_error_of_the_message(outcomes: Mapping[str, Any], case: str, reason: str) -> None:
    outcome = outcomes[case]
    assert set(outcome) == {"error"}
    assert outcome["error"].startswith("Error: Not scrubbed, so not sent: ")
    assert reason in outcome["error"]
    assert PATIENT.decode() not in outcome["error"]
