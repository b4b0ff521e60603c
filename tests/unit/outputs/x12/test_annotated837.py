"""The annotated 837: where a note goes, what it says, and what never changes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scrubber.api import load_settings, make_engine
from scrubber.claims.model import Claim
from scrubber.config import Ignore, PayerConfig
from scrubber.engine.judge import Engine
from scrubber.findings.finding import Finding, Severity
from scrubber.outputs.x12.annotated837 import note_text
from scrubber.testing import Form, to_837p
from scrubber.x12.segment import Delimiters
from tests.support.command import Run
from tests.support.oracle import pyx12_errors
from tests.support.paths import FIXTURES
from tests.support.planted import Planting, error_on, planted
from tests.support.x12_files import amounts, check_numbering, check_only_added, segments_of, write

COMMON = Delimiters("*", ":", "^", "~")
BASIC = re.compile(r"""[A-Z0-9 !"&'()*+,\-./:;?=]*""")
OUR_NOTE = "TEST001 ERROR A TEST. DO THIS."
OTHERS = "NOTE OF ANOTHER HOUSE"

LINE_BEFORE = {
    "SV5": "SV5*HC:A4631*DA*30*50*5000*4",
    "PWK": "PWK*OZ*BM***AC*DMN0012",
    "CR1": "CR1*LB*140**A*DH*12",
    "CR3": "CR3*I*MO*12",
    "CRC": "CRC*07*Y*01",
    "DTP": "DTP*471*D8*20240801",
    "QTY": "QTY*PT*2",
    "MEA": "MEA*TR*HT*65",
    "CN1": "CN1*04*550",
    "REF": "REF*9F*R123",
    "AMT": "AMT*T*45",
    "K3": "K3*STATE DATA",
    "NTE": "NTE*ADD*PATIENT CAME LATE",
}
LINE_AFTER = {
    "PS1": "PS1*PN222222*110",
    "HCP": "HCP*03*100*10",
    "LIN": "LIN**N4*01234567891~CTP****2*UN",
    "NM1": "NM1*82*1*TESTDOCTOR*PAT****XX*1999999984",
    "SVD": "SVD*43*55*HC:99213**3~DTP*573*D8*20240901",
    "LQ": "LQ*UT*01.02~FRM*1A*Y",
}
CLAIM_BEFORE = {
    "DTP": "DTP*431*D8*20240801",
    "PWK": "PWK*OZ*BM***AC*DMN0012",
    "CN1": "CN1*02*550",
    "AMT": "AMT*F5*152.45",
    "REF": "REF*G1*13579",
    "K3": "K3*STATE DATA",
}
CLAIM_AFTER = {
    "CR1": "CR1*LB*140**A*DH*12",
    "CR2": "CR2********M",
    "CRC": "CRC*07*Y*01",
    "HI": "HI*ABK:I70213",
    "HCP": "HCP*03*100*10",
    "NM1": "NM1*DN*1*TESTREFERRER*AL****XX*1999999984",
    "SBR": "SBR*S*18*GR00786******13~OI***Y***Y~NM1*IL*1*TESTPATIENT*ANN****MI*M2~NM1*PR*2*OTHER PAYER*****PI*43",
    "LX": "",
}
EARLY = {"SV5", "PWK", "CR1", "CR3", "CRC"}
"""The segments of a line that come before its date of service."""


def on_lines(claim: Claim) -> list[Finding]:
    return [error_on(claim, line.number) for line in claim.lines]


def on_claim(claim: Claim) -> list[Finding]:
    return [error_on(claim)]


def everywhere(claim: Claim) -> list[Finding]:
    return [*on_claim(claim), *on_lines(claim)]


def bare(name: str) -> Finding:
    """A finding on nothing in particular."""
    return Finding("TEST001", name, Severity.ERROR, "m", "Do this.")


def with_segments(data: bytes, claim: str, behind: str, *texts: str) -> bytes:
    """Insert segments behind the first one that begins with `behind` in a claim, and recount SE01."""
    segments = data.decode("latin-1").split("~\n")
    start = next(place for place, text in enumerate(segments) if text.startswith(f"CLM*{claim}*"))
    place = next(place for place in range(start, len(segments)) if segments[place].startswith(behind)) + 1
    segments[place:place] = [text for joined in texts if joined for text in joined.split("~")]
    opened = next(place for place, text in enumerate(segments) if text.startswith("ST*"))
    closed = next(place for place, text in enumerate(segments) if text.startswith("SE*"))
    segments[closed] = re.sub(r"^SE\*\d+", f"SE*{closed - opened + 1}", segments[closed])
    return "~\n".join(segments).encode("latin-1")


