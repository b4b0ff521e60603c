"""A second opinion on the add-on, exclusion and unit edits: the same rules as SQL over flat rows.

It shares nothing with the chain but the CSV tables: no parser, no model, no encounter, no edit.  The rows are the ones
that the 837P was written from.  `python -m tests.campaigns.second_opinion --claims 100000` compares the two and tells
how many claims and findings agreed.
"""

from __future__ import annotations

import argparse
import csv
import random
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from attrs import evolve, frozen

from scrubber.api import load_settings, make_engine
from scrubber.engine.judge import Engine
from scrubber.testing import scrub_shorthand
from tests.support.paths import ROOT

TABLES = ROOT / "edits" / "tables"
JUDGED = (
    *("base_codes", "coronary_bases", "mue", "ptp", "ncci_modifiers", "exclusions"),
    *("successions", "ended_codes", "visits", "catheter_codes", "central_procedures"),
)
A_FILE = 250
"""Claims that are judged together."""

CODES = frozenset(
    f"IVUS{number}"
    for number in (101, 102, 103, 104, 105, 106, 108, 110, 111, 201, 203, 204, 301, 303, 304, 404, 411, 701)
) | {"X12224"}

Opinion = set[tuple[int, int, str]]
"""Claim ordinal, line number (0 for the claim) and code of each finding."""


@frozen
class Line:
    """A flat row: one service line with all that the rules ask of its claim."""

    claim: int
    number: int
    control_number: str
    frequency: str
    patient: str
    provider: str
    procedure: str
    modifiers: tuple[str, ...]
    units: int
    first: date
    last: date
    qualifier: str = "HC"
    filing: str = "CI"
    reference: str = ""
    birth_date: str = "19500101"
    billing: str = "1234567893"
    taxonomy: str = ""

    @property
    def person(self) -> str:
        """Another birth date is another person, whatever the member identifier."""
        return f"{self.patient} {self.birth_date}"

    @property
    def biller(self) -> str:
        """The billing provider; an ambulatory surgical center is one of its own."""
        return f"{self.billing} {self.taxonomy == _SURGERY_CENTER}"


# -- drawing claims -------------------------------------------------------------------------------------------------

_ULTRASOUND = ["37252"] * 5 + ["37253"] * 4
_OTHERS = [
    *("37238", "37221", "36005", "36005", "99213", "0645T"),  # with sides, or pairs with dates of their own
    *("37238", "36012", "36902", "36907", "37221", "37254", "75710", "37184", "36010", "37236"),  # bases, some dated
    *("37191", "37193", "37197"),  # excluded
    *("92928", "92920"),  # coronary bases
    *("36005", "99213", "99156", "76998", "36000", "01916"),  # pairs
    *("37250", "75945", "75956", "33884", "0254T", "34802", "92975"),  # retired
    *("99024", "76937"),  # neither
]
_MODIFIERS = [(), (), (), ("59",), *[("LT",), ("RT",)] * 2, ("76",), ("XS",), ("25",), ("LT", "59")]
_DAYS = [
    *[date(2024, 8, day) for day in (5, 6, 7)] * 3,
    *(date(2019, 12, 31), date(2020, 5, 5), date(2020, 9, 30), date(2020, 10, 1)),
    *(date(2015, 12, 31), date(2016, 1, 1), date(2017, 12, 31), date(2018, 1, 1), date(2019, 6, 30), date(2019, 7, 1)),
    *(date(2019, 12, 31), date(2020, 1, 1), date(2021, 12, 31), date(2022, 1, 1), date(2024, 3, 31), date(2024, 4, 1)),
    *(date(2025, 12, 30), date(2025, 12, 31), date(2026, 1, 1), date(2026, 1, 2)),
]
_PROVIDERS = ["1999999984"] * 4 + ["1234567893"]
_SURGERY_CENTER = "261QA1903X"
_BILLERS = [("1234567893", "")] * 8 + [("1245319599", ""), ("1234567893", _SURGERY_CENTER)]


