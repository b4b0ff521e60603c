"""Change every byte of faulty claims, one at a time, and look for a fault that is accepted.

    python -m tests.campaigns.single_characters [--every N]

Six claims have one fault each.  From the subscriber level (HL 22) to SE each byte is replaced by, preceded by, or left
out for each of a set of characters.  The changed file may be accepted (exit code 0) only where the change made another
valid value of the faulty element: a code, a modifier, a date, units, a pointer or a frequency.  Anything else is
printed, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterator

from attrs import frozen

from scrubber.api import load_settings, make_engine
from scrubber.engine.judge import Engine
from scrubber.findings.report import FileReport, exit_code
from scrubber.io.source import open_source
from scrubber.pipeline.file_scrub import FileScrub
from scrubber.testing import Form, to_837p

CHARACTERS = b"0123456789AMZaz ~*:^\n\r\x00\x1f-.,/&'"
_CODE = re.compile(r"HC:(\d{4}[0-9A-Z]|[A-Z]\d{4})(:[A-Z0-9]{2}){0,4}", re.IGNORECASE)
_DAYS = re.compile(r"\d{8}(-\d{8})?")
_UNITS = re.compile(r"\d{1,8}(\.\d{1,3})?")
_POINTERS = re.compile(r"\d{1,2}(:\d{1,2}){0,3}")
_PLACE = re.compile(r"\d{2}:[A-Z]:[A-Z0-9]")
_REFERENCE = re.compile(r"[^*~:]{1,50}")


@frozen
class Fault:
    """A claim with one fault, the code that finds it, and the elements of which another valid value may cure it."""

    name: str
    claim: str
    code: str
    cures: dict[str, re.Pattern[str]]


FAULTS = (
    Fault("code", "37252", "IVUS101", {"SV101": _CODE}),
    Fault("units", "37238\n36012\n37252 x2", "IVUS201", {"SV104": _UNITS, "SV101": _CODE, "DTP03": _DAYS}),
    Fault("modifier", "37238\n36012\n37252-50", "IVUS401", {"SV101": _CODE}),
    Fault("date", "37238 on=20240804\n37252", "IVUS104", {"DTP03": _DAYS, "SV101": _CODE}),
    Fault("pointer", "37238\n36012\n37252 dx=9", "IVUS501", {"SV107": _POINTERS, "SV101": _CODE}),
    Fault("frequency", "claim freq=7 payer=60054 filing=CI\n99213", "", {"CLM05": _PLACE, "REF02": _REFERENCE}),
)


@frozen
class Change:
    """One changed byte: the changed file, what was done, and where."""

    data: bytes
    what: str
    at: int


def changes(data: bytes, every: int = 1) -> Iterator[Change]:
    """Yield the changes of a file, or each `every`-th of them."""
    start, stop = data.index(b"HL*2*1*22"), data.index(b"~SE*")
    number = 0
    for at in range(start, stop):
        for character in (None, *CHARACTERS):
            for kind in ("replaced", "inserted") if character is not None else ("left out",):
                number += 1
                new = b"" if character is None else bytes([character])
                if number % every or (kind == "replaced" and data[at : at + 1] == new):
                    continue
                rest = data[at:] if kind == "inserted" else data[at + 1 :]
                yield Change(data[:at] + new + rest, f"{kind} {new!r}", at)


def element_at(data: bytes, at: int) -> tuple[str, str]:
    """Return the name and the new value of the element that a byte of a changed file is in."""
    start = data.rfind(b"~", 0, at) + 1
    stop = data.find(b"~", at)
    text = data[start : stop if stop >= 0 else None].decode("latin-1").lstrip("\r\n")
    position = data[start:at].count(b"*")
    elements = text.split("*")
    value = elements[position] if position < len(elements) else ""
    return f"{elements[0]}{position:02}", value


def report_on(data: bytes, engine: Engine) -> FileReport:
    with open_source(data, "changed.837") as source:
        return FileScrub(source, engine).whole_report()


def accepted_faults(fault: Fault, engine: Engine, every: int = 1) -> tuple[Counter[str], list[str]]:
    """Change a claim everywhere: the counts of what came of it, and the changes by which its fault is accepted."""
    data = to_837p(fault.claim, Form(line_end=""))
    before = report_on(data, engine)
    assert exit_code([before], engine.config.fail_on) == 1, fault.name
    counts: Counter[str] = Counter()
    found: list[str] = []
    for change in changes(data, every):
        report = report_on(change.data, engine)
        code = exit_code([report], engine.config.fail_on)
        counts[f"exit {code}"] += 1
        if code == 0:
            name, value = element_at(change.data, change.at)
            cure = fault.cures.get(name)
            if cure is not None and cure.fullmatch(value):
                counts["another valid value"] += 1
            else:
                found.append(f"{fault.name}: byte {change.at} {change.what}: {name} is accepted")
    return counts, found


def main() -> int:
    """Run the campaign and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every N-th change")
    every = parser.parse_args().every
    engine = make_engine(load_settings(discover=False))
    worst = 0
    for fault in FAULTS:
        counts, found = accepted_faults(fault, engine, every)
        total = sum(count for name, count in counts.items() if name.startswith("exit"))
        told = ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()))
        print(f"{fault.name:10} {total:7,} changes: {told}")
        for line in found:
            print(f"  {line}")
        worst |= bool(found)
    return worst


if __name__ == "__main__":
    sys.exit(main())
