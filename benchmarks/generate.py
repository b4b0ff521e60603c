"""Write a synthetic 837P of an office-based lab, of any number of claims and share of intravascular ultrasound.

    python benchmarks/generate.py claims.837 --claims 10000 --ivus 20
    python benchmarks/generate.py claims.837 --ivus 100 --faulty 25 --modifiers 40

A claim that is not to be denied has no finding at all, not even an info, under the default settings; one that is has an
error.  Nothing in it is anybody's: names are made of syllables, the NPIs merely pass their check digit.  The same
arguments give the same file.  Transaction sets hold 5,000 claims, as many as the guide recommends at the most.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from attrs import frozen

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
INITIAL, ADDITIONAL = "37252", "37253"
VESSELS = ("LEFT COMMON ILIAC VEIN", "LEFT EXTERNAL ILIAC VEIN", "RIGHT COMMON ILIAC VEIN", "RIGHT EXTERNAL ILIAC VEIN")
"""No two of them count as one, as the external iliac and the common femoral vein of a side do (IVUS503)."""

OFFICE_MODIFIERS = {"9": ("26", "LT", "RT", "59"), "99": ("25", "24", "57"), "3": ("LT", "RT", "59", "XS")}
"""The modifiers of lines without ultrasound, by the longest beginning of their procedure code."""

MORE_MISTAKES = ("26", "80", "66")
"""Modifiers on an ultrasound line that are a finding of their own each (IVUS402, IVUS406, IVUS407)."""

DIAGNOSES = ("I70213", "I739", "I871", "I82402", "I83892", "N186", "T82858A")


@frozen
class Mix:
    """What the claims of a file are, as shares from 0 to 1: of claims with ultrasound, of these that will be denied.

    `modifiers` is the share of the lines without ultrasound that have one.  `mistakes` are on each claim that will be
    denied, from 1 to 4.
    """

    ivus: float = 0.2
    faulty: float = 0.05
    modifiers: float = 0
    mistakes: int = 1


def main() -> None:
    """Read the arguments and write the file."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("path", type=Path)
    parser.add_argument("--claims", type=int, default=10_000)
    parser.add_argument("--ivus", type=float, default=20, help="claims with intravascular ultrasound, in percent")
    parser.add_argument("--faulty", type=float, default=5, help="of these, claims that will be denied, in percent")
    parser.add_argument("--modifiers", type=float, default=0, help="lines without ultrasound with one, in percent")
    parser.add_argument("--mistakes", type=int, default=1, choices=range(1, 5), help="on a claim that will be denied")
    parser.add_argument("--seed", type=int, default=837)
    options = parser.parse_args()
    mix = Mix(options.ivus / 100, options.faulty / 100, options.modifiers / 100, options.mistakes)
    write_mix(options.path, options.claims, mix, options.seed)


def write(path: Path, claims: int, ivus: float, faulty: float = 0.05, seed: int = 837) -> None:
    """Write a file of so many claims; `ivus` and `faulty` are shares from 0 to 1."""
    write_mix(path, claims, Mix(ivus, faulty), seed)


def write_mix(path: Path, claims: int, mix: Mix, seed: int = 837) -> None:
    """Write a file of so many claims of a mix."""
    with path.open("w", encoding="ascii", newline="") as out:
        for text in texts(claims, mix, seed):
            out.write(text)


def texts(claims: int, mix: Mix, seed: int = 837) -> Iterator[str]:
    """Yield the text of a file of so many claims of a mix, in parts."""
    chance = random.Random(seed)  # noqa: S311 - the same file for the same seed
    head = f"ISA*00*{'':10}*00*{'':10}*ZZ*{'SUB0001':15}*ZZ*{'SCRUB01':15}*240901*0900*^*00501*000000101*0*T*:"
    yield f"{head}~\nGS*HC*SUB0001*SCRUB01*20240901*0900*1*X*005010X222A1~\n"
    sets = 0
    for first in range(0, claims, CLAIMS_A_SET):
        sets += 1
        count, number = 0, f"{sets:04}"
        for segments in _set(chance, range(first, min(first + CLAIMS_A_SET, claims)), number, mix):
            count += len(segments)
            yield "".join(f"{segment}~\n" for segment in segments)
        yield f"SE*{count + 1}*{number}~\n"
    yield f"GE*{sets}*1~\nIEA*1*000000101~\n"


