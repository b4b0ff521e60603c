"""Walk 837P transaction sets through the implementation guide with pyx12: the only module that knows it.

pyx12's own driver, `x12n_document`, ends at the first crash, keeps its error tree in memory, forgets the loops and what
is wrong in ISA, GS and ST elements, prints, and logs element values.  So its parts are driven here, one segment at a
time: its reader counts, its walker finds the segment's node in the map of the guide, the node judges the elements.  The
segments come from our own reader: each has its place in the file, and none is lost where pyx12's reader would stop.

No word of pyx12's messages is passed on: they quote element values.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from threading import local
from typing import Any, TextIO, TypeAlias, cast

from attrs import define, evolve

from scrubber.conformance.rules import (
    GuideElementError,
    GuideEnvelopeError,
    GuideNotChecked,
    GuideSegmentError,
    GuideWalkedAsA1,
)
from scrubber.findings.finding import Location
from scrubber.io.source import InputSource
from scrubber.x12.envelope import SUPPORTED_GUIDES
from scrubber.x12.lexer import cut_segments
from scrubber.x12.rules import Scope, SyntaxRule, X12SyntaxError
from scrubber.x12.segment import Segment

__all__ = ["guide_errors"]

_GUIDE, _VERSION = "005010X222A1", "00501"
_MAP, _ISA_MAP = "837.5010.X222.A1.xml", "x12.control.00501.xml"
_OTHER_VERSIONS = frozenset(SUPPORTED_GUIDES) - {_GUIDE}
_STALE_CODE_LISTS = "remark_code"  # pyx12 4.0 ends at N734; the MOA segments of today have newer ones
_VALID_RANGE = "20000101-20000101"
_NON_ASCII = re.compile(r"[^\x00-\x7f]")

_PARTS = {"GS", "ST", "HL", "CLM"}  # what begins a claim, a level or what is around them
_MOST = 100  # errors of a rule that are given of each
_HEADERS = {"IEA": "ISA", "GE": "GS", "SE": "ST"}
_NESTED: Mapping[str, tuple[str, ...]] = {"ST": ("ST",), "GS": ("ST", "GS"), "ISA": ("ST", "GS", "ISA")}
_SCOPES = {"ISA": Scope.INTERCHANGE, "GS": Scope.GROUP, "ST": Scope.TRANSACTION_SET}
_PART_SCOPES = {"HL": Scope.LEVEL, "CLM": Scope.CLAIM}
_ENVELOPE_LOOPS = {name: f"{_HEADERS.get(name, name)}_LOOP" for name in ("ISA", "GS", "ST", *_HEADERS)}
_WRAPPERS = {"HEADER", "DETAIL", "FOOTER"}  # loops of the map that the guide does not number
_DELIMITERS = {"ISA11", "ISA16"}  # not data, so any character is right, a control character too

_MISSING = "3"
_SEGMENT_TEXTS = {  # by the codes of IK304, and pyx12's own
    "1": "{0} is not allowed here, or not with this qualifier.",
    "2": "{0} is not used in this guide.",
    _MISSING: "The required segment {0} is missing.",
    "4": "{0} is there more often than the guide allows.",
    "5": "{0} is there more often than the guide allows.",
    "8": "{0} has no elements.",
    "SEG1": "{0} ends in extra element separators.",
}
_ELEMENT_TEXTS = {  # by the codes of IK403
    "1": "The required {0} is missing.",
    "2": "{0} and the elements that go with it are not all there.",
    "3": "{0} is one too many.",
    "4": "{0} is too short.",
    "5": "{0} is too long.",
    "6": "{0} holds an invalid character, a component separator, or needless blanks at its end.",
    "7": "{0} is not a code or a form that the guide allows here.",
    "8": "{0} is not a valid date.",
    "9": "{0} is not a valid time.",
    "10": "{0} is not used here, or not together with another element of the segment.",
    "13": "{0} is one too many.",
}
_SYNTAX_CODES = {  # of a 999, by the codes of pyx12 that a 999 does not know
    "SEG1": "8",  # the segment has data element errors
    "HL1": "I12",  # the element departs from the pattern that the guide sets
    "HL2": "I12",
    "LX": "I12",
}
_COUNT_TEXTS = {  # by the level and the code of what pyx12's reader finds
    ("seg", "HL1"): ("HL01", "HL01 does not count 1, 2, 3 ... in the transaction set."),
    ("seg", "HL2"): ("HL02", "HL02 names no enclosing hierarchical level."),
    ("seg", "LX"): ("LX01", "LX01 does not count 1, 2, 3 ... in the claim."),
    ("st", "3"): ("SE02", "SE02 is not the number in ST02."),
    ("st", "4"): ("SE01", "SE01 does not count the segments from ST to SE."),
    ("st", "23"): ("ST02", "This transaction set number was used before in the group."),
    ("gs", "4"): ("GE02", "GE02 is not the number in GS06."),
    ("gs", "5"): ("GE01", "GE01 does not count the transaction sets."),
    ("gs", "6"): ("GS06", "This group number was used before in the interchange."),
    ("isa", "001"): ("IEA02", "IEA02 is not the number in ISA13."),
    ("isa", "021"): ("IEA01", "IEA01 does not count the functional groups."),
}


def guide_errors(source: InputSource) -> Iterator[X12SyntaxError]:
    """Yield where the 837P transaction sets of an input, and the envelopes around them, depart from the guide.

    Other transaction sets and segments outside any are passed over: the reader reports them.  Memory stays flat: no
    more than a segment is kept, and of one claim or level no more than the first hundred errors of a rule are given.
    Raises UnreadableError when reading fails.
    """
    interchange: _Interchange | None = None
    given: Counter[type[SyntaxRule]] = Counter()
    for segment in cut_segments(source.chunks(), lambda _error: None):
        if not segment.text:
            continue
        if segment.id == "ISA":
            if interchange is not None:
                yield from interchange.close("ISA")
            interchange = _Interchange(segment)
        elif interchange is not None:
            if segment.id in _PARTS:
                given.clear()
            yield from _first(interchange.take(segment), given)
    if interchange is not None:
        yield from interchange.close("ISA")


def _first(syntax_errors: Iterable[X12SyntaxError], given: Counter[type[SyntaxRule]]) -> Iterator[X12SyntaxError]:
    """Yield no more than so many errors of a rule; the last of them says so."""
    for syntax_error in syntax_errors:
        given[syntax_error.rule] += 1
        if given[syntax_error.rule] == _MOST:
            yield evolve(syntax_error, message=f"{syntax_error.message} Others of this claim or level are not listed.")
        elif given[syntax_error.rule] < _MOST:
            yield syntax_error


class _Interchange:
    """Chooses what pyx12 gets to see of one interchange: its 837P transaction sets with the envelopes around them."""

    def __init__(self, header: Segment) -> None:
        self._walker = _Walker()
        self._waiting = {"ISA": header}  # headers that pyx12 has not seen
        self._open: dict[str, Segment] = {}  # headers that it has seen, without their trailers so far
        self._group: Segment | None = None
        self._whole = True  # False where something was passed over or left open: pyx12 miscounts what GE and IEA count

    def take(self, segment: Segment) -> Iterator[X12SyntaxError]:
        """Judge the next segment, or pass it over."""
        kind = segment.id
        if kind == "GS":
            yield from self.close("GS")
            self._whole &= "GS" not in self._waiting
            self._group = self._waiting["GS"] = segment
        elif kind == "ST":
            yield from self.close("ST")
            yield from self._take_transaction(segment)
        elif kind in _HEADERS:
            yield from self._take_trailer(segment, _HEADERS[kind])
        elif "ST" in self._open:
            yield from self._walker.judge(segment)

    def close(self, kind: str) -> Iterator[X12SyntaxError]:
        """Report and close the envelope of that kind and those inside it, as far as they are still open."""
        for name in _NESTED[kind]:
            header = self._open.pop(name, None)
            if header is not None:
                self._whole = False
                message = f"This {name} is not closed by its trailer."
                place = header.locate(_ENVELOPE_LOOPS[name])
                yield GuideEnvelopeError.at(place, message, scope=_SCOPES[name], part=header.offset)

    def _take_transaction(self, segment: Segment) -> Iterator[X12SyntaxError]:
        guide = (self._group.get(8) if self._group is not None else "") or segment.get(3)
        if segment.get(1) != "837" or guide not in SUPPORTED_GUIDES:
            self._whole = False
            return
        if self._group is None:
            message = "A transaction set outside any functional group was not checked against the guide."
            yield GuideNotChecked.at(segment.locate("ST_LOOP"), message)
            return
        waiting, self._waiting = self._waiting, {}
        for header in (*waiting.values(), segment):
            self._open[header.id] = header
            yield from self._walker.judge(header)
        for header, element in ((segment, "ST03"), (self._group, "GS08")):
            if header.get(int(element[2:])) in _OTHER_VERSIONS:
                message = f"This transaction set was walked through the guide as {_GUIDE}."
                yield GuideWalkedAsA1.at(header.locate(_ENVELOPE_LOOPS[header.id], element), message)
                return

    def _take_trailer(self, segment: Segment, kind: str) -> Iterator[X12SyntaxError]:
        if kind != "ST":
            self._whole &= self._waiting.pop("GS", None) is None
            self._group = None
            yield from self.close(_NESTED[kind][-2])
        if self._open.pop(kind, None) is not None:
            yield from self._walker.judge(segment, counted=self._whole or kind == "ST")


@define
class _Feed:
    """The stream that pyx12's reader reads: a segment at a time, so that it neither runs ahead nor stops early."""

    text: str = ""
    closed: bool = False

    def read(self, _size: int = -1) -> str:
        """Return what was put into `text`, once."""
        text, self.text = self.text, ""
        return text


