"""What is written appears whole or not at all, at its place and nowhere else, and no input is ever touched."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import resource
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import pytest

from scrubber.claims.raw_claim import RawClaim
from scrubber.claims.reader import Reader
from scrubber.cli.main import main
from scrubber.engine.judge import Engine
from scrubber.errors import ConfigError, ScrubberError
from scrubber.findings.report import FileReport
from scrubber.io.publication import Publication, publish_text
from scrubber.io.signals import uninterrupted
from scrubber.io.source import open_source
from scrubber.outputs import output_set as outputs
from scrubber.outputs.reports.json import JsonWriter
from scrubber.outputs.x12.annotated837 import Annotator
from scrubber.outputs.x12.base import Completion, InputEvent, JudgedRun, Tally
from scrubber.outputs.x12.split837 import Side
from scrubber.testing import Form, to_837p
from scrubber.x12.rules import X12SyntaxError
from tests.support.x12_files import amounts, segments_of, write

GOOD = "37238\n36012\n37252 desc='LEFT CIV'"
CLEAN = to_837p(GOOD)
FAULTY = to_837p("37252 desc='LEFT CIV'")
MIXED = to_837p(f"claim A patient=M1\n{GOOD}\nclaim B patient=M2\n37252\nclaim C patient=M3\n{GOOD}")
NAMES = ["a.277ca", "a.annotated.837", "a.clean.837", "a.findings.json", "a.rejected.837"]
PROGRAM = Path(sys.executable).with_name("scrubber")
FILE_OPTIONS = ["--annotated", "--clean", "--rejected", "--277ca", "--999"]


def many(claims: int) -> bytes:
    return to_837p("\n".join(f"claim C{n} patient=M{n}\n{'37252' if n % 2 else GOOD}" for n in range(claims)))


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def cli(*args: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(arg) for arg in args])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def readable(path: Path) -> bool:
    with open_source(path) as source:
        faults: list[X12SyntaxError] = []
        reader = Reader(source, on_error=faults.append)
        return bool(list(reader)) and reader.readable and not faults


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder as the working directory."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


# -- Publication ------------------------------------------------------------------------------------------------------


def test_files_appear_together_private_and_leave_nothing_behind(here: Path) -> None:
    (here / "a").write_bytes(b"old")
    (here / "a").chmod(0o644)
    with Publication() as files:
        for name in ("a", "b"):
            files.draft(here / name).stream.write(name.encode() * 10)
        assert (here / "a").read_bytes() == b"old"
        assert not (here / "b").exists()
        assert len(names(here)) == 3
        files.publish()
    assert contents(here) == {"a": b"a" * 10, "b": b"b" * 10}
    assert [(here / name).stat().st_mode & 0o7777 for name in names(here)] == [0o600, 0o600]


@pytest.mark.parametrize("error", [None, ValueError, KeyboardInterrupt, ScrubberError])
def test_without_publishing_nothing_changes(here: Path, error: type[BaseException] | None) -> None:
    def draft() -> None:
        with Publication() as files:
            files.draft(here / "a").stream.write(b"new")
            files.withdraw(files.draft(here / "b"))
            if error is not None:
                raise error

    for name in ("a", "b"):
        (here / name).write_bytes(b"old")
    if error is None:
        draft()
    else:
        with pytest.raises(error):
            draft()
    assert contents(here) == {"a": b"old", "b": b"old"}


def test_a_withdrawn_file_goes_away_with_that_of_an_earlier_run(here: Path) -> None:
    (here / "b").write_bytes(b"old")
    with Publication() as files:
        files.draft(here / "a").stream.write(b"new")
        files.withdraw(files.draft(here / "b"))
        assert (here / "b").exists()
        files.publish()
    assert contents(here) == {"a": b"new"}


def test_a_link_is_replaced_or_removed_not_followed(here: Path) -> None:
    (here / "behind").write_bytes(b"behind")
    for name, target in (("a", "behind"), ("b", "behind"), ("c", "nothing")):
        (here / name).symlink_to(here / target)
    with Publication() as files:
        files.draft(here / "a").stream.write(b"new")
        files.withdraw(files.draft(here / "b"))
        files.draft(here / "c").stream.write(b"new")
        files.publish()
    assert contents(here) == {"behind": b"behind", "a": b"new", "c": b"new"}
    assert not (here / "a").is_symlink()


@pytest.mark.parametrize("target", ["folder", "/dev/null", "/dev/new", "missing/a", "file/a", "pipe", "link"])
def test_a_place_where_no_file_can_stand_is_refused(here: Path, target: str) -> None:
    (here / "folder").mkdir()
    (here / "file").write_bytes(b"")
    os.mkfifo(here / "pipe")
    (here / "link").symlink_to("/dev/null")
    before = names(here)
    with Publication() as files, pytest.raises(ConfigError):
        files.draft(here / target)
    assert names(here) == before


def test_a_place_lost_before_the_end_publishes_nothing(here: Path) -> None:
    """Together or not at all: also where the second of two places cannot be taken any more."""
    (here / "a").write_bytes(b"old")
    with Publication() as files:
        for name in ("a", "b"):
            files.draft(here / name).stream.write(b"new")
        (here / "b").mkdir()
        with pytest.raises(ScrubberError, match="nothing was published"):
            files.publish()
    assert contents(here) == {"a": b"old"}
    assert names(here) == ["a", "b"]


def test_a_text_file_appears_when_its_block_ends(here: Path) -> None:
    with publish_text(here / "a") as stream:
        stream.write("\u00e9\n")
        assert not (here / "a").exists()
    assert contents(here) == {"a": b"\xc3\xa9\n"}
    with pytest.raises(ValueError, match="x"), publish_text(here / "a") as stream:  # noqa: PT012
        stream.write("lost")
        raise ValueError("x")
    assert contents(here) == {"a": b"\xc3\xa9\n"}


# -- the command line: what is there afterwards -----------------------------------------------------------------------


def test_an_output_folder_holds_the_files_of_its_input(here: Path) -> None:
    old = os.umask(0)
    try:
        (here / "a.837").write_bytes(MIXED)
        assert cli("scrub", "a.837", "--out-dir", "made/out") == 1
    finally:
        os.umask(old)
    out = here / "made" / "out"
    assert names(out) == NAMES
    assert {path.stat().st_mode & 0o7777 for path in out.iterdir()} == {0o600}
    assert out.stat().st_mode & 0o777 == 0o700
    assert readable(out / "a.clean.837")
    assert amounts((out / "a.clean.837").read_bytes())[0] == 2
    assert amounts((out / "a.rejected.837").read_bytes())[0] == 1
    assert names(here) == ["a.837", "made", "made/out", *(f"made/out/{name}" for name in NAMES)]


def test_old_files_and_links_in_the_folder_are_replaced(here: Path) -> None:
    (here / "a.837").write_bytes(MIXED)
    (here / "behind").write_bytes(b"behind")
    out = here / "out"
    out.mkdir()
    for name in NAMES:
        (out / name).symlink_to(here / "behind")
    assert cli("scrub", "a.837", "--out-dir=out") == 1
    assert (here / "behind").read_bytes() == b"behind"
    assert names(out) == NAMES
    assert not any((out / name).is_symlink() for name in NAMES)


def test_a_stale_rejected_file_is_removed(here: Path) -> None:
    (here / "a.837").write_bytes(FAULTY)
    assert cli("scrub", "a.837", "--out-dir=out") == 1
    assert (here / "out" / "a.rejected.837").read_bytes() == FAULTY
    assert not (here / "out" / "a.clean.837").exists()
    (here / "a.837").write_bytes(CLEAN)
    assert cli("scrub", "a.837", "--out-dir=out") == 0
    assert (here / "out" / "a.clean.837").read_bytes() == CLEAN
    assert not (here / "out" / "a.rejected.837").exists()
    (here / "r.837").write_bytes(b"stale")
    assert cli("scrub", "a.837", "--rejected=r.837") == 0
    assert not (here / "r.837").exists()


def test_several_inputs_have_files_of_their_own(here: Path) -> None:
    (here / "a.837").write_bytes(MIXED)
    (here / "b.837").write_bytes(CLEAN)
    assert cli("scrub", "a.837", "b.837", "none.837", "--out-dir=out") == 3
    expected = [*NAMES, "b.277ca", "b.annotated.837", "b.clean.837", "b.findings.json", "none.findings.json"]
    assert names(here / "out") == sorted(expected)


def test_standard_input_is_called_stdin(here: Path) -> None:
    subprocess.run([PROGRAM, "scrub", "--out-dir=out"], input=MIXED, capture_output=True, check=False)
    assert names(here / "out") == [f"stdin{name[1:]}" for name in NAMES]


@pytest.mark.parametrize("name", ["a.b.837", "a", "a.837.txt", ".837", "a b.837", "\u00e9.837", "-.837"])
def test_files_are_called_after_the_stem(here: Path, name: str) -> None:
    (here / name).write_bytes(CLEAN)
    assert cli("scrub", f"./{name}", "--out-dir=out") == 0
    assert f"{Path(name).stem}.clean.837" in names(here / "out")
    assert len(names(here / "out")) == 4


def test_control_numbers_never_name_a_file(here: Path, tmp_path: Path) -> None:
    data = MIXED.replace(b"000000101", b"../../x00").replace(b"CLM*B*", b"CLM*../../x*").replace(b"*0001", b"*/../x")
    (here / "a.837").write_bytes(data)
    before = names(tmp_path)
    cli("scrub", "a.837", "--out-dir=out")
    assert names(here / "out") == ["a.999", "a.annotated.837", "a.findings.json", "a.rejected.837"]
    assert [name for name in names(tmp_path) if not name.startswith("here/out")] == before


# -- the command line: what is refused --------------------------------------------------------------------------------


@pytest.mark.parametrize("option", [*FILE_OPTIONS, "--report"])
@pytest.mark.parametrize("kind", ["itself", "another spelling", "link", "hard link", "link as input"])
def test_an_input_is_never_a_target(here: Path, option: str, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    source, target = here / "a.837", here / "t.837"
    source.write_bytes(MIXED)
    given, wanted = "a.837", "t.837"
    match kind:
        case "itself":
            wanted = "a.837"
        case "another spelling":
            (here / "sub").mkdir()
            wanted = "sub/../a.837"
        case "link":
            target.symlink_to(source)
        case "hard link":
            target.hardlink_to(source)
        case _:
            target.symlink_to(source)
            given, wanted = "t.837", "a.837"
    before, there = digest(source), names(here)
    args = [f"--report=json={wanted}"] if option == "--report" else [option, wanted]
    assert cli("scrub", given, *args) == 2
    assert "would overwrite it" in capsys.readouterr().err
    assert digest(source) == before
    assert names(here) == there


def test_the_file_behind_standard_input_is_never_a_target(here: Path) -> None:
    (here / "a.837").write_bytes(MIXED)
    before = (here / "a.837").stat().st_ino
    with (here / "a.837").open("rb") as stream:
        done = subprocess.run([PROGRAM, "scrub", "--clean=a.837"], stdin=stream, capture_output=True, check=False)
    assert done.returncode == 2
    assert (here / "a.837").read_bytes() == MIXED
    assert (here / "a.837").stat().st_ino == before


def test_the_files_of_a_folder_are_never_an_input(here: Path) -> None:
    for name in ("a.837", "a.clean.837"):
        (here / name).write_bytes(MIXED)
    assert cli("scrub", "a.837", "a.clean.837", "--out-dir=.") == 2
    assert names(here) == ["a.837", "a.clean.837"]


@pytest.mark.parametrize("data", [MIXED, CLEAN, MIXED[:-30], b"hello", b""])
def test_the_input_is_only_read(here: Path, data: bytes) -> None:
    (here / "a.837").write_bytes(data)
    (here / "a.837").chmod(0o400)
    before = (here / "a.837").stat()
    cli("scrub", "a.837", "--out-dir=out", "--partial", "--report=json=r.json")
    after = (here / "a.837").stat()
    assert (here / "a.837").read_bytes() == data
    assert (after.st_ino, after.st_mtime_ns, after.st_mode) == (before.st_ino, before.st_mtime_ns, before.st_mode)


@pytest.mark.parametrize("option", FILE_OPTIONS)
@pytest.mark.parametrize("target", ["folder", "/dev/null", "missing/x", "pipe", "b.837/x"])
def test_a_target_that_cannot_be_written_is_bad_usage(
    here: Path, option: str, target: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "folder").mkdir()
    os.mkfifo(here / "pipe")
    for name in ("a.837", "b.837"):
        (here / name).write_bytes(MIXED)
    before = names(here)
    assert cli("scrub", "a.837", option, target, "--report=json=r.json") == 2
    assert "Traceback" not in capsys.readouterr().err
    assert names(here) == before


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["a.837", "sub/a.837", "--out-dir=out"], "written twice"),
        (["a.837", "a.edi", "--out-dir=out"], "written twice"),
        (["a.837", "b.837", "--clean=c.837"], "use --out-dir for several"),
        (["a.837", "b.837", "--999=c.999"], "use --out-dir for several"),
        (["a.837", "--out-dir=out", "--clean=c.837"], "one or the other"),
        (["a.837", "--out-dir=out", "--277ca=c.277"], "one or the other"),
        (["a.837", "--out-dir=a.837"], "a.837"),
        (["a.837", "--out-dir=a.837/out"], "cannot be made a folder"),
        (["a.837", "--clean=-"], "chosen by --format"),
        (["a.837", "--report=json=-"], "chosen by --format"),
        (["a.837", "--clean=c.837", "--rejected=c.837"], "written twice"),
        (["a.837", "--clean=c.837", "--rejected=./c.837"], "written twice"),
        (["a.837", "--clean=c.837", "--rejected=sub/../c.837"], "written twice"),
        (["a.837", "--clean=c.837", "--rejected=same/c.837"], "written twice"),
        (["a.837", "--clean=c.837", "--report=json=c.837"], "written twice"),
        (["a.837", "--report=text=c.837", "--report=json=c.837"], "written twice"),
        (["a.837", "--out-dir=out", "--report=json=out/a.findings.json"], "written twice"),
    ],
)
def test_what_would_collide_is_refused_before_anything_is_written(
    here: Path, args: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "sub").mkdir()
    (here / "same").symlink_to(here)
    for name in ("a.837", "b.837", "a.edi", "sub/a.837"):
        (here / name).write_bytes(MIXED)
    before = names(here)
    assert cli("scrub", *args) == 2
    assert words in capsys.readouterr().err
    assert names(here) == before


# -- what could not be completely read ---------------------------------------------------------------------------------

THREE = to_837p(f"claim A patient=M1\n{GOOD}\nclaim B patient=M2\n37252\nclaim C patient=M3\n{GOOD}", Form(line_end=""))
BROKEN = {
    "cut in a claim": THREE[: THREE.index(b"CLM*C") + 40],
    "cut behind a claim": THREE[: THREE.index(b"HL*4*")],
    "cut in a trailer": THREE[: THREE.index(b"GE*1") + 3],
    "no IEA": THREE[: THREE.index(b"IEA*")],
    "junk behind": THREE + b"UNREAD",
    "segments outside": THREE.replace(b"~GE*", b"~REF*EI*UNREAD~GE*"),
    "another guide": THREE.replace(
        b"~IEA*1", b"~" + THREE[THREE.index(b"GS*") : THREE.index(b"IEA*")] + b"IEA*2"
    ).replace(b"*1*X*005010X222A1", b"*2*X*005010X223A2", 1),
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_an_input_not_read_whole_leaves_old_files_alone(
    here: Path, data: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "a.837").write_bytes(data)
    (here / "out").mkdir()
    claims = [name for name in NAMES if "findings" not in name]
    for name in claims:
        (here / "out" / name).write_bytes(b"old")
    assert cli("scrub", "a.837", "--out-dir=out") == 3
    found = contents(here / "out")
    assert {name: found[name] for name in claims} == dict.fromkeys(claims, b"old")
    assert found.keys() - claims == {"a.findings.json", "a.999"}
    assert capsys.readouterr().err.count("--partial") == 1


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_partial_writes_what_was_read_as_valid_files(here: Path, data: bytes) -> None:
    (here / "a.837").write_bytes(data)
    assert cli("scrub", "a.837", "--out-dir=out", "--partial") == 3
    assert names(here / "out") == sorted([*NAMES, "a.999"])
    clean, rejected = (here / "out" / f"a.{side}.837" for side in ("clean", "rejected"))
    assert readable(clean)
    assert b"UNREAD" not in clean.read_bytes()
    assert b"005010X223" not in clean.read_bytes()
    assert b"CLM*A*" in clean.read_bytes()
    assert b"CLM*B*" not in clean.read_bytes()
    assert b"CLM*B*" in rejected.read_bytes()
    last = [segment[0] for segment in segments_of(clean.read_bytes())][-3:]
    assert last == ["SE", "GE", "IEA"]
    if b"CLM*C" in data and b"SE*" not in data:
        assert b"CLM*C*" not in clean.read_bytes()
    assert (here / "a.837").read_bytes() == data


@pytest.mark.parametrize("data", [b"", b"hello", CLEAN[:60]])
def test_partial_of_nothing_is_nothing(here: Path, data: bytes) -> None:
    (here / "a.837").write_bytes(data)
    assert cli("scrub", "a.837", "--out-dir=out", "--partial") == 3
    assert names(here / "out") == ["a.findings.json"]


def test_an_input_that_changes_meanwhile_publishes_no_claims(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "a.837").write_bytes(MIXED)
    kept = Side.claim

    def touch(self: Side, raw: RawClaim, report: object) -> None:
        (here / "a.837").write_bytes(MIXED + b"\n")
        kept(self, raw, report)  # type: ignore[arg-type]

    monkeypatch.setattr(Side, "claim", touch)
    assert cli("scrub", "a.837", "--out-dir=out") == 3
    assert names(here / "out") == ["a.findings.json"]


# -- faults of our own ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "lost", [Tally(), Tally(2, 6, Decimal(600)), Tally(2, 5, Decimal(600)), Tally(2, 6, Decimal("600.01"))]
)
def test_a_file_that_holds_something_else_than_the_report_says_is_not_published(
    default_engine: Engine, monkeypatch: pytest.MonkeyPatch, lost: Tally
) -> None:
    monkeypatch.setattr(outputs, "plain_tally", lambda _source: lost)
    monkeypatch.setattr(outputs, "tally", lambda _source: lost)
    with pytest.raises(ScrubberError, match="nothing was published") as raised:
        write(MIXED, default_engine)
    assert raised.value.exit_code == 4


@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize("sink", [Side, Annotator])
def test_a_sink_that_loses_a_claim_publishes_nothing(
    here: Path,
    sink: type[Side | Annotator],
    old: bool,  # noqa: FBT001
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (here / "a.837").write_bytes(MIXED)
    (here / "out").mkdir()
    for name in NAMES if old else []:
        (here / "out" / name).write_bytes(b"old")
    kept = sink.take

    def lose(self: Side, event: InputEvent) -> None:
        if not (isinstance(event, JudgedRun) and event.claims.ordinal == 3):
            kept(self, event)

    if sink is Side:
        monkeypatch.setattr(Side, "take", lose)
    else:
        monkeypatch.setattr(Annotator, "expected", lambda _self, _totals: Tally(2))
    assert cli("scrub", "a.837", "--out-dir=out", "--report=json=r.json") == 4
    assert contents(here / "out") == (dict.fromkeys(NAMES, b"old") if old else {})
    assert names(here)[:2] == ["a.837", "out"]
    assert not (here / "r.json").exists()
    error = capsys.readouterr().err
    assert "nothing was published" in error
    assert len(error.splitlines()) == 1


def test_a_place_lost_meanwhile_publishes_nothing_not_even_the_findings(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "a.837").write_bytes(MIXED)
    finish = outputs.FileOutputs.finish

    def lose_place(self: outputs.FileOutputs, report: FileReport) -> outputs.Written:
        written = finish(self, report)
        (here / "out" / "a.clean.837").mkdir()
        return written

    monkeypatch.setattr(outputs.FileOutputs, "finish", lose_place)
    assert cli("scrub", "a.837", "--out-dir=out") == 4
    assert names(here / "out") == ["a.clean.837"]


# -- processes --------------------------------------------------------------------------------------------------------


def _run_limited(folder: Path, limit: int, *args: str) -> subprocess.CompletedProcess[bytes]:
    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return subprocess.run(
        [PROGRAM, "scrub", "--format=ndjson", *args],
        cwd=folder,
        capture_output=True,
        check=False,
        timeout=60,
        preexec_fn=limited,
        env={"PATH": "", "PYTHONDONTWRITEBYTECODE": "1"},
    )


@pytest.mark.parametrize("limit", [0, 1000, 30_000, 60_000, 100_000])
def test_a_full_disk_publishes_nothing(here: Path, limit: int) -> None:
    (here / "a.837").write_bytes(many(200))
    (here / "out").mkdir()
    (here / "out" / "a.clean.837").write_bytes(b"old")
    done = _run_limited(here, limit, "a.837", "--out-dir=out")
    assert done.returncode == 4
    assert len(done.stderr.splitlines()) == 1
    assert b"Traceback" not in done.stderr
    assert b"cannot be written" in done.stderr
    assert contents(here / "out") == {"a.clean.837": b"old"}


def test_a_disk_full_at_the_very_last_byte_publishes_nothing(here: Path) -> None:
    (here / "a.837").write_bytes(many(40))
    assert cli("scrub", "a.837", "--out-dir=whole", "--report=json=r.json") == 1
    sizes = {path.name: path.stat().st_size for path in (here / "whole").iterdir()}
    (here / "r.json").unlink()
    done = _run_limited(here, max(sizes.values()) - 1, "a.837", "--out-dir=out")
    assert done.returncode == 4
    assert names(here / "out") == []


def test_a_report_for_which_there_is_no_room_does_not_claim_what_is_not_so(here: Path) -> None:
    (here / "a.837").write_bytes(many(40))
    assert cli("scrub", "a.837", "--report=json=r.json") == 1
    limit = (here / "r.json").stat().st_size - 1
    (here / "r.json").unlink()
    done = _run_limited(here, limit, "a.837", "--clean=c.837", "--report=json=r.json")
    assert done.returncode == 4
    assert not (here / "r.json").exists()
    assert not any(name.startswith(".") for name in names(here))
    assert b"nothing was published" not in done.stderr or names(here) == ["a.837"]


def test_killed_at_any_moment_each_file_is_the_old_or_the_new_one(here: Path) -> None:
    (here / "a.837").write_bytes(many(150))
    out = here / "out"
    args = [str(PROGRAM), "scrub", "a.837", "--format=ndjson", "--out-dir"]
    started = time.monotonic()
    subprocess.run([*args, "whole"], stdout=subprocess.DEVNULL, check=False)
    length = time.monotonic() - started
    whole = contents(here / "whole")
    assert sorted(whole) == NAMES
    out.mkdir()
    chance = random.Random(7)
    seen: set[bool] = set()
    for number in range(9):
        for path in out.iterdir():
            path.unlink()
        for name in NAMES:
            (out / name).write_bytes(b"old")
        with subprocess.Popen([*args, "out"], stdout=subprocess.DEVNULL) as process:
            if number % 3:  # at the moment when the files appear
                end = time.monotonic() + 30
                place = out / NAMES[chance.randrange(len(NAMES))]
                while place.stat().st_size == 3 and process.poll() is None and time.monotonic() < end:
                    time.sleep(0.0002)
            else:
                time.sleep(length * chance.random())
            process.kill()
        found = contents(out)
        for name in NAMES:
            assert found[name] in {b"old", whole[name]}
            seen.add(found[name] == b"old")
            if found[name] != b"old" and name.endswith(".837"):
                assert readable(out / name)
        # The clean file comes last.
        assert found["a.clean.837"] == b"old" or all(found[name] == whole[name] for name in NAMES)
        assert all(any(name.startswith(f".{known}.") for known in (*NAMES, "a.999")) for name in found.keys() - NAMES)
    assert seen == {True, False}


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_publishes_nothing_and_leaves_nothing(here: Path, sent: signal.Signals) -> None:
    (here / "a.837").write_bytes(many(1000))
    out = here / "out"
    out.mkdir()
    (out / "a.clean.837").write_bytes(b"old")
    with subprocess.Popen(
        [PROGRAM, "scrub", "a.837", "--format=ndjson", "--out-dir=out", "--report=json=r.json"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        end = time.monotonic() + 30
        while not any(name.startswith(".a.clean") for name in names(out)) and time.monotonic() < end:
            time.sleep(0.002)
        process.send_signal(sent)
        assert process.stderr is not None
        assert process.stderr.read().strip() == b"scrubber: interrupted"
        assert process.wait(timeout=30) == 130
    assert contents(here) == {"a.837": many(1000), "out/a.clean.837": b"old"}


WHILE_PUBLISHING = """
import os, signal, sys
from pathlib import Path
from scrubber.io.signals import end_on_signals
from scrubber.io.publication import Publication

