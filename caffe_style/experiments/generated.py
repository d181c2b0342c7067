"""Generated styles: single Gram entries and random sparse Gram matrices (the paper's section 6)."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

import numpy as np

from .. import losses
from ..backends import arrays
from ..errors import OptionError
from ..losses import targets
from ..networks.margin import margin_of
from ..networks.network import Network
from ..objective.term import Arrays, Term, single_term
from ..pictures import images
from ..runs.from_noise import LEAST_POWER, check_responses, responding, synthesise_from_noise
from ..runs.synthesis import Result
from ..scene.starts import read_picture
from ..scene.terms import variation_term
from ..settings.base import takes
from ..settings.generated import ElementSettings, GramSettings, SparseSettings
from ..watch.watcher import Callback

MAGNITUDE = 4000.0
"""Default magnitude of a Gram entry, relative to the geometric mean of its two feature maps' power."""

STYLE_WEIGHT = 100.0
"""Total weight of the Gram losses."""


@takes(ElementSettings)
def element(
    network: Network,
    layer: str,
    i: Optional[int] = None,
    j: Optional[int] = None,
    *,
    callback: Callback = None,
    **settings: Any,
) -> Result:
    """Make a texture whose target Gram matrix has a single entry (paper, Figure 5).

    Parameters
    ----------
    network : Network
    layer : str
        Layer of the Gram matrix.
    i, j : int, optional
        Row and column of the entry. By default drawn from the feature maps that respond to noise.
    callback : callable, optional
        As in `transfer`.
    **settings
        See below, and `caffe_style.settings.generated.ElementSettings`. The default magnitude is MAGNITUDE
        times the geometric mean of the power of the feature maps i and j, as they respond to noise. With
        `resample`, a new position is drawn every N iterations (see `caffe_style.optimise.minimise`).

    Returns
    -------
    Result
        Result whose parameters include i and j.

    Raises
    ------
    OptionError, LayerError, ResourceError
        If the entry is outside the Gram matrix, its feature maps do not respond, a setting is bad, or the
        picture is too large.

    Examples
    --------
    >>> import caffe_style as cs
    >>> network = cs.open_network("strokenet")
    >>> layer = list(network.model.style_layers)[0]
    >>> cs.element(network, layer, size=32, iterations=2).image.shape
    (32, 32, 3)
    """
    asked = ElementSettings.of({"layer": layer, "i": i, "j": j, **settings})
    if asked.resample is not None and i is not None and j is not None:
        raise OptionError("resampling draws new entries: leave out i or j")
    random = np.random.default_rng(asked.seed)
    candidates, power = responding(network, layer, asked.seed)
    # A map that hardly responds to noise would get a magnitude that asks for hardly anything.
    power = np.maximum(power, LEAST_POWER * power.mean())

    def position() -> Tuple[int, int]:
        drawn = random.choice(candidates, 2)
        return (int(drawn[0]) if i is None else i), (int(drawn[1]) if j is None else j)

    def gram(row: int, column: int) -> np.ndarray:
        if asked.magnitude is not None:
            return targets.gram_entry(len(power), row, column, asked.magnitude)
        unit = targets.gram_entry(len(power), row, column, 1.0)
        return unit * np.float32(MAGNITUDE * np.sqrt(power[row] * power[column]))

    first = position()
    grams = {layer: gram(*first)}

    def redraw(iteration: int) -> None:
        if iteration:
            grams[layer][...] = gram(*position())

    found: Dict[str, Any] = {"experiment": "element", "i": first[0], "j": first[1]}
    if asked.resample is None:
        found["magnitude"] = float(grams[layer][first])
    else:
        found["drawn"] = [name for name, given in (("i", i), ("j", j)) if given is None]

    def check(start: np.ndarray) -> None:
        given = [channel for channel in (i, j) if channel is not None]
        check_responses(network, layer, given, start, margin_of(asked))

    return _synthesise_grams(network, grams, {layer: 1.0}, asked, redraw, found, callback, check)


