"""The space in which L-BFGS works: pixels, or pixels smoothed and scaled along the style's colours.

Natural pictures have amplitudes of about 1 / r at the frequency r (Field 1987), and the colours of a painting
vary along some directions more than along others. "smooth" scales frequencies and colours mildly, by about
r^-0.3 and by the power 0.4 of the colours' standard deviations, which lowers the loss in fewer evaluations.
"whitened" scales nearly by the amplitudes themselves, as Olah, Mordvintsev and Schubert (2017) do. It is slower
than "smooth", but networks with random filters paint less grain in it.

In both, colour differences change only at the lower three quarters of the frequencies of brightness on each
axis. So SciPy's L-BFGS has seven tenths as many variables, unless the picture is seamless. A run that starts
from noise changes colours at all frequencies, because otherwise its noise would stay.
"""

from __future__ import annotations

from typing import Dict, NamedTuple, Optional, Tuple

import numpy as np

from ..optimise.preconditioner import Preconditioner, plane_sizes
from ..settings.transfer import TransferSettings
from .scene import Scene
from .starts import has_noise


class Form(NamedTuple):
    """The parameters of a smoothing.

    Attributes
    ----------
    exponent, corner : float
        See `Preconditioner`.
    colours : float
        Power of the standard deviations of the style's colours by which their directions are scaled.
    """

    exponent: float
    corner: float
    colours: float


FORMS: Dict[str, Form] = {
    "smooth": Form(exponent=0.3, corner=0.005, colours=0.4),
    "whitened": Form(exponent=0.7, corner=0.01, colours=1.0),
}
#: Smallest variance of a colour, as a fraction of the largest. It lets colours change even with a grey style.
LEAST = 1e-3


def scene_preconditioner(scene: Scene, settings: TransferSettings) -> Optional[Preconditioner]:
    """Return the smoothing of the space of a run, or None for pixels."""
    form = FORMS.get(settings.space)
    if form is None:
        return None
    return Preconditioner(
        scene.shape,
        form.exponent,
        form.corner,
        colour_scales(scene, form.colours),
        wrapped=settings.tileable,
        coarse_colours=not has_noise(settings.init),
    )


def variables(shape: Tuple[int, int], settings: TransferSettings) -> int:
    """Return the number of variables that L-BFGS has for a picture of this height and width."""
    coefficients = (
        settings.space in FORMS and settings.optimizer == "scipy" and not settings.tileable
    )
    coarse = coefficients and not has_noise(settings.init)
    return sum(height * width for height, width in plane_sizes(shape, coarse))


def colour_scales(scene: Scene, power: float) -> np.ndarray:
    """Return a power of the root of the covariance of a scene's colours, (3, 3) in BGR order.

    The colours are those of the styles, each weighted by its share, or of the content if there is no style. The
    variances are scaled to a mean of 1.
    """
    pictures = [(style.image, style.share) for style in scene.styles] or [(scene.content, 1.0)]
    covariance = sum(
        share * np.cov(image[:, :, ::-1].reshape(-1, 3).T.astype(np.float64))
        for image, share in pictures
    )
    variances, axes = np.linalg.eigh(covariance)
    variances = np.maximum(variances, max(LEAST * variances.max(), 1e-12))
    return (axes * (variances / variances.mean()) ** (power / 2)) @ axes.T
