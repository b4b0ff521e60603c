"""No text of the project has a retired phrase: plain American English, and the words of the field."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import ROOT

RETIRED = {
    r"told of": "reported; called for; mentioned",
    r"anew": "again",
    r"mend(?:s|ed|ing)?": "fix, correct",
    r"stands? (?:on|at|in|behind|between|under|above|below|beside|there)": "is on, is in; comes before, follows; holds",
    r"gone on with": "resumed",
    r"so long": "this many seconds; at least N seconds; as long as",
    r"read whole": "completely read",
    r"no listed": "not on the list of",
    r"claim numbers?": "patient control number (CLM01)",
    r"set aside": "suppressed (by configuration), overridden (by a person)",
    r"given up": "rejected, cancelled, no longer used",
    r"base (?:procedure|code|line)s?": "primary procedure",
    r"further vessels?": "additional vessel",
    r"units a day": "units of service by date of service",
    r"mourn(?:s|ed|ing)?": "hold the lock of a watcher that has ended",
    r'"""(?:Gives?|Says?)': 'a sentence about the result: "Return ..."',
}
"""What is not written, as a pattern of words with a blank between them, and what to write instead."""

SUFFIXES = {".md", ".py", ".toml"}
OTHERS = {"build", "dist", "fixtures"}
"""Folders whose texts are input, expected output or made by a build."""

_BETWEEN = r"""(?:\s|\#|f?["'])+"""  # a phrase may go on in the next line of a comment or a string
_PATTERNS = [
    (re.compile(rf"(?<!\w){phrase.replace(' ', _BETWEEN)}\b", re.IGNORECASE), instead)
    for phrase, instead in RETIRED.items()
]


def retired_in(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield the line, the words and what to write instead for each retired phrase of a text."""
    for pattern, instead in _PATTERNS:
        for found in pattern.finditer(text):
            yield text.count("\n", 0, found.start()) + 1, found[0], instead


def texts() -> Iterator[Path]:
    """Yield the files that are checked, as paths from the root; the list above quotes what it retires."""
    for folder, inner, names in os.walk(ROOT):
        here = Path(folder)
        inner[:] = [
            name
            for name in inner
            if not (name.startswith(".") or name in OTHERS or (here / name / "pyvenv.cfg").exists())
        ]
        for path in (here / name for name in names if Path(name).suffix in SUFFIXES):
            if path != Path(__file__):
                yield path.relative_to(ROOT)


def test_no_text_has_a_retired_phrase() -> None:
    paths = sorted(texts())
    assert {"README.md", "pyproject.toml", "docs", "edits", "scrubber", "tests"} <= {path.parts[0] for path in paths}
    found = [
        f"{path.as_posix()}:{line}: {' '.join(words.split())!r}; write: {instead}"
        for path in paths
        for line, words, instead in sorted(retired_in((ROOT / path).read_text(encoding="utf-8")))
    ]
    assert not found, "\n".join(["retired phrases:", *found])


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Links are told of and never opened.", 1),
        ("HL01 is numbered anew.", 1),
        ("a\nThe mended file", 2),
        ("IVUS105 Stands on the wrong line", 1),
        ("# What stands\n    # in front of it", 1),
        ('help="not read "\n    f"whole"', 1),
        ("files are gone on with", 1),
        ("unchanged so long.", 1),
        ("36005 is no listed base", 1),
        ("the claim number of a claim", 1),
        ('\n"""Give the claims of one patient."""', 2),
        ('"""Says what is wrong."""', 1),
    ],
)
def test_each_retired_phrase_is_found(text: str, line: int) -> None:
    assert [at for at, _, _ in retired_in(text)] == [line]


@pytest.mark.parametrize(
    "text",
    [
        "an amendment; recommended; mendicant",
        "it withstands in time; a filing stands out",
        "as long as it runs; so longer",
        "the patient control number; the payer claim control number",
        '"""Given claims, return findings."""',
        "Say `--partial`.",
    ],
)
def test_plain_english_is_not_retired(text: str) -> None:
    assert not list(retired_in(text))
