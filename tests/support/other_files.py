"""Other people's 837P files, where they are on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.paths import FIXTURES, ROOT

_CORPUS = ROOT.parent / "shared" / "corpus"
_LARGE = 100_000
"""Two files of hundreds of equal claims are larger: a test takes as long over one as over all others together."""

SAMPLES = sorted((FIXTURES / "claims").glob("*.837"))
OTHERS = sorted(_CORPUS.iterdir()) if _CORPUS.is_dir() else []


def as_parameters(paths: list[Path]) -> list[Any]:
    """Return the files as parameters of a test; the large ones only with `--all-files`."""
    return [
        pytest.param(path, marks=pytest.mark.campaign("--all-files") if path.stat().st_size > _LARGE else ())
        for path in paths
    ]
