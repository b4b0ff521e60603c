"""What the tests share."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from scrubber.api import load_settings, make_engine
from scrubber.engine.judge import Engine
from tests.reports import write_reports
from tests.warm import PROGRAM, WarmProgram

ROOT = Path(__file__).parents[1]
FIXTURES = ROOT / "fixtures"

# A file takes longer to draw and to scrub than Hypothesis expects of an example.
settings.register_profile("default", settings.get_profile("default"), deadline=None)
settings.register_profile(
    "long", max_examples=5_000, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

ENV = {"PATH": "", "PYTHONHASHSEED": "0"}
Run = Callable[..., subprocess.CompletedProcess[bytes]]

collect_ignore = ["example_plugin"]  # a distribution of its own; test_example_plugin runs its tests


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-expected", action="store_true", help="write fixtures/expected instead of comparing with it"
    )
    parser.addoption("--all-hostile", action="store_true", help="every hostile input through every door, alone")
    parser.addoption("--all-canaries", action="store_true", help="every canary in every place, in a file of its own")
    parser.addoption("--opinion-claims", type=int, default=1_500, help="claims for the second opinion in SQL")


@pytest.fixture(scope="session")
def default_engine() -> Engine:
    """An engine with all edits and no configuration file."""
    return make_engine(load_settings(discover=False))


@pytest.fixture(scope="session")
def guide_engine() -> Engine:
    """An engine that walks the implementation guide too."""
    return make_engine(load_settings(discover=False, conformance="guide"))


@pytest.fixture(scope="session")
def warm() -> Iterator[WarmProgram]:
    """The program with its modules imported and its tables read, in a process that forks for each command."""
    program = WarmProgram(ENV)
    yield program
    program.close()


@pytest.fixture
def run(tmp_path: Path, warm: WarmProgram) -> Run:
    """Run the `scrubber` command in an empty folder.

    What Python reads when it starts, such as PYTHONPATH with plugins, is given to the installed command itself.
    """
    return _runner(tmp_path, warm)


@pytest.fixture(scope="session")
def office_week(tmp_path_factory: pytest.TempPathFactory, warm: WarmProgram) -> Path:
    """A folder with all reports on the sample of a week: r.csv, r.json and so on."""
    folder = tmp_path_factory.mktemp("office_week")
    write_reports(_runner(folder, warm), FIXTURES / "claims" / "office_week.837")
    return folder


def _runner(folder: Path, warm: WarmProgram) -> Run:
    def command(*args: str | Path, data: bytes | None = None, **env: str) -> subprocess.CompletedProcess[bytes]:
        if not any(name.startswith("PYTHON") for name in env):
            return warm.run(args, data, folder, {**ENV, **env}, timeout=60)
        return subprocess.run(
            [PROGRAM, *args],
            input=data,
            stdin=subprocess.DEVNULL if data is None else None,
            capture_output=True,
            check=False,
            cwd=folder,
            env={**ENV, **env},
            timeout=60,
        )

    return command