def draw(chance: random.Random, claims: int) -> list[Line]:
    """Draw the lines of so many claims; a patient has a few claims, mostly around one day."""
    lines: list[Line] = []
    patient, left, day, filing = 0, 0, _DAYS[0], "CI"
    for claim in range(1, claims + 1):
        if not left:
            patient, left, day = patient + 1, chance.choice((1, 1, 2, 3)), chance.choice(_DAYS)
            filing = chance.choice(("CI", "CI", "CI", "MB"))
        left -= 1
        control = f"P{patient}" if chance.random() < 0.1 else f"C{claim}"
        frequency = chance.choice("111111111788")
        billing, taxonomy = chance.choice(_BILLERS)
        of_claim: dict[str, Any] = {
            "control_number": control,
            "frequency": frequency,
            "filing": filing,
            "reference": "" if frequency == "1" or chance.random() < 0.1 else f"F{patient}",
            "birth_date": chance.choice(["19500101"] * 7 + ["19510101"]),
            "billing": billing,
            "taxonomy": taxonomy,
        }
        if frequency in "78" and lines and lines[-1].patient == f"M{patient}" and chance.random() < 0.7:
            earlier = [line for line in lines if line.claim == claim - 1]
            same = {"control_number": earlier[0].control_number} if chance.random() < 0.5 else {}
            same |= {name: getattr(earlier[0], name) for name in ("birth_date", "billing", "taxonomy")}
            again = [evolve(line, claim=claim, **(of_claim | same)) for line in earlier]
            if frequency == "7" and chance.random() < 0.5:
                again.append(evolve(again[-1], number=len(again) + 1, procedure=chance.choice(_ULTRASOUND + _OTHERS)))
            lines += again
            continue
        if frequency == "1" and lines and lines[-1].patient == f"M{patient}" and chance.random() < 0.15:
            again = [line for line in lines if line.claim == claim - 1]
            lines += [evolve(line, claim=claim, control_number=control, frequency="1", reference="") for line in again]
            continue
        for number in range(1, chance.choice((1, 2, 2, 3, 3, 4, 6)) + 1):
            first = day + timedelta(days=chance.choice((0, 0, 0, 0, 0, 0, 1, -1)))
            last = first + timedelta(days=chance.choice((0, 0, 0, 0, 0, 0, 0, 1, 2)))
            procedure = chance.choice(_ULTRASOUND if chance.random() < 0.5 else _OTHERS)
            units = chance.choice((1, 1, 1, 1, 2, 3, 5, 6))
            modifiers = chance.choice(_MODIFIERS)
            provider = chance.choice(_PROVIDERS)
            of_line = (provider, procedure, modifiers, units, first, last, chance.choice(["HC"] * 11 + ["IV"]))
            line = Line(claim, number, control, frequency, f"M{patient}", *of_line)
            lines.append(evolve(line, **of_claim))
    return lines


def shorthand(lines: list[Line]) -> str:
    """Write the lines in the shorthand of `scrubber.testing`, which makes an 837P of it."""
    rows: list[str] = []
    for line in lines:
        if line.number == 1:
            rows.append(
                f"claim {line.control_number} patient={line.patient} born={line.birth_date} freq={line.frequency} "
                f"filing={line.filing} f8={line.reference} billing={line.billing} taxonomy={line.taxonomy}"
            )
        code = "-".join((line.procedure, *line.modifiers))
        days = f"{line.first:%Y%m%d}" + (f"-{line.last:%Y%m%d}" if line.last > line.first else "")
        rows.append(f"{code} x{line.units} on={days} by={line.provider} set={line.qualifier}")
    return "\n".join(rows)


# -- the opinion ----------------------------------------------------------------------------------------------------

