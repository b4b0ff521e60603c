"""The server when things go wrong: too much, too slow, too long, killed, crashed, not allowed."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from scrubber.errors import ConfigError
from scrubber.server.body import ClientLeftError
from scrubber.server.folder import open_folder
from scrubber.server.idempotency import AnswerStore
from scrubber.server.main import listen
from scrubber.server.problems import Problem
from scrubber.server.responses import Answer
from scrubber.server.settings import is_loopback, read_tokens
from scrubber.testing import to_837p
from tests.support.command import Run
from tests.support.serving import EDI, Reply, Server, install_drill, serving, wait_for

PLAIN = to_837p("37238\n36012\n37252 desc='LEFT CIV'")
CRASH, SLOW, ENDLESS, DEADLY = (to_837p(code) for code in ("99901", "99902", "99903", "99904"))
HEAD = b"POST /v1/scrub HTTP/1.1\r\nHost: x\r\nContent-Type: application/edi-x12\r\nContent-Length: %d\r\n\r\n"
TOKEN = "a-token-of-the-tests-0123456789"


@pytest.fixture(scope="module")
def drilled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with one worker, one place to wait, short limits, and a plugin that misbehaves on demand."""
    base = tmp_path_factory.mktemp("drilled")
    path = install_drill(base / "plugin")
    options = ("--jobs=1", "--queue=1", "--body-timeout=1", "--time-limit=3", "--max-bytes=1000000")
    with serving(base / "files", *options, PYTHONPATH=path) as server:
        yield server
        assert b"Traceback" not in server.log.read_bytes()
        assert b"a secret" not in server.log.read_bytes()


def _later(server: Server, body: bytes, **headers: str) -> Future[Reply]:
    """Send a request and come back when a worker has it."""
    clients = ThreadPoolExecutor(1)
    reply = clients.submit(server.scrub, body, **headers)
    clients.shutdown(wait=False)
    wait_for(lambda: server.metric("scrubber_requests_judging") == 1)
    return reply


def test_a_crashed_edit_is_a_fault_that_holds_the_report(drilled: Server) -> None:
    for query in ("", "?return=clean"):
        reply = drilled.scrub(CRASH, query)
        assert (reply.status, reply.problem) == (500, "edit-crashed")
        assert reply.headers["x-scrubber-exit-code"] == "4"
        (claim,) = reply.json["report"]["files"][0]["claims"]
        assert "SCR901" in [finding["code"] for finding in claim["findings"]]
    # One request's crash is not the next one's.
    assert drilled.scrub(PLAIN).status == 200


def test_more_than_may_wait_are_told_when_to_come_again(drilled: Server) -> None:
    with ThreadPoolExecutor(2) as clients:
        waiting = [clients.submit(drilled.scrub, SLOW) for _ in range(2)]
        wait_for(lambda: drilled.metric("scrubber_requests_in_hand") == 2)
        reply = drilled.scrub(PLAIN)
        assert (reply.status, reply.problem) == (429, "busy")
        assert int(reply.headers["retry-after"]) > 0
        assert [answer.result().status for answer in waiting] == [200, 200]


def test_a_key_that_is_in_use(drilled: Server) -> None:
    first = _later(drilled, SLOW, Idempotency_Key="k-1")
    reply = drilled.scrub(SLOW, Idempotency_Key="k-1")
    assert (reply.status, reply.problem) == (409, "key-in-use")
    assert first.result().status == 200
    assert drilled.scrub(SLOW, Idempotency_Key="k-1").body == first.result().body


def test_a_worker_that_dies_fails_its_request_only(drilled: Server) -> None:
    deaths = drilled.metric("scrubber_worker_deaths_total")
    reply = drilled.scrub(DEADLY, Idempotency_Key="k-2")
    assert (reply.status, reply.problem) == (503, "worker-died")
    drilled.wait_until_ready()
    assert drilled.scrub(PLAIN).status == 200
    # The failure was not kept under the key.
    assert drilled.scrub(PLAIN, Idempotency_Key="k-2").status == 200
    assert drilled.metric("scrubber_worker_deaths_total") == deaths + 1


def test_an_idle_worker_that_is_killed_is_replaced(drilled: Server) -> None:
    (worker,) = drilled.workers
    os.kill(worker, signal.SIGKILL)
    wait_for(lambda: drilled.ask("GET", "/readyz").status == 503)
    assert drilled.ask("GET", "/healthz").status == 200
    drilled.wait_until_ready()
    assert drilled.scrub(PLAIN).status == 200
    assert worker not in drilled.workers


def test_an_input_that_takes_too_long_is_given_up(drilled: Server) -> None:
    reply = drilled.scrub(ENDLESS)
    assert (reply.status, reply.problem) == (503, "time-limit")
    drilled.wait_until_ready()
    assert drilled.scrub(PLAIN).status == 200


