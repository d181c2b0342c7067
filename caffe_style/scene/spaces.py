"""The space that is optimised: pixels, or a smoothing of them, perhaps in the style's colours.

"smooth" begins with coarse forms. "whitened" damps fine detail more, and moves each colour as far as it varies
in the style: of the pictures with a similar loss, the descent then finds one with less grain.
"""

from __future__ import annotations

from typing import Dict, NamedTuple, Optional

import numpy as np

from ..optimise.preconditioner import Preconditioner
from .scene import Scene


class Form(NamedTuple):
    """The form of a smoothing: see `Preconditioner`."""

    exponent: float
    corner: float
    colours: bool


FORMS: Dict[str, Form] = {
    "smooth": Form(exponent=0.5, corner=0.1, colours=False),
    "whitened": Form(exponent=0.7, corner=0.01, colours=True),
}
#: Least variance of a colour, as a fraction of the largest, so that a grey style leaves colours some freedom.
LEAST = 1e-3


def scene_preconditioner(scene: Scene, space: str) -> Optional[Preconditioner]:
    """Return the smoothing of a space (one of `settings.transfer.SPACES`), or None for pixels."""
    form = FORMS.get(space)
    if form is None:
        return None
    colours = colour_root(scene) if form.colours else None
    return Preconditioner(scene.shape, form.exponent, form.corner, colours)


def colour_root(scene: Scene) -> np.ndarray:
    """Return the root of the covariance of a scene's colours, (3, 3) in BGR order, of mean variance 1.

    The colours are those of the styles, each by its share, or of the content if there is no style.
    """
    pictures = [(style.image, style.share) for style in scene.styles] or [(scene.content, 1.0)]
    covariance = sum(
        share * np.cov(image[:, :, ::-1].reshape(-1, 3).T.astype(np.float64))
        for image, share in pictures
    )
    variances, axes = np.linalg.eigh(covariance)
    variances = np.maximum(variances, max(LEAST * variances.max(), 1e-12))
    return (axes * np.sqrt(variances / variances.mean())) @ axes.T
