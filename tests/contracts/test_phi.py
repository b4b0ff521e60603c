"""No name, identifier, birth date or address leaves a claim but in the X12 files: canary files at every front end."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import tempfile
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import attrs
import pytest
from pyx12 import map_walker

from scrubber import ClaimReport, ScrubberError, UnreadableError, iter_claims, scrub
from scrubber.api import Scrubber, check_claim, load_settings, make_engine
from scrubber.builtin.provider_structure import NpiCheckDigitWrong
from scrubber.claims.reader import Reader
from scrubber.config import Config
from scrubber.conformance.guide_walk import _guide
from scrubber.engine.judge import Engine
from scrubber.findings.report import Detail
from scrubber.io.source import open_source
from scrubber.outputs.reports.base import Tool, describe_tool
from scrubber.outputs.reports.formats import format_names, load_format
from scrubber.packs.registry import load_plugins
from scrubber.pipeline.file_scrub import FileScrub
from scrubber.watch import FileWorker, Waits, open_watcher
from scrubber.x12.segment import SEGMENT_IDS
from tests.support.canary import PLANTED, canary_file, damaged, leaks, planted, seen
from tests.support.command import Run
from tests.support.serving import install_drill, serving

CANARY = canary_file()
PLAIN = load_settings(discover=False)
REDACTED = attrs.evolve(PLAIN, redact=True)
GUIDED = attrs.evolve(PLAIN, conformance="guide")
GUIDED_REDACTED = attrs.evolve(REDACTED, conformance="guide")
TOOL: Tool = describe_tool(load_plugins(), PLAIN.today)
DAMAGED = dict(damaged())
SAMPLE = {name: data for place, (name, data) in enumerate(DAMAGED.items()) if place % 23 == 0}
TURNS = ("ends", "without", "twice", "lower")
"""What leaves every element where it was: one of them is tried at each segment."""
TURNS_OF_ELEMENTS = ("split", "misplaced")
"""What is done at every element: one of them is tried at each, a name in a component at all of them."""
X12 = (".837", ".277ca", ".999")


def _reports(data: bytes, config: Config, forms: tuple[str, ...] = tuple(format_names())) -> dict[str, bytes]:
    """Write every report on some bytes."""
    outs = {form: io.BytesIO() for form in forms}
    with contextlib.ExitStack() as stack:
        writers = []
        for form, out in outs.items():
            wanted = load_format(form)
            stream = out if wanted.binary else io.TextIOWrapper(out, "utf-8", newline="\n", write_through=True)
            stack.callback(stream.flush)
            writers.append((wanted.writer(stream, TOOL), stream))
        with open_source(data, "input.837") as source:
            run = FileScrub(source, make_engine(config, detail=Detail.ALL))
            for claim in run:
                for writer, _ in writers:
                    writer.claim("input.837", claim)
        for writer, _ in writers:
            writer.end_file(run.report)
            writer.end()
        stack.close()
        return {form: out.getvalue() for form, out in outs.items()}


def test_the_canary_is_seen_where_it_is_let_out() -> None:
    reports = _reports(CANARY, PLAIN)
    for form, report in reports.items():
        assert not leaks(report, numbers=True), form
        assert {b"QZCLAIMA"} <= leaks(report), form  # the search does look into each of them


def test_what_a_finding_refers_to_on_another_claim_is_shown_in_codes_only() -> None:
    head, tail = CANARY.replace(b"HC:37252:", b"HC:37238:").split(b"CLM*QZCLAIMB")
    data = (
        head + b"CLM*QZCLAIMB" + tail.replace(b"HC:99213", b"HC:37252")
    )  # another provider's than its primary procedure
    related = {each.claim for finding in scrub(data, PLAIN).findings for each in finding.related}
    assert related == {"QZCLAIMA"}
    for form, report in _reports(data, PLAIN).items():
        assert not leaks(report, numbers=True), form
    for form, report in _reports(data, REDACTED).items():
        assert not leaks(report), form
    for finding in scrub(data, REDACTED).findings:
        assert {each.claim for each in finding.related} <= {"claim 1"}


@pytest.fixture
def every(request: pytest.FixtureRequest) -> bool:
    """Whether every canary is tried; else those that differ by the value or the kind of the damage only take turns."""
    return bool(request.config.getoption("--all-canaries"))


def _place(name: str) -> tuple[int, int]:
    """Return the places of the segment and of the element that are damaged; without an element its place is 0."""
    found = re.search(r"#(\d+)(?:-(\d+))?", name)
    assert found
    return int(found[1]), int(found[2] or 0)


def _takes_its_turn(name: str) -> bool:
    """Whether the damage is of a kind that is always tried, or whose turn it is at this place."""
    kind, place = name.partition(" ")[0], sum(_place(name))
    if name.count("-") > 1:
        return True
    return all(kind not in turns or turns[place % len(turns)] == kind for turns in (TURNS, TURNS_OF_ELEMENTS))


def test_turns_leave_out_no_place_and_no_kind() -> None:
    kept = [name for name in DAMAGED if _takes_its_turn(name)]
    assert {_place(name) for name in kept} == {_place(name) for name in DAMAGED}
    assert {name.partition(" ")[0] for name in kept} == {name.partition(" ")[0] for name in DAMAGED}


@pytest.mark.parametrize("group", range(8))
def test_no_report_holds_more_than_codes_whatever_is_damaged(group: int, every: bool) -> None:  # noqa: FBT001
    config = attrs.evolve(REDACTED, conformance="guide" if group == 0 else "envelope")
    for place, (name, data) in enumerate(DAMAGED.items()):
        if place % 8 == group and (every or _takes_its_turn(name)):
            forms = tuple(format_names()) if place % 64 == group else ("text", "json", "xml")
            for form, report in _reports(data, config, forms).items():
                assert not leaks(report), (name, form)


@pytest.mark.parametrize(
    ("config", "values", "forms"),
    [
        (PLAIN, PLANTED[:2], tuple(format_names())),
        (PLAIN, PLANTED[2:], tuple(format_names())),
        (REDACTED, PLANTED, ("text", "json", "xml")),
        (GUIDED_REDACTED, PLANTED[:1], ("json",)),
    ],
    ids=["plain-numbers", "plain-others", "redacted", "guide"],
)
def test_no_number_in_the_wrong_element_is_shown(
    config: Config,
    values: tuple[str, ...],
    forms: tuple[str, ...],
    every: bool,  # noqa: FBT001
) -> None:
    guided = config.conformance == "guide"
    for value in values:
        # In the claims each of the values is tried at every place, half of them where reports are redacted.
        turn, turns = (PLANTED.index(value) + config.redact) % 2, 1 if every else 2
        for place, (name, data) in enumerate(planted(value, redact=config.redact, turn=turn % turns, turns=turns)):
            # Elsewhere they take turns; a place is tried once as it is and once where reports are redacted, every
            # second one of these with the guide.
            turn = (place // 2 if config.redact else place) % len(PLANTED)
            is_next = (guided or PLANTED[turn] == value) and (not config.redact or place % 2 == guided)
            if not (every or name == "claims" or is_next):
                continue
            wanted = forms if name == "claims" and (every or value == values[0]) else ("text", "json")
            for form, report in _reports(data, config, wanted).items():
                assert not seen(value, report), (name, form)


def test_a_number_that_is_shown_would_be_seen() -> None:
    for old, new in ((b"CLM*QZCLAIMA*300*", b"CLM*QZCLAIMA*%b*"), (b"*PI*12502", b"*PI*%b"), (b"QZCLAIMB", b"%b")):
        for value in PLANTED[:3]:
            data = CANARY.replace(old, new % value.encode())
            assert any(seen(value, report) for report in _reports(data, PLAIN).values()), (old, value)


@pytest.mark.parametrize("options", [[], ["--redact"]])
def test_the_command_line_shows_no_number_in_the_wrong_element(
    run: Run,
    tmp_path: Path,
    options: list[str],
    every: bool,  # noqa: FBT001
) -> None:
    (tmp_path / "in").mkdir()
    for number, value in enumerate(PLANTED):
        turns = 1 if every else 4  # in process all of them are tried
        for place, (name, data) in enumerate(planted(value, redact=bool(options), turns=turns)):
            if place % 50 == 0 or (number == 0 and name == "claims"):
                (tmp_path / "in" / f"{number}-{place:03}.837").write_bytes(data)
    reports = [f"--report={form}=r.{form}" for form in format_names()]
    done = run("scrub", "in", *options, "--out-dir=out", "--partial", *reports)
    assert done.returncode == 3
    kept = [path for path in (*tmp_path.glob("r.*"), *(tmp_path / "out").iterdir()) if path.suffix not in X12]
    told = {path.name: path.read_bytes() for path in kept} | {"stdout": done.stdout, "stderr": done.stderr}
    for value in PLANTED:
        for name, data in told.items():
            assert not seen(value, data), (value, name)
        assert not seen(value, _names(tmp_path).encode())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"SV1*HC:37252", b"SV1*HC:QZSMI"),
        (b"*UN*2***1", b"*UN*2*QZPLACE**1"),
        (b"*UN*2***1", b"*UN*19370419***1"),
        (b"*UN*1***1:2", b"*UN*987654321***1:2"),
        (b"*PI*12502", b"*PI*QZDOE QZJANE"),
        (b"*XX*1234567893", b"*XX*QZPROVIDER"),
        (b"*XX*1234567893", b"*XX*987654321"),
        (b"ABK:I70213", b"ABK:QZDOE"),
        (b"HL*3*2*", b"HL*QZDOE*QZJANE*"),
        (b"*D8*20240805", b"*D8*QZ19370419"),
        (b"ST*837*", b"ST*987654321*"),
        (b"*005010X222A1", b"*QZDOE"),
        (b"DMG*D8", b"QZQ*D8"),
    ],
)
def test_what_only_looks_like_a_code_is_not_shown(old: bytes, new: bytes) -> None:
    assert old in CANARY
    for data in (CANARY.replace(old, new), CANARY.replace(b"HC:37252:::::", b"HC:37238:::::").replace(old, new)):
        for form, report in _reports(data, REDACTED).items():
            assert not leaks(report), form


def test_the_identifiers_that_are_shown_are_those_of_the_guide() -> None:
    assert _guide()[2] == SEGMENT_IDS


def test_line_numbers_and_claim_numbers_are_redacted_for_python_too() -> None:
    claims = list(iter_claims(CANARY))
    for finding in check_claim(claims[0], REDACTED):
        assert not leaks(f"{finding.claim} {finding.line_control_number} {finding}")


# -- Python ------------------------------------------------------------------------------------------------------------


def _objects(data: bytes) -> Iterator[object]:
    """Yield everything that the parser and the engine make of some bytes."""
    with open_source(data) as source:
        for event in Reader(source).events():
            yield event
            yield from getattr(event, "segments", ()) if not isinstance(getattr(event, "segments", 0), int) else ()
            for level in ("provider", "subscriber", "patient"):
                yield getattr(event, level, None)
        yield from Reader(source).survey()
    with contextlib.suppress(UnreadableError):
        for claim in iter_claims(data):
            yield from (claim, claim.patient, claim.payer, claim.billing_provider, claim.rendering_provider)
            yield from (claim.loop, claim.transaction, claim.diagnoses, claim.notes, claim.other_subscribers)
            for line in claim.lines:
                yield from (line, line.loop, line.rendering_provider, line.notes, line.adjudications)
    yield scrub(data, PLAIN)


def test_no_object_shows_what_it_holds() -> None:
    for name, data in {"whole": CANARY, **SAMPLE}.items():
        for thing in _objects(data):
            assert not leaks(repr(thing)), (name, type(thing))
            assert not leaks(str(thing)), (name, type(thing))


def test_no_notebook_shows_what_a_claim_holds() -> None:
    for name, data in {"whole": CANARY, **SAMPLE}.items():
        report = scrub(data, PLAIN)
        assert not leaks(report._repr_html_()), name


def test_no_error_of_the_api_holds_a_claim() -> None:
    for name, data in DAMAGED.items():
        caught: UnreadableError | None = None
        try:
            list(iter_claims(data))
        except UnreadableError as error:
            caught = error
        told = "".join(traceback.format_exception(caught)) if caught else ""
        assert not leaks(f"{caught} {caught!r} {told}"), name


class _LeakError(Exception):
    pass


@pytest.mark.parametrize("kind", [_LeakError, SystemExit, GeneratorExit])
@pytest.mark.parametrize("part", ["check", "observe", "price"])
def test_what_a_plugin_raises_is_not_passed_on(
    monkeypatch: pytest.MonkeyPatch, part: str, kind: type[BaseException]
) -> None:
    def crash(*args: Any) -> None:
        raise kind(f"{args} QZLAST")

    plugin, *others = load_plugins()
    if part == "check":
        rule = next(rule for rule in plugin.pack.edits if rule.meta.code == "IVUS101")
        monkeypatch.setattr(rule, "check", crash)
    else:
        changes: dict[str, Any] = {part: crash}
        plugin = attrs.evolve(plugin, pack=attrs.evolve(plugin.pack, **changes))
    engine = Engine(PLAIN, [plugin, *others], detail=Detail.OPENED)
    with open_source(CANARY) as source:
        reports: list[ClaimReport] = list(FileScrub(source, engine))
    assert any(report.crashed for report in reports)
    assert len(reports) == 2
    assert any(finding.code == "SCR901" for report in reports for finding in report.findings)
    assert not leaks(repr(reports))


@contextlib.contextmanager
def _logged(*names: str) -> Iterator[io.StringIO]:
    """Return all that these loggers say, however little it matters."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.addHandler(handler)
            logger.setLevel(logging.DEBUG)
        yield out
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)


