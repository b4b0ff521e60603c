"""The XML report: valid by its schema whatever the input holds, and the same claims and dollars as the JSON report."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any
from unicodedata import category

import pytest
from hypothesis import given
from lxml import etree

from scrubber.findings.report import ClaimReport, FileReport, Totals
from scrubber.outputs.reports.xml import NAMESPACE, XmlWriter
from scrubber.testing import to_837p
from tests.support.command import Run
from tests.support.paths import FIXTURES, ROOT
from tests.support.reports import BARE_TOOL, HOSTILE, TEXTS, hostile_file, json_report, write_reports

XSD = ROOT / "scrubber" / "outputs" / "reports" / "report.xsd"
SCHEMA = etree.XMLSchema(file=str(XSD))
EXPECTED = sorted((FIXTURES / "expected" / "xml").glob("*.xml"))


def _read(document: bytes) -> Any:
    root = etree.fromstring(document)
    SCHEMA.assertValid(root)
    return root


def _all(node: Any, path: str) -> list[Any]:
    found: list[Any] = node.xpath(path, namespaces={"r": NAMESPACE})
    return found


def _clean(text: str) -> str:
    """What is left of a text: no control or format characters, and no separators but blanks."""
    return "".join(
        char if char == " " or category(char)[0] not in "CZ" else "\N{REPLACEMENT CHARACTER}" for char in text
    )


@pytest.mark.parametrize("expected", EXPECTED, ids=lambda path: path.stem)
def test_expected_outputs_are_valid(expected: Path) -> None:
    _read(expected.read_bytes())


def test_the_report_is_the_json_report_as_a_tree(office_week: Path) -> None:
    root = _read((office_week / "r.xml").read_bytes())
    (file,) = json_report(office_week)["files"]
    claims = _all(root, "r:file/r:claim")
    assert [claim.get("number") for claim in claims] == [claim["claim"] for claim in file["claims"]]
    for element, claim in zip(claims, file["claims"], strict=True):
        for name in ("disposition", "charge", "at-risk", "payer", "billing-npi"):
            assert element.get(name) == claim[name.replace("-", "_")]
        assert len(_all(element, "r:line")) == claim["lines"]
        found = [
            (node.get("code"), node.getparent().get("number") if node.getparent() is not element else None)
            for node in _all(element, ".//r:finding")
        ]
        assert found == [
            (finding["code"], None if finding["line"] is None else str(finding["line"]))
            for finding in claim["findings"]
        ]
        related = [
            (node.get("role"), node.get("number"), int(node.get("ordinal")), int(node.get("line")))
            for node in _all(element, ".//r:related")
        ]
        assert related == [
            (each["role"], each["claim"], each["ordinal"], each["line"])
            for finding in claim["findings"]
            for each in finding["related"]
        ]
    (totals,) = _all(root, "r:file/r:summary/r:totals")
    assert {name.replace("-", "_"): value for name, value in totals.attrib.items()} == {
        name: str(value) for name, value in file["totals"].items()
    }


def test_the_sample_passes_xmllint(run: Run, tmp_path: Path) -> None:
    xmllint = shutil.which("xmllint")
    if xmllint is None:
        pytest.skip("xmllint (libxml2-utils) is not installed")
    (tmp_path / "hostile.837").write_bytes(hostile_file())
    write_reports(run, *(FIXTURES / "claims").glob("*.837"), "hostile.837")
    done = subprocess.run(
        [xmllint, "--noout", "--schema", XSD, tmp_path / "r.xml"], capture_output=True, check=False, text=True
    )
    assert done.returncode == 0, done.stderr


def test_hostile_claim_numbers_are_values_and_nothing_else(run: Run, tmp_path: Path) -> None:
    write_reports(run, data=hostile_file())
    root = _read((tmp_path / "r.xml").read_bytes())
    names = [claim["claim"] for claim in json_report(tmp_path)["files"][0]["claims"]]
    assert len(names) == len(HOSTILE)
    assert [claim.get("number", "") for claim in _all(root, "r:file/r:claim")] == [_clean(name) for name in names]


def test_lines_show_what_was_billed_and_hold_their_findings(run: Run, tmp_path: Path) -> None:
    write_reports(run, data=to_837p("claim A pos=22 freq=7\n37238-LT on=20240805-20240806\n37252-RT-59 x2 charge=12.5"))
    (claim,) = _all(_read((tmp_path / "r.xml").read_bytes()), "r:file/r:claim")
    assert (claim.get("frequency"), claim.get("place-of-service"), claim.get("diagnoses")) == ("7", "22", "I70213 I739")
    first, second = _all(claim, "r:line")
    assert (first.get("first-day"), first.get("last-day")) == ("2024-08-05", "2024-08-06")
    assert (second.get("modifiers"), second.get("units"), second.get("charge")) == ("RT 59", "2", "12.50")
    assert "IVUS201" in [finding.get("code") for finding in _all(second, "r:finding")]
    (message, *_) = _all(second, "r:finding/r:message/text()")
    assert message


def test_several_inputs_and_unreadable_ones_share_a_document(run: Run, tmp_path: Path) -> None:
    strange = os.fsdecode(b"a <b> \xff.837")
    (tmp_path / strange).write_bytes(to_837p("37252"))
    (tmp_path / "no.837").write_bytes(b"hello")
    assert write_reports(run, strange, "no.837", "none.837").returncode == 3
    root = _read((tmp_path / "r.xml").read_bytes())
    assert _all(root, "r:file/@path") == ["a <b> \N{REPLACEMENT CHARACTER}.837", "no.837", "none.837"]
    assert _all(root, "r:file/r:summary/@readable") == ["true", "false", "false"]
    assert _all(root, "r:file/r:finding/@code") == ["X12101", "X12100"]
    assert len(_all(root, "r:file/r:summary/@sha256")) == 2


def test_findings_set_aside_keep_their_reason(run: Run, tmp_path: Path) -> None:
    (tmp_path / "scrubber.toml").write_text('[payers.12502.ignore]\nIVUS403 = { reason = "letter <1>" }\n')
    write_reports(run, data=to_837p("37238\n36012\n37252-51"))
    (suppressed,) = _all(_read((tmp_path / "r.xml").read_bytes()), "//r:suppressed")
    assert dict(suppressed.attrib) == {"code": "IVUS403", "line": "3", "reason": "letter <1>"}


def test_a_run_without_inputs_is_a_document() -> None:
    out = io.BytesIO()
    XmlWriter(out, BARE_TOOL).end()
    assert [child.tag for child in _read(out.getvalue())] == [f"{{{NAMESPACE}}}tool"]


@pytest.mark.parametrize(
    ("attribute", "value"),
    [("charge", "1.5"), ("charge", "1E2"), ("disposition", "maybe"), ("ordinal", "0"), ("frequency", "77"), ("x", "1")],
)
def test_the_schema_is_tight(attribute: str, value: str) -> None:
    root = _read(EXPECTED[0].read_bytes())
    _all(root, "r:file/r:claim")[0].set(attribute, value)
    assert not SCHEMA.validate(root)


@given(name=TEXTS, path=TEXTS, payer=TEXTS)
def test_any_text_gives_a_valid_document_that_holds_it(name: str, path: str, payer: str) -> None:
    out = io.BytesIO()
    writer = XmlWriter(out, BARE_TOOL)
    claim = ClaimReport(name, 1, None, 0, payer, "", Decimal(0), 0)
    writer.claim(path, claim)
    writer.end_file(FileReport(path, totals=Totals(claims=1)))
    writer.end()
    (element,) = _all(_read(out.getvalue()), "r:file/r:claim")
    assert (element.get("number", ""), element.get("payer", "")) == (_clean(name), _clean(payer))
    assert element.getparent().get("path", "") == _clean(path)