def claim_file(count: int, settings: str = "by=1234567893") -> bytes:
    return to_837p("\n".join(f"claim C{number:02} patient=M{number} {settings}\n99213" for number in range(count)))


def ids(text: str) -> list[str]:
    return [segment.partition("*")[0] for segment in text.split("~") if segment]


def of_claim(data: bytes, number: str = "C00") -> list[list[str]]:
    """Return the segments of a claim with its lines."""
    segments = segments_of(data)
    start = segments.index(next(segment for segment in segments if segment[:2] == ["CLM", number]))
    end = next(place for place in range(start + 1, len(segments)) if segments[place][0] in {"CLM", "HL", "SE"})
    return segments[start:end]


def order(data: bytes, number: str = "C00") -> tuple[list[str], list[str]]:
    """Return the segment identifiers of a claim: in front of the first line, and from there."""
    names = [segment[0] for segment in of_claim(data, number)]
    cut = names.index("LX")
    return names[:cut], names[cut:]


def notes(data: bytes) -> list[str]:
    return [segment[2] for segment in segments_of(data) if segment[:2] == ["NTE", "TPO"]]


def behind_of(name: str) -> str:
    return "SV1" if name in EARLY else "DTP*472"


# -- where notes go ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LINE_BEFORE)
def test_a_line_note_goes_behind_what_the_guide_puts_in_front(name: str, default_engine: Engine) -> None:
    data = with_segments(claim_file(1), "C00", behind_of(name), LINE_BEFORE[name])
    _, line = order(write(data, planted(default_engine, on_lines)).files["annotated"])
    kept = ["SV1", name, "DTP"] if name in EARLY else ["SV1", "DTP", name]
    assert line == ["LX", *kept, "NTE"]


@pytest.mark.parametrize("name", LINE_AFTER)
def test_a_line_note_goes_in_front_of_what_the_guide_puts_behind(name: str, default_engine: Engine) -> None:
    data = with_segments(claim_file(1), "C00", "DTP*472", LINE_AFTER[name])
    _, line = order(write(data, planted(default_engine, on_lines)).files["annotated"])
    assert line == ["LX", "SV1", "DTP", "NTE", *ids(LINE_AFTER[name])]


@pytest.mark.parametrize("name", CLAIM_BEFORE)
def test_a_claim_note_goes_behind_what_the_guide_puts_in_front(name: str, default_engine: Engine) -> None:
    data = with_segments(claim_file(1), "C00", "CLM", CLAIM_BEFORE[name])
    claim, _ = order(write(data, planted(default_engine, on_claim)).files["annotated"])
    assert claim == ["CLM", name, "NTE", "HI"]


@pytest.mark.parametrize("name", CLAIM_AFTER)
def test_a_claim_note_goes_in_front_of_what_the_guide_puts_behind(name: str, default_engine: Engine) -> None:
    data = with_segments(claim_file(1, "by=1234567893 dx=none"), "C00", "CLM", CLAIM_AFTER[name])
    claim, line = order(write(data, planted(default_engine, on_claim)).files["annotated"])
    assert claim == ["CLM", "NTE", *ids(CLAIM_AFTER[name])]
    assert line == ["LX", "SV1", "DTP"]


def test_notes_stand_in_the_middle_of_a_claim_that_has_everything(default_engine: Engine) -> None:
    data = claim_file(1, "")
    data = with_segments(data, "C00", "CLM", *CLAIM_BEFORE.values(), *(CLAIM_AFTER[n] for n in ("CR1", "CR2", "CRC")))
    data = with_segments(data, "C00", "NM1*82", CLAIM_AFTER["SBR"])
    data = with_segments(data, "C00", "DTP*472", *(LINE_BEFORE[n] for n in LINE_BEFORE if n not in EARLY))
    data = with_segments(data, "C00", "SV1", *(LINE_BEFORE[name] for name in LINE_BEFORE if name in EARLY))
    data = with_segments(data, "C00", "NTE*ADD", *LINE_AFTER.values())
    assert pyx12_errors(data) == []
    annotated = write(data, planted(default_engine, everywhere)).files["annotated"]
    assert pyx12_errors(annotated) == []
    claim, line = order(annotated)
    assert claim[claim.index("NTE") - 1 :][:3] == ["K3", "NTE", "CR1"]
    assert line[line.index("PS1") - 2 :][:3] == ["NTE", "NTE", "PS1"]


