"""The inputs whose outputs are recorded: fixtures, cases, other people's files where they are, and 200 drawn files."""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from scrubber.testing import to_837p
from tests.campaigns import second_opinion
from tests.support import shapes
from tests.support.damages import DAMAGES, Segments, written_of
from tests.support.paths import ROOT

FIXTURES = ROOT / "fixtures"
OTHERS = ("corpus", "field", "break")
SETTINGS = "scrubber.toml"
"""The name of the settings that belong to a folder of inputs."""

_CLAIM_FILES = (".837", ".837i", ".edi", ".x12", ".txt")
_SEED = 837
_FILES_A_FOLDER = 20
_IN_ORDER, _DAMAGED, _WITH_BYTES_CHANGED, _ULTRASOUND = 60, 50, 30, 60
_CLAIMS_A_FILE = 25


@frozen
class Input:
    """A file that is given to the command; its name is the path below the folder of the inputs."""

    name: str
    data: bytes

    @property
    def folder(self) -> str:
        """The folder of files that are judged together."""
        return self.name.rpartition("/")[0]

    @property
    def is_claim_file(self) -> bool:
        """Whether it is a claim file, and no settings or records of a host."""
        return Path(self.name).suffix in _CLAIM_FILES


def collect() -> tuple[list[Input], list[str]]:
    """Return the inputs by name, and a line for each folder that is absent here."""
    found: list[Input] = []
    absent: list[str] = []
    for name in OTHERS:
        folder = ROOT.parent / "shared" / name
        if folder.is_dir():
            found += _files(folder, name)
        else:
            absent.append(f"{folder}: is absent, its inputs are left out")
    known = {(Path(file.name).name, file.data) for file in found}  # fixtures are in part copies of them
    for name in ("claims", "field", "break", "hosts"):
        found += [
            file
            for file in _files(FIXTURES / name, f"fixtures/{name}")
            if (Path(file.name).name, file.data) not in known
        ]
    found += _files(ROOT / "fuzz" / "corpus" / "scrub", "fixtures/seeds")
    found += [Input(f"settings/{path.name}", path.read_bytes()) for path in sorted((ROOT / "docs").glob("*.toml"))]
    found += [*_cases(), *_claims("one_mistake"), *_claims("clean_claims"), *_unreadable(), *_drawn()]
    return sorted(found, key=lambda file: file.name), absent


def _files(folder: Path, name: str) -> list[Input]:
    wanted = (*_CLAIM_FILES, ".toml", ".json")
    paths = (path for path in sorted(folder.iterdir()) if path.suffix in wanted)
    return [Input(f"{name}/{path.name}", path.read_bytes()) for path in paths]


def _cases() -> Iterator[Input]:
    """Yield the cases of each edit as files, those of other settings in folders of their own."""
    for path in sorted((FIXTURES / "cases").glob("*.toml")):
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        folders: dict[str, str] = {"": f"cases/{path.stem}"}
        for number, case in enumerate(content["case"], 1):
            text = case.get("config", content.get("config", ""))
            if text not in folders:
                folders[text] = f"cases/{path.stem}_{len(folders)}"
                yield Input(f"{folders[text]}/{SETTINGS}", text.encode())
            yield Input(f"{folders[text]}/{number:03}.837", to_837p(case["claim"]))


def _claims(name: str) -> Iterator[Input]:
    content: list[dict[str, Any]] = tomllib.loads((FIXTURES / f"{name}.toml").read_text(encoding="utf-8"))["claim"]
    for number, claim in enumerate(content, 1):
        for key in ("billed", "corrected"):
            if key in claim:
                yield Input(f"{name}/{number:03}_{key}.837", to_837p(claim[key]))


def _unreadable() -> Iterator[Input]:
    """Yield files that are no X12, end too early, or are written in another encoding."""
    week = (FIXTURES / "claims" / "office_week.837").read_bytes()
    for name, data in (
        ("empty", b""),
        ("blank", b" \r\n"),
        ("text", b"Dear Sir or Madam\n"),
        ("utf_16", week.decode().encode("utf-16")),
        ("byte_order_mark", b"\xef\xbb\xbf" + week),
        ("ends_in_isa", week[:80]),
        ("ends_in_claim", week[:2000]),
        ("ends_before_iea", week[: week.rindex(b"IEA")]),
    ):
        yield Input(f"unreadable/{name}.837", data)


