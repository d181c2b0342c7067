"""Going on with a run from its checkpoint."""

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
    """Go on with a run of `transfer`, `texture` or `reconstruct` to the picture that it was to make.

    Pictures and network are read anew from where they were, and must be what they were. The picture is that of
    an uninterrupted run, bit for bit: the number of threads is what it was, too.

    Parameters
    ----------
    path : path
        The checkpoint; the run goes on saving itself there.
    every : float
        Seconds between two checkpoints.
    callback : callable, optional
        As in `transfer`.

    Returns
    -------
    Result
        With the whole run's history.

    Raises
    ------
    CheckpointError
        When the file is no whole checkpoint, or pictures or network have changed.
    """
    checkpoint = Checkpoint(path, every, resume=path)
    request = saved_request(checkpoint.resumed.run)
    set_threads(request.threads)
    network = open_network(**request.network)
    settings = TransferSettings.of(request.settings)
    return run(request.content, request.styles or None, network, settings, checkpoint, callback)