def _set(chance: random.Random, claims: range, number: str, mix: Mix) -> Iterator[list[str]]:
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
            yield _subscriber(chance, level, provider, claim) + _claim(chance, claim, chance.choice(renderers), mix)


def _name(chance: random.Random) -> str:
    return "".join(chance.choices(SYLLABLES, k=3))


def _subscriber(chance: random.Random, level: int, provider: int, claim: int) -> list[str]:
    name, payer, kind = chance.choices(PAYERS, (6, 3, 1))[0]
    # Every fiftieth claim is a second one of the patient before it, who is the same person then.
    member = claim - 2 if claim % 50 == 49 else claim
    person = random.Random(member)  # noqa: S311 - as above
    born = date(1935, 1, 1) + timedelta(days=person.randrange(20_000))
    return [
        f"HL*{level}*{provider}*22*0",
        f"SBR*P*18*******{kind}",
        f"NM1*IL*1*{_name(person)}*{_name(person)}****MI*{member:09}A",
        f"N3*{chance.randrange(1, 999)} ELM ST",
        "N4*ANYTOWN*PA*17111",
        f"DMG*D8*{born:%Y%m%d}*{person.choice('FM')}",
        f"NM1*PR*2*{name}*****PI*{payer}",
    ]


def _claim(chance: random.Random, number: int, renderer: str, mix: Mix) -> list[str]:
    services = _session(chance, mix) if chance.random() < mix.ivus else _visit(chance)
    services = [_modified(chance, service, mix.modifiers) for service in services] if mix.modifiers else services
    # The two claims of a patient are of different days: what one bills is no repeat of the other.
    day = FIRST_DAY + timedelta(days=chance.randrange(DAYS // 2) + DAYS // 2 * (number % 50 == 49))
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


def _session(chance: random.Random, mix: Mix) -> list[Service]:
    base, catheter = chance.choice(BASES)
    vessels = chance.sample(VESSELS, k=chance.randrange(1, 4))
    services: list[Service] = [(base, 1, chance.randrange(3_000, 12_000), "")]
    if catheter:
        services.append((catheter, 1, chance.randrange(400, 1_500), ""))
    services.append((INITIAL, 1, chance.randrange(1_200, 3_000), vessels[0]))
    if vessels[1:]:
        services.append((ADDITIONAL, len(vessels) - 1, chance.randrange(400, 1_900), " AND ".join(vessels[1:])))
    return _spoil(chance, services, mix.mistakes) if chance.random() < mix.faulty else services


def _modified(chance: random.Random, service: Service, share: float) -> Service:
    """Return a service, with a modifier by chance where it is no ultrasound."""
    code, units, charge, note = service
    if code[:5] in {INITIAL, ADDITIONAL} or chance.random() >= share:
        return service
    beginning = max((each for each in OFFICE_MODIFIERS if code.startswith(each)), key=len)
    return f"{code}:{chance.choice(OFFICE_MODIFIERS[beginning])}", units, charge, note


def _spoil(chance: random.Random, services: list[Service], mistakes: int) -> list[Service]:
    """Return a session that is denied: no primary, no initial vessel, too many units, or a wrong modifier.

    Each mistake after the first is a modifier more on the first ultrasound line.
    """
    fault = chance.randrange(4)
    if fault == 1 and services[-1][0] == INITIAL:
        fault = 0  # without it there would be no ultrasound at all
    ultrasound = [service for service in services if service[0] in {INITIAL, ADDITIONAL}]
    others = [] if fault == 0 else services[: -len(ultrasound)]
    if fault == 1:
        del ultrasound[0]
    code, units, charge, note = ultrasound[0]
    code = ":".join([code, *["50"] * (fault == 3), *MORE_MISTAKES[: mistakes - 1]])
    return [*others, (code, units + 6 * (fault == 2), charge, note), *ultrasound[1:]]


if __name__ == "__main__":
    main()