# -- drawn files -------------------------------------------------------------------------------------------------------


def _drawn() -> Iterator[Input]:
    """Yield the drawn files.  Hypothesis draws none of them: its choice changes with its version and with our code."""
    chance = random.Random(_SEED)
    files = [("in_order", shapes.make(_interchanges(chance), _gap(chance)).data) for _ in range(_IN_ORDER)]
    files += [("damaged", _damaged(chance)) for _ in range(_DAMAGED)]
    files += [("bytes_changed", _with_bytes_changed(chance)) for _ in range(_WITH_BYTES_CHANGED)]
    for _ in range(_ULTRASOUND):
        lines = second_opinion.draw(chance, _CLAIMS_A_FILE)
        files.append(("ultrasound", to_837p(second_opinion.shorthand(lines))))
    for number, (kind, data) in enumerate(files):
        yield Input(f"drawn/{number // _FILES_A_FOLDER:02}/{kind}_{number:03}.837", data)


def _gap(chance: random.Random) -> str:
    return chance.choice(("", "\n", " \r\n"))


def _interchanges(chance: random.Random) -> tuple[shapes.Interchange, ...]:
    """Draw one or two interchanges of groups of transaction sets of billing providers of subscribers."""

    def several(draw: Any, most: int) -> tuple[Any, ...]:
        return tuple(draw() for _ in range(chance.randint(1, most)))

    def claims() -> shapes.Claims:
        return several(lambda: chance.random() < 0.5, 3)

    def subscriber() -> shapes.Subscriber:
        kind = chance.randrange(3)
        return shapes.Subscriber(claims() if kind else (), several(claims, 3) if kind != 1 else ())

    def transaction() -> tuple[tuple[shapes.Subscriber, ...], ...]:
        return several(lambda: several(subscriber, 3), 2)

    def interchange() -> shapes.Interchange:
        groups = several(lambda: several(transaction, 2), 2)
        return shapes.Interchange(
            groups, chance.choice(shapes.MARKS), chance.choice(shapes.LINE_ENDS), chance.choice(shapes.GUIDES)
        )

    return several(interchange, 2)


def _damaged(chance: random.Random) -> bytes:
    """Draw a file with one to three syntax errors."""
    found = _interchanges(chance)
    texts = re.split("(?=ISA)", shapes.make(found).data.decode("latin-1"))[1:]
    segments: Segments = []
    for text, shape in zip(texts, found, strict=True):
        parts = (part.strip("\r\n") for part in text.split(shape.marks.segment))
        segments += [part.split(shape.marks.element) for part in parts if part]
    for _ in range(chance.randint(1, 3)):
        chance.choice(DAMAGES)(chance.choice, segments)
    ends = ["" if shape.marks.segment == "\n" else shape.line_end for shape in found]
    return written_of(segments, [shape.marks for shape in found], ends)


def _with_bytes_changed(chance: random.Random) -> bytes:
    """Draw a file with one to five bytes changed, inserted or left out, or one that ends anywhere."""
    data = bytearray(shapes.make(_interchanges(chance), _gap(chance)).data)
    for _ in range(chance.randint(1, 5)):
        place = chance.randrange(len(data))
        match chance.choice(("change", "change", "insert", "leave out", "end") if place > 106 else ("change",)):
            case "change":
                data[place] ^= 1 << chance.randrange(8)
            case "insert":
                data[place:place] = chance.randbytes(chance.randint(1, 8))
            case "leave out":
                del data[place : place + chance.randint(1, 40)]
            case _:
                del data[place:]
    return bytes(data)


def folders_of(inputs: Sequence[Input]) -> dict[str, list[Input]]:
    """Return the claim files by folder."""
    found: dict[str, list[Input]] = {}
    for file in inputs:
        if file.is_claim_file:
            found.setdefault(file.folder, []).append(file)
    return found
