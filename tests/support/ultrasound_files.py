"""Regular 837P files drawn from the rule tables: sessions with ultrasound, office visits, and codes of every table.

Every claim is balanced and complete, so that a screen has to look at what is billed.  `mutants` changes such files.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from functools import cache

from attrs import define, field, fields, frozen

from edits import EDITS
from edits.ivus.facts import Facts, load_facts
from scrubber import CodeForm
from scrubber.x12.segment import Delimiters
from tests.support.damages import Segments

INITIAL, ADDITIONAL = "37252", "37253"
ULTRASOUND = (INITIAL, ADDITIONAL)
RETIRED = ("37250", "37251", "75945", "75946")
PLACES = ("11", "11", "11", "22", "24", "19", "21")
PAYERS = (("12502", "MB"), ("12502", "MB"), ("60054", "CI"), ("00590", "BL"))
BILLERS = ("1234567893", "1666666668")
RENDERERS = ("1999999984", "1888888884", "1777777776")
DIAGNOSES = ("I70213", "I739", "I871", "I82402", "I83892", "N186", "T82858A", "Z992")

_CODE_COLUMNS = (
    *("addon", "base", "primary", "procedure", "column1", "column2"),
    *("first", "last", "successor_first", "successor_last"),
)
_OFFICE = ("99213", "99214", "93970", "93971", "93880", "93922", "36465", "36475", "36478", "C1753", "C9600", "0999T")
_BORDERS = (
    *(date(2015, 12, 31), date(2016, 1, 1), date(2019, 6, 30), date(2019, 7, 1), date(2021, 12, 31), date(2022, 1, 1)),
    *(date(2022, 3, 31), date(2022, 4, 1), date(2023, 1, 1), date(2024, 3, 31), date(2024, 4, 1), date(2024, 12, 31)),
    *(date(2025, 1, 1), date(2025, 12, 31), date(2026, 1, 1), date(2026, 4, 1), date(2026, 7, 1), date(2026, 11, 2)),
)
"""Days on which tables change, and the days before them."""

_DAYS = (*(date(2024, 8, 5), date(2024, 8, 6), date(2025, 3, 3)) * 12, *_BORDERS)
_FIRST_DAY, _LAST_DAY = date(2012, 1, 1), date(2026, 11, 20)


@frozen
class Billable:
    """The procedure codes of a row of a rule table, and the days around those on which it begins and ends."""

    codes: tuple[str, ...]
    days: tuple[date, ...]


@cache
def billable_rows() -> dict[str, tuple[Billable, ...]]:
    """Return the rows that name procedure codes, by table."""
    facts = load_facts()
    tables = {attribute.name: getattr(facts, attribute.name) for attribute in fields(Facts)}
    rows = {name: tuple(found for row in table if (found := _billable(row)).codes) for name, table in tables.items()}
    return {name: found for name, found in rows.items() if found}


def _billable(row: object) -> Billable:
    codes = (getattr(row, column, "") for column in _CODE_COLUMNS)
    days = (getattr(row, column, None) for column in ("effective", "deleted", "proven_from"))
    around = [day + timedelta(days=by) for day in days if day not in {None, date.min} for by in (-1, 0, 1)]
    return Billable(
        tuple(dict.fromkeys(code for code in codes if CodeForm.PROCEDURE.fits(code))),
        tuple(day for day in around if _FIRST_DAY <= day <= _LAST_DAY),
    )


@cache
def primaries(day: date) -> tuple[str, ...]:
    """Return the primary procedures of ultrasound on a day; on a day without ultrasound, those of the first one."""
    own = [row for row in load_facts().base_codes if row.addon == INITIAL and CodeForm.PROCEDURE.fits(row.base)]
    first = min(row.effective for row in own)
    then = max(day, first)
    return tuple(row.base for row in own if row.effective <= then and (row.deleted is None or then <= row.deleted))


@cache
def modifiers() -> tuple[str, ...]:
    """Return the modifiers that a table names, those of ultrasound lines twice, and some that none does."""
    facts = load_facts()
    return (*[row.modifier for row in facts.modifiers] * 2, *(row.modifier for row in facts.ncci_modifiers), "GA", "XX")


@cache
def _vessels() -> tuple[tuple[str, ...], tuple[str, ...]]:
    facts = load_facts()
    return tuple(row.name for row in facts.vessels), tuple(row.word for row in facts.vessel_words)


def draw_note(chance: random.Random) -> str:
    """Draw a note that names some vessels or none, by names and words of the tables."""
    names, words = _vessels()
    sides = ("LEFT", "RIGHT", "LT", "BILATERAL", "")
    parts = [f"{chance.choice(sides)} {chance.choice(names)}".strip() for _ in range(chance.randrange(4))]
    if chance.random() < 0.3:
        parts.insert(0, chance.choice(words))
    # A colon or another delimiter would end an element: words that are one are left out.
    text = chance.choice((" AND ", ", ", " ")).join(parts) or "SEE REPORT"
    return "".join(letter for letter in text if letter.isalnum() or letter in " ,.-")


# -- services ----------------------------------------------------------------------------------------------------------


@define
class Service:
    """A service line as it will be written."""

    procedure: str
    day: date
    modifiers: tuple[str, ...] = ()
    units: int = 1
    charge: int = 100
    note: str = ""


def draw_services(chance: random.Random, day: date) -> list[Service]:
    """Draw the services of a claim of a day; where rows of tables are drawn, the day may be one of theirs."""
    services = chance.choices(tuple(_KINDS), tuple(_KINDS.values()))[0](chance, day)
    for service in services:
        service.charge = chance.choice((100, 250, 1200))
        if not service.modifiers and chance.random() < 0.15:
            service.modifiers = tuple(chance.choice(modifiers()) for _ in range(chance.choice((1, 1, 2))))
    return services


def _session(chance: random.Random, day: date) -> list[Service]:
    """Draw a session as it should be billed: a primary procedure, a catheter placement, each vessel once."""
    catheter = chance.choice(billable_rows()["catheter_codes"]).codes[0]
    codes = [chance.choice(primaries(day)), *[catheter] * (chance.random() < 0.8), INITIAL]
    services = [Service(code, day) for code in codes]
    if chance.random() < 0.6:
        services.append(Service(ADDITIONAL, day, units=chance.choice((1, 1, 2, 3, 5, 6))))
    if chance.random() < 0.3:
        services[-1].note = draw_note(chance)
    return services


def _modified_session(chance: random.Random, day: date) -> list[Service]:
    """Draw a session with a modifier that a table is about on an ultrasound line."""
    services = _session(chance, day)
    services[-1].modifiers = (chance.choice([row.modifier for row in load_facts().modifiers]),)
    return services


def _coronary(chance: random.Random, day: date) -> list[Service]:
    """Draw ultrasound beside a primary procedure of its coronary siblings."""
    row = chance.choice(billable_rows()["coronary_bases"])
    return [Service(code, day) for code in (row.codes[-1], *ULTRASOUND[: chance.randint(1, 2)])]


def _of_rows(chance: random.Random, day: date) -> list[Service]:
    """Draw the codes of a row or two, of a table each, mostly beside ultrasound."""
    tables = tuple(name for name in billable_rows() if name not in _OF_ENDED_CODES or chance.random() < 0.3)
    rows = [chance.choice(billable_rows()[chance.choice(tables)]) for _ in range(chance.choice((1, 1, 2)))]
    days = [day, *(each for row in rows for each in row.days)]
    day = chance.choice(days)
    codes = [code for row in rows for code in row.codes]
    if chance.random() < 0.7:
        codes += chance.choice(
            ((INITIAL,), (INITIAL,), ULTRASOUND, ULTRASOUND, (ADDITIONAL,), (chance.choice(RETIRED),))
        )
    if chance.random() < 0.4:
        codes.append(chance.choice(primaries(day)))
    chance.shuffle(codes)
    return [Service(code, day) for code in codes[:6]]


def _on_sides(chance: random.Random, day: date) -> list[Service]:
    """Draw a session whose lines have a side each."""
    codes = [chance.choice(primaries(day)), INITIAL, *[ADDITIONAL] * chance.randrange(3)]
    return [Service(code, day, (chance.choice(("LT", "RT")),)) for code in codes]


def _bypassed(chance: random.Random, day: date) -> list[Service]:
    """Draw ultrasound beside a code that it is bundled into or excluded with, with a modifier for another session."""
    row = chance.choice(billable_rows()[chance.choice(("ptp", "exclusions"))])
    other = next((code for code in row.codes if code not in ULTRASOUND), INITIAL)
    day = chance.choice((day, chance.choice((day, *row.days))))
    services = [Service(code, day) for code in (chance.choice(primaries(day)), other, INITIAL) if code]
    both = chance.choice(("", "", "59", "LT", "RT"))
    for service in services[1:]:
        if both or chance.random() < 0.6:
            service.modifiers = (both or chance.choice(("59", "XS", "XE", "XU", "25", "LT", "76")),)
    return services


def _visit(chance: random.Random, day: date) -> list[Service]:
    return [Service(code, day) for code in chance.sample(_OFFICE, k=chance.randrange(1, 4))]


def _alone(chance: random.Random, day: date) -> list[Service]:
    """Draw a code that an edit names, with none beside it that any edit names."""
    code = chance.choice(chance.choice((ULTRASOUND, *[_named_by_edits()] * 3)))
    day = chance.choice((day, chance.choice(_BORDERS), chance.choice(_BORDERS[-4:])))
    return [Service(each, day) for each in (code, *chance.sample(_OFFICE[:9], k=chance.randrange(2)))]


@cache
def _named_by_edits() -> tuple[str, ...]:
    """Return the codes that make a claim one of interest to the edits of ultrasound."""
    return tuple(sorted({code for rule in EDITS.edits for code in rule.meta.procedures or ()}))


_OF_ENDED_CODES = ("successions", "ended_codes")
_KINDS = {
    kind: often
    for often, kinds in {
        8: (_session,),
        6: (_of_rows,),
        4: (_visit,),
        3: (_modified_session, _bypassed, _alone),
        2: (_on_sides,),
        1: (_coronary,),
    }.items()
    for kind in kinds
}
"""What claims bill, with how often."""


# -- files -------------------------------------------------------------------------------------------------------------


@define
class Drawing:
    """A file that is being drawn: the levels so far, and the patients who may come again."""

    chance: random.Random
    levels: int = 0
    claims: int = 0
    patients: list[tuple[str, date, tuple[str, str]]] = field(factory=lambda: [])

    def segments(self) -> Iterator[list[str]]:
        """Yield a file of a few claims of one or two billing providers."""
        yield from self._head()
        for npi in BILLERS[: self.chance.choice((1, 1, 2))]:
            yield from self._provider(npi)
        yield from _trailers()

    def _head(self) -> Iterator[list[str]]:
        yield ["GS", "HC", "SUB0001", "SCRUB01", "20261124", "0900", "1", "X", "005010X222A1"]
        yield ["ST", "837", "0001", "005010X222A1"]
        yield ["BHT", "0019", "00", "BATCH0001", "20261124", "0900", "CH"]
        yield ["NM1", "41", "2", "SYNTHETIC BILLING", "", "", "", "", "46", "SUB0001"]
        yield ["PER", "IC", "EDI DESK", "TE", "5555551212"]
        yield ["NM1", "40", "2", "CLAIM SCRUBBER", "", "", "", "", "46", "SCRUB01"]

    def segments_for(self, claims: Iterable[list[Service]]) -> Iterator[list[str]]:
        """Yield a file with a claim of a patient of its own for the services given."""
        yield from self._head()
        yield from self._billing_provider(BILLERS[0])
        for services in claims:
            self.levels += 1
            yield from self._subscriber(f"M{self.levels}", PAYERS[0], 1, is_dependent=False)
            yield from self._claim(services, RENDERERS[0])
        yield from _trailers()

    def _provider(self, npi: str) -> Iterator[list[str]]:
        yield from self._billing_provider(npi)
        provider = self.levels
        for _ in range(self.chance.randint(1, 5)):
            yield from self._patient(provider)

    def _billing_provider(self, npi: str) -> Iterator[list[str]]:
        provider = self.levels = self.levels + 1
        yield ["HL", str(provider), "", "20", "1"]
        if self.chance.random() < 0.2:
            yield ["PRV", "BI", "PXC", self.chance.choice(("2086S0129X", "261QA1903X"))]
        yield ["NM1", "85", "2", "SYNTHETIC VASCULAR PC", "", "", "", "", "XX", npi]
        yield from (["N3", "1 MAIN ST"], ["N4", "ANYTOWN", "PA", "171110000"], ["REF", "EI", "123456789"])

    def _patient(self, provider: int) -> Iterator[list[str]]:
        chance = self.chance
        if self.patients and chance.random() < 0.3:
            member, day, payer = chance.choice(self.patients)
        else:
            member, day, payer = f"M{len(self.patients) + 1}", chance.choice(_DAYS), chance.choice(PAYERS)
            self.patients.append((member, day, payer))
        self.levels += 1
        yield from self._subscriber(member, payer, provider, is_dependent=chance.random() < 0.1)
        renderer = chance.choice(RENDERERS)
        if chance.random() < 0.1:
            first, *rest = _session(chance, day)
            halves = [[first], rest]
            if chance.random() < 0.4:
                first.day += timedelta(days=chance.choice((-1, 1)))
        else:
            halves = [draw_services(chance, day) for _ in range(chance.choice((1, 1, 1, 2)))]
        for services in halves:
            other = chance.choice(RENDERERS) if chance.random() < 0.1 else renderer
            yield from self._claim(services, other)

    def _subscriber(
        self, member: str, payer: tuple[str, str], provider: int, *, is_dependent: bool
    ) -> Iterator[list[str]]:
        own = self.levels
        yield ["HL", str(own), str(provider), "22", "1" if is_dependent else "0"]
        yield ["SBR", "P", "" if is_dependent else "18", "", "", "", "", "", "", payer[1]]
        yield ["NM1", "IL", "1", "TESTPATIENT", "ANN", "", "", "", "MI", member]
        yield from (["N3", "2 ELM ST"], ["N4", "ANYTOWN", "PA", "17111"], ["DMG", "D8", "19500101", "F"])
        yield ["NM1", "PR", "2", "SYNTHETIC PAYER", "", "", "", "", "PI", payer[0]]
        if is_dependent:
            self.levels += 1
            yield from (["HL", str(self.levels), str(own), "23", "0"], ["PAT", "19"], ["NM1", "QC", "1", "KIM", "BO"])
            yield from (["N3", "2 ELM ST"], ["N4", "ANYTOWN", "PA", "17111"], ["DMG", "D8", "20100101", "M"])

    def _claim(self, services: list[Service], renderer: str) -> Iterator[list[str]]:
        chance = self.chance
        self.claims += 1
        total = sum(service.charge for service in services)
        place = f"{chance.choice(PLACES)}:B:{chance.choice('1' * 38 + '78')}"
        yield ["CLM", f"PCN{self.claims}", str(total), "", "", place, "Y", "A", "Y", "Y"]
        if chance.random() < 0.5:
            yield ["REF", "D9", f"CH{self.claims:06}"]
        if not place.endswith("1") and chance.random() < 0.8:
            yield ["REF", "F8", f"ICN{self.claims}"]
        if chance.random() < 0.1:
            yield ["NTE", "ADD", draw_note(chance)]
        codes = chance.sample(DIAGNOSES, k=chance.randrange(1, 5))
        yield ["HI", *(f"{'ABF' if number else 'ABK'}:{code}" for number, code in enumerate(codes))]
        yield ["NM1", "82", "1", "TESTDOCTOR", "SAM", "", "", "", "XX", renderer]
        for number, service in enumerate(services, 1):
            yield from self._line(number, service, len(codes))

    def _line(self, number: int, service: Service, diagnoses: int) -> Iterator[list[str]]:
        code = ":".join(("HC", service.procedure, *service.modifiers))
        pointers = ":".join(map(str, range(1, min(diagnoses, 2) + 1)))
        yield ["LX", str(number)]
        yield ["SV1", code, str(service.charge), "UN", str(service.units), "", "", pointers]
        yield ["DTP", "472", "D8", f"{service.day:%Y%m%d}"]
        if self.chance.random() < 0.6:
            yield ["REF", "6R", f"{self.claims}{number:02}"]
        if service.note:
            yield ["NTE", "ADD", service.note]


def draw_segments(chance: random.Random) -> Segments:
    """Draw the segments of a file behind its ISA; components are divided by a colon, and SE01 is yet to be counted."""
    return list(Drawing(chance).segments())


def _trailers() -> Iterator[list[str]]:
    yield from (["SE", "0", "0001"], ["GE", "1", "1"], ["IEA", "1", "000000101"])


def claims_of_named_codes() -> Iterator[list[Service]]:
    """Yield claims of each code that an edit names, with no other one, on each day on which tables change."""
    for code in _named_by_edits():
        yield from ([Service(code, day)] for day in _BORDERS)


def claims_of_rows(table: str) -> Iterator[list[Service]]:
    """Yield claims of the codes of each row of a table: alone, beside ultrasound, and beside its primary procedure too.

    All three are of a day that all tables know, and each in turn of the days around the first and last one of the row.
    """
    chance = random.Random(table)
    for row in billable_rows()[table]:
        for number, day in enumerate(dict.fromkeys((_DAYS[0], *row.days))):
            choices = ((), (INITIAL,), (chance.choice(primaries(day)), INITIAL))
            for beside in (choices[number % 3],) if number else choices:
                yield [Service(code, day) for code in dict.fromkeys((*row.codes, *beside))]


def segments_of_claims(claims: Iterable[list[Service]]) -> Segments:
    """Return the segments of a file of these claims, as `draw_segments` does."""
    return list(Drawing(random.Random(0)).segments_for(claims))


_HEAD = f"ISA|00|{'':10}|00|{'':10}|ZZ|{'SUB0001':15}|ZZ|{'SCRUB01':15}|261124|0900|^|00501|000000101|0|T|:"


def written(segments: Segments, delimiters: Delimiters, line_end: str) -> bytes:
    """Write segments, an ISA in front of them, in any delimiters."""
    head = [part.replace("^", delimiters.repetition) for part in _HEAD.split("|")]
    texts = (
        delimiters.element.join(part.replace(":", delimiters.component) for part in segment)
        for segment in (head, *segments)
    )
    return "".join(text + delimiters.segment + line_end for text in texts).encode("latin-1")


def with_counts(segments: Segments) -> Segments:
    """Return the segments with the right count in SE01."""
    first = next((place for place, segment in enumerate(segments) if segment[0] == "ST"), 0)
    counted = (["SE", str(place - first + 1), *segment[2:]] for place, segment in enumerate(segments))
    return [new if old[0] == "SE" else old for old, new in zip(segments, counted, strict=True)]
