"""Compare scrubs with screens and without them, byte by byte, over known files, generated ones and mutants.

    python -m tests.campaigns.screens --files 300 --mutants 2000 --seed 1

Every input is scrubbed under the default settings and under others, every fifth one with all its X12 files.  Each
difference is printed with the seed that makes its file again; the exit code is 1 where there is one.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator

from tests.campaigns.recorded_inputs import collect
from tests.support.screen_cases import Named, cases_of, generated, known_inputs, mutants, rows_of_tables


def inputs(files: int, mutated: int, seed: int) -> Iterator[Named]:
    """Yield all inputs: those known by name first, each of them once."""
    seen: set[bytes] = set()
    for name, data in known_inputs():
        seen.add(data)
        yield name, data
    for file in collect()[0]:
        if file.is_claim_file and file.data not in seen:
            seen.add(file.data)
            yield file.name, file.data
    yield from rows_of_tables()
    yield from generated(files, seed)
    yield from mutants(mutated, seed)


def main() -> int:
    """Compare, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=300, help="files that are generated")
    parser.add_argument("--mutants", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    compared = different = 0
    begin = time.process_time()
    compared_inputs = list(inputs(options.files, options.mutants, options.seed))
    for case in cases_of(compared_inputs):
        compared += 1
        if (found := case.difference()) is not None:
            different += 1
            print(found, flush=True)
    seconds = time.process_time() - begin
    print(
        f"{len(compared_inputs):,} inputs, of them {options.files:,} generated files and {options.mutants:,} mutants "
        f"(seed {options.seed})"
    )
    print(f"{compared:,} comparisons, {different:,} differences, {seconds:.0f} s of processor time")
    return int(different > 0)


if __name__ == "__main__":
    sys.exit(main())
