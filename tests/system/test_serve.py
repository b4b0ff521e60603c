"""The server as a process of its own: what it answers, and that it answers as the command line does."""

from __future__ import annotations

import http.client
import json
import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from benchmarks.generate import write
from scrubber.testing import to_837p
from tests.support.command import Run
from tests.support.paths import FIXTURES
from tests.support.serving import EDI, Server, serving, wait_for

SAMPLE = (FIXTURES / "claims" / "office_week.837").read_bytes()
EXPECTED = FIXTURES / "expected"
CLEAN = to_837p("37238\n36012\n37252 desc='LEFT CIV'")
FAULTY = to_837p("37252 desc='LEFT CIV'")
LARGEST = 40_000_000
SECRETS = re.compile(rb"WK-0|SYNTHETIC|TESTER|WINTER|SECRET|NM1|CLM|HIDDEN", re.IGNORECASE)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server") / "files"
    with serving(folder, "--jobs=2", f"--max-bytes={LARGEST}") as started:
        yield started
        wait_for(lambda: started.left() == [])  # a request's files go when its answer has gone
        log = started.log.read_bytes()
    assert b"Traceback" not in log
    assert not SECRETS.search(log), log.decode()
    assert list(folder.iterdir()) == []


def _of_the_command_line(run: Run, data: bytes) -> bytes:
    return run("scrub", "--format=json", "-", data=data).stdout.replace(b'"<stdin>"', b'"<request>"')


@pytest.mark.parametrize("data", [SAMPLE, CLEAN, FAULTY, b"hello", CLEAN[:300], b"\xef\xbb\xbf" + FAULTY])
def test_the_report_is_that_of_the_command_line(server: Server, run: Run, data: bytes) -> None:
    reply = server.scrub(data)
    assert reply.status == 200
    assert reply.body == _of_the_command_line(run, data)
    schema = json.loads(files("scrubber.outputs.reports").joinpath("report.schema.json").read_text())
    Draft202012Validator(schema).validate(reply.json)


@pytest.mark.parametrize(
    ("name", "media_type", "expected"),
    [
        ("ndjson", "application/x-ndjson", "ndjson/office_week.ndjson"),
        ("277ca", "application/edi-x12", "x12/office_week.277ca"),
        ("annotated", "application/edi-x12", "x12/office_week.annotated.837"),
        ("clean", "application/edi-x12", "x12/office_week.clean.837"),
        ("rejected", "application/edi-x12", "x12/office_week.rejected.837"),
    ],
)
@pytest.mark.parametrize("by", ["return", "accept"])
def test_every_file_is_that_of_the_command_line(
    server: Server, name: str, media_type: str, expected: str, by: str
) -> None:
    profile = f"{media_type}; profile={name}"
    reply = server.scrub(SAMPLE, f"?return={name}") if by == "return" else server.scrub(SAMPLE, Accept=profile)
    assert reply.status == 200
    assert reply.headers["content-type"] == media_type
    assert reply.headers["x-scrubber-disposition"] == "mixed"
    known = (EXPECTED / expected).read_bytes()
    assert reply.body == re.sub(rb'"file": "[^"]*"', b'"file": "<request>"', known)


def test_a_999_tells_that_the_structure_is_in_order(server: Server) -> None:
    reply = server.scrub(SAMPLE, "?return=999")
    assert reply.status == 200
    assert b"AK9*A*1*1*1~" in reply.body


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("text/html, application/*;q=0.5", "application/json"),
        ("application/json;q=0.1, application/x-ndjson", "application/x-ndjson"),
        ("application/json;q=0, */*", "application/x-ndjson"),
        ("application/*, application/json;q=0.1", "application/x-ndjson"),
        ("*/*, application/json;q=0.1, application/x-ndjson;q=0.2", "application/edi-x12"),
        ("application/edi-x12, application/json", "application/edi-x12"),
        ("application/json;q=nan, application/edi-x12;q=0.5", "application/edi-x12"),
        ("Application/EDI-X12", "application/edi-x12"),
    ],
)
def test_accept_chooses(server: Server, accept: str, media_type: str) -> None:
    assert server.scrub(SAMPLE, Accept=accept).headers["content-type"] == media_type


def test_without_a_profile_x12_is_the_277ca(server: Server) -> None:
    reply = server.scrub(SAMPLE, Accept="application/edi-x12")
    assert reply.body == server.scrub(SAMPLE, "?return=277ca", Accept="application/json").body