_VIEWS = """
CREATE TEMP TABLE known AS SELECT * FROM line WHERE frequency <> '8' AND NOT repeated;
CREATE INDEX known_patient ON known (patient, apart);
CREATE TEMP TABLE ivus AS SELECT * FROM known WHERE procedure IN ('37252', '37253') AND last >= '2016-01-01';
-- Two lines of a patient with a common day, one of them ultrasound; the days they share.
CREATE TEMP TABLE beside AS SELECT a.id AS line, b.id AS other, b.procedure AS code, a.provider = b.provider AND
    a.biller = b.biller AS own,
    a.claim = b.claim AS same_claim, b.units AS units, b.qualifier IN ('HC', '') AS primary_procedure,
    max(a.first, b.first) AS first, min(a.last, b.last) AS last
  FROM ivus AS a JOIN known AS b ON b.patient = a.patient AND b.apart = a.apart AND b.id <> a.id
    AND a.first <= b.last AND b.first <= a.last;
CREATE TEMP TABLE candidate AS SELECT beside.*, listed.base AS row, max(beside.first, listed.effective) AS row_first,
    min(beside.last, listed.deleted) AS row_last
  FROM beside JOIN ivus ON ivus.id = line JOIN base_codes AS listed
    ON listed.addon = ivus.procedure AND listed.base IN (code, 'CCCCC')
    AND listed.effective <= beside.last AND beside.first <= listed.deleted
  WHERE primary_procedure
    AND (listed.base = code OR code NOT IN ('37252', '37253', '37250', '37251', '75945', '75946'));
CREATE TEMP TABLE base AS SELECT DISTINCT beside.* FROM beside JOIN candidate USING (line, other) WHERE row <> 'CCCCC';
CREATE TEMP TABLE by_contractor AS SELECT DISTINCT ivus.id AS line FROM ivus JOIN base_codes AS listed
    ON listed.addon = procedure AND listed.base = 'CCCCC' AND listed.effective <= last AND first <= listed.deleted;
-- Every day has a base, and there are as many of them as days with ultrasound.
CREATE TEMP TABLE based AS SELECT ivus.id AS line FROM ivus
  WHERE (SELECT count(DISTINCT day) FROM candidate JOIN day USING (line)
      WHERE candidate.line = ivus.id AND own AND day BETWEEN row_first AND row_last) = days
    AND (days = 1 OR min(ivus.units, days) <= (SELECT sum(share) FROM (
      SELECT DISTINCT other, min(units, julianday(last) - julianday(first) + 1) AS share FROM candidate
      WHERE candidate.line = ivus.id AND own)));
CREATE TEMP TABLE excluded AS SELECT beside.line, other, beside.first FROM beside JOIN exclusions AS listed
    ON listed.procedure = code AND own AND listed.effective <= beside.last AND beside.first <= listed.deleted;
-- Units of a day: those of the line over its days, rounded half up.
CREATE TEMP TABLE daily AS SELECT ivus.*, day, (2 * units + days) / (2 * days) AS each
  FROM ivus JOIN day ON day.line = id;
-- A line that repeats another is not counted; the rules find it before they ask for sums.
CREATE TEMP VIEW counted AS SELECT * FROM daily WHERE id NOT IN (SELECT id FROM found WHERE code = 'IVUS701');
CREATE TEMP VIEW summed AS SELECT a.id, a.day, a.procedure, sum(b.each) AS units FROM counted AS a JOIN counted AS b
    ON b.day = a.day AND b.procedure = a.procedure AND b.patient = a.patient AND b.provider = a.provider
    AND b.biller = a.biller AND b.apart = a.apart GROUP BY a.id, a.day;
CREATE TEMP TABLE pair AS SELECT beside.line, other, ptp.column1 = ivus.procedure AS first_column,
    modifier_indicator AS indicator, column1, beside.first, beside.last
  FROM beside JOIN ivus ON ivus.id = beside.line JOIN ptp ON (column1 = ivus.procedure AND column2 = code)
    OR (column1 = code AND column2 = ivus.procedure)
  WHERE own AND code NOT IN ('37252', '37253') AND modifier_indicator <> '9'
    AND ptp.effective <= beside.last AND beside.first <= ptp.deleted;
CREATE TEMP TABLE denied AS SELECT CASE WHEN first_column THEN other ELSE line END AS column2,
    CASE WHEN first_column THEN line ELSE other END AS column1_line, indicator, first FROM pair WHERE NOT EXISTS (
    SELECT 1 FROM exclusions AS listed WHERE listed.procedure = pair.column1
      AND listed.effective <= pair.last AND pair.first <= listed.deleted);
CREATE TEMP TABLE bypass AS SELECT column2, column1_line, text, kind FROM denied JOIN modifier ON line = column2
    JOIN ncci_modifiers AS listed ON listed.modifier = text WHERE indicator = '1'
  UNION SELECT column2, column1_line, text, kind FROM denied JOIN modifier ON line = column1_line
    JOIN ncci_modifiers AS listed ON listed.modifier = text
    WHERE indicator = '1' AND either_column_from <> '' AND either_column_from <= denied.first;
CREATE TEMP TABLE retired AS SELECT DISTINCT billed.id, procedure
  FROM line AS billed JOIN successions AS row ON frequency <> '8'
    AND (procedure BETWEEN row.first AND row.last AND billed.last > row.deleted
      OR procedure BETWEEN successor_first AND successor_last AND billed.first <= row.deleted)
  UNION SELECT billed.id, billed.procedure
  FROM line AS billed JOIN ended_codes AS row ON frequency <> '8' AND row.procedure = billed.procedure
    AND billed.last > row.deleted;
CREATE TEMP TABLE retired_beside AS SELECT beside.line FROM beside JOIN retired ON retired.id = other AND own
  WHERE code IN (SELECT base FROM base_codes);
-- The bases whose side says something of the vessel.
CREATE TEMP TABLE sided AS SELECT line, other FROM base WHERE own
    AND code NOT IN (SELECT procedure FROM catheter_codes WHERE includes_catheterization = 'no')
    AND NOT EXISTS (SELECT 1 FROM central_procedures AS row WHERE code BETWEEN row.first AND row.last);
"""

