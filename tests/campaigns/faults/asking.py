"""A server that is hurt while it is asked: what a client gets is whole or visibly broken, and no file stays."""

from __future__ import annotations

import http.client
import json
import random
import signal
import tempfile
import time
from pathlib import Path

from attrs import define, field

from tests.campaigns.faults.harness import INJECT, INPUTS, Hurt, unwanted
from tests.support.serving import Reply, Server, serving

_ASKED = ("?return=clean", "?return=json", "?return=277ca", "?return=clean")
_ERRORS = ("ENOSPC:write", "ENOSPC:open", "ENOSPC:link", "EIO:write", "EIO:open", "EIO:read", "EIO:rename", "EIO:fsync")


@define
class Desk:
    """Servers in folders of their own below `folder`, each asked the same twice, under keys that are the same."""

    folder: Path
    whole: dict[str, bytes] = field(factory=dict)

    def run(self, fault: str) -> list[str]:
        """Start a server, hurt it, ask, and say what should not be so."""
        place = Path(tempfile.mkdtemp(dir=self.folder)) / "files"
        environment = {"PYTHONPATH": str(INJECT), "FAULT": fault, "FAULT_ROOT": str(place)}
        try:
            with serving(place, "--jobs=1", **environment) as server:
                found = self._ask(server) + self._ask(server)
                left = _left(server)
                is_killed = server.process.poll() is not None  # perhaps while it cleared up behind its last answer
                found += [] if is_killed else left
            is_killed |= server.process.returncode == -signal.SIGKILL  # or while it was told to end
        except (AssertionError, OSError, http.client.HTTPException) as error:  # it could not even start
            found, is_killed = [], fault.startswith("KILL")
            if not is_killed and not fault.startswith(("ENOSPC", "EIO")):
                found.append(f"does not start: {error}")
        if is_killed:
            with serving(place, "--jobs=1") as server:
                found += self._ask(server, whole=True)
        said = unwanted(place.with_name("files.log").read_text().splitlines())
        found += [words for words in said if words != "says internal fault"]  # the log's word for an answer cut short
        # A folder that was killed before it had its name holds nothing.
        found += [f"{path.name} stays" for path in place.rglob("*") if path.is_file()]
        return [f"serve, {fault}: {defect}" for defect in found]

    def _ask(self, server: Server, *, whole: bool = False) -> list[str]:
        found = []
        for query in _ASKED:
            try:
                reply = server.scrub(INPUTS["a.837"], query, Idempotency_Key=f"key-{query[8:]}")
            except (OSError, http.client.HTTPException) as error:
                if whole:
                    found.append(f"{query} is not answered: {error!r}")
                continue  # broken, and visibly so
            found += self._defects(query, reply, whole=whole or not self.whole)
        return found

    def _defects(self, query: str, reply: Reply, *, whole: bool) -> list[str]:
        if reply.status == 200:
            expected = self.whole.setdefault(query, reply.body)
            return [] if reply.body == expected else [f"{query} is answered with something else"]
        if whole or reply.status not in (500, 503):
            return [f"{query} is answered {reply.status}"]
        kind = json.loads(reply.body)["type"].rpartition(":")[2]
        return (
            [] if kind in ("storage", "worker-died", "not-ready", "internal-fault") else [f"{query} is answered {kind}"]
        )


def _left(server: Server) -> list[str]:
    end = time.monotonic() + 5
    while server.left() and time.monotonic() < end:
        time.sleep(0.02)
    return [f"{name} is left" for name in server.left()]


def draw_fault(chance: random.Random) -> Hurt:
    """Do something to a server or to its worker."""
    kind = chance.choice((*_ERRORS, "KILL:any", "KILL+:any", "KILL:write", "KILL:rename"))
    return Hurt(f"{kind}:{chance.randrange(30 if kind.endswith(('any', 'write', 'open', 'read')) else 8)}")
