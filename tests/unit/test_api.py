"""The Python API: inputs of every kind, claims of a host, errors."""

from __future__ import annotations

import errno
import gzip
import io
import operator
import os
import re
import sqlite3
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO, cast

import attrs
import pytest

import scrubber
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
def test_an_odd_stream_is_read_or_said_not_to_be(
    monkeypatch: pytest.MonkeyPatch, oddity: str, told: str | None
) -> None:
    monkeypatch.setattr("scrubber.io.source._RECENT", 0)  # as where the claim is far behind what was read last
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


def test_a_disk_that_is_full_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("tempfile.SpooledTemporaryFile.write", full)
    with pytest.raises(scrubber.ScrubberError, match=r"cannot be written \(No space left on device\)"):
        scrubber.scrub(to_837p("37252"))


def test_a_database_whose_disk_is_full_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The syntax errors lie in a database, which raises no OSError by itself."""

    class Full:
        def execute(self, *_args: object) -> None:
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error

        executemany = executescript = execute

        def close(self) -> None:
            pass

    monkeypatch.setattr("scrubber.io.database.private_database", lambda _owner: Full())
    with pytest.raises(scrubber.ScrubberError, match=r"cannot be written \(No space left on device\)"):
        scrubber.scrub(to_837p("37252").replace(b"LX*1", b"LX*1\x01"))


# -- settings as keywords ----------------------------------------------------------------------------------------------


def _codes(report: scrubber.Report) -> set[str]:
    return {finding.code for finding in report.findings}


@pytest.mark.parametrize("ignore", [["IVUS101"], ("IVUS1",), ["IVUS"]])
def test_settings_are_keywords(ignore: Sequence[str]) -> None:
    assert "IVUS101" in _codes(scrubber.scrub(DATA))
    report = scrubber.scrub(DATA, ignore=ignore)
    assert "IVUS101" not in _codes(report)
    (notice,) = report.files[0].notices
    assert notice.message.startswith("Settings of the program that runs the edits: ")
    assert scrubber.scrub(DATA, ignore=[]).files[0].notices == ()


def test_every_setting_of_the_file_is_a_keyword() -> None:
    report = scrubber.scrub(
        DATA,
        select=["IVUS1"],
        severity={"IVUS101": "warning"},
        fail_on="warning",
        conformance="none",
        redact=True,
        tables={"mue": {"37253": {"value": 8}}},
        packs={"IVUS": {"vessels": "check"}},
        payers={"12502": {"ignore": {"IVUS402": "their policy"}}},
    )
    assert report.exit_code == 1
    assert [(finding.claim, finding.severity.value) for finding in report.findings] == [("claim 1", "warning")]
    assert scrubber.scrub(DATA, severity={"IVUS101": scrubber.Severity.INFO}).exit_code == 0


def test_keywords_change_the_file_of_settings_and_a_configuration(tmp_path: Path) -> None:
    (tmp_path / "scrubber.toml").write_text('ignore = ["IVUS101"]\nredact = true\n')
    found = scrubber.scrub(DATA, ignore=["IVUS6"]).findings
    assert {finding.claim for finding in found if finding.code == "IVUS101"} == {"claim 1"}
    config = scrubber.load_settings(discover=False, redact=True)
    assert {finding.claim for finding in scrubber.scrub(DATA, config, ignore=["IVUS6"]).findings} == {"claim 1"}
    assert not config.ignore


def test_claims_of_a_host_take_keywords_too() -> None:
    lowered = scrubber.check_claim(_claim("37252"), severity={"IVUS101": "info"})
    assert [finding.severity.value for finding in lowered if finding.code == "IVUS101"] == ["info"]
    assert scrubber.check_claims([_claim("37252")], ignore=["IVUS"]) == []


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"ignored": ["IVUS101"]}, "keyword: unknown setting 'ignored'; known are conformance, fail-on, ignore"),
        ({"ignore": "IVUS101"}, "keyword: ignore: must be a list of codes or prefixes"),
        ({"ignore": ["IVUS999"]}, "ignore: no edit has the code or prefix 'IVUS999'"),
        ({"severity": {"IVUS101": "fatal"}}, "keyword: severity.IVUS101: must be error, warning or info"),
        ({"redact": 1}, "keyword: redact: must be true or false"),
        ({"tables": {"mue": {"37253": {"worth": 8}}}}, "tables: table mue, row 37253: there is no column worth"),
    ],
)
def test_a_wrong_keyword_is_a_clear_error(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(scrubber.ConfigError, match=f"^{re.escape(told)}"):
        scrubber.scrub(DATA, **settings)


# -- what a session shows ----------------------------------------------------------------------------------------------


def test_the_package_lists_its_public_names_only() -> None:
    assert dir(scrubber) == scrubber.__all__


SEVERITIES = [scrubber.Severity.INFO, scrubber.Severity.WARNING, scrubber.Severity.ERROR]


@pytest.mark.parametrize("left", range(3))
@pytest.mark.parametrize("right", range(3))
@pytest.mark.parametrize("kind", [scrubber.Severity, str])
def test_severities_are_ordered_by_gravity(left: int, right: int, kind: type[str]) -> None:
    """A text is compared as the severity that it names, on either side."""
    one, other = SEVERITIES[left], kind(SEVERITIES[right].value)
    for compare in (operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne):
        assert compare(one, other) is compare(left, right)
        assert compare(other, one) is compare(right, left)


def test_severities_are_sorted_and_the_gravest_is_the_greatest() -> None:
    error, warning, info = scrubber.Severity.ERROR, scrubber.Severity.WARNING, scrubber.Severity.INFO
    assert sorted([error, info, warning]) == SEVERITIES
    assert max(SEVERITIES) is scrubber.Severity.ERROR
    assert [f.code for f in scrubber.scrub(DATA).findings if f.severity >= scrubber.Severity.ERROR] == ["IVUS101"]
    assert len({*SEVERITIES, "error"}) == 3


@pytest.mark.parametrize("other", ["fatal", "", 1, None])
def test_a_severity_compares_with_nothing_else(other: Any) -> None:
    for compare in (operator.lt, operator.le, operator.gt, operator.ge):
        for left, right in ((scrubber.Severity.ERROR, other), (other, scrubber.Severity.ERROR)):
            with pytest.raises(TypeError, match="a severity compares with error, warning and info only"):
                compare(left, right)


def test_objects_show_codes_and_counts() -> None:
    report = scrubber.scrub(DATA, select=["IVUS", "SCR"])
    (file,) = report.files
    assert repr(report) == "<Report 2 claims: 1 accepted, 1 rejected>"
    assert repr(file) == "<FileReport 2 claims: 1 accepted, 1 rejected>"
    assert repr(file.totals) == "<Totals 2 claims: 1 accepted, 1 rejected, 2 lines>"
    assert repr(file.claims) == "(<ClaimReport 1: rejected, 1 line; IVUS101>, <ClaimReport 2: accepted, 1 line>)"
    assert repr(report.findings[0]) == "<Finding IVUS101 error: claim 1, line 1, 37252, SV101-2>"
    assert repr(attrs.evolve(report, files=(file, file))) == "<Report 2 files, 4 claims: 2 accepted, 2 rejected>"
    twice = scrubber.scrub(to_837p("37252\n37253"), select=["IVUS101"]).files[0].claims[0]
    assert repr(twice) == "<ClaimReport 1: rejected, 2 lines; IVUS101 x2>"


def test_a_notebook_shows_a_small_table() -> None:
    report = scrubber.scrub(to_837p("claim A\n37252\n37253\nclaim B patient=M2\n37238\n37252-26\n37253-26"))
    html = report._repr_html_()
    page = ET.fromstring(html)
    assert [text.text for text in page.iter("p")] == ["Report 2 claims: 0 accepted, 2 rejected"]
    rows = [[cell.text for cell in row] for row in page.iter("tr")]
    assert rows[0] == ["Edit", "Name", "Severity", "Findings", "Claims"]
    assert rows[1:3] == [
        ["IVUS101", "add-on-without-base", "error", "2", "1"],
        ["IVUS402", "component-modifier", "error", "2", "1"],
    ]
    assert {row[0] for row in rows[1:]} == {finding.code for finding in report.findings}
    assert sum(int(row[3] or 0) for row in rows[1:]) == len(report.findings)
    assert [row[2] for row in rows[1:]] == sorted(
        (row[2] or "" for row in rows[1:]), key=["error", "warning", "info"].index
    )


def test_a_notebook_shows_a_clean_report_and_one_that_was_not_read() -> None:
    clean = scrubber.scrub(to_837p("99213"), select=["IVUS"])
    assert clean._repr_html_() == "<div><p>Report 1 claim: 1 accepted, 0 rejected</p></div>"
    unread = ET.fromstring(scrubber.scrub(b"nothing")._repr_html_())
    assert unread.findtext("p") == "Report 0 claims: 0 accepted, 0 rejected; 1 file not completely read"
    assert unread.findtext("table/tbody/tr/td") == "X12101"


def test_a_notebook_escapes_and_ends() -> None:
    """A plugin's edit may have any name; a report may hold any number of edits."""
    (file,) = scrubber.scrub(DATA, select=["IVUS"]).files
    (finding,) = file.claims[0].findings
    many = tuple(
        attrs.evolve(finding, code=f"EVIL{number:03}", name="<script>alert('1')</script>&") for number in range(1234)
    )
    report = scrubber.Report((attrs.evolve(file, findings=many, claims=()),), exit_code=1)
    html = report._repr_html_()
    assert len(html) < 5000
    assert "<script" not in html
    page = ET.fromstring(html)
    assert page.findtext("table/tbody/tr/td[2]") == "<script>alert('1')</script>&"
    assert [text.text for text in page.iter("p")][1:] == ["and 1,214 more edits"]


