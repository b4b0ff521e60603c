"""Hurt several hundred runs: `python -m tests.campaigns.faults --runs 500`.  The exit code is 1 on a defect."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.campaigns.faults.asking import Desk, draw_fault
from tests.campaigns.faults.draw import draw
from tests.campaigns.faults.harness import SCENARIOS, Ended, Hurt, Stage
from tests.campaigns.faults.watching import Drop


def main() -> int:
    """Read the command line, hurt, and print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chance, done, defects = random.Random(options.seed), Counter[str](), list[str]()
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        stage, drop, desk = Stage(Path(folder)), Drop(Path(folder)), Desk(Path(folder))
        defects += [*drop.run(Hurt("none:any:0")), *desk.run("none:any:0")]
        for number in range(options.runs):
            if number % 20 == 19:
                hurt = draw_fault(chance)
                found, name = desk.run(hurt.fault), "serve"
            elif number % 5 == 4:
                hurt = draw(chance, Ended(0, b"", [], {}, {}, Counter(drop.calls), 1.0))
                found, name = [f"watch, {hurt}: {defect}" for defect in drop.run(hurt)], "watch"
            else:
                scenario = chance.choice(list(SCENARIOS.values()))
                hurt = draw(chance, stage.whole(scenario))
                found, name = stage.defects(scenario, hurt, stage.run(scenario, hurt)), "scrub"
            done.update([name, *_kinds(hurt)])
            defects += found
            for defect in found:
                print(defect, flush=True)
    for what, count in sorted(done.items()):
        print(f"{count:6} {what}")
    print(f"{len(defects):6} defects")
    return 1 if defects else 0


def _kinds(hurt: Hurt) -> list[str]:
    """What was done, in the words of the figures."""
    kinds = []
    if hurt.fault and not hurt.fault.startswith("none"):
        kind, call, _ = hurt.fault.split(":")
        kinds.append(f"{kind.rstrip('+')} at {'a call' if call == 'any' else call}")
    if hurt.sent:
        kinds.append(f"{hurt.sent} at a moment")
    if hurt.limit is not None:
        kinds.append("limit of file size")
    if hurt.stdout:
        kinds.append(f"standard output {hurt.stdout}")
    if hurt.kills:
        kinds.append("killed")
    return kinds


if __name__ == "__main__":
    sys.exit(main())
