"""The short cuts change nothing: claims told unopened, and files cut by the stretch, are judged as all others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.generate import write as generate
from scrubber.api import load_settings, make_engine
from scrubber.claims import reader
from scrubber.claims.builder import ClaimPlace, patient_key_of, place_of, reopen
from scrubber.claims.columns import ClaimRow, row_of
from scrubber.claims.model import Claim
from scrubber.claims.raw_claim import RawClaim
from scrubber.claims.reader import Reader
from scrubber.engine.judge import Engine
from scrubber.findings.finding import Finding, Severity, Source
from scrubber.findings.rule import own_meta
from scrubber.io.source import InputSource, open_source
from scrubber.packs.edit import Context, Edit
from scrubber.packs.pack import EditPack
from scrubber.packs.registry import Plugin, load_plugins
from scrubber.pipeline.file_scrub import FileScrub
from scrubber.testing import to_837p
from scrubber.x12.envelope_segment import EnvelopeSegment
from scrubber.x12.lexer import cut_segments
from scrubber.x12.rules import X12SyntaxError
from tests.support import shapes
from tests.support.damaged_files import damaged_files
from tests.support.other_files import OTHERS, SAMPLES, as_parameters

FILES = [*SAMPLES, *OTHERS]

# What a claim may hold that the short cut must notice, as changes of one line of a plain claim.
ODDITIES = (
    (
        "*100*UN*1*",
        ["*100*UN**", "*1OO*UN*1*", "*-100*UN*1*", "*100*UN*one*", "*100.5*UN*1*", "*100*MJ*1.5*", "**UN*1*"],
    ),
    (
        "HC:99213",
        ["HC:", "HC", "HC:99213:25", "ZZ:99213", "HC:9921", "HC:99213::59", "HC:37252", "hc:99213", "HC:99213:::::X"],
    ),
    (
        "DTP*472*D8*20240805",
        [
            *("DTP*472*D8*20240231", "DTP*472*RD8*20240805-20240806", "DTP*472", "DTP*471*D8*20240805", "K3*A"),
            *(
                f"DTP*472*D8*20240805~DTP*472*{other}"
                for other in ("D8*20240805", "D8*20240806", "RD8*20240805-20240806")
            ),
        ],
    ),
    ("LX*1~", ["", "LX*1~LX*1~", "lx*1~", "LX~", "LX*1~~"]),
    ("11:B:1", ["11:B:8", "11:B:7", "11:B", "11", "", "11:B: "]),
    ("CLM*A*100*", ["CLM**100*", "CLM* *100*", "CLM*A*100.00*", "CLM*A*99*", "CLM*A**", "CLM*A*1E2*", "CLM*A"]),
    ("XX*1999999984", ["XX*1999999985", "XX", "24*1999999985", "XX*", "XX*1999999984~NM1*82*1*B*C****XX*1111111111"]),
    ("XX*1234567893", ["XX*1234567890", "XX", "", "XX*", "XX*123456789", "24*123456789"]),
    (
        "LX*1~",
        [
            f"NM1*{entity}*2*B{rest}~{behind}LX*1~"
            for entity in ("DN", "P3", "77", "DQ", "DK", "QB", "PW", "45", "85", "82")
            for rest in ("", "*****XX", "*****XX*", "*****XX*1999999984", "*****XX*1999999985", "*****24*1999999985")
            for behind in ("", "REF*G2*A1~")
        ],
    ),
    (
        "DTP*472*D8*20240805~",
        [
            f"DTP*472*D8*20240805~NM1*{entity}*2*B{rest}~"
            for entity in ("DN", "P3", "77", "DQ", "DK", "QB", "PW", "45")
            for rest in ("", "*****XX*", "*****XX*1999999984", "*****XX*1999999985")
        ],
    ),
    (
        "NM1*82*",
        ["NM1*DN*", "NM1*77*", "NM1*DN*1*A*B****XX*1111111111~NM1*82*", "NM1*82*1*A*B****XX*1999999984~NM1*82*"],
    ),
    ("*UN*1***1", [f"*UN*1*{place}**1" for place in ("11", "1", "011", "1A", " 11", "935104827", " ")]),
    ("11:B:1", ["1:B:1", ":B:1", "935104827:B:1", " 11:B:1", "AA:B:1"]),
    ("HC:99213", ["HC:9921O", "HC:A9213", "HC:AB213", "HC:J3490", "HC:0075T", "HC:007T5", "WK:99213", "HC:99213^"]),
    ("D8*20240805", [f"D8*{year}0805" for year in ("1937", "1999", "2000", "2099", "2100", "2924", "0024", "9024")]),
    (
        "SV1*",
        ["NM1*82*1*B*C****XX*1999999984~SV1*", "SV1*HC:99213*1*UN*1***1~SV1*", "REF*LX*1~SV1*", "SV5*HC:A4*DA*1~SV1*"],
    ),
    ("DTP*472", ["NM1*82*1*B*C****XX*1999999984~DTP*472", "REF*6R*1~DTP*472", "SVD*P*1*HC:99213**1~DTP*472"]),
)
PLAIN = to_837p("claim A\n99213").decode().replace("\n", "")


@pytest.fixture(scope="module")
def thorough() -> Engine:
    return make_engine(load_settings(discover=False), screened=False)


def findings(data: bytes, engine: Engine) -> list[Any]:
    with open_source(data, "x") as source:
        run = FileScrub(source, engine)
        return [*run, run.report]


def events(data: bytes) -> list[Any]:
    """Return what the reader gives, in a form that can be compared."""
    with open_source(data, "x") as source:
        faults: list[X12SyntaxError] = []
        read = Reader(source, on_error=faults.append)
        found = [_described(event) for event in read.events()]
        counts = (read.segments, read.claims, read.transactions, read.interchanges)
        return [*found, counts, faults]


def _described(event: Any) -> tuple[Any, ...]:
    if isinstance(event, EnvelopeSegment):
        head = event.segment
        rest = (event.loop, event.unread, event.judged, event.segments, event.count)
        return (event.kind, event.start, event.end, head.text, head.lead, head.ordinal, *rest)
    levels = (event.provider, event.subscriber, event.patient)
    cut = [segment for level in (*levels, event) if level is not None for segment in level.segments]
    places = [(s.text, s.lead, s.offset, s.ordinal, s.terminator) for s in cut]
    return (event.ordinal, event.start, event.end, event.count, event.complete, event.transaction, places)


def by_segment(data: bytes, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    with monkeypatch.context() as patch:
        patch.setattr(reader, "cut_blocks", cut_segments)
        return events(data)


def check(data: bytes, default_engine: Engine, thorough: Engine) -> None:
    assert findings(data, default_engine) == findings(data, thorough)


@given(shapes.files)
@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
def test_shapes_are_judged_alike(default_engine: Engine, thorough: Engine, file: Any) -> None:
    check(shapes.make(*file).data, default_engine, thorough)


@given(damaged_files())
@settings(deadline=None)
def test_damaged_files_are_judged_alike(default_engine: Engine, thorough: Engine, data: bytes) -> None:
    check(data, default_engine, thorough)


def _oddities() -> Iterator[Any]:
    for old, changes in ODDITIES:
        for new in changes:
            assert old in PLAIN, old
            yield pytest.param(PLAIN.replace(old, new, 1).encode(), id=f"{old} {new}")


def _odd_lines() -> Iterator[Any]:
    """Yield each oddity on one line, and with one of the two line ends."""
    for place, odd in enumerate(_oddities()):
        for line_end in ("", ("\n", "\r\n")[place % 2]):
            yield pytest.param(*odd.values, line_end, id=f"{odd.id}{line_end!r}")


@pytest.mark.parametrize(("data", "line_end"), list(_odd_lines()))
def test_an_odd_claim_is_judged_alike(data: bytes, line_end: str, default_engine: Engine, thorough: Engine) -> None:
    check(data.replace(b"~", b"~" + line_end.encode()), default_engine, thorough)


@pytest.mark.parametrize("procedure", ["99213", "37238"])
@pytest.mark.parametrize(("other", "told"), [("20240805", False), ("20240806", True), ("", True)])
def test_a_line_with_two_dates_is_not_judged(procedure: str, other: str, told: bool, default_engine: Engine) -> None:  # noqa: FBT001
    date = "DTP*472*D8*20240805"
    data = PLAIN.replace("99213", procedure).replace(date, f"{date}~DTP*472*D8*{other}")
    claim, _ = findings(data.encode(), default_engine)
    assert ("X12207" in [finding.code for finding in claim.findings]) is told


@pytest.mark.parametrize("procedure", ["99213", "37238"])
@pytest.mark.parametrize(
    "place",
    [
        ("XX*1234567893~", "NM1*85*2*OTHER*****", "XX*1234567893"),
        ("XX*1999999984~", "NM1*82*1*OTHER*BOB****", "XX*1999999984"),
        ("D8*20240805~", "NM1*82*1*A*B****XX*1999999984~NM1*82*1*OTHER*BOB****", "XX*1999999984"),
    ],
)
@pytest.mark.parametrize(("other", "told"), [("", False), ("XX*1888888880", True), ("24*123456789", True)])
def test_a_provider_of_two_identities_is_told(
    procedure: str,
    place: tuple[str, str, str],
    other: str,
    told: bool,  # noqa: FBT001
    default_engine: Engine,
    thorough: Engine,
) -> None:
    behind, name, own = place
    data = PLAIN.replace("99213", procedure).replace(behind, f"{behind}{name}{other or own}~", 1).encode()
    check(data, default_engine, thorough)
    claim, _ = findings(data, default_engine)
    assert ("X12213" in [finding.code for finding in claim.findings]) is told


@pytest.mark.parametrize("path", as_parameters(FILES), ids=lambda path: path.name)
def test_files_are_judged_and_cut_alike(
    path: Path, default_engine: Engine, thorough: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = path.read_bytes()
    check(data, default_engine, thorough)
    assert events(data) == by_segment(data, monkeypatch)


@given(st.one_of(damaged_files(), shapes.files.map(lambda file: shapes.make(*file).data)))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_stretches_are_what_segments_are(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    assert events(data) == by_segment(data, monkeypatch)


def test_claims_that_no_edit_may_fire_on_are_not_opened(
    tmp_path: Path, default_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a large file only the claims with findings, and those of the same patients, become objects."""
    generate(tmp_path / "a.837", 1_000, 0.2, 0.2)
    opened: list[int] = []

    def watched(source: InputSource, place: ClaimPlace, _providers: object) -> Claim:
        opened.append(place.ordinal)
        return reopen(source, place)

    monkeypatch.setattr("scrubber.engine.judge.reopen", watched)
    with open_source(tmp_path / "a.837") as source:
        run = FileScrub(source, default_engine)
        claims = list(run)
    hot = [claim.ordinal for claim in claims if claim.findings]
    assert run.report.totals.claims == 1_000
    assert set(hot) <= set(opened)
    assert 20 < len(set(hot)) <= len(opened) < 80