def every_place(*, taken: bool) -> bytes:
    """One claim for each segment above; `taken`: with a note of another house on each line and claim."""
    data = claim_file(40)
    number = 0
    for texts, behind in ((LINE_BEFORE, ""), (LINE_AFTER, ""), (CLAIM_BEFORE, "CLM"), (CLAIM_AFTER, "CLM")):
        for name, text in texts.items():
            claim = f"C{number:02}"
            number += 1
            if texts is CLAIM_AFTER and name in {"HI", "LX", "HCP", "NM1", "SBR"}:
                behind = "HI"  # noqa: PLW2901
            own = "" if name in {"HI", "LX"} else text
            if taken:
                front = [own, "NTE*TPO*" + OTHERS]
                data = with_segments(data, claim, "CLM", *(front if texts is CLAIM_BEFORE else front[1:]))
                behind_note = behind if behind != "CLM" else "NTE"
                if texts is CLAIM_AFTER:
                    data = with_segments(data, claim, behind_note, own)
                last = [own, front[1]] if texts is LINE_BEFORE and name not in EARLY else [front[1]]
                last += [own] if texts is LINE_AFTER else []
                data = with_segments(data, claim, "DTP*472", *last)
                if texts is LINE_BEFORE and name in EARLY:
                    data = with_segments(data, claim, "SV1", own)
            else:
                data = with_segments(data, claim, behind or behind_of(name), own)
    return data


@pytest.mark.parametrize("taken", [False, True])
def test_pyx12_accepts_a_note_at_every_place(*, taken: bool, default_engine: Engine) -> None:
    data = every_place(taken=taken)
    assert pyx12_errors(data) == []
    written = write(data, planted(default_engine, everywhere), k3=True)
    added = len(segments_of(written.files["annotated"])) - len(segments_of(data))
    assert (added, written.report.not_annotated) == (80, 0)
    assert pyx12_errors(written.files["annotated"]) == []
    check_only_added(data, written.files["annotated"])
    assert (
        write(written.files["annotated"], planted(default_engine, everywhere), k3=True).files["annotated"]
        == (written.files["annotated"])
    )


def test_a_line_without_sv1_gets_its_note(default_engine: Engine) -> None:
    data = to_837p("claim C00\n99213 drop=SV1\n99214 drop=SV1")
    segments = of_claim(write(data, planted(default_engine, on_lines)).files["annotated"])
    assert [segment[0] for segment in segments][-6:] == ["LX", "DTP", "NTE"] * 2


@pytest.mark.parametrize("lines", ["99213 drop=LX", "99213 drop=LX\n99214 drop=LX", "99213\n99214 drop=LX"])
@pytest.mark.parametrize("k3", [False, True])
def test_a_line_without_lx_has_no_place_for_a_note_and_is_counted(
    lines: str, *, k3: bool, default_engine: Engine
) -> None:
    data = to_837p(f"claim C00\n{lines}")
    written = write(data, planted(default_engine, on_lines), k3=k3)
    assert written.report.not_annotated == lines.count("drop")
    assert len(notes(written.files["annotated"])) == (1 if lines.startswith("99213\n") else 0)
    check_only_added(data, written.files["annotated"])


def test_k3_is_not_promised_to_a_line_that_has_no_place_for_it(default_engine: Engine) -> None:
    written = write(to_837p("claim C00\n99213 drop=LX"), planted(default_engine, on_lines))
    assert not any("annotate-k3" in note for note in written.notes)


def test_a_note_goes_to_the_line_it_is_about(default_engine: Engine) -> None:
    data = to_837p("claim A\n99213\n99214\n99215\nclaim B patient=M2\n99213\n99214")

    def second_of_first(claim: Claim) -> list[Finding]:
        return [error_on(claim, 2)] if claim.ordinal == 1 else [error_on(claim, 1)]

    annotated = write(data, planted(default_engine, second_of_first)).files["annotated"]
    lines = [[s[1] for s in of_claim(annotated, name) if s[0] in {"LX", "NTE"}] for name in "AB"]
    assert lines == [["1", "2", "TPO", "3"], ["1", "TPO", "2"]]


