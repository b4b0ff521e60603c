"""The inputs over which screens are compared with none: known files, generated ones and mutants, by name or seed."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TypeVar

from attrs import frozen

from benchmarks.generate import Mix, texts
from scrubber.testing import load_cases, to_837p
from tests.support.mutants import COMMON, drawn_file, mutant
from tests.support.paths import FIXTURES, ROOT
from tests.support.screened import VARIANTS, EnginePair
from tests.support.ultrasound_files import (
    billable_rows,
    claims_of_named_codes,
    claims_of_rows,
    segments_of_claims,
    with_counts,
    written,
)

_OTHERS = ("corpus", "field", "break")
_CLAIM_FILES = (".837", ".837i", ".edi", ".x12", ".txt")
_VARIANTS = tuple(name for name in VARIANTS if name != "default")
Named = tuple[str, bytes]
T = TypeVar("T")


@frozen
class ScreenCase:
    """An input with the settings under which it is judged, and whether its X12 files are compared too.

    `variant` is a name of settings or the text of a `scrubber.toml`.
    """

    name: str
    data: bytes
    variant: str = "default"
    with_files: bool = False

    def difference(self) -> str | None:
        """Return what screens change, and None for nothing."""
        found = EnginePair.of(self.variant).difference(self.data, with_files=self.with_files)
        return found and f"{self.name}, settings {self.variant!r}: {found}"


def cases_of(inputs: Iterable[Named], *, other_settings: int = 1, files: int = 5) -> Iterator[ScreenCase]:
    """Yield each input under the default settings, and every so many of them under others in turn, and with files.

    0 is never.
    """
    for number, (name, data) in enumerate(inputs):
        yield ScreenCase(name, data, with_files=bool(files) and number % files == 0)
        if other_settings and number % other_settings == 0:
            yield ScreenCase(name, data, _VARIANTS[number // other_settings % len(_VARIANTS)])


def known_inputs() -> Iterator[Named]:
    """Yield the fixtures that are claim files, the seeds of the fuzzer, and other people's files where they are."""
    folders = [FIXTURES / name for name in ("claims", "field", "break", "hosts")]
    folders += [ROOT / "fuzz" / "corpus" / "scrub", *(ROOT.parent / "shared" / name for name in _OTHERS)]
    seen: set[bytes] = set()
    for path in (path for folder in folders if folder.is_dir() for path in sorted(folder.iterdir())):
        data = path.read_bytes() if _is_claim_file(path) else b""
        if data and data not in seen:
            seen.add(data)
            yield f"{path.parent.name}/{path.name}", data


def _is_claim_file(path: Path) -> bool:
    return path.is_file() and (path.suffix in _CLAIM_FILES or path.parent.name == "scrub")


def generated(count: int, seed: int = 1) -> Iterator[Named]:
    """Yield files without any change: some drawn from the tables, the others by the generator of the benchmarks."""
    for number in range(seed * 100_000, seed * 100_000 + count):
        if number % 2:
            yield f"generated {number}", drawn_file(number)
        else:
            chance = random.Random(number)
            mix = Mix(
                chance.choice((0.01, 0.2, 1)), chance.choice((0.05, 0.25, 1)), chance.random(), 1 + number // 2 % 4
            )
            yield f"generated {number}", "".join(texts(20, mix, number)).encode("ascii")


def rows_of_tables() -> Iterator[Named]:
    """Yield files of claims that bill what the rows of the rule tables and the edits name, 100 of them each."""
    claims = {f"rows of {table}": claims_of_rows(table) for table in billable_rows()}
    for name, own in {**claims, "codes of edits": claims_of_named_codes()}.items():
        for number, some in enumerate(batched(own, 100)):
            yield f"{name}, file {number}", written(with_counts(segments_of_claims(some)), COMMON, "\n")


def cases_of_edits() -> Iterator[ScreenCase]:
    """Yield the cases of every edit, each a file with its own settings."""
    for path in sorted((FIXTURES / "cases").glob("*[0-9].toml")):
        for number, case in enumerate(load_cases(path), 1):
            name = f"{path.name}, case {number}"
            yield ScreenCase(name, to_837p(case["claim"]), case.get("config", "default"))


def batched(claims: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield so many of the claims at a time."""
    left = iter(claims)
    while found := list(islice(left, size)):
        yield found


def mutants(count: int, seed: int = 1) -> Iterator[Named]:
    """Yield mutants; the number in the name is the argument of `tests.support.mutants.mutant` that makes it."""
    for number in range(seed * 100_000, seed * 100_000 + count):
        yield f"mutant {number}", mutant(number)
