"""Styles that no picture gave: single Gram entries and sparse random Grams (the paper's section 6)."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

import numpy as np

from .. import losses
from ..errors import OptionError
from ..losses import targets
from ..networks.network import Network
from ..objective.objective import Term, single_term
from ..pictures import images
from ..runs.from_noise import responding, synthesise_from_noise
from ..runs.synthesis import Result
from ..scene.starts import Picture, name_of, read_picture
from ..scene.terms import variation_term

MAGNITUDE = 600.0
"""Default magnitude of a Gram entry, by the mean power of the layer's feature maps: far above all others."""

STYLE_WEIGHT = 100.0
"""Of the Gram losses together, beside total variation's."""


def element(
    network: Network,
    layer: str,
    i: Optional[int] = None,
    j: Optional[int] = None,
    *,
    magnitude: Optional[float] = None,
    resample: Optional[int] = None,
    seed: int = 0,
    **options: Any,
) -> Result:
    """Make a texture whose Gram matrix has one entry alone (paper, Figure 5).

    Parameters
    ----------
    network : Network
    layer : str
        The blob whose Gram matrix it is.
    i, j : int, optional
        The entry, and by symmetry (j, i); drawn from the feature maps that respond to noise if not given.
    magnitude : float, optional
        Its value, a mean product of responses; by default MAGNITUDE times the mean power of a feature map.
    resample : int, optional
        Draw the position anew every so many iterations (see `caffe_style.optimise.minimise.minimise`).
    seed : int
        Of positions and noise.
    **options
        size, iterations, init, tv_weight, corrections, bounds, callback, as in `synthesise_grams`.

    Returns
    -------
    Result
        Its parameters tell i and j.

    Raises
    ------
    OptionError, LayerError, ResourceError
        If the entry is outside the layer's Gram matrix, and as `synthesise_grams`.
    """
    if resample is not None and i is not None and j is not None:
        raise OptionError("resampling draws the entry anew: leave out i or j")
    random = np.random.default_rng(seed)
    candidates, power = responding(network, layer, seed)
    if magnitude is None:
        magnitude = MAGNITUDE * float(power.mean())

    def position() -> Tuple[int, int]:
        drawn = random.choice(candidates, 2)
        return (int(drawn[0]) if i is None else i), (int(drawn[1]) if j is None else j)

    first = position()
    grams = {layer: targets.gram_entry(len(power), *first, magnitude)}

    def redraw(iteration: int) -> None:
        if iteration:
            grams[layer][...] = targets.gram_entry(len(power), *position(), magnitude)

    parameters = {
        "experiment": "element",
        "layer": layer,
        "i": first[0],
        "j": first[1],
        "magnitude": magnitude,
    }
    if resample is not None:
        parameters["drawn"] = [name for name, asked in (("i", i), ("j", j)) if asked is None]
    return synthesise_grams(
        network, grams, {layer: 1.0}, redraw, resample, parameters, seed=seed, **options
    )


