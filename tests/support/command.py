"""The `scrubber` command, run in a folder."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.support.warm import PROGRAM, WarmProgram

ENV = {"PATH": "", "PYTHONHASHSEED": "0"}
Run = Callable[..., subprocess.CompletedProcess[bytes]]


def runner(folder: Path, warm: WarmProgram) -> Run:
    """Return a function that runs the command in `folder`.

    What Python reads when it starts, such as PYTHONHASHSEED, is given to the installed command itself; plugins on
    PYTHONPATH are found by the warm program too.
    """

    def command(
        *args: str | Path, data: bytes | None = None, stdout: int | None = None, **env: str
    ) -> subprocess.CompletedProcess[bytes]:
        if not any(name.startswith("PYTHON") and name != "PYTHONPATH" for name in env):
            return warm.run(args, data, folder, {**ENV, **env}, timeout=60, stdout=stdout)
        return subprocess.run(
            [PROGRAM, *args],
            input=data,
            stdin=subprocess.DEVNULL if data is None else None,
            stdout=subprocess.PIPE if stdout is None else stdout,
            stderr=subprocess.PIPE,
            check=False,
            cwd=folder,
            env={**ENV, **env},
            timeout=60,
        )

    return command