def interrupt(frame, event, argument):
    if event == "call" and frame.f_code is Publication.%s.__code__:
        sys.settrace(None)
        os.kill(os.getpid(), signal.SIGHUP)

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup it would be ignored
end_on_signals()
sys.settrace(interrupt)
try:
    with Publication() as files:
        files.draft(Path("a")).stream.write(b"claims")
        files.publish()
except KeyboardInterrupt:
    print("interrupted", *os.listdir())
"""


@pytest.mark.parametrize("where", ["__exit__", "discard", "publish", "_sync"])
def test_an_interrupt_before_signals_can_be_held_back_leaves_nothing(here: Path, where: str) -> None:
    done = subprocess.run([sys.executable, "-c", WHILE_PUBLISHING % where], capture_output=True, check=True, timeout=60)
    assert done.stdout.startswith(b"interrupted")
    assert done.stderr == b""
    assert contents(here) == ({"a": b"claims"} if where in ("__exit__", "discard") else {})


AT_THE_END = """
import os, signal, sys, threading
from scrubber.cli.main import main

threading._register_atexit(os.kill, os.getpid(), signal.SIGINT)
sys.argv = ["scrubber", "--version"]
main()
"""


def test_an_interrupt_while_python_ends_says_nothing() -> None:
    """What had to be done is done, and told: a traceback of Python's own would be all that comes of it."""
    done = subprocess.run([sys.executable, "-c", AT_THE_END], capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"x12-claim-scrubber ")