# What pyx12 gives, which has no types: a node of a map, a segment, an error in it.
_Node: TypeAlias = Any
_Data: TypeAlias = Any
_Error: TypeAlias = Any


@cache
def _guide() -> tuple[_Node, _Node, frozenset[str]]:
    """Return pyx12's map of the guide, its node for the ISA, and the identifiers of all segments of the guide."""
    from pyx12 import map_if, params  # noqa: PLC0415 - start-up: most runs do not need them

    for module in ("pyx12.map_walker", "pyx12.x12file"):  # have their loggers made, too, before all are silenced
        import_module(module)
    settings = params.ParamsBase()
    settings.set("exclude_external_codes", _STALE_CODE_LISTS)
    guide = map_if.load_map_file(_MAP, settings)
    # The guide's map still wants ISA11 to be the "U" of version 00401.
    isa = map_if.load_map_file(_ISA_MAP, settings).getnodebypath("/ISA_LOOP/ISA")
    # The filter is on the very logger that is asked, whatever levels and handlers a host has given it.
    for name in [name for name in logging.root.manager.loggerDict if name.partition(".")[0] == "pyx12"]:
        logging.getLogger(name).addFilter(_SILENCE)
    return guide, isa, frozenset(str(node.id) for node in guide.loop_segment_iterator() if node.is_segment())


