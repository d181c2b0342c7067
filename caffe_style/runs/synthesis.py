"""One optimisation: from a start picture and an objective to the finished picture."""

from __future__ import annotations

import logging
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence

import numpy as np

from ..backends import arrays, estimate
from ..backends.threads import optimiser_threads
from ..networks.network import Network
from ..objective.objective import Objective
from ..optimise.evaluations import attach, result_of
from ..optimise.lbfgs import State
from ..optimise.memory import Pair
from ..optimise.minimise import minimise
from ..optimise.preconditioner import Preconditioner
from ..pictures.images import from_caffe
from ..watch.watcher import Watcher


class Result(NamedTuple):
    """The result of an experiment.

    Attributes
    ----------
    image : ndarray, (H, W, 3) uint8 RGB
        The finished picture.
    history : list of Record
        One record for each evaluation (see `caffe_style.optimise.evaluations.Record`).
    parameters : dict
        Everything needed to repeat the run, in values that JSON can hold.
    status, message : str
        How the optimisation ended (see `caffe_style.optimise.evaluations.Result`).
    objective : Objective or TiledObjective
        The objective, which can evaluate other pictures as long as the network keeps its size.
    """

    image: np.ndarray
    history: List[Any]
    parameters: Dict[str, Any]
    status: str
    message: str
    objective: Callable


def check_memory(
    network: Network,
    blobs: Sequence[str],
    corrections: int,
    optimizer: str = "scipy",
) -> int:
    """Estimate the memory of a run at the network's current size, in bytes, without targets.

    Raises
    ------
    ResourceError
        If the run would not fit in memory.
    """
    last = network.last_layer(list(blobs) + [network.input_blob])
    needed = estimate.run_bytes(network.net, network.input_blob, last, corrections, optimizer)
    blob = network.net.blobs[network.input_blob]
    height, width = tuple(blob.shape)[2:]
    needed = estimate.check_device(network.net, last, needed, height, width)
    estimate.check_fits(needed, height, width)
    logging.getLogger("caffe_style").info(
        "%d x %d pixels take about %s of memory", width, height, estimate.as_text(needed)
    )
    return needed


def synthesise(
    network: Network,
    objective: Callable,
    start: np.ndarray,
    *,
    iterations: int,
    corrections: int,
    bounds: bool,
    parameters: Dict[str, Any],
    watcher: Watcher,
    optimizer: str = "scipy",
    preconditioner: Optional[Preconditioner] = None,
    redraw: Optional[Callable[[int], None]] = None,
    steps: int = 1,
    state: Optional[State] = None,
    done: int = 0,
    save: Optional[Callable[[State, List[Any]], None]] = None,
) -> Result:
    """Optimise a picture.

    Parameters
    ----------
    network : Network
    objective : callable
        `Objective` or `TiledObjective` on this network.
    start : ndarray, (H, W, 3) uint8 or float32, RGB
        Picture to start from. The result has its size.
    iterations : int
        Number of accepted steps of L-BFGS.
    corrections : int
        Number of past steps that L-BFGS remembers.
    bounds : bool
        Whether to keep pixels within 0..255 during the optimisation, not only at the end.
    parameters : dict
        Parameters to record in the result.
    optimizer : str
        One of `caffe_style.settings.transfer.OPTIMIZERS`.
    preconditioner : Preconditioner, optional
        Smoothing of the picture: see `minimise`.
    watcher : Watcher
        Watcher of the run, called after each iteration.
    redraw, steps
        For targets that change every `steps` iterations: see `caffe_style.optimise.minimise.minimise`.
    state, done, save
        State of L-BFGS to continue from, the number of steps taken to it, and function that saves it: see
        `minimise`.

    Raises
    ------
    DivergedError
        If the loss is no longer a number. Its `result` is the Result with the last good picture.
    Exception
        Any other error. After the first iteration it carries the result as well (see
        `caffe_style.optimise.evaluations.result_of`).
    """
    mean = network.model.mean
    if isinstance(objective, Objective):
        network.resize(*(objective.frame.shape if objective.frame else start.shape[:2]))

    def step(record: Any, array: Any) -> Any:
        wanted = watcher.wants_image(record)
        watcher.step(record, from_caffe(arrays.to_numpy(array), mean) if wanted else None)

    def finished(outcome: Any) -> Result:
        image = from_caffe(outcome.image, mean)
        return Result(
            image, outcome.history, parameters, outcome.status, outcome.message, objective
        )

    begin = network.to_blob(start)
    if state is not None:
        _move(state, network.on_device)
    try:
        with optimiser_threads(network.net.device):
            outcome = minimise(
                objective,
                network.on_device(begin) if optimizer == "device" else begin,
                iterations,
                optimizer=optimizer,
                corrections=corrections,
                bounds=_pixel_bounds(mean) if bounds else None,
                preconditioner=preconditioner,
                callback=step,
                redraw=redraw,
                steps=steps,
                state=state,
                done=done,
                save=save,
            )
    except Exception as error:
        partial = result_of(error)
        if partial is not None:
            attach(error, finished, partial)
        raise
    return finished(outcome)


def _move(state: State, place: Callable[[np.ndarray], Any]) -> None:
    """Move a state's arrays to the optimiser's device."""
    state.point = place(state.point)
    state.pairs = [Pair(*map(place, pair)) for pair in state.pairs]
    if state.drawn is not None:
        state.drawn = place(state.drawn)


def _pixel_bounds(mean: Sequence[float]) -> Any:
    lowest = -np.asarray(mean, np.float64).reshape(1, 3, 1, 1)
    return lowest, lowest + 255.0