# The rules that others build on come first.
_RULES = {
    "IVUS102": """SELECT id FROM ivus WHERE procedure = '37253'
        AND id NOT IN (SELECT line FROM beside WHERE own AND code = '37252')""",
    "IVUS103": "SELECT line FROM base WHERE NOT own AND line NOT IN (SELECT line FROM based)",
    "IVUS104": """SELECT a.id FROM ivus AS a JOIN known AS b ON b.claim = a.claim AND b.provider = a.provider
        AND (b.last < a.first OR a.last < b.first) JOIN base_codes AS listed ON listed.addon = a.procedure
        AND listed.base = b.procedure AND listed.effective <= b.last AND b.first <= listed.deleted
        AND b.qualifier IN ('HC', '') WHERE a.id NOT IN (SELECT line FROM based)""",
    "IVUS101": """SELECT id FROM ivus WHERE id NOT IN (SELECT line FROM based)
        AND id NOT IN (SELECT id FROM found WHERE code IN ('IVUS103', 'IVUS104'))""",
    "IVUS105": "SELECT id FROM retired",
    "IVUS108": "SELECT line FROM by_contractor WHERE line IN (SELECT line FROM based)",
    "IVUS110": """SELECT id FROM line WHERE frequency <> '8'
        AND (procedure IN ('37252', '37253') AND first < '2016-01-01'
        OR procedure IN ('37250', '37251', '75945', '75946') AND last > '2015-12-31')""",
    "IVUS111": """SELECT line FROM beside JOIN coronary_bases AS listed ON listed.base = code
        AND listed.effective <= beside.last AND beside.first <= listed.deleted
        WHERE own AND line IN (SELECT id FROM found WHERE code = 'IVUS101')
        AND line NOT IN (SELECT line FROM retired_beside)""",
    "IVUS701": """SELECT a.id FROM ivus AS a JOIN beside ON line = a.id AND own AND code = a.procedure AND other < a.id
        JOIN ivus AS b ON b.id = other WHERE a.procedure = '37252' AND NOT (
          EXISTS (SELECT 1 FROM mue WHERE mue.procedure = a.procedure
            AND mue.effective <= a.last AND a.first <= mue.deleted)
          AND EXISTS (SELECT 1 FROM modifier AS x JOIN modifier AS y ON y.line = b.id
            WHERE x.line = a.id AND (x.text, y.text) IN (VALUES ('LT', 'RT'), ('RT', 'LT'))))
        OR a.procedure <> '37252' AND NOT same_claim AND a.sorted_modifiers = b.sorted_modifiers""",
    "IVUS106": """SELECT line FROM base WHERE own AND line NOT IN (SELECT id FROM found WHERE code = 'IVUS701')
        GROUP BY line HAVING max(same_claim) = 0""",
    "IVUS201": """SELECT DISTINCT summed.id FROM summed JOIN ivus USING (id)
        JOIN mue ON mue.procedure = summed.procedure
        AND mue.effective <= ivus.last AND ivus.first <= mue.deleted AND summed.units > mue.value
        WHERE summed.procedure <> '37252' OR (SELECT max(each) FROM daily WHERE daily.id = summed.id) > mue.value
        OR EXISTS (SELECT 1 FROM beside WHERE line = summed.id AND own AND code = '37252' AND other < line
          AND other IN (SELECT id FROM counted))""",
    "IVUS404": """SELECT a.id FROM ivus AS a JOIN modifier AS x ON x.line = a.id
        JOIN beside ON beside.line = a.id AND own AND code = a.procedure AND other < a.id
        JOIN modifier AS y ON y.line = other JOIN ivus AS b ON b.id = other
        WHERE (x.text, y.text) IN (VALUES ('LT', 'RT'), ('RT', 'LT')) AND a.id NOT IN (SELECT id FROM found
          WHERE code = 'IVUS701' OR a.procedure = '37252' AND code = 'IVUS201')""",
    "IVUS203": """SELECT a.id FROM ivus AS a JOIN beside ON line = a.id AND own AND code = '37253'
        WHERE a.procedure = '37253' AND other < a.id AND other IN (SELECT id FROM counted)
        AND a.id IN (SELECT id FROM counted)
        AND NOT EXISTS (SELECT 1 FROM found WHERE code = 'IVUS404' AND (found.id = a.id OR found.id IN (
          SELECT other FROM beside AS b WHERE b.line = a.id AND b.own AND b.code = '37253')))""",
    "IVUS204": """SELECT id FROM summed WHERE units > 1 AND NOT EXISTS (SELECT 1 FROM mue
        WHERE mue.procedure = summed.procedure AND effective <= day AND day <= deleted)""",
    "IVUS301": "SELECT line FROM excluded",
    "IVUS303": """SELECT column2 FROM denied JOIN line ON line.id = column2 WHERE NOT EXISTS (
          SELECT 1 FROM bypass WHERE bypass.column2 = denied.column2 AND bypass.column1_line = denied.column1_line
            AND kind <> 'visit')
        AND NOT (EXISTS (SELECT 1 FROM visits AS row WHERE procedure BETWEEN row.first AND row.last)
          AND EXISTS (SELECT 1 FROM bypass WHERE bypass.column2 = denied.column2
            AND bypass.column1_line = denied.column1_line))""",
    "IVUS304": """SELECT column2 FROM denied WHERE column2 NOT IN (SELECT column2 FROM denied AS d WHERE NOT EXISTS (
          SELECT 1 FROM bypass WHERE bypass.column2 = d.column2 AND bypass.column1_line = d.column1_line))
        AND NOT EXISTS (SELECT 1 FROM bypass AS b WHERE b.column2 = denied.column2
          AND b.column1_line = denied.column1_line AND text <> '59' AND NOT (text IN ('LT', 'RT')
            AND EXISTS (SELECT 1 FROM modifier WHERE line = b.column1_line AND modifier.text = b.text)))""",
    "IVUS411": """SELECT id FROM ivus JOIN modifier AS own ON own.line = id AND own.text IN ('LT', 'RT')
        WHERE procedure = '37252' AND id IN (SELECT line FROM sided)
          AND id NOT IN (SELECT line FROM retired_beside) AND NOT EXISTS (SELECT 1 FROM sided
          WHERE sided.line = id AND NOT EXISTS (SELECT 1 FROM modifier WHERE modifier.line = other
            AND modifier.text IN ('LT', 'RT') AND modifier.text <> own.text))""",
}