class _Walker:
    """Walks the segments of one interchange through the map."""

    def __init__(self) -> None:
        self._feed = _Feed()
        self._reader: Any = None
        self._walk: Any = None
        self._node: _Node | None = None
        self._previous: Segment | None = None  # the last at its place, behind which is missing what is missing
        self._headers: dict[str, int] = {}  # the first bytes of the envelopes that are open
        self._part = self._previous_part = (Scope.NOTHING, 0)  # what the segment and the previous one are in

    def judge(self, segment: Segment, *, counted: bool = True) -> list[X12SyntaxError]:
        """Return the errors of a segment and of the gap in front of it; those of its counts only if it is `counted`."""
        if self._reader is None and segment.id != "ISA":
            return []  # that pyx12 could not begin was reported at the ISA
        self._enter(segment)
        found: list[X12SyntaxError] = []
        try:
            with _silenced():
                found.extend(self._errors_of(segment, counted=counted))
        except Exception as error:  # noqa: BLE001 - pyx12 raises anything; what it cannot judge is a finding
            message = f"This segment could not be checked against the guide ({type(error).__name__} in pyx12)."
            found.append(GuideNotChecked.at(self._locate(segment), message))
        return found

    def _enter(self, segment: Segment) -> None:
        """Follow which claim, level or envelope a segment opens, closes or is in."""
        kind = _HEADERS.get(segment.id, segment.id)
        if segment.id in _SCOPES:
            self._headers[segment.id] = segment.offset
        if kind in _SCOPES:
            self._part = (_SCOPES[kind], self._headers.get(kind, segment.offset))
        elif segment.id in _PART_SCOPES:
            self._part = (_PART_SCOPES[segment.id], segment.offset)

    def _spoiling(self, syntax_error: X12SyntaxError, *, before: bool = False) -> X12SyntaxError:
        """Return an error with the part that it spoils: the one of the previous segment where something is missing."""
        scope, part = self._previous_part if before else self._part
        if syntax_error.unread:
            return syntax_error
        return evolve(syntax_error, scope=scope, part=part, transaction_set=self._headers.get("ST"))

    def _errors_of(self, segment: Segment, *, counted: bool) -> Iterator[X12SyntaxError]:
        data = self._read(segment)
        node, errors = self._find(segment, data)
        for error in errors:
            missing = error.err_cde == _MISSING and self._previous is not None
            for syntax_error in self._segment_errors(segment, error):
                yield self._spoiling(syntax_error, before=missing)
        self._node = node or self._node
        if node is not None and all(error.err_cde == _MISSING for error in errors):
            self._previous, self._previous_part = segment, self._part
        yield from map(self._spoiling, self._own_errors(segment, node, data, counted=counted))

    def _own_errors(self, segment: Segment, node: _Node, data: _Data, *, counted: bool) -> Iterator[X12SyntaxError]:
        """Yield what is wrong in the segment itself."""
        for level, code, *_ in self._reader.pop_errors():
            if counted or level == "seg":
                yield from self._count_errors(segment, level, code)
        if node is not None:
            yield from _element_errors(node, segment, data)
        elif not segment.text.isascii():
            message = "An element of this segment holds an invalid character."
            yield GuideElementError.at(self._locate(segment), message, "8")

    def _read(self, segment: Segment) -> _Data:
        """Pass a copy of the segment through pyx12's reader, which counts."""
        self._feed.text = _copy(segment) + segment.delimiters.segment
        if self._reader is None:
            from pyx12 import map_walker, x12file  # noqa: PLC0415

            _guide()  # in front of the reader: without a map there must be none, so that nothing else is judged
            self._reader, self._walk = x12file.X12Reader(cast("TextIO", self._feed)), map_walker.walk_tree()
            self._reader.check_837_lx = True
        # A new iterator each time: the one in which the reader raised an error would be dead.
        return next(iter(self._reader))

    def _find(self, segment: Segment, data: _Data) -> tuple[_Node, list[_Error]]:
        """Return the segment's node in the map, None where it has no place, and the errors on the way to it."""
        if segment.id not in {"ISA", "GS"}:
            node, _, _, errors = self._walk.walk_errors(self._node, data, 0, 0, None)
            return node, errors
        guide, isa, _ = _guide()
        loop = "/ISA_LOOP" if segment.id == "ISA" else "/ISA_LOOP/GS_LOOP"
        self._walk.forceWalkCounterToLoopStart(loop, f"{loop}/{segment.id}")
        if segment.id == "GS":
            return guide.getnodebypath(f"{loop}/GS"), []
        data.set("ISA12", segment.get(12))  # the copy named the version that pyx12 reads
        return isa, []

    def _segment_errors(self, segment: Segment, error: _Error) -> Iterator[X12SyntaxError]:
        node, code = error.map_node, error.err_cde
        if code == _MISSING:
            if node.id not in _HEADERS:  # a missing trailer is reported at its header
                before = self._previous or segment
                place = Location(_loop_of(node), node.id, None, before.ordinal, before.offset + len(before.text), 0)
                yield GuideSegmentError.at(place, _SEGMENT_TEXTS[code].format(f"{node.id} ({node.name})"), code)
            return
        location = self._locate(segment, node)
        what = f"Loop {location.loop}" if code == "4" else _what(location)
        yield _syntax_error(segment, GuideSegmentError, location, _SEGMENT_TEXTS[code].format(what), code)

    def _count_errors(self, segment: Segment, level: str, code: str) -> Iterator[X12SyntaxError]:
        location = self._locate(segment)
        if (level, code) in _COUNT_TEXTS:
            element, text = _COUNT_TEXTS[level, code]
            yield _syntax_error(segment, GuideElementError, segment.locate(location.loop, element), text, code)
        elif code != "1":  # of an unknown identifier the walker speaks, too
            yield _syntax_error(
                segment, GuideSegmentError, location, _SEGMENT_TEXTS[code].format(_what(location)), code
            )

    def _locate(self, segment: Segment, node: _Node | None = None) -> Location:
        """Locate a segment; an identifier that the guide does not know may be part of a name, and is left out."""
        known = segment.id in _ENVELOPE_LOOPS or segment.id in _guide()[2]
        return evolve(segment.locate(_loop_of(node or self._node)), segment=segment.id if known else "")


