"""Whole outputs over the sample files; `pytest --update-expected` rewrites them."""

from __future__ import annotations

import errno
import io
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import scrubber
from scrubber.engine.judge import Engine
from scrubber.outputs.reports.base import describe_tool
from scrubber.outputs.reports.formats import load_format
from scrubber.packs.registry import load_plugins
from scrubber.testing import to_837p
from tests.support.command import Run
from tests.support.paths import FIXTURES, ROOT

SAMPLES = sorted((FIXTURES / "claims").glob("*.837"))
SCHEMA = json.loads((ROOT / "scrubber" / "outputs" / "reports" / "report.schema.json").read_text(encoding="utf-8"))
FORMATS = {"csv": "csv", "json": "json", "ndjson": "ndjson", "sarif": "sarif", "text": "txt", "xml": "xml"}


@pytest.fixture
def in_root(run: Run, tmp_path: Path) -> Run:
    """Return paths in reports the same name on every machine."""
    (tmp_path / "fixtures").symlink_to(FIXTURES)
    return run


def _same(written: bytes, path: Path, request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update-expected"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(written)
    assert written.decode() == path.read_bytes().decode()


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
@pytest.mark.parametrize("form", FORMATS)
def test_the_whole_output(form: str, sample: Path, in_root: Run, request: pytest.FixtureRequest) -> None:
    done = in_root("scrub", "--format", form, sample.relative_to(ROOT))
    # The line-by-line report has no place for what is said of the input.
    told = done.stderr.splitlines()
    assert not told or (form == "ndjson" and all(b"rule table" in line for line in told))
    _same(done.stdout, FIXTURES / "expected" / form / f"{sample.stem}.{FORMATS[form]}", request)


X12_FILES = ("annotated.837", "clean.837", "rejected.837", "277ca")


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_the_x12_files(sample: Path, in_root: Run, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    done = in_root("scrub", "--out-dir=out", sample.relative_to(ROOT))
    assert done.stderr == b""
    for name in X12_FILES:
        written = (tmp_path / "out" / f"{sample.stem}.{name}").read_bytes()
        _same(written, FIXTURES / "expected" / "x12" / f"{sample.stem}.{name}", request)
    findings = json.loads((tmp_path / "out" / f"{sample.stem}.findings.json").read_text())
    jsonschema.Draft202012Validator(SCHEMA).validate(findings)
    assert findings["files"][0]["not_annotated"] == 0


def test_hash_seed_and_report_files_do_not_change_a_byte(in_root: Run, tmp_path: Path) -> None:
    sample = SAMPLES[0].relative_to(ROOT)
    outputs = set()
    for seed in ("0", "1", "2"):
        done = in_root("scrub", "--format=json", "--report=json=r.json", sample, PYTHONHASHSEED=seed)
        outputs |= {done.stdout, (tmp_path / "r.json").read_bytes()}
    assert len(outputs) == 1


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_the_json_report_fits_its_schema(sample: Path, run: Run) -> None:
    report = json.loads(run("scrub", "--format=json", sample).stdout)
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.Draft202012Validator(SCHEMA).validate(report)


def test_findings_about_the_file_fit_the_schema_and_name_no_claim(run: Run) -> None:
    report = json.loads(run("scrub", "--format=json", data=SAMPLES[0].read_bytes()[:5000]).stdout)
    jsonschema.Draft202012Validator(SCHEMA).validate(report)
    assert [finding["claim"] for finding in report["files"][0]["findings"]] == [None]


def test_a_line_of_the_streamed_form_is_a_claim_of_the_report_with_its_file(run: Run) -> None:
    sample = SAMPLES[0]
    report = json.loads(run("scrub", "--format=json", sample).stdout)
    streamed = [json.loads(line) for line in run("scrub", "--format=ndjson", sample).stdout.splitlines()]
    claims = [{"file": str(sample)} | claim for claim in report["files"][0]["claims"]]
    assert streamed == claims


def test_totals_are_those_of_the_claims(run: Run) -> None:
    file = json.loads(run("scrub", "--format=json", SAMPLES[0]).stdout)["files"][0]
    claims, totals = file["claims"], file["totals"]
    rejected = [claim for claim in claims if claim["disposition"] == "rejected"]
    assert totals["claims"] == len(claims) == totals["accepted"] + totals["rejected"]
    assert totals["rejected"] == len(rejected)
    assert float(totals["rejected_charges"]) == sum(float(claim["charge"]) for claim in rejected)
    assert float(totals["charges"]) == sum(float(claim["charge"]) for claim in claims)
    for claim in claims:
        errors = [finding for finding in claim["findings"] if finding["severity"] == "error"]
        assert (claim["disposition"] == "rejected") == bool(errors)


def test_every_location_points_at_the_bytes_it_names(run: Run) -> None:
    data = SAMPLES[0].read_bytes()
    file = json.loads(run("scrub", "--format=json", SAMPLES[0]).stdout)["files"][0]
    elements = [
        (finding["procedure"], finding["location"])
        for claim in file["claims"]
        for finding in claim["findings"]
        if finding["location"]["element"] == "SV101-2"
    ]
    assert elements
    for procedure, location in elements:
        assert data[location["offset"] : location["offset"] + location["length"]].decode() == procedure


def test_text_shows_control_characters_instead_of_obeying_them(run: Run) -> None:
    done = run("scrub", data=to_837p("claim 'A\x1b[31mB'\n37252"))
    assert b"\x1b" not in done.stdout
    assert "A\N{REPLACEMENT CHARACTER}[31mB".encode() in done.stdout


def test_text_says_a_repeated_warning_twice_and_counts_the_rest(run: Run) -> None:
    claims = "\n".join(f"claim C{n} patient=M{n} date=20260302\n37238\n36012\n37252-51 desc=IVC" for n in range(5))
    text = run("scrub", data=to_837p(claims)).stdout.decode()
    assert text.count("IVUS403 multiple-procedure-modifier  [") == 2
    assert "5 IVUS403 multiple-procedure-modifier  (3 not repeated above)" in text


def test_redaction_names_claims_by_their_place(run: Run) -> None:
    for form in FORMATS:
        done = run("scrub", "--redact", "--format", form, data=to_837p("claim SECRET1\n37252 id=SECRET2"))
        assert b"SECRET" not in done.stdout
        assert b"claim 1" in done.stdout


# -- the report that a person reads ---------------------------------------------------------------------------------


def test_text_says_once_what_stands_on_several_lines(run: Run) -> None:
    text = run("scrub", data=to_837p("claim A\n37238\n36012\n37252\n" + "37253 x3\n" * 57)).stdout.decode()
    assert text.count("error IVUS201") == 2  # the first line has the instruction, the others name it
    assert "line 4 37253: error IVUS201" in text
    assert "lines 5-60 37253: error IVUS201" in text
    assert (
        text.count("Bill one unit of 37253 for each additional vessel that is documented")
        == text.count("Fix: See line 4.")
        == 1
    )
    assert "on line 4, line 5, line 6, line 7, line 8 and 52 other lines; the MUE is 5." in " ".join(text.split())
    assert text.count("Bill one line of 37253 with the corrected units.") == text.count("Bill one line") == 1
    assert len(text.splitlines()) < 60


def test_text_does_not_call_an_unknown_amount_nothing(run: Run) -> None:
    faulty = to_837p("claim A\n37238\n36012\n37252\nclaim B\n99213")
    assert ", unknown amount at risk\n" in run("scrub", data=faulty).stdout.decode()
    assert "$927.06 or more at risk\n" in run("scrub", SAMPLES[0]).stdout.decode()
    of_claim = to_837p("claim A charge=1\n37238\n37252")
    assert ", unknown amount at risk\n" in run("scrub", data=of_claim).stdout.decode()


def test_text_says_that_no_dollars_are_at_risk_on_a_line_that_nobody_pays(run: Run) -> None:
    repeated = to_837p("claim A\n37238\n37252\nclaim B\n37252")
    assert (
        "B  REJECTED  claim 2, $100.00, payer 12502, NPI 1234567893, no dollars at risk\n"
        in run("scrub", data=repeated).stdout.decode()
    )


def test_text_sums_several_inputs_up(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.837").write_bytes(SAMPLES[0].read_bytes())
    (tmp_path / "b.837").write_bytes(SAMPLES[0].read_bytes()[:5000])
    text = run("scrub", "a.837", "b.837").stdout.decode()
    files = json.loads(run("scrub", "--format=json", "a.837", "b.837").stdout)["files"]
    whole = text[text.index("All 2 inputs") :]
    claims, rejected = (sum(file["totals"][name] for file in files) for name in ("claims", "rejected"))
    assert f"{claims}: {claims - rejected} accepted, {rejected} rejected" in whole
    assert f"${sum(float(file['totals']['at_risk']) for file in files):,.2f} (national" in whole
    assert "NOT KNOWN  part of 1 input was not read or not judged" in whole
    assert "All 1 input" not in run("scrub", "a.837").stdout.decode()


def test_text_names_what_was_set_aside_and_why(run: Run, tmp_path: Path) -> None:
    (tmp_path / "scrubber.toml").write_text(
        '[payers.12502.ignore]\nX12208 = { reason = "the portal \\u202e rounds" }\n'
    )
    text = run("scrub", SAMPLES[0]).stdout.decode()
    assert "1 finding suppressed by the configuration" in text
    assert "1 X12208 for payer 12502: the portal \N{REPLACEMENT CHARACTER} rounds" in text


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("form", [*FORMATS, "html", "xlsx"])
def test_a_full_disk_is_named(form: str, run: Run) -> None:
    with Path("/dev/full").open("wb") as full:
        done = run("scrub", "--format", form, SAMPLES[0], stdout=full.fileno())
    assert done.returncode == 4
    assert b"cannot be written (No space left on device)" in done.stderr
    assert b"internal fault" not in done.stderr


class _FullDisk(io.BytesIO):
    """Takes so many writes."""

    def __init__(self, writes: int) -> None:
        super().__init__()
        self.left = writes

    def write(self, data: Any) -> int:
        self.left -= 1
        if self.left < 0:
            raise OSError(errno.ENOSPC, "")
        return super().write(data)


@pytest.mark.parametrize("form", ["xml", "html", "xlsx"])
def test_no_write_that_fails_goes_unnoticed(default_engine: Engine, form: str) -> None:
    """Neither lxml nor the archive of a workbook raises the error of its last write itself."""
    report = scrubber.scrub(to_837p("37252"), default_engine.config).files[0]
    tool = describe_tool(load_plugins(), default_engine.config.today)
    writes, ended = 0, False
    while not ended:
        out = _FullDisk(writes)
        try:
            writer = load_format(form).writer(out, tool)
            for claim in report.claims:
                writer.claim("a", claim)
            writer.end_file(report)
            writer.end()
            ended = True
        except OSError:
            assert out.left < 0
        writes += 1
    assert out.getvalue().endswith({"xml": b"</report>\n", "html": b"</html>\n", "xlsx": b"\0\0"}[form])
    assert writes > 1
