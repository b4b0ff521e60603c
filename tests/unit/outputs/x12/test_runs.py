"""Runs of accepted claims give the X12 files that the same claims give one by one."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from benchmarks.generate import write as generate
from scrubber.io import source
from scrubber.outputs.x12.base import InputEvent, JudgedRun, X12Writer
from scrubber.x12.segment import Delimiters
from tests.support.damages import Segments
from tests.support.screened import EnginePair, outputs_of
from tests.support.ultrasound_files import with_counts, written

FILES = 80
SHAPES = (
    (Delimiters("*", ":", "^", "~"), "\n"),
    (Delimiters("*", ":", "^", "~"), ""),
    (Delimiters("|", ">", "!", "'"), "\r\n"),
    (Delimiters("\x1d", "\x1f", "\x1e", "\x1c"), ""),
    (Delimiters("*", ".", "^", "~"), "\n"),
    (Delimiters("*", ":", "U", "\n"), ""),
)


class Drawing:
    """A file of subscribers and dependents in any order, most of whose claims are accepted unopened."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.levels = self.patients = self.claims = 0

    def segments(self) -> Iterator[list[str]]:
        sets = self.chance.choice((1, 1, 2))
        yield ["GS", "HC", "SUB0001", "SCRUB01", "20261124", "0900", "1", "X", "005010X222A1"]
        for number in range(1, sets + 1):
            body = list(self._set(number))
            yield from with_counts(body)
        yield from (["GE", str(sets), "1"], ["IEA", "1", "000000101"])

    def _set(self, number: int) -> Iterator[list[str]]:
        self.levels = 0
        yield ["ST", "837", f"{number:04}", "005010X222A1"]
        yield ["BHT", "0019", "00", f"BATCH{number}", "20261124", "0900", "CH"]
        yield ["NM1", "41", "2", "SYNTHETIC BILLING", "", "", "", "", "46", "SUB0001"]
        yield ["NM1", "40", "2", "CLAIM SCRUBBER", "", "", "", "", "46", "SCRUB01"]
        for npi in ("1234567893", "1999999984")[: self.chance.choice((1, 2))]:
            provider = self._level()
            yield ["HL", provider, "", "20", "1"]
            yield from (["NM1", "85", "2", "SYNTHETIC", "", "", "", "", "XX", npi], ["REF", "EI", "123456789"])
            for _ in range(self.chance.randint(1, 8)):
                yield from self._subscriber(provider)
        yield ["SE", "0", f"{number:04}"]

    def _level(self) -> str:
        self.levels += 1
        return str(self.levels)

    def _subscriber(self, provider: str) -> Iterator[list[str]]:
        chance, number = self.chance, self._level()
        own = chance.choice((0, 1, 1, 1, 1, 2))
        dependents = chance.choice((0, 0, 0, 1, 2, 3)) if own < 2 else 0
        child = "1" if dependents else "0"
        if chance.random() < 0.1:
            child = chance.choice(("", "0", "1", "2", "00"))
        yield [*["HL", number, provider, "22"], *([child] if child else []), *(["X"] if chance.random() < 0.02 else [])]
        yield ["SBR", "P", "18", "", "", "", "", "", "", "CI"]
        self.patients += 1
        name = chance.choice(
            (["TESTPATIENT", "ANN", "B", "", "JR", "MI"], ["", "", "", "", "", "II"], ["X"] + [""] * 5)
        )
        yield ["NM1", "IL", "1", *name, f"M{self.patients}"]
        if chance.random() < 0.2:
            yield ["NM1", "QC", "1", "ELSE", "", "", "", "", "MI", "E1"]
        yield ["NM1", "PR", "2", "SYNTHETIC PAYER", "", "", "", "", "PI", "60054"]
        for _ in range(own):
            yield from self._claim()
        for _ in range(dependents):
            yield ["HL", self._level(), number, "23", *(["0"] if chance.random() < 0.9 else [])]
            yield ["PAT", "19"]
            if chance.random() < 0.9:
                yield chance.choice(
                    (["NM1", "QC", "1", "KIM", "BO"], ["NM1", "QC", "1", "", "BO", "", "", "", "MI", "Q"])
                )
            yield ["DMG", "D8", f"2010{self.levels % 12 + 1:02}01", "M"]
            for _ in range(chance.choice((0, 1, 1, 2))):
                yield from self._claim()

    def _claim(self) -> Iterator[list[str]]:
        chance = self.chance
        self.claims += 1
        lines = chance.choice((1, 1, 2, 3))
        code = chance.choice(("99213", "99213", "93880", "37252")) if chance.random() < 0.3 else "99213"
        charge, total = chance.choice((("100", str(100 * lines)), ("10.50", f"{10.5 * lines:.2f}"), ("0", "0")))
        number = f"PCN{self.claims}{chance.choice(('', ' '))}"
        yield ["CLM", number, total, "", "", f"11:B:{chance.choice('1' * 20 + '7')}", "Y", "A", "Y", "Y"]
        if chance.random() < 0.5:
            yield ["REF", chance.choice(("D9", "D9", "F8")), f"CH{self.claims}"]
        yield ["HI", "ABK:I739"]
        yield ["NM1", "82", "1", "TESTDOCTOR", "SAM", "", "", "", "XX", "1999999984"]
        if chance.random() < 0.2:
            yield ["REF", "D9", "BEHIND"]
        for line in range(1, lines + 1):
            yield from (["LX", str(line)], ["SV1", f"HC:{code}", charge, "UN", "1", "11", "", "1"])
            day = chance.choice(("20240801", "20240801", "20240802", "20240730"))
            yield ["DTP", "472", "D8", day] if chance.random() < 0.97 else ["DTP", "472", "RD8", f"{day}-{day}"]


def drawn(seed: int) -> bytes:
    """Return the file of a seed."""
    chance = random.Random(f"runs {seed}")
    segments: Segments = list(Drawing(chance).segments())
    return written(segments, *chance.choice(SHAPES))


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[JudgedRun]:
    """Return the runs that files take."""
    taken: list[JudgedRun] = []
    take = X12Writer.take

    def note(self: X12Writer, event: InputEvent) -> None:
        if isinstance(event, JudgedRun):
            taken.append(event)
        take(self, event)

    monkeypatch.setattr(X12Writer, "take", note)
    return taken


@pytest.mark.parametrize("chunk", [1 << 19, 1_000])
def test_runs_give_the_files_of_single_claims(
    chunk: int, runs: list[JudgedRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "CHUNK", chunk)
    pair = EnginePair.of("default")
    assert [(seed, found) for seed in range(FILES) if (found := pair.difference(drawn(seed), with_files=True))] == []
    assert any(not run.text.opens_levels and run.text.patient is not None for run in runs)
    of_patients = ["".join("CB"[not level.of_patient] for level in run.text.levels) for run in runs]
    assert all(any(kinds in found for found in of_patients) for kinds in ("BB", "BCB", "BCC"))


def test_most_claims_of_a_large_file_are_in_few_runs(
    runs: list[JudgedRun], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("large") / "in.837"
    generate(path, 2_000, 0.01)
    pair = EnginePair.of("default")
    assert outputs_of(path.read_bytes(), pair.screened, with_files=True) == outputs_of(
        path.read_bytes(), pair.thorough, with_files=True
    )
    writers = 5
    assert sum(len(run.claims) for run in runs) > 1_900 * writers
    assert len(runs) < 60 * writers
