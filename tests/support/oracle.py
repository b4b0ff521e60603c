"""pyx12 as the independent judge of the X12 files we write."""

from __future__ import annotations

import io
import json
import logging
import re
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import pyx12
from pyx12 import error_handler, map_if, params, x12context, x12n_document

from scrubber.x12.lexer import cut_segments

_OTHER_VERSIONS = re.compile(r"005010X222(A2)?(?![A-Z0-9])")


@contextmanager
def _silent() -> Iterator[None]:
    logger = logging.getLogger("pyx12")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)


_load_map = map_if.load_map_file
_maps: dict[tuple[str, str | None], Any] = {}


@contextmanager
def _maps_kept() -> Iterator[None]:
    """Have pyx12 read each of its maps once: it takes longer over them than over most files, and never changes them."""

    def kept(name: str, settings: Any, map_path: str | None = None) -> Any:
        key = (name, map_path)
        if key not in _maps:
            _maps[key] = _load_map(name, settings, map_path)
        return _maps[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(map_if, "load_map_file", kept)
        yield


@lru_cache(64)  # many tests write a file again as it was, or whole to one side
def pyx12_errors(data: bytes, map_path: Path | None = None) -> list[str]:
    """Return what pyx12 finds wrong with an X12 file, nothing for a valid one.

    The guides 005010X222 and X222A2, which it has no map for, are walked as X222A1.
    """
    text = _OTHER_VERSIONS.sub("005010X222A1", data.decode("latin-1"))
    settings, tree = params.ParamsBase(), io.StringIO()
    settings.set("exclude_external_codes", "remark_code")
    try:
        with _silent(), _maps_kept():
            valid = x12n_document.x12n_document(
                settings, io.StringIO(text), None, None, fd_json=tree, map_path=str(map_path) if map_path else None
            )
        found = list(_errors(json.loads(tree.getvalue() or "{}")))
    except Exception as error:  # noqa: BLE001 - whatever it is, the file is not valid for pyx12
        return [f"crash {type(error).__name__}"]
    return found or ([] if valid else ["refused without a reason"])


def pyx12_nodes(data: bytes) -> Iterator[Any]:
    """Return what pyx12's context reader gives for the claims of a file: loops 2300 whole, all else by segment."""
    with (
        _silent(),
        _maps_kept(),
        x12context.X12ContextReader(
            params.params(), error_handler.errh_null(), io.StringIO(data.decode("latin-1"))
        ) as reader,
    ):
        yield from reader.iter_segments("2300")


def _errors(node: Any, where: str = "") -> Iterator[str]:
    if isinstance(node, dict):
        here = (
            f"{where}/{node.get('seg_id') or node.get('id') or ''}{node.get('seg_count') or node.get('ele_pos') or ''}"
        )
        for name, value in node.items():
            if name == "errors":
                yield from (f"{here}: {error.get('err_cde')} {error.get('err_str')}" for error in value)
            else:
                yield from _errors(value, here)
    elif isinstance(node, list):
        for value in node:
            yield from _errors(value, where)


def interchanges(data: bytes) -> list[bytes]:
    """Split a file into its interchanges, without what is between them."""
    found: list[list[str]] = []
    for segment in cut_segments([data], lambda _: None):
        if not segment.text:
            continue
        if segment.id == "ISA":
            found.append([])
        if found:
            found[-1].append(segment.lead + segment.text + segment.terminator)
    return ["".join(texts).lstrip().encode("latin-1") for texts in found]


def published_x214_map(folder: Path) -> Path:
    """Copy pyx12's maps to `folder` with its 277CA map corrected to match the published X12 examples.

    The stock map wants STC02 on service lines, where the examples have none, and only one STC a line.
    """
    shutil.copytree(Path(pyx12.__file__).parent / "map", folder, dirs_exist_ok=True)
    path = folder / "277.5010.X214.xml"
    tree = ET.parse(path)
    loop = next(node for node in tree.getroot().iter("loop") if node.get("xid") == "2220D")
    status = next(node for node in loop.findall("segment") if node.get("xid") == "STC")
    for name, text in (("STC02", "N"),):
        element = next(node for node in status.findall("element") if node.get("xid") == name)
        usage = element.find("usage")
        assert usage is not None
        usage.text = text
    tree.write(path)
    return folder
