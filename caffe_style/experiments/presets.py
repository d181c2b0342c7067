"""Presets: the conventions of other implementations, for fair comparisons, and settings for a purpose.

    preset = cs.get_preset("johnson")
    network = cs.open_network("vgg19", **preset.network)
    result = cs.transfer(content, style, network, **preset.settings(network.model))

The comment above each preset gives the loss of the program. F and P are responses of N feature maps at M
positions, G and A their Gram matrices F F^T and P P^T. Factors that differ from ours are part of the weights.
"""

from __future__ import annotations

from typing import Any, Dict, NamedTuple

from ..errors import OptionError
from ..networks.zoo import Model, get_model
from ..runs.request import Request


class Preset(NamedTuple):
    """The conventions of one implementation, or the settings for one purpose.

    Attributes
    ----------
    title : str
        Author and program, or the purpose.
    network : dict
        Arguments of `open_network`: pooling and mean.
    transfer : dict
        Settings of `transfer`.
    layers : dict of str to dict
        content_layers and style_layers by the prototxt's name, where they differ from the model's own.
    """

    title: str
    network: Dict[str, Any]
    transfer: Dict[str, Any]
    layers: Dict[str, Dict[str, Dict[str, float]]] = {}

    def settings(self, model: Model) -> Dict[str, Any]:
        """Return the settings of `transfer` for this model."""
        return {**self.transfer, **self.layers.get(model.prototxt.stem, {})}

    def request(self, model: str, asked: Request) -> Request:
        """Return the preset as a request, for a run with the command of `asked` on the model of this name."""
        settings = self.settings(get_model(model))
        if settings.get("init") == "content" and asked.command == "texture":
            # A texture has no content picture to start from.
            del settings["init"]
        return Request(asked.command, network=self.network, settings=settings)


#: Five layers with a weight of 0.2 each, like the models' own style layers.
_GATYS_LAYERS = {
    "content_layers": {"conv4_2": 1.0},
    "style_layers": dict.fromkeys(("pool4", "pool3", "pool2", "pool1", "conv1_1"), 0.2),
}

PRESETS: Dict[str, Preset] = {
    # sum (F - P)^2 + 2e9 * mean over layers of sum (G - A)^2 / (N M)^2, G and A sums. His program computes
    # 2 (G - A) F / (N M)^2 for the style gradient, half of the correct one. The preset follows his gradient.
    "tai": Preset(
        "Kai Sheng Tai, neuralart (Torch)",
        {"pooling": "average", "mean": (104.0, 117.0, 123.0)},
        {
            "size": 500,
            "iterations": 1500,
            "init": "noise:25.5",
            "style_loss": "gram-sum",
            "content_weight": 2.0,
            "style_weight": 4e9,
            "tv_weight": 0.0,
            "normalisation": "paper",
            "style_scale": 1.0,
            "corrections": 100,
            "bounds": False,
            "space": "pixels",
            "margin": 0,
            "scales": 1,
        },
    ),
    # 5 * mean (F - P)^2 + 100 * sum over five layers of mean (G - A)^2, G and A divided by N M; 1e-3 * TV.
    "johnson": Preset(
        "Justin Johnson, neural-style (Torch)",
        {"pooling": "max", "mean": (103.939, 116.779, 123.68)},
        {
            "size": 512,
            "iterations": 1000,
            "init": "mean:0.001",
            "style_loss": "gram",
            "content_weight": 5.0,
            "style_weight": 500.0,
            "tv_weight": 1e-3,
            "normalisation": "mean",
            "style_scale": 1.0,
            "corrections": 100,
            "bounds": False,
            "space": "pixels",
            "margin": 0,
            "scales": 1,
        },
    ),
    # 1/2 sum (F - P)^2 + 1e4 * sum over layers of 0.2 / (4 N^2 M^2) sum (G - A)^2, G and A sums.
    "liu": Preset(
        "Frank Liu, style-transfer (Caffe)",
        {"mean": (104.01, 116.67, 122.68)},
        {
            "size": 512,
            "iterations": 512,
            "init": "content",
            "style_loss": "gram-sum",
            "content_weight": 1.0,
            "style_weight": 1e4,
            "tv_weight": 0.0,
            "normalisation": "paper",
            "style_scale": 1.2,
            "corrections": 8,
            "bounds": True,
            "space": "pixels",
            "margin": 0,
            "scales": 1,
        },
        {"googlenet": {"content_layers": {"conv2/3x3": 2e-4, "inception_3a/output": 1 - 2e-4}}},
    ),
    # 1/2 sum (F - P)^2 (his paper's; the program makes textures) + 1e9 * sum over five layers of
    # 1 / (4 N^2) sum (G - A)^2, G and A divided by M.
    "gatys": Preset(
        "Leon Gatys, DeepTextures (Caffe)",
        {"pooling": "average", "mean": (103.939, 116.779, 123.68)},
        {
            "iterations": 2000,
            "init": "noise",
            "style_loss": "gram",
            "content_weight": 1.0,
            "style_weight": 5e9,
            "tv_weight": 0.0,
            "normalisation": "paper",
            "style_scale": 1.0,
            "corrections": 20,
            "bounds": True,
            "space": "pixels",
            "margin": 0,
            "scales": 1,
        },
        {"vgg19": _GATYS_LAYERS, "vgg16": _GATYS_LAYERS},
    ),
}


#: Settings for one purpose. The user chooses the network and the size.
PURPOSES: Dict[str, Preset] = {
    # What Novak & Nikulin (2016b, arXiv:1605.04603, section 3) found to be better than the Gram matrices of
    # five layers. Their shift is -1, for a VGG-19 whose responses have a mean of 1. Here it is minus the mean
    # of each layer, which suits other networks too.
    "novak": Preset(
        "Novak & Nikulin, Improving the Neural Algorithm of Artistic Style",
        {},
        {
            "style_layers": "all",
            "layer_weights": "geometric",
            "style_loss": "chained",
            "shift": True,
        },
    ),
    # The next two are for two photographs, and were chosen by eye on SqueezeNet.
    # Each kind of content gets the colours and textures of the same kind: the ground those of the ground.
    "season": Preset("Another season", {}, {"regions": "auto", "photoreal": 100.0}),
    # The colours of the light are transferred, but no textures.
    "light": Preset("Another light", {}, {"photoreal": 1000.0}),
}


def get_preset(name: str) -> Preset:
    """Return the preset of this name, of `PRESETS` or `PURPOSES`.

    Raises
    ------
    OptionError
        If there is none.

    Examples
    --------
    >>> get_preset("johnson").network["pooling"]
    'max'
    """
    presets = {**PRESETS, **PURPOSES}
    if name not in presets:
        raise OptionError("unknown preset '%s': choose one of %s" % (name, ", ".join(presets)))
    return presets[name]
