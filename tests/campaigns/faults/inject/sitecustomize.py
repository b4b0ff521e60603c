"""On PYTHONPATH, makes a process fail or end at one of its file-system calls.

`FAULT` is KIND:CALL:NUMBER.  KIND is an error (ENOSPC, EIO, EACCES) or a signal (KILL, INT, TERM, HUP), with "+" behind
it to come after the call instead of before, or "none".  CALL is open, read, write, fsync, rename, unlink, mkdir, rmdir,
link or any; the NUMBER-th of them that concerns a file below `FAULT_ROOT` is hit, counted from 0 in each process.  A
full disk stays full.  `FAULT_LOG` names a file that takes a line for each call, and one that begins with "hit" for each
that was hit.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import signal
import sys
from typing import Any

KIND, CALL, NUMBER = (os.environ.get("FAULT") or "none:any:0").split(":")
ROOT, LOG = os.environ.get("FAULT_ROOT", ""), os.environ.get("FAULT_LOG", "")
AFTER, KIND = KIND.endswith("+"), KIND.rstrip("+")
SIGNAL = getattr(signal, f"SIG{KIND}", None)
ERROR = getattr(errno, KIND, None)
STAYS = KIND in {"ENOSPC", "EDQUOT"}
MAIN = os.getpid()

real_open, real_os_open, real_write, real_close = io.open, os.open, os.write, os.close
count = 0


def note(line: str) -> None:
    handle = real_os_open(LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    real_write(handle, f"{line}\n".encode())
    real_close(handle)


def concerns(place: Any) -> bool:
    if isinstance(place, int):
        try:
            return os.readlink(f"/proc/self/fd/{place}").startswith(ROOT)
        except OSError:
            return False
    try:
        return os.path.abspath(os.fsdecode(place)).startswith(ROOT)
    except TypeError:
        return False


def is_hit(call: str) -> bool:
    """Count a call, and say whether it is the one."""
    global count
    if LOG:
        note(call)
    if CALL not in (call, "any") or KIND == "none":
        return False
    if SIGNAL is not None and KIND != "KILL" and os.getpid() != MAIN:
        return False  # the terminal's signals are for the command itself
    count += 1
    stays = STAYS and call in ("open", "write", "mkdir", "link")
    hit = count > int(NUMBER) if stays else count == int(NUMBER) + 1
    if hit and LOG:
        note(f"hit {call}")
    return hit


def fail(call: str) -> None:
    if SIGNAL is not None:
        os.kill(os.getpid(), SIGNAL)
    elif ERROR is not None and not (STAYS and call in ("read", "unlink", "rmdir")):
        raise OSError(ERROR, os.strerror(ERROR))


def hurting(call: str, function: Any) -> Any:
    def hurt(*args: Any, **kwargs: Any) -> Any:
        if not (args and concerns(args[0])) or (call == "open" and not args[1] & os.O_CREAT):
            return function(*args, **kwargs)
        hit = is_hit(call)
        if hit and not AFTER:
            fail(call)
        result = function(*args, **kwargs)
        if hit and AFTER:
            fail(call)
        return result

    return hurt


class File(io.FileIO):
    """A file whose reads and writes may fail, a write after half of it is done."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if isinstance(args[0], int) or (args[1] == "r" and STAYS):
            super().__init__(*args, **kwargs)  # a full disk can be read
            return
        hit = is_hit("open")
        if hit and not AFTER:
            fail("open")
        super().__init__(*args, **kwargs)

    def write(self, data: Any) -> int:
        if concerns(self.fileno()) and is_hit("write"):
            super().write(bytes(data)[: len(data) // 2])
            fail("write")
            return len(data) // 2
        return super().write(data)

    def readinto(self, buffer: Any) -> Any:
        if is_hit("read"):
            fail("read")
        return super().readinto(buffer)

    def readall(self) -> bytes:
        if is_hit("read"):
            fail("read")
        return super().readall()


def hurting_open(
    file: Any,
    mode: str = "r",
    buffering: int = -1,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    closefd: bool = True,
    opener: Any = None,
) -> Any:
    if not concerns(file):
        return real_open(file, mode, buffering, encoding, errors, newline, closefd, opener)
    raw = File(file, mode.replace("b", "").replace("t", ""), closefd, opener)
    if buffering == 0:
        return raw
    kind: Any = io.BufferedRandom if "+" in mode else io.BufferedReader if mode[0] == "r" else io.BufferedWriter
    buffered = kind(raw)
    return buffered if "b" in mode else io.TextIOWrapper(buffered, encoding, errors, newline)


def install() -> None:
    io.open = builtins.open = hurting_open
    for call in ("open", "write", "fsync", "rename", "unlink", "mkdir", "rmdir", "link"):
        function = getattr(os, call)
        setattr(os, call, hurting(call, function))
        if function in os.supports_dir_fd:
            os.supports_dir_fd.add(getattr(os, call))
    os.replace, os.remove = hurting("rename", os.replace), os.unlink
    if sys.stdout is not None:
        sys.stdout = io.TextIOWrapper(io.BufferedWriter(File(1, "w", closefd=False)), encoding="utf-8")


if ROOT:
    install()
