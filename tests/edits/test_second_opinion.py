"""The chain against a second opinion in SQL; `python -m tests.campaigns.second_opinion` compares many more claims."""

from __future__ import annotations

from collections import Counter

import pytest
from attrs import evolve

from scrubber.engine.judge import Engine
from tests.campaigns.second_opinion import CODES, by_chain, by_sql, compare, shorthand


def test_both_agree_on_every_claim(request: pytest.FixtureRequest) -> None:
    seen: Counter[str] = Counter()
    for lines, chain, sql in compare(request.config.getoption("--opinion-claims"), seed=1):
        assert chain == sql, shorthand(lines)
        seen.update(code for _, _, code in chain)
    assert set(seen) == CODES


def test_a_difference_would_be_seen(default_engine: Engine) -> None:
    ((lines, chain, _),) = compare(50, seed=2)
    initial = next(line for line in lines if line.procedure == "37252" and line.frequency == "1")
    changed = [evolve(line, procedure="37238") if line is initial else line for line in lines]
    assert by_sql(changed) != chain
    assert by_sql(changed) == by_chain(changed, default_engine)