# -- where a note is there already -------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["ADD", "DCP"])
def test_a_line_takes_our_note_beside_the_providers(code: str, default_engine: Engine) -> None:
    data = with_segments(claim_file(1), "C00", "DTP*472", f"NTE*{code}*PROVIDER SAYS")
    written = write(data, planted(default_engine, on_lines))
    assert of_claim(written.files["annotated"])[-2:] == [["NTE", code, "PROVIDER SAYS"], ["NTE", "TPO", OUR_NOTE]]
    assert written.report.not_annotated == 0
    assert pyx12_errors(written.files["annotated"]) == []


@pytest.mark.parametrize("code", ["ADD", "CER", "DCP", "DGN", "TPO"])
def test_a_claim_with_any_note_keeps_it_alone(code: str, default_engine: Engine) -> None:
    data = with_segments(claim_file(1), "C00", "CLM", f"NTE*{code}*THEIR NOTE")
    written = write(data, planted(default_engine, on_claim))
    assert written.files["annotated"] == data
    assert written.report.not_annotated == 1
    with_k3 = write(data, planted(default_engine, on_claim), k3=True)
    assert of_claim(with_k3.files["annotated"])[1:3] == [["K3", OUR_NOTE], ["NTE", code, "THEIR NOTE"]]
    assert with_k3.report.not_annotated == 0


def test_a_line_keeps_its_own_tpo_note_and_ours_is_counted(default_engine: Engine) -> None:
    data = with_segments(claim_file(2), "C00", "DTP*472", f"NTE*TPO*{OTHERS}")
    written = write(data, planted(default_engine, on_lines))
    assert notes(written.files["annotated"]) == [OTHERS, OUR_NOTE]
    assert written.report.not_annotated == 1
    assert [note for note in written.notes if "no room" in note] == [
        "1 lines or claims had no room for a note on their findings (--annotate-k3 writes them to K3)"
    ]
    with_k3 = write(data, planted(default_engine, on_lines), k3=True)
    assert of_claim(with_k3.files["annotated"])[-2:] == [["K3", OUR_NOTE], ["NTE", "TPO", OTHERS]]
    assert with_k3.report.not_annotated == 0
    assert not any("no room" in note for note in with_k3.notes)


@pytest.mark.parametrize(("there", "added", "counted"), [(1, 1, 0), (9, 1, 0), (10, 0, 1), (11, 0, 1)])
@pytest.mark.parametrize(("behind", "plant"), [("CLM", on_claim), ("DTP*472", on_lines)], ids=["claim", "line"])
def test_an_eleventh_k3_is_never_written(
    there: int, added: int, counted: int, behind: str, plant: Planting, default_engine: Engine
) -> None:
    infos = [f"K3*STATE DATA {number}" for number in range(there)]
    data = with_segments(claim_file(1), "C00", behind, *infos, f"NTE*TPO*{OTHERS}")
    written = write(data, planted(default_engine, plant), k3=True)
    found_infos = [segment[1] for segment in of_claim(written.files["annotated"]) if segment[0] == "K3"]
    assert found_infos == [info.partition("*")[2] for info in infos] + [OUR_NOTE] * added
    assert written.report.not_annotated == counted


def test_ten_k3_leave_the_note_its_place(default_engine: Engine) -> None:
    data = with_segments(claim_file(1), "C00", "DTP*472", *(f"K3*STATE DATA {number}" for number in range(10)))
    annotated = write(data, planted(default_engine, on_lines), k3=True).files["annotated"]
    assert of_claim(annotated)[-2:] == [["K3", "STATE DATA 9"], ["NTE", "TPO", OUR_NOTE]]


def test_what_is_not_annotated_is_said_and_changes_no_exit_code(run: Run, tmp_path: Path) -> None:
    data = with_segments(to_837p("claim C00\n37252\n37253"), "C00", "DTP*472", f"NTE*TPO*{OTHERS}")
    without = run("scrub", "--format=json", data=data)
    done = run("scrub", "--format=json", "--annotated=a.837", data=data)
    assert done.returncode == without.returncode == 1
    assert b"1 lines or claims had no room" in done.stderr
    assert without.stderr == b""
    assert json.loads(done.stdout)["files"][0]["not_annotated"] == 1
    assert "not_annotated" not in json.loads(without.stdout)["files"][0]
    assert notes((tmp_path / "a.837").read_bytes())[0] == OTHERS
    done = run("scrub", "--format=json", "--annotated=b.837", "--annotate-k3", data=data)
    assert (done.returncode, done.stderr) == (1, b"")
    assert json.loads(done.stdout)["files"][0]["not_annotated"] == 0


