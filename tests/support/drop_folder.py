"""A drop folder for a watcher, with what is dropped and what is published."""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path

from scrubber.api import Scrubber, load_settings
from scrubber.testing import to_837p
from scrubber.watch import FileWorker, Waits, open_watcher

GOOD = "37238\n36012\n37252 desc='LEFT CIV'"
CLEAN = to_837p(GOOD)
MIXED = to_837p(f"claim A patient=M1\n{GOOD}\nclaim B patient=M2\n37252\nclaim C patient=M3\n{GOOD}")
SUFFIXES = [".277ca", ".annotated.837", ".clean.837", ".findings.json", ".rejected.837"]
AT_ONCE = Waits(settle=0)


def tag(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]


def files(folder: Path) -> list[str]:
    """Name the files below a folder, without the journal."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if not path.is_dir())
    return sorted(str(path) for path in found if path.name != "journal.sqlite")


def published(name: str, data: bytes, suffixes: list[str] = SUFFIXES) -> list[str]:
    base = f"{Path(name).stem}-{tag(data)}"
    return sorted([f"archive/{base}{Path(name).suffix}", *(f"{base}{suffix}" for suffix in suffixes)])


class Site:
    """A drop folder, an output folder and what a watcher says."""

    def __init__(self, folder: Path) -> None:
        self.inbox, self.out = folder / "in", folder / "out"
        self.inbox.mkdir()
        self.lines: list[str] = []
        self.judge = FileWorker(Scrubber(load_settings(discover=False)))

    def drop(self, name: str, data: bytes) -> Path:
        (self.inbox / name).write_bytes(data)
        return self.inbox / name

    def once(self, waits: Waits = AT_ONCE, limit: int = 10) -> int:
        self.lines.clear()
        with open_watcher(self.inbox, self.out, waits, self.judge, self.lines.append) as gate:
            gate.limit = limit
            return gate.run_once()

    def rows(self, columns: str) -> list[tuple[object, ...]]:
        database = sqlite3.connect(self.out / "journal.sqlite")
        found = database.execute(f"SELECT {columns} FROM files ORDER BY number").fetchall()
        database.close()
        return found
