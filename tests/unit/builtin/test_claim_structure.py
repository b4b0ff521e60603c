"""A code is a code: files with procedure codes, places, numbers and providers that are none, each with its siblings."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from scrubber import scrub
from scrubber.engine.judge import Engine
from scrubber.findings.code_form import CodeForm
from scrubber.findings.dates import DateRange
from scrubber.findings.finding import Finding
from scrubber.findings.report import ClaimReport
from scrubber.outputs.reports.formats import format_names
from scrubber.testing import scrub_shorthand, to_837p
from scrubber.x12.values import in_cents
from tests.support.canary import seen
from tests.support.command import Run
from tests.support.paths import FIXTURES

PLAIN = to_837p("claim A\n99213").decode()
SESSION = to_837p("claim A\n37238\n36012\n37252 desc='LEFT CIV'").decode()


def judge(data: str | bytes) -> tuple[ClaimReport, ...]:
    return scrub(data.encode("latin-1") if isinstance(data, str) else data).files[0].claims


def found(data: str | bytes) -> list[str]:
    """Return the findings but infos as "line code severity element"."""
    return [
        f"{finding.line or 0} {finding.code} {finding.severity} {finding.location.element if finding.location else ''}"
        for claim in judge(data)
        for finding in claim.findings
        if finding.severity != "info"
    ]


def named(data: str | bytes, code: str) -> list[Finding]:
    return [finding for claim in judge(data) for finding in claim.findings if finding.code == code]


# -- procedure codes (X12214) ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("R01_code_broken_by_crlf", 1),
        ("R02_code_trailing_nul", 1),
        ("R04_code_hyphen_modifier", 2),
        ("R05_code_repetition", 1),
        ("R07_leading_zero", 1),
        ("R08_wrapped_118", 1),
    ],
)
def test_a_reported_file_is_rejected(name: str, line: int, run: Run) -> None:
    path = FIXTURES / "break" / f"{name}.837"
    assert f"{line} X12214 error SV101-2" in found(path.read_bytes())
    done = run("scrub", path, "--out-dir=out")
    assert done.returncode == 1
    assert b"1 rejected" in done.stdout


@pytest.mark.parametrize(
    "code",
    [
        *("37\r\n252", "3725\t2", "37252\x00", "\x0037252", "3725\x7f2", "372\x1d52", "37252\x1a"),
        *(
            "37252-50",
            "37252/50",
            "37252 50",
            "37252.",
            "37252^",
            "^37252",
            "037252",
            "372520",
            "3725",
            "37 252",
            "$7252",
        ),
        *("A37252", "J34901", "JJ490", "3725é", "\uff137252", "O7252A", "+37252", "37252,37253", "NONE", "UNKNOWN"),
    ],
)
def test_what_is_no_procedure_code_is_an_error(code: str) -> None:
    data = SESSION.replace("HC:37252", f"HC:{code}").encode("utf-8")
    assert "3 X12214 error SV101-2" in found(data)
    assert all(finding.procedure is None for finding in named(data, "X12214"))


@pytest.mark.parametrize("code", ["99213", "0075T", "1036F", "J3490", "G0439", "j3490"])
def test_a_code_is_none(code: str) -> None:
    assert found(PLAIN.replace("HC:99213", f"HC:{code}")) == []


@pytest.mark.parametrize(
    ("qualifier", "code", "element"),
    [
        ("HC", "99213", None),
        ("hc", "99213", None),
        *(
            (kind, code, None)
            for kind in ("ER", "IV", "WK")
            for code in ("99213", "S9500", "CADAC", "AB-12.3", "X" * 48)
        ),
        *((kind, code, "SV101-2") for kind in ("ER", "IV", "WK") for code in ("X" * 49, "AB\x07", "É1")),
        *((kind, "99213", "SV101-1") for kind in ("", "ZZ", "HP", "N4", "AD", "H", "HCX", "QZ JANE")),
    ],
)
def test_each_code_set_asks_for_its_form(qualifier: str, code: str, element: str | None) -> None:
    expected = [f"1 X12214 error {element}"] if element else []
    told = found(PLAIN.replace("HC:99213", f"{qualifier}:{code}"))
    assert [finding for finding in told if "X12126" not in finding] == expected  # a control character is that as well


def test_no_setting_lowers_what_is_no_code(run: Run) -> None:
    path = FIXTURES / "break" / "R04_code_hyphen_modifier.837"
    assert run("scrub", path, "--ignore=X12").returncode == 1
    assert run("scrub", path, "--select=IVUS").returncode == 1
    config = path.with_name("unwritten.toml")
    assert run("scrub", path, f"--config={config}").returncode == 2


# -- places of service (X12217) ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [[], ["--redact"]])
def test_a_number_as_place_of_service_is_in_no_report(options: list[str], run: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.837"
    data = (FIXTURES / "break" / "R20_ssn_as_place_of_service.837").read_bytes()
    assert "2 X12217 error SV105" in found(data)
    for changed in (data, data.replace(b"*200***11:", b"*200***935104827:")):
        path.write_bytes(changed)
        done = run("scrub", path, *options, *(f"--report={form}=r.{form}" for form in format_names()))
        assert done.returncode == 1
        assert not seen("935104827", done.stdout + done.stderr)
        for form in format_names():
            assert not seen("935104827", (tmp_path / f"r.{form}").read_bytes()), form


# -- charges -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("charge", "wrong"),
    [("100", False), ("100.5", False), ("100.50", False), ("100.505", True), ("100.500", True), (".005", True)],
)
def test_fractions_of_a_cent_are_an_error(charge: str, wrong: bool) -> None:  # noqa: FBT001
    data = to_837p(f"claim charge={charge}\n99213 charge={charge}")
    expected = ["0 X12205 error CLM02", "1 X12205 error SV102"] if wrong else []
    assert found(data) == expected
    assert {str(status) for finding in named(data, "X12205") for status in finding.statuses} == (
        {"A7:178", "A7:697"} if wrong else set()
    )


@pytest.mark.parametrize(
    "path",
    ["break/R30_totals_off_by_a_cent.837", "field/three_decimals_totals_do_not_add_up.837"],
)
def test_totals_balance_to_the_cent_in_every_report(path: str, run: Run) -> None:
    source = FIXTURES / path
    done = run("scrub", source, "--format=json", "--ignore=X12205")
    assert done.returncode == (1 if path.startswith("break") else 0)
    _balances(json.loads(done.stdout)["files"][0])
    strict = run("scrub", source, "--format=json", "--out-dir=out")
    assert strict.returncode == 1
    _balances(json.loads(strict.stdout)["files"][0])


def _balances(report: dict[str, object]) -> None:
    totals, claims = report["totals"], report["claims"]
    assert isinstance(totals, dict)
    assert isinstance(claims, list)
    shown = {name: Decimal(totals[name]) for name in ("charges", "accepted_charges", "rejected_charges")}
    assert shown["charges"] == shown["accepted_charges"] + shown["rejected_charges"]
    assert shown["charges"] == sum(Decimal(claim["charge"]) for claim in claims)


@pytest.mark.parametrize(
    ("amount", "cents"),
    [("0.005", "0.01"), ("0.004", "0.00"), ("-0.005", "-0.01"), ("601.005", "601.01"), ("1", "1"), ("1.50", "1.50")],
)
def test_amounts_are_rounded_half_up(amount: str, cents: str) -> None:
    assert str(in_cents(Decimal(amount))) == cents


def test_a_claim_out_of_balance_is_rejected() -> None:
    assert "0 X12208 error CLM02" in found((FIXTURES / "field" / "claim_out_of_balance.837").read_bytes())


# -- units and dates ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("units", "worth"),
    [
        ("x1", True),
        ("x2.0", True),
        ("x999999999999999999", False),
        ("x1.5", False),
        ("x0", False),
        ("x30 unit=MJ", False),
    ],
)
def test_only_units_that_can_be_counted_are_priced(units: str, worth: bool, default_engine: Engine) -> None:  # noqa: FBT001
    (claim,) = scrub_shorthand(f"37252-50 {units}", engine=default_engine)
    assert claim.rejected
    assert (claim.at_risk > 0, claim.unpriced_lines) == ((True, 0) if worth else (False, 1))
    assert claim.at_risk < 10_000


def test_minutes_are_not_priced() -> None:
    (claim,) = judge((FIXTURES / "field" / "at_risk_counts_minutes_as_units.837").read_bytes())
    assert [f"{finding.line} {finding.code}" for finding in claim.findings if finding.severity == "error"] == [
        "3 IVUS202"
    ]
    assert (str(claim.at_risk), claim.unpriced_lines) == ("0.00", 1)


@pytest.mark.parametrize("procedure", ["99213", "37252", "37238"])
@pytest.mark.parametrize("year", ["0024", "1924", "1999", "2100", "2924", "9024"])
def test_a_date_of_service_in_another_century_is_an_error(procedure: str, year: str) -> None:
    assert "1 X12207 error DTP03" in found(to_837p(f"{procedure} on={year}0805"))
    assert "1 X12207 error DTP03" in found(to_837p(f"{procedure} on=20240805-{year}0805"))


@pytest.mark.parametrize(
    ("text", "known"), [("19991231", False), ("20000101", True), ("20991231", True), ("21000101", False)]
)
def test_the_years_of_service(text: str, known: bool) -> None:  # noqa: FBT001
    assert (DateRange.parse("D8", text) is not None) is known


# -- providers (X12212) ------------------------------------------------------------------------------------------------

GOOD, WRONG = "1999999984", "1999999985"
CLAIM_ROLES = {"DN": "referring", "P3": "primary care", "77": "service facility", "DQ": "supervising"}
LINE_ROLES = CLAIM_ROLES | {"DK": "ordering", "QB": "purchased service"}


def _with_provider(entity: str, rest: str, *, line: bool, filing: str = "MB") -> str:
    behind = "DTP*472*D8*20240805~\n" if line else "HI*ABK:I70213*ABF:I739~\n"
    data = PLAIN.replace(behind, f"{behind}NM1*{entity}*1*DOE*SAM{rest}~\n", 1).replace("*MB~", f"*{filing}~")
    assert f"NM1*{entity}" in data
    return data


@pytest.mark.parametrize(
    ("entity", "line"), [*((role, False) for role in CLAIM_ROLES), *((role, True) for role in LINE_ROLES)]
)
@pytest.mark.parametrize(
    ("rest", "said", "status"),
    [
        (f"****XX*{GOOD}", None, None),
        (f"****XX*{WRONG}", "fails its check digit", "A7:562"),
        ("****XX*123456789", "has nine digits, not ten", "A7:562"),
        ("****XX*12345678931", "has eleven digits, not ten", "A7:562"),
        ("****XX*A999999984", "is not ten digits", "A7:562"),
        ("****XX*", "is missing", "A6:562"),
        ("", "is missing", "A6:562"),
        ("****24*123456789", "is missing", "A6:562"),
        ("~\nREF*G2*PAYERS1", None, None),
        ("~\nREF*0B*STATE1", None, None),
        ("~\nREF*LU*PLACE1", None, None),
        ("~\nREF*1G*UPIN1", "is missing", "A6:562"),
    ],
)
def test_every_provider_has_an_npi_that_can_be_one(
    entity: str,
    line: bool,  # noqa: FBT001
    rest: str,
    said: str | None,
    status: str | None,
) -> None:
    if said == "is missing" and entity == "77":
        said = None  # a facility may be an address only
    findings = named(_with_provider(entity, rest, line=line), "X12212")
    if said is None:
        assert findings == []
        return
    (finding,) = findings
    assert finding.severity == "error"
    assert said in finding.message
    assert LINE_ROLES[entity] in finding.message
    assert [str(found) for found in finding.statuses] == [f"{status}:{entity}"]
    assert finding.line == (1 if line else None)
    assert not any(number in finding.message for number in (GOOD, WRONG, "123456789"))


@pytest.mark.parametrize(
    ("filing", "severity"), [("MB", "error"), ("mb", "error"), ("MA", "warning"), ("CI", "warning")]
)
@pytest.mark.parametrize("place", ["85", "82"])
def test_a_missing_npi_is_an_error_for_medicare_part_b(filing: str, severity: str, place: str) -> None:
    npi = {"85": "****XX*1234567893", "82": f"****XX*{GOOD}"}[place]
    data = PLAIN.replace("*MB~", f"*{filing}~").replace(f"*{npi}" if place == "85" else npi, "", 1)
    (finding,) = named(data, "X12212")
    assert (finding.severity, str(finding.statuses[0])) == (severity, f"A6:562:{place}")


@pytest.mark.parametrize("reference", ["REF*G2*A1", "REF*LU*A1"])
def test_the_payer_level_may_name_an_atypical_billing_provider(reference: str) -> None:
    data = PLAIN.replace("*****XX*1234567893", "", 1)
    assert named(data, "X12212")
    assert not named(data.replace("*PI*12502~\n", f"*PI*12502~\n{reference}~\n"), "X12212")


def test_an_npi_of_nine_digits_is_said_to_have_nine() -> None:
    data = (FIXTURES / "field" / "npi_with_nine_digits.837").read_bytes()
    (finding,) = named(data, "X12212")
    assert finding.severity == "error"
    assert "has nine digits" in finding.message


# -- forms -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", CodeForm)
@pytest.mark.parametrize("text", ["935104827", "19370419", "QZJANE DOE", "QZDOEX", "935-10-4827", "(800)5551298"])
def test_what_has_not_the_form_is_not_shown(form: CodeForm, text: str) -> None:
    is_payer = form is CodeForm.PAYER and text.replace("-", "").isdigit()
    assert form.shown(text) == (text if is_payer or form is CodeForm.OTHER_PROCEDURE else "")
    assert form.shown(f"{text}\n") == ""
