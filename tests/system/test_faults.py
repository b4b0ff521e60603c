"""The real command, hurt at chosen points; at all of them with `--all-faults`.

`python -m tests.campaigns.faults` does so at many more.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.campaigns.faults.asking import Desk
from tests.campaigns.faults.harness import SCENARIOS, Hurt, Stage
from tests.campaigns.faults.watching import Drop

FAULTS = {
    "files": (
        # mkstemp is an open, and an interrupt behind it was one that left the draft.
        "INT+:open:2",
        "EACCES:open:3",
        "ENOSPC:write:5",
        "EIO:fsync:2",
        "EIO:link:3",
        "EACCES:rename:4",
        "EIO:unlink:2",
        "INT:rename:2",
        "TERM+:fsync:4",
        "KILL:rename:2",
        "EIO:read:10",
    ),
    "folder": ("EIO:rename:3", "KILL+:link:3"),
    "to stdout as xml": ("INT:write:12",),
    "to stdout as xlsx": ("ENOSPC:write:60",),
    "one in two processes": ("KILL:any:5",),
}
MORE_FAULTS = {
    "files": (
        "EIO:write:11",
        "EIO:fsync:5",
        "EIO:rename:0",
        "HUP:unlink:0",
        "KILL+:rename:4",
        "EIO:read:0",
        "EIO:read:19",
    ),
    "folder": ("EIO:read:13",),
    "reports": ("ENOSPC:write:120",),
    "to stdout as xml": ("EIO:write:12",),
    "to stdout as html": ("ENOSPC:write:24",),
    "one in two processes": ("INT:rename:2",),
}
"""Other calls of the same kinds."""
OUTSIDE = (
    ("to stdout as json", Hurt(stdout="full")),
    ("to stdout as json", Hurt(stdout="gone")),
    ("to stdout as json", Hurt(stdout="closed")),
    ("folder", Hurt(stdout="all closed")),
    ("folder", Hurt(limit=20_000)),
    ("one in two processes", Hurt(limit=0)),
    ("folder", Hurt(sent="KILL", after=0.3)),
    ("folder", Hurt("none:any:0", sent="HUP", after=0.0)),
)


@pytest.fixture(scope="module")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in memory where there is one."""
    shared = Path("/dev/shm")
    parent = shared if os.access(shared, os.W_OK) else tmp_path_factory.mktemp("faults")
    with tempfile.TemporaryDirectory(dir=parent) as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def stage(memory: Path) -> Stage:
    return Stage(memory)


def _calls() -> Iterator[Any]:
    for chosen, marks in ((FAULTS, ()), (MORE_FAULTS, pytest.mark.campaign("--all-faults"))):
        for name, faults in chosen.items():
            yield from (pytest.param(name, fault, marks=marks) for fault in faults)


@pytest.mark.parametrize(("name", "fault"), list(_calls()))
def test_hurt_at_a_call(stage: Stage, name: str, fault: str) -> None:
    scenario, hurt = SCENARIOS[name], Hurt(fault)
    ended = stage.run(scenario, hurt)
    assert any(call.startswith("hit") for call in ended.calls), "there was no such call"
    assert stage.defects(scenario, hurt, ended) == []


@pytest.mark.parametrize(("name", "hurt"), OUTSIDE, ids=str)
def test_hurt_from_outside(stage: Stage, name: str, hurt: Hurt) -> None:
    scenario = SCENARIOS[name]
    assert stage.defects(scenario, hurt, stage.run(scenario, hurt)) == []


def test_a_watcher_that_is_hurt_publishes_everything_once_afterwards(
    memory: Path, request: pytest.FixtureRequest
) -> None:
    drop = Drop(memory)
    assert drop.run(Hurt("none:any:0")) == []
    faults = ["KILL:rename:7", "EIO:read:50", "HUP:any:90"]
    if request.config.getoption("--all-faults"):
        faults += ["ENOSPC:mkdir:12", "EIO:rename:9"]
    assert [defect for fault in faults for defect in drop.run(Hurt(fault))] == []


def test_a_server_that_is_hurt_answers_whole_or_not_at_all(memory: Path) -> None:
    desk = Desk(memory)
    assert desk.run("none:any:0") == []
    assert desk.run("EIO:read:12") == []
    assert desk.run("ENOSPC:write:9") == []
