"""Running a transfer: from pictures, network and settings to the finished picture."""

from __future__ import annotations

import logging
from typing import Any, Dict, Optional, Union

from ..errors import OptionError
from ..networks.margin import margin_of
from ..networks.network import Network
from ..optimise.minimise import check_optimizer
from ..scene.found_regions import check_regions
from ..scene.inputs import read_inputs
from ..scene.starts import PictureLike, is_empty, is_picture, name_of
from ..scene.styles import Styles, as_styles
from ..settings.style_losses import STYLE_LOSSES
from ..settings.transfer import OPTIMIZERS, TransferSettings
from ..watch.watcher import Callback, as_watcher
from .checkpoint import Checkpoint, PathLike, Unsaved
from .checkpoint_file import Saved
from .recipe import run_parameters
from .scales import coarse_to_fine
from .synthesis import Result


def run(
    content: Optional[PictureLike],
    style: Styles,
    network: Network,
    settings: TransferSettings,
    checkpoint: Union[PathLike, Checkpoint, None] = None,
    callback: Callback = None,
) -> Result:
    """Make a picture from a content picture and styles, one of which may be missing.

    Parameters
    ----------
    content, style, network, checkpoint, callback
        As in `caffe_style.transfer`.
    settings : TransferSettings

    Raises
    ------
    CaffeStyleError

    Examples
    --------
    >>> import numpy as np
    >>> import caffe_style as cs
    >>> from caffe_style.settings.transfer import FromNoiseSettings
    >>> style = np.random.RandomState(0).randint(0, 256, (32, 32, 3), np.uint8)
    >>> network = cs.open_network("strokenet")
    >>> run(None, style, network, FromNoiseSettings(size=32, iterations=2)).image.shape
    (32, 32, 3)
    """
    watcher = as_watcher(callback)
    optimizer = _optimizer(settings, checkpoint is not None)
    saving = _as_checkpoint(checkpoint)
    settings = _going_on(settings, saving.resumed)
    space, margin = _space(settings, network.model.space), margin_of(settings).width
    settings = settings.replace(optimizer=optimizer, space=space, margin=margin)
    settings = _unblurred(_for_loss(settings)).for_model(network)
    _say_unused(settings)
    styles = as_styles(style)
    if content is None and not styles:
        raise OptionError("a run needs a content picture, a style picture or both")
    _check_shift(settings)
    inputs = read_inputs(content, styles, settings.style_loss, settings.colors)
    check_regions(inputs, settings)
    named = [one.parameters for one in styles]
    parameters: Dict[str, Any] = {
        **run_parameters(network),
        "content": name_of(content),
        "style": named if len(named) > 1 else named[0] if named else None,
    }
    with saving.held():
        return coarse_to_fine(network, inputs, settings, parameters, watcher, saving)


def _as_checkpoint(checkpoint: Union[PathLike, Unsaved, None]) -> Unsaved:
    if checkpoint is None:
        return Unsaved()
    return checkpoint if isinstance(checkpoint, Unsaved) else Checkpoint(checkpoint)


def _check_shift(settings: TransferSettings) -> None:
    """Raise OptionError if the style loss does not take a shift that is asked for."""
    if settings.shift and not STYLE_LOSSES[settings.style_loss].takes_shift:
        shiftable = " and ".join(name for name, row in STYLE_LOSSES.items() if row.takes_shift)
        raise OptionError(
            "shift changes Gram matrices: it works with %s, not with %s; --no-shift leaves it out"
            % (shiftable, settings.style_loss)
        )


def _optimizer(settings: TransferSettings, saves_itself: bool) -> str:
    """Return the requested optimiser; by default SciPy's, or our own for a run with a checkpoint."""
    if saves_itself:
        if settings.bounds or settings.optimizer == "scipy":
            raise OptionError(
                "checkpoints need the optimizer device without bounds: leave --optimizer and --bounds out"
            )
        return "device"
    optimizer = settings.optimizer or OPTIMIZERS[0]
    check_optimizer(optimizer, bool(settings.bounds))
    return optimizer


def _going_on(settings: TransferSettings, resumed: Optional[Saved]) -> TransferSettings:
    """Return settings with those of a resumed run in place of defaults, which may differ in another version."""
    if resumed is None:
        return settings
    noted = TransferSettings.noted_in(resumed.run["parameters"])
    missing = [
        one.name
        for one in TransferSettings.list()
        if (one.of_model or one.before is not None) and getattr(settings, one.name) is None
    ]
    return settings.replace(**{name: noted[name] for name in missing if name in noted})


def _unblurred(settings: TransferSettings) -> TransferSettings:
    """Return settings without the model's total variation, unless the normalisation is relative.

    The model's weight is relative, and as a weight of plain differences it would leave nothing but a blur.
    """
    if settings.normalisation != "relative" and settings.tv_weight is None:
        return settings.replace(tv_weight=0.0)
    return settings


def _say_unused(settings: TransferSettings) -> None:
    """Log each setting that was changed from its default, but has no effect."""
    loss = STYLE_LOSSES[settings.style_loss]
    with_the_loss = "with the %s loss" % settings.style_loss
    guided = ": add --style-loss covariation"
    if settings.regions is None and settings.segments is None:
        guided += ", or use --regions auto"
    for name, has_effect, why in (
        ("guides", loss.needs_guides, with_the_loss + guided),
        ("guide_count", loss.needs_guides, with_the_loss + guided),
        (
            "rematch",
            loss.joins_layers or loss.is_random,
            with_the_loss + ": its targets do not change",
        ),
        ("closing_radius", bool(settings.photoreal), "without photoreal"),
        ("closing_epsilon", bool(settings.photoreal), "without photoreal"),
    ):
        value = getattr(settings, name)
        if not has_effect and value != getattr(TransferSettings, name):
            logging.getLogger("caffe_style").warning(
                "%s %s has no effect %s", name.replace("_", " "), value, why
            )


def _for_loss(settings: TransferSettings) -> TransferSettings:
    """Return settings with the style loss's own number of scales and weight in place of None.

    From noise, coarse to fine takes about half the time to a similar loss. From a picture it gains nothing.
    """
    loss, weight = STYLE_LOSSES[settings.style_loss], settings.style_weight
    return settings.replace(
        scales=settings.scales or ("auto" if is_empty(settings.init) else loss.scales),
        style_weight=loss.style_weight if weight is None else weight,
    )


def _space(settings: TransferSettings, default: str) -> str:
    """Return the requested space, else the model's where it suits the run.

    Bounds hold for each pixel. The whitened space leaves the noise of a start in the picture.
    """
    if not settings.bounds:
        noisy = not is_picture(settings.init) and settings.init not in ("content", "style")
        if default == "whitened" and noisy:
            default = "smooth"
        return settings.space or default
    if settings.space not in (None, "pixels"):
        raise OptionError(
            "bounds hold for pixels: leave them out (--no-bounds), or choose the space pixels"
        )
    return "pixels"


__all__ = ["Result", "run"]
