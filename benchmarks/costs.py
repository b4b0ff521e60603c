"""What else is measured: the start of the program, one more finding, and memory."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

from benchmarks.contenders import BARE, NDJSON, Contender, contenders
from benchmarks.generate import Mix
from benchmarks.runs import SCRUB, SCRUBBER, in_turns, program, run_once
from benchmarks.speed import FEW, compare, prepared

__all__ = ["OUTPUTS", "FindingCost", "Grown", "StartUp", "finding_cost", "memory_of", "start_up"]

_ONE, _MORE = Mix(1, 1), Mix(1, 1, mistakes=3)
_ALL_FORMATS = ("json", "text", "csv", "xml", "sarif", "html", "xlsx")
OUTPUTS = {
    "ndjson": ("--format=ndjson",),
    "all files of --out-dir": ("--format=ndjson", "--out-dir={folder}"),
    **{form: ("--format=ndjson", f"--report={form}={{folder}}/r.{form}") for form in _ALL_FORMATS},
}
"""The options of each output whose memory is measured."""


@frozen
class StartUp:
    """Processor seconds of the smallest commands, and of `python -c pass`."""

    python: float
    version: float
    scrub: float

    def rows(self) -> str:
        """Return a table."""
        lines = ["| command | ms of the processor | times `python -c pass` |", "|---|---:|---:|"]
        for name, seconds in (
            ("`python -c pass`", self.python),
            ("`scrubber --version`", self.version),
            (f"scrub of {FEW} claims", self.scrub),
        ):
            lines.append(f"| {name} | {1e3 * seconds:.0f} | {seconds / self.python:.1f} |")
        return "\n".join([*lines, ""])


def start_up(folder: Path, runs: int) -> StartUp:
    """Measure what the smallest commands take."""
    path = prepared(folder, Mix(), FEW)
    commands = {
        "python": program("pass"),
        "version": (SCRUBBER, "--version"),
        "scrub": (*SCRUB, "--format", "ndjson", str(path)),
    }
    used = in_turns(commands, max(runs, 7))
    return StartUp(*(used[name].processor for name in commands))


@frozen
class FindingCost:
    """Processor seconds of one more finding on a claim, and of the bare reader for a claim with it."""

    seconds: float
    bare: float
    findings: tuple[float, float]

    def rows(self) -> str:
        """Return a sentence."""
        fewer, more = self.findings
        return (
            f"One more finding on a claim ({more:.2f} instead of {fewer:.2f}) takes {1e6 * self.seconds:.1f} µs, "
            f"{self.seconds / self.bare:.2f} of what the bare reader takes for the claim ({1e6 * self.bare:.1f} µs).\n"
        )


def finding_cost(folder: Path, claims: int, runs: int) -> FindingCost:
    """Measure files whose claims differ in the number of their mistakes only."""
    wanted = [each for each in contenders() if each.name in {NDJSON, BARE}]
    one, more = (compare(folder, "", mix, wanted, claims, runs) for mix in (_ONE, _MORE))
    findings = (one.found.findings / one.found.claims, more.found.findings / more.found.claims)
    added = more.speeds[NDJSON].a_claim - one.speeds[NDJSON].a_claim
    return FindingCost(added / (findings[1] - findings[0]), one.speeds[BARE].a_claim, findings)


@frozen
class Grown:
    """The peak memory of an output on a small and on a large file, in bytes."""

    name: str
    claims: tuple[int, int]
    memory: tuple[float, float]

    @property
    def a_claim(self) -> float:
        """Return the bytes of each claim that the large file has more."""
        return (self.memory[1] - self.memory[0]) / (self.claims[1] - self.claims[0])


def memory_of(folder: Path, name: str, claims: tuple[int, int]) -> Grown:
    """Measure an output on a small and on a large file, with 1 % ultrasound."""
    output = Contender(name, (*SCRUB, *OUTPUTS[name]))
    paths = [prepared(folder, Mix(0.01), count) for count in claims]
    (folder / "out").mkdir(exist_ok=True)
    small, large = (run_once(output.on(path)).memory for path in paths)
    return Grown(name, claims, (small, large))