def by_sql(lines: list[Line]) -> Opinion:
    """Judge the lines by SQL."""
    data = sqlite3.connect(":memory:")
    for name in JUDGED:
        _load(data, name)
    data.execute(
        "CREATE TABLE line (id INTEGER PRIMARY KEY, claim, number, control, frequency, patient, provider, procedure,"
        " sorted_modifiers, units INTEGER, first, last, days INTEGER, qualifier, biller, apart INTEGER,"
        " repeated INTEGER)"
    )
    data.execute("CREATE TABLE day (line, day)")
    data.execute("CREATE TABLE modifier (line, text)")
    repeats = _repeats(lines)
    apart = _judged_apart([line for line in lines if not repeats.get(line.claim)])
    for place, line in enumerate(lines):
        days = [line.first + timedelta(days=n) for n in range((line.last - line.first).days + 1)]
        row = (line.claim, line.number, line.control_number, line.frequency, line.person, line.provider)
        rest = (
            line.procedure,
            "-".join(sorted(line.modifiers)),
            line.units,
            f"{line.first}",
            f"{line.last}",
            len(days),
            line.qualifier,
            line.biller,
            apart.get(line.claim, 0),
            bool(repeats.get(line.claim)),
        )
        data.execute(f"INSERT INTO line VALUES ({','.join('?' * 17)})", (place, *row, *rest))
        data.executemany("INSERT INTO day VALUES (?, ?)", [(place, f"{day}") for day in days])
        data.executemany("INSERT INTO modifier VALUES (?, ?)", [(place, text) for text in line.modifiers])
    data.execute("CREATE TEMP TABLE found (id, code)")
    data.executescript(_VIEWS)
    for code, rule in _RULES.items():
        data.execute(f"INSERT INTO found SELECT DISTINCT *, '{code}' FROM ({rule})")
    found = data.execute("SELECT claim, number, code FROM found JOIN line USING (id)").fetchall()
    data.close()
    return set(found) | {(claim, 0, "X12224") for claim in repeats}