def test_a_claim_that_names_many_good_providers_is_regular(default_engine: Engine) -> None:
    others = "".join(f"NM1*{entity}*1*A*B****XX*1999999984~" for entity in ("DN", "P3", "77", "DQ"))
    of_line = "".join(f"NM1*{entity}*1*A*B****XX*1999999984~" for entity in ("82", "QB", "DK"))
    data = PLAIN.replace("LX*1~", f"{others}LX*1~").replace("*20240805~", f"*20240805~{of_line}")
    with open_source(data.encode(), "x") as source:
        (claim,) = Reader(source)
        row = row_of(claim)
        assert row is not None
        assert row.npis == ("1999999984",) * 8
        assert default_engine.screening.screen(row, {}) == (False, frozenset())


def test_an_edit_about_every_claim_without_a_screen_has_every_claim_opened() -> None:
    class EveryClaim(Edit[None]):
        """A claim is here.

        Why: it is.
        Fix: none.
        """

        meta = own_meta("ACME101", "every-claim", "Every claim", Severity.INFO, Source("ACME", "2024"))

        def check(self, claim: Claim, context: Context[None]) -> Iterator[Finding]:
            yield self.finding(claim, "It is here.", "Nothing.")

    plugins = [*load_plugins(), Plugin("ACME", "acme", "1", EditPack(edits=(EveryClaim,)))]
    engine = Engine(load_settings(discover=False), plugins)
    (report,) = findings(PLAIN.encode(), engine)[:-1]
    assert [finding.code for finding in report.findings] == ["ACME101"]


