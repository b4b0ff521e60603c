"""Walk 837P transaction sets through the implementation guide, with pyx12: the only module that knows it.

pyx12 judges one segment at a time here: its map walker finds the segment's place in the guide, its map node judges the
elements.  `pyx12.x12n_document` would do the same over a whole file, but it ends at the first crash, keeps an error tree in
memory, forgets the loops and the errors in ISA, GS and ST elements, prints, and logs element values.  Every segment comes
from our own reader, so that its place in the file is known, and none is lost where pyx12's reader would stop.  Memory stays
flat.

pyx12 knows the professional guide as 005010X222A1 only, is about a hundred times slower than the rest of the scrubber, and
does not know situational rules.  No word of its messages is passed on: they quote element values.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from attrs import evolve

from scrubber.findings import Location
from scrubber.parser.envelope import SUPPORTED_GUIDES
from scrubber.parser.faults import EnvelopeRule, Fault
from scrubber.parser.guide_rules import (
    CONFORMANCE_RULES,
    GuideElementError,
    GuideEnvelopeError,
    GuideNotChecked,
    GuideSegmentError,
    GuideWalkedAsA1,
)
