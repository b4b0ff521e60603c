"""Print how the time of a scrub grows with the size of the input, for the shapes of files that grow fastest.

    python -m benchmarks.growth                   # every shape at n, 2n and 4n
    python -m benchmarks.growth reliance notes    # only these shapes

Each row is one shape: seconds of processor time for each size, without the start of the program, and the growth for
each doubling.  The exit code is 1 where a doubling grows by more than 2.3, or where a megabyte takes more than 10
seconds.  Times below a floor are not compared: they are noise.  A scrub is ended after 60 seconds.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

from attrs import frozen

__all__ = ["SHAPES", "Shape", "main", "patient"]

MOST = 2.3
"""What the time may grow by for a doubling."""

MOST_A_MEGABYTE = 10.0
"""Seconds that a megabyte may take."""

FLOOR = 0.8
"""Seconds below which times are taken to be the same."""

LIMIT = 60
"""Seconds after which a scrub is ended."""

SCRUB = (sys.executable, "-m", "scrubber", "scrub", "--no-progress", "--conformance", "envelope")

_ISA = f"ISA*00*{'':10}*00*{'':10}*ZZ*{'SUB0001':15}*ZZ*{'SCRUB01':15}*240901*0900*^*00501*000000101*0*T*:"
_HEAD = "BHT*0019*00*B*20240901*0900*CH~NM1*41*2*SYNTHETIC BILLING*****46*SUB0001~NM1*40*2*SCRUBBER*****46*SCRUB01"
_BILLING = "HL*1**20*1~NM1*85*2*SYNTHETIC VASCULAR PC*****XX*1234567893~REF*EI*123456789"
_FIRST_DAY = date(2018, 1, 2)


@frozen
class Shape:
    """A shape of files: what makes one of a size, the size to begin with, and what the scrub is asked for."""

    name: str
    make: Callable[[int], str]
    size: int
    options: tuple[str, ...] = ("--format", "json")


def _day(number: int) -> str:
    return f"{_FIRST_DAY + timedelta(days=number):%Y%m%d}"


def _line(number: int, procedure: str, days: str, *, by: str = "", more: str = "", units: int = 1) -> str:
    form = "RD8" if "-" in days else "D8"
    rendering = f"NM1*82*1*DOC*SAM****XX*{by}~" if by else ""
    return f"LX*{number}~SV1*HC:{procedure}*1*UN*{units}***1~DTP*472*{form}*{days}~{more}{rendering}"


def _claim(number: int, lines: Sequence[str], *, frequency: str = "1", control: str = "", head: str = "") -> str:
    return (
        f"CLM*{control or f'C{number}'}*{len(lines)}***11:B:{frequency}*Y*A*Y*Y~{head or 'HI*ABK:I871~'}"
        f"NM1*82*1*DOC*SAM****XX*1999999984~{''.join(lines)}"
    )


def _subscriber(number: int, member: str, payer: str = "12502", kind: str = "MB") -> str:
    return (
        f"HL*{number}*1*22*0~SBR*P*18*******{kind}~NM1*IL*1*TESTPATIENT*ANN****MI*{member}~"
        f"DMG*D8*19500101*F~NM1*PR*2*SYNTHETIC PAYER*****PI*{payer}~"
    )


def _file(bodies: Sequence[str]) -> str:
    """Return a file of one transaction set for each body, which follows the billing provider."""
    sets = []
    for number, body in enumerate(bodies, 1):
        text = f"ST*837*{number:04}*005010X222A1~{_HEAD}~{_BILLING}~{body}"
        sets.append(f"{text}SE*{text.count('~') + 1}*{number:04}~")
    return (
        f"{_ISA}~GS*HC*SUB0001*SCRUB01*20240901*0900*1*X*005010X222A1~{''.join(sets)}GE*{len(sets)}*1~IEA*1*000000101~"
    )


def patient(claims: Sequence[str], kind: str = "MB") -> str:
    """Return a file of the claims of one patient; `kind` is SBR09."""
    return _file([_subscriber(2, "P001", kind=kind) + "".join(claims)])


# -- the shapes -----------------------------------------------------------------------------------------------------


def reliance(size: int) -> str:
    """Claims of one patient of which each has the primary procedure of the next, and the first is rejected."""
    claims = [_claim(0, [_line(1, "37238", _day(0)), _line(2, "99213", "20241399")])]
    claims += [_claim(n, [_line(1, "37238", _day(n)), _line(2, "37252", _day(n - 1))]) for n in range(1, size)]
    return patient(claims)


def reliance_in_one_encounter(size: int) -> str:
    """Chains of reliance of 75 claims whose ranges of days overlap, so that each chain is one encounter."""
    claims = []
    for n in range(size):
        day, is_first = 2 * n + n // 75 * 10, n % 75 == 0
        second = _line(2, "99213", "20241399") if is_first else _line(2, "37252", _day(day - 1))
        claims.append(_claim(n, [_line(1, "37238", f"{_day(day)}-{_day(day + 2)}"), second]))
    return patient(claims)


def replaced_chain(size: int) -> str:
    """Claims that rely on one another and are replacements, each of which takes the place of an original."""
    claims = []
    for n in range(size // 2):
        second = _line(2, "37252", _day(n - 1)) if n else _line(2, "99213", "20241399")
        claims.append(_claim(2 * n, [_line(1, "99213", _day(n)), _line(2, "99213", _day(n))], control=f"R{n}"))
        lines = [_line(1, "37238", _day(n)), second]
        claims.append(_claim(2 * n + 1, lines, control=f"R{n}", frequency="7", head=f"REF*F8*X{n}~HI*ABK:I871~"))
    return patient(claims, kind="CI")


def replacements_by_content(size: int) -> str:
    """Originals of one patient and day, and as many replacements that name none of them but have their codes."""
    codes = [[_line(1, "37238", _day(0), units=n % 9 + 1), _line(2, "37252", _day(0))] for n in range(size // 2)]
    claims = [_claim(n, lines) for n, lines in enumerate(codes)]
    for n, lines in enumerate(codes, size // 2):
        claims.append(_claim(n, lines, frequency="7", head=f"REF*F8*X{n}~HI*ABK:I871~"))
    return patient(claims, kind="CI")


def equal_claims(size: int) -> str:
    """Claims of one patient that all bill the same."""
    return patient([_claim(n, [_line(1, "37238", _day(0)), _line(2, "37252", _day(0))]) for n in range(size)])


def equal_visits(size: int) -> str:
    """Claims of one patient that all bill the same visit, which no edit over encounters judges."""
    return patient([_claim(n, [_line(1, "99213", _day(0))]) for n in range(size)])


def many_days(size: int) -> str:
    """Claims of one patient, 50 lines each, every two lines on another day."""
    claims = []
    for n in range(size):
        days = [_day((n * 25 + place) % 2800) for place in range(25)]
        pairs = [(place, day) for place, day in enumerate(days)]
        lines = []
        for place, day in pairs:
            lines += [_line(2 * place + 1, "37238", day), _line(2 * place + 2, "37252", day)]
        claims.append(_claim(n, lines))
    return patient(claims)


def vessel_words(size: int) -> str:
    """One claim whose procedure description (SV101-7) is made of vessel words."""
    words = " ".join(["COMMON"] * (size // 2) + ["CIV"] * (size // 2))
    return patient([_claim(1, [_line(1, "37238", _day(0)), _line(2, f"37252:::::{words}", _day(0), units=1)])])


def providers_in_one_day(size: int) -> str:
    """One patient's day on which every line has another rendering provider, half without the primary procedure."""
    claims = []
    for n in range(0, size, 25):
        lines = [
            _line(place + 1, ("37238", "37252")[place % 2], _day(0), by=f"{2000000000 + n + place}")
            for place in range(25)
        ]
        claims.append(_claim(n, lines))
    return patient(claims)


