"""Claims from the nodes of pyx12's context reader.

The nodes' segments are joined to X12 again and read as any file is, so that a claim is what it is in a file; only
positions are lost, because pyx12 keeps none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

import attrs

from scrubber.claims.builder import build_claim
from scrubber.claims.model import Claim
from scrubber.claims.reader import Reader
from scrubber.errors import AdapterError, UnreadableError
from scrubber.x12.segment import Loop

__all__ = ["claims_from_pyx12"]


class Node(Protocol):
    """What is needed of a pyx12 `X12DataNode`, of a segment or of a loop."""

    def iterate_segments(self) -> Iterator[Mapping[str, Any]]:
        """Yield a mapping with the pyx12 segment under "segment"."""
        ...


def claims_from_pyx12(nodes: Iterable[Node]) -> Iterator[Claim]:
    """Make claims of what `X12ContextReader.iter_segments("2300")` yields, all of it, from the ISA on.

    Locations of findings have no positions.  Raises AdapterError where pyx12 gives up, and UnreadableError at the end
    when a part was cut off or is not an 837P.  pyx12 ends at an empty segment without a word: what follows one behind
    a complete interchange is not seen here either.
    """
    reader = Reader(_Joined(nodes))
    for raw in reader:
        yield _unplaced(build_claim(raw))
    if reader.unread is not None:
        raise UnreadableError(f"pyx12 nodes: {reader.unread.message}")


class _Joined:
    """The bytes of an interchange, made of nodes."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self._nodes = nodes
        self.size = 0

    def chunks(self) -> Iterator[bytes]:
        """Yield the segments of each node."""
        nodes = iter(self._nodes)
        count = 0
        while True:
            try:
                node = next(nodes, None)
                data = _written(node) if node is not None else b""
            except Exception as error:  # noqa: BLE001
                # pyx12's errors quote segments, so neither they nor their cause go on.
                reason = type(error).__name__
                raise AdapterError(f"pyx12 nodes: pyx12 gave up behind node {count} ({reason})") from None
            if node is None:
                return
            count += 1
            self.size += len(data)
            yield data


def _written(node: Node) -> bytes:
    text = "".join(found["segment"].format() for found in node.iterate_segments())
    return text.encode("latin-1", "replace")


def _unplaced(claim: Claim) -> Claim:
    def loop(found: Loop | None) -> Loop | None:
        return attrs.evolve(found, placed=False) if found is not None else None

    lines = [attrs.evolve(line, loop=loop(line.loop)) for line in claim.lines]
    return attrs.evolve(claim, loop=loop(claim.loop), lines=lines)