# -- faults while files are published ---------------------------------------------------------------------------------


def _refuse(monkeypatch: pytest.MonkeyPatch, place: Path, times: int = 1) -> None:
    """Let no file be renamed to a place, so many times."""
    rename, left = Path.replace, [times]

    def replace(self: Path, target: Path) -> Path:
        if target == place and left[0]:
            left[0] -= 1
            raise OSError(errno.EIO, "")
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", replace)


def test_a_rename_that_fails_halfway_puts_back_what_was_there(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "stale"):
        (here / name).write_bytes(b"old")
    _refuse(monkeypatch, here / "c")
    with Publication() as files:
        files.withdraw(files.draft(here / "stale"))
        for name in ("a", "b", "c"):
            files.draft(here / name).stream.write(b"new")
        with pytest.raises(ScrubberError, match=r"c: cannot be written \(Input/output error\); nothing was published"):
            files.publish()
    assert contents(here) == {"a": b"old", "stale": b"old"}


@pytest.mark.parametrize("number", [errno.EPERM, errno.EIO])
def test_without_hard_links_what_cannot_be_put_back_is_named(
    here: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_args: object, **_options: object) -> None:
        raise OSError(number, "")

    (here / "a").write_bytes(b"old")
    monkeypatch.setattr(os, "link", refuse)
    _refuse(monkeypatch, here / "b")
    with Publication() as files:
        for name in ("a", "b"):
            files.draft(here / name).stream.write(b"new")
        told = f"changed all the same: {here / 'a'}" if number == errno.EPERM else "nothing was published"
        with pytest.raises(ScrubberError, match=told):
            files.publish()
    assert contents(here) == {"a": b"new" if number == errno.EPERM else b"old"}