def test_objects_say_what_was_not_read() -> None:
    report = scrubber.scrub(b"nothing")
    assert repr(report) == "<Report 0 claims: 0 accepted, 0 rejected; 1 file not completely read>"
    assert repr(report.files[0]) == (
        "<FileReport 0 claims: 0 accepted, 0 rejected; 1 finding about the file, not completely read>"
    )
    assert repr(report.findings[0]) == "<Finding X12101 error>"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("37252-RT-59 x2", "<ServiceLine 1: 37252-RT-59 x2, $100.00>"),
        ("37252 x30 unit=MJ charge=1234.5", "<ServiceLine 1: 37252 x30 MJ, $1,234.50>"),
        ("37252 x1.5 charge=-0.005", "<ServiceLine 1: 37252 x1.5, $-0.01>"),
        ("37253-TESTPATIENT xSMITH charge=MILLER", "<ServiceLine 1: 37253-... x..., ...>"),
        ("SMITH unit=MI charge=1E9", "<ServiceLine 1: ... x1 ..., ...>"),
    ],
)
def test_a_line_shows_its_codes_and_counts(line: str, shown: str) -> None:
    claim = next(scrubber.iter_claims(to_837p(line)))
    assert repr(claim.lines[0]) == shown


def test_what_a_claim_names_shows_its_codes() -> None:
    claim = next(scrubber.iter_claims(to_837p("claim patient=M1\n37238\nSMITH\n37252")))
    assert repr(claim) == "<Claim 1: 3 lines; 37238, ..., 37252>"
    assert repr(claim.payer) == "<Payer 12502>"
    assert repr(claim.billing_provider) == "<Provider 1234567893>"
    assert repr(claim.patient) == "Person()"
    many = next(scrubber.iter_claims(to_837p("\n".join(["37252"] * 50))))
    assert repr(many) == f"<Claim 1: 50 lines; {', '.join(['37252'] * 8)}, ...>"
    assert repr(next(scrubber.iter_claims(to_837p("37252")))) == "<Claim 1: 1 line; 37252>"