def test_a_body_that_stops_coming_is_given_up(drilled: Server) -> None:
    with socket.create_connection(("127.0.0.1", drilled.port)) as client:
        client.sendall(HEAD % 99 + b"ISA")
        assert client.makefile("rb").readline() == b"HTTP/1.1 408 Request Timeout\r\n"
    wait_for(lambda: drilled.left() == [])


def test_a_client_that_leaves_leaves_nothing_behind(drilled: Server) -> None:
    with socket.create_connection(("127.0.0.1", drilled.port)) as client:
        client.sendall(HEAD % 99 + b"ISA")
        wait_for(lambda: drilled.left() != [])
    wait_for(lambda: drilled.left() == [])
    assert drilled.metric("scrubber_requests_in_hand") == 0
    assert drilled.metric('scrubber_http_requests_total{method="POST",route="/v1/scrub",status="499"}') == 1


def test_an_input_whose_client_has_left_is_given_up(drilled: Server) -> None:
    (worker,) = drilled.workers
    with socket.create_connection(("127.0.0.1", drilled.port)) as client:
        client.sendall(HEAD % len(ENDLESS) + ENDLESS)
        wait_for(lambda: drilled.metric("scrubber_requests_judging") == 1)
    wait_for(lambda: drilled.metric("scrubber_requests_in_hand") == 0)
    drilled.wait_until_ready()
    assert drilled.scrub(PLAIN).status == 200
    assert worker not in drilled.workers


def test_an_answer_under_a_key_waits_for_a_client_that_left(drilled: Server) -> None:
    head = b"POST /v1/scrub HTTP/1.1\r\nHost: x\r\nContent-Type: application/edi-x12\r\nIdempotency-Key: k-3\r\n"
    with socket.create_connection(("127.0.0.1", drilled.port)) as client:
        client.sendall(head + b"Content-Length: %d\r\n\r\n" % len(SLOW) + SLOW)
        wait_for(lambda: drilled.metric("scrubber_requests_judging") == 1)
    wait_for(lambda: drilled.metric("scrubber_requests_in_hand") == 0)
    assert drilled.scrub(SLOW, Idempotency_Key="k-3").headers["idempotency-replayed"] == "true"


def test_a_client_that_does_not_take_its_answer_is_let_go() -> None:
    async def stuck(_message: object) -> None:
        await asyncio.sleep(60)

    async def taking(message: object) -> None:
        sent.append(message)

    sent: list[object] = []
    asyncio.run(Answer(200, {}, b"all of it").send(taking, pause=0.05))
    assert len(sent) == 3
    with pytest.raises(ClientLeftError):
        asyncio.run(Answer(200, {}, b"all of it").send(stuck, pause=0.05))


def test_a_refusal_reaches_a_client_that_still_sends(drilled: Server) -> None:
    reply = drilled.ask("POST", "/v1/scrub", bytes(20_000_000), EDI)
    assert (reply.status, reply.headers["connection"]) == (413, "close")


def test_a_client_that_waits_to_be_told_to_go_on_is_refused_at_once(drilled: Server) -> None:
    with socket.create_connection(("127.0.0.1", drilled.port)) as client:
        head = b"POST /v1/scrub HTTP/1.1\r\nHost: x\r\nContent-Type: application/edi-x12\r\nExpect: 100-continue\r\n"
        client.sendall(head + b"Content-Length: 2000000\r\n\r\n")
        began = time.monotonic()
        assert client.makefile("rb").read().startswith(b"HTTP/1.1 413 ")
        assert time.monotonic() - began < 3


def test_a_token_is_asked_for_and_requests_are_finished_in_the_end(tmp_path: Path) -> None:
    (tmp_path / "tokens").write_text(f"{TOKEN}\nanother-token-0123456789\n")
    (tmp_path / "tokens").chmod(0o600)
    plugin = install_drill(tmp_path / "plugin")
    options = (f"--token-file={tmp_path / 'tokens'}", "--jobs=1", "--host=0.0.0.0")
    with serving(tmp_path / "files", *options, PYTHONPATH=plugin) as server:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}):
            for method, path in (("POST", "/v1/scrub"), ("GET", "/v1/edits"), ("GET", "/metrics"), ("GET", "/none")):
                reply = server.ask(method, path, None, EDI | headers)
                assert (reply.status, reply.problem) == (401, "unauthorized")
                assert reply.headers["www-authenticate"] == "Bearer"
        for path in ("/healthz", "/readyz", "/openapi.json"):
            assert server.ask("GET", path).status == 200
        assert server.scrub(PLAIN, Authorization="bearer another-token-0123456789").status == 200
        assert TOKEN.encode() not in server.log.read_bytes()

        with ThreadPoolExecutor(1) as clients:
            last = clients.submit(server.scrub, SLOW, Authorization=f"Bearer {TOKEN}")
            wait_for(lambda: server.left() != [])
            server.process.send_signal(signal.SIGTERM)
            assert last.result().status == 200
        assert server.process.wait(10) == 0
    assert list((tmp_path / "files").iterdir()) == []


