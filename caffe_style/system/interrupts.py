"""Interruptions: Ctrl-C, `kill` and a closed terminal end a run without losing its picture.

Each raises KeyboardInterrupt, at once as long as there is nothing to lose. From its first iteration on, a run
is interrupted only within its evaluations: what comes between and after them, the writing of files above
all, is done first. The same wish told twice, as by a key that bounces or a system that sends one signal after
another, counts once.
"""

from __future__ import annotations

import contextlib
import math
import signal
import threading
import time
from typing import Any, Iterator

SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
#: Seconds in which a further signal is the same wish.
SAME = 2.0

_last = -math.inf
_guarded = _within = _waiting = False


@contextlib.contextmanager
def handled(to_the_end: bool = False) -> Iterator[None]:
    """Handle the signals, in the main thread, until the context ends.

    Parameters
    ----------
    to_the_end : bool
        The program ends with the context, with the exit status that it has then: later signals are ignored.
    """
    global _last, _guarded, _within, _waiting
    before = {}
    _last, _guarded, _within, _waiting = -math.inf, False, False, False
    if threading.current_thread() is threading.main_thread():
        for name in SIGNALS:
            number = getattr(signal, name, None)
            # Ignored is what nohup asks for.
            if number is not None and signal.getsignal(number) != signal.SIG_IGN:
                before[number] = signal.signal(number, _hear)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if to_the_end else handler)


def guard() -> None:
    """From now on there is something to lose."""
    global _guarded
    _guarded = True


def release() -> None:
    """All is safe: raise the KeyboardInterrupt that was kept back, if there is one."""
    global _guarded, _waiting
    _guarded = False
    waiting, _waiting = _waiting, False
    if waiting:
        raise KeyboardInterrupt


@contextlib.contextmanager
def within() -> Iterator[None]:
    """What may be broken off at any point; an interruption that was kept back is raised here."""
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
