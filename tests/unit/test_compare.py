"""What `benchmarks.compare` makes of measured values; nothing is measured here but a program that does nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks import compare
from benchmarks.contenders import BARE, JOBS, MIXES, NDJSON, OUT_DIR, contenders
from benchmarks.costs import FindingCost, Grown, StartUp
from benchmarks.generate import Mix
from benchmarks.runs import Usage, in_turns, medians_of, run_once
from benchmarks.speed import Compared, Found, Speed, found_in, prepared, rows_of
from benchmarks.targets import of_finding, of_memory, of_speed, of_start_up, table_of

CLAIMS = 1_003
BEGUN = Usage(0.3, 0.2, 40e6)
FEW_PERCENT, MANY_FINDINGS = (tuple(MIXES)[place] for place in (0, 2))


def _speed(microseconds: float) -> Speed:
    whole = Usage(BEGUN.wall + microseconds / 1000, BEGUN.processor + microseconds / 1000, 50e6)
    return Speed(CLAIMS, BEGUN, whole)


def _compared(mix: str, *, same: bool = True, **speeds: float) -> Compared:
    names = {"bare": BARE, "ndjson": NDJSON, "files": OUT_DIR, "jobs": JOBS}
    own = {names[name]: _speed(value) for name, value in speeds.items()}
    return Compared(mix, 600_000, Found(CLAIMS, 50, 80, "d"), own, same)


def test_the_start_of_the_program_is_apart() -> None:
    compared = _compared(FEW_PERCENT, bare=100, ndjson=20, jobs=30)
    assert compared.speeds[NDJSON].a_claim == pytest.approx(20e-6)
    assert compared.times_bare(NDJSON) == pytest.approx(5)
    text = "\n".join(rows_of(compared))
    assert "1,003 claims, 0.6 MB; 4.99 % of the claims have findings, 0.08 a claim." in text
    assert f"| {NDJSON} | 1,003 | 20.0 | 50,000 | 5.00 | 20.0 µs | 200 | 50 |" in text
    assert "Two processes took +50.0 % of processor time, and were 0.67 times as fast by the clock." in text


def _missed(compared: Compared, *, is_idle: bool = False) -> list[str]:
    return [target.name.partition(": ")[2] for target in of_speed(compared, is_idle=is_idle) if not target.is_met]


def test_targets_of_speed() -> None:
    assert _missed(_compared(FEW_PERCENT, bare=100, ndjson=19, files=40, jobs=20)) == []
    assert _missed(_compared(FEW_PERCENT, bare=100, ndjson=21, files=47, jobs=23, same=False)) == [
        "times the bare reader",
        "--out-dir over ndjson, of the bare reader's time",
        "--jobs 2, more processor time",
        "--jobs 2, reports that differ",
    ]
    slow = _compared(MANY_FINDINGS, bare=100, ndjson=50, files=900, jobs=50)
    assert _missed(slow) == []
    assert _missed(slow, is_idle=True) == ["--jobs 2, times as fast by the clock"]
    assert _missed(_compared(MANY_FINDINGS, bare=100)) == []
    assert _missed(_compared(MANY_FINDINGS, bare=100, ndjson=-1)) == ["times the bare reader"]


def test_the_other_targets() -> None:
    assert [target.is_met for target in of_start_up(StartUp(0.010, 0.069, 0.121))] == [True, False]
    assert of_finding(FindingCost(19e-6, 100e-6, (1, 2))).is_met
    assert not of_finding(FindingCost(21e-6, 100e-6, (1, 2))).is_met
    small, large = 10_000, 1_000_000
    assert of_memory(Grown("ndjson", (small, large), (40e6, 40e6 + 39 * (large - small)))).is_met
    missed = of_memory(Grown("ndjson", (small, large), (40e6, 40e6 + 41 * (large - small))))
    assert not missed.is_met
    assert table_of([missed]).endswith(
        "| memory, ndjson: bytes of each further claim | 41.00 | at most 40 | **missed** |"
    )


def test_a_check_that_misses_a_target_names_it_and_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(compare, "start_up", lambda *_: StartUp(0.010, 0.080, 0.100))
    monkeypatch.setattr(sys, "argv", ["compare", "--start-up", "--check"])
    assert compare.main() == 1
    assert capsys.readouterr().out.endswith("missed: --version, times `python -c pass`\n")
    monkeypatch.setattr(sys, "argv", ["compare", "--start-up"])
    assert compare.main() == 0
    monkeypatch.setattr(sys, "argv", ["compare", "--only", "nobody"])
    with pytest.raises(SystemExit):
        compare.main()


def test_what_is_in_a_file_is_counted(tmp_path: Path) -> None:
    found = found_in(prepared(tmp_path, Mix(1, 1, mistakes=2), 20))
    assert (found.claims, found.with_findings, found.share) == (20, 20, 1)
    assert 40 <= found.findings <= 80
    assert found_in(prepared(tmp_path, Mix(1, 0), 20)).with_findings == 0


def test_commands_run_in_turns_and_their_medians_count() -> None:
    assert medians_of([Usage(1, 5, 9), Usage(2, 1, 8), Usage(30, 4, 1)]) == Usage(2, 4, 8)
    used = in_turns({"pass": (sys.executable, "-c", "pass")}, 1)
    assert used["pass"].processor > 0
    with pytest.raises(RuntimeError, match="ended with 3"):
        run_once((sys.executable, "-c", "raise SystemExit(3)"))


def test_every_contender_has_a_name_of_its_own_and_gets_the_file() -> None:
    found = list(contenders())
    assert len({each.name for each in found}) == len(found)
    assert {NDJSON, OUT_DIR, JOBS, BARE} <= {each.name for each in found}
    (files,) = (each for each in found if each.name == OUT_DIR)
    assert files.on(Path("claims/a.837"))[-2:] == ["claims/out", "claims/a.837"]
