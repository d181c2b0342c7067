"""The values among which settings of a run choose."""

from __future__ import annotations

#: SciPy's L-BFGS on the host, or our own on the network's device.
OPTIMIZERS = ("scipy", "device")
#: Pixels by which the network reads a picture beyond its borders, unless others are asked for.
MARGIN = 16
#: How a loss is scaled, apart from its weight: see `caffe_style.scene.terms.scale`.
NORMALISATIONS = ("relative", "paper", "mean")
#: Space in which L-BFGS works: see `caffe_style.scene.spaces`.
SPACES = ("pixels", "smooth", "whitened")
#: Source of the result's colours.
COLORS = ("style", "content", "match")
#: Weights of the layers: see `caffe_style.settings.style_layers.geometric`.
LAYER_WEIGHTS = ("given", "geometric")
#: Guides of the covariation loss: from the content picture, from the result, or kinds that both pictures have.
GUIDES = ("content", "own", "kinds")
