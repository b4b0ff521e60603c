"""From bytes to claims.

`source` gives the bytes of an input, `segments` cuts them, `envelope` follows interchange, functional group and
transaction set, `reader` the hierarchical levels, and cuts claims; `loops` gives a claim's segments their loops,
`claims` reads them into the model.  `plain` and `runs` read the plainest claims from their text, one or many at a time.
`conformance` is the only module that knows pyx12.
"""

from scrubber.parser.claims import (
    ClaimPlace,
    Extent,
    Readable,
    build_claim,
    is_original,
    patient_key_of,
    place_of,
    reopen,
)
from scrubber.parser.events import Level, Mark, RawClaim
from scrubber.parser.plain import clearinghouse_id_of, read_plain
from scrubber.parser.reader import Reader
from scrubber.parser.runs import Glimpse
from scrubber.parser.source import InputSource, open_source

__all__ = [
    "ClaimPlace",
    "Extent",
    "Glimpse",
    "InputSource",
    "Level",
    "Mark",
    "RawClaim",
    "Readable",
    "Reader",
    "build_claim",
    "clearinghouse_id_of",
    "is_original",
    "open_source",
    "patient_key_of",
    "place_of",
    "read_plain",
    "reopen",
]
