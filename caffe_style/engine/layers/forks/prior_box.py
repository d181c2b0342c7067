"""PriorBox (SSD): the boxes that a feature map's positions stand for."""

from __future__ import annotations

import math
from typing import List, Sequence, Tuple

import numpy as np

from ...blob import Blob
from ..base import Layer, register


@register("PriorBox")
class PriorBox(Layer):
    """Boxes around each position of the first bottom, in fractions of the image, the second bottom.

    The top is (1, 2, boxes * 4): corners (xmin, ymin, xmax, ymax) position by position, and their variances.
    At each position there are, for each min_size: the square of it, the square of the geometric mean of it and
    its max_size, and one box of its area for every other aspect_ratio (and its inverse, with `flip`). As in SSD
    sizes are cut to whole pixels.
    """

    bottoms = (2, 2)

    def allows_force_backward(self, index: int) -> bool:
        """Boxes depend on sizes, not on values."""
        return False

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Work out the boxes at one position."""
        param = self.param.prior_box_param
        if not len(param.min_size) or any(size < 1 for size in param.min_size):
            self.fail("min_size must be given, and be at least 1")
        if len(param.max_size) not in (0, len(param.min_size)):
            self.fail("give one max_size for each of the %d min_size" % len(param.min_size))
        if any(high <= low for low, high in zip(param.min_size, param.max_size)):
            self.fail("each max_size must be larger than its min_size")
        if len(param.variance) not in (0, 1, 4) or any(value <= 0 for value in param.variance):
            self.fail("variance must be given once or four times, and be positive")
        self.variance = np.resize(np.array(param.variance or [0.1], np.float32), 4)
        self.shapes = np.array(self._shapes(), np.float32)

    def _shapes(self) -> List[Tuple[float, float]]:
        """(width, height) in pixels of each box of a position."""
        param = self.param.prior_box_param
        ratios: List[float] = [1.0]
        for ratio in param.aspect_ratio:
            if ratio <= 0:
                self.fail("aspect_ratio must be positive, not %g" % ratio)
            if all(abs(ratio - other) >= 1e-6 for other in ratios):
                ratios += [ratio, 1 / ratio] if param.flip else [ratio]
        shapes = []
        for index, size in enumerate(map(int, param.min_size)):
            shapes.append((float(size), float(size)))
            if param.max_size:
                mean = math.sqrt(size * int(param.max_size[index]))
                shapes.append((mean, mean))
            shapes += [(size * math.sqrt(r), size / math.sqrt(r)) for r in ratios[1:]]
        return shapes

    def _pair(self, whole: str, parts: Tuple[str, str]) -> Tuple[float, float]:
        """A quantity (across, down) that is given once, or for each direction, or not at all (0)."""
        param = self.param.prior_box_param
        given = [param.HasField(name) for name in parts]
        if any(given) and (not all(given) or param.HasField(whole)):
            self.fail("give either %s, or both %s and %s" % ((whole,) + parts))
        across, down = (getattr(param, name) for name in (parts if all(given) else (whole,) * 2))
        return across, down

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """(1, 2, boxes * 4)."""
        positions = bottom[0].width * bottom[0].height
        top[0].set_shape((1, 2, positions * len(self.shapes) * 4))

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Place the boxes."""
        param = self.param.prior_box_param
        cells = np.array([bottom[0].width, bottom[0].height], np.float32)
        image = np.array(self._pair("img_size", ("img_w", "img_h")), np.float32)
        if not image.all():
            image = np.array([bottom[1].width, bottom[1].height], np.float32)
        step = np.array(self._pair("step", ("step_w", "step_h")), np.float32)
        if not step.all():
            step = image / cells
        across, down = (
            (np.arange(int(cells[axis]), dtype=np.float32) + param.offset) * step[axis]
            for axis in range(2)
        )
        centres = np.stack(np.meshgrid(across, down), -1)[:, :, None]
        half = self.shapes / 2
        boxes = np.concatenate([centres - half, centres + half], -1) / np.tile(image, 2)
        if param.clip:
            boxes = np.clip(boxes, 0, 1)
        y = top[0].data_view
        y[0, 0] = boxes.ravel()
        y[0, 1] = np.resize(self.variance, y.shape[2])

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Nothing: the bottoms' values do not matter."""
