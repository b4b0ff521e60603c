"""The HTML report: what it shows, that it is sound, and what it withstands."""

from __future__ import annotations

import json
import re
from collections import Counter
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import attrs
import html5lib
import pytest
from lxml import html

from scrubber.findings.finding import Finding, Location, Severity, Source
from scrubber.findings.report import ClaimReport, FileReport, Observation
from scrubber.outputs.reports.html import tally as tally_module
from scrubber.outputs.reports.html.tally import RunTally
from scrubber.testing import to_837p
from tests.support.command import Run
from tests.support.html_page import SAMPLE, judged, written
from tests.support.paths import FIXTURES, ROOT


def page_of(text: bytes) -> Any:
    return html.document_fromstring(text)


def text_of(element: Any) -> str:
    return " ".join("".join(element.itertext()).split())


@pytest.fixture(scope="module")
def sample() -> bytes:
    return written(judged(SAMPLE.read_bytes()))


def check_sound(text: bytes) -> None:
    """Check what holds of every page: HTML5 by an independent parser, links, identifiers, nothing from outside."""
    html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(text)
    page = page_of(text)
    identifiers = Counter(page.xpath("//@id"))
    assert [name for name, count in identifiers.items() if count > 1] == []
    for link in page.xpath("//@href"):
        assert link.startswith("#")
        assert link[1:] in identifiers
    for name in page.xpath("//@aria-labelledby | //@aria-describedby"):
        assert name in identifiers
    assert (
        page.xpath(
            "//script | //iframe | //img | //link | //object | //form | //@src | //@*[starts-with(name(), 'on')]"
        )
        == []
    )
    assert "url(" not in text.decode()
    assert "@import" not in text.decode()
    levels = [int(heading.tag[1]) for heading in page.xpath("//h1 | //h2 | //h3 | //h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    for table in page.xpath("//table"):
        assert table.xpath("caption")
        assert all(head.get("scope") for head in table.xpath(".//th"))


def test_the_whole_page(run: Run, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    (tmp_path / "fixtures").symlink_to(FIXTURES)
    done = run("scrub", "--format=html", "--report=html=r.html", SAMPLE.relative_to(ROOT))
    assert (done.returncode, done.stderr) == (1, b"")
    golden = FIXTURES / "expected" / "html" / "office_week.html"
    if request.config.getoption("--update-expected"):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_bytes(done.stdout)
    assert done.stdout.decode() == golden.read_text(encoding="utf-8")
    assert (tmp_path / "r.html").read_bytes() == done.stdout


def test_neither_the_hash_seed_nor_the_number_of_processes_changes_a_byte(run: Run) -> None:
    outputs = {
        run("scrub", "--format=html", SAMPLE, *more, PYTHONHASHSEED=seed).stdout
        for seed, more in (("1", ()), ("2", ("--jobs=2",)))
    }
    assert len(outputs) == 1


def test_the_page_is_sound(sample: bytes) -> None:
    check_sound(sample)
    page = page_of(sample)
    assert page.get("lang") == "en"
    assert page.xpath("//main")
    assert page.xpath("//nav/@aria-label")
    assert page.xpath("//a[@class='skip']/@href") == ["#main"]


def test_dollars_are_those_of_the_json_report(run: Run) -> None:
    totals = json.loads(run("scrub", "--format=json", SAMPLE).stdout)["files"][0]["totals"]
    page = page_of(run("scrub", "--format=html", SAMPLE).stdout)
    shown = {text_of(tile.find("dt")): text_of(tile.find("dd/b")) for tile in page.xpath("//dl[@class='tiles']/div")}
    names = {"At risk": "at_risk", "Rejected": "rejected_charges", "Accepted": "accepted_charges", "Billed": "charges"}
    assert shown == {tile: f"${Decimal(totals[name]):,.2f}" for tile, name in names.items()}
    assert f"{totals['rejected']} of {totals['claims']} claims rejected" in text_of(page.find(".//h1"))


def test_every_finding_of_a_claim_is_on_its_card(sample: bytes) -> None:
    claims, _ = judged(SAMPLE.read_bytes())
    page = page_of(sample)
    cards = {card.get("id"): card for card in page.xpath("//article")}
    assert set(cards) == {f"c1-{claim.ordinal}" for claim in claims if claim.findings}
    for claim in filter(lambda claim: claim.findings, claims):
        text = text_of(cards[f"c1-{claim.ordinal}"])
        for finding in claim.findings:
            assert finding.message in text
            assert finding.fix in text
            assert finding.source is not None
            assert f"{finding.source.title} ({finding.source.effective})" in text
            assert finding.location is not None
            assert finding.location.offset is not None
            assert f"byte {finding.location.offset:,}" in text
            if finding.adjustment is not None:
                assert f"CARC {finding.adjustment.group}-{finding.adjustment.carc}" in text


def test_the_work_list_has_the_most_money_at_risk_first(sample: bytes) -> None:
    claims, _ = judged(SAMPLE.read_bytes())
    by_anchor = {f"#c1-{claim.ordinal}": claim for claim in claims}
    listed = [by_anchor[link] for link in page_of(sample).xpath("//ol[@class='work']//a/@href")]
    keys = [(-claim.at_risk, min(f.severity.rank for f in claim.findings), claim.ordinal) for claim in listed]
    assert keys == sorted(keys)
    assert len(keys) == sum(bool(claim.findings) for claim in claims)


@pytest.mark.parametrize(
    ("claim", "line", "column", "shown"),
    [
        ("c1-10", 4, "Units", "4"),
        ("c1-4", 1, "Procedure", "36005"),
        ("c1-12", 3, "Modifiers", "50 26"),
        ("c1-13", 3, "Diagnoses", "not given"),
    ],
)
def test_the_faulty_cell_is_marked_in_words_and_by_a_link(
    sample: bytes, claim: str, line: int, column: str, shown: str
) -> None:
    (table,) = page_of(sample).xpath(f"//article[@id='{claim}']//table")
    place = [text_of(head) for head in table.xpath("thead//th")].index(column)
    row = table.xpath("tbody/tr")[line - 1]
    (mark,) = row[place].xpath("mark")
    assert text_of(mark) == shown
    assert mark.xpath("svg[@aria-hidden='true']")
    link = row[place].xpath("a")[0]
    assert re.fullmatch(r"(error|warning|info), see finding \d+", text_of(link))
    assert link.get("href").startswith(f"#{claim}-f")


def test_a_finding_links_to_what_it_refers_to() -> None:
    others = "\n".join(["93970"] * 70)
    repeated = "claim C patient=M2\n99213-25\nclaim D patient=M2\n99213-25"
    text = written(judged(to_837p(f"claim A\n37238\n{others}\n37252\n36005\nclaim B\n37252\n{repeated}")))
    check_sound(text)
    page = page_of(text)

    def see_also(code: str) -> dict[str, str]:
        (row,) = page.xpath(f"//ol[@class='faults']/li[h4/code='{code}']//div[dt='See also']/dd")
        return {text_of(link): link.get("href") for link in row.xpath("a")}

    assert see_also("IVUS303") == {"line 72": "#c1-1-l72", "line 1 of claim 2 (B)": "#c1-2-l1"}
    assert see_also("IVUS701") == {"line 72 of claim 1 (A)": "#c1-1-l72"}
    assert see_also("X12224") == {}  # claim C has no finding, and so no card
    assert "claim 3: claim that this one repeats" in text_of(page)
    assert text_of(page.xpath("//*[@id='c1-1-l72']/ancestor::tr/td[1]")[0]) == "37252"


def test_a_finding_about_the_claim_marks_what_the_claim_says(sample: bytes) -> None:
    (mark,) = page_of(sample).xpath("//article[@id='c1-16']/dl//mark")
    assert text_of(mark) == "$175.00"


def test_what_encounters_were_counted_for_is_a_table(sample: bytes) -> None:
    claims, _ = judged(SAMPLE.read_bytes())
    seen: Counter[Observation] = Counter()
    for claim in claims:
        seen.update(claim.observations)
    shown: Counter[Observation] = Counter()
    for table in page_of(sample).xpath("//table[@class='panel']"):
        for body in table.xpath("tbody"):
            for row in body.xpath("tr"):
                found, count = row.xpath("td")
                shown[Observation(text_of(table.find("caption")), text_of(body.xpath(".//th")[0]), text_of(found))] = (
                    int(text_of(count))
                )
    assert shown == seen


def test_payers_and_providers_add_up(sample: bytes) -> None:
    claims, report = judged(SAMPLE.read_bytes())
    for name in ("payers", "providers"):
        rows = page_of(sample).xpath(f"//section[@id='{name}']//tbody/tr")
        assert sum(int(text_of(row[1])) for row in rows) == len(claims)
        assert sum(Decimal(text_of(row[6]).strip("$").replace(",", "")) for row in rows) == report.totals.at_risk


def test_mending_all_errors_clears_all_rejected_claims() -> None:
    claims, report = judged(SAMPLE.read_bytes())
    counted = RunTally()
    for claim in claims:
        counted.add(claim)
    counted.add_file(report)
    errors = [edit for edit in counted.edits() if edit.severity is Severity.ERROR]
    cleared = list(counted.cleared_by(errors))
    assert (cleared[-1].claims, cleared[-1].at_risk) == (report.totals.rejected, report.totals.at_risk)
    assert all(before.at_risk <= after.at_risk for before, after in pairwise(cleared))


HOSTILE = "<script>alert(1)</script>\"'&--><img src=x onerror=a>\x00\x1b[31m\u202e\ud800"


def test_hostile_values_stay_text() -> None:
    claims, report = judged(to_837p("claim A\n37252"))
    finding = attrs.evolve(
        claims[0].findings[0],
        message=HOSTILE,
        fix=HOSTILE,
        code=HOSTILE,
        name=HOSTILE,
        location=Location("2400", "SV1", HOSTILE),
        source=Source(HOSTILE, HOSTILE),
    )
    hostile = attrs.evolve(
        claims[0],
        claim=HOSTILE,
        payer=HOSTILE,
        billing_npi=HOSTILE,
        findings=(finding,),
        observations=(Observation(HOSTILE, HOSTILE, HOSTILE),),
    )
    report = attrs.evolve(report, path=HOSTILE, findings=(attrs.evolve(finding, line=None),), readable=False)
    text = written(([hostile], report))
    check_sound(text)
    decoded = text.decode()
    assert "<img" not in decoded
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e]", decoded)
    (heading,) = page_of(text).xpath("//article//h3")
    assert text_of(heading).startswith("<script>alert(1)</script>\"'&--><img src=x onerror=a>\N{REPLACEMENT CHARACTER}")


def test_a_claim_number_from_a_file_is_text(run: Run) -> None:
    text = run("scrub", "--format=html", data=to_837p("claim '<b>\"O&1'\n37252")).stdout
    check_sound(text)
    assert text_of(page_of(text).xpath("//article//h3")[0]).startswith('<b>"O&1')


def test_a_page_holds_no_name(run: Run) -> None:
    text = run("scrub", "--format=html", "--redact", data=to_837p("claim SECRET1\n37252 id=SECRET2")).stdout
    assert b"SECRET" not in text
    assert b"TESTPATIENT" not in text
    assert b"claim 1" in text


def test_a_file_not_read_whole_comes_first_and_loud(run: Run, tmp_path: Path) -> None:
    (tmp_path / "whole.837").write_bytes(SAMPLE.read_bytes())
    (tmp_path / "cut.837").write_bytes(SAMPLE.read_bytes()[:5000])
    (tmp_path / "none.837").write_bytes(b"")
    done = run("scrub", "--format=html", "whole.837", "cut.837", "none.837")
    assert done.returncode == 3
    check_sound(done.stdout)
    page = page_of(done.stdout)
    assert text_of(page.find(".//h1")) == "2 of 3 inputs were not completely read"
    first = page.xpath("//main/*")[0]
    assert first.get("class") == "alert error"
    assert text_of(first.find("h2")).startswith("Not known")
    assert "cut.837, none.837" in text_of(first)
    report = json.loads(run("scrub", "--format=json", "whole.837", "cut.837", "none.837").stdout)
    for file in report["files"]:
        for finding in file["findings"]:
            assert finding["message"] in text_of(first)
    assert {card.get("id").split("-")[0] for card in page.xpath("//article")} == {"c1", "c2"}
    rows = page.xpath("//section[@id='files']//tbody/tr")
    assert [text_of(row[1]) for row in rows] == ["not whole", "not whole", "whole"]


def test_errors_of_the_file_alone_are_not_called_accepted() -> None:
    claims, report = judged(to_837p("claim A\n99213"))
    fault = Finding("X12101", "a-fault", Severity.ERROR, "The trailer is wrong.", "Correct it.")
    report = attrs.evolve(report, findings=(fault,))
    page = page_of(written((claims, report)))
    assert "the file itself has errors" in text_of(page.find(".//h1"))


@pytest.mark.parametrize(
    ("shorthand", "verdict"),
    [("claim A\n99213", "The claim is accepted"), ("claim A\n99213\nclaim B\n99214", "All 2 claims accepted")],
)
def test_a_clean_file_says_so(shorthand: str, verdict: str) -> None:
    text = written(judged(to_837p(shorthand)))
    check_sound(text)
    assert text_of(page_of(text).find(".//h1")) == verdict
    assert "No claim has a finding." in text_of(page_of(text).xpath("//section[@id='work']")[0])


def test_no_input_at_all_is_a_sound_page() -> None:
    text = written()
    check_sound(text)
    page = page_of(text)
    assert text_of(page.find(".//h1")) == "No claims found"
    assert page.xpath("//section[@id='payers' or @id='providers']") == []


def many(count: int) -> tuple[list[ClaimReport], FileReport]:
    """Return so many flagged claims, each like one of the sample under another number."""
    claims, report = judged(SAMPLE.read_bytes())
    flagged = [claim for claim in claims if claim.rejected]
    report = attrs.evolve(report, totals=type(report.totals)())
    more = []
    for ordinal in range(1, count + 1):
        like = flagged[ordinal % len(flagged)]
        more.append(attrs.evolve(like, ordinal=ordinal, claim=f"N{ordinal}", at_risk=like.at_risk + ordinal))
        report.totals.add(more[-1])
    return more, report


def test_what_is_beyond_the_limit_is_counted_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    kept, left = 130, 20
    monkeypatch.setattr(tally_module, "CLAIMS_KEPT", kept)
    claims, report = many(kept + left)
    text = written((claims, report))
    check_sound(text)
    page = page_of(text)
    wanted = sorted(claims, key=lambda claim: (-claim.at_risk, claim.ordinal))[:kept]
    assert page.xpath("//article/@id") == [f"c1-{claim.ordinal}" for claim in wanted]
    said = text_of(page.xpath("//section[@id='work']/p")[0])
    assert f"{left} claims with less at risk are not on this page but in the JSON report" in said
    assert f"{kept + left} claims with findings" in said
    folds = ["Claims 26 to 125 of 130", "Claims 126 to 130 of 130"]
    assert [text_of(summary) for summary in page.xpath("//summary")] == folds * 2


def test_payers_beyond_the_limit_are_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally_module, "_NAMES", 2)
    claims, report = many(6)
    claims = [attrs.evolve(claim, payer=f"P{claim.ordinal}") for claim in claims]
    rows = page_of(written((claims, report))).xpath("//section[@id='payers']//tbody/tr")
    assert {text_of(row[0]): text_of(row[1]) for row in rows} == {"P1": "1", "P2": "1", "all others": "4"}


def test_a_card_shows_faulty_lines_whatever_their_number() -> None:
    (claim,), report = judged(to_837p("claim A\n37238\n37252 x9"))
    assert claim.detail is not None
    line = claim.detail.lines[0]
    lines = [attrs.evolve(line, number=number) for number in range(1, 200)]
    finding = attrs.evolve(claim.findings[0], line=150)
    claim = attrs.evolve(claim, findings=(finding,), detail=attrs.evolve(claim.detail, lines=tuple(lines)))
    card = page_of(written(([claim], report))).xpath("//article")[0]
    assert [text_of(row[0]) for row in card.xpath(".//tbody/tr")] == [*map(str, range(1, 61)), "150"]
    assert "138 lines without a finding not shown." in text_of(card)


def test_many_inputs_are_listed_after_all_else() -> None:
    claims, report = judged(to_837p("claim A\n37252"))
    text = written(*[(claims, attrs.evolve(report, path=f"{number}.837")) for number in range(1, 21)])
    check_sound(text)
    page = page_of(text)
    assert page.xpath("//section[@id='files']") == []
    rows = page.xpath("//section[@id='basis']//table")[0].xpath("tbody/tr")
    assert [text_of(row[0]) for row in rows] == [f"{number}. {number}.837" for number in range(1, 21)]
    assert "input 20" in text_of(page.xpath("//ol[@class='work']/li")[-1])


def test_a_claim_whose_lines_were_not_opened_has_its_findings() -> None:
    (claim,), report = judged(to_837p("claim A\n37252"))
    text = written(([attrs.evolve(claim, detail=None)], report))
    check_sound(text)
    card = page_of(text).xpath("//article")[0]
    assert "Its lines were not opened." in text_of(card)
    assert claim.findings[0].message in text_of(card)


def test_findings_set_aside_stay_visible(run: Run, tmp_path: Path) -> None:
    (tmp_path / "scrubber.toml").write_text('[payers.12502.ignore]\nIVUS402 = { reason = "<their> letter" }\n')
    page = page_of(run("scrub", "--format=html", SAMPLE).stdout)
    (aside,) = page.xpath("//article[@id='c1-12']/div[@class='suppressed']")
    assert "IVUS402, line 3: <their> letter" in text_of(aside)
    assert "1 suppressed by the configuration" in text_of(page.xpath("//section[@id='verdict']")[0])


def test_a_decision_shows_though_its_claim_has_no_card(run: Run, tmp_path: Path) -> None:
    (tmp_path / "scrubber.toml").write_text('[payers.12502.ignore]\nX12208 = { reason = "<the portal> rounds" }\n')
    done = run("scrub", "--format=html", SAMPLE)
    check_sound(done.stdout)
    page = page_of(done.stdout)
    assert page.xpath("//article[@id='c1-16']") == []
    (row,) = page.xpath("//section[@id='suppressed']//tbody/tr")
    assert [text_of(cell) for cell in row] == ["X12208", "12502", "<the portal> rounds", "1"]
    assert page.xpath("//nav//a[@href='#suppressed']")


def test_a_page_counts_in_grammar_and_says_what_is_not_known() -> None:
    (claim,), report = judged(to_837p("claim ZZZ\n37238\n37252").replace(b"CLM*ZZZ", b"CLM*"))
    assert claim.rejected
    assert not claim.at_risk
    text = written(([claim], report))
    check_sound(text)
    page = page_of(text)
    assert text_of(page.find(".//h1")) == "The claim is rejected"
    assert "Findings: 1 error, 0 warnings, 1 info." in text_of(page.xpath("//section[@id='verdict']")[0])
    assert "unknown amount at risk" in text_of(page.xpath("//section[@id='work']")[0])
    assert "$" not in text_of(page.xpath("//section[@id='pareto']//*[local-name()='svg']")[0])
    assert page.xpath("//dl[@class='tiles']/div/@class")[0] == "risk none"


def test_edits_are_shown_with_their_titles(sample: bytes) -> None:
    text = text_of(page_of(sample).xpath("//section[@id='edits']")[0])
    for title in ("IVUS201 Units over the MUE", "IVUS101 Add-on code without a primary procedure"):
        assert title in text


# -- colours --------------------------------------------------------------------------------------------------------

STYLE = (ROOT / "scrubber" / "outputs" / "reports" / "html" / "page.css").read_text(encoding="utf-8")


def luminance(color: str) -> float:
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [0, 1, 2], ids=["light", "dark", "print"])
def test_colours_have_the_contrast_of_wcag_aa(scheme: int) -> None:
    block = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
    tokens = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", [text for text in block if "--ink" in text][scheme]))
    grounds = ("page", "card", "sunk")
    pairs = [(ink, ground) for ink in ("ink", "soft", "link") for ground in grounds]
    pairs += [(kind, f"{kind}-wash") for kind in ("error", "warning", "info", "ok")]
    pairs += [("ink", "error-wash"), ("ink", "warning-wash"), ("link", "card"), ("error", "card")]
    for ink, ground in pairs:
        assert contrast(tokens[ink], tokens[ground]) >= 4.5, (ink, ground)
    for bar in ("part", "sum"):
        assert contrast(tokens[bar], tokens["sunk"]) >= 3, bar
