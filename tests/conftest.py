"""What the tests share."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from scrubber.api import load_settings, make_engine
from scrubber.engine.judge import Engine

if "tests.support" not in sys.modules:  # mutmut runs several sessions in one process
    pytest.register_assert_rewrite("tests.support")  # the checks that several tests make say what they found, too

from tests.support.command import ENV, Run, runner
from tests.support.oracle import published_x214_map
from tests.support.paths import FIXTURES
from tests.support.reports import write_reports
from tests.support.warm import WarmProgram

# A file takes longer to draw and to scrub than Hypothesis expects of an example.
settings.register_profile("default", settings.get_profile("default"), max_examples=60, deadline=None)
settings.register_profile(
    "long", max_examples=5_000, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

collect_ignore = ["example_plugin"]  # a distribution of its own; test_example_plugin runs its tests


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-expected", action="store_true", help="write fixtures/expected instead of comparing with it"
    )
    parser.addoption("--all-hostile", action="store_true", help="every hostile input through every front end, alone")
    parser.addoption("--all-files", action="store_true", help="also the largest of other people's files by pyx12")
    parser.addoption("--all-canaries", action="store_true", help="every canary in every place, in a file of its own")
    parser.addoption("--all-faults", action="store_true", help="the command hurt at every one of the chosen calls")
    parser.addoption("--opinion-claims", type=int, default=500, help="claims drawn for what is true of any claims")


def pytest_configure() -> None:
    """Take interrupts also where they are ignored, as behind a shell's &: the commands under test would ignore them."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests of campaigns whose flag was not given."""
    left_out = [
        item for item in items if any(not config.getoption(mark.args[0]) for mark in item.iter_markers("campaign"))
    ]
    config.hook.pytest_deselected(items=left_out)
    gone = set(left_out)
    items[:] = [item for item in items if item not in gone]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep the garbage collector from looking through thousands of tests while they are collected and run."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session")
def default_engine() -> Engine:
    """An engine with all edits and no configuration file."""
    return make_engine(load_settings(discover=False))


@pytest.fixture(scope="session")
def guide_engine() -> Engine:
    """An engine that walks the implementation guide too."""
    return make_engine(load_settings(discover=False, conformance="guide"))


@pytest.fixture(scope="session")
def x214(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """pyx12's maps with the 277CA as published."""
    return published_x214_map(tmp_path_factory.mktemp("maps"))


@pytest.fixture(scope="session")
def warm() -> Iterator[WarmProgram]:
    """The program with its modules imported and its tables read, in a process that forks for each command."""
    program = WarmProgram(ENV)
    yield program
    program.close()


@pytest.fixture
def run(tmp_path: Path, warm: WarmProgram) -> Run:
    """Run the `scrubber` command in an empty folder."""
    return runner(tmp_path, warm)


@pytest.fixture(scope="session")
def office_week(tmp_path_factory: pytest.TempPathFactory, warm: WarmProgram) -> Path:
    """A folder with all reports on the sample of a week: r.csv, r.json and so on."""
    folder = tmp_path_factory.mktemp("office_week")
    write_reports(runner(folder, warm), FIXTURES / "claims" / "office_week.837")
    return folder
