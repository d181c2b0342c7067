"""The picture that one feature map responds to most, which the paper compares with Gram entries (section 6)."""

from __future__ import annotations

import math
from typing import Any, Callable, List, Optional

import numpy as np

from .. import losses
from ..errors import OptionError
from ..networks.margin import margin_of
from ..networks.network import Network
from ..objective.term import Arrays, Term, single_term
from ..pictures import images
from ..runs.from_noise import check_responses, responding, synthesise_from_noise
from ..runs.synthesis import Result
from ..scene.terms import variation_term
from ..settings.base import takes
from ..settings.generated import FeatureSettings
from ..watch.watcher import Callback

CONTRAST = 32.0
"""Standard deviation of the noise at the start, in grey levels."""


@takes(FeatureSettings)
def feature(
    network: Network,
    layer: str,
    channel: Optional[int] = None,
    *,
    callback: Callback = None,
    **settings: Any,
) -> Result:
    """Make the picture that one feature map responds to most (Yosinski et al. 2015).

    The logarithm of the mean response is maximised. Responses are roughly proportional to contrast, so the
    logarithm has the same weight relative to the regularisers in every layer and network.

    Parameters
    ----------
    network : Network
    layer : str
        Layer of the feature map.
    channel : int, optional
        Index of the feature map, from 0. By default drawn from those that respond to noise.
    callback : callable, optional
        As in `transfer`.
    **settings
        See below, and `caffe_style.settings.generated.FeatureSettings`. `decay` is the weight of the squared
        distance to the mean colour, relative to that of the noise at the start. The picture's contrast becomes
        about CONTRAST / sqrt(decay) grey levels. Total variation, relative to that of white noise, replaces
        blurring between steps, which does not work with a line search.

    Returns
    -------
    Result

    Raises
    ------
    OptionError
        If the feature map does not exist, or does not respond to the start.

    Examples
    --------
    >>> import caffe_style as cs
    >>> network = cs.open_network("strokenet")
    >>> layer = list(network.model.style_layers)[0]
    >>> cs.feature(network, layer, size=32, iterations=2).image.shape
    (32, 32, 3)
    """
    asked = FeatureSettings.of({"layer": layer, "channel": channel, **settings})
    network.check_blobs([layer])
    channels = network.net.blobs[layer].shape[1]
    if channel is None:
        channel = int(
            np.random.default_rng(asked.seed).choice(responding(network, layer, asked.seed)[0])
        )
    if not 0 <= channel < channels:
        raise OptionError(
            "channel %d does not exist: layer '%s' has %d, 0 to %d"
            % (channel, layer, channels, channels - 1)
        )

    margin = margin_of(asked)

    def make_terms(start: np.ndarray) -> List[Term]:
        check_responses(network, layer, [channel], start, margin)
        size = start.shape[:2]
        noise = images.white_noise(*size, asked.seed)
        blob = network.input_blob
        scale = asked.decay / (CONTRAST**2 * start.size)
        mean_colour = np.zeros((3, *size), np.float32)
        return (
            [Term("response", (layer,), _log_response(channel))]
            + [single_term("decay", blob, losses.content, mean_colour, scale)]
            + variation_term(network, asked.tv_weight, noise, size, wrapped=margin.wrapped)
        )

    found = {"experiment": "feature", "channel": channel}
    return synthesise_from_noise(network, asked, make_terms, found, callback)


def _log_response(channel: int) -> Callable[[Arrays, Arrays], float]:
    """Return a term's loss: the negative logarithm of a feature map's mean response."""

    def evaluate(features: Arrays, gradients: Arrays) -> float:
        mean = -losses.activation(features[0], channel)[0]
        if not mean > 0:
            return math.inf
        losses.activation(features[0], channel, 1 / mean, gradients[0])
        return -math.log(mean)

    return evaluate
