"""A scene to run a command in, the command hurt at some point, and what must be true of what it leaves."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from attrs import define, field, frozen

from scrubber.testing import to_837p

PROGRAM = Path(sys.executable).with_name("scrubber")
INJECT = Path(__file__).with_name("inject")
GOOD = "37238\n36012\n37252 desc='LEFT CIV'"
FAMILY = "TESTPATIENT"
PROBE = b"blat"
"""What `tempfile` writes to find out whether it can."""

OLD = b"what was there before"
INTERRUPTS = {"INT", "TERM", "HUP"}


def claims(count: int, form: str = "C") -> bytes:
    """Claims of which every second one is rejected."""
    return to_837p("\n".join(f"claim {form}{n} patient=M{n}\n{'37252' if n % 2 else GOOD}" for n in range(count)))


INPUTS = {"a.837": claims(60), "b.837": to_837p(GOOD), "c.837": to_837p("37252 desc='LEFT CIV'")}
_SIDES = ("findings.json", "277ca", "annotated.837", "rejected.837", "clean.837")


@frozen
class Scenario:
    """A command, the groups of files that it publishes together, the last of each the one that says that all are there.

    Before it runs there is something in every place.  A 999 is withdrawn where the structure is in order.
    """

    name: str
    args: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...] = ()
    stdin: str | None = None


def _reports(*forms: str) -> tuple[str, ...]:
    return tuple(f"--report={form}=report.{form}" for form in forms)


def _folder(*stems: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(f"out/{stem}.{side}" for side in ("999", *_SIDES)) for stem in stems)


FORMS = ("text", "json", "ndjson", "xml", "html", "sarif", "csv", "xlsx")
SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        *(Scenario(f"to stdout as {form}", ("a.837", f"--format={form}")) for form in FORMS),
        Scenario("reports", ("a.837", "c.837", *_reports(*FORMS)), tuple((f"report.{form}",) for form in FORMS)),
        Scenario(
            "files",
            ("a.837", "--annotated=x.837", "--clean=y.837", "--rejected=z.837", "--277ca=x.277", "--999=x.999"),
            (("x.999", "x.277", "x.837", "z.837", "y.837"),),
        ),
        Scenario("folder", ("a.837", "--out-dir=out", "--format=ndjson"), _folder("a")),
        Scenario("folders", ("a.837", "b.837", "c.837", "--out-dir=out"), _folder("a", "b", "c")),
        Scenario("folders in two processes", ("a.837", "b.837", "--out-dir=out", "--jobs=2"), _folder("a", "b")),
        Scenario("one in two processes", ("a.837", "--out-dir=out", "--jobs=2"), _folder("a")),
        Scenario("from a pipe", ("--out-dir=out", *_reports("json")), (*_folder("stdin"), ("report.json",)), "a.837"),
        Scenario("with the guide", ("c.837", "--out-dir=out", "--conformance=guide"), _folder("c")),
    )
}


@frozen
class Hurt:
    """What is done to a run: a fault inside (`KIND:CALL:NUMBER`, see inject), or one from outside.

    `limit` is the largest file that may be written, `after` the seconds until `sent` comes, with a fault from when the
    command has begun, `stdout` one of "closed", "full", "gone" (its reader leaves), "all closed" (all three standard
    streams) or "".
    """

    fault: str = ""
    limit: int | None = None
    after: float = 0.0
    sent: str = ""
    stdout: str = ""

    def __str__(self) -> str:
        parts = [
            self.fault,
            "" if self.limit is None else f"limit {self.limit}",
            self.stdout and f"stdout {self.stdout}",
        ]
        return ", ".join(filter(None, (*parts, self.sent and f"{self.sent} after {self.after:.3f} s")))

    @property
    def kills(self) -> bool:
        """Whether it may end the run without a word."""
        return self.sent == "KILL" or self.fault.startswith("KILL")

    @property
    def interrupts(self) -> bool:
        return self.sent in INTERRUPTS or self.fault.partition(":")[0].rstrip("+") in INTERRUPTS


@define
class Ended:
    """How a run ended and what it left: files by name, exit code (negative: the signal), its lines and its calls."""

    code: int
    out: bytes
    said: list[str]
    left: dict[str, bytes]
    hidden: dict[str, int]
    calls: Counter[str]
    seconds: float


@define
class Stage:
    """Runs scenarios in folders of their own below `folder`, and compares with the run that nothing disturbed."""

    folder: Path
    _whole: dict[str, Ended] = field(factory=dict, init=False)
    _runs: int = field(default=0, init=False)

    def whole(self, scenario: Scenario) -> Ended:
        """The run that nothing disturbs."""
        if scenario.name not in self._whole:
            self._whole[scenario.name] = self.run(scenario, Hurt("none:any:0"))
        return self._whole[scenario.name]

    def run(self, scenario: Scenario, hurt: Hurt) -> Ended:
        """Set the scene, run the command, and hurt it."""
        self._runs += 1
        place = self.folder / str(self._runs)
        for name in ("out", "tmp"):
            (place / name).mkdir(parents=True)
        for name, data in INPUTS.items():
            (place / name).write_bytes(data)
        for name in (name for group in scenario.groups for name in group):
            (place / name).write_bytes(OLD)
            (place / name).chmod(0o600)
        log = place.with_suffix(".log")
        begun = time.monotonic()
        try:
            stdin = None if scenario.stdin is None else place / scenario.stdin
            code, out, said = launch(("scrub", *scenario.args), hurt, place, log, stdin)
            return Ended(code, out, said, *_left(place), lines_of(log), time.monotonic() - begun)
        finally:
            shutil.rmtree(place)
            log.unlink(missing_ok=True)

    def defects(self, scenario: Scenario, hurt: Hurt, ended: Ended) -> list[str]:
        """What should not be so after a run that was hurt."""
        whole = self.whole(scenario)
        found = _defects_of_files(scenario, hurt, ended, whole) + _defects_of_words(hurt, ended, whole)
        return [f"{scenario.name}, {hurt}: {defect}" for defect in found]


def launch(
    args: tuple[str, ...], hurt: Hurt, place: Path, log: Path, stdin: Path | None = None
) -> tuple[int, bytes, list[str]]:
    """Run the command in a folder, hurt it, and give its exit code, its standard output and what it said."""
    environment = {"PATH": "", "PYTHONHASHSEED": "0", "TMPDIR": str(place / "tmp"), "PYTHONDONTWRITEBYTECODE": "1"}
    if hurt.fault:
        environment |= {"PYTHONPATH": str(INJECT), "FAULT": hurt.fault, "FAULT_ROOT": str(place), "FAULT_LOG": str(log)}
    with (
        (stdin or Path(os.devnull)).open("rb") as given,
        (place / "stdout").open("wb") as out,
        Path("/dev/full").open("wb") as full,
    ):
        reader, writer = os.pipe()
        process = subprocess.Popen(
            [str(PROGRAM), *args],
            stdin=given,
            stdout={"full": full.fileno(), "gone": writer}.get(hurt.stdout, out.fileno()),
            stderr=subprocess.PIPE,
            cwd=place,
            env=environment,
            preexec_fn=_preparation(hurt),  # noqa: PLW1509
            start_new_session=True,
        )
        for end in (reader, writer):
            os.close(end)
        try:
            if hurt.sent:
                _send(process, hurt, log)
            code = process.wait(120)
        finally:
            # The workers of a run that was killed end by themselves, but the folder must not wait for it.
            _end_group(process.pid)
            said = process.communicate()[1].decode(errors="replace").splitlines()
    return code, (place / "stdout").read_bytes(), [line for line in said if line.strip()]


def lines_of(log: Path) -> Counter[str]:
    """The calls that were made."""
    return Counter(log.read_text().splitlines()) if log.exists() else Counter()


def _send(process: subprocess.Popen[bytes], hurt: Hurt, log: Path) -> None:
    if hurt.fault:  # until the command has begun Python itself answers
        while process.poll() is None and not log.exists():
            time.sleep(0.002)
    try:
        process.wait(hurt.after)
    except subprocess.TimeoutExpired:
        process.send_signal(getattr(signal, f"SIG{hurt.sent}"))


def _end_group(group: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def _preparation(hurt: Hurt) -> Callable[[], None]:
    def prepare() -> None:
        for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(ending, signal.SIG_DFL)  # under nohup, or behind a shell's &, it would be ignored
        if hurt.limit is not None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (hurt.limit, hurt.limit))
        for number in {"closed": (1,), "all closed": (0, 1, 2)}.get(hurt.stdout, ()):
            os.close(number)

    return prepare


def _left(place: Path) -> tuple[dict[str, bytes], dict[str, int]]:
    """The files of a scene, and the modes of those that nobody should find."""
    left: dict[str, bytes] = {}
    hidden: dict[str, int] = {}
    for path in place.rglob("*"):
        name = str(path.relative_to(place))
        if path.is_file() and name != "stdout" and path.read_bytes() != PROBE:
            if path.name.startswith(".") or name.startswith("tmp/"):
                # Nobody else gets into a folder that is private.
                hidden[name] = stat.S_IMODE(path.stat().st_mode & (path.parent.stat().st_mode | 0o700))
            else:
                left[name] = path.read_bytes()
    return left, hidden


def _defects_of_files(scenario: Scenario, hurt: Hurt, ended: Ended, whole: Ended) -> list[str]:
    found = [f"the input {name} was changed" for name, data in INPUTS.items() if ended.left.get(name) != data]
    for group in scenario.groups:
        states = {name: _state(name, ended, whole) for name in group}
        found += [f"{name} is neither the old nor the new file" for name in group if states[name] == "torn"]
        new = [name for name in group if states[name] == "new"]
        told = any("changed all the same" in line for line in ended.said)
        if not (hurt.kills or told) and new and any(state == "old" for state in states.values()):
            found.append(f"only {', '.join(new)} of {len(group)} files were published")
        if group[-1] in ended.left and states[group[-1]] == "new" and any(state == "old" for state in states.values()):
            found.append(f"{group[-1]} is there without the others")
    found += [
        f"{name} was made"
        for name in ended.left
        if name not in INPUTS and name not in whole.left and not any(name in group for group in scenario.groups)
    ]
    if hurt.kills:
        found += [f"{name} is left with mode {mode:o}" for name, mode in ended.hidden.items() if mode & 0o077]
    elif not hurt.fault.startswith(("EIO:unlink", "EACCES:unlink", "EIO:rmdir", "EACCES:rmdir")):
        found += [f"{name} is left behind" for name in ended.hidden]
    return found


def _state(name: str, ended: Ended, whole: Ended) -> str:
    """Whether a file is the old or the new one; "same" where these are the same, "torn" where it is neither."""
    data, new = ended.left.get(name), whole.left.get(name)
    if ended.code == 3 and data not in (OLD, new):
        # Not everything could be read: the report says so, and no claims are published.
        return "told" if (data and name.endswith((".findings.json", ".999"))) or name.startswith("report.") else "torn"
    if data == new:
        return "same" if new == OLD else "new"
    return "old" if data == OLD else "torn"


def _defects_of_words(hurt: Hurt, ended: Ended, whole: Ended) -> list[str]:
    lines = list(ended.said)
    for line in whole.said:
        if line in lines:
            lines.remove(line)
    text = "\n".join(lines)
    found = unwanted(lines)
    is_whole = ended.code == whole.code and (ended.out == whole.out or bool(hurt.stdout))
    if hurt.kills:
        died = ended.code == -signal.SIGKILL or (ended.code == 4 and "worker process ended" in text)
        return found if died or is_whole else [*found, f"exit code {ended.code}: {text}"]
    if is_whole:
        if hurt.stdout and hurt.stdout != "":
            found.append("ended well although nobody got the report")
        return found + ([f"says: {text}"] if lines and "cannot be removed" not in text else [])
    expected = {130} if hurt.interrupts else {2, 3, 4}
    if ended.code not in expected:
        found.append(f"exit code {ended.code}, not {whole.code} or {expected}: {text}")
    rest = [line for line in lines if "cannot be removed" not in line]
    if ended.code != 3 and len(rest) != 1 and hurt.stdout != "all closed":
        found.append(f"says {len(rest)} lines: {text}")
    return found + [f"says: {line}" for line in rest if not line.startswith(("scrubber: ", "Error: ", "Usage: "))]


def unwanted(said: list[str]) -> list[str]:
    """What no run says."""
    return [
        f"says {word}"
        for word in ("Traceback", "Exception ignored", "internal fault", FAMILY)
        if any(word in line for line in said)
    ]
