"""An HTTP server with faults that `scrubber serve` does not have: what a proxy or another program may say."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import NamedTuple


class Answer(NamedTuple):
    """What the server says: the status, its headers and the body."""

    status: int
    headers: dict[str, str]
    body: bytes


@cache
def report_on(data: bytes) -> bytes:
    """Return the JSON report on an input."""
    program = str(Path(sys.executable).with_name("scrubber"))
    command = [program, "scrub", "-", "--format", "json", "--exit-zero"]
    return subprocess.run(command, input=data, capture_output=True, check=False, timeout=60).stdout


def answer_with(body: bytes, **changes: object) -> Answer:
    """Return the answer 200 with the report on an input, its file entry changed as said."""
    report = json.loads(report_on(body))
    for name, value in changes.items():
        report["files"][0][name] = value
    totals = report["files"][0]["totals"]
    headers = {
        "Content-Type": "application/json",
        "X-Scrubber-Accepted": str(totals.get("accepted")),
        "X-Scrubber-Rejected": str(totals.get("rejected")),
        "X-Scrubber-Exit-Code": "1" if totals.get("rejected") else "0",
    }
    return Answer(200, headers, json.dumps(report).encode())


def problem(status: int, title: str) -> Answer:
    """Return an error of the server."""
    body = json.dumps({"type": "about:blank", "title": title, "status": status})
    return Answer(status, {"Content-Type": "application/problem+json"}, body.encode())


Fault = Callable[[bytes], Answer]
"""What a server with a fault answers to a body."""


def make_handler(faults: Mapping[str, Fault]) -> type[BaseHTTPRequestHandler]:
    """Make a handler that answers a path of `faults` as said there."""

    class FaultyServer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = faults[self.path](body)
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(ConnectionError):  # one that waits no longer is among the tests
                self.wfile.write(answer.body)
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    return FaultyServer


@contextmanager
def open_faulty_server(faults: Mapping[str, Fault]) -> Iterator[str]:
    """Run the server on a free port of this machine and give its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), make_handler(faults))
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
