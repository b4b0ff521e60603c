"""Tell unopened which claims edits may find anything on; all others are accepted as they are."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from scrubber.claims.builder import is_original
from scrubber.claims.model import PlainClaim
from scrubber.claims.raw_claim import RawClaim
from scrubber.errors import ScrubberError, place_of_error
from scrubber.packs.edit import Edit, EncounterEdit
from scrubber.packs.pack import EditPack

__all__ = ["Candidates"]


class Candidates:
    """Which claims have to be opened: with `open_all` every claim is."""

    def __init__(self, packs: Iterable[EditPack[Any]], *, open_all: bool = False) -> None:
        packs = tuple(packs)
        self._screens = [pack.screen for pack in packs if pack.screen is not None]
        self._codes = None if open_all else _codes_of_interest(packs)
        self._pattern = re.compile("|".join(map(re.escape, sorted(self._codes or ()))) or "(?!)")

    def includes(self, raw: RawClaim) -> bool:
        """Whether an edit that names procedures may look at the claim, or no claim can be told unopened.

        So is a claim that is no original (CLM05-3): what it replaces or voids is another of its patient.
        """
        if self._codes is None or raw.stretch is None or not is_original(raw):
            return True
        return self._pattern.search(raw.stretch.text) is not None

    def includes_plain(self, plain: PlainClaim) -> bool:
        """Whether an edit that names procedures may look at the claim, or no claim can be told unopened."""
        return self._codes is None or not self._codes.isdisjoint(plain.procedures)

    def accepts(self, plain: PlainClaim) -> bool:
        """Whether a claim that is no candidate has no findings, so that it need not be opened.

        Raises ScrubberError where a screen crashes: nothing is known then about any claim that it let pass.
        """
        try:
            for screen in self._screens:
                if not screen(plain):
                    return False
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - foreign code, as an edit
            raise ScrubberError(f"the screen of a pack crashed with {place_of_error(error)}") from None
        return True


def _codes_of_interest(packs: Iterable[EditPack[Any]]) -> frozenset[str] | None:
    """Return all procedure codes that edits name; None where a pack wants every claim opened."""
    codes: set[str] = set()
    for pack in packs:
        for rule in pack.edits:
            if not issubclass(rule, Edit | EncounterEdit):
                continue
            if rule.meta.procedures is None and pack.screen is None:
                return None
            codes |= rule.meta.procedures or set()
    return frozenset(codes)
