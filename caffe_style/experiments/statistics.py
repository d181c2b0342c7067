"""Statistics of a picture's Gram matrices: amplitude and sparsity (the paper's section 6)."""

from __future__ import annotations

from typing import Any, Dict, Iterable, Optional

from .. import losses
from ..errors import LayerError
from ..losses import targets
from ..networks.network import Network
from ..pictures import images
from ..runs.synthesis import check_memory
from ..scene.starts import PictureLike, read_picture


def statistics(
    image: PictureLike,
    network: Network,
    *,
    size: int = 512,
    layers: Optional[Iterable[str]] = None,
) -> Dict[str, Dict[str, Any]]:
    """Describe the Gram matrix of each layer for a picture.

    Parameters
    ----------
    image : path or ndarray (H, W, 3) uint8 RGB
    network : Network
    size : int
        Long edge in pixels to which the picture is resized.
    layers : iterable of str, optional
        Layers to describe; by default the model's style layers.

    Returns
    -------
    dict of str to dict
        For each layer the result of `caffe_style.losses.targets.gram_statistics`, and the `density` and `sigma`
        of a random sparse Gram matrix that resembles it (None if the layer does not respond). JSON can hold it.

    Raises
    ------
    ImageError, LayerError, ResourceError

    Examples
    --------
    >>> import numpy as np
    >>> import caffe_style as cs
    >>> image = np.random.RandomState(0).randint(0, 256, (32, 32, 3), np.uint8)
    >>> found = statistics(image, cs.open_network("strokenet"), size=32)
    >>> all(0 <= layer["sparsity"] <= 1 for layer in found.values())
    True
    """
    picture = read_picture(image)
    blobs = list(network.model.style_layers if layers is None else layers)
    if not blobs:
        raise LayerError(
            "%s has no style layers of its own: name some with --layers" % network.name
        )
    network.check_blobs(blobs)
    shape = images.fitted_size(picture.shape[:2], size)
    network.resize(*shape)
    check_memory(network, blobs, corrections=0)
    found = {}
    for blob, features in network.features(images.resize(picture, shape), blobs).items():
        gram = losses.target_gram(features)
        alike = targets.match_statistics(gram)._asdict() if gram.any() else {}
        empty = {"density": None, "sigma": None}
        found[blob] = {**targets.gram_statistics(gram), **empty, **alike}
    return found
