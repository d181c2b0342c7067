"""transform_param: what data layers do to each picture on its way into the net."""

from __future__ import annotations

from typing import Tuple

import numpy as np

from ..fillers import generator
from .base import Layer
from .reading import read_binaryproto


class Transformation:
    """(picture - mean) * scale, cropped and mirrored.

    Crops lie anywhere in TRAIN and in the centre in TEST; `mirror` mirrors a picture with a chance of one half.

    Parameters
    ----------
    layer : Layer
        Its transform_param and phase count; failures are its.
    """

    def __init__(self, layer: Layer) -> None:
        self._layer, self._param = layer, layer.param.transform_param
        if self._param.force_color and self._param.force_gray:
            layer.fail("cannot have both force_color and force_gray")
        if self._param.HasField("mean_file") and len(self._param.mean_value):
            layer.fail("cannot have both mean_file and mean_value")
        self._mean = np.zeros((1, 1, 1), np.float32)
        if self._param.HasField("mean_file"):
            mean = read_binaryproto(layer, self._param.mean_file)
            self._mean = mean.reshape(mean.shape[-3:])
        elif len(self._param.mean_value):
            self._mean = np.array(self._param.mean_value, np.float32).reshape(-1, 1, 1)

    def shape(self, shape: Tuple[int, ...]) -> Tuple[int, ...]:
        """Shape of what comes of a picture of `shape` (channels, height, width)."""
        crop = self._param.crop_size
        if crop > min(shape[1:]):
            self._layer.fail("crop_size %d is larger than a picture of shape %s" % (crop, shape))
        return (shape[0], crop, crop) if crop else shape

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        """Transform one picture.

        Parameters
        ----------
        picture : ndarray, (channels, height, width)

        Returns
        -------
        ndarray, of the shape that `shape` tells, float32
        """
        _, height, width = self.shape(picture.shape)
        top, left = (
            self._offset(picture.shape[1] - height),
            self._offset(picture.shape[2] - width),
        )
        window = np.s_[:, top : top + height, left : left + width]
        mean = self._mean
        if mean.shape == picture.shape:
            mean = mean[window]
        elif mean.shape[1:] != (1, 1) or len(mean) not in (1, picture.shape[0]):
            self._layer.fail(
                "its mean, of shape %s, does not go with a picture of shape %s"
                % (mean.shape, picture.shape)
            )
        result = (picture[window] - mean) * np.float32(self._param.scale)
        if self._param.mirror and generator().randint(2):
            result = result[:, :, ::-1]
        return result

    def _offset(self, spare: int) -> int:
        return int(generator().randint(spare + 1)) if self._layer.phase == 0 else spare // 2
