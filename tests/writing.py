"""Write the files of an input that is bytes, by an engine of the test's."""

from __future__ import annotations

import attrs

from scrubber.engine.judge import Engine
from scrubber.findings.report import ClaimReport, FileReport
from scrubber.io.publication import Publication
from scrubber.io.source import InputSource
from scrubber.outputs.output_set import OutputSettings, Targets
from scrubber.outputs.x12.base import JudgedClaim
from scrubber.pipeline.file_scrub import FileScrub


def write_files(
    source: InputSource, engine: Engine, targets: Targets, settings: OutputSettings, publication: Publication
) -> tuple[FileReport, tuple[str, ...]]:
    """Scrub an input into files, and return its report with the claims and what the user is to know of the files."""
    run = FileScrub(source, engine)
    outputs = run.begin_files(targets, settings, publication)
    claims: list[ClaimReport] = []
    for event in run.events(with_text=outputs.takes_text):
        outputs.take(event)
        if isinstance(event, JudgedClaim):
            claims.append(event.shown)
    written = outputs.finish(run.report)
    publication.publish()
    return attrs.evolve(run.report, claims=tuple(claims), not_annotated=written.not_annotated), written.notes