def provider_ranges(size: int) -> str:
    """One patient's lines on ranges of days, each another range and rendering provider."""
    claims = []
    for n in range(0, size, 25):
        lines = [
            _line(
                place + 1,
                ("37238", "37252")[place % 2],
                f"{_day(n + place)}-{_day(n + place + 3)}",
                by=f"{2000000000 + n + place}",
            )
            for place in range(25)
        ]
        claims.append(_claim(n, lines))
    return patient(claims)


def lines_of_one_claim(size: int) -> str:
    """One claim of very many lines, each on another day, half of them the primary procedure."""
    return patient([_claim(1, [_line(n + 1, ("37238", "37252")[n % 2], _day(n)) for n in range(size)])])


def ultrasound_only(size: int) -> str:
    """Patients with one claim of 50 lines of ultrasound on one day."""
    bodies = []
    for n in range(size):
        lines = [_line(place + 1, ("37252", "37253")[place % 2], _day(0)) for place in range(50)]
        bodies.append(_subscriber(n + 2, f"P{n}") + _claim(n, lines))
    return _file(["".join(bodies)])


def full_encounters(size: int) -> str:
    """Encounters of 150 lines, the most that are judged together, in ranges of days that overlap."""
    claims = []
    for n in range(size):
        lines = []
        for place in range(50):
            first = (n // 3) * 250 + (n % 3) * 50 + place
            code = ("37252", "37253", "37253:59", "37238:LT", "36005", "37252:RT")[place % 6]
            lines.append(_line(place + 1, code, f"{_day(first)}-{_day((n // 3) * 250 + 240)}"))
        claims.append(_claim(n, lines))
    return patient(claims)


def too_many_together(size: int) -> str:
    """Claims of one patient on one day, more lines than are judged together; from 1,000 claims on, more claims too."""
    return patient([_claim(n, [_line(1, "37252", _day(0)), _line(2, "37238", _day(0))]) for n in range(size)])


def notes(size: int) -> str:
    """One claim with very many notes on it and on its line."""
    more = "".join(f"NTE*ADD*LEFT COMMON ILIAC VEIN {n}~" for n in range(size))
    head = "HI*ABK:I871~" + "".join(f"NTE*ADD*LEFT CIV {n}~" for n in range(size))
    return patient([_claim(1, [_line(1, "37238", _day(0)), _line(2, "37252", _day(0), more=more)], head=head)])


def diagnoses(size: int) -> str:
    """One claim with very many diagnoses, modifiers and diagnosis pointers."""
    head = "HI*" + "*".join(f"AB{'F' if n else 'K'}:I87{n % 10}" for n in range(size)) + "~"
    line = f"LX*1~SV1*HC:37252:{':'.join(['LT', '59', 'XX'] * size)}*1*UN*1***{':'.join(['1', '2'] * size)}~"
    return patient([_claim(1, [f"{line}DTP*472*D8*{_day(0)}~"], head=head)])


def adjudications(size: int) -> str:
    """One line that very many other payers have adjudicated, each with adjustments."""
    more = "".join(f"SVD*P{n}*1*HC:37252**1~CAS*CO*45*1*1~DTP*573*D8*20240901~" for n in range(size))
    return patient([_claim(1, [_line(1, "37238", _day(0)), _line(2, "37252", _day(0), more=more)])])


def members(size: int) -> str:
    """Very many patients, each with a payer of its own and a faulty claim."""
    bodies = [
        _subscriber(n + 2, f"P{n}", f"{n:05}") + _claim(n, [_line(1, "37252:50", _day(0), units=3)])
        for n in range(size)
    ]
    return _file(["".join(bodies)])


def sets(size: int) -> str:
    """Transaction sets of one claim each."""
    return _file([_subscriber(2, f"P{n}") + _claim(n, [_line(1, "99213", _day(0))]) for n in range(size)])


def envelope_faults(size: int) -> str:
    """Claims with faults of the envelope: empty segments, unknown levels, lower-case identifiers."""
    claims = [f"hi*x~~HL*9*9*99*9~HL*3*9*22*0~{_claim(n, [_line(1, '37252', _day(0))])}" for n in range(size)]
    return patient(claims)


SHAPES = (
    Shape("chain of reliance", reliance, 200),
    Shape("chain of reliance in one encounter", reliance_in_one_encounter, 150),
    Shape("chain of replacements", replaced_chain, 200),
    Shape("replacements by content", replacements_by_content, 250),
    Shape("equal claims", equal_claims, 250),
    Shape("equal visits", equal_visits, 10_000),
    Shape("one patient on many days", many_days, 50),
    Shape("words of vessels", vessel_words, 10_000),
    Shape("providers in one day", providers_in_one_day, 2_000),
    Shape("ranges of providers", provider_ranges, 2_000),
    Shape("lines of one claim", lines_of_one_claim, 800),
    Shape("ultrasound only", ultrasound_only, 50),
    Shape("full encounters", full_encounters, 6),
    Shape("too many together", too_many_together, 400),
    Shape("notes", notes, 2_000),
    Shape("diagnoses, modifiers, pointers", diagnoses, 10_000),
    Shape("adjudications", adjudications, 2_000),
    Shape("payers and patients", members, 1_000),
    Shape("transaction sets", sets, 2_000),
    Shape("envelope faults", envelope_faults, 2_000),
    Shape("many findings, html", members, 1_000, ("--format", "html")),
    Shape("many findings, xlsx", members, 1_000, ("--format", "xlsx")),
    Shape("many findings, all files", members, 1_000, ("--format", "ndjson", "--out-dir", "{folder}")),
)


def main() -> int:
    """Read the arguments, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("shapes", nargs="*", help="only shapes whose name holds one of these words")
    parser.add_argument("--scale", type=float, default=1, help="multiply the sizes by this")
    options = parser.parse_args()
    wanted = [shape for shape in SHAPES if not options.shapes or any(word in shape.name for word in options.shapes)]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "claims.837"
        place.write_text(sets(1), encoding="ascii")
        start = min(_seconds(place, ("--format", "json")) for _ in range(3))
        print("| shape | sizes | KB | seconds | growth for a doubling | seconds a MB |")
        print("|---|---|---|---|---|---|")
        over = [_is_over(shape, place, start, options.scale) for shape in wanted]
        return int(any(over))


def _is_over(shape: Shape, place: Path, start: float, scale: float) -> bool:
    """Measure a shape, print its row, and say whether it takes too long."""
    sizes = [round(shape.size * scale * factor) for factor in (1, 2, 4)]
    seconds, lengths = [], []
    for size in sizes:
        place.write_text(shape.make(size), encoding="ascii")
        lengths.append(place.stat().st_size)
        seconds.append(max(_seconds(place, shape.options) - start, 0.001))
    growth = list(_growth(seconds))
    rate = seconds[-1] / max(lengths[-1] / 1e6, 0.1)  # what is small is not taken for more than it is
    over = any(factor is not None and factor > MOST for factor in growth) or rate > MOST_A_MEGABYTE
    cells = (
        shape.name,
        " ".join(f"{size:,}" for size in sizes),
        " ".join(f"{length / 1e3:,.0f}" for length in lengths),
        " ".join(f"{number:.2f}" for number in seconds),
        " ".join("-" if factor is None else f"{factor:.2f}" for factor in growth) + (" **too much**" if over else ""),
        f"{rate:.1f}",
    )
    print(f"| {' | '.join(cells)} |", flush=True)
    return over


def _growth(seconds: Sequence[float]) -> Iterator[float | None]:
    """Yield the growth from each time to the next; None where both are small."""
    for before, after in pairwise(seconds):
        yield after / max(before, FLOOR) if after > FLOOR else None


def _seconds(place: Path, options: Sequence[str]) -> float:
    """Return the processor time of one scrub of a file, in seconds."""
    with tempfile.TemporaryDirectory() as folder:
        command = (*SCRUB, *(option.format(folder=folder) for option in options), str(place))
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        resource.prlimit(process.pid, resource.RLIMIT_CPU, (LIMIT, LIMIT + 5))
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in {0, 1, 3, -signal.SIGXCPU}:
            said = process.stderr.read().decode() if process.stderr is not None else ""
            raise SystemExit(f"the scrub ended with {process.returncode}: {said}")
        if process.stderr is not None:
            process.stderr.close()
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    raise SystemExit(main())
