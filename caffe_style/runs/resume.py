"""Resuming a run from its checkpoint."""

from __future__ import annotations

from ..backends.threads import set_threads
from ..networks.network import open_network
from ..settings.transfer import TransferSettings
from ..watch.watcher import Callback
from .checkpoint import EVERY, Checkpoint, PathLike
from .identity import saved_request
from .run import run
from .synthesis import Result


def resume(path: PathLike, *, every: float = EVERY, callback: Callback = None) -> Result:
    """Resume a run of `transfer`, `texture` or `reconstruct` from its checkpoint.

    Pictures and network are read again from their files, which must not have changed. The number of threads is
    that of the interrupted run. The result equals that of an uninterrupted run, bit for bit.

    Parameters
    ----------
    path : path
        The checkpoint. The run continues to be saved to it.
    every : float
        Seconds between two checkpoints.
    callback : callable, optional
        As in `transfer`.

    Returns
    -------
    Result
        Result with the history of the whole run.

    Raises
    ------
    CheckpointError
        If the file is not a complete checkpoint, or if the pictures or the network have changed.

    Examples
    --------
    >>> import numpy as np
    >>> import caffe_style as cs
    >>> cs.write_image("style.png", np.random.RandomState(0).randint(0, 256, (32, 32, 3), np.uint8))
    >>> def stop_after_two(record, image):
    ...     if record.iteration == 2:
    ...         raise StopIteration
    >>> network = cs.open_network("strokenet")
    >>> part = cs.texture(
    ...     "style.png", network, size=32, iterations=3, checkpoint="run.npz", callback=stop_after_two
    ... )
    >>> part.status, resume("run.npz").status
    ('stopped', 'finished')
    """
    checkpoint = Checkpoint(path, every, resume=path)
    request = saved_request(checkpoint.resumed.run)
    set_threads(request.threads)
    network = open_network(**request.network)
    settings = TransferSettings.of(request.settings)
    return run(request.content, request.styles or None, network, settings, checkpoint, callback)
