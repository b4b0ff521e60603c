"""Draws what is done to a run, from the calls that the undisturbed run makes and the time it takes."""

from __future__ import annotations

import random

from tests.campaigns.faults.harness import Ended, Hurt

ERRORS = {
    "open": ("ENOSPC", "EIO", "EACCES"),
    "read": ("EIO",),
    "write": ("ENOSPC", "EIO", "EDQUOT"),
    "fsync": ("ENOSPC", "EIO"),
    "rename": ("ENOSPC", "EIO", "EACCES"),
    "unlink": ("EIO", "EACCES"),
    "mkdir": ("ENOSPC", "EACCES"),
    "rmdir": ("EIO",),
    "link": ("ENOSPC", "EIO", "EACCES"),
}
"""The errors that each call may meet."""

_SIGNALS = ("INT", "TERM", "HUP")


def draw(chance: random.Random, whole: Ended) -> Hurt:  # noqa: PLR0911 - one a kind
    """Do something to a run."""
    calls = {call: number for call, number in whole.calls.items() if call in ERRORS}
    match chance.choices(
        ("error", "kill", "late kill", "signal", "late signal", "limit", "stdout"), (8, 4, 3, 4, 2, 1, 2)
    )[0]:
        case "error":
            call = chance.choice(sorted(calls))
            return Hurt(f"{chance.choice(ERRORS[call])}:{call}:{chance.randrange(calls[call])}")
        case "kill":
            return Hurt(_anywhere(chance, "KILL", calls))
        case "late kill":
            return Hurt(sent="KILL", after=whole.seconds * chance.random() * 1.1)
        case "signal":
            return Hurt(_anywhere(chance, chance.choice(_SIGNALS), calls))
        case "late signal":
            return Hurt("none:any:0", sent=chance.choice(_SIGNALS), after=whole.seconds * chance.random() / 2)
        case "limit":
            return Hurt(limit=chance.choice((0, 1, 100, 8_192, 20_000, 50_000)))
        case _:
            return Hurt(stdout=chance.choice(("closed", "full", "gone", "all closed")))


def _anywhere(chance: random.Random, signal: str, calls: dict[str, int]) -> str:
    """Send a signal before or after some call: half of the time one that changes names, for these matter most."""
    when = f"{signal}{chance.choice(('', '+'))}"
    names = [call for call in ("rename", "unlink", "link", "fsync", "open", "mkdir") if calls.get(call)]
    if names and chance.random() < 0.5:
        call = chance.choice(names)
        return f"{when}:{call}:{chance.randrange(calls[call])}"
    return f"{when}:any:{chance.randrange(sum(calls.values()))}"