@pytest.mark.parametrize(
    ("data", "disposition", "counts", "code"),
    [
        (CLEAN, "accepted", "1 1 0", "0"),
        (FAULTY, "rejected", "1 0 1", "1"),
        (SAMPLE, "mixed", "17 7 10", "1"),
        (CLEAN.replace(b"IEA*1*", b"IEA*2*"), "rejected", "1 0 1", "1"),
        (CLEAN[:-20], "unknown", "1 1 0", "3"),
        (b"hello", "unknown", "0 0 0", "3"),
    ],
)
def test_the_headers_tell_what_came_of_it(
    server: Server, data: bytes, disposition: str, counts: str, code: str
) -> None:
    headers = server.scrub(data).headers
    assert headers["x-scrubber-disposition"] == disposition
    found = " ".join(headers[f"x-scrubber-{name}"] for name in ("claims", "accepted", "rejected"))
    assert found == counts
    assert headers["x-scrubber-exit-code"] == code
    assert headers["cache-control"] == "no-store"


def test_a_side_without_claims_is_no_content(server: Server) -> None:
    for data, name in ((CLEAN, "rejected"), (FAULTY, "clean")):
        reply = server.scrub(data, f"?return={name}")
        assert (reply.status, reply.body) == (204, b"")
        assert reply.headers["x-scrubber-claims"] == "1"
    assert server.scrub(CLEAN, "?return=clean").body == CLEAN


@pytest.mark.parametrize("name", ["ndjson", "277ca", "annotated", "clean", "rejected"])
def test_of_an_input_not_read_whole_there_is_only_a_report(server: Server, run: Run, name: str) -> None:
    reply = server.scrub(SAMPLE[:-200], f"?return={name}")
    assert (reply.status, reply.problem) == (422, "unreadable-input")
    assert reply.headers["x-scrubber-disposition"] == "unknown"
    assert reply.json["report"] == json.loads(_of_the_command_line(run, SAMPLE[:-200]))


def test_lines_without_room_for_a_note_are_counted(server: Server) -> None:
    noted = to_837p("37252 desc='LEFT CIV'").replace(b"DTP*472", b"NTE*TPO*TAKEN~DTP*472", 1)
    reply = server.scrub(noted, "?return=annotated")
    assert reply.headers["x-scrubber-not-annotated"] == "1"


@pytest.mark.parametrize(
    ("query", "headers", "status", "problem"),
    [
        ("?return=pdf", {}, 400, "bad-parameter"),
        ("?return=json&return=clean", {}, 400, "bad-parameter"),
        ("?retrun=clean", {}, 400, "bad-parameter"),
        ("", {"Idempotency-Key": "with blank"}, 400, "bad-parameter"),
        ("", {"Idempotency-Key": "x" * 256}, 400, "bad-parameter"),
        ("", {"Accept": "text/html"}, 406, "not-acceptable"),
        ("", {"Accept": "application/edi-x12;profile=835"}, 406, "not-acceptable"),
        ("", {"Content-Type": "text/plain"}, 415, "unsupported-media-type"),
        ("", {"Content-Type": "multipart/form-data; boundary=x"}, 415, "unsupported-media-type"),
        ("", {"Content-Encoding": "gzip"}, 415, "unsupported-media-type"),
    ],
)
def test_a_head_that_cannot_be_used_is_refused(
    server: Server, query: str, headers: dict[str, str], status: int, problem: str
) -> None:
    reply = server.ask("POST", f"/v1/scrub{query}", SAMPLE, EDI | headers)
    assert (reply.status, reply.problem) == (status, problem)


