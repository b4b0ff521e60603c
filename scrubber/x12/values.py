"""The data types of X12: decimals (R), amounts and dates (D8)."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

__all__ = ["in_cents", "parse_number"]

_CENT = Decimal("0.01")
_NUMBER = re.compile(r"[+-]?(\d{1,18}(\.\d{0,18})?|\.\d{1,18})", re.ASCII)


@lru_cache(maxsize=1024)  # units and amounts are asked for again and again
def parse_number(text: str) -> Decimal | None:
    """Read an X12 decimal (data type R); None for anything else, exponents included."""
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def in_cents(amount: Decimal) -> Decimal:
    """Round dollars to the cent, half up.

    Reports show and sum rounded charges, so that the sums are those of what is shown, to the cent.
    """
    rounded = amount.quantize(_CENT, ROUND_HALF_UP)
    return amount if amount == rounded else rounded
