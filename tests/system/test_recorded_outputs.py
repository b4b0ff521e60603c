"""The comparison of recorded outputs notices every kind of difference; nothing is run here."""

from __future__ import annotations

import io
import zipfile
from datetime import date
from pathlib import Path

import pytest
from attrs import evolve

from tests.campaigns.recorded_inputs import collect
from tests.campaigns.recorded_outputs import Recording, differences
from tests.campaigns.recorded_runs import Ended, Run, normalised, runs

RUN = Run("alone/a.837", ("scrub", "../inputs/a.837"), ("a.837",))
ENDED = Ended(1, {"standard output": b"one\ntwo\n", "clean.837": b"ISA*00~GS*HC~"})
INPUTS = {"a.837": b"ISA"}


def _told(
    folder: Path, run: Run = RUN, ended: Ended | None = ENDED, inputs: dict[str, bytes] = INPUTS, only: str = ""
) -> list[tuple[str, str]]:
    """Compare a recording of one run with another one, and return where and what the differences are."""
    recordings = Recording(folder / "old"), Recording(folder / "new")
    for recording, its_run, its_end, its_inputs in zip(
        recordings, (RUN, run), (ENDED, ended), (INPUTS, inputs), strict=True
    ):
        recording.begin()
        for name, data in its_inputs.items():
            recording.add_input(name, data)
        if its_end is not None:
            recording.add_run(its_run, its_end)
        recording.save()
    old, new = (Recording.load(recording.folder) for recording in recordings)
    return [(found.where, found.what) for found in differences(old, new, only)]


def _with(name: str, data: bytes) -> Ended:
    return evolve(ENDED, files=ENDED.files | {name: data})


@pytest.mark.parametrize(
    ("ended", "what"),
    [
        (ENDED, None),
        (_with("clean.837", b"ISA*01~GS*HC~"), "clean.837 differs"),
        (_with("standard output", b"one\ntwo"), "standard output differs"),
        (_with("rejected.837", b""), "rejected.837 is new"),
        (evolve(ENDED, files={"standard output": b"one\ntwo\n"}), "clean.837 is missing"),
        (evolve(ENDED, code=0), "exit code: 0, not 1"),
        (None, "the run is missing"),
    ],
)
def test_a_difference_is_noticed(ended: Ended | None, what: str | None, tmp_path: Path) -> None:
    assert _told(tmp_path, ended=ended) == ([] if what is None else [(RUN.name, what)])


def test_another_run_other_arguments_and_another_input_are_noticed(tmp_path: Path) -> None:
    other = evolve(RUN, name="alone/b.837")
    assert _told(tmp_path / "1", run=other) == [(RUN.name, "the run is missing"), (other.name, "the run is new")]
    ((where, what),) = _told(tmp_path / "2", run=evolve(RUN, args=("scrub",)))
    assert (where, what) == (RUN.name, "args: ['scrub'], not ['scrub', '../inputs/a.837']")
    assert _told(tmp_path / "3", inputs={"a.837": b"ISA*"}) == [("input a.837", "differs")]
    assert _told(tmp_path / "4", inputs={}) == [("input a.837", "is missing")]


def test_a_part_is_compared_without_the_rest(tmp_path: Path) -> None:
    assert _told(tmp_path, ended=None, inputs={}, only="command/") == []


def test_a_difference_is_shown_with_the_arguments(tmp_path: Path) -> None:
    old, new = Recording(tmp_path / "old"), Recording(tmp_path / "new")
    old.add_run(RUN, _with("standard output", b"".join(b"%d\n" % number for number in range(100))))
    new.add_run(RUN, _with("standard output", b"".join(b"%d\n" % (-number) for number in range(100))))
    (found,) = differences(old, new)
    assert found.args == "scrub ../inputs/a.837"
    assert list(found.shown[:5]) == ["--- before", "+++ after", "@@ -1,101 +1,101 @@", " 0", "-1"]
    assert len(found.shown) == 20


def test_no_recording_is_written_over(tmp_path: Path) -> None:
    Recording(tmp_path).save()
    with pytest.raises(RuntimeError, match="holds a recording"):
        Recording(tmp_path).begin()


def test_only_what_belongs_to_the_run_is_normalised() -> None:
    day, folder = date(2026, 11, 28), Path("/tmp/x1")
    assert (
        normalised("standard error", b"/tmp/x1/3/a 2026-11-28", day, folder) == b"<folder of the runs>/3/a 2026-11-28"
    )
    ack = b"BHT*0085*08*1*20261128*1015~N*261128~N*1261128~N*20261127"
    told = b"BHT*0085*08*1*20<day of the run>*1015~N*<day of the run>~N*1261128~N*20261127"
    assert normalised("out/a.277ca", ack, day, folder) == told
    assert normalised("out/a.clean.837", ack, day, folder) == ack
    reason = b"Taken 2026-11-28T04:01:21Z, number 2 in the journal"
    assert normalised("out/failed/a.reason.txt", reason, day, folder) == reason.replace(
        b"2026-11-28T04:01:21Z", b"<time of the run>"
    )
    assert normalised("standard error", reason, day, folder) == reason


def test_a_workbook_is_unpacked() -> None:
    def book(created: str, sheet: str, at: int = 1980) -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for name, text in (("docProps/core.xml", created), ("xl/sheet1.xml", sheet)):
                archive.writestr(zipfile.ZipInfo(name, (at, 1, 1, 0, 0, 0)), text)
        return out.getvalue()

    folder = Path("/tmp/x1")
    one = normalised("r.xlsx", book("2026-11-28", "1"), date(2026, 11, 28), folder)
    assert normalised("r.xlsx", book("2026-11-29", "1"), date(2026, 11, 29), folder) == one
    assert normalised("r.xlsx", book("2026-11-27", "1"), date(2026, 11, 28), folder) != one
    assert normalised("r.xlsx", book("2026-11-28", "2"), date(2026, 11, 28), folder) != one
    assert normalised("r.xlsx", book("2026-11-28", "1", 1981), date(2026, 11, 28), folder) != one


def test_the_inputs_are_the_same_each_time_and_every_run_has_a_name_of_its_own() -> None:
    inputs, _ = collect()
    assert inputs == collect()[0]
    assert sum(file.folder.startswith("drawn/") for file in inputs) == 200
    assert len({file.name for file in inputs}) == len(inputs)
    names = [run.name for run in runs(inputs, ["IVUS101"])]
    assert len(set(names)) == len(names)