@takes(SparseSettings)
def sparse(
    network: Network,
    layers: Mapping[str, float],
    *,
    callback: Callback = None,
    **settings: Any,
) -> Result:
    """Make a texture with random sparse Gram matrices: |N(0, sigma)| under a random mask (Figures 6 and 7).

    Parameters
    ----------
    network : Network
    layers : mapping of str to float
        Weight of each layer.
    callback : callable, optional
        As in `transfer`.
    **settings
        See below, and `caffe_style.settings.generated.SparseSettings`. With `resample`, new matrices are drawn
        every N iterations (see `caffe_style.optimise.minimise`).

    Returns
    -------
    Result

    Raises
    ------
    OptionError, LayerError, ImageError, ResourceError
        If density or sigma is out of range or missing, a setting is bad, or the picture is too large.

    Examples
    --------
    >>> import caffe_style as cs
    >>> network = cs.open_network("strokenet")
    >>> layer = list(network.model.style_layers)[0]
    >>> result = cs.sparse(network, {layer: 1.0}, sigma=1.0, density=0.1, size=32, iterations=2)
    >>> result.image.shape
    (32, 32, 3)
    """
    if not layers:
        raise OptionError("sparse needs at least one layer")
    asked = SparseSettings.of({"layers": layers, **settings})
    network.check_blobs(layers)
    if [asked.sigma is None, asked.density is None] != [asked.like is not None] * 2:
        raise OptionError("give sigma and density, or a picture to take them from (like)")
    if asked.like is None:
        statistics = {blob: targets.SparseStatistics(asked.density, asked.sigma) for blob in layers}
    else:
        picture = images.resize(read_picture(asked.like), asked.size)
        features = network.features(picture, layers)
        statistics = {
            blob: targets.match_statistics(losses.target_gram(features[blob])) for blob in layers
        }
    random = np.random.default_rng(asked.seed)
    channels = {blob: network.net.blobs[blob].shape[1] for blob in layers}

    def draw(blob: str) -> np.ndarray:
        wanted = statistics[blob]
        return targets.sparse_gram(channels[blob], wanted.sigma, wanted.density, random)

    grams = {blob: draw(blob) for blob in layers}

    def redraw(iteration: int) -> None:
        for blob in layers if iteration else ():
            grams[blob][...] = draw(blob)

    found = {
        "experiment": "sparse",
        "statistics": {blob: statistics[blob]._asdict() for blob in layers},
    }
    return _synthesise_grams(network, grams, layers, asked, redraw, found, callback)


def _synthesise_grams(
    network: Network,
    grams: Dict[str, np.ndarray],
    weights: Mapping[str, float],
    settings: GramSettings,
    redraw: Callable[[int], None],
    found: Dict[str, Any],
    callback: Callback,
    check: Optional[Callable[[np.ndarray], None]] = None,
) -> Result:
    """Make a picture with given mean Gram matrices (N, N), which `redraw` may change in place.

    `check` may refuse the picture to start from. Total variation is relative to that of pink noise. Pixels are
    kept within 0..255, except while resampling: the first step after each draw would take L-BFGS-B much longer
    than an evaluation.
    """
    share = STYLE_WEIGHT / sum(weights.values())

    resample = settings.resample

    def make_terms(start: np.ndarray) -> List[Term]:
        if check is not None:
            check(start)
        terms = []
        for blob, gram in grams.items():
            silent = losses.gram(np.zeros((len(gram), 1, 1), np.float32), gram)[0]
            if not silent > 0:
                raise OptionError(
                    "the Gram matrix for layer '%s' is all zero: there is nothing to make" % blob
                )
            scale = share * weights[blob] / silent
            if resample is None:
                terms.append(single_term("style " + blob, blob, losses.gram, gram, scale))
            else:
                terms.append(_changing_term(blob, gram, scale))
        size, wrapped = start.shape[:2], margin_of(settings).wrapped
        noise = images.coloured_noise(*size, 1.0, settings.seed)
        return terms + variation_term(network, settings.tv_weight, noise, size, wrapped=wrapped)

    if settings.bounds is None:
        settings = settings.replace(bounds=resample is None)
    drawing = (None, 1) if resample is None else (redraw, resample)
    return synthesise_from_noise(network, settings, make_terms, found, callback, *drawing)


def _changing_term(blob: str, gram: np.ndarray, weight: float) -> Term:
    """Make the term of a mean Gram matrix (N, N) that changes in place."""

    def evaluate(features: Arrays, gradients: Arrays) -> Any:
        # A copy on the device of the responses, made once, would not change.
        target = arrays.beside(gram, features[0])
        return losses.gram(features[0], target, weight, gradients[0])[0]

    return Term("style " + blob, (blob,), evaluate, steady=False)
