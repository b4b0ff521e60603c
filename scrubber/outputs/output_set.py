"""The files written for one input: annotated, clean and rejected 837, 277CA, 999 and the findings.

They are drafted while the claims are judged, checked against the report, and published together or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import attrs
from attrs import define, field, frozen

from scrubber.errors import ScrubberError, UnreadableError
from scrubber.findings.report import FileReport
from scrubber.io.publication import Draft, Publication, writing
from scrubber.io.source import InputSource
from scrubber.outputs.x12.ack277ca import ClaimAcknowledger
from scrubber.outputs.x12.ack999 import StructureAcknowledger
from scrubber.outputs.x12.acknowledgement import MAX_NUMBER, AckSettings
from scrubber.outputs.x12.annotated837 import Annotator
from scrubber.outputs.x12.base import FileSink, Tally, tally
from scrubber.outputs.x12.split837 import Side
from scrubber.x12.rules import X12SyntaxError

__all__ = ["AckSettings", "FileOutputs", "OutputSettings", "Targets", "targets_in"]

_SHIFT_999 = 500_000_000


@frozen
class Targets:
    """Where the files of one input go; None for one that is not wanted.

    `in_folder` says that they are all the files of an output folder, not each asked for by name: then the 999 is
    written only for an input whose structure has faults, and a file without content is not mentioned.
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


@frozen
class OutputSettings:
    """How the files are written.

    `annotate_k3` puts findings that find no note into K3, `line_dates` writes STC02 on the service lines of the 277CA,
    `partial` writes what could be judged of an input that could not be completely read.
    """

    ack: AckSettings
    annotate_k3: bool = False
    line_dates: bool = False
    partial: bool = False


@define(eq=False)
class FileOutputs:
    """The files of one input.  Made before its claims are judged, finished afterwards.

    `report` is that of the input; before the claims are judged it holds what the survey found.  `refuses` says whether
    the part of the file that begins at a byte is rejected with all its claims.  `sinks` take the input as it passes,
    and `on_fault`, where there is one, takes its syntax errors.  `notes` are what the user should be told about them.
    """

    source: InputSource
    report: FileReport
    refuses: Callable[[int], bool]
    guide_faults: Sequence[X12SyntaxError]
    targets: Targets
    settings: OutputSettings
    publication: Publication
    on_fault: Callable[[X12SyntaxError], object] | None = field(default=None, init=False)
    notes: list[str] = field(factory=list, init=False)
    _files: list[tuple[Draft, FileSink]] = field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        source, targets, settings = self.source, self.targets, self.settings
        if targets.ack999 is not None:
            draft = self.publication.draft(targets.ack999)
            ack = settings.ack
            behind = None if ack.number is None else (ack.number + self.report.interchanges - 1) % MAX_NUMBER + 1
            ack = attrs.evolve(ack, number=behind, shift=_SHIFT_999)
            sink = StructureAcknowledger(
                draft.stream, ack, self.refuses, self.guide_faults, only_flawed=targets.in_folder
            )
            self.on_fault = sink.fault
            self._add(draft, sink)
        if not (self.report.readable or settings.partial):
            if any((targets.annotated, targets.clean, targets.rejected, targets.ack277)):
                self.notes.append(
                    "not completely read: no 837 and no 277CA was written (--partial writes what was judged)"
                )
            return
        if targets.ack277 is not None:
            draft = self.publication.draft(targets.ack277)
            self._add(draft, ClaimAcknowledger(source, draft.stream, settings.ack, line_dates=settings.line_dates))
        if targets.annotated is not None:
            draft = self.publication.draft(targets.annotated)
            self._add(draft, Annotator(source, draft.stream, use_k3=settings.annotate_k3))
        # The clean file is published last: when it is there, everything else is.
        for rejected, target in ((True, targets.rejected), (False, targets.clean)):
            if target is not None:
                draft = self.publication.draft(target)
                self._add(draft, Side(source, draft.stream, self.refuses, rejected=rejected))

    def _add(self, draft: Draft, sink: FileSink) -> None:
        self._files.append((draft, sink))

    @property
    def sinks(self) -> list[FileSink]:
        """What takes the input as it passes."""
        return [sink for _, sink in self._files]

    def finish(self) -> None:
        """Complete the files and check that nothing was lost.

        Raises ScrubberError, before anything is published, when a file cannot be written or does not hold the claims,
        lines and charges that the report says, and UnreadableError when the input was changed meanwhile.
        """
        report = self.report
        for draft, sink in self._files:
            with writing(draft.target):
                reason = sink.finish(report)
                held = Tally() if reason else _tally(draft)
            expected = sink.expected(report.totals)
            if expected is not None and held != expected:
                raise ScrubberError(
                    f"{draft.target}: internal fault: holds {held}, not {expected}; nothing was published"
                )
            if reason:
                self.publication.withdraw(draft)
                if not self.targets.in_folder:
                    self.notes.append(f"{draft.target} was not written: {reason}")
            self.notes.extend(sink.notes)
        self.source.check_unchanged()

    def discard(self) -> None:
        """Drop the files; what is in their places stays."""
        for draft, _ in self._files:
            self.publication.drop(draft)
        self._files.clear()


def _tally(draft: Draft) -> Tally:
    """Count what a draft holds by reading it as any input is read."""
    draft.stream.flush()
    try:
        return tally(InputSource(str(draft.target), draft.stream))
    except UnreadableError as error:
        # It is not the input that cannot be read.
        raise ScrubberError(f"{error}; nothing was published") from error.__cause__
