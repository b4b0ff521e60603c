"""The envelope that a claim came in."""

from __future__ import annotations

from attrs import field, frozen

from scrubber.findings.values import Values

__all__ = ["TransactionSet"]


@frozen(repr=False)
class TransactionSet(Values):
    """The envelope a claim came in: ISA13, GS06, GS08, ST02, BHT03, 1000A NM109, 1000B NM109 and BHT06.

    `transaction_type` (BHT06) is CH for claims, RP for encounters, whose services are paid otherwise.
    `starts` are the first bytes of its ISA, GS and ST in the input, without those that are missing.
    """

    interchange_control_number: str = field(default="", repr=False)
    group_control_number: str = field(default="", repr=False)
    guide: str = field(default="", repr=False)
    control_number: str = field(default="", repr=False)
    reference: str = field(default="", repr=False)
    submitter_id: str = field(default="", repr=False)
    receiver_id: str = field(default="", repr=False)
    starts: tuple[int, ...] = ()
    transaction_type: str = field(default="", repr=False)
