"""The collector is held in a process of our own only, and only until there is something to collect."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from scrubber.cli.collector import begin_collecting
from scrubber.cli.main import main

PROGRAM = """
import gc
from scrubber.cli.collector import begin_collecting, end_collecting, hold_collector
hold_collector()
held = gc.isenabled()
begin_collecting()
print(held, gc.isenabled(), gc.get_freeze_count() > 0)
begin_collecting()
end_collecting()
print(gc.isenabled())
"""


def test_the_collector_of_a_host_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    frozen = gc.get_freeze_count()
    with pytest.raises(SystemExit):
        main(["--version"])
    begin_collecting()
    assert capsys.readouterr().out.startswith("x12-claim-scrubber")
    assert gc.isenabled()
    assert gc.get_freeze_count() <= frozen  # of what was frozen before, some may be gone


def test_it_is_held_until_a_command_begins_and_after_it_has_ended() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True, timeout=60)
    assert done.stdout.decode().split() == ["False", "True", "True", "False"]


def test_a_collector_that_was_switched_off_before_stays_off() -> None:
    program = f"import gc\ngc.disable(){PROGRAM}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, timeout=60)
    assert done.stdout.decode().split() == ["False", "False", "False", "False"]
