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
        Several styles are a list, of pictures or of `Style`, which has a weight and a mask.
    network : Network
        From `open_network`.
    checkpoint : path or Checkpoint, optional
        Save the run there as it goes, so that `resume` can continue it after a crash. This takes the optimizer
        "device", since SciPy's does not hand out its state.
    callback : callable or Watcher, optional
        `callback(record, image)` after each iteration, with an image of the result's size; a Watcher
        (`caffe_style.watch.watcher`) also hears the parameters, and says which images it wants.
    **settings
        See below, and `caffe_style.settings.transfer.TransferSettings`.

    Returns
    -------
    Result

    Raises
    ------
    CaffeStyleError
        ImageError, LayerError, OptionError, ResourceError: see their one line.
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
    """Synthesise a texture: the style alone, from noise (paper, Figure 8). Parameters as of `transfer`."""
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
    """Reconstruct a picture from its content layers alone, from noise. Parameters as of `transfer`."""
    return run(content, None, network, FromNoiseSettings.of(settings), checkpoint, callback)
