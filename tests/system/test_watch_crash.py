"""A watcher that is killed, stopped, frozen or out of disk: each file is published once, and none is lost.

Set SCRUBBER_KILLS=1000 to kill as often, at every step and not at some of them only.
"""

from __future__ import annotations

import hashlib
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from scrubber.testing import to_837p
from scrubber.watch import open_watcher
from scrubber.watch.journal import Journal
from tests.support.drop_folder import AT_ONCE, CLEAN, GOOD, MIXED, SUFFIXES, Site, files, published, tag

PROGRAM = Path(sys.executable).with_name("scrubber")
KILLS = int(os.environ.get("SCRUBBER_KILLS", "6"))
QUICK = ["--interval=0.1", "--settle=0", "--tries=1000"]


def many(claims: int, seed: int = 0) -> bytes:
    return to_837p("\n".join(f"claim C{seed}-{n} patient=M{n}\n{'37252' if n % 2 else GOOD}" for n in range(claims)))


class Pickup:
    """Whoever sends the published files on: takes what it sees, the others first when it sees a clean file."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.taken: Counter[str] = Counter()
        self.digests: dict[str, str] = {}

    def collect(self) -> None:
        for clean in sorted(self.out.glob("*.clean.837")):
            base = clean.name.removesuffix(".clean.837")
            for suffix in SUFFIXES:
                assert (self.out / f"{base}{suffix}").exists() or self.taken[f"{base}{suffix}"], (base, suffix)
            assert list((self.out / "archive").glob(f"{base}.*"))
        for path in sorted(self.out.glob("*")):
            if path.is_file() and not path.name.startswith("journal"):
                self.taken[path.name] += 1
                self.digests[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
                path.unlink()

    def check(self, inputs: dict[str, bytes]) -> None:
        """Everything once, and nothing else."""
        expected = [f"{name}-{tag(data)}{suffix}" for name, data in inputs.items() for suffix in SUFFIXES]
        assert self.taken == Counter(expected)


@pytest.fixture
def site(quick_path: Path) -> Site:
    return Site(quick_path)


@pytest.fixture
def quick_path(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: what a killed process leaves does not depend on the disk."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else tmp_path) as folder:
        yield Path(folder)


@contextmanager
def watcher(site: Site, *args: str, preexec: Callable[[], None] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    command = [str(PROGRAM), "watch", str(site.inbox), "--out", str(site.out), *QUICK, *args]
    with subprocess.Popen(command, stderr=subprocess.PIPE, preexec_fn=preexec) as process:  # noqa: PLW1509
        try:
            yield process
        finally:
            process.kill()


def until(condition: Callable[[], object], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.001)


def is_idle(site: Site) -> bool:
    return not files(site.inbox) and all(row == ("done",) for row in site.rows("state"))


# -- killed at every step ----------------------------------------------------------------------------------------------


def killed_at(site: Site, step: int) -> bool:
    """Run a watcher in a process of its own that is killed right before its step number `step`; False if it has ended.

    A step is anything that changes or opens a file, or asks the journal.
    """
    child = os.fork()
    if not child:
        left = [step]

        def count(event: str, _args: object) -> None:
            if event.startswith(("os.", "open", "shutil.", "tempfile.", "fcntl.")) and event != "os.kill":
                left[0] -= 1
                if left[0] < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        asked = Journal._asking

        def asking(self: Journal) -> Any:
            count("os.journal", ())
            return asked(self)

        Journal._asking = asking  # type: ignore[method-assign]
        code = 1
        try:
            with open_watcher(site.inbox, site.out, AT_ONCE, site.judge, lambda _line: None) as gate:
                gate.limit = 1000
                sys.addaudithook(count)
                gate.run_once()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def test_killed_at_any_step_everything_is_published_once(quick_path: Path) -> None:
    step, ended = 0, False
    while not ended:
        folder = quick_path / str(step)
        folder.mkdir()
        site = Site(folder)
        site.drop("a.837", MIXED)
        site.drop("b.837", MIXED)
        site.drop("c.837", b"hello")
        pickup = Pickup(site.out)
        ended = not killed_at(site, step)
        pickup.collect()
        killed_at(site, 40 + step // 2)  # and once more
        pickup.collect()
        site.once()
        pickup.collect()
        taken = {"a": MIXED} if any(name.startswith("a-") for name in pickup.taken) else {"b": MIXED}
        pickup.check(taken)
        assert sorted(str(row[0]) for row in site.rows("outcome")) == ["duplicate", "failed", "published"]
        assert {row[0] for row in site.rows("state")} == {"done"}
        left = [name for name in files(site.out) if not name.endswith(".lock")]
        assert len(left) == 6
        assert {name.split("/")[0] for name in left} == {"archive", "failed"}
        assert files(site.inbox) == []
        assert list((site.out / "work").glob("*/")) == []
        step += 1 if KILLS > 10 else 17
    assert step > 100


def test_killed_at_random_moments_everything_is_published_once(site: Site) -> None:
    inputs: dict[str, bytes] = {}
    chance, pickup = random.Random(11), Pickup(site.out)
    for number in range((KILLS + 1) // 2):
        inputs[f"f{number}"] = many(60, number)
        site.drop(f"f{number}.837", inputs[f"f{number}"])
        with watcher(site) as first, watcher(site) as second:
            until(lambda: not files(site.inbox) or list(site.out.glob("work/*/")))
            for process in chance.sample([first, second], 2):
                time.sleep(0.15 * chance.random())
                process.kill()
                pickup.collect()
        pickup.collect()
    with watcher(site):
        until(lambda: is_idle(site), 30 + KILLS)
    pickup.collect()
    pickup.check(inputs)
    assert len(list((site.out / "archive").iterdir())) == len(inputs)
    assert files(site.out / "failed") == []
    assert set(site.rows("state, outcome")) == {("done", "published")}


# -- several watchers --------------------------------------------------------------------------------------------------


def test_several_watchers_take_each_file_once(site: Site) -> None:
    inputs = {f"f{number}": many(4, number) for number in range(16)}
    for name, data in inputs.items():
        site.drop(f"{name}.837", data)
    command = [str(PROGRAM), "watch", str(site.inbox), "--out", str(site.out), "--once", "--settle=0.5"]
    watchers = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(4)]
    lines = [line for process in watchers for line in process.communicate(timeout=60)[1].splitlines()]
    assert len(lines) == 16
    assert all(b": published as " in line for line in lines)
    pickup = Pickup(site.out)
    pickup.collect()
    pickup.check(inputs)
    assert is_idle(site)


def test_the_same_bytes_taken_at_once_by_several_watchers_are_published_once(site: Site) -> None:
    for number in range(8):
        site.drop(f"f{number}.837", many(60))
    command = [str(PROGRAM), "watch", str(site.inbox), "--out", str(site.out), "--once", "--settle=0.5"]
    watchers = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(4)]
    for process in watchers:
        process.communicate(timeout=60)
    assert Counter(row[0] for row in site.rows("outcome")) == {"published": 1, "duplicate": 7}
    assert len(list(site.out.glob("*.clean.837"))) == 1


def test_the_file_of_a_living_watcher_is_left_to_it_and_that_of_a_dead_one_is_not(site: Site) -> None:
    data = many(500)
    site.drop("a.837", data)
    with watcher(site) as process:
        until(lambda: list(site.out.glob("work/*/staged/.claims.clean*")))
        process.send_signal(signal.SIGSTOP)
        before = files(site.out)
        assert site.once() == 0
        assert site.lines == []
        assert files(site.out) == before
    assert site.once() == 1
    assert files(site.out) == published("a.837", data)


# -- ended from outside ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sent", "code", "jobs"), [(signal.SIGTERM, 0, 1), (signal.SIGINT, 130, 2)])
def test_a_signal_ends_a_watcher_at_once_and_its_file_is_gone_on_with(
    site: Site, sent: signal.Signals, code: int, jobs: int
) -> None:
    data = many(500)
    site.drop("a.837", data)
    with watcher(site, f"--jobs={jobs}") as process:
        until(lambda: list(site.out.glob("work/*/staged/.claims.clean*")))
        process.send_signal(sent)
        assert process.wait(timeout=10) == code
    assert {name.split("/")[0] for name in files(site.out)} == {"work"}
    assert site.rows("state, tries") == [("working", 0)]
    assert site.once() == 1
    assert files(site.out) == published("a.837", data)


def test_a_waiting_watcher_ends_without_a_word(site: Site) -> None:
    with watcher(site) as process:
        until(lambda: list(site.out.glob("work/*.lock")))
        time.sleep(0.3)
        process.terminate()
        assert process.communicate(timeout=10)[1] == b""
        assert process.returncode == 0
    assert files(site.out) == []


def test_a_growing_file_is_taken_when_it_is_there(site: Site) -> None:
    data = many(30)
    with watcher(site, "--settle=0.4"), (site.inbox / "a.837").open("wb", buffering=0) as stream:
        for start in range(0, len(data), len(data) // 8):
            stream.write(data[start : start + len(data) // 8])
            time.sleep(0.1)
            assert files(site.inbox) == ["a.837"]
        until(lambda: is_idle(site))
        assert files(site.out / "archive") == [f"a-{tag(data)}.837"]


# -- a full disk -------------------------------------------------------------------------------------------------------


def limited(limit: int) -> Callable[[], None]:
    def begin() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return begin


@pytest.mark.parametrize("limit", [0, 40_000, 70_000])
def test_a_full_disk_loses_nothing_and_publishes_nothing(site: Site, limit: int) -> None:
    data = many(150)
    assert 40_000 < len(data) < 60_000
    site.once()  # makes the journal
    site.drop("a.837", data)
    command = [str(PROGRAM), "watch", str(site.inbox), "--out", str(site.out), "--once", "--settle=0"]
    for _ in range(2):
        done = subprocess.run(command, capture_output=True, check=False, preexec_fn=limited(limit), timeout=60)
        assert done.returncode == 4
        assert len(done.stderr.splitlines()) == 1
        assert b"Traceback" not in done.stderr
        assert not list(site.out.glob("a-*"))
    assert site.once() == 1
    assert files(site.out) == published("a.837", data)
    assert is_idle(site)


def test_a_full_disk_is_not_met_at_every_scan(site: Site) -> None:
    site.once()
    site.drop("a.837", CLEAN)
    with watcher(site, preexec=limited(100)) as process:
        time.sleep(1.5)
        process.terminate()
        lines = process.communicate(timeout=10)[1].splitlines()
    assert 1 <= len(lines) <= 4
    assert site.once() == 0
    assert len(list(site.out.glob("*.clean.837"))) == 1
