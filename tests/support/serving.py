"""A real server process for the tests, and what a client needs to talk to it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

EDI = {"Content-Type": "application/edi-x12"}

DRILL = '''
import os, time
from typing import Any
from scrubber import EditPack, Edit, Meta, Severity, Source

class Drill(Edit[Any]):
    """Does what the procedure says.

    Why: to see what happens.
    Fix: nothing.
    """
    meta = Meta(code="DRL001", name="drill", title="Drill", since="0.1", stage="stable",
                severity=Severity.ERROR, sources=(Source("a test", "2026"),),
                procedures=frozenset({"99901", "99902", "99903", "99904"}))

    def check(self, claim, context):
        codes = {line.procedure for line in claim.lines}
        if "99901" in codes:
            raise RuntimeError(f"a secret of {claim.subscriber.last_name}")
        if "99902" in codes:
            time.sleep(1)
        if "99903" in codes:
            time.sleep(30)
        if "99904" in codes:
            os.kill(os.getpid(), 9)
        return []

EDITS = EditPack(edits=(Drill,))
'''


@frozen
class Reply:
    """An answer: status, headers by lower-case name, and body."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def problem(self) -> str:
        """The kind of a problem document that is in order."""
        assert self.headers["content-type"] == "application/problem+json"
        assert self.json["status"] == self.status
        assert self.json["instance"] == f"urn:uuid:{self.headers['x-request-id']}"
        return str(self.json["type"].removeprefix("urn:x12-claim-scrubber:problem:"))


@define
class Server:
    """A server that runs."""

    process: subprocess.Popen[bytes]
    port: int
    folder: Path
    log: Path

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        port: int | None = None,
    ) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=60)
        try:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, found, answer.read())
        finally:
            connection.close()

    def scrub(self, body: bytes | Iterable[bytes], query: str = "", **headers: str) -> Reply:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask("POST", f"/v1/scrub{query}", body, EDI | named)

    def metric(self, name: str) -> float:
        lines = self.ask("GET", "/metrics").body.decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))

    @property
    def workers(self) -> list[int]:
        """The processes that judge."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(child) for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]

    @property
    def peak(self) -> int:
        """The peak memory of the server itself in bytes."""
        (line,) = (row for row in Path(f"/proc/{self.process.pid}/status").read_text().splitlines() if "VmHWM" in row)
        return int(line.split()[1]) * 1024

    def left(self) -> list[str]:
        """The temporary files of requests."""
        return [path.name for path in self.folder.glob("*/request-*")]

    def wait_until_ready(self) -> None:
        wait_for(lambda: self.ask("GET", "/readyz").status == 200)


def wait_for(condition: Any, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)


@contextmanager
def serving(folder: Path, *options: str, **environment: str) -> Iterator[Server]:
    """Start a server with its temporary files in `folder`, and end it."""
    folder.mkdir(exist_ok=True)
    log = folder.with_name(f"{folder.name}.log")
    program = str(Path(sys.executable).with_name("scrubber"))
    command = [program, "serve", "--port=0", f"--temp-dir={folder}", *options]
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=out, cwd=folder, env={"PATH": "", "PYTHONHASHSEED": "0", **environment}
        )
    try:
        wait_for(lambda: b"listening on" in log.read_bytes() or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        port = int(log.read_text().partition("listening on http://")[2].split()[0].rpartition(":")[2])
        server = Server(process, port, folder, log)
        server.wait_until_ready()
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        finally:
            process.kill()
            process.wait()


def install_drill(folder: Path) -> str:
    """Make a plugin that crashes, sleeps or dies on demand, and give the PYTHONPATH that installs it."""
    (folder / "drill-1.dist-info").mkdir(parents=True)
    (folder / "drill_edits.py").write_text(DRILL)
    (folder / "drill-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: drill\nVersion: 1\n")
    (folder / "drill-1.dist-info" / "entry_points.txt").write_text("[scrubber.edits]\nDRL = drill_edits:EDITS\n")
    return os.fspath(folder)