# -- what notes say ---------------------------------------------------------------------------------------------------

DELIMITERS = [
    COMMON,
    Delimiters("|", ">", "!", "\n"),
    Delimiters("*", ".", "^", "~"),
    Delimiters("*", "-", "^", "~"),
    Delimiters("+", ":", "!", "'"),
    Delimiters(",", "=", "?", ";"),
    Delimiters("/", "&", '"', ")"),
]


def name_of(marks: Delimiters) -> str:
    return repr(marks.element + marks.component + marks.repetition + marks.segment)


@pytest.mark.parametrize("marks", DELIMITERS, ids=name_of)
def test_a_note_holds_no_delimiter_of_its_file(marks: Delimiters, default_engine: Engine) -> None:
    data = to_837p("claim A\n37252 x2\n37253-50", Form(marks, "" if marks.segment == "\n" else "\n"))
    written = write(data, default_engine)
    texts = notes(written.files["annotated"])
    assert [text[:13] for text in texts] == ["IVUS101 ERROR"] * 2
    for text in texts:
        assert BASIC.fullmatch(text)
        assert not set(text) & {marks.element, marks.component, marks.repetition, marks.segment}
        assert "  " not in text
    check_only_added(data, written.files["annotated"])
    check_numbering(written.files["annotated"])


@pytest.mark.parametrize(
    "marks",
    [Delimiters("*", ".", "^", "~"), Delimiters("*", "-", "^", "~"), Delimiters("+", ":", "!", "'")],
    ids=name_of,
)
def test_pyx12_reads_notes_between_odd_delimiters(marks: Delimiters, default_engine: Engine) -> None:
    data = to_837p("claim A\n37252 x2\n37253-50", Form(marks))
    written = write(data, default_engine)
    assert pyx12_errors(data) == []
    assert pyx12_errors(written.files["annotated"]) == []


_texts = st.text(st.characters(codec="latin-1"), max_size=120)


@given(
    names=st.lists(st.from_regex(r"[a-z0-9]+(-[a-z0-9]+){0,9}", fullmatch=True), min_size=1, max_size=4),
    fix=_texts,
    marks=st.sampled_from([*DELIMITERS, Delimiters("*", ":", "", "~")]),
)
@settings(max_examples=100, deadline=None)
def test_any_note_is_legal(names: list[str], fix: str, marks: Delimiters) -> None:
    text = note_text([attrs.evolve(bare(name), fix=fix) for name in names], marks)
    assert 1 <= len(text) <= 80
    assert BASIC.fullmatch(text)
    assert not set(text) & {marks.element, marks.component, marks.repetition, marks.segment}
    assert text == " ".join(text.split())
    assert text.startswith("TEST001")


@pytest.mark.parametrize("length", range(20, 53))
def test_a_note_is_cut_between_words(length: int) -> None:
    fix = "Remove all of it, or bill the first vessel once and each additional vessel by itself; see the manual"
    words = fix.split()
    finding = attrs.evolve(bare("name " + "x" * length), fix=fix)
    text = note_text([finding, finding, finding], COMMON)
    head, tail = f"TEST001 ERROR NAME {'X' * length}.", "+2 MORE"
    assert text.startswith(head)
    assert text.endswith(tail)
    kept = text[len(head) : -len(tail)].split()
    assert [word.strip(",;") for word in kept] == [word.strip(",;").upper() for word in words[: len(kept)]]
    assert len(text) <= 80


@pytest.mark.parametrize("code", ["I70.213", "37252,37253", "T1;T2"])
def test_a_code_with_a_mark_inside_is_not_cut(code: str) -> None:
    for length in range(10, 60):
        finding = attrs.evolve(bare("x" * length), fix=f"use {code} for the treated and every other vessel there is")
        text = note_text([finding], COMMON)
        assert code in text or code[:3] not in text