def test_the_workers_and_files_of_a_killed_server_do_not_stay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plugin = install_drill(tmp_path / "plugin")
    with serving(tmp_path / "files", "--jobs=1", PYTHONPATH=plugin) as server:
        (worker,) = server.workers
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(HEAD % len(ENDLESS) + ENDLESS)
            wait_for(lambda: server.metric("scrubber_requests_judging") == 1)
            with open_folder(server.folder):  # another server leaves what belongs to one that lives
                assert server.left() != []
            server.process.kill()
        server.process.wait()
        wait_for(lambda: not Path(f"/proc/{worker}").exists())
    assert server.left() != []
    with open_folder(server.folder) as folder:
        assert list(server.folder.iterdir()) == [folder]
    assert "removed the temporary files" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--host=0.0.0.0"], "others can reach it"),
        (["--host=::"], "others can reach it"),
        (["--host=example"], "others can reach it"),
        (["--token-file=none"], "cannot be opened"),
        (["--temp-dir=/none"], "cannot hold temporary files"),
        (["--select=NOPE"], "NOPE"),
    ],
)
def test_what_cannot_be_served_is_one_clear_line_and_exit_code_2(run: Run, args: list[str], told: str) -> None:
    done = run("serve", "--port=0", *args)
    assert done.returncode == 2
    assert told in done.stderr.decode()
    assert b"Traceback" not in done.stderr


def test_a_port_that_is_taken(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run("serve", f"--port={taken.getsockname()[1]}")
    assert done.returncode == 2
    assert b"cannot be listened on (Address already in use)" in done.stderr


def test_the_parts_of_an_answer_do_not_wait_for_each_other() -> None:
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize("module", ["starlette", "uvicorn", "prometheus_client"])
def test_without_the_extra_it_is_named(module: str) -> None:
    program = f"import sys; sys.modules[{module!r}] = None; from scrubber.cli.main import main; main(['serve'])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False, timeout=60)
    assert done.returncode == 2
    assert b'pip install "x12-claim-scrubber[server]"' in done.stderr


def test_the_command_line_does_without_the_server() -> None:
    program = "import sys, scrubber.cli, scrubber.pipeline.batch; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, timeout=60)
    assert not {b"starlette", b"uvicorn", b"scrubber.server"} & set(done.stdout.split())


@pytest.mark.parametrize("text", ["", "short\n", "with blank 0123456789\n", "ünicode-0123456789\n"])
def test_tokens_that_cannot_be_used(tmp_path: Path, text: str) -> None:
    (tmp_path / "tokens").write_text(text)
    with pytest.raises(ConfigError):
        read_tokens(tmp_path / "tokens")


def test_a_token_from_the_environment_does_not_stay_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRUBBER_TOKEN", TOKEN)
    tokens = read_tokens(None)
    assert tokens.accept(TOKEN)
    assert not tokens.accept(TOKEN + "x")
    assert "SCRUBBER_TOKEN" not in os.environ
    assert TOKEN not in repr(tokens)
    assert not read_tokens(None)


def test_a_token_file_that_others_can_read_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tokens").write_text(TOKEN)
    (tmp_path / "tokens").chmod(0o644)
    assert read_tokens(tmp_path / "tokens")
    assert "can be read by others" in capsys.readouterr().err


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example", ""])
def test_what_others_can_reach_is_not_loopback(host: str) -> None:
    assert not is_loopback(host)


def _kept(store: AnswerStore, key: str, place: Path) -> bool:
    place.mkdir(exist_ok=True)
    with store.reserve(key, place) as kept:
        (place / "kept").unlink(missing_ok=True)
        return kept is not None


def test_answers_are_kept_so_long_so_many_and_so_large(tmp_path: Path) -> None:
    now = [0.0]
    store = AnswerStore(tmp_path / "store", seconds=10, count=2, size=100, clock=lambda: now[0])
    store.folder.mkdir()
    place = tmp_path / "request"

    def keep(key: str, size: int = 10) -> None:
        path = tmp_path / f"answer-{key}"
        path.write_bytes(bytes(size))
        store.keep(key, ("json", "0"), Answer(200, {}, path=path))

    keep("a")
    now[0] = 5
    keep("b")
    assert _kept(store, "a", place)
    keep("c")
    assert [_kept(store, key, place) for key in "abc"] == [False, True, True]
    keep("d", size=95)
    assert [_kept(store, key, place) for key in "bcd"] == [False, False, True]
    keep("e", size=101)
    assert len(store) == 0
    keep("f")
    now[0] = 16
    assert not _kept(store, "f", place)
    assert list(store.folder.iterdir()) == []


def test_a_key_is_free_again_when_its_request_failed(tmp_path: Path) -> None:
    store = AnswerStore(tmp_path, 10, 2, 100)
    with store.reserve("a", tmp_path), pytest.raises(Problem), store.reserve("a", tmp_path):
        pass
    with store.reserve("a", tmp_path) as kept:
        assert kept is None
