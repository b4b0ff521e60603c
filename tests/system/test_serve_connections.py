"""Connections that wait: they are let go in time, make room for others, and do not fill the log."""

from __future__ import annotations

import logging
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from scrubber.server.connections import room_for_connections
from scrubber.server.logs import _OnceAMinute
from scrubber.server.settings import ServeSettings, Tokens
from scrubber.testing import to_837p
from tests.support.serving import Server, install_drill, serving, wait_for

SLOW = to_837p("99902")
HEAD = b"POST /v1/scrub HTTP/1.1\r\nHost: x\r\nContent-Type: application/edi-x12\r\nContent-Length: %d\r\n\r\n"
LINE = b"GET /healthz HTTP/1.1\r\n"


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that keeps five connections, and waits 1.5 seconds for a head."""
    base = tmp_path_factory.mktemp("narrow")
    options = ("--jobs=1", "--max-connections=5", "--head-timeout=1.5")
    with serving(base / "files", *options, PYTHONPATH=install_drill(base / "plugin")) as server:
        yield server
        assert b"Traceback" not in server.log.read_bytes()


def _connect(server: Server, sent: bytes = b"") -> socket.socket:
    client = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    client.sendall(sent)
    return client


def _is_open(client: socket.socket) -> bool:
    client.settimeout(0)
    try:
        return client.recv(1) != b""
    except BlockingIOError:
        return True
    except ConnectionError:
        return False


def _open_files(server: Server) -> int:
    return sum(1 for _ in Path(f"/proc/{server.process.pid}/fd").iterdir())


def _read_until(client: socket.socket, end: bytes) -> None:
    """Read byte by byte to the end of an answer."""
    read = b""
    while not read.endswith(end):
        byte = client.recv(1)
        assert byte, "the connection was closed"
        read += byte


def test_a_connection_without_a_request_is_closed_in_time(narrow: Server) -> None:
    began = time.monotonic()
    with ExitStack() as stack:
        for sent in (b"", b"G", LINE, LINE + b"Host: x\r\nX: " + b"x" * 1000):
            stack.callback(_is_closed_in_time, stack.enter_context(_connect(narrow, sent)), began)


def _is_closed_in_time(client: socket.socket, began: float) -> None:
    assert client.recv(1) == b""
    assert 1.1 < time.monotonic() - began < 5


def test_a_head_that_comes_byte_by_byte_gets_no_more_time(narrow: Server) -> None:
    with _connect(narrow) as client:
        began = time.monotonic()
        while _is_open(client) and time.monotonic() - began < 8:
            client.settimeout(5)
            try:
                client.sendall(b"G")
            except ConnectionError:
                break
            time.sleep(0.1)
        assert 1.1 < time.monotonic() - began < 5


def test_the_next_request_of_a_connection_has_its_own_time(narrow: Server) -> None:
    with _connect(narrow) as client:
        for _ in range(3):
            time.sleep(0.6)
            client.sendall(LINE + b"Host: x\r\n\r\n")
            _read_until(client, b'"}')
        client.sendall(LINE)
        assert client.recv(1) == b""


def test_requests_in_one_write_are_all_answered(narrow: Server) -> None:
    with _connect(narrow, 3 * (LINE + b"Host: x\r\n\r\n")) as client:
        for _ in range(3):
            _read_until(client, b'"}')
        time.sleep(1.8)  # longer than a head may take, shorter than an idle connection is kept
        assert client.recv(1) == b""


def test_a_slow_body_and_a_slow_answer_are_not_meant(narrow: Server) -> None:
    with _connect(narrow, HEAD % len(SLOW)) as client:
        for start in range(0, len(SLOW), len(SLOW) // 5 + 1):
            time.sleep(0.35)
            client.sendall(SLOW[start : start + len(SLOW) // 5 + 1])
        assert client.recv(4096).startswith(b"HTTP/1.1 200")


def test_those_that_wait_make_room_the_oldest_first(narrow: Server) -> None:
    files = _open_files(narrow)
    with ExitStack() as stack:
        clients = [stack.enter_context(_connect(narrow, LINE)) for _ in range(100)]
        for _ in range(3):
            assert narrow.ask("GET", "/healthz").status == 200
        wait_for(lambda: sum(map(_is_open, clients)) <= 5)
        assert not any(map(_is_open, clients[:90]))
        assert _open_files(narrow) < files + 20
    said = narrow.log.read_text().splitlines()
    assert len([line for line in said if "more than 5 connections" in line]) == 1


def test_where_all_have_requests_a_new_one_is_refused(narrow: Server) -> None:
    with ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(_connect(narrow, HEAD % len(SLOW) + SLOW[:100]))
        wait_for(lambda: len(narrow.left()) == 5)
        with _connect(narrow) as client:
            assert client.makefile("rb").read().startswith(b"HTTP/1.1 503 ")
    wait_for(lambda: narrow.left() == [])
    assert narrow.ask("GET", "/healthz").status == 200


def test_without_sockets_the_log_says_so_once(tmp_path: Path) -> None:
    with serving(tmp_path / "files", "--jobs=1") as server, ExitStack() as stack:
        limits = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (_open_files(server) + 3, limits[1]))
        before = len(server.log.read_text())
        for _ in range(40):
            stack.enter_context(_connect(server, LINE))
        time.sleep(2.2)  # accepting is tried again each second
        said = server.log.read_text()[before:]
        assert said.count("out of sockets") == 1
        assert len(said) < 500
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, limits)
        wait_for(lambda: server.ask("GET", "/healthz").status == 200)


# -- parts -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "asked", "jobs", "room"),
    [(1024, 512, 2, 512), (1024, 5, 2, 5), (256, 512, 2, 124), (64, 512, 2, 26), (1024, 512, 64, 520 - 8)],
)
def test_the_system_may_allow_fewer(
    files: int, asked: int, jobs: int, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ServeSettings("127.0.0.1", 0, 1, jobs, 16, Tokens(), Path(), max_connections=asked)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (files, files))
    assert room_for_connections(settings) == room
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, -1))
    assert room_for_connections(settings) == asked


def test_a_warning_passes_once_a_minute() -> None:
    now = [0.0]
    once = _OnceAMinute(lambda: now[0])

    def say(name: str, level: int, words: str) -> str | None:
        record = logging.LogRecord(name, level, "", 0, words, (), None)
        return record.getMessage() if once.filter(record) else None

    accept = "socket.accept() out of system resource\nsocket: <asyncio.TransportSocket fd=7>"
    assert say("asyncio", logging.ERROR, accept) == "out of sockets: no connection can be accepted for now"
    assert [say("asyncio", logging.ERROR, accept) for _ in range(1000)] == [None] * 1000
    assert say("asyncio", logging.ERROR, "something else") == "something else"
    assert say("uvicorn.error", logging.WARNING, "Invalid HTTP request received.")
    assert say("uvicorn.error", logging.WARNING, "Invalid HTTP request received.") is None
    for _ in range(2):
        assert say("uvicorn.error", logging.INFO, "Started")
        assert say("scrubber.server.workers", logging.ERROR, "a worker ended")
    now[0] = 61
    assert "(1000 times more before)" in (say("asyncio", logging.ERROR, accept) or "")
    now[0] = 122
    assert "more before" not in (say("asyncio", logging.ERROR, accept) or "more before")