@pytest.mark.parametrize("length", [60, 66, 70, 80, 120])
def test_a_long_name_leaves_the_number_of_others(length: int) -> None:
    name = "-".join(["word"] * (length // 5))
    text = note_text([bare(name), bare(name)], COMMON)
    assert text.endswith("+1 MORE")
    assert set(text.removeprefix("TEST001 ERROR ").removesuffix("+1 MORE").replace(".", "").split()) <= {
        "WORD",
        "DO",
        "THIS",
    }


@pytest.mark.parametrize(
    ("severities", "first"),
    [
        ("info warning error", "TEST003 ERROR"),
        ("warning error info", "TEST002 ERROR"),
        ("error error warning", "TEST001 ERROR"),
        ("info info warning", "TEST003 WARNING"),
        ("info info info", "TEST001 INFO"),
    ],
)
def test_the_gravest_comes_first_and_the_others_are_counted(
    severities: str, first: str, default_engine: Engine
) -> None:
    def several(claim: Claim) -> list[Finding]:
        words = enumerate(severities.split(), 1)
        return [error_on(claim, 1, f"TEST{number:03}", severity=Severity(word)) for number, word in words]

    annotated = write(claim_file(1), planted(default_engine, several)).files["annotated"]
    assert notes(annotated) == [f"{first} A TEST. DO THIS. +2 MORE"]


def test_a_lone_finding_counts_no_others(default_engine: Engine) -> None:
    annotated = write(claim_file(1), planted(default_engine, everywhere)).files["annotated"]
    assert notes(annotated) == [OUR_NOTE] * 2


def test_no_name_or_number_of_a_patient_gets_into_a_note(default_engine: Engine) -> None:
    data = to_837p("claim PCNSECRET patient=MSECRET\n37252 x2 id=LSECRET\n37253-50")
    assert not any(
        "SECRET" in text or "TESTPATIENT" in text for text in notes(write(data, default_engine).files["annotated"])
    )


# -- what never changes -----------------------------------------------------------------------------------------------

FAULTY = """claim A
37252 x2
37253-50 note='LEFT CIV'
claim B patient=M2 note='LEFT CIV'
37238
37252 dx=none
claim C patient=M3 dependent=BEN charge=5
37238
37252-51 desc='LEFT CIV' drop=SV1
claim D patient=M4
37238
36012
37252 desc='LEFT CIV'"""


@pytest.mark.parametrize(
    "form",
    [
        Form(),
        Form(line_end=""),
        Form(line_end="\r\n"),
        Form(Delimiters("*", ":", "^", "\n"), ""),
        Form(Delimiters("*", ":", "^", "\r"), "\n"),
        Form(Delimiters("|", ">", "!", "\x1c"), ""),
    ],
    ids=["LF behind", "nothing", "CRLF behind", "LF", "CR LF", "FS"],
)
def test_line_ends_are_kept(form: Form, default_engine: Engine) -> None:
    data = to_837p(FAULTY, form)
    annotated = write(data, default_engine).files["annotated"]
    end = (form.delimiters.segment + form.line_end).encode()
    pieces = annotated.split(end)
    assert annotated.count(form.delimiters.segment.encode()) == len(pieces) - 1
    assert pieces[-1] == b""
    added = [piece for piece in pieces if piece.startswith(b"NTE" + form.delimiters.element.encode() + b"TPO")]
    assert len(added) == 5
    assert b"".join(
        piece + end for piece in pieces[:-1] if piece not in added and not piece.startswith(b"SE")
    ) == b"".join(piece + end for piece in data.split(end)[:-1] if not piece.startswith(b"SE"))
    assert annotated == b"".join(piece + end for piece in pieces[:-1])
    check_numbering(annotated)
    assert amounts(annotated) == amounts(data)


def test_only_transaction_sets_with_notes_are_counted_anew(default_engine: Engine) -> None:
    clean, faulty = to_837p("claim C00\n99213"), to_837p("claim C01 patient=M2\n37252")
    data = clean.replace(b"SE*", b"SE*00") + faulty.replace(b"000000101", b"000000102")
    annotated = write(data, default_engine).files["annotated"]
    assert annotated.startswith(clean.replace(b"SE*", b"SE*00"))
    check_numbering(annotated[len(clean) + 2 :])


@pytest.mark.parametrize(("excess", "stays"), [(0, 0), (2, 2), (-2, -2)])
def test_a_count_that_was_wrong_still_is(excess: int, stays: int, default_engine: Engine) -> None:
    data = to_837p("claim C00\n37252")
    count = int(segments_of(data)[-3][1])
    wrong = data.replace(b"SE*%d*" % count, b"SE*%d*" % (count + excess))
    annotated = segments_of(write(wrong, default_engine, partial=True).files["annotated"])
    notes = 2 if excess else 1  # the claim has a note of its own, for its transaction set is rejected
    assert annotated[-3] == ["SE", str(count + notes + stays), "0001"]


@pytest.mark.parametrize("form", [Form(), Form(line_end=""), Form(Delimiters("|", ">", "!", "\n"), "")])
def test_a_file_with_nothing_to_say_is_the_input(form: Form, default_engine: Engine) -> None:
    data = to_837p("37238\n36012\n37252 desc='LEFT CIV'", form)
    written = write(data, default_engine)
    assert not any(claim.findings for claim in written.report.claims)
    assert written.files["annotated"] == data
    assert written.report.not_annotated == 0


@pytest.mark.parametrize("k3", [False, True])
def test_the_same_input_gives_the_same_bytes_and_a_second_pass_adds_nothing(
    *, k3: bool, default_engine: Engine
) -> None:
    data = with_segments(to_837p(FAULTY), "A", "DTP*472", f"NTE*TPO*{OTHERS}")
    first, again = (write(data, default_engine, k3=k3) for _ in range(2))
    assert first.files == again.files
    second = write(first.files["annotated"], default_engine, k3=k3)
    assert second.files["annotated"] == first.files["annotated"]
    assert second.report.not_annotated == first.report.not_annotated == (0 if k3 else 1)


def test_ignored_findings_are_not_written(default_engine: Engine) -> None:
    data = to_837p("claim A\n37252-50 desc='LEFT CIV'")
    payer = PayerConfig(ignore={"IVUS101": Ignore("agreed with the payer")})
    some = make_engine(load_settings(discover=False, payers={"12502": payer}))
    assert notes(write(data, default_engine).files["annotated"])[0].startswith("IVUS101 ")
    assert notes(write(data, some).files["annotated"])[0].startswith("IVUS401 ")
    both = attrs.evolve(payer, ignore={code: Ignore("agreed") for code in ("IVUS101", "IVUS401", "IVUS503")})
    written = write(data, make_engine(load_settings(discover=False, payers={"12502": both})))
    assert [len(claim.suppressed) for claim in written.report.claims] == [2]
    assert written.files["annotated"] == data


def codes(data: bytes, engine: Engine) -> list[tuple[str, int | None, str]]:
    return [(c.claim, f.line, f.code) for c in write(data, engine).report.claims for f in c.findings]


@pytest.mark.parametrize("behind", ["CLM", "DTP*472"])
@pytest.mark.parametrize("line", ["37252", "37252 desc='LEFT CIV'", "37252 desc='LEFT CIV'\n37253"])
def test_a_tpo_note_names_no_vessel(behind: str, line: str, default_engine: Engine) -> None:
    data = to_837p(f"claim A\n37238\n36012\n{line}")
    noted = with_segments(data, "A", behind, "NTE*TPO*LEFT COMMON ILIAC VEIN, RIGHT EXTERNAL ILIAC VEIN")
    assert codes(noted, default_engine) == codes(data, default_engine)


@pytest.mark.parametrize(
    "data",
    [to_837p(FAULTY), (FIXTURES / "claims" / "office_week.837").read_bytes()],
    ids=["faulty", "office week"],
)
def test_our_notes_change_no_verdict(data: bytes, default_engine: Engine) -> None:
    annotated = write(data, default_engine, k3=True).files["annotated"]
    assert annotated != data
    assert codes(annotated, default_engine) == codes(data, default_engine)


def test_a_claim_that_is_too_long_has_no_notes(default_engine: Engine) -> None:
    line = b"LX*1~\nSV1*HC:37252*1*UN*1***1~\n"
    data = to_837p("claim A\n99213\nclaim B\n99213").replace(b"LX*1~\n", line * 5_001 + b"LX*1~\n", 1)
    data = re.sub(rb"SE\*(\d+)", lambda found: b"SE*%d" % (int(found[1]) + 2 * 5_001), data)
    written = write(data, default_engine, partial=True)
    assert not written.report.readable
    assert written.report.not_annotated
    assert not any(segment[:2] == ["NTE", "TPO"] for segment in segments_of(written.files["annotated"]))
