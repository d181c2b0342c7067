"""Gradients against central differences."""

from __future__ import annotations

from typing import Any, Callable, Optional, Sequence

import numpy as np


def check_gradient(
    function: Callable,
    point: Any,
    direction: Any = None,
    step: float = 1e-5,
    tolerance: float = 1e-7,
    least: float = 0.0,
) -> None:
    """Compare a gradient with the central difference of the value in one direction.

    Parameters
    ----------
    function : callable
        `function(point) -> (value, gradient, ...)`.
    point : array or tensor
    direction : array or tensor of the point's shape, optional
        A random one unless it is given.
    step : float
        How far to go to both sides.
    tolerance : float
        The difference allowed, relative to the slope.
    least : float
        A slope less steep counts as this steep: for one that is zero, or too small for the value's digits.
    """
    if direction is None:
        direction = np.random.default_rng(9).standard_normal(point.shape)
    # At once, for an evaluation may use the gradient's memory again.
    predicted = float((function(point)[1] * direction).sum())
    above, below = (function(point + side * direction)[0] for side in (step, -step))
    slope = float(above - below) / (2 * step)
    assert slope or least, "the value does not change"
    assert abs(predicted - slope) <= tolerance * max(abs(slope), least), (predicted, slope)


def steep(gradient: np.ndarray, rng: Any) -> np.ndarray:
    """A random direction that is not orthogonal to the gradient.

    A float32 network's value has too few digits for a slope that is small only by chance.
    """
    direction = rng.standard_normal(gradient.shape)
    return direction + gradient * (np.linalg.norm(direction) / np.linalg.norm(gradient))


def check_layer(
    net: Any,
    values: Sequence[Optional[np.ndarray]],
    wanted: Sequence[str],
    rng: np.random.Generator,
    parameters: bool = True,
    step: float = 2e-3,
    tolerance: float = 2e-2,
) -> None:
    """Check the gradients of the layer called `layer`, at each input wanted and at its parameters.

    The value is a weighted sum of its tops, or its loss; the parameters become random.
    """
    blobs = {name: net.blobs[name] for name in net.inputs}
    for name, value in zip(net.inputs, values):
        blobs[name].data[...] = value
    for i, blob in enumerate(net.params.get("layer", [])):
        blob.data[...] = rng.uniform(0.3, 0.9, blob.shape)
        if parameters:
            blobs["param %d" % i] = blob
    tops = net.top_names["layer"]
    net.forward()
    if net.blobs[tops[0]].shape == ():
        weights = {tops[0]: np.float64(net.blobs[tops[0]].diff)}
    else:
        weights = {name: rng.standard_normal(net.blobs[name].shape) for name in tops}
    start = {name: blob.data.copy() for name, blob in blobs.items()}

    def evaluate_at(name: str, point: np.ndarray) -> tuple:
        # All of them, for the layer may have worked in place.
        for other, value in start.items():
            blobs[other].data[...] = point if other == name else value
        for blob in net.inputs:
            net.blobs[blob].diff[...] = 99  # backward overwrites what is there
        net.forward()
        value = sum((net.blobs[top].data * weight).sum() for top, weight in weights.items())
        for top, weight in weights.items():
            net.blobs[top].diff[...] = weight
        net.clear_param_diffs()
        net.backward()
        return value, blobs[name].diff.astype(np.float64)

    for name in [name for name in blobs if name in wanted or name.startswith("param")]:
        direction = rng.standard_normal(blobs[name].shape)
        # Where entries cancel one another, what counts are their digits.
        gradient = evaluate_at(name, start[name])[1]
        least = max(np.abs(gradient * direction).max(), 1e-2)
        check_gradient(
            lambda point, name=name: evaluate_at(name, point),
            start[name],
            direction,
            step,
            tolerance,
            least,
        )
