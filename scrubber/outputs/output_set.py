"""The files written for one input: annotated, clean and rejected 837, 277CA, 999 and the findings.

They are drafted while the claims are judged, checked against the report, and published together or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import BinaryIO

import attrs
from attrs import define, field, frozen

from scrubber.errors import ScrubberError, UnreadableError
from scrubber.findings.report import FileReport
from scrubber.findings.values import Values
from scrubber.io.publication import Draft, Publication
from scrubber.io.source import InputSource
from scrubber.io.writing import writing
from scrubber.outputs.x12.balance import plain_tally, tally
from scrubber.outputs.x12.base import MAX_NUMBER, AckSettings, InputEvent, Tally, X12Writer
from scrubber.x12.rules import X12SyntaxError

__all__ = ["AckSettings", "FileOutputs", "OutputSettings", "Targets", "Written", "import_writers", "targets_in"]

_SHIFT_999 = 500_000_000


@frozen(eq=False, repr=False)
class Targets(Values):
    """Where the files of one input go; None for one that is not wanted.

    `in_folder` says that they are all the files of an output folder, not each asked for by name: then the 999 is
    written only for an input whose structure has errors, and a file without content is not mentioned.
    """

    annotated: Path | None = None
    clean: Path | None = None
    rejected: Path | None = None
    ack277: Path | None = None
    ack999: Path | None = None
    findings: Path | None = None
    in_folder: bool = False

    @property
    def paths(self) -> list[Path]:
        """The files that are wanted."""
        return [value for value in attrs.astuple(self, recurse=False) if isinstance(value, Path)]


def targets_in(folder: Path, name: str) -> Targets:
    """Return the files of the input `name` in an output folder, called after its stem."""
    stem = "stdin" if name == "-" else Path(name).stem
    return Targets(
        annotated=folder / f"{stem}.annotated.837",
        clean=folder / f"{stem}.clean.837",
        rejected=folder / f"{stem}.rejected.837",
        ack277=folder / f"{stem}.277ca",
        ack999=folder / f"{stem}.999",
        findings=folder / f"{stem}.findings.json",
        in_folder=True,
    )


@frozen(eq=False, repr=False)
class OutputSettings(Values):
    """How the files are written.

    `annotate_k3` puts findings that find no note into K3, `line_dates` writes STC02 on the service lines of the 277CA,
    `partial` writes what could be judged of an input that could not be completely read.
    """

    ack: AckSettings
    annotate_k3: bool = False
    line_dates: bool = False
    partial: bool = False


@frozen(eq=False, repr=False)
class Written(Values):
    """What came of the files of an input: what the user should be told, and `not_annotated` as `FileReport` has it."""

    notes: tuple[str, ...] = ()
    not_annotated: int | None = None


@define(eq=False, repr=False)
class FileOutputs:
    """The files of one input, begun before its claims are judged and finished afterwards.

    `survey` is the report on the input as far as it is known before, and `rejects` says whether the part of the file
    that begins at a byte is rejected with all its claims.
    """

    source: InputSource
    survey: FileReport
    rejects: Callable[[int], bool]
    guide_errors: Sequence[X12SyntaxError]
    targets: Targets
    settings: OutputSettings
    publication: Publication
    _files: list[tuple[Draft, X12Writer]] = field(factory=lambda: [], init=False)
    _notes: list[str] = field(factory=lambda: [], init=False)

    def begin(self) -> None:
        """Begin the files.  Raises ConfigError where one cannot be written."""
        targets, settings = self.targets, self.settings
        if targets.ack999 is not None:
            self._add(targets.ack999, self._structure_acknowledger)
        if not (self.survey.readable or settings.partial):
            if any((targets.annotated, targets.clean, targets.rejected, targets.ack277)):
                self._notes.append(
                    "not completely read: no 837 and no 277CA was written (--partial writes what was judged)"
                )
            return
        if targets.ack277 is not None:
            self._add(targets.ack277, self._claim_acknowledger)
        if targets.annotated is not None:
            self._add(targets.annotated, self._annotator)
        # The clean file is published last: when it is there, everything else is.
        if targets.rejected is not None:
            self._add(targets.rejected, lambda out: self._side(out, rejected=True))
        if targets.clean is not None:
            self._add(targets.clean, lambda out: self._side(out, rejected=False))

    # Start-up: each kind of file has a module of its own, which is imported when a file of it is wanted.

    def _structure_acknowledger(self, out: BinaryIO) -> X12Writer:
        from scrubber.outputs.x12.ack999 import StructureAcknowledger  # noqa: PLC0415

        ack = self.settings.ack
        # Numbered behind the 277CA, which has an interchange for each of the input's.
        behind = None if ack.number is None else (ack.number + self.survey.interchanges - 1) % MAX_NUMBER + 1
        ack = attrs.evolve(ack, number=behind, shift=_SHIFT_999)
        return StructureAcknowledger(out, ack, self.rejects, self.guide_errors, only_flawed=self.targets.in_folder)

    def _claim_acknowledger(self, out: BinaryIO) -> X12Writer:
        from scrubber.outputs.x12.ack277ca import ClaimAcknowledger  # noqa: PLC0415

        return ClaimAcknowledger(self.source, out, self.settings.ack, line_dates=self.settings.line_dates)

    def _annotator(self, out: BinaryIO) -> X12Writer:
        from scrubber.outputs.x12.annotated837 import Annotator  # noqa: PLC0415

        return Annotator(self.source, out, use_k3=self.settings.annotate_k3)

    def _side(self, out: BinaryIO, *, rejected: bool) -> X12Writer:
        from scrubber.outputs.x12.split837 import Side  # noqa: PLC0415

        return Side(self.source, out, self.rejects, rejected=rejected)

    def _add(self, target: Path, make: Callable[[BinaryIO], X12Writer]) -> None:
        draft = self.publication.draft(target)
        self._files.append((draft, make(draft.stream)))

    @property
    def takes_text(self) -> bool:
        """Whether there is a file that takes the input as it passes."""
        return bool(self._files)

    def take(self, event: InputEvent) -> None:
        """Take what comes next in the input."""
        for _, writer in self._files:
            writer.take(event)

    def finish(self, report: FileReport) -> Written:
        """Complete the files and check that nothing was lost.

        Raises ScrubberError, before anything is published, when a file cannot be written or does not hold the claims,
        lines and charges that the report says, and UnreadableError when the input was changed meanwhile.
        """
        not_annotated: int | None = None
        for draft, writer in self._files:
            with writing(draft.target):
                done = writer.finish(report)
            _check_balance(draft, writer.expected(report.totals), is_there=not done.absence)
            if done.absence:
                self.publication.withdraw(draft)
                if not self.targets.in_folder:
                    self._notes.append(f"{draft.target} was not written: {done.absence}")
            self._notes += done.notes
            not_annotated = not_annotated if done.not_annotated is None else done.not_annotated
        self.source.check_unchanged()
        return Written(tuple(self._notes), not_annotated)

    def discard(self) -> None:
        """Drop the files; what is in their places stays."""
        for draft, _ in self._files:
            self.publication.drop(draft)
        self._files.clear()


def import_writers() -> None:
    """Import what writes any of the files, for a program that runs long: its installation may be replaced meanwhile."""
    for name in ("ack277ca", "ack999", "annotated837", "split837"):
        import_module(f"scrubber.outputs.x12.{name}")


def _check_balance(draft: Draft, expected: Tally | None, *, is_there: bool) -> None:
    """Compare what a file of claims holds with what it must.  Raises ScrubberError."""
    if expected is None:
        return
    with writing(draft.target):
        held = _tally(draft, expected) if is_there else Tally()
    if held != expected:
        raise ScrubberError(f"{draft.target}: internal fault: holds {held}, not {expected}; nothing was published")


def _tally(draft: Draft, expected: Tally) -> Tally:
    """Count what a draft holds: without reading claims and, unless that is what is expected, as any input is read."""
    draft.stream.flush()
    try:
        source = InputSource(str(draft.target), draft.stream)
        return expected if plain_tally(source) == expected else tally(source)
    except UnreadableError as error:
        # It is not the input that cannot be read.
        raise ScrubberError(f"{error}; nothing was published") from error.__cause__
