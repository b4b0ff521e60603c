"""One finding of a line gives the order where two would contradict each other; the others refer to it.

More claims are drawn with `--opinion-claims`.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import chain, combinations

import pytest

from scrubber.engine.judge import Engine
from scrubber.findings.finding import Finding
from scrubber.testing import scrub_shorthand
from tests.campaigns.second_opinion import draw, shorthand

A_FILE = 250

_REMOVED = (
    "IVUS101",
    "IVUS102",
    "IVUS103",
    "IVUS104",
    "IVUS106",
    "IVUS107",
    "IVUS109",
    "IVUS201",
    "IVUS203",
    "IVUS204",
)
CONTRADICTING = frozenset(
    {
        # "Remove 37252", and anything else to be done with it.
        *((code, "IVUS301") for code in _REMOVED),
        *(("IVUS301", code) for code in ("IVUS303", "IVUS304", "IVUS404", "IVUS405", "IVUS409", "IVUS701")),
        # "Remove the line, or bill it as 37253", and a place, a sum or a modifier for it.
        *((code, "IVUS701") for code in ("IVUS106", "IVUS201", "IVUS203", "IVUS204", "IVUS404", "IVUS405", "IVUS409")),
        # Why no primary procedure counts.
        *((code, "IVUS106") for code in ("IVUS101", "IVUS103", "IVUS104")),
        *((code, "IVUS109") for code in ("IVUS101", "IVUS103", "IVUS104", "IVUS107")),
        *(("IVUS101", "IVUS110"), ("IVUS103", "IVUS104"), ("IVUS103", "IVUS110"), ("IVUS106", "IVUS107")),
        # The same units, and the same lines.
        *(("IVUS201", "IVUS204"), ("IVUS203", "IVUS404")),
    }
)
"""Pairs of codes whose orders for one line cannot both be carried out."""


def _lines(seed: int, engine: Engine) -> Iterator[list[Finding]]:
    """Yield the findings of each line of drawn claims."""
    for report in scrub_shorthand(shorthand(draw(random.Random(seed), A_FILE)), engine=engine):
        by_line: dict[int, list[Finding]] = defaultdict(list)
        for finding in report.findings:
            if finding.line:
                by_line[finding.line].append(finding)
        yield from by_line.values()


def _codes(findings: list[Finding]) -> set[tuple[str, str]]:
    return set(combinations(sorted({finding.code for finding in findings}), 2))


def test_no_line_has_two_orders_that_contradict_each_other(
    request: pytest.FixtureRequest, default_engine: Engine
) -> None:
    files = request.config.getoption("--opinion-claims") // A_FILE
    for findings in chain.from_iterable(_lines(seed, default_engine) for seed in range(files)):
        orders = [finding for finding in findings if not finding.fix.startswith("See ")]
        assert not _codes(orders) & CONTRADICTING, [(finding.code, finding.fix) for finding in orders]


def test_a_finding_refers_to_one_on_the_same_line(default_engine: Engine) -> None:
    referred: Counter[str] = Counter()
    for findings in _lines(1, default_engine):
        codes = {finding.code for finding in findings}
        for finding in findings:
            if finding.fix.startswith("See IVUS"):
                cause = finding.fix.split()[1]
                assert cause in codes - {finding.code}, finding
                assert finding.fix == f"See {cause} on line {finding.line}."
                referred[cause] += 1
    assert {"IVUS101", "IVUS301", "IVUS701"} <= set(referred)
