"""Signals are kept back while a picture would be lost."""

from __future__ import annotations

import os
import signal
import time

import pytest
from helpers.program import (
    posix,
)

from caffe_style.system import interrupts


@posix
def test_kept_back_until_the_next_evaluation():
    with interrupts.handled():
        interrupts.guard()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.01)  # still here
        with pytest.raises(KeyboardInterrupt), interrupts.within():
            pytest.fail("the evaluation began")
        os.kill(os.getpid(), signal.SIGTERM)
        interrupts.release()  # the same wish
    with interrupts.handled():
        interrupts.guard()
        os.kill(os.getpid(), signal.SIGHUP)
        time.sleep(0.01)
        with pytest.raises(KeyboardInterrupt):
            interrupts.release()
    with interrupts.handled(), pytest.raises(KeyboardInterrupt):
        interrupts.guard()
        with interrupts.within():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