@pytest.fixture
def talkative(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have pyx12 log each segment that it walks: the versions so far log elsewhere, a later one may log there."""
    _guide()
    quiet = map_walker.walk_tree.walk_errors

    def walk(self: map_walker.walk_tree, node: Any, segment: Any, *rest: Any) -> Any:
        map_walker.logger.error(segment.format())
        return quiet(self, node, segment, *rest)

    monkeypatch.setattr(map_walker.walk_tree, "walk_errors", walk)


@pytest.mark.usefixtures("talkative")
def test_pyx12_logs_nothing_of_a_claim() -> None:
    with _logged("", "pyx12", "pyx12.walk_tree", "pyx12.params", "pyx12.error_handler") as out:
        for data in (CANARY, *SAMPLE.values()):
            scrub(data, GUIDED)
        logging.getLogger("pyx12").warning("the host's own use of pyx12")
    assert "own use" in out.getvalue()
    assert not leaks(out.getvalue())


@pytest.mark.usefixtures("talkative")
def test_threads_walk_the_guide_apart_while_the_host_uses_pyx12_itself() -> None:
    inputs = [CANARY, *SAMPLE.values()]
    alone = [scrub(data, GUIDED) for data in inputs]
    with _logged("pyx12") as out, ThreadPoolExecutor(3) as threads:
        walks = [threads.submit(scrub, data, GUIDED) for data in inputs * 2]
        said = 0
        while wait(walks, timeout=0.01).not_done:
            map_walker.logger.warning("the host's own use of pyx12")
            said += 1
        reports = [walk.result() for walk in walks]
    assert out.getvalue().count("own use") == said > 0
    assert not leaks(out.getvalue())
    assert [report.files[0].claims for report in reports] == [report.files[0].claims for report in alone * 2]


# -- the command line --------------------------------------------------------------------------------------------------


def test_a_screen_that_crashes_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*args: Any) -> bool:
        raise _LeakError(f"{args} QZLAST")

    monkeypatch.setattr(NpiCheckDigitWrong, "screen", crash)
    engine = Engine(PLAIN, load_plugins())
    with open_source(CANARY) as source, pytest.raises(ScrubberError) as caught:
        FileScrub(source, engine)
    assert not leaks("".join(traceback.format_exception(caught.value)).split("raise _LeakError")[0])
    assert str(caught.value).startswith("the screen of X12212 crashed with _LeakError at test_phi.py line")
    assert caught.value.__suppress_context__


def _names(folder: Path) -> str:
    return "\n".join(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize(
    ("options", "turn"),
    [([], 0), (["--conformance=guide"], 1), (["--jobs=2"], 0), (["--no-screen", "--annotate-k3"], 1)],
)
def test_the_command_line_tells_codes_only(
    run: Run,
    tmp_path: Path,
    options: list[str],
    turn: int,
    every: bool,  # noqa: FBT001
) -> None:
    inputs = [CANARY, *(list(SAMPLE.values()) if every else list(SAMPLE.values())[turn::2])]
    (tmp_path / "in").mkdir()
    (tmp_path / "tmp").mkdir()
    for place, data in enumerate(inputs):
        (tmp_path / "in" / f"{place:03}.837").write_bytes(data)
    reports = [f"--report={form}=r.{form}" for form in format_names()]
    done = run("scrub", "in", "--redact", "--out-dir=out", *reports, *options, TMPDIR=str(tmp_path / "tmp"))
    assert done.returncode == 3
    assert not leaks(done.stderr)
    assert not leaks(done.stdout)
    assert not leaks(_names(tmp_path))
    assert list((tmp_path / "tmp").iterdir()) == []
    kept = [path for path in (*tmp_path.glob("r.*"), *(tmp_path / "out").iterdir()) if path.suffix not in X12]
    assert len(kept) > len(inputs)
    for path in kept:
        assert not leaks(path.read_bytes()), path.name


@pytest.mark.parametrize("options", [[], ["--jobs=2"], ["--redact"]])
def test_a_crash_tells_its_place_only(run: Run, tmp_path: Path, options: list[str]) -> None:
    plugins = install_drill(tmp_path / "plugins")
    (tmp_path / "a.837").write_bytes(CANARY.replace(b"HC:99213", b"HC:99901"))
    done = run("scrub", "a.837", *options, PYTHONPATH=plugins)
    assert done.returncode == 4
    assert b"SCR901" in done.stdout
    assert not leaks(done.stdout, numbers="--redact" not in options)
    assert not leaks(done.stderr)


LEAKY = """
from scrubber import EditPack, Edit, Meta, ReportWriter, Severity, Source
from typing import Any

class Leak(Edit[Any]):
    '''Lets a name out.

    Why: to prove that it is seen.
    Fix: nothing.
    '''
    meta = Meta(code="LKY001", name="leak", title="Leak", since="0.1", stage="stable", severity=Severity.ERROR,
                sources=(Source("a test", "2026"),))

    def check(self, claim, context):
        yield self.finding(claim, f"The patient is {claim.patient.last_name}.", "Nothing.")

class LeakyWriter(ReportWriter):
    def __init__(self, out, tool, *, color=False):
        self.out = out
    def claim(self, path, claim):
        self.out.write(open(path).read()[:2000])
    def end_file(self, report):
        pass
    def end(self):
        raise RuntimeError("QZLAST")

EDITS = EditPack(edits=(Leak,))
"""


def test_a_leaky_edit_or_writer_would_be_seen(run: Run, tmp_path: Path) -> None:
    info = tmp_path / "plugins" / "leaky-1.dist-info"
    info.mkdir(parents=True)
    (info.parent / "leaky.py").write_text(LEAKY)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: leaky\nVersion: 1\n")
    points = "[scrubber.edits]\nLKY = leaky:EDITS\n[scrubber.writers]\nleaky = leaky:LeakyWriter\n"
    (info / "entry_points.txt").write_text(points)
    (tmp_path / "a.837").write_bytes(CANARY)
    reports = [f"--report={form}=r.{form}" for form in format_names()]
    done = run("scrub", "a.837", "--redact", *reports, PYTHONPATH=os.fspath(info.parent))
    for name, data in {
        "stdout": done.stdout,
        **{path.name: path.read_bytes() for path in tmp_path.glob("r.*")},
    }.items():
        assert b"QZCHILD" in leaks(data), name
    assert len(list(tmp_path.glob("r.*"))) == len(format_names())
    done = run("scrub", "a.837", "--redact", "--format=leaky", "--select=X12", PYTHONPATH=os.fspath(info.parent))
    assert b"QZLAST" in leaks(done.stdout)
    assert done.returncode == 4
    assert not leaks(done.stderr)  # what a writer raises is named by its place, as everything is


# -- the drop folder ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("config", [PLAIN, REDACTED], ids=["plain", "redacted"])
def test_a_watcher_keeps_nothing_of_a_claim(tmp_path: Path, config: Config) -> None:
    inbox, out = tmp_path / "in", tmp_path / "out"
    inbox.mkdir()
    numbers = (b"CLM*QZJANE", b"REF*6R*QZJANE")  # a name as claim or line number is shown unless it is redacted
    samples = [data for data in SAMPLE.values() if config.redact or not any(number in data for number in numbers)]
    for place, data in enumerate([CANARY, CANARY, *samples]):
        (inbox / f"{place:03}.837").write_bytes(data)
    told: list[str] = []
    with open_watcher(inbox, out, Waits(settle=0, give_up=0), FileWorker(Scrubber(config)), told.append) as gate:
        assert gate.run_once() == 3
    assert len(told) > len(samples)
    assert not leaks("\n".join(told))
    assert not leaks(_names(tmp_path))
    assert list((out / "work").iterdir()) == []
    seen = 0
    for path in out.rglob("*"):
        if path.is_file() and path.suffix not in X12:
            seen += 1
            assert not leaks(path.read_bytes(), numbers=path.suffix == ".json" and not config.redact), path.name
    assert seen > len(samples)
    assert any(path.name.endswith(".reason.txt") for path in out.rglob("*"))


# -- the server --------------------------------------------------------------------------------------------------------


def test_a_server_says_and_keeps_nothing_of_a_claim(tmp_path: Path) -> None:
    plugins = install_drill(tmp_path / "plugins")
    folder = tmp_path / "files"
    with serving(folder, "--jobs=1", "--redact", "--conformance=guide", PYTHONPATH=plugins) as server:
        crashing = CANARY.replace(b"HC:99213", b"HC:99901")
        for data in (CANARY, crashing, *SAMPLE.values()):
            reply = server.scrub(data)
            assert not leaks(reply.body)
            assert not leaks(repr(reply.headers))
        for form in ("277ca", "clean", "999"):
            for data in (crashing, CANARY[:900]):
                reply = server.scrub(data, f"?return={form}", Idempotency_Key="QZLAST-QZFIRST-QZMEMBER")
                if reply.status >= 400:
                    assert not leaks(reply.body)
        for path in ("/v1/QZLAST", "/v1/scrub?QZLAST=QZFIRST", "/v1/scrub?return=QZLAST"):
            assert not leaks(server.ask("POST", path, CANARY, {"Content-Type": "application/edi-x12"}).body)
        assert not leaks(server.ask("QZLAST", "/v1/scrub").body)
        assert not leaks(server.ask("GET", "/metrics").body)
        assert not leaks(server.ask("GET", "/v1/edits", headers={"QZLAST": "QZFIRST", "User-Agent": "QZLAST"}).body)
        assert not leaks(_names(tmp_path))
        assert not leaks(server.log.read_bytes())
        assert server.left() == []
    assert not leaks(server.log.read_bytes())
    assert list(folder.iterdir()) == []


def _temporary() -> Iterator[str]:
    return (path.name for path in Path(tempfile.gettempdir()).iterdir())


def test_what_waits_on_disk_has_no_name() -> None:
    before = set(_temporary())
    with open_source(CANARY * 50) as source:
        for _ in FileScrub(source, make_engine(PLAIN)):
            new = set(_temporary()) - before
            assert not leaks("\n".join(new))