def _element_errors(node: _Node, segment: Segment, data: _Data) -> Iterator[X12SyntaxError]:
    """Judge the elements of a segment whose node in the map is known."""
    found = dict.fromkeys(_defused(node, segment, data))
    valid, errors = node.is_valid_errors(data)
    found |= dict.fromkeys(_place(node, error) for error in errors)
    loop = _loop_of(node)
    for reference, name, code in found:
        if reference in _DELIMITERS:
            continue
        where = f"{loop} {reference}" if loop[:1].isdigit() else reference
        message = _ELEMENT_TEXTS[code].format(f"{where} ({name})" if name else where)
        yield _syntax_error(segment, GuideElementError, segment.locate(loop, reference), message, code)
    if not valid and not errors:
        yield GuideNotChecked.at(segment.locate(loop), "pyx12 rejected this segment without saying why.")


def _defused(node: _Node, segment: Segment, data: _Data) -> Iterator[tuple[str, str, str]]:
    """Find what pyx12 crashes on or does not get to see, and take it out of `data`, so that it can judge the rest."""
    for position, (child, value) in enumerate(zip(node.children, data.elements, strict=False), 1):
        reference, size = f"{node.id}{position:02}", len(child.children)
        if size and len(value.elements) > size:
            del value.elements[size:]
            yield f"{reference}-{size + 1}", "", "13"
        if not size and not segment.get(position).isascii():
            yield reference, child.name, "6"
        for part, text in zip(child.children, segment.components(position), strict=False):
            if not text.isascii():
                yield f"{reference}-{part.seq}", part.name, "6"
    if segment.get(2) == "RD8" and segment.get(3).count("-") > 1:
        data.set("03", _VALID_RANGE)
        yield f"{node.id}03", node.children[2].name, "8"