def test_a_file_that_was_withdrawn_can_be_given_up(here: Path) -> None:
    (here / "a").write_bytes(b"old")
    with Publication() as files:
        draft = files.draft(here / "a")
        files.withdraw(draft)
        files.drop(draft)
        files.publish()
    assert contents(here) == {"a": b"old"}


def test_an_input_that_changes_at_the_very_end_publishes_no_claims(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the 999 has been withdrawn by then."""
    (here / "a.837").write_bytes(MIXED)
    finish = Side.finish

    def touch(self: Side, report: FileReport) -> Completion:
        (here / "a.837").write_bytes(MIXED + b"\n")
        return finish(self, report)

    monkeypatch.setattr(Side, "finish", touch)
    assert cli("scrub", "a.837", "--out-dir=out") == 3
    assert names(here / "out") == ["a.findings.json"]


def test_a_folder_that_cannot_be_synced_is_told_of(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sync = os.fsync

    def refuse(handle: int) -> None:
        if Path(f"/proc/self/fd/{handle}").is_dir():
            raise OSError(errno.EIO, "")
        sync(handle)

    monkeypatch.setattr(os, "fsync", refuse)
    with Publication() as files:
        files.draft(here / "a").stream.write(b"new")
        with pytest.raises(ScrubberError, match="may not survive a power failure"):
            files.publish()
    assert contents(here) == {"a": b"new"}


def test_signals_wait_for_what_must_be_done_whole() -> None:
    reached = False
    with pytest.raises(KeyboardInterrupt), uninterrupted():  # noqa: PT012
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        reached = True
    assert reached
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_what_cannot_be_removed_is_told_of(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(self: Path, *, missing_ok: bool = False) -> None:
        raise OSError(errno.EACCES, "")

    with Publication() as files:
        files.draft(here / "a")
        monkeypatch.setattr(Path, "unlink", refuse)
    assert "is left over and cannot be removed (Permission denied)" in capsys.readouterr().err


# -- standard streams -------------------------------------------------------------------------------------------------


def _in_shell(folder: Path, line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        f"exec {PROGRAM} {line}", shell=True, cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize(
    ("line", "code", "told"),
    [
        ("scrub a.837 >/dev/full", 4, "standard output: cannot be written (No space left on device)"),
        ("scrub a.837 --report=json=r.json >/dev/full", 4, "standard output: cannot be written"),
        ("scrub a.837 >&-", 4, "standard output is closed"),
        ("edits >/dev/full", 4, "standard output: cannot be written"),
        ("explain IVUS101 >&-", 4, "standard output is closed"),
        ("scrub a.837 --format=ndjson --report=json=/none/r.json", 2, "/none/r.json"),
        ("scrub a.837 --format=json --clean=/none/c.837", 2, "/none/c.837: cannot be written"),
        ("scrub a.837 --format=json --clean=none/../c.837", 2, "none/../c.837: cannot be written"),
        ("scrub a.837 --out-dir=out --report=json=/none/r.json", 2, "/none/r.json: cannot be written"),
        ("scrub a.837 2>/dev/full", 1, ""),
        ("scrub a.837 --clean=/none/x 2>/dev/full", 2, ""),
        ("scrub - <&- >out.json", 3, ""),
    ],
)
def test_a_standard_stream_that_fails(here: Path, line: str, code: int, told: str) -> None:
    (here / "a.837").write_bytes(MIXED)
    done = _in_shell(here, line)
    assert done.returncode == code
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == bool(told)
    assert "r.json" not in names(here)
    assert code != 2 or (not done.stdout and names(here) == ["a.837"])


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize("wrong", ["z" * 235, "folder"])
def test_every_target_is_tried_before_the_first_input(here: Path, jobs: str, wrong: str) -> None:
    (here / "out" / "folder.clean.837").mkdir(parents=True)
    for name in ("a", wrong):
        (here / f"{name}.837").write_bytes(MIXED)
    done = _in_shell(here, f"scrub a.837 {wrong}.837 --format=json --out-dir=out --jobs={jobs}")
    assert (done.returncode, done.stdout) == (2, "")
    assert wrong in done.stderr
    assert names(here / "out") == ["folder.clean.837"]


def test_the_way_to_a_target_may_lead_over_links(here: Path, tmp_path: Path) -> None:
    (tmp_path / "far" / "below").mkdir(parents=True)
    (here / "link").symlink_to(tmp_path / "far" / "below")
    (here / "a.837").write_bytes(MIXED)
    assert cli("scrub", "a.837", "--out-dir=link/../out", "--report=json=link/../r.json") == 1
    assert "a.clean.837" in names(tmp_path / "far" / "out")
    assert (tmp_path / "far" / "r.json").exists()


def test_a_writer_that_leaves_by_itself_is_a_fault_and_publishes_nothing(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def leave(*args: object) -> None:
        raise SystemExit(f"TESTPATIENT {args}")

    monkeypatch.setattr(JsonWriter, "claim", leave)
    (here / "a.837").write_bytes(MIXED)
    assert cli("scrub", "a.837", "--report=json=r.json", "--clean=c.837") == 4
    assert names(here) == ["a.837"]
    error = capsys.readouterr().err
    assert error.startswith("scrubber: internal fault: SystemExit at test_publication.py line")
    assert len(error.splitlines()) == 1


def test_nothing_is_written_before_every_report_is_begun(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "a.837").write_bytes(MIXED)
    program = "import sys; sys.modules['xlsxwriter'] = None; from scrubber.cli.main import main; main(sys.argv[1:])"
    args = ["scrub", "a.837", "--format=json", "--report=xml=r.xml", "--report=xlsx=r.xlsx"]
    done = subprocess.run([sys.executable, "-c", program, *args], capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (2, b"")
    assert names(here) == ["a.837"]
