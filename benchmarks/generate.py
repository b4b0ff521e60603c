"""Write a synthetic 837P of an office-based lab, of any number of claims and share of intravascular ultrasound.

    python benchmarks/generate.py claims.837 --claims 10000 --ivus 20

Nothing in it is anybody's: names are made of syllables, the NPIs merely pass their check digit.  The same arguments
give the same file.  Transaction sets hold 5,000 claims, as many as the guide recommends at the most.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

CLAIMS_A_SET = 5_000
PAYERS = (("MEDICARE B", "12502", "MB"), ("SYNTHETIC HEALTH", "60054", "CI"), ("EXAMPLE BLUE", "00590", "BL"))
PROVIDERS = (
    ("SYNTHETIC VASCULAR PC", "1234567893", ("1999999984", "1888888884", "1777777776")),
    ("EXAMPLE VEIN CENTER", "1666666668", ("1555555550", "1444444446")),
)
SYLLABLES = ("BA", "DE", "KO", "LI", "MA", "NU", "RO", "SA", "TI", "VE")
FIRST_DAY, DAYS = date(2024, 7, 1), 60
OFFICE = ("99213", "99214", "93970", "93971", "93880", "93922", "36465", "36475", "36478")
BASES = (
    ("37238", "36012"),
    ("37221", "36247"),
    ("37226", "36247"),
    ("37228", "36247"),
    ("36902", ""),
    ("37248", "36012"),
)
VESSELS = ("LEFT COMMON ILIAC VEIN", "LEFT EXTERNAL ILIAC VEIN", "RIGHT COMMON ILIAC VEIN", "LEFT COMMON FEMORAL VEIN")
DIAGNOSES = ("I70213", "I739", "I871", "I82402", "I83892", "N186", "T82858A")


def main() -> None:
    """Read the arguments and write the file."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("path", type=Path)
    parser.add_argument("--claims", type=int, default=10_000)
    parser.add_argument("--ivus", type=float, default=20, help="claims with intravascular ultrasound, in percent")
    parser.add_argument("--faulty", type=float, default=5, help="of these, claims that will be denied, in percent")
    parser.add_argument("--seed", type=int, default=837)
    options = parser.parse_args()
    write(options.path, options.claims, options.ivus / 100, options.faulty / 100, options.seed)


def write(path: Path, claims: int, ivus: float, faulty: float = 0.05, seed: int = 837) -> None:
    """Write a file of so many claims; `ivus` and `faulty` are shares from 0 to 1."""
    with path.open("w", encoding="ascii", newline="") as out:
        for text in texts(claims, ivus, faulty, seed):
            out.write(text)


def texts(claims: int, ivus: float, faulty: float = 0.05, seed: int = 837) -> Iterator[str]:
    """Yield the text of a file in parts; see `write`."""
    yield from _interchange(random.Random(seed), claims, ivus, faulty)  # noqa: S311 - the same file for the same seed


def _interchange(chance: random.Random, claims: int, ivus: float, faulty: float) -> Iterator[str]:
    head = f"ISA*00*{'':10}*00*{'':10}*ZZ*{'SUB0001':15}*ZZ*{'SCRUB01':15}*240901*0900*^*00501*000000101*0*T*:"
    yield f"{head}~\nGS*HC*SUB0001*SCRUB01*20240901*0900*1*X*005010X222A1~\n"
    sets = 0
    for first in range(0, claims, CLAIMS_A_SET):
        sets += 1
        count, number = 0, f"{sets:04}"
        for segments in _set(chance, range(first, min(first + CLAIMS_A_SET, claims)), number, (ivus, faulty)):
            count += len(segments)
            yield "".join(f"{segment}~\n" for segment in segments)
        yield f"SE*{count + 1}*{number}~\n"
    yield f"GE*{sets}*1~\nIEA*1*000000101~\n"


def _set(chance: random.Random, claims: range, number: str, shares: tuple[float, float]) -> Iterator[list[str]]:
    yield [
        f"ST*837*{number}*005010X222A1",
        f"BHT*0019*00*BATCH{number}*20240901*0900*CH",
        "NM1*41*2*SYNTHETIC BILLING*****46*SUB0001",
        "PER*IC*EDI DESK*TE*5555551212",
        "NM1*40*2*CLAIM SCRUBBER*****46*SCRUB01",
    ]
    level = 0
    for place, (name, npi, renderers) in enumerate(PROVIDERS):
        level += 1
        provider = level
        yield [
            f"HL*{level}**20*1",
            "PRV*BI*PXC*2086S0129X",
            f"NM1*85*2*{name}*****XX*{npi}",
            "N3*1 MAIN ST",
            "N4*ANYTOWN*PA*171110000",
            "REF*EI*123456789",
        ]
        for claim in claims[place :: len(PROVIDERS)]:
            level += 1
            yield _subscriber(chance, level, provider, claim) + _claim(chance, claim, chance.choice(renderers), shares)


