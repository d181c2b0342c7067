"""Coarse to fine: a small picture, then larger ones that start from it (neural-style's most asked for trick).

Strokes and shapes longer than a network's receptive field form at a coarse scale, where an evaluation costs
little, and are only refined at the finer ones.
"""

from __future__ import annotations

import dataclasses
import logging
import math
from typing import Any, Callable, Dict, List, Optional, Union

import numpy as np

from ..errors import OptionError
from ..networks import Network
from ..optimise import DivergedError
from .memory import choose_tile
from .objectives import scene_objective
from .scene import Pictures, make_scene, result_shape
from .settings import Settings
from .starts import start_picture
from .synthesis import Result, announce, synthesise, wants_image

#: Automatic scales do not begin below this many pixels: there, style layers have few positions left.
COARSEST = 256


def sizes(size: int, scales: Union[int, str]) -> List[int]:
    """Long edges from coarse to fine, growing by sqrt 2.

    Raises
    ------
    OptionError
        For neither "auto" nor a number of scales from 1 that leaves 32 pixels.
    """
    if scales == "auto":
        scales = max(1, 1 + int(2 * math.log2(size / COARSEST) + 1e-9))
    most = max(1, 1 + int(2 * math.log2(size / 32))) if size >= 32 else 1
    if isinstance(scales, str) or not 1 <= scales <= most:
        raise OptionError("scales must be auto or 1 to %d for this size, not %r" % (most, scales))
    return [round(size / math.sqrt(2) ** step) for step in range(scales - 1, -1, -1)]


def iterations_at(iterations: int, scales: int) -> List[int]:
    """Share out iterations, in proportion to 1 / edge: more where they are cheap, at least one each."""
    parts = [math.sqrt(2) ** (scales - 1 - scale) for scale in range(scales)]
    bounds = np.cumsum([0.0, *parts]) * iterations / sum(parts)
    shared = [max(1, int(b) - int(a)) for a, b in zip(bounds.round(), bounds.round()[1:])]
    shared[0] = max(1, shared[0] + iterations - sum(shared))
    return shared


def coarse_to_fine(
    network: Network,
    pictures: Pictures,
    settings: Settings,
    parameters: Dict[str, Any],
    callback: Optional[Callable[[Any, np.ndarray], Any]],
) -> Result:
    """Run a transfer at each of its scales.

    Parameters
    ----------
    network : Network
    pictures : Pictures
    settings : Settings
    parameters : dict
        Recorded in the result.
    callback : callable, optional
        As in `transfer.transfer`: iterations count on from scale to scale, images have the final size.

    Returns
    -------
    Result
        Of the last scale, with the history of all; of an earlier one if the run was stopped there.
    """
    edges = sizes(settings.size, settings.scales)
    shares = iterations_at(settings.iterations, len(edges))
    tiles = [
        choose_tile(network, result_shape(pictures, edge), settings, bool(pictures.styles))
        for edge in edges
    ]
    final = make_scene(
        pictures, settings.size, settings.style_scale, settings.style_loss, settings.colors
    )
    announce(callback, parameters)
    history: List[Any] = []
    init = settings.init
    for edge, iterations, tile in zip(edges, shares, tiles):
        scene = final
        if edge != settings.size:
            scene = make_scene(
                pictures, edge, settings.style_scale, settings.style_loss, settings.colors
            )
        if len(edges) > 1:
            height, width = scene.shape
            logging.getLogger("caffe_style").info(
                "%d x %d pixels, %d iterations", width, height, iterations
            )
        before = history[-1] if history else None
        first_style = scene.styles[0].image if scene.styles else None
        mean = network.model.mean
        start = start_picture(init, scene.content, first_style, scene.shape, settings.seed, mean)

        def step(record: Any, image: Optional[np.ndarray], before: Any = before) -> Any:
            return callback(_after(before, record), None if image is None else final.finish(image))

        step.wants_image = lambda record, before=before: wants_image(
            callback, _after(before, record)
        )
        try:
            result = synthesise(
                network,
                scene_objective(network, scene, settings, tile),
                start,
                iterations=iterations,
                corrections=settings.corrections,
                bounds=settings.bounds,
                optimizer=settings.optimizer,
                parameters=parameters,
                callback=step if callback else None,
            )
        except DivergedError as error:
            error.result = _joined(error.result, history, before, final)
            raise
        history = _joined(result, history, before, final).history
        init = result.image
        if result.status in ("stopped", "interrupted"):
            break
    return result._replace(image=final.finish(result.image), history=history)


def _joined(result: Result, history: List[Any], before: Any, final: Any) -> Result:
    """A scale's result as that of the whole run so far."""
    records = history + [_after(before, record) for record in result.history]
    return result._replace(image=final.finish(result.image), history=records)


def _after(before: Any, record: Any) -> Any:
    """The record as it counts after all that came before."""
    if before is None:
        return record
    return dataclasses.replace(
        record,
        iteration=before.iteration + record.iteration,
        seconds=before.seconds + record.seconds,
    )
