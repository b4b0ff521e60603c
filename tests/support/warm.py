"""The program imported once, in a process that forks for every command of the tests.

A command is a process all the same, with descriptors, folder and environment of its own, from `main()` to the end of
Python.  What is spared is the start of the interpreter, the imports and the reading of the tables: eight tenths of a
short command.  No configuration, plugin of a test or input has been read before the fork.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from scrubber.api import load_settings, make_engine
from scrubber.cli.main import main

PROGRAM = Path(sys.executable).with_name("scrubber")


class WarmProgram:
    """The program, ready to run."""

    def __init__(self, env: dict[str, str]) -> None:
        """Start the process that forks, with the environment that Python reads when it starts."""
        self._connection, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lock = threading.Lock()
        with theirs:
            command = [sys.executable, __file__, str(theirs.fileno())]
            pipe = subprocess.PIPE  # as a command has it, whose buffers depend on it
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, env=env, pass_fds=[theirs.fileno()]
            )

    def close(self) -> None:
        """End the process that forks."""
        self._connection.close()
        self._process.communicate(timeout=60)

    def run(
        self,
        args: Sequence[str | Path],
        data: bytes | None,
        folder: Path,
        env: dict[str, str],
        timeout: float,
        stdout: int | None = None,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command as `subprocess.run` does, with its standard output kept unless `stdout` is a descriptor for it.

        Raises subprocess.TimeoutExpired.
        """
        command = [str(PROGRAM), *(os.fspath(arg) for arg in args)]
        umask = os.umask(0o077)
        os.umask(umask)
        request = json.dumps({"args": command, "folder": os.fspath(folder), "env": env, "umask": umask}).encode()
        stdin, fed = (os.open(os.devnull, os.O_RDONLY), -1) if data is None else os.pipe()
        kept, out_end = os.pipe() if stdout is None else (os.open(os.devnull, os.O_RDONLY), os.dup(stdout))
        said, err_end = os.pipe()
        theirs = [stdin, out_end, err_end]
        with self._lock, ThreadPoolExecutor(3) as threads:
            socket.send_fds(self._connection, [request], theirs)
            child = int(self._connection.recv(32))
            for descriptor in theirs:
                os.close(descriptor)
            told = [threads.submit(_read, end) for end in (kept, said)]
            if data is not None:
                threads.submit(_feed, fed, data)
            self._connection.settimeout(timeout)
            try:
                status = int(self._connection.recv(32))
            except TimeoutError as error:
                os.kill(child, signal.SIGKILL)
                self._connection.settimeout(None)
                self._connection.recv(32)
                raise subprocess.TimeoutExpired(command, timeout) from error
            self._connection.settimeout(None)
            out, err = (future.result(timeout) for future in told)
        return subprocess.CompletedProcess(command, os.waitstatus_to_exitcode(status), out, err)


def _read(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb") as stream:
        return stream.read()


def _feed(descriptor: int, data: bytes) -> None:
    with contextlib.suppress(BrokenPipeError), os.fdopen(descriptor, "wb") as stream:  # it need not read all
        stream.write(data)


def _serve(connection: socket.socket) -> bool:
    """Fork for each request.  Returns whether this is a child, which is to run the command."""
    while True:
        request, descriptors, *_ = socket.recv_fds(connection, 1 << 17, 3)
        if not request:
            return False
        child = os.fork()
        if not child:
            connection.close()
            for place, descriptor in enumerate(descriptors):
                os.dup2(descriptor, place)
                os.close(descriptor)
            wanted = json.loads(request)
            # As Python does: whether it can be sought in and whether it is a terminal is asked for once.
            stdin = open(0, "rb", closefd=False)  # noqa: SIM115 - it stays open
            sys.stdin = io.TextIOWrapper(stdin, sys.stdin.encoding, sys.stdin.errors, "\n")
            os.umask(wanted["umask"])
            os.chdir(wanted["folder"])
            os.environ.clear()
            os.environ.update(wanted["env"])
            sys.argv = wanted["args"]
            if path := wanted["env"].get("PYTHONPATH"):
                _take_plugins(path)
            return True
        for descriptor in descriptors:
            os.close(descriptor)
        connection.send(b"%d" % child)
        connection.send(b"%d" % os.waitpid(child, 0)[1])


def _take_plugins(path: str) -> None:
    """Have what is installed looked up again, with what lies on PYTHONPATH."""
    sys.path[1:1] = path.split(os.pathsep)
    importlib.invalidate_caches()
    for name, module in list(sys.modules.items()):
        for value in vars(module).values() if name.startswith("scrubber") else ():
            if callable(clear := getattr(value, "cache_clear", None)):
                clear()


def _import_all() -> None:
    for name in ("scrubber", "edits"):
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            if not module.name.startswith(("scrubber.__main__", "scrubber.server")):
                importlib.import_module(module.name)


if __name__ == "__main__":
    own = socket.socket(fileno=int(sys.argv[1]))
    # What a command and the processes that it starts see of themselves.
    __file__ = str(PROGRAM)
    sys.path[0] = str(PROGRAM.parent)
    _import_all()
    make_engine(load_settings(discover=False))  # which reads the tables
    gc.freeze()  # or every child would copy what it looks through for garbage
    if _serve(own):
        sys.exit(main())
