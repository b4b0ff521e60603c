"""Elements of the page.  Text and attributes are escaped by construction, and hold nothing that a screen obeys."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TypeAlias

from attrs import frozen
from lxml import etree

from scrubber.findings.finding import Severity
from scrubber.io.stderr import printable
from scrubber.outputs.reports.base import Tool, counted

__all__ = [
    "Catalogue",
    "Child",
    "Element",
    "TableColumn",
    "badge",
    "bar",
    "claims_of",
    "el",
    "hidden",
    "icon",
    "prose",
    "scrolling",
    "section",
    "share",
    "table",
]

Element: TypeAlias = etree._Element  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - lxml has no other name

Child: TypeAlias = "Element | str | Iterable[Child] | None"

_DATE = re.compile(r"(\d{4}-\d\d-\d\d)")


def el(name: str, /, *children: Child, **attributes: str | None) -> Element:
    """Make an element of text, elements and sequences of them; None is nothing.

    An underscore in the name of an attribute is a hyphen, one at its end is dropped (`class_`).
    """
    element = etree.Element(name)
    for key, value in attributes.items():
        if value is not None:
            element.set(key.rstrip("_").replace("_", "-"), printable(value))
    _append(element, children)
    return element


def _append(element: Element, children: Iterable[Child]) -> None:
    for child in children:
        if isinstance(child, str):
            _append_text(element, printable(child))
        elif etree.iselement(child):
            element.append(child)
        elif child is not None:
            _append(element, child)


def _append_text(element: Element, text: str) -> None:
    if len(element):
        element[-1].tail = (element[-1].tail or "") + text
    else:
        element.text = (element.text or "") + text


def hidden(text: str) -> Element:
    """Make text that is read aloud and not shown."""
    return el("span", text, class_="vh")


def icon(name: str) -> Element:
    """Show one of the drawings of the page: "error", "warning", "info" or "ok".  Says nothing aloud."""
    return el("svg", el("use", href=f"#i-{name}"), class_=f"icon {name}", aria_hidden="true")


def badge(severity: Severity) -> Element:
    """Show a severity by shape, word and colour."""
    return el("span", icon(severity.value), severity.capitalize(), class_=f"badge {severity.value}")


def section(anchor: str, title: str, *children: Child, **attributes: str | None) -> Element:
    """Make a part of the page with a heading, that links can lead to."""
    heading = el("h2", title, id=f"{anchor}-title")
    return el("section", heading, *children, id=anchor, aria_labelledby=f"{anchor}-title", **attributes)


@frozen
class TableColumn:
    """A column of a table: its heading, and whether it holds numbers."""

    title: str
    numeric: bool = False


def table(
    caption: str,
    columns: Sequence[TableColumn],
    rows: Iterable[Sequence[Child]],
    *,
    name: str | None = None,
    caption_shown: bool = False,
) -> Element:
    """Make a table in a container that scrolls by itself where the screen is narrow.

    The first value of a row is its heading.  The caption is only read aloud where a heading says the same.
    """
    heads = [el("th", column.title, scope="col", class_="n" if column.numeric else None) for column in columns]
    body = el("tbody")
    for first, *others in rows:
        cells = [
            el("td", value, class_="n" if column.numeric else None)
            for column, value in zip(columns[1:], others, strict=True)
        ]
        body.append(el("tr", el("th", first, scope="row"), cells))
    title = el("caption", caption, class_=None if caption_shown else "vh")
    whole = el("table", title, el("thead", el("tr", heads)), body, class_=name)
    return scrolling(whole, caption)


def scrolling(whole: Element, caption: str) -> Element:
    """Put a table in a container that scrolls by itself, by keyboard too."""
    return el("div", whole, class_="scroll", tabindex="0", role="group", aria_label=caption)


def prose(text: str) -> Child:
    """Write a text so that no line breaks within a date."""
    parts = _DATE.split(text)
    return [el("span", part, class_="nb") if place % 2 else part for place, part in enumerate(parts)]


def bar(part: Decimal | int, whole: Decimal | int, kind: str = "") -> Element:
    """Draw a share as a bar; its number is beside it."""
    width = f"{_percent(part, whole):.1f}%"
    return el("span", el("span", style=f"width:{width}"), class_=f"bar {kind}".rstrip(), aria_hidden="true")


def share(part: Decimal | int, whole: Decimal | int) -> str:
    """Write a share in percent, never 0 % or 100 % for what is neither none nor all."""
    percent = _percent(part, whole)
    if part and percent < 1:
        return "under 1%"
    if part != whole and percent > 99:
        return "over 99%"
    return f"{percent:.0f}%"


def _percent(part: Decimal | int, whole: Decimal | int) -> Decimal:
    return Decimal(part) * 100 / Decimal(whole) if whole else Decimal(0)


def claims_of(part: int, whole: int) -> str:
    """Write "3 of 17 claims"."""
    return f"{part:,} of {counted(whole, 'claim')}"


class Catalogue:
    """The words about edits: their titles, and why a payer minds."""

    def __init__(self, tool: Tool) -> None:
        self._rules = tool.rules
        self._whys: dict[str, str] = {}

    def title(self, code: str, name: str) -> str:
        """Return the title of an edit; its name for a code that no installed edit has."""
        rule = self._rules.get(code)
        return rule.meta.title if rule is not None else name

    def why(self, code: str) -> str:
        """Return why a payer minds; "" for a code that no installed edit has."""
        if code not in self._whys:
            rule = self._rules.get(code)
            self._whys[code] = rule.documentation().why if rule is not None else ""
        return self._whys[code]