@pytest.mark.parametrize(
    ("name", "values", "status"),
    [("Idempotency-Key", ["one", "two"], 400), ("Content-Encoding", ["identity", "gzip"], 415)],
)
def test_no_header_hides_behind_another_of_its_name(server: Server, name: str, values: list[str], status: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.putrequest("POST", "/v1/scrub")
    for header, value in [*EDI.items(), ("Content-Length", str(len(CLEAN))), *((name, value) for value in values)]:
        connection.putheader(header, value)
    connection.endheaders(CLEAN)
    assert connection.getresponse().status == status
    connection.close()


@pytest.mark.parametrize("head", ["POST /v1/scrub", "GET /v1/edits"])
def test_a_body_of_two_lengths_hides_no_request(server: Server, head: str) -> None:
    first = f"{head} HTTP/1.1\r\nHost: x\r\nContent-Type: application/edi-x12\r\nContent-Length: 5\r\n"
    hidden = "GET /v1/edits HTTP/1.1\r\nHost: x\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as client:
        client.sendall(f"{first}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}".encode())
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize(
    "media_type", ["application/EDI-X12", "application/edi-x12; charset=us-ascii", "application/octet-stream"]
)
def test_x12_and_plain_bytes_are_taken(server: Server, media_type: str) -> None:
    assert server.ask("POST", "/v1/scrub", CLEAN, {"Content-Type": media_type}).status == 200


def test_an_empty_body_is_refused(server: Server) -> None:
    for body in (b"", iter([b""])):
        reply = server.scrub(body)
        assert (reply.status, reply.problem) == (400, "empty-body")


@pytest.mark.parametrize(
    ("method", "path", "status", "allowed"),
    [
        ("GET", "/v1/scrub", 405, "POST"),
        ("POST", "/v1/edits", 405, "GET, HEAD"),
        ("GET", "/v1/scrub/", 404, None),
        ("GET", "/HIDDEN?HIDDEN=1", 404, None),
        ("HIDDEN", "/healthz", 405, "GET, HEAD"),
    ],
)
def test_other_paths_and_methods(server: Server, method: str, path: str, status: int, allowed: str | None) -> None:
    reply = server.ask(method, path)
    assert reply.status == status
    assert reply.problem in ("not-found", "method-not-allowed")
    assert reply.headers.get("allow") == allowed


def test_the_catalogue_is_that_of_the_command_line(server: Server, run: Run) -> None:
    assert server.ask("GET", "/v1/edits").body == run("edits", "--format=json").stdout


def test_a_large_body_leaves_the_server_small(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "part.837"
    write(path, 200, 0.005)
    padding = b"".join(b"K3*%080d~\n" % number for number in range(180))
    data = path.read_bytes().replace(b"REF*D9", padding + b"REF*D9") * 10
    assert 30_000_000 < len(data) < LARGEST
    before = server.peak
    chunks = (data[start : start + 65_536] for start in range(0, len(data), 65_536))
    reply = server.scrub(chunks, "?return=ndjson")
    assert reply.status == 200
    assert reply.headers["x-scrubber-claims"] == "2000"
    assert reply.body.count(b"\n") == 2_000
    assert server.peak - before < 20_000_000


def test_a_body_over_the_limit_is_refused(server: Server) -> None:
    data = bytes(LARGEST + 1)
    for body in (data, iter([data[:-1], data[-1:]])):
        reply = server.scrub(body)
        assert (reply.status, reply.problem) == (413, "too-large")
        assert reply.json["max_bytes"] == LARGEST


def test_several_clients_get_what_the_command_line_gives(server: Server, run: Run) -> None:
    inputs = [SAMPLE, CLEAN, FAULTY, b"hello"]
    expected = [_of_the_command_line(run, data) for data in inputs]
    with ThreadPoolExecutor(8) as clients:
        replies = list(clients.map(server.scrub, inputs * 10))
    assert [reply.body for reply in replies] == expected * 10


def test_a_request_sent_again_gets_its_answer_again(server: Server) -> None:
    judged = server.metric("scrubber_inputs_total")
    first = server.scrub(SAMPLE, "?return=277ca", Idempotency_Key="a-1")
    again = server.scrub(SAMPLE, "?return=277ca", Idempotency_Key="a-1")
    assert again.body == first.body
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["x-scrubber-rejected"] == "10"
    assert server.metric("scrubber_inputs_total") == judged + 1
    for data, query in ((CLEAN, "?return=277ca"), (SAMPLE, "?return=json")):
        other = server.scrub(data, query, Idempotency_Key="a-1")
        assert (other.status, other.problem) == (422, "key-reused")


def test_no_content_and_unreadable_are_answers_too(server: Server) -> None:
    for data, query, status in ((CLEAN, "?return=rejected", 204), (b"hello", "?return=clean", 422)):
        first, again = (server.scrub(data, query, Idempotency_Key=f"b-{status}") for _ in range(2))
        assert (first.status, again.status) == (status, status)
        assert first.body == again.body
        assert again.headers["idempotency-replayed"] == "true"


def test_counts_for_prometheus(server: Server) -> None:
    before = server.metric('scrubber_claims_total{disposition="rejected"}')
    server.scrub(SAMPLE)
    text = server.ask("GET", "/metrics").body.decode()
    assert server.metric('scrubber_claims_total{disposition="rejected"}') == before + 10
    assert 'scrubber_findings_total{code="IVUS101",severity="error"}' in text
    assert 'scrubber_http_requests_total{method="POST",route="/v1/scrub",status="200"}' in text
    assert server.metric("scrubber_workers") == 2
    assert server.metric("scrubber_requests_in_hand") == 0
    assert not SECRETS.search(text.encode())


def test_health_and_readiness(server: Server) -> None:
    assert server.ask("GET", "/healthz").json == {"status": "alive"}
    assert server.ask("GET", "/readyz").json == {"status": "ready"}
    assert server.ask("HEAD", "/healthz").status == 200


def test_what_lies_on_disk_is_its_owners_only(server: Server) -> None:
    server.scrub(CLEAN, Idempotency_Key="c-1")
    (folder,) = server.folder.iterdir()
    assert folder.stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())
