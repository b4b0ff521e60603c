"""Edits for intravascular ultrasound (37252, 37253) on professional claims.

`EDITS` is the pack, with its edits in the order in which they run: a second line is judged before the primary procedure
and the units, and the units before the sides, because one mistake is reported once; IVUS109 comes last because it asks
what the others found.
"""

from edits.ivus.addon import ADDON_EDITS, PRIMARY_FAILS
from edits.ivus.catheter import CATHETER_EDITS
from edits.ivus.day_facts import facts_of, facts_on
from edits.ivus.documentation import DATE_EDITS, DOCUMENTATION_EDITS, ended_tables
from edits.ivus.editions import table_infos
from edits.ivus.exclusions import EXCLUSION_EDITS
from edits.ivus.explanation import describe, known_codes
from edits.ivus.facts import OPTIONS, Facts, load_facts, price
from edits.ivus.initial import INITIAL_EDITS
from edits.ivus.modifiers import MODIFIER_EDITS
from edits.ivus.pairs import PAIR_EDITS
from edits.ivus.retired import RETIRED_EDITS
from edits.ivus.sides import SIDE_EDITS
from edits.ivus.statistics import observe
from edits.ivus.units import DUPLICATE_EDITS, UNIT_EDITS
from scrubber import EditPack

__all__ = ["EDITS"]

EDITS: EditPack[Facts] = EditPack(
    edits=(
        *RETIRED_EDITS,
        *EXCLUSION_EDITS,
        *DUPLICATE_EDITS,
        *ADDON_EDITS,
        *INITIAL_EDITS,
        *UNIT_EDITS,
        *SIDE_EDITS,
        *PAIR_EDITS,
        *MODIFIER_EDITS,
        *DOCUMENTATION_EDITS,
        *CATHETER_EDITS,
        *DATE_EDITS,
        PRIMARY_FAILS,
    ),
    tables=load_facts,
    table_infos=table_infos,
    price=price,
    describe=describe,
    codes=known_codes,
    observe=observe,
    options=OPTIONS,
    facts_on=facts_on,
    facts_of=facts_of,
    ended=ended_tables,
)
