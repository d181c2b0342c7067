"""Coarse to fine: a small picture is made first, and each larger one starts from the one before.

Strokes and shapes longer than the network's receptive field form at a coarse scale, where an evaluation is
fast. The finer scales only refine them.
"""

from __future__ import annotations

import logging
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from ..errors import CheckpointError
from ..networks.network import Network
from ..optimise.evaluations import attach, result_of
from ..pictures.images import from_caffe
from ..scene.found_regions import say_kinds, with_regions
from ..scene.inputs import Inputs
from ..scene.scene import Scene, make_scene, scene_objective
from ..scene.spaces import scene_preconditioner
from ..scene.starts import PictureLike, enlarge_seamless, read_picture, start_picture
from ..settings.transfer import TransferSettings
from ..watch.watcher import Watcher
from .checkpoint import Unsaved
from .checkpoint_file import Saved
from .identity import describe_run
from .past import Past, ScaleWatcher
from .plan import Scale, make_plan
from .synthesis import Result, synthesise


def coarse_to_fine(
    network: Network,
    inputs: Inputs,
    settings: TransferSettings,
    parameters: Dict[str, Any],
    watcher: Watcher,
    checkpoint: Unsaved,
) -> Result:
    """Run a transfer at each of its scales.

    Parameters
    ----------
    network : Network
    inputs : Inputs
    settings : TransferSettings
    parameters : dict
        Parameters to record in the result, in addition to the settings.
    watcher : Watcher
        Watcher of the run. Iterations are numbered across scales, and images have the final size.
    checkpoint : Checkpoint or Unsaved
        File to which the run is saved, and the state from which it continues.

    Returns
    -------
    Result
        Result of the last scale with the history of all, or of an earlier scale if the run was stopped there.
    """
    settings, plan = make_plan(network, inputs, settings)
    inputs = with_regions(network, inputs, settings)
    if settings.kinds is not None:
        say_kinds(inputs)
    parameters = {**parameters, **settings.parameters()}
    final = _scene(inputs, settings, settings.size)
    tiles = [scale.tile for scale in plan]
    saved = checkpoint.begin(
        lambda: describe_run(network, inputs, parameters, tiles, settings.segments or ())
    )
    past, first = Past([]), 0
    init, result = settings.init, None
    if saved is not None:
        parameters, tiles = saved.run["parameters"], saved.run["tiles"]
        past, first = Past(saved.history, resumed=True), saved.scale
        if saved.done == plan[first].iterations and first < len(plan) - 1:
            # The run was interrupted before its first step at the next size. A result has single precision.
            init = from_caffe(saved.state.point.astype(np.float32), network.model.mean)
            past, first, saved = Past(saved.history), first + 1, None
    watcher.begin(parameters)
    for number in range(first, len(plan)):
        scale = plan[number]._replace(tile=tiles[number])
        last = scale.iterations if number == len(plan) - 1 else None
        done = 0 if saved is None else saved.done
        try:
            scene = final if scale.size == settings.size else _scene(inputs, settings, scale.size)
            if len(plan) > 1:
                _say(scale, scene)
            objective = scene_objective(network, scene, settings, scale.tile)
            result = synthesise(
                network,
                objective,
                _start(network, scene, settings, init, saved),
                iterations=scale.iterations - done,
                corrections=settings.corrections,
                bounds=bool(settings.bounds),
                optimizer=settings.optimizer,
                preconditioner=scene_preconditioner(scene, settings),
                parameters=parameters,
                watcher=ScaleWatcher(watcher, past, final),
                redraw=objective.redraw,
                steps=settings.rematch,
                state=None if saved is None else saved.state,
                done=done,
                save=checkpoint.saver(number, done, last, past.joined),
            )
        except KeyboardInterrupt:
            # An interrupted evaluation ends the run as usual. Without one, this scale has no result.
            if result is None:
                raise
            message = "interrupted after %d iterations" % past.iterations
            result = result._replace(status="interrupted", message=message)
            checkpoint.write()
            break
        except Exception as error:
            partial = result_of(error)
            if partial is not None:
                attach(error, _joined, partial, past.joined(partial.history), final)
            elif result is not None:
                # This scale has no result, so the result of the last one is returned.
                attach(error, _joined, result, past.history, final)
            raise
        past, init, saved = Past(past.joined(result.history)), result.image, None
        if result.status in ("stopped", "interrupted"):
            checkpoint.write()
            break
    message = result.message.rpartition(" after ")[0]
    return _joined(result, past.history, final)._replace(
        message="%s after %d iterations" % (message, past.iterations)
    )


def _scene(inputs: Inputs, settings: TransferSettings, size: int) -> Scene:
    scene = make_scene(inputs, size, settings.style_scale, settings.style_loss, settings.colors)
    if settings.photoreal and settings.closing_radius and scene.content is not None:
        return scene._replace(closing=(settings.closing_radius, settings.closing_epsilon))
    return scene


def _say(scale: Scale, scene: Scene) -> None:
    height, width = scene.shape
    logging.getLogger("caffe_style").info(
        "%d x %d pixels, %d iterations", width, height, scale.iterations
    )


def _start(
    network: Network,
    scene: Scene,
    settings: TransferSettings,
    init: PictureLike,
    saved: Optional[Saved],
) -> np.ndarray:
    """Return the picture that a scale starts from. For a saved scale it is blank: its state has the picture."""
    if saved is not None:
        return shape_of_saved(saved, scene.shape)
    if settings.tileable and isinstance(init, np.ndarray):
        init = enlarge_seamless(read_picture(init), scene.shape)
    first_style = scene.styles[0].image if scene.styles else None
    mean = network.model.mean
    return start_picture(init, scene.content, first_style, scene.shape, settings.seed, mean)


def _joined(result: Result, history: List[Any], final: Scene) -> Result:
    """Turn a scale's result into that of the run, with all records, in the final size and colours."""
    return result._replace(image=final.finish(result.image), history=history)


def shape_of_saved(saved: Saved, shape: Tuple[int, int]) -> np.ndarray:
    """Return a blank picture of a scale, after checking the shape of its saved picture.

    Raises
    ------
    CheckpointError
    """
    if saved.state.point.shape != (1, 3, *shape):
        raise CheckpointError("the checkpoint's picture has another size: start a new run")
    return np.zeros((*shape, 3), np.uint8)
