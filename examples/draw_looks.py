"""Draw the small pictures by which a look is chosen in the studio: the cat in the fractal's style.

The presets of other programs are drawn by SqueezeNet, since their weights suit trained networks. Run
``caffe-style models fetch squeezenet`` first, then ``python draw_looks.py``.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

import caffe_style
from caffe_style.cli.studio.looks import LOOKS, Look
from caffe_style.experiments.presets import PRESETS

HERE = Path(__file__).resolve().parent
FOLDER = Path(caffe_style.__file__).parent / "cli" / "studio" / "looks"
#: The pictures are made larger than they are shown, so that their strokes are fine.
MADE, SHOWN = 192, 112


def draw(look: Look) -> None:
    """Make a picture with the look, and write it."""
    preset = caffe_style.get_preset(look.name) if "preset" in look.options else None
    model = "squeezenet" if look.name in PRESETS else "strokenet"
    network = caffe_style.open_network(model, **(preset.network if preset else {}))
    settings = dict(preset.settings(network.model) if preset else look.settings)
    settings.update(size=MADE, iterations=150)
    result = caffe_style.transfer(HERE / "cat.jpg", HERE / "fractal.jpg", network, **settings)
    small = Image.fromarray(result.image)
    small.thumbnail((SHOWN, SHOWN), Image.LANCZOS)
    small.save(str(FOLDER / (look.name + ".jpg")), quality=85, optimize=True)


if __name__ == "__main__":
    for each in LOOKS.values():
        draw(each)
