"""What the Gram matrices of a picture are like: how large, how sparse (the paper's section 6)."""

from __future__ import annotations

from typing import Any, Dict, Iterable, Optional

from .. import losses
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
    """Describe the Gram matrix of each layer.

    Parameters
    ----------
    image : path or ndarray (H, W, 3) uint8 RGB
    network : Network
    size : int
        Long edge to resize it to.
    layers : iterable of str, optional
        The model's style layers by default.

    Returns
    -------
    dict of str to dict
        Blob -> what `caffe_style.losses.targets.gram_statistics` tells, and `density` and `sigma` of a sparse
        random Gram matrix that resembles it (None if the layer does not respond). Ready for JSON.

    Raises
    ------
    ImageError, LayerError, ResourceError
    """
    picture = read_picture(image)
    blobs = list(network.model.style_layers if layers is None else layers)
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
