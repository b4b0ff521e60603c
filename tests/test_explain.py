"""Whole pages of `scrubber explain` for procedure codes, on the dates where they change."""

from __future__ import annotations

from datetime import date

import pytest

from edits.facts import load_facts
from edits.page import describe
from scrubber.explain import explain_page, find_page
from scrubber.plugins import load_plugins
from tests.conftest import FIXTURES

PAGES = [
    ("37252", "2026-03-01"),  # everything
    ("37252", "2017-03-01"),  # contractor-defined bases
    ("37252", "2016-01-01"),  # the first day of all
    ("37253", "2024-09-30"),  # the last day of the pairs
    ("37253", "2022-03-01"),  # an MUE without MAI
    ("37253", "2017-06-01"),  # the initial vessel as a base
    ("37252", "2015-12-31"),  # before the code
    ("37250", "2024-08-05"),  # retired
    ("37221", "2025-12-31"),  # the last day of a family
    ("37221", "2026-01-02"),  # its successors
    ("37220", "2026-01-01"),
    ("37235", "2026-01-02"),
    ("37254", "2026-01-02"),
    ("37299", "2026-01-02"),
    ("36907", "2024-08-05"),  # a base that is an add-on code
    ("36012", "2017-12-31"),
    ("37191", "2024-08-05"),  # never together
    ("99213", "2026-03-01"),  # a pair only
]


@pytest.mark.parametrize(("code", "day"), PAGES, ids=lambda value: value)
def test_pages(code: str, day: str, request: pytest.FixtureRequest) -> None:
    page = find_page(code, date.fromisoformat(day), load_plugins())
    assert page is not None
    path = FIXTURES / "expected" / "explain" / f"{code}-{day}.txt"
    text = explain_page(page, "text")
    if request.config.getoption("--update-expected"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text


def test_no_page_on_a_code_that_no_table_knows() -> None:
    assert describe("00000", date(2024, 8, 5), load_facts()) is None
    assert find_page("00000", date(2024, 8, 5), load_plugins()) is None
