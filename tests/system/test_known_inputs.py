"""Inputs that once were accepted or answered wrongly, each with the whole answer it must get."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from scrubber.api import load_settings, make_engine
from scrubber.engine.judge import Engine
from scrubber.errors import ConfigError
from scrubber.findings.finding import Severity
from tests.support.paths import FIXTURES
from tests.support.x12_files import lines_of, segments_of, write

Errors = Mapping[int, set[str]]
"""The codes of the errors by the ordinal of the claim, 0 for the file; a claim that is not named is accepted."""

BREAK: dict[str, Errors] = {
    "R01_code_broken_by_crlf": {1: {"X12126", "X12214"}},
    "R02_code_trailing_nul": {1: {"X12126", "X12214"}},
    "R04_code_hyphen_modifier": {1: {"X12214"}},
    "R05_code_repetition": {1: {"X12214"}},
    "R07_leading_zero": {1: {"X12214"}},
    "R08_wrapped_118": {0: {"X12126"}, 1: {"X12126", "X12212", "X12214"}},
    "R09_two_nameless_patients": {2: {"IVUS101", "X12215"}},
    "R11_two_persons_one_member_id": {2: {"IVUS101"}},
    "R12_no_provider_at_all": {1: {"X12212"}, 2: {"IVUS101", "X12212", "X12215"}},
    "R14_same_name_other_ref": {1: {"IVUS103"}},
    "R15_base_voided_in_file": {3: {"X12220"}},
    "R17_base_in_other_code_set": {1: {"IVUS101"}},
    "R18_rd8_31_days_one_base": {1: {"IVUS101"}},
    "R20_ssn_as_place_of_service": {1: {"IVUS102", "X12217"}},
    "R25_unknown_segment_hides_line": {1: {"X12127"}},
    "R26_claim_without_hl22_other_provider": {1: {"X12121"}, 2: {"IVUS101", "X12121", "X12215"}},
    "R30_totals_off_by_a_cent": {1: {"X12205"}, 2: {"IVUS101", "X12205"}},
}
FIELD: dict[str, Errors] = {
    "tilde_in_note_reaches_clean": {0: {"X12114"}, 1: {"X12109", "X12114"}},
    "hl02_of_second_provider_stale_reaches_clean": {2: {"X12121"}},
    "no_hl_levels_reaches_clean": {1: {"X12121", "X12215"}},
    "se01_one_too_few_exit0": {0: {"X12114"}, 1: {"X12114"}},
    "npi_with_nine_digits": {1: {"X12212"}},
    "claim_out_of_balance": {1: {"X12208"}},
    "iea02_without_leading_zeros": {0: {"X12115"}, 1: {"X12115"}},
    "three_decimals_totals_do_not_add_up": {1: {"X12205"}, 2: {"X12205"}},
    "replacement_without_ref_f8": {1: {"X12222"}},
    "at_risk_counts_minutes_as_units": {1: {"IVUS202"}},
    "replacement_with_new_clm01_counted_twice": {},
    "ler2026_retired_37221_beside_angiogram": {1: {"IVUS105"}},
    "ler2026_retired_37227_beside_angiogram": {1: {"IVUS105"}},
}
INPUTS = [*((FIXTURES / "break" / f"{name}.837", errors) for name, errors in BREAK.items())]
INPUTS += [(FIXTURES / "field" / f"{name}.837", errors) for name, errors in FIELD.items()]


@pytest.mark.parametrize(("path", "errors"), INPUTS, ids=[path.stem for path, _ in INPUTS])
def test_an_input_gets_its_answer(path: Path, errors: Errors, default_engine: Engine) -> None:
    written = write(path.read_bytes(), default_engine)
    report = written.report
    assert report.readable
    found = {claim.ordinal: claim.findings for claim in report.claims} | {0: report.findings}
    codes = {
        ordinal: {finding.code for finding in findings if finding.severity is Severity.ERROR}
        for ordinal, findings in found.items()
    }
    assert {ordinal: own for ordinal, own in codes.items() if own} == errors
    assert report.totals.accepted_charges + report.totals.rejected_charges == report.totals.charges
    # What is rejected is not in the accepted file, which is without errors when it is scrubbed again.
    if "clean" in written.files:
        again = write(written.files["clean"], default_engine).report
        assert not any(claim.rejected for claim in again.claims)
        assert not any(finding.severity is Severity.ERROR for finding in again.findings)


@pytest.mark.parametrize(
    ("name", "answers", "answered"),
    [
        ("tilde_in_note_reaches_clean", ["IK5*R*5*4", "AK9*R*1*1*0"], 0),
        ("se01_one_too_few_exit0", ["IK5*R*4", "AK9*R*1*1*0"], 0),
        ("iea02_without_leading_zeros", ["TA1*000000101*261103*0900*R*001", "IK5*R", "AK9*R*1*1*0"], 0),
        ("hl02_of_second_provider_stale_reaches_clean", ["IK5*E*5", "AK9*E*1*1*1"], 2),
    ],
)
def test_the_acknowledgements_agree(name: str, answers: list[str], answered: int, default_engine: Engine) -> None:
    files = write((FIXTURES / "field" / f"{name}.837").read_bytes(), default_engine).files
    lines = lines_of(files["ack999"])
    assert [line for line in lines if line.startswith(("TA1", "IK5", "AK9"))] == answers
    found = [segment for segment in segments_of(files.get("ack277", b"")) if segment[0] == "HL" and segment[3] == "PT"]
    assert len(found) == answered


def test_a_terminator_in_a_note_that_is_counted_spoils_its_claim_only(default_engine: Engine) -> None:
    data = (FIXTURES / "field" / "tilde_in_note_reaches_clean.837").read_bytes().replace(b"SE*33*", b"SE*34*")
    written = write(data, default_engine)
    assert not written.report.findings
    (claim,) = written.report.claims
    assert "X12109" in {finding.code for finding in claim.findings}
    assert "IK5*E*5" in lines_of(written.files["ack999"])
    assert "ack277" in written.files


def test_a_chain_of_reliance_is_rejected_with_its_first_claim(default_engine: Engine) -> None:
    report = write((FIXTURES / "break" / "R22_chain_of_reliance_400.837").read_bytes(), default_engine).report
    first, *others = report.claims
    assert "X12207" in {finding.code for finding in first.findings}
    assert len(others) == 399
    assert all("SCR902" in {finding.code for finding in claim.findings} for claim in others)


def test_one_patient_on_many_days_is_accepted(default_engine: Engine) -> None:
    report = write((FIXTURES / "break" / "R23_one_patient_many_days_100x50.837").read_bytes(), default_engine).report
    assert (report.totals.accepted, report.totals.rejected) == (100, 0)


def test_settings_that_switch_all_off_are_named() -> None:
    path = FIXTURES / "break" / "R28_scrubber_ignores_all.toml"
    (notice,) = make_engine(load_settings(path)).notices
    assert str(path) in notice.message


def test_a_fee_that_is_no_number_is_refused() -> None:
    with pytest.raises(ConfigError, match="non_facility"):
        make_engine(load_settings(FIXTURES / "break" / "R29_fee_nan.toml"))
