"""Pictures made from noise and a wish alone, without content or style picture."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy as np

from ..errors import OptionError
from ..networks.network import Network
from ..objective.objective import Objective, Term
from ..optimise.minimise import check_optimizer
from ..pictures import images
from ..scene.starts import is_picture, read_picture, start_picture
from ..settings.transfer import OPTIMIZERS, RunSettings
from ..watch.watcher import Callback, as_watcher
from .recipe import run_parameters
from .synthesis import Result, check_memory, synthesise


def responding(network: Network, layer: str, seed: int) -> Tuple[np.ndarray, np.ndarray]:
    """Find the feature maps of a layer that respond to white noise, with a tenth of the mean power or more.

    A picture cannot be led towards a response that no small change brings forth.

    Returns
    -------
    maps : ndarray of int
    power : ndarray, (N,)
        The mean square response of each feature map.

    Raises
    ------
    LayerError, OptionError
        If there is no such layer, or none of its feature maps responds.
    """
    noise = images.white_noise(128, 128, seed)
    features = network.features(noise, [layer])[layer]
    power = (features.astype(np.float64) ** 2).mean(axis=(1, 2))
    if not power.any():
        raise OptionError("no feature map of layer '%s' responds to noise" % layer)
    return np.flatnonzero(power >= 0.1 * power.mean()), power


def synthesise_from_noise(
    network: Network,
    settings: RunSettings,
    make_terms: Callable[[np.ndarray], List[Term]],
    found: Dict[str, Any],
    callback: Callback = None,
    redraw: Optional[Callable[[int], None]] = None,
    steps: int = 1,
) -> Result:
    """Optimise a picture for terms that no picture gives.

    It has no proportions then: it is square, unless it starts from a picture that is not.

    Parameters
    ----------
    network : Network
    settings : RunSettings
        Its `blobs` are what the terms read.
    make_terms : callable
        `make_terms(start) -> list of Term`; the start is (H, W, 3) uint8 RGB.
    found : dict
        Recorded in the result over the settings: what was drawn or derived, and the experiment's name.
    callback : callable, optional
        As in `caffe_style.transfer`.
    redraw, steps
        As in `synthesis.synthesise`.
    """
    optimizer = settings.optimizer or OPTIMIZERS[0]
    check_optimizer(optimizer, bool(settings.bounds))
    shape = (settings.size, settings.size)
    if is_picture(settings.init):
        shape = images.fitted_size(read_picture(settings.init).shape[:2], settings.size)
    network.check_blobs(settings.blobs)
    network.resize(*shape)
    check_memory(network, settings.blobs, settings.corrections, optimizer)
    start = start_picture(settings.init, None, None, shape, settings.seed, network.model.mean)
    parameters = {
        **run_parameters(network),
        **settings.replace(optimizer=optimizer).parameters(),
        **found,
    }
    watcher = as_watcher(callback)
    watcher.begin(parameters)
    return synthesise(
        network,
        Objective(network.net, network.input_blob, make_terms(start)),
        start,
        iterations=settings.iterations,
        corrections=settings.corrections,
        bounds=bool(settings.bounds),
        optimizer=optimizer,
        parameters=parameters,
        watcher=watcher,
        redraw=redraw,
        steps=steps,
    )