COLUMNS = (
    *("where", "delimiters", "patient_key", "control_number", "charge", "payer_id", "billing_provider", "npis"),
    *("procedures", "charges", "days"),
)


def rows(data: bytes, *, survey: bool) -> list[Any]:
    """Return what a pass over the claims gives of each: its row, else its place and patient."""
    found: list[Any] = []
    with open_source(data, "x") as source:
        faults: list[X12SyntaxError] = []
        read = Reader(source, on_error=faults.append)
        for claim in read.survey() if survey else read:
            row = claim if isinstance(claim, ClaimRow) else row_of(claim)
            if row is not None:
                found.append([getattr(row, name) for name in COLUMNS])
            elif isinstance(claim, RawClaim):
                found.append((attrs.asdict(place_of(claim)), patient_key_of(claim)))
        return [*found, read.segments, read.claims, read.transactions, faults]


def check_survey(data: bytes) -> None:
    assert rows(data, survey=True) == rows(data, survey=False)


@given(st.one_of(damaged_files(), shapes.files.map(lambda file: shapes.make(*file).data)))
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_rows_are_what_is_read(data: bytes) -> None:
    check_survey(data)


@pytest.mark.parametrize("data", list(_oddities()))
def test_an_odd_claim_among_regular_ones_is_read_as_it_is(data: bytes) -> None:
    head, _, rest = PLAIN.partition("HL*2*")
    level, tail, end = rest.partition("SE*")
    odd = data.decode().partition("HL*2*")[2].partition("SE*")[0]
    levels = "".join(f"HL*{number}*{text}" for number, text in enumerate((level, odd, level, odd, level), 2))
    check_survey(f"{head}{levels}{tail}{end}".encode())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_rows_of_files_are_what_is_read(path: Path) -> None:
    check_survey(path.read_bytes())


def test_most_claims_of_a_regular_file_are_rows(tmp_path: Path) -> None:
    generate(tmp_path / "a.837", 2_000, 0.1)
    with open_source(tmp_path / "a.837") as source:
        seen = [isinstance(claim, ClaimRow) for claim in Reader(source).survey()]
    assert len(seen) == 2_000
    assert sum(seen) > 1_980