def sparse(
    network: Network,
    layers: Mapping[str, float],
    *,
    sigma: Optional[float] = None,
    density: Optional[float] = None,
    like: Optional[Picture] = None,
    resample: Optional[int] = None,
    seed: int = 0,
    **options: Any,
) -> Result:
    """Make a texture with random sparse Gram matrices: |N(0, sigma)| under a random mask (Figures 6 and 7).

    Parameters
    ----------
    network : Network
    layers : mapping of str to float
        Blob -> weight.
    sigma : float
        Of the entries, mean products of responses.
    density : float
        Part of the entries that is not zero, in (0, 1].
    like : path or ndarray (H, W, 3) uint8 RGB
        Take sigma and density, for each layer, from this picture instead.
    resample : int, optional
        Draw the matrices anew every so many iterations (see `caffe_style.optimise.minimise.minimise`).
    seed : int
        Of matrices and noise.
    **options
        size, iterations, init, tv_weight, corrections, bounds, callback, as in `synthesise_grams`.

    Returns
    -------
    Result

    Raises
    ------
    OptionError, LayerError, ImageError, ResourceError
        If density or sigma is out of range or missing, and as `synthesise_grams`.
    """
    network.check_blobs(layers)
    if not layers:
        raise OptionError("sparse needs at least one layer")
    if [sigma is None, density is None] != [like is not None] * 2:
        raise OptionError("give sigma and density, or a picture to take them from (like)")
    if like is None:
        statistics = {blob: targets.SparseStatistics(density, sigma) for blob in layers}
    else:
        picture = images.resize(read_picture(like), options.get("size", 512))
        features = network.features(picture, layers)
        statistics = {
            blob: targets.match_statistics(losses.target_gram(features[blob])) for blob in layers
        }
    random = np.random.default_rng(seed)
    channels = {blob: network.net.blobs[blob].shape[1] for blob in layers}

    def draw(blob: str) -> np.ndarray:
        wanted = statistics[blob]
        return targets.sparse_gram(channels[blob], wanted.sigma, wanted.density, random)

    grams = {blob: draw(blob) for blob in layers}

    def redraw(iteration: int) -> None:
        for blob in layers if iteration else ():
            grams[blob][...] = draw(blob)

    parameters = {
        "experiment": "sparse",
        "layers": dict(layers),
        "sigma": sigma,
        "density": density,
        "like": name_of(like),
        "statistics": {blob: statistics[blob]._asdict() for blob in layers},
    }
    return synthesise_grams(
        network, grams, layers, redraw, resample, parameters, seed=seed, **options
    )


def synthesise_grams(
    network: Network,
    grams: Dict[str, np.ndarray],
    weights: Mapping[str, float],
    redraw: Callable[[int], None],
    resample: Optional[int],
    parameters: Dict[str, Any],
    *,
    tv_weight: float = 0.5,
    bounds: Optional[bool] = None,
    seed: int = 0,
    **options: Any,
) -> Result:
    """Make a picture with given Gram matrices.

    Parameters
    ----------
    network : Network
    grams : dict of str to ndarray (N, N)
        Blob -> mean Gram matrix; `redraw` may change them in place.
    weights : mapping of str to float
        Of the blobs.
    redraw, resample
        `redraw(iteration)` is called every `resample` iterations, if that is given.
    parameters : dict
        Recorded in the result, with the options.
    tv_weight : float
        Of total variation, relative to that of pink noise; the Grams together have STYLE_WEIGHT. It keeps the
        noise from staying where no response covers it, at the border.
    bounds : bool, optional
        Keep pixels inside 0..255 throughout. The default is yes, unless Grams are drawn anew: the first step of
        each draw then takes L-BFGS-B much longer than an evaluation.
    seed : int
        Of noise.
    **options
        As in `from_noise.synthesise_from_noise`.
    """
    share = STYLE_WEIGHT / sum(weights.values())

    def make_terms(start: np.ndarray) -> List[Term]:
        terms = []
        for blob, gram in grams.items():
            silent = losses.gram(np.zeros((len(gram), 1, 1), np.float32), gram)[0]
            if not silent > 0:
                raise OptionError(
                    "the Gram matrix for layer '%s' is all zero: there is nothing to make" % blob
                )
            scale = share * weights[blob] / silent
            terms.append(single_term("style " + blob, blob, losses.gram, gram, scale))
        noise = images.coloured_noise(*start.shape[:2], 1.0, seed)
        return terms + variation_term(network, tv_weight, noise, noise.shape[:2])

    parameters = {**parameters, "tv_weight": tv_weight, "resample": resample}
    if resample is not None:
        options.update(redraw=redraw, steps=resample)
    if bounds is None:
        bounds = resample is None
    return synthesise_from_noise(
        network, list(grams), make_terms, parameters, bounds=bounds, seed=seed, **options
    )
