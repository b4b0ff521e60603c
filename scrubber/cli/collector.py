"""The garbage collector of a process that is ours: it does not look through what is imported, which stays to the end.

Looking through it, while it is imported and when the interpreter takes itself down, takes as long as a third of a
start.
"""

from __future__ import annotations

import gc

__all__ = ["begin_collecting", "end_collecting", "hold_collector"]

_held = False


def hold_collector() -> None:
    """Collect nothing until `begin_collecting`."""
    global _held  # noqa: PLW0603 - there is one collector
    _held = gc.isenabled()
    gc.disable()


def begin_collecting() -> None:
    """Collect what becomes garbage from here on, if collecting is held.  For commands, once all is imported."""
    global _held  # noqa: PLW0603
    if _held:
        gc.freeze()
        gc.enable()
        _held = False


def end_collecting() -> None:
    """Leave everything to the end of the process."""
    gc.disable()
    gc.freeze()
