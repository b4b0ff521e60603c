"""The built-in pack of X12: syntax errors, structure, providers, identity, frequency, repeats and the guide.

They know the implementation guide, not medicine, and enter through the same entry point as any plugin.
"""

from __future__ import annotations

from scrubber.builtin.claim_frequency import FREQUENCY_RULES
from scrubber.builtin.claim_identity import IDENTITY_RULES
from scrubber.builtin.claim_repeats import REPEAT_RULES
from scrubber.builtin.claim_structure import CLAIM_EDITS
from scrubber.builtin.line_structure import LINE_EDITS
from scrubber.builtin.provider_structure import PROVIDER_EDITS
from scrubber.conformance.rules import CONFORMANCE_RULES
from scrubber.packs.pack import EditPack
from scrubber.x12.rules import SYNTAX_RULES

__all__ = ["EDITS"]

EDITS: EditPack[None] = EditPack(
    edits=(
        *SYNTAX_RULES,
        *sorted((*CLAIM_EDITS, *LINE_EDITS), key=lambda edit: edit.meta.code),
        *PROVIDER_EDITS,
        *IDENTITY_RULES,
        *FREQUENCY_RULES,
        *REPEAT_RULES,
        *CONFORMANCE_RULES,
    ),
)
