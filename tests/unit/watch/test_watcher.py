"""A drop folder: what is taken, what is left, and what is where afterwards."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from scrubber.api import Scrubber, load_settings
from scrubber.errors import ConfigError, ScrubberError
from scrubber.testing import Form, to_837p
from scrubber.watch import FileWorker, Waits, open_watcher
from scrubber.watch.inbox import CLAIMS, Inbox, why_not_whole
from scrubber.watch.journal import Journal, JournalError
from scrubber.watch.layout import Layout, base_name
from scrubber.watch.worker import FileResult
from scrubber.x12.segment import Delimiters
from tests.support.command import Run
from tests.support.drop_folder import AT_ONCE, CLEAN, GOOD, MIXED, SUFFIXES, Site, files, published, tag

FAULTY = to_837p("37252 desc='LEFT CIV'")
OTHER = to_837p(f"claim OTHER\n{GOOD}")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


# -- which files are whole ---------------------------------------------------------------------------------------------

FORMS = {
    "common": Form(),
    "no line ends": Form(line_end=""),
    "CR LF": Form(line_end="\r\n"),
    "LF ends segments": Form(Delimiters(element="*", component=":", repetition="^", segment="\n"), line_end=""),
    "CR ends segments": Form(Delimiters(element="|", component=">", repetition="^", segment="\r"), line_end="\n"),
    "rare": Form(Delimiters(element="\x1d", component="\x1f", repetition="^", segment="\x1c"), line_end=""),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_file_is_whole_when_its_last_segment_is_an_iea(form: Form) -> None:
    data = to_837p(GOOD, form)
    end = data.rindex(form.delimiters.segment.encode()) + 1
    for cut in range(len(data) + 1):
        assert bool(why_not_whole(io.BytesIO(data[:cut]))) == (cut < end), cut


@pytest.mark.parametrize(
    ("data", "is_whole"),
    [
        (b"", False),
        (b" \r\n\0\x1a", False),
        (b"\xef\xbb\xbf", False),
        (b"\xef\xbb\xbf" + CLEAN, True),
        (b"\r\n" + CLEAN + b"\r\n\0\x1a", True),
        (CLEAN.replace(b"IEA", b"iea"), True),
        (CLEAN + MIXED, True),
        (CLEAN + MIXED[:-40], False),
        (CLEAN + b"junk", False),
        (CLEAN + b"\0" * 5000, False),
        (CLEAN.replace(b"IEA*1*", b"IEB*1*"), False),
        (CLEAN.replace(b"~\nIEA*1*", b"~\nXIEA*1*"), False),
        (b"\0" * 5000, False),
        (b"hello", True),
        (b"%PDF-1.7", True),
        (b"IS", False),
    ],
)
def test_what_else_may_lie_there(data: bytes, is_whole: bool) -> None:  # noqa: FBT001
    assert (why_not_whole(io.BytesIO(data)) == "") == is_whole


def test_a_file_must_stand_still(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    folder = Inbox(site.inbox, Waits(settle=10))
    folder.prepare()

    def arrived(after: float) -> list[str]:
        clock[0] += after
        return [arrival.name for arrival in folder.arrivals()]

    path = site.drop("a.837", CLEAN)
    assert arrived(0) == []
    assert arrived(9.9) == []
    assert arrived(0.2) == ["a.837"]
    with path.open("ab") as stream:
        stream.write(MIXED[:200])
    assert arrived(0.1) == []
    assert arrived(20) == []  # steady, but not whole
    with path.open("ab") as stream:
        stream.write(MIXED[200:])
    assert arrived(1) == []
    assert arrived(11) == ["a.837"]
    os.utime(path, ns=(0, 0))  # of the same size, but written to
    assert arrived(1) == []


def test_half_a_file_is_given_up_although_the_clock_was_set_back(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(time, "time", lambda: 0.0)
    folder = Inbox(site.inbox, Waits(settle=10, give_up=60))
    site.drop("half.837", MIXED[:200])
    given_up = []
    for after in (0, 30, 29, 2):
        clock[0] += after
        given_up.append([arrival.name for arrival in folder.arrivals()])
    assert given_up == [[], [], [], ["half.837"]]


@pytest.mark.parametrize("name", [".a.837", "a.837.part", "a.PART", "a.filepart", "a.partial", "a.837.tmp"])
def test_hidden_and_unfinished_names_are_left(site: Site, name: str) -> None:
    site.drop(name, CLEAN)
    (site.inbox / "folder.837").mkdir()
    site.drop("folder.837/a.837", CLEAN)
    assert site.once() == 0
    assert files(site.inbox) == sorted([name, "folder.837/a.837"])
    assert site.lines == []


@pytest.mark.parametrize("name", ["a.837", "a", "a.xml", "a b.837", "\u00e9.837", "a.clean.837", "a.999", "A.DONE"])
def test_every_other_name_is_taken(site: Site, name: str) -> None:
    site.drop(name, CLEAN)
    assert site.once() == 0
    assert files(site.inbox) == []
    assert len(files(site.out)) == 5


def test_links_and_pipes_are_told_of_once_and_never_opened(site: Site, tmp_path: Path) -> None:
    (tmp_path / "behind").write_bytes(CLEAN)
    (site.inbox / "link.837").symlink_to(tmp_path / "behind")
    os.mkfifo(site.inbox / "pipe.837")
    with open_watcher(site.inbox, site.out, AT_ONCE, site.judge, site.lines.append) as gate:
        for _ in range(3):
            gate.scan()
    assert sorted(line.partition(":")[0] for line in site.lines) == ["link.837", "pipe.837"]
    assert files(site.inbox) == ["link.837", "pipe.837"]
    assert files(site.out) == []


@pytest.mark.parametrize("what", ["opened", "taken"])
def test_a_file_that_may_not_be_taken_is_told_of_once_and_left(
    site: Site, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> bool:
        raise PermissionError(13, "")

    monkeypatch.setattr(f"scrubber.watch.inbox.{'open_regular' if what == 'opened' else 'Inbox.claim'}", refuse)
    site.drop("a.837", CLEAN)
    with open_watcher(site.inbox, site.out, AT_ONCE, site.judge, site.lines.append) as gate:
        for _ in range(3):
            gate.scan()
        assert gate.code == 3
    assert len(site.lines) == 1
    assert f"a.837: cannot be {what} (Permission denied)" in site.lines[0]
    assert files(site.inbox) == ["a.837"]
    assert site.rows("1") == []
    monkeypatch.undo()
    assert site.once() == 0


def test_with_markers_a_file_waits_for_its_own(site: Site) -> None:
    waits = Waits(settle=0, marker=True)
    site.drop("a.837", CLEAN)
    site.drop("b.837.done", b"")
    assert site.once(waits) == 0
    assert files(site.inbox) == ["a.837", "b.837.done"]
    site.drop("a.837.done", b"")
    assert site.once(waits) == 0
    assert files(site.inbox) == ["b.837.done"]
    site.drop("c.837", OTHER)
    assert site.once(Waits(settle=0, marker=True, give_up=0)) == 3
    assert "there is no c.837.done" in site.lines[0]
    assert f"failed/c-{tag(OTHER)}-2.837" in files(site.out)


@pytest.mark.parametrize("data", [b"", CLEAN[:-30], CLEAN[:50], CLEAN + b"junk"])
def test_a_file_that_never_becomes_whole_is_put_aside(site: Site, data: bytes) -> None:
    site.drop("a.837", data)
    assert site.once() == 0
    assert files(site.inbox) == ["a.837"]
    assert site.once(Waits(settle=0, give_up=0)) == 3
    assert files(site.inbox) == []
    base = f"failed/a-{tag(data)}-1"
    assert {f"{base}.837", f"{base}.837.reason.txt", f"{base}.findings.json"} <= set(files(site.out))
    assert all(name.startswith(base) for name in files(site.out))
    assert (site.out / f"{base}.837").read_bytes() == data
    assert "its last segment is no IEA" in (site.out / f"{base}.837.reason.txt").read_text()


# -- what is published -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "code", "suffixes"),
    [
        (CLEAN, 0, [".277ca", ".annotated.837", ".clean.837", ".findings.json"]),
        (MIXED, 1, SUFFIXES),
        (FAULTY, 1, [".277ca", ".annotated.837", ".findings.json", ".rejected.837"]),
        (MIXED.replace(b"SE*", b"SE*9"), 1, [".999", ".annotated.837", ".findings.json", ".rejected.837"]),
    ],
)
def test_the_files_are_those_of_an_output_folder(
    site: Site, run: Run, tmp_path: Path, data: bytes, code: int, suffixes: list[str]
) -> None:
    site.drop("a.837", data)
    assert site.once() == code
    assert files(site.out) == published("a.837", data, suffixes)
    (tmp_path / "a.837").write_bytes(data)
    assert run("scrub", "a.837", "--out-dir=same").returncode == code
    for suffix in suffixes:
        assert (site.out / f"a-{tag(data)}{suffix}").read_bytes() == (tmp_path / "same" / f"a{suffix}").read_bytes()
    assert (site.out / "archive" / f"a-{tag(data)}.837").read_bytes() == data
    assert files(site.inbox) == []
    assert len(site.lines) == 1
    order = [target for _, target in json.loads(str(site.rows("moves")[0][0]))]
    assert sorted(order) == files(site.out)
    assert order[0].startswith("archive/")
    assert ".clean.837" not in "".join(order[:-1])


def test_nobody_else_can_read_what_lies_there(site: Site) -> None:
    old = os.umask(0)
    try:
        site.drop("a.837", MIXED).chmod(0o666)
        site.drop("b.837", b"no claims")
        site.once()
    finally:
        os.umask(old)
    for path in [site.out, *site.out.rglob("*"), site.inbox / CLAIMS]:
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


def test_two_files_of_one_name_are_two_files(site: Site) -> None:
    for data in (CLEAN, OTHER):
        site.drop("a.837", data)
        assert site.once() == 0
    suffixes = [suffix for suffix in SUFFIXES if suffix != ".rejected.837"]
    assert files(site.out) == sorted(published("a.837", CLEAN, suffixes) + published("a.837", OTHER, suffixes))


def test_the_same_bytes_are_published_once(site: Site) -> None:
    site.drop("a.837", MIXED)
    assert site.once() == 1
    for path in site.out.glob("a-*"):
        path.unlink()  # picked up
    site.drop("a.837", MIXED)
    site.drop("b.837", MIXED)
    assert site.once() == 3
    assert all("those of a.837 (number 1), published 20" in line for line in site.lines)
    assert len(site.lines) == 2
    expected = [f"failed/{stem}-{tag(MIXED)}-{number}.837" for stem, number in (("a", 2), ("b", 3))]
    expected += [f"{name}.reason.txt" for name in expected]
    assert files(site.out) == sorted([*expected, f"archive/a-{tag(MIXED)}.837"])
    assert site.rows("outcome") == [("published",), ("duplicate",), ("duplicate",)]


@pytest.mark.parametrize(
    "data", [b"hello", CLEAN.replace(b"005010X222A1", b"005010X223A2"), MIXED.replace(b"IEA", b"ISA")]
)
def test_what_cannot_be_read_as_a_whole_fails_with_a_reason_and_may_be_tried_again(site: Site, data: bytes) -> None:
    for number in (1, 2):
        site.drop("a.837", data)
        assert site.once(Waits(settle=0, give_up=0)) == 3
        base = f"failed/a-{tag(data)}-{number}"
        assert (site.out / f"{base}.837").read_bytes() == data
        assert json.loads((site.out / f"{base}.findings.json").read_text())["files"][0]["path"] == "a.837"
        assert "X121" in (site.out / f"{base}.837.reason.txt").read_text()
    assert all(name.startswith("failed/") for name in files(site.out))


def test_the_acknowledgment_of_a_bad_structure_lies_with_the_failed(site: Site) -> None:
    data = CLEAN.replace(b"005010X222A1", b"005010X223A2")
    site.drop("a.837", data)
    site.once()
    assert b"AK9" in (site.out / "failed" / f"a-{tag(data)}-1.999").read_bytes()


def test_neither_the_lines_nor_the_journal_nor_a_reason_names_a_patient(site: Site) -> None:
    site.drop("a.837", MIXED)
    site.drop("b.837", MIXED)
    site.drop("c.837", MIXED[:-30].replace(b"CLM*B", b"CLM*SECRET"))
    site.once(Waits(settle=0, give_up=0))
    said = "\n".join(site.lines).encode() + (site.out / "journal.sqlite").read_bytes()
    said += b"".join(path.read_bytes() for path in site.out.rglob("*.reason.txt"))
    for secret in (b"TESTPATIENT", b"TESTDOCTOR", b"19500101", b"SECRET", b"37252", b"000000101"):
        assert secret not in said


@pytest.mark.parametrize(
    "name",
    [
        "a\nb.837",
        "-rf.837",
        "x" * 250 + ".837",
        "\u00e9" * 120 + ".837",
        "a." + "y" * 200,
        "back\\slash.837",
        b"\xff.837",
    ],
)
def test_awkward_names_become_harmless_ones(site: Site, name: str | bytes) -> None:
    site.drop(os.fsdecode(name), CLEAN)
    assert site.once() == 0
    assert len(site.lines) == 1
    assert site.lines[0].isprintable()
    assert len(files(site.out)) == 5
    for found in files(site.out):
        assert found.isprintable()
        assert "\\" not in found
        assert not Path(found).name.startswith("-")


@pytest.mark.parametrize("extension", [".999", ".277ca", ".837", ".json", ".txt", ""])
def test_no_two_files_of_an_input_have_one_name(extension: str) -> None:
    base, kept = base_name(f"a.b{extension}", "0123456789abcdef", 7)
    assert f"{base}{kept}" not in {f"{base}{suffix}" for suffix in (*SUFFIXES, ".999")}
    assert "-0123456789ab-7" in base


def test_control_numbers_never_name_a_file(site: Site) -> None:
    data = MIXED.replace(b"000000101", b"../../x00").replace(b"CLM*B*", b"CLM*../../x*")
    site.drop("a.837", data)
    site.once()
    assert all(Path(name).name.startswith(f"a-{tag(data)}") for name in files(site.out))


def test_a_read_only_file_is_taken(site: Site) -> None:
    site.drop("a.837", MIXED).chmod(0o400)
    assert site.once() == 1
    assert files(site.out) == published("a.837", MIXED)


def test_the_two_folders_may_be_on_two_file_systems(tmp_path: Path) -> None:
    shared = Path("/dev/shm")
    if not shared.is_dir() or shared.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is one file system only")
    with tempfile.TemporaryDirectory(dir=shared) as folder:
        site = Site(tmp_path)
        site.inbox = Path(folder)
        site.drop("a.837", MIXED)
        assert site.once() == 1
        assert files(site.out) == published("a.837", MIXED)
        assert files(site.inbox) == []


# -- faults ------------------------------------------------------------------------------------------------------------


class Tampering(FileWorker):
    """Judges, and lets something happen before or after."""

    before: Callable[[], None] = staticmethod(lambda: None)
    after: Callable[[], None] = staticmethod(lambda: None)

    def run(self, original: Path, name: str, staged: Path) -> FileResult:
        self.before()
        verdict = super().run(original, name, staged)
        self.after()
        return verdict


def tampering(site: Site) -> Tampering:
    site.judge = judge = Tampering(Scrubber(load_settings(discover=False)))
    return judge


def test_a_file_written_to_while_it_is_judged_is_judged_again(site: Site) -> None:
    def go_on() -> None:
        claimed = next((site.inbox / CLAIMS).iterdir())
        if claimed.stat().st_size == len(CLEAN):
            with claimed.open("ab") as stream:
                stream.write(more)

    more = MIXED.replace(b"000000101", b"000000102")
    tampering(site).after = go_on
    site.drop("a.837", CLEAN)
    assert site.once() == 0
    assert site.lines == []
    assert site.once() == 1
    assert files(site.out) == published("a.837", CLEAN + more)


def test_a_file_whose_name_is_used_anew_while_it_is_judged_loses_nothing(site: Site) -> None:
    def drop() -> None:
        site.drop("a.837", OTHER)

    tampering(site).before = drop
    site.drop("a.837", MIXED)
    assert site.once() == 1
    assert (site.inbox / "a.837").read_bytes() == OTHER
    assert files(site.out) == published("a.837", MIXED)


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_a_file_exchanged_for_something_else_is_not_opened(
    site: Site, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = Inbox.claim
    (tmp_path / "behind").write_bytes(MIXED)

    def exchange(self: Inbox, name: str, token: str) -> bool:
        taken, place = claim(self, name, token), self.claimed(token)
        place.unlink()
        if kind == "link":
            place.symlink_to(tmp_path / "behind")
        elif kind == "pipe":
            os.mkfifo(place)
        else:
            place.mkdir()
        return taken

    monkeypatch.setattr(Inbox, "claim", exchange)
    site.drop("a.837", MIXED)
    assert site.once() == 3
    assert "it was exchanged" in site.lines[0]
    assert [name.split("/")[0] for name in files(site.out)] == ["failed"]
    assert (tmp_path / "behind").read_bytes() == MIXED
    assert site.once() == 0


@pytest.mark.parametrize(
    "error",
    [
        ScrubberError("internal fault"),
        ValueError("TESTPATIENT"),
        MemoryError(),
        SystemExit("TESTPATIENT"),
        SystemExit(),
    ],
)
def test_a_fault_of_ours_holds_the_file_and_puts_it_aside_in_the_end(site: Site, error: BaseException) -> None:
    def fail() -> None:
        raise error

    tampering(site).before = fail
    site.drop("a.837", MIXED)
    for number in (1, 2, 3):
        assert site.once(limit=3) == 4
        assert f"held in work and tried again later (try {number} of 3): internal fault" in site.lines[0]
        assert "TESTPATIENT" not in site.lines[0]
        assert [name.split("/")[0] for name in files(site.out)] == ["work"]
    assert site.once(limit=3) == 4
    assert "rejected after 3 tries: internal fault" in site.lines[0]
    assert files(site.out) == [f"failed/a-{tag(MIXED)}-1.837", f"failed/a-{tag(MIXED)}-1.837.reason.txt"]


def test_a_fault_of_the_system_never_puts_a_file_aside(site: Site) -> None:
    def fail() -> None:
        raise ScrubberError("cannot be written") from OSError(5, "")

    judge = tampering(site)
    judge.before = fail
    site.drop("a.837", MIXED)
    for _ in range(5):
        assert site.once(limit=2) == 4
    del judge.before
    assert site.once(limit=2) == 1
    assert files(site.out) == published("a.837", MIXED)


def test_what_cannot_even_be_cleared_after_a_fault_stops_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise OSError(28, "")

    def cannot(*_: object, **__: object) -> None:
        raise OSError(28, "")

    judge = tampering(site)
    judge.before = fail
    monkeypatch.setattr(Layout, "free", cannot)
    site.drop("a.837", MIXED)
    with pytest.raises(ScrubberError, match="left on device; what it had written cannot be cleared"):
        site.once()
    del judge.before
    assert site.once() == 1
    assert files(site.out) == published("a.837", MIXED)


def test_one_bad_file_does_not_stop_the_others_and_is_not_tried_at_every_scan(site: Site) -> None:
    calls: list[str] = []

    def fail(self: object, _original: Path, name: str, _staged: Path) -> FileResult:
        calls.append(name)
        raise ScrubberError("internal fault")

    site.judge = type("Failing", (FileWorker,), {"run": fail})(load_settings(discover=False))
    for name in ("a.837", "b.837"):
        site.drop(name, name.encode())
    with open_watcher(site.inbox, site.out, AT_ONCE, site.judge, site.lines.append) as gate:
        for _ in range(5):
            gate.scan()
    assert sorted(calls) == ["a.837", "b.837"]


def test_what_stands_in_the_way_is_not_overwritten(site: Site) -> None:
    site.out.mkdir()
    foreign = site.out / f"a-{tag(MIXED)}.clean.837"
    foreign.write_bytes(b"foreign")
    site.drop("a.837", MIXED)
    assert site.once() == 4
    assert "is there already and is not overwritten" in site.lines[0]
    assert [name for name in files(site.out) if not name.startswith("work/")] == [foreign.name]
    assert foreign.read_bytes() == b"foreign"
    foreign.unlink()
    assert site.once() == 1
    assert files(site.out) == published("a.837", MIXED)


def test_what_is_taken_from_the_work_folder_by_hand_is_told(site: Site) -> None:
    def fail() -> None:
        raise ScrubberError("internal fault")

    judge = tampering(site)
    judge.before = fail
    site.drop("a.837", MIXED)
    site.once()
    for path in site.out.glob("work/*/original"):
        path.unlink()
    assert site.once() == 3
    assert "its bytes are gone" in site.lines[0]
    assert files(site.out) == [f"failed/a-{tag(MIXED)}-1.837.reason.txt"]


def test_a_lost_journal_loses_no_file(site: Site) -> None:
    def fail() -> None:
        raise ScrubberError("internal fault")

    tampering(site).before = fail
    site.drop("a.837", MIXED)
    site.once()
    (site.out / "journal.sqlite").unlink()
    assert site.once() == 0
    assert "not known to this journal" in site.lines[0]
    assert [path.read_bytes() for path in (site.inbox / CLAIMS).iterdir()] == [MIXED]


@pytest.mark.parametrize("lost", ["truncated", "removed", "emptied"])
def test_a_new_journal_beside_a_full_archive_is_told_of(site: Site, lost: str) -> None:
    site.drop("a.837", CLEAN)
    site.drop("b.837", OTHER)
    site.once()
    assert not any("the journal is new" in line for line in site.lines)
    journal = site.out / "journal.sqlite"
    if lost == "truncated":
        journal.write_bytes(b"")
    elif lost == "removed":
        journal.unlink()
    else:
        with closing(sqlite3.connect(journal)) as database, database:
            database.execute("DELETE FROM files")
    assert site.once() == 0
    (line,) = site.lines
    assert line.startswith(f"{journal}: the journal is new, though archive/ holds 2 files;")
    site.drop("c.837", CLEAN)
    site.once()
    site.once()
    assert site.lines == []


def test_a_new_journal_beside_an_empty_archive_is_a_new_folder(site: Site) -> None:
    site.once()
    assert site.lines == []


# -- the folders -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("out", [".", "out", "out/deeper", ".."])
def test_the_folders_must_be_apart(tmp_path: Path, out: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    judge = FileWorker(Scrubber(load_settings(discover=False)))
    (tmp_path / "link").symlink_to(folder)
    for spelled in (folder, tmp_path / "link"):
        refused = pytest.raises(ConfigError, match="must not be")
        with refused, open_watcher(spelled, folder / out, AT_ONCE, judge, print):
            pass
    assert files(folder) == []


def test_the_folder_of_taken_files_is_made_anew_when_it_is_removed(site: Site) -> None:
    with open_watcher(site.inbox, site.out, AT_ONCE, site.judge, site.lines.append) as gate:
        site.inbox.rename(site.inbox.with_name("old"))
        site.inbox.mkdir()
        site.drop("a.837", CLEAN)
        gate.run_once()
    assert len(list(site.out.glob("a-*.clean.837"))) == 1
    assert not list(site.inbox.glob("*.837"))


def test_a_sender_cannot_lead_files_elsewhere_meanwhile(site: Site, tmp_path: Path) -> None:
    with open_watcher(site.inbox, site.out, AT_ONCE, site.judge, site.lines.append) as gate:
        (site.inbox / CLAIMS).rmdir()
        (site.inbox / CLAIMS).symlink_to(tmp_path)
        site.drop("a.837", CLEAN)
        with pytest.raises(ConfigError):
            gate.run_once()
    assert (site.inbox / "a.837").read_bytes() == CLEAN


def test_folders_in_a_circle_are_bad_usage(site: Site) -> None:
    site.out.symlink_to(site.out)
    with pytest.raises(ConfigError, match=r"cannot be (found|made a folder)"):  # the latter from Python 3.13 on
        site.once()


@pytest.mark.parametrize("kind", ["link", "file"])
def test_a_sender_cannot_lead_files_elsewhere(site: Site, tmp_path: Path, kind: str) -> None:
    if kind == "link":
        (tmp_path / "elsewhere").mkdir()
        (site.inbox / CLAIMS).symlink_to(tmp_path / "elsewhere")
    else:
        (site.inbox / CLAIMS).write_bytes(b"")
    site.drop("a.837", CLEAN)
    with pytest.raises(ConfigError):
        site.once()
    assert (site.inbox / "a.837").read_bytes() == CLEAN


@pytest.mark.parametrize("kind", ["another version", "no database"])
def test_a_journal_that_is_not_ours_stops_everything(site: Site, kind: str) -> None:
    site.out.mkdir()
    path = site.out / "journal.sqlite"
    if kind == "no database":
        path.write_bytes(b"no database at all" * 100)
    else:
        database = sqlite3.connect(path)
        database.execute("PRAGMA user_version = 99")
        database.close()
    site.drop("a.837", CLEAN)
    with pytest.raises(JournalError):
        site.once()
    assert files(site.inbox) == ["a.837"]


@pytest.mark.parametrize(
    "change", ["state = 'elsewhere'", "moves = 'nowhere'", "moves = '[1]'", "moves = CAST(x'FF' AS TEXT)"]
)
def test_a_journal_with_rows_of_another_hand_is_named_and_takes_nothing(site: Site, change: str) -> None:
    site.drop("a.837", CLEAN)
    site.once()
    with closing(sqlite3.connect(site.out / "journal.sqlite")) as database, database:
        database.execute(f"UPDATE files SET owner = 'somebody', state = 'moving', {change}")
    site.drop("b.837", OTHER)
    with pytest.raises(JournalError, match=r"journal\.sqlite"):
        site.once()
    assert files(site.inbox) == ["b.837"]


def test_a_file_that_another_watcher_has_is_not_touched(site: Site) -> None:
    site.once()
    journal = Journal(site.out / "journal.sqlite")
    item = journal.begin("a.837", "1:1", "one", None)
    journal.adopt("one", "two")
    with pytest.raises(JournalError, match="another watcher"):
        journal.save(item)
    journal.close()


# -- the command -------------------------------------------------------------------------------------------------------


def test_the_command_takes_what_is_whole_and_ends(site: Site, run: Run) -> None:
    site.drop("a.837", MIXED)
    site.drop("half.837", MIXED[:900])
    done = run("watch", site.inbox, "--out", site.out, "--once", "--settle=0.1", "--annotate-k3", "--jobs=2")
    assert done.returncode == 1
    assert done.stdout == b""
    assert done.stderr.splitlines() == [
        f"scrubber: a.837: published as a-{tag(MIXED)}: 3 claims, 2 accepted, 1 rejected".encode()
    ]
    assert files(site.inbox) == ["half.837"]
    assert files(site.out) == published("a.837", MIXED)


def test_the_settings_count(site: Site, run: Run) -> None:
    site.drop("a.837", FAULTY)
    done = run("watch", site.inbox, "--out", site.out, "--once", "--settle=0", "--ignore=IVUS")
    assert done.returncode == 0
    assert (site.out / f"a-{tag(FAULTY)}.clean.837").read_bytes() == FAULTY


@pytest.mark.parametrize(
    "args", [["in"], ["none", "--out=out"], ["in", "--out=in"], ["in", "--out=out", "--config=none"]]
)
def test_bad_usage_takes_nothing(site: Site, run: Run, args: list[str]) -> None:
    site.drop("a.837", CLEAN)
    assert run("watch", "--once", "--settle=0", *args).returncode == 2
    assert files(site.inbox) == ["a.837"]
