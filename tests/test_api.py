"""The Python API: inputs of every kind, claims of a host, errors."""

from __future__ import annotations

import gzip
import io
import sqlite3
from pathlib import Path
from typing import Any, BinaryIO, cast

import attrs
import pytest

import scrubber
from scrubber.index import PatientIndex
from scrubber.testing import to_837p

DATA = to_837p("claim A\n37252\nclaim B patient=M2\n99213")


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_path_bytes_and_a_stream_give_the_same_report(tmp_path: Path) -> None:
    path = tmp_path / "a.837"
    path.write_bytes(DATA)
    reports = [scrubber.scrub(source) for source in (str(path), path, DATA, io.BytesIO(DATA))]
    assert {report.exit_code for report in reports} == {1}
    assert len({report.findings for report in reports}) == 1
    assert {report.files[0].sha256 for report in reports} == {reports[0].files[0].sha256}


def test_a_stream_that_cannot_be_rewound_is_read() -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: int) -> int:
            raise OSError("not seekable")

    assert scrubber.scrub(Pipe(DATA)).files[0].totals.claims == 2


def test_a_missing_file_is_a_report_not_an_exception(tmp_path: Path) -> None:
    report = scrubber.scrub(tmp_path / "none")
    assert report.exit_code == 3
    assert [finding.code for finding in report.findings] == ["X12100"]
    assert scrubber.scrub(tmp_path).findings[0].message == "The input is a directory."


@pytest.mark.parametrize("source", [None, 5, ["claims.837"], io.StringIO("ISA")])
def test_what_is_no_input_is_told(source: object) -> None:
    with pytest.raises(TypeError, match="an input is a path, bytes or a binary file, not"):
        scrubber.scrub(source)  # type: ignore[arg-type]


def test_claims_are_streamed_and_a_broken_input_ends_in_an_error() -> None:
    assert [claim.control_number for claim in scrubber.iter_claims(DATA)] == ["A", "B"]
    claims = scrubber.iter_claims(DATA[:-30])
    assert [next(claims).control_number, next(claims).control_number] == ["A", "B"]
    with pytest.raises(scrubber.UnreadableError, match="truncated"):
        next(claims)


def _line(number: int, procedure: str) -> scrubber.ServiceLine:
    return scrubber.ServiceLine(number, procedure, service_dates=scrubber.DateRange.parse("D8", "20240805"))


def _claim(*procedures: str, ordinal: int = 1) -> scrubber.Claim:
    return scrubber.Claim(
        control_number=f"HOST{ordinal}",
        lines=[_line(number, procedure) for number, procedure in enumerate(procedures, 1)],
        diagnoses=(scrubber.Diagnosis("ABK", "I871"),),
        place_of_service="11",
        billing_provider=scrubber.Provider("1234567893"),
        subscriber=scrubber.Person(member_id="M1"),
        payer=scrubber.Payer("12502"),
        ordinal=ordinal,
    )


def test_a_claim_of_a_host_is_judged_without_bytes() -> None:
    findings = scrubber.check_claim(_claim("37252"))
    assert "IVUS101" in [finding.code for finding in findings]
    place = next(finding.location for finding in findings if finding.code == "IVUS101")
    assert place == scrubber.Location("2400", "SV1", "SV101-2", None, None, None)
    assert "IVUS101" not in [finding.code for finding in scrubber.check_claim(_claim("37238", "37252"))]


def test_claims_of_a_host_are_judged_together() -> None:
    codes = [finding.code for finding in scrubber.check_claims([_claim("37238"), _claim("37252", ordinal=2)])]
    assert "IVUS106" in codes
    assert "IVUS101" not in codes
    with pytest.raises(ValueError, match="ordinal of its own"):
        scrubber.check_claims([_claim("37238"), _claim("37252")])


def test_a_parsed_claim_is_judged_like_its_file() -> None:
    claim = next(scrubber.iter_claims(DATA))
    assert tuple(scrubber.check_claim(claim)) == scrubber.scrub(DATA).files[0].claims[0].findings


def test_the_public_names_are_sorted_and_there() -> None:
    assert scrubber.__all__ == sorted(scrubber.__all__)
    for name in scrubber.__all__:
        assert getattr(scrubber, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        _ = scrubber.nope


@pytest.mark.parametrize("cut", [30, -9])
def test_a_cut_archive_is_an_input_that_cannot_be_read(cut: int) -> None:
    archive = io.BytesIO(gzip.compress(DATA)[:cut])
    with gzip.open(archive) as stream:
        report = scrubber.scrub(cast(BinaryIO, stream))
    assert report.exit_code == 3
    assert [finding.message for finding in report.files[0].findings] == ["The input cannot be read (EOFError)."]
    with gzip.open(io.BytesIO(archive.getvalue())) as stream, pytest.raises(scrubber.UnreadableError, match="EOFErr"):
        next(scrubber.iter_claims(cast(BinaryIO, stream)))


class Odd(io.BytesIO):
    """A stream of a host that is not quite what a binary file is."""

    def __init__(self, oddity: str) -> None:
        super().__init__(DATA)
        self.oddity = oddity

    def fileno(self) -> int:
        raise AttributeError if self.oddity == "no number" else io.UnsupportedOperation

    def seekable(self) -> bool:
        if self.oddity == "raises":
            raise RuntimeError("TESTPATIENT")
        return True

    def read(self, size: int | None = -1) -> Any:
        data = super().read(size)
        if self.oddity == "ends earlier" and 0 < (size or -1) < len(DATA):  # as when a claim is read again
            return b""
        return {"text": data.decode(), "memory": memoryview(data)}.get(self.oddity, data)


@pytest.mark.parametrize(
    ("oddity", "told"),
    [
        ("no number", None),
        ("memory", None),
        ("raises", "The input cannot be read (RuntimeError)."),
        ("text", "The input gives str instead of bytes."),
        ("ends earlier", "The input changed while it was being read."),
        ("closed", "The input cannot be read (ValueError)."),
    ],
)
def test_an_odd_stream_is_read_or_said_not_to_be(oddity: str, told: str | None) -> None:
    stream = Odd(oddity)
    if oddity == "closed":
        stream.close()
    report = scrubber.scrub(stream)
    if told is None:
        assert report.files[0].claims == scrubber.scrub(DATA).files[0].claims
    else:
        assert report.exit_code == 3
        assert [finding.message for finding in report.files[0].findings] == [told]


def test_settings_are_immutable() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        scrubber.Config().redact = True  # type: ignore[misc]


def test_a_disk_that_fails_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The index of patients lies in a database, which is no disk error by itself."""

    class Full:
        def execute(self, *_args: object) -> None:
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error

        executemany = executescript = execute

        def close(self) -> None:
            pass

    create = PatientIndex.__init__

    def init(self: PatientIndex) -> None:
        create(self)
        self._database.close()
        self._database = Full()  # type: ignore[assignment]

    monkeypatch.setattr(PatientIndex, "__init__", init)
    with pytest.raises(scrubber.ScrubberError, match=r"cannot be written \(No space left on device\)"):
        scrubber.scrub(to_837p("37252"))