def _repeats(lines: list[Line]) -> dict[int, bool]:
    """Return the claims that repeat an earlier one, and whether that is an error."""
    claims: dict[int, list[Line]] = {}
    for line in lines:
        claims.setdefault(line.claim, []).append(line)
    sent: list[list[Line]] = []
    repeats: dict[int, bool] = {}
    for number, own in claims.items():
        person = [claim for claim in sent if claim[0].person == own[0].person]
        if own[0].frequency == "8":
            sent = [claim for claim in sent if _is_rejected(own) or claim is not _voided_by(own, person)]
            continue
        equal = [claim for claim in person if own[0].frequency == claim[0].frequency == "1"]
        equal = [claim for claim in equal if _all_billed(claim) == _all_billed(own)]
        if not equal:
            sent.append(own)
            continue
        first = equal[0][0].claim
        alike = [other for other in repeats if other > first and _all_billed(claims[other]) == _all_billed(own)]
        numbers = {claims[other][0].control_number for other in (first, *alike)}
        is_visit = all(line.procedure == "99213" and not line.modifiers for line in own)
        repeats[number] = not is_visit or own[0].control_number in numbers
    return repeats


def _voided_by(void: list[Line], sent: list[list[Line]]) -> list[Line] | None:
    """Return the claim that a void takes away."""
    same = [
        (_is_named(claim[0], void[0]), claim[0].claim, claim)
        for claim in sent
        if _billed(claim) == _billed(void) and (_is_named(claim[0], void[0]) or claim[0].billing == void[0].billing)
    ]
    return max(same, key=lambda found: found[:2])[2] if same else None


def _all_billed(claim: list[Line]) -> tuple[object, ...]:
    """Return all that a repeat has in common with an earlier claim; the draws have one place and charge."""
    lines = [
        (line.procedure, sorted(line.modifiers), line.units, line.first, line.last, line.qualifier, line.provider)
        for line in claim
    ]
    return (claim[0].person, claim[0].biller, sorted(lines, key=str))


def _judged_apart(lines: list[Line]) -> dict[int, int]:
    """Number the claims that are judged apart: from 1 if voided or replaced, below 0 for a rejected replacement."""
    claims: dict[int, list[Line]] = {}
    for line in lines:
        claims.setdefault(line.claim, []).append(line)
    voided: set[int] = set()
    apart: dict[int, int] = {}
    replaced: dict[int, int] = {}
    generation: dict[int, int] = {}
    for number, own in claims.items():
        head = own[0]
        others = [other for other in claims.values() if other[0].person == head.person and other[0].frequency != "8"]
        if head.frequency == "8" and not _is_rejected(own):
            earlier = [other for other in others if other[0].claim < number and other[0].claim not in voided]
            meant = _voided_by(own, earlier)
            voided |= {meant[0].claim} if meant is not None else set()
        if head.frequency == "7":
            replaces = _replaced_by(own, [other for other in others if other[0].claim not in replaced])
            if _is_rejected(own):
                apart |= {number: -number} if replaces else {}
            else:
                replaced |= {other: 1 + generation.get(other, 0) for other in replaces}
                generation[number] = 1 + max((generation.get(other, 0) for other in replaces), default=0)
    return apart | dict.fromkeys(voided, 1) | replaced