def _place(node: _Node, error: _Error) -> tuple[str, str, str]:
    """Return the reference designator of a faulty element, the guide's name for it, and the code of the error."""
    child = error.map_node
    if child is None:  # about a composite ("SV101"), a surplus element ("08") or a relation of elements (8)
        code = "10" if error.err_cde == "5" else error.err_cde  # of a composite 5 means "not used"
        return f"{node.id}{int(str(error.refdes)[-2:]):02}", "", code
    if child.parent.is_composite():
        return f"{node.id}{child.parent.seq:02}-{child.seq}", child.name, error.err_cde
    return f"{node.id}{child.seq:02}", child.name, error.err_cde


def _syntax_error(
    segment: Segment, rule: type[SyntaxRule], location: Location, message: str, code: str
) -> X12SyntaxError:
    """Report what pyx12 knows by `code`; in an envelope segment it breaks the rule of the envelope instead."""
    if segment.id in _ENVELOPE_LOOPS:
        return GuideEnvelopeError.at(location, message)
    return rule.at(location, message, _SYNTAX_CODES.get(code, code))


def _what(location: Location) -> str:
    return f"Segment {location.segment}" if location.segment else "A segment unknown to the guide"


def _loop_of(node: _Node) -> str:
    """Return the TR3 loop that a node of the map is or belongs to."""
    while node is not None and not node.is_map_root():
        if node.is_loop() and node.id not in _WRAPPERS:
            return str(node.id)
        node = node.parent
    return ""


def _copy(segment: Segment) -> str:
    """Return the segment as pyx12 gets it: a version it has a map for, an identifier it knows, only ASCII."""
    elements = [segment.id, *segment.elements[1:]]
    position, version = {"ISA": (12, _VERSION), "GS": (8, _GUIDE), "ST": (3, _GUIDE)}.get(segment.id, (0, ""))
    if segment.id == "ISA" or segment.get(position) in _OTHER_VERSIONS:
        elements[position] = version
    text = segment.delimiters.element.join(elements)
    delimiters = {segment.delimiters.element, segment.delimiters.component}
    # A letter, for any other substitute could be a delimiter.
    return _NON_ASCII.sub(lambda found: found[0] if found[0] in delimiters else "X", text)


class _Silence(logging.Filter):
    """Drops what pyx12 logs while this thread walks through the guide; what a host does with pyx12 itself is logged."""

    walking = local()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record may pass."""
        del record
        return not getattr(self.walking, "now", False)


_SILENCE = _Silence()


@contextmanager
def _silenced() -> Generator[None]:
    """Keep pyx12 from logging, for it logs element values.  What is used of it here neither prints nor writes files."""
    _SILENCE.walking.now = True
    try:
        yield
    finally:
        _SILENCE.walking.now = False
