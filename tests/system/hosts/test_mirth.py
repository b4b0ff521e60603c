"""The channel scripts for Mirth Connect and OIE in docs/integrations, run by Rhino against `scrubber serve`.

A stand-in gives the answers that the server itself never gives.  Skipped where `rhino` is not installed (Debian:
apt-get install rhino).
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from scrubber.testing import to_837p
from tests.support.faulty_server import Answer, Fault, answer_with, open_faulty_server, problem
from tests.support.paths import ROOT
from tests.support.serving import Server, serving

RHINO = shutil.which("rhino")
SCRIPTS = ROOT / "docs" / "integrations" / "mirth"

CLEAN = to_837p("claim A1\n37238\n37252 dx=1,2\nclaim A2 patient=M2\n99213")
FAULTY = to_837p("claim A1\n99213\nclaim B1 patient=M2\n37253")
ASTRAY = CLEAN.replace(b"HL*2*1*", b"HL*2*7*")
TOKEN = "a-token-for-tests"
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


def without_headers(body: bytes) -> Answer:
    return answer_with(body)._replace(headers={})


def warned(body: bytes) -> Answer:
    whole = answer_with(body)
    return whole._replace(headers={**whole.headers, "X-Scrubber-Exit-Code": "1"})


NO_TOTALS = {"claims": None, "accepted": None, "rejected": None}

FAULTS: dict[str, tuple[Fault, str]] = {
    "too-large": (lambda _: problem(413, "Content Too Large"), "the scrubber answered 413 (Content Too Large)"),
    "busy": (lambda _: problem(429, "Too Many Requests"), "the scrubber answered 429 (Too Many Requests)"),
    "crash": (lambda _: problem(500, "Internal Server Error"), "the scrubber answered 500 (Internal Server Error)"),
    "proxy": (lambda _: Answer(502, {}, b"<html>Bad Gateway</html>"), "the scrubber answered 502"),
    "redirect": (elsewhere, "the scrubber answered 307"),
    "no-content": (lambda _: Answer(204, {}, b""), "the scrubber answered 204"),
    "silent": (take_long, "no answer from the scrubber (java.net.SocketTimeoutException)"),
    "cut": (cut_short, "the answer is not JSON"),
    "page": (lambda _: Answer(200, {}, b"<html>Welcome</html>"), "the answer is not JSON"),
    "null": (lambda _: Answer(200, {}, b"null"), "no report of schema version 2"),
    "other-schema": (lambda _: Answer(200, {}, b'{"schema": 1, "files": [{}]}'), "no report of schema version 2"),
    "no-file": (lambda _: Answer(200, {}, b'{"schema": 2, "files": []}'), "no report of schema version 2"),
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


def make_cases(server: Server, faulty: str) -> dict[str, tuple[bytes, dict[str, str]]]:
    """Return messages and configuration maps, for the real server and for the server with faults."""
    address = f"http://127.0.0.1:{server.port}"
    works = {"scrubberUrl": f"{address}/v1/scrub", "scrubberToken": TOKEN}
    with socket.create_server(("127.0.0.1", 0)) as free:
        closed = f"http://127.0.0.1:{free.getsockname()[1]}/v1/scrub"
    cases = {
        "clean": (CLEAN, works),
        "faulty": (FAULTY, works),
        "umlaut": (CLEAN.replace(PATIENT, b"D\xd6E"), works),
        "truncated": (CLEAN[:400], works),
        "text": (b"MSH|^~\\&|LAB", works),
        "empty": (b"", works),
        "utf-8": (CLEAN.replace(PATIENT, b"D\xd6E"), works | {"scrubberCharset": "US-ASCII"}),
        "no-token": (CLEAN, {"scrubberUrl": works["scrubberUrl"]}),
        "wrong-token": (CLEAN, works | {"scrubberToken": f"{TOKEN}x"}),
        "not-there": (CLEAN, works | {"scrubberUrl": f"{address}/v2/scrub"}),
        "another-return": (FAULTY, works | {"scrubberUrl": f"{address}/v1/scrub?return=rejected"}),
        "closed": (CLEAN, works | {"scrubberUrl": closed}),
        "not-configured": (CLEAN, {}),
        "warned": (CLEAN, {"scrubberUrl": f"{faulty}/warned"}),
        "headers-dropped": (CLEAN, {"scrubberUrl": f"{faulty}/headers-dropped"}),
        "errors-of-the-file": (ASTRAY, works),
        "errors-of-the-file-and-headers-dropped": (ASTRAY, {"scrubberUrl": f"{faulty}/headers-dropped"}),
    }
    for name in FAULTS:
        cases[name] = (CLEAN, {"scrubberUrl": f"{faulty}/{name}"})
    cases["silent"][1]["scrubberTimeoutMs"] = "300"
    return cases


@pytest.fixture(scope="module", params=["180", "200"], ids=["JavaScript 1.8", "ES6"])
def outcomes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Any]]:
    """What became of each message, by the name of its case."""
    faults = {f"/{name}": fault for name, (fault, _) in FAULTS.items()}
    folder = tmp_path_factory.mktemp("mirth")
    with (
        serving(folder / "files", "--jobs=1", SCRUBBER_TOKEN=TOKEN) as server,
        open_faulty_server(faults | {"/warned": warned, "/headers-dropped": without_headers}) as faulty,
    ):
        cases = make_cases(server, faulty)
        listed = [{"raw": data.decode("latin-1"), "configuration": maps} for data, maps in cases.values()]
        file = folder / "cases.json"
        file.write_text(json.dumps(listed), encoding="utf-8")
        command = [str(RHINO), "-version", request.param, Path(__file__).with_name("mirth.js"), file, SCRIPTS]
        done = subprocess.run(command, capture_output=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        assert done.stderr == b""
        yield dict(zip(cases, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize("case", ["clean", "umlaut", "headers-dropped"])
def test_a_clean_message_goes_to_the_senders(outcomes: Mapping[str, Any], case: str) -> None:
    outcome = outcomes[case]
    assert (outcome["send"], outcome["keep"], outcome["summary"]) == (True, False, "2 claims accepted")
    assert json.loads(outcome["report"])["files"][0]["totals"]["accepted"] == 2


def test_a_message_with_a_rejected_claim_goes_to_the_keeper_with_its_report(outcomes: Mapping[str, Any]) -> None:
    outcome = outcomes["faulty"]
    assert (outcome["send"], outcome["keep"]) == (False, True)
    assert outcome["summary"] == "1 of 2 claims rejected (IVUS101, IVUS102)"
    assert json.loads(outcome["report"])["files"][0]["claims"][1]["disposition"] == "rejected"


@pytest.mark.parametrize("case", ["errors-of-the-file", "errors-of-the-file-and-headers-dropped"])
def test_a_message_with_errors_of_the_file_goes_to_the_keeper(outcomes: Mapping[str, Any], case: str) -> None:
    outcome = outcomes[case]
    assert (outcome["send"], outcome["keep"]) == (False, True)
    assert outcome["summary"] == "every claim is accepted, but the file has errors (X12121)"


def test_findings_that_count_as_errors_here_go_to_the_keeper(outcomes: Mapping[str, Any]) -> None:
    outcome = outcomes["warned"]
    assert (outcome["send"], outcome["keep"]) == (False, True)
    assert "(fail-on)" in outcome["summary"]


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("truncated", "the message could not be judged as a whole (X12103)"),
        ("text", "the message could not be judged as a whole (X12101)"),
        ("empty", "the scrubber answered 400 (The body is empty)"),
        ("utf-8", "the message cannot be turned back into bytes, see scrubberCharset"),
        ("no-token", "the scrubber answered 401 (A bearer token is needed)"),
        ("wrong-token", "the scrubber answered 401 (A bearer token is needed)"),
        ("not-there", "the scrubber answered 404 (There is nothing at this path)"),
        ("another-return", "the answer is not JSON"),
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
