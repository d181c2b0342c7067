"""Draw the small pictures by which a look is chosen in the studio: the cat in thick strokes, and the mountains.

The presets are drawn by SqueezeNet, since they suit trained networks. Run
``caffe-style models fetch squeezenet`` first, then ``python draw_looks.py [NAME ...]``. Without names, all
are drawn.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

import caffe_style
from caffe_style.cli.studio.looks import LOOKS, Look

HERE = Path(__file__).resolve().parent
FOLDER = Path(caffe_style.__file__).parent / "cli" / "studio" / "looks"
#: Content and style, where they are not the cat and the strokes.
PICTURES = {"season": ("mountains", "autumn"), "light": ("mountains", "evening")}
#: The pictures are made larger than they are shown, so that their strokes are fine.
MADE, SHOWN = 192, 112


def draw(look: Look) -> None:
    """Make a picture with the look, and write it."""
    preset = caffe_style.get_preset(look.name) if "preset" in look.options else None
    model = "strokenet" if preset is None else "squeezenet"
    network = caffe_style.open_network(model, **(preset.network if preset else {}))
    settings = dict(preset.settings(network.model) if preset else look.settings)
    settings.update(size=MADE, iterations=150)
    pictures = [HERE / (name + ".jpg") for name in PICTURES.get(look.name, ("cat", "strokes"))]
    result = caffe_style.transfer(*pictures, network, **settings)
    small = Image.fromarray(result.image)
    small.thumbnail((SHOWN, SHOWN), Image.LANCZOS)
    small.save(str(FOLDER / (look.name + ".jpg")), quality=85, optimize=True)


if __name__ == "__main__":
    for name in sys.argv[1:] or LOOKS:
        draw(LOOKS[name])
