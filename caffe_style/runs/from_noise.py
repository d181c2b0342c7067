"""Pictures made from noise and a wish alone, without content or style picture."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy as np

from ..errors import OptionError
from ..networks.network import Network
from ..objective.objective import Objective, Term
from ..optimise.minimise import check_optimizer
from ..pictures import images
from ..scene.starts import Picture, is_picture, name_of, read_picture, start_picture
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
    blobs: List[str],
    make_terms: Callable[[np.ndarray], List[Term]],
    parameters: Dict[str, Any],
    *,
    size: int = 512,
    iterations: int = 200,
    init: Picture = "noise",
    corrections: int = 10,
    bounds: bool = True,
    optimizer: str = "scipy",
    seed: int = 0,
    callback: Optional[Callable[[Any, np.ndarray], Any]] = None,
    **drawing: Any,
) -> Result:
    """Optimise a picture for terms that no picture gives.

    It has no proportions then: it is square, unless it starts from a picture that is not.

    Parameters
    ----------
    network : Network
    blobs : list of str
        What the terms read.
    make_terms : callable
        `make_terms(start) -> list of Term`; the start is (H, W, 3) uint8 RGB.
    parameters : dict
        Recorded in the result, with the options.
    size : int
        Long edge in pixels.
    iterations, corrections, optimizer, callback
        As in `caffe_style.transfer`.
    bounds : bool
        Keep pixels inside 0..255 throughout. A wish may ask for more than any picture has: without, a few
        pixels beyond black and white at the border, which few responses cover, would answer most of it.
    init : str or path or ndarray
        As in `starts.start_picture`, but for the words that need pictures.
    seed : int
        Of noise.
    **drawing
        redraw and steps, as in `synthesis.synthesise`.
    """
    check_optimizer(optimizer, bounds)
    shape = (size, size)
    if is_picture(init):
        shape = images.fitted_size(read_picture(init).shape[:2], size)
    network.check_blobs(blobs)
    network.resize(*shape)
    check_memory(network, blobs, corrections, optimizer)
    start = start_picture(init, None, None, shape, seed, network.model.mean)
    parameters = {
        **run_parameters(network),
        **parameters,
        "size": size,
        "iterations": iterations,
        "init": name_of(init),
        "corrections": corrections,
        "bounds": bounds,
        "optimizer": optimizer,
        "seed": seed,
    }
    return synthesise(
        network,
        Objective(network.net, network.input_blob, make_terms(start)),
        start,
        iterations=iterations,
        corrections=corrections,
        bounds=bounds,
        optimizer=optimizer,
        parameters=parameters,
        callback=callback,
        **drawing,
    )
