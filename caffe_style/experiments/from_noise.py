"""Pictures made from noise and a wish alone, without content or style picture."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional

import numpy as np

from .. import images
from ..networks import Network
from ..objective import Term
from .starts import Picture, is_picture, name_of, read_picture, start_picture
from .synthesis import Result, check_memory, synthesise


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
    bounds: bool = False,
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
    iterations, corrections, bounds, callback
        As in `caffe_style.transfer`.
    init : str or path or ndarray
        As in `starts.start_picture`, but for the words that need pictures.
    seed : int
        Of noise.
    **drawing
        redraw and steps, as in `synthesis.synthesise`.
    """
    shape = (size, size)
    if is_picture(init):
        shape = images.fitted_size(read_picture(init).shape[:2], size)
    network.check_blobs(blobs)
    network.resize(*shape)
    check_memory(network, blobs, corrections)
    start = start_picture(init, None, None, shape, seed)
    parameters = {
        "model": network.name,
        "backend": network.backend,
        **parameters,
        "size": size,
        "iterations": iterations,
        "init": name_of(init),
        "corrections": corrections,
        "bounds": bounds,
        "seed": seed,
    }
    return synthesise(
        network,
        make_terms(start),
        start,
        iterations=iterations,
        corrections=corrections,
        bounds=bounds,
        parameters=parameters,
        callback=callback,
        **drawing,
    )
