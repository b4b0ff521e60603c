"""Ctrl-C, SIGTERM and a terminal that closes end a run, but not in the middle of what must be done whole."""

from __future__ import annotations

import atexit
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from types import FrameType

__all__ = ["end_on_signals", "ignore_signals", "uninterrupted"]

_ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


def end_on_signals() -> None:
    """Have every signal that ends a program raise KeyboardInterrupt, so that drafts and temporary files go."""
    with suppress(ValueError):  # a host may call this from another thread, which cannot set it
        for number in _ENDING:
            if signal.getsignal(number) != signal.SIG_IGN:  # as nohup and shells ask for
                signal.signal(number, signal.default_int_handler)
        atexit.register(ignore_signals)


def ignore_signals() -> None:
    """Ignore them while the interpreter takes itself down: what has been done and told is not taken back."""
    with suppress(ValueError):
        for number in _ENDING:
            signal.signal(number, signal.SIG_IGN)


@contextmanager
def uninterrupted() -> Generator[None]:
    """Hold signals back while the block runs; the first that came is dealt with at its end."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread is interrupted
        return
    held: list[int] = []
    before: dict[int, Callable[[int, FrameType | None], object]] = {}
    try:
        for number in _ENDING:
            handler = signal.getsignal(number)
            if callable(handler):
                before[number] = handler
                signal.signal(number, lambda sent, _frame: held.append(sent))
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if held:
            before[held[0]](held[0], None)