def _name(chance: random.Random) -> str:
    return "".join(chance.choices(SYLLABLES, k=3))


def _subscriber(chance: random.Random, level: int, provider: int, claim: int) -> list[str]:
    name, payer, kind = chance.choices(PAYERS, (6, 3, 1))[0]
    # Every fiftieth claim is a second one of the patient before it.
    member = claim - 2 if claim % 50 == 49 else claim
    born = date(1935, 1, 1) + timedelta(days=chance.randrange(20_000))
    return [
        f"HL*{level}*{provider}*22*0",
        f"SBR*P*18*******{kind}",
        f"NM1*IL*1*{_name(chance)}*{_name(chance)}****MI*{member:09}A",
        f"N3*{chance.randrange(1, 999)} ELM ST",
        "N4*ANYTOWN*PA*17111",
        f"DMG*D8*{born:%Y%m%d}*{chance.choice('FM')}",
        f"NM1*PR*2*{name}*****PI*{payer}",
    ]


def _claim(chance: random.Random, number: int, renderer: str, shares: tuple[float, float]) -> list[str]:
    ivus, faulty = shares
    services = _session(chance, faulty) if chance.random() < ivus else _visit(chance)
    day = FIRST_DAY + timedelta(days=chance.randrange(DAYS))
    total = sum(charge for _, _, charge, _ in services)
    codes = chance.sample(DIAGNOSES, k=chance.randrange(1, 5))
    segments = [
        f"CLM*OBL{number:08}*{total}***11:B:1*Y*A*Y*Y",
        f"REF*D9*CH{number:012}",
        "HI*" + "*".join(f"{'ABF' if place else 'ABK'}:{code}" for place, code in enumerate(codes)),
        f"NM1*82*1*{_name(chance)}*{_name(chance)}****XX*{renderer}",
        "PRV*PE*PXC*2086S0129X",
    ]
    for line, (procedure, units, charge, note) in enumerate(services, 1):
        pointers = ":".join(str(place + 1) for place in range(min(len(codes), 2)))
        segments += [
            f"LX*{line}",
            f"SV1*HC:{procedure}*{charge}*UN*{units}***{pointers}",
            f"DTP*472*D8*{day:%Y%m%d}",
            f"REF*6R*{number:08}{line:02}",
        ]
        if note:
            segments.append(f"NTE*ADD*{note}")
    return segments


Service = tuple[str, int, int, str]


def _visit(chance: random.Random) -> list[Service]:
    codes = chance.sample(OFFICE, k=chance.randrange(1, 5))
    return [(code, 1, chance.randrange(80, 1500), "") for code in codes]


def _session(chance: random.Random, faulty: float) -> list[Service]:
    base, catheter = chance.choice(BASES)
    vessels = chance.sample(VESSELS, k=chance.randrange(1, 4))
    services: list[Service] = [(base, 1, chance.randrange(3_000, 12_000), "")]
    if catheter:
        services.append((catheter, 1, chance.randrange(400, 1_500), ""))
    services.append(("37252", 1, chance.randrange(1_200, 3_000), vessels[0]))
    if vessels[1:]:
        services.append(("37253", len(vessels) - 1, chance.randrange(400, 1_900), " AND ".join(vessels[1:])))
    return _spoil(chance, services) if chance.random() < faulty else services


def _spoil(chance: random.Random, services: list[Service]) -> list[Service]:
    """Make a session one that is denied: no base, no initial vessel, too many units, or a wrong modifier."""
    fault = chance.randrange(4)
    if fault == 0:
        return services[-1:] if services[-1][0] == "37252" else services[-2:]
    spoiled = []
    for code, units, charge, note in services:
        if fault == 1 and code == "37252":
            continue
        spoiled.append(
            (
                code + ":50" * (fault == 3 and code == "37252"),
                units + 6 * (fault == 2 and code == "37252"),
                charge,
                note,
            )
        )
    return spoiled


if __name__ == "__main__":
    main()
