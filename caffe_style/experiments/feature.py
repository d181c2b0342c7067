"""The picture that one feature map responds to most: what the paper compares Gram entries with (section 6)."""

from __future__ import annotations

import math
from typing import Any, Callable, List, Optional

import numpy as np

from .. import losses
from ..errors import OptionError
from ..networks.network import Network
from ..objective.objective import Arrays, Term, single_term
from ..pictures import images
from ..runs.from_noise import responding, synthesise_from_noise
from ..runs.synthesis import Result
from ..scene.terms import variation_term
from ..settings.base import takes
from ..settings.generated import FeatureSettings
from ..watch.watcher import Callback

CONTRAST = 32.0
"""Standard deviation of the noise to start from, in grey levels."""


@takes(FeatureSettings)
def feature(
    network: Network,
    layer: str,
    channel: Optional[int] = None,
    *,
    callback: Callback = None,
    **settings: Any,
) -> Result:
    """Make the picture that one feature map responds to most (Yosinski et al. 2015), to compare Grams with.

    The logarithm of the mean response is maximised. Responses grow with contrast, about in proportion, so that
    its logarithm has the same weight against the regularisers in each layer of each network.

    Parameters
    ----------
    network : Network
    layer : str
    channel : int, optional
        The feature map, counted from 0; drawn from those that respond to noise if not given.
    callback : callable, optional
        As in `transfer`.
    **settings
        See below, and `caffe_style.settings.generated.FeatureSettings`. `decay` weighs the squared distance to
        the mean colour, relative to that of the noise to start from: the picture's contrast becomes about
        CONTRAST / sqrt(decay) grey levels. Total variation, relative to that of white noise, stands in place of
        blurring between steps, which an optimiser with a line search cannot have.

    Returns
    -------
    Result

    Raises
    ------
    OptionError
        If there is no such channel, or it does not respond to the start.
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

    def make_terms(start: np.ndarray) -> List[Term]:
        if not network.features(start, [layer])[layer][channel].any():
            raise OptionError(
                "channel %d of layer '%s' does not respond to the start: try another --seed or --init"
                % (channel, layer)
            )
        noise = images.white_noise(*start.shape[:2], asked.seed)
        blob = network.input_blob
        scale = asked.decay / (CONTRAST**2 * start.size)
        mean_colour = np.zeros((3, *start.shape[:2]), np.float32)
        return (
            [Term("response", (layer,), _log_response(channel))]
            + [single_term("decay", blob, losses.content, mean_colour, scale)]
            + variation_term(network, asked.tv_weight, noise, noise.shape[:2])
        )

    found = {"experiment": "feature", "channel": channel}
    return synthesise_from_noise(network, asked, make_terms, found, callback)


def _log_response(channel: int) -> Callable[[Arrays, Arrays], float]:
    """The negative logarithm of a feature map's mean response, as a term's loss."""

    def evaluate(features: Arrays, gradients: Arrays) -> float:
        mean = -losses.activation(features[0], channel)[0]
        if not mean > 0:
            return math.inf
        losses.activation(features[0], channel, 1 / mean, gradients[0])
        return -math.log(mean)

    return evaluate
