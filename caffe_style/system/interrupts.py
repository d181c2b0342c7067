"""Interruptions: Ctrl-C, `kill` and a closed terminal end a run without losing its picture.

Each raises KeyboardInterrupt. Before the first iteration it is raised at once. From then on it is raised only
within evaluations, so that everything between and after them, above all writing files, is finished first.
Signals that follow each other within a short time count as one: a key may bounce, and some systems send
several signals.
"""

from __future__ import annotations

import contextlib
import math
import signal
import threading
import time
from typing import Any, Iterator

SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
#: Seconds within which a further signal counts as the same.
SAME = 2.0

_last = -math.inf
_guarded = _within = _waiting = False


@contextlib.contextmanager
def handled(to_the_end: bool = False) -> Iterator[None]:
    """Handle the signals, in the main thread, until the context ends.

    Parameters
    ----------
    to_the_end : bool
        Whether the program ends with the context. Later signals are then ignored, to keep the exit status.
    """
    global _last, _guarded, _within, _waiting
    before = {}
    _last, _guarded, _within, _waiting = -math.inf, False, False, False
    if threading.current_thread() is threading.main_thread():
        for name in SIGNALS:
            number = getattr(signal, name, None)
            # An ignored signal stays ignored: nohup relies on this.
            if number is not None and signal.getsignal(number) != signal.SIG_IGN:
                before[number] = signal.signal(number, _hear)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if to_the_end else handler)


def guard() -> None:
    """Delay interruptions from now on, except in `within`."""
    global _guarded
    _guarded = True


def release() -> None:
    """Stop delaying interruptions; raise the KeyboardInterrupt that was delayed, if there is one."""
    global _guarded, _waiting
    _guarded = False
    waiting, _waiting = _waiting, False
    if waiting:
        raise KeyboardInterrupt


@contextlib.contextmanager
def within() -> Iterator[None]:
    """Make a context that may be interrupted at any point; a delayed interruption is raised in it."""
    global _within, _waiting
    _within = True
    try:
        waiting, _waiting = _waiting, False
        if waiting:
            raise KeyboardInterrupt
        yield
    finally:
        _within = False


def _hear(number: int, frame: Any) -> None:
    global _last, _within, _waiting
    now = time.monotonic()
    if now - _last < SAME:
        return
    _last = now
    if _guarded and not _within:
        _waiting = True
        return
    _within = False
    raise KeyboardInterrupt
