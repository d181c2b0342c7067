"""What a solver logs of its nets: speed, and the outputs in training and in tests."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from ..log import log


class Timer:
    """Tells the speed since it was last asked."""

    def __init__(self, iteration: int) -> None:
        self._then, self._iteration = time.monotonic(), iteration

    def speed(self, iteration: int) -> str:
        """Iterations a second, and seconds for the iterations since."""
        now = time.monotonic()
        done, seconds = iteration - self._iteration, now - self._then
        self._then, self._iteration = now, iteration
        return "%g iter/s, %gs/%d iters" % (done / max(seconds, 1e-9), seconds, done)


def log_training(net: Any) -> None:
    """Log every value of the net's outputs, as they are now."""
    _log(net, "Train", _outputs(net))


def log_test(net: Any, batches: int, with_loss: bool) -> None:
    """Run so many batches and log the means of the net's outputs, and of its loss if asked."""
    losses, outputs = [], []
    for _ in range(batches):
        losses.append(net._forward(0, len(net.layers) - 1))
        outputs.append(_outputs(net))
    if with_loss:
        log("Test loss: %g" % np.mean(losses))
    _log(net, "Test", np.mean(outputs, axis=0, dtype=np.float64))


def _outputs(net: Any) -> np.ndarray:
    """The values of all outputs, one after the other (none: no values)."""
    return np.concatenate([np.empty(0)] + [net.blobs[name].data.ravel() for name in net.outputs])


def _log(net: Any, kind: str, values: np.ndarray) -> None:
    names = [name for name in net.outputs for _ in range(net.blobs[name].count)]
    for number, (name, value) in enumerate(zip(names, values)):
        weight = net.blob_loss_weights[name]
        loss = " (* %g = %g loss)" % (weight, weight * value) if weight else ""
        log("    %s net output #%d: %s = %g%s" % (kind, number, name, value, loss))
