"""House rules of ACME Vascular, a laboratory that does not exist: an example of a plugin for x12-claim-scrubber."""

from acme_edits.places import PlaceNotInPolicy, Policies, load_policies, table_infos
from scrubber import EditPack

__all__ = ["EDITS"]

EDITS: EditPack[Policies] = EditPack(edits=(PlaceNotInPolicy,), tables=load_policies, table_infos=table_infos)