@pytest.mark.parametrize(
    ("thing", "shown"),
    [
        (scrubber.Payer(), "<Payer>"),
        (scrubber.Payer("SMITHFAMILY"), "<Payer ...>"),
        (scrubber.Payer(name="SMITH"), "<Payer>"),
        (scrubber.Provider(), "<Provider>"),
        (scrubber.Provider("123456789"), "<Provider ...>"),
        (scrubber.Provider("1234567893", id_qualifier="34", name="SMITH", tax_id="123456789"), "<Provider>"),
        (scrubber.Claim("1", lines=[]), "<Claim 1: 0 lines>"),
    ],
)
def test_what_has_not_the_form_of_a_code_is_not_shown(thing: object, shown: str) -> None:
    assert repr(thing) == shown


# -- rows for a table --------------------------------------------------------------------------------------------------


def test_rows_hold_each_finding_and_each_claim_without_any() -> None:
    report = scrubber.scrub(DATA, select=["IVUS", "SCR"])
    first, second = report.rows()
    assert first == {
        "file": "<input>",
        "claim": "A",
        "ordinal": 1,
        "disposition": "rejected",
        "payer": "12502",
        "billing_npi": "1234567893",
        "lines": 1,
        "charge": Decimal("100.00"),
        "at_risk": report.files[0].totals.at_risk,
        "code": "IVUS101",
        "name": "add-on-without-base",
        "severity": "error",
        "message": report.findings[0].message,
        "fix": report.findings[0].fix,
        "line": 1,
        "line_control_number": None,
        "procedure": "37252",
        "loop": "2400",
        "segment": "SV1",
        "element": "SV101-2",
        "status": " ".join(map(str, report.findings[0].statuses)),
        "group": "CO",
        "carc": "107",
        "rarc": "N122",
        "related": None,
    }
    assert list(second) == list(first)
    assert {name: value for name, value in second.items() if value is not None} == {
        "file": "<input>",
        "claim": "B",
        "ordinal": 2,
        "disposition": "accepted",
        "payer": "12502",
        "billing_npi": "1234567893",
        "lines": 1,
        "charge": Decimal("100.00"),
        "at_risk": Decimal(0),
    }


def test_amounts_are_in_one_row_of_a_claim() -> None:
    report = scrubber.scrub(to_837p("claim A\n37252-51\n37253-50\nclaim B patient=M2\n99213"))
    rows = report.rows()
    totals = report.files[0].totals
    assert len(rows) == len(report.findings) + 1
    for column, total in (("charge", totals.charges), ("at_risk", totals.at_risk), ("lines", totals.lines)):
        assert sum(row[column] for row in rows if row[column] is not None) == total
    (counted,) = (row for row in rows if row["claim"] == "A" and row["charge"] is not None)
    assert counted["severity"] == "error"


def test_a_finding_about_the_file_is_a_row_without_a_claim(tmp_path: Path) -> None:
    (row,) = scrubber.scrub(tmp_path / "none.837").rows()
    assert (row["code"], row["claim"], row["charge"], row["status"]) == ("X12100", None, None, None)
    assert row["file"] == str(tmp_path / "none.837")
