"""The HTML report in headless Chromium: quiet, within its window, quick with many claims, usable without a mouse."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from benchmarks.generate import write
from tests.support.browser import CHROMIUM, DRIVER, Browser
from tests.support.html_page import SAMPLE, judged, written

pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not installed")

MANY = 50_000


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sample") / "report.html"
    path.write_bytes(written(judged(SAMPLE.read_bytes())))
    return path


@pytest.fixture(scope="module")
def large_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the page on 50,000 claims, all with an error: the verdicts on some, again and again."""
    folder = tmp_path_factory.mktemp("large")
    write(folder / "claims.837", 200, ivus=1, faulty=1)
    claims, report = judged((folder / "claims.837").read_bytes())
    flagged = [claim for claim in claims if claim.rejected]
    assert len(flagged) > 150
    again = []
    for ordinal in range(1, MANY + 1):
        claim = attrs.evolve(flagged[ordinal % len(flagged)], ordinal=ordinal)
        again.append(claim)
        report.totals.add(claim)
    path = folder / "report.html"
    path.write_bytes(written((again, report)))
    return path


def fits(browser: Browser) -> bool:
    return bool(browser.ask("document.documentElement.scrollWidth <= window.innerWidth"))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390, 320])
def test_the_page_is_quiet_and_does_not_scroll_sideways(
    browser: Browser, page: Path, width: int, *, dark: bool
) -> None:
    browser.open(page, width=width, dark=dark)
    assert browser.complaints() == []
    assert browser.requests() == [page.resolve().as_uri()]
    assert browser.ask("window.innerWidth") == width
    assert fits(browser)
    ground = browser.ask("getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(18, 22, 28)" if dark else "rgb(244, 245, 247)")


def test_a_long_claim_number_takes_three_lines_of_the_work_list(browser: Browser, tmp_path: Path) -> None:
    claims, report = judged(SAMPLE.read_bytes())
    long = [attrs.evolve(claim, claim="W" * 400, payer="P" * 400) for claim in claims]
    path = tmp_path / "long.html"
    path.write_bytes(written((long, report)))
    for width in (1280, 320):
        browser.open(path, width=width)
        assert fits(browser)
        assert browser.ask("Math.max(...[...document.querySelectorAll('.work .name a')].map(a => a.offsetHeight))") < 90


def test_every_link_leads_somewhere(browser: Browser, page: Path) -> None:
    browser.open(page, width=1280)
    assert browser.ask("document.querySelectorAll('a').length") > 50
    lost = "[...document.querySelectorAll('a')].filter(a => !document.getElementById(a.hash.slice(1))).length"
    assert browser.ask(lost) == 0


def test_the_first_tab_leads_to_the_link_past_the_navigation(browser: Browser, page: Path) -> None:
    browser.open(page, width=1280)
    for kind in ("keyDown", "keyUp"):
        browser.command("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
    patience = time.monotonic() + 10
    while browser.ask("document.activeElement === document.body"):  # the key takes its time on a busy machine
        assert time.monotonic() < patience
    assert browser.ask("document.activeElement.className") == "skip"
    assert browser.ask("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert browser.ask("document.activeElement.getBoundingClientRect().top") >= 0


def test_a_screen_reader_is_told_what_the_eye_sees(browser: Browser, page: Path) -> None:
    browser.open(page, width=1280)
    nodes: list[dict[str, Any]] = []
    spoken: set[tuple[str, str]] = set()
    patience = time.monotonic() + 10
    while len(spoken) < 20:  # Chromium makes the tree when it has time
        assert time.monotonic() < patience
        nodes = browser.command("Accessibility.getFullAXTree")["nodes"]
        spoken = {(_value(node, "role"), _value(node, "name")) for node in nodes if not node["suppressed"]}
    roles = {role for role, _ in spoken}
    assert {"main", "navigation", "heading", "table", "columnheader", "rowheader", "contentinfo", "banner"} <= roles
    assert ("table", "Lines of claim WK-010") in spoken
    assert ("link", "error, see finding 1") in spoken
    assert ("link", "Back to the work list from claim WK-010") in spoken
    drawings = [node for node in nodes if _value(node, "name") == "Errors by dollars at risk"]
    assert any("IVUS201: 3 claims, $2,876.70" in _value(node, "description") for node in drawings)


def _value(node: dict[str, Any], name: str) -> str:
    return str(node.get(name, {}).get("value", ""))


def test_the_page_prints(browser: Browser, page: Path) -> None:
    browser.open(page, width=1280, dark=True)
    pages = len(re.findall(rb"/Type\s*/Page\b", browser.pdf()))
    assert 5 < pages < 25
    browser.command("Emulation.setEmulatedMedia", media="print")
    assert browser.ask("getComputedStyle(document.querySelector('nav')).display") == "none"
    assert browser.ask("getComputedStyle(document.querySelector('.card')).breakInside") == "avoid"
    assert browser.ask("getComputedStyle(document.body).color") == "rgb(26, 34, 45)"
    browser.command("Emulation.setEmulatedMedia", media="")


def test_a_link_opens_the_fold_its_claim_is_in(browser: Browser, large_page: Path) -> None:
    browser.open(large_page, width=1280)
    assert browser.ask("document.querySelectorAll('details[open]').length") == 0
    link = "document.querySelectorAll('ol.work a')[700]"
    browser.ask(f"{link}.click()")
    assert browser.ask(f"document.querySelector({link}.hash).closest('details').open")
    place = browser.ask(f"document.querySelector({link}.hash).getBoundingClientRect().top")
    assert -1 <= place < 900


@pytest.mark.parametrize("width", [1280, 390])
def test_fifty_thousand_claims_do_not_hold_the_browser_up(browser: Browser, large_page: Path, width: int) -> None:
    begin = time.monotonic()
    browser.open(large_page, width=width)
    height = browser.ask("document.documentElement.scrollHeight")
    assert fits(browser)
    browser.ask("document.querySelector('.work + details').open = true")
    browser.ask("document.querySelector('.cards + details').open = true")
    unfolded = browser.ask("document.documentElement.scrollHeight")
    browser.ask("window.scrollTo(0, document.documentElement.scrollHeight)")
    browser.command("Page.captureScreenshot", format="png")
    assert time.monotonic() - begin < 10
    assert unfolded > height
    assert fits(browser)
    assert browser.complaints() == []
    said = browser.ask("document.querySelector('#work p').textContent")
    assert "50,000 claims with findings" in said
    assert "49,000 claims with less at risk are not on this page" in said