def _replaced_by(own: list[Line], others: list[list[Line]]) -> list[int]:
    """Return the claims that a replacement means: all that it names, else the one with the most of its codes."""
    number, named, alike = own[0].claim, [], []
    for other in others:
        head = other[0]
        is_earlier = head.claim < number and not (head.frequency == "7" and _is_rejected(other))
        if (head.frequency == "1" and head.control_number == own[0].control_number) or (
            is_earlier and _is_named(head, own[0])
        ):
            named.append(head.claim)
        days = {(line.first, line.last) for line in other} == {(line.first, line.last) for line in own}
        if is_earlier and head.frequency == "1" and head.billing == own[0].billing and days:
            alike.append(other)
    if named:
        return named
    last = [
        max((other[0].claim for other in alike if code in {line.procedure for line in other}), default=0)
        for code in {line.procedure for line in own}
    ]
    counted = Counter(claim for claim in last if claim)
    return [max(counted, key=lambda claim: (counted[claim], claim))] if counted else []


def _is_named(line: Line, later: Line) -> bool:
    return line.control_number == later.control_number or (bool(line.reference) and line.reference == later.reference)


_ENDS = {"75956": date(2025, 12, 31), "33884": date(2025, 12, 31), "92975": date(2025, 12, 31)}
_ENDS |= {"0254T": date(2019, 12, 31), "34802": date(2017, 12, 31)}


def _is_rejected(claim: list[Line]) -> bool:
    """Whether a replacement or void is rejected by itself: by CLM05-3, REF*F8 or a code out of its time."""
    if claim[0].filing == "MB" or not claim[0].reference:
        return True
    start = date(2016, 1, 1)
    return claim[0].frequency == "7" and any(
        (line.procedure in {"37252", "37253"} and line.first < start)
        or (line.procedure in {"37250", "37251", "75945", "75946"} and line.last >= start)
        or ("37220" <= line.procedure <= "37235" and line.last >= date(2026, 1, 1))
        or ("37254" <= line.procedure <= "37299" and line.first < date(2026, 1, 1))
        or line.last > _ENDS.get(line.procedure, date.max)
        for line in claim
    )


def _billed(claim: list[Line]) -> list[tuple[object, ...]]:
    return sorted((line.procedure, line.modifiers, line.units, line.first, line.last) for line in claim)


def _load(data: sqlite3.Connection, name: str) -> None:
    """Load a table; a blank first day is the first there is, a blank last day the last."""
    with (TABLES / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        columns = list(reader.fieldnames or ())
        rows = [[_bound(column, row[column]) for column in columns] for row in reader]
    data.execute(f"CREATE TABLE {name} ({', '.join(columns)})")
    data.executemany(f"INSERT INTO {name} VALUES ({','.join('?' * len(columns))})", rows)


def _bound(column: str, text: str) -> str | int:
    if column == "value":
        return int(text)
    return text or {"effective": "0001-01-01", "deleted": "9999-12-31"}.get(column, "")


def by_chain(lines: list[Line], engine: Engine) -> Opinion:
    """Judge the same lines by the real thing: an 837P, the parser and the chain."""
    return {
        (finding.claim_ordinal or 0, finding.line or 0, finding.code)
        for claim in scrub_shorthand(shorthand(lines), engine=engine)
        for finding in claim.findings
        if finding.code in CODES
    }


def compare(claims: int, seed: int) -> Iterator[tuple[list[Line], Opinion, Opinion]]:
    """Draw claims in files and give both opinions on each: by the chain, by SQL."""
    chance = random.Random(seed)
    engine = make_engine(load_settings(discover=False))
    for done in range(0, claims, A_FILE):
        lines = draw(chance, min(A_FILE, claims - done))
        yield lines, by_chain(lines, engine), by_sql(lines)


def main() -> int:
    """Compare, tell what agreed, and print the first disagreement; exit code 1 if there is one."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--claims", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=837)
    options = parser.parse_args()
    agreed: Counter[str] = Counter()
    lines_seen = 0
    for lines, chain, sql in compare(options.claims, options.seed):
        lines_seen += len(lines)
        for claim, number, code in sorted(chain ^ sql):
            patient = next(line.patient for line in lines if line.claim == claim)
            print(f"{code} on claim {claim} line {number}: {'chain' if (claim, number, code) in chain else 'SQL'} only")
            print(shorthand([line for line in lines if line.patient == patient]))
            return 1
        agreed.update(code for _, _, code in chain)
    print(f"{options.claims:,} claims, {lines_seen:,} lines: the chain and SQL agree on {agreed.total():,} findings")
    print(", ".join(f"{code} {count:,}" for code, count in sorted(agreed.items())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
