"""Draws the small pictures by which a look is chosen in the studio: the cat in the fractal's style.

python examples/draw_looks.py
"""

from pathlib import Path

from PIL import Image

import caffe_style
from caffe_style.cli.studio.looks import LOOKS
from caffe_style.experiments.presets import PRESETS

HERE = Path(__file__).resolve().parent
FOLDER = Path(caffe_style.__file__).parent / "cli" / "studio" / "looks"
#: The pictures are made larger than they are shown, so that their strokes are fine.
MADE, SHOWN = 192, 112

for look in LOOKS.values():
    preset = caffe_style.get_preset(look.name) if "preset" in look.options else None
    model = "squeezenet" if look.name in PRESETS else "strokenet"
    network = caffe_style.open_network(model, **(preset.network if preset else {}))
    settings = preset.settings(network.model) if preset else look.settings
    result = caffe_style.transfer(
        HERE / "cat.jpg",
        HERE / "fractal.jpg",
        network,
        **{**settings, "size": MADE, "iterations": 150},
    )
    small = Image.fromarray(result.image)
    small.thumbnail((SHOWN, SHOWN), Image.LANCZOS)
    small.save(str(FOLDER / (look.name + ".jpg")), quality=85, optimize=True)
    print(look.name, result.status)
