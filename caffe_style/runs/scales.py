"""Coarse to fine: a small picture, then larger ones that start from it (neural-style's most asked for trick).

Strokes and shapes longer than a network's receptive field form at a coarse scale, where an evaluation costs
little, and are only refined at the finer ones.
"""

from __future__ import annotations

import dataclasses
import logging
import math
from typing import Any, Callable, Dict, List, Optional, Tuple, Union

import numpy as np

from ..errors import CheckpointError, OptionError
from ..networks.network import Network
from ..optimise.minimise import DivergedError
from ..scene.assembly import scene_objective
from ..scene.scene import Pictures, make_scene, result_shape
from ..scene.starts import start_picture
from ..settings.transfer import TransferSettings
from .budget import fit
from .checkpoint import Checkpoint, Saved
from .identity import describe_run
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
    if not isinstance(scales, int) or not 1 <= scales <= most:
        raise OptionError("scales must be auto or 1 to %d for this size, not %r" % (most, scales))
    return [round(size / math.sqrt(2) ** step) for step in range(scales - 1, -1, -1)]


def iterations_at(iterations: int, scales: int) -> List[int]:
    """Share out iterations, in proportion to 1 / edge: more where they are cheap, at least one each.

    Raises
    ------
    OptionError
        For fewer iterations than scales.
    """
    if iterations < scales:
        raise OptionError(
            "%d scales need as many iterations, not %d: choose fewer scales" % (scales, iterations)
        )
    parts = [math.sqrt(2) ** (scales - 1 - scale) for scale in range(scales)]
    bounds = np.cumsum([0.0, *parts]) * iterations / sum(parts)
    shared = [max(1, int(b) - int(a)) for a, b in zip(bounds.round(), bounds.round()[1:])]
    shared[0] = max(1, shared[0] + iterations - sum(shared))
    return shared


def coarse_to_fine(
    network: Network,
    pictures: Pictures,
    settings: TransferSettings,
    parameters: Dict[str, Any],
    callback: Optional[Callable[[Any, np.ndarray], Any]],
    checkpoint: Optional[Checkpoint] = None,
) -> Result:
    """Run a transfer at each of its scales.

    Parameters
    ----------
    network : Network
    pictures : Pictures
    settings : TransferSettings
    parameters : dict
        Recorded in the result, with the settings.
    callback : callable, optional
        As in `transfer.transfer`: iterations count on from scale to scale, images have the final size.
    checkpoint : Checkpoint, optional
        Where the run saves itself, and what it goes on from.

    Returns
    -------
    Result
        Of the last scale, with the history of all; of an earlier one if the run was stopped there.
    """
    edges = sizes(settings.size, settings.scales)
    shares = iterations_at(settings.iterations, len(edges))
    tiles: List[Optional[int]] = []
    for edge in reversed(edges):
        shape = result_shape(pictures, edge)
        settings, tile = fit(network, shape, settings, len(pictures.styles))
        tiles.insert(0, tile)
    parameters = {**parameters, **settings.parameters()}
    final = make_scene(
        pictures, settings.size, settings.style_scale, settings.style_loss, settings.colors
    )
    saved = None
    if checkpoint is not None:
        saved = checkpoint.begin(describe_run(network, pictures, parameters, tiles))
    if saved is not None:
        parameters, tiles = saved.run["parameters"], saved.run["tiles"]
    announce(callback, parameters)
    past = Past([]) if saved is None else Past(saved.history, resumed=True)
    init = settings.init
    for number in range(0 if saved is None else saved.scale, len(edges)):
        edge, iterations = edges[number], shares[number]
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
        if saved is None:
            first_style = scene.styles[0].image if scene.styles else None
            mean = network.model.mean
            start = start_picture(
                init, scene.content, first_style, scene.shape, settings.seed, mean
            )
        else:
            start = shape_of_saved(saved, scene.shape)
        done = 0 if saved is None else saved.done

        def step(record: Any, image: Optional[np.ndarray], past: Past = past) -> Any:
            return callback(past.after(record), None if image is None else final.finish(image))

        step.wants_image = lambda record, past=past: wants_image(callback, past.after(record))
        try:
            result = synthesise(
                network,
                scene_objective(network, scene, settings, tiles[number]),
                start,
                iterations=iterations - done,
                corrections=settings.corrections,
                bounds=settings.bounds,
                optimizer=settings.optimizer,
                parameters=parameters,
                callback=step if callback else None,
                state=None if saved is None else saved.state,
                save=_saver(checkpoint, number, done, iterations, past) if checkpoint else None,
            )
        except DivergedError as error:
            history = past.joined(error.result.history)
            error.result = error.result._replace(
                image=final.finish(error.result.image), history=history
            )
            raise
        past, init, saved = Past(past.joined(result.history)), result.image, None
        if result.status in ("stopped", "interrupted"):
            if checkpoint is not None:
                checkpoint.write()
            break
    message = result.message.rpartition(" after ")[0]
    return result._replace(
        image=final.finish(result.image),
        history=past.history,
        message="%s after %d iterations" % (message, past.iterations),
    )


class Past:
    """The records of a run so far, after which those of an optimisation count.

    Parameters
    ----------
    history : list of Record
    resumed : bool
        The optimisation goes on inside a scale: its first evaluation is the last one of the history again.
    """

    def __init__(self, history: List[Any], resumed: bool = False) -> None:
        self.history, self._skip = history, int(resumed)
        # The last evaluations may have been of a step that was not taken.
        self.iterations = max(
            (record.iteration for record in history if record.accepted), default=0
        )
        self._seconds = history[-1].seconds if history else 0.0

    def after(self, record: Any) -> Any:
        """The record as it counts after all that came before."""
        return dataclasses.replace(
            record,
            iteration=self.iterations + record.iteration,
            seconds=self._seconds + record.seconds,
        )

    def joined(self, records: List[Any]) -> List[Any]:
        """The history with an optimisation's records."""
        return self.history + [self.after(record) for record in records[self._skip :]]


def _saver(checkpoint: Checkpoint, number: int, done: int, iterations: int, past: Past) -> Any:
    """What an optimisation calls after each step so that the checkpoint knows of it."""

    def save(state: Any, records: List[Any]) -> None:
        steps, count = done + records[-1].iteration, len(records)
        # After the last one there is nothing left to go on with.
        if steps < iterations:
            checkpoint.save(number, steps, lambda: past.joined(records[:count]), state)

    return save


def shape_of_saved(saved: Saved, shape: Tuple[int, int]) -> np.ndarray:
    """A blank picture of a scale, whose saved picture must have its shape.

    Raises
    ------
    CheckpointError
    """
    if saved.state.point.shape != (1, 3, *shape):
        raise CheckpointError("the checkpoint's picture is not of this run's size: begin anew")
    return np.zeros((*shape, 3), np.uint8)
