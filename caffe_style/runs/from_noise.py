"""Making pictures from noise, without a content or style picture."""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterable, List, Optional, Tuple

import numpy as np

from ..errors import OptionError
from ..networks.margin import Frame, Margin, margin_of
from ..networks.network import Network
from ..objective.objective import Objective
from ..objective.term import Term
from ..optimise.minimise import check_optimizer
from ..pictures import images
from ..scene.starts import is_picture, read_picture, start_picture
from ..settings.transfer import OPTIMIZERS, RunSettings
from ..watch.watcher import Callback, as_watcher
from .recipe import run_parameters
from .synthesis import Result, check_memory, synthesise

#: Power below which a feature map does not count as responding, relative to the layer's mean.
LEAST_POWER = 0.1
#: Number of feature maps that an error message names.
NAMED = 5


def responding(network: Network, layer: str, seed: int) -> Tuple[np.ndarray, np.ndarray]:
    """Find the feature maps of a layer that respond to white noise with at least a tenth of the mean power.

    For the others the gradient at the start is zero, so that the optimiser cannot increase their response.

    Returns
    -------
    maps : ndarray of int
        Indices of the feature maps.
    power : ndarray, (N,)
        Mean square response of each feature map.

    Raises
    ------
    LayerError, OptionError
        If the layer does not exist, or none of its feature maps responds.
    """
    power = _power(network.features(images.white_noise(128, 128, seed), [layer])[layer])
    if not power.any():
        raise OptionError("no feature map of layer '%s' responds to noise" % layer)
    return np.flatnonzero(power >= LEAST_POWER * power.mean()), power


def check_responses(
    network: Network, layer: str, maps: Iterable[int], start: np.ndarray, margin: Margin
) -> None:
    """Check that feature maps respond to the picture to start from, (H, W, 3) uint8 RGB.

    Raises
    ------
    OptionError
        If one does not. The message names the feature maps that respond most.
    """
    power = _power(network.features(start, [layer], margin)[layer])
    silent = [channel for channel in maps if not power[channel]]
    if not silent:
        return
    most = [str(channel) for channel in np.argsort(-power)[:NAMED] if power[channel]]
    hint = "channels %s do, choose one of them or another --init" % ", ".join(most)
    raise OptionError(
        "channel %d of layer '%s' does not respond to the start: %s"
        % (silent[0], layer, hint if most else "no channel does, choose another --init")
    )


def _power(features: np.ndarray) -> np.ndarray:
    return (features.astype(np.float64) ** 2).mean(axis=(1, 2))


def synthesise_from_noise(
    network: Network,
    settings: RunSettings,
    make_terms: Callable[[np.ndarray], List[Term]],
    found: Dict[str, Any],
    callback: Callback = None,
    redraw: Optional[Callable[[int], None]] = None,
    steps: int = 1,
) -> Result:
    """Optimise a picture for terms that are not made from an input picture.

    The result is square, or has the proportions of the picture it starts from.

    Parameters
    ----------
    network : Network
    settings : RunSettings
        Settings, whose `blobs` are the layers that the terms read.
    make_terms : callable
        `make_terms(start) -> list of Term`, where the start is (H, W, 3) uint8 RGB.
    found : dict
        Parameters that were drawn or computed, and the experiment's name. In the result they replace settings.
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
    margin = margin_of(settings)
    frame = Frame(network, shape, margin)
    check_memory(network, settings.blobs, settings.corrections, optimizer)
    start = start_picture(settings.init, None, None, shape, settings.seed, network.model.mean)
    parameters = {
        **run_parameters(network),
        **settings.replace(
            optimizer=optimizer, margin=margin.width, tileable=margin.wrapped
        ).parameters(),
        **found,
    }
    watcher = as_watcher(callback)
    watcher.begin(parameters)
    terms = make_terms(start)
    return synthesise(
        network,
        Objective(network.net, network.input_blob, terms, frame if margin.width else None),
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
