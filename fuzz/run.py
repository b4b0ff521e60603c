"""Run a fuzzer: `python -m fuzz.run scrub [--runs N] [--seconds N]`; needs `pip install -e ".[campaigns]"`.

It starts from the seeds in `fuzz/corpus`; what it learns goes to a folder of its own, and an input that breaks a target
is written to `fuzz/found`.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["scrubber", "edits"]):
    from fuzz.targets import TARGETS

HERE = Path(__file__).parent


def mutate(data: bytes, max_size: int, seed: int) -> bytes:
    """Change an 837P where it matters, a segment or an element; else any byte, as the fuzzer does."""
    chance = random.Random(seed)
    segments = data.split(b"~")
    if len(segments) < 5 or chance.random() < 0.3:
        return bytes(atheris.Mutate(data, max_size))
    place = chance.randrange(len(segments))
    other = chance.randrange(len(segments))
    match chance.randrange(5):
        case 0:
            del segments[place]
        case 1:
            segments.insert(place, segments[other])
        case 2:
            segments[place], segments[other] = segments[other], segments[place]
        case 3:
            segments = segments[:place] + segments[other:]
        case _:
            elements = segments[place].split(b"*")
            which = chance.randrange(len(elements))
            donors = segments[other].split(b"*")
            elements[which] = chance.choice((b"", chance.choice(donors), bytes(atheris.Mutate(elements[which], 40))))
            segments[place] = b"*".join(elements)
    return b"~".join(segments)[:max_size]


def main() -> None:
    """Read the command line and hand over to the fuzzer, which ends the process."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("target", choices=sorted(TARGETS))
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--seconds", type=int, default=0, help="end after so many seconds (0: no limit)")
    options = parser.parse_args()
    found = HERE / "found"
    found.mkdir(exist_ok=True)
    learned = tempfile.mkdtemp(prefix="fuzz-")
    arguments = [
        sys.argv[0],
        learned,
        str(HERE / "corpus" / options.target),
        f"-runs={options.runs}",
        f"-max_total_time={options.seconds}",
        "-max_len=8192",
        "-timeout=20",
        "-rss_limit_mb=1024",
        f"-artifact_prefix={found}/{options.target}-",
    ]
    custom = {"custom_mutator": mutate} if options.target == "scrub" else {}
    atheris.Setup(arguments, TARGETS[options.target], **custom)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
