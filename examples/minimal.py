"""The whole method: a photograph in the style of a painting (Gatys, Ecker & Bethge 2015).

python examples/minimal.py [CONTENT [STYLE [OUTPUT [SIZE [ITERATIONS]]]]]
"""

import sys
from pathlib import Path

import numpy as np

import caffe_style as cs
from caffe_style import losses
from caffe_style.objective.objective import Objective
from caffe_style.objective.term import single_term
from caffe_style.optimise.minimise import minimise
from caffe_style.pictures.images import from_caffe, resize

here = Path(__file__).parent
defaults = [here / "cat.jpg", here / "fractal.jpg", "minimal.png", 256, 100]
content_file, style_file, output, size, iterations = sys.argv[1:] + defaults[len(sys.argv) - 1 :]

# A network that was trained on pictures, and the layers at which it is read.
network = cs.open_network("strokenet")
content_layers, style_layers = network.model.content_layers, network.model.style_layers
content = resize(cs.read_image(content_file), int(size))
style = resize(cs.read_image(style_file), int(size))

# Content is compared position by position, style by which responses occur together: its Gram matrices.
terms = []
for picture, layers, loss, make_target, weight in (
    (content, content_layers, losses.content, losses.target_content, network.model.content_weight),
    (style, style_layers, losses.gram, losses.target_gram, network.model.style_weight),
):
    for layer, features in network.features(picture, layers).items():
        target = make_target(features)
        # The loss of a picture without any response: weights then mean the same at every layer.
        silent, _ = loss(np.zeros_like(features), target)
        name = "%s %s" % (loss.__name__, layer)
        terms.append(single_term(name, layer, loss, target, weight * layers[layer] / silent))

# The sum of the terms, with its gradient to the image; L-BFGS lowers it, from the content picture.
network.resize(*content.shape[:2])
objective = Objective(network.net, network.input_blob, terms)
result = minimise(objective, network.to_blob(content), int(iterations))
print("loss %.4g -> %.4g" % (result.history[0].loss, result.history[-1].loss))
cs.write_image(output, from_caffe(result.image, network.model.mean))
