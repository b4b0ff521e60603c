"""837P files of any shape, drawn by Hypothesis, with what must come out of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from attrs import define, field, frozen
from hypothesis import strategies as st

from scrubber.x12.segment import Delimiters

Claims = tuple[bool, ...]
"""The claims of a subscriber or dependent: whether each has an error."""

GUIDES = ("005010X222A1", "005010X222A2", "005010X222")
MARKS = (
    Delimiters("*", ":", "^", "~"),
    Delimiters("|", ">", "!", "\n"),
    Delimiters("~", "<", "^", "_"),
    Delimiters("*", "\\", "^", "\x1c"),
    Delimiters("^", ",", "!", "'"),
)
LINE_ENDS = ("", "\n", "\r\n")


@frozen
class Subscriber:
    """A subscriber level: own claims, and those of each dependent."""

    claims: Claims
    dependents: tuple[Claims, ...]


@frozen
class Interchange:
    """An interchange: functional groups of transaction sets of billing providers of subscribers."""

    groups: tuple[tuple[tuple[tuple[Subscriber, ...], ...], ...], ...]
    marks: Delimiters
    line_end: str
    guide: str


@define
class Made:
    """A file, and the control numbers of its claims in order with whether they have an error."""

    data: bytes = b""
    claims: list[tuple[str, bool]] = field(factory=list)


_claims = st.lists(st.booleans(), min_size=1, max_size=3).map(tuple)
_subscribers = st.one_of(
    st.builds(Subscriber, _claims, st.just(())),
    st.builds(Subscriber, st.just(()), st.lists(_claims, min_size=1, max_size=3).map(tuple)),
    st.builds(Subscriber, _claims, st.lists(_claims, min_size=1, max_size=2).map(tuple)),
)


def _several(inner: st.SearchStrategy[object], most: int) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(inner, min_size=1, max_size=most).map(tuple)


interchanges = st.builds(
    Interchange,
    groups=_several(_several(_several(_several(_subscribers, 3), 2), 2), 2),
    marks=st.sampled_from(MARKS),
    line_end=st.sampled_from(LINE_ENDS),
    guide=st.sampled_from(GUIDES),
)
files = st.builds(
    lambda found, gap: (tuple(found), gap),
    st.lists(interchanges, min_size=1, max_size=2),
    st.sampled_from(("", "\n", " \r\n")),
)


def make(found: tuple[Interchange, ...], gap: str = "") -> Made:
    """Write the file."""
    made = Made()
    texts = [_interchange(interchange, number, made) for number, interchange in enumerate(found, 1)]
    made.data = gap.join(texts).encode("latin-1")
    return made


def _interchange(shape: Interchange, number: int, made: Made) -> str:
    marks = shape.marks
    head = ["ISA", "00", " " * 10, "00", " " * 10, "ZZ", f"SUB{number:04}".ljust(15), "ZZ", "SCRUB01".ljust(15)]
    segments = [[*head, "261124", "1015", marks.repetition, "00501", f"{number:09}", "0", "T", marks.component]]
    for group, sets in enumerate(shape.groups, 1):
        segments.append(["GS", "HC", f"SUB{number:04}", "SCRUB01", "20261124", "1015", str(group), "X", shape.guide])
        for place, providers in enumerate(sets, 1):
            own = f"{group}{place:03}"  # unique in the interchange
            body = list(_transaction(own, providers, shape, made))
            segments += [*body, ["SE", str(len(body) + 1), own]]
        segments.append(["GE", str(len(sets)), str(group)])
    segments.append(["IEA", str(len(shape.groups)), f"{number:09}"])
    end = marks.segment + ("" if marks.segment == "\n" else shape.line_end)
    return "".join(marks.element.join(segment) + end for segment in segments)


def _transaction(
    number: str, providers: tuple[tuple[Subscriber, ...], ...], shape: Interchange, made: Made
) -> Iterator[list[str]]:
    yield ["ST", "837", number, shape.guide]
    yield ["BHT", "0019", "00", f"BATCH{number}", "20261124", "0900", "CH"]
    yield ["NM1", "41", "2", "SYNTHETIC BILLING", "", "", "", "", "46", "SUB0001"]
    yield ["PER", "IC", "EDI DESK", "TE", "5555551212"]
    yield ["NM1", "40", "2", "CLAIM SCRUBBER", "", "", "", "", "46", "SCRUB01"]
    level = 0
    for subscribers in providers:
        level += 1
        provider = level
        yield ["HL", str(level), "", "20", "1"]
        yield ["NM1", "85", "2", "SYNTHETIC VASCULAR PC", "", "", "", "", "XX", "1234567893"]
        yield from (["N3", "1 MAIN ST"], ["N4", "ANYTOWN", "PA", "171110000"], ["REF", "EI", "123456789"])
        for subscriber in subscribers:
            level += 1
            own = level
            yield ["HL", str(level), str(provider), "22", "1" if subscriber.dependents else "0"]
            yield ["SBR", "P", "18" if subscriber.claims else "", *[""] * 6, "MB"]
            yield ["NM1", "IL", "1", "TESTPATIENT", "ANN", "", "", "", "MI", f"M{len(made.claims):06}"]
            yield from (["N3", "2 ELM ST"], ["N4", "ANYTOWN", "PA", "17111"], ["DMG", "D8", "19500101", "F"])
            yield ["NM1", "PR", "2", "SYNTHETIC PAYER", "", "", "", "", "PI", "12502"]
            yield from _claims_of(subscriber.claims, shape, made)
            for claims in subscriber.dependents:
                level += 1
                yield ["HL", str(level), str(own), "23", "0"]
                yield from (["PAT", "19"], ["NM1", "QC", "1", "TESTPATIENT", "BEN"])
                yield from (["N3", "2 ELM ST"], ["N4", "ANYTOWN", "PA", "17111"], ["DMG", "D8", "20100101", "M"])
                yield from _claims_of(claims, shape, made)


def _claims_of(claims: Claims, shape: Interchange, made: Made) -> Iterator[list[str]]:
    component = shape.marks.component
    for fails in claims:
        number = f"PCN{len(made.claims):05}"
        made.claims.append((number, fails))
        day = f"{date(2023, 1, 2) + timedelta(days=len(made.claims)):%Y%m%d}"
        lines = 1 + len(made.claims) % 3
        yield ["CLM", number, f"{lines * 100.25:.2f}", "", "", component.join(["11", "B", "1"]), "Y", "A", "Y", "Y"]
        if len(made.claims) % 4 == 0:
            yield ["NTE", "ADD", "SYNTHETIC NOTE"]
        yield ["HI", component.join(["ABK", "I70213"])]
        for line in range(1, lines + 1):
            code = "37253" if fails and line == 1 else "99213"
            yield ["LX", str(line)]
            yield ["SV1", component.join(["HC", code]), "100.25", "UN", "1", "", "", "1"]
            yield ["DTP", "472", "D8", day]
            if line == 2:
                yield ["REF", "6R", f"L{number}"]
                yield ["NTE", "TPO", "NOTE OF ANOTHER HOUSE"]
