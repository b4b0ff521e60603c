"""A watcher that is hurt, and then runs undisturbed: each file is published once, whole, and none is lost."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from attrs import define, field

from tests.campaigns.faults.harness import INPUTS, Hurt, launch, lines_of, unwanted


@define
class Drop:
    """A drop folder with two files, one run of a watcher over it that is hurt, and one that is not."""

    folder: Path
    whole: dict[str, bytes] = field(factory=dict)
    calls: dict[str, int] = field(factory=dict)

    def run(self, hurt: Hurt) -> list[str]:
        """Do so, and say what should not be so."""
        place = Path(tempfile.mkdtemp(dir=self.folder))
        log = place.with_suffix(".log")
        try:
            for name in ("inbox", "tmp"):
                (place / name).mkdir()
            for name in ("a.837", "b.837"):
                (place / "inbox" / name).write_bytes(INPUTS[name])
            command = ("watch", "inbox", "--out=out", "--once", "--settle=0")
            code, _, said = launch(command, hurt, place, log)
            found = [f"half: {name}" for name in self._torn(place)] + unwanted(said)
            if not hurt.kills and code not in ({130} if hurt.interrupts else {2, 3, 4}) | {1}:
                found.append(f"exit code {code}: {said}")
            again = launch(command, Hurt(), place, log)
            published = _files(place)
            if not self.whole:
                self.whole, self.calls = published, lines_of(log)
            if published != self.whole:
                names = sorted(published.items() ^ self.whole.items())
                found.append(f"then exit code {again[0]} and {[name for name, _ in names]}: {said} {again[2]}")
            if left := [path.name for path in (place / "inbox").rglob("*") if path.is_file()]:
                found.append(f"left in the drop folder: {left}")
            return found
        finally:
            shutil.rmtree(place)
            log.unlink(missing_ok=True)

    def _torn(self, place: Path) -> list[str]:
        """What was published but is not what an undisturbed watcher publishes."""
        return [name for name, data in _files(place).items() if self.whole and self.whole.get(name) != data]


def _files(place: Path) -> dict[str, bytes]:
    """What others see: the published files and the originals."""
    out = place / "out"
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file() and not path.is_relative_to(out / "work") and not path.name.startswith("journal")
    }
