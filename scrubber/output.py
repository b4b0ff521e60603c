"""Publish files whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from scrubber.errors import ConfigError

__all__ = ["publish_text"]


@contextmanager
def publish_text(target: Path) -> Iterator[TextIO]:
    """Write a text file beside its target and rename it into place when the block ends without an error.

    The file can be read by its owner only, because reports name claims.  Raises ConfigError when the target cannot be
    written.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise ConfigError(f"{target}: cannot be written ({os.strerror(error.errno or 5)})") from error
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).replace(target)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(name).unlink()
        raise
