"""Style transfer, texture synthesis and content reconstruction (the paper's sections 2 to 5)."""

from __future__ import annotations

from typing import Any, Union

from ..networks.network import Network
from ..runs.checkpoint import Checkpoint, PathLike
from ..runs.run import Result, run
from ..scene.starts import PictureLike
from ..scene.styles import Styles
from ..settings.base import takes
from ..settings.transfer import FromNoiseSettings, TransferSettings
from ..watch.watcher import Callback


@takes(TransferSettings)
def transfer(
    content: PictureLike,
    style: Styles,
    network: Network,
    *,
    checkpoint: Union[PathLike, Checkpoint, None] = None,
    callback: Callback = None,
    **settings: Any,
) -> Result:
    """Render the content of one picture in the style of another (Gatys et al. 2015; paper, section 2).

    Parameters
    ----------
    content, style : path or ndarray (H, W, 3) uint8 RGB
        Pictures. Several styles are given as a list of pictures or of `caffe_style.scene.styles.Style`, which
        has a weight and a mask.
    network : Network
        Network from `open_network`.
    checkpoint : path or Checkpoint, optional
        File to which the run is saved regularly, so that `resume` can continue it after a crash. This needs the
        optimizer "device", since SciPy's does not expose its state.
    callback : callable or Watcher, optional
        `callback(record, image)`, called after each iteration with an image of the result's size. A Watcher
        (see `caffe_style.watch.watcher`) also receives the parameters, and chooses the images that it needs.
    **settings
        See below, and `caffe_style.settings.transfer.TransferSettings`.

    Returns
    -------
    Result

    Raises
    ------
    CaffeStyleError
        If a picture, a layer or a setting is bad, or the run does not fit in memory.

    Examples
    --------
    >>> import numpy as np
    >>> import caffe_style as cs
    >>> content, style = np.random.RandomState(0).randint(0, 256, (2, 32, 48, 3), np.uint8)
    >>> result = cs.transfer(content, style, cs.open_network("strokenet"), size=48, iterations=2)
    >>> result.image.shape, result.status
    ((32, 48, 3), 'finished')
    """
    return run(content, style, network, TransferSettings.of(settings), checkpoint, callback)


@takes(FromNoiseSettings)
def texture(
    style: Styles,
    network: Network,
    *,
    checkpoint: Union[PathLike, Checkpoint, None] = None,
    callback: Callback = None,
    **settings: Any,
) -> Result:
    """Synthesise a texture: the style alone, from noise (paper, Figure 8). Parameters as of `transfer`.

    Examples
    --------
    >>> import numpy as np
    >>> import caffe_style as cs
    >>> style = np.random.RandomState(0).randint(0, 256, (32, 32, 3), np.uint8)
    >>> cs.texture(style, cs.open_network("strokenet"), size=32, iterations=2).image.shape
    (32, 32, 3)
    """
    return run(None, style, network, FromNoiseSettings.of(settings), checkpoint, callback)


@takes(FromNoiseSettings)
def reconstruct(
    content: PictureLike,
    network: Network,
    *,
    checkpoint: Union[PathLike, Checkpoint, None] = None,
    callback: Callback = None,
    **settings: Any,
) -> Result:
    """Reconstruct a picture from its content layers alone, from noise. Parameters as of `transfer`.

    Examples
    --------
    >>> import numpy as np
    >>> import caffe_style as cs
    >>> content = np.random.RandomState(0).randint(0, 256, (32, 32, 3), np.uint8)
    >>> cs.reconstruct(content, cs.open_network("strokenet"), size=32, iterations=2).image.shape
    (32, 32, 3)
    """
    return run(content, None, network, FromNoiseSettings.of(settings), checkpoint, callback)
