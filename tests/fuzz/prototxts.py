"""Networks as prototxt, of both versions, read and built."""

from __future__ import annotations

import random as standard
from pathlib import Path
from typing import Iterator

from caffe_style.engine import TEST, Net

from .mutations import mutated

OLD = b"""
name: "net" # a comment
input: "data" input_dim: 1 input_dim: 3 input_dim: 8 input_dim: 8
layers { name: "conv1" type: CONVOLUTION bottom: "data" top: "conv1" blobs_lr: 1 blobs_lr: 2
  convolution_param { num_output: 4 kernel_size: 3 weight_filler { type: "gaussian" std: 1e-2 } } }
layers { name: "pool1" type: POOLING bottom: "conv1" top: "pool1"
  pooling_param { pool: AVE kernel_size: 2 stride: 2 } include { phase: TEST stage: 'a' } }
"""
CURRENT = b"""
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 8 dim: 8 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 4 kernel_size: 3 pad: 1 group: 1 weight_filler { type: "xavier" } } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "norm" type: "LRN" bottom: "conv" top: "norm" lrn_param { local_size: 3 alpha: 1e-4 } }
layer { name: "both" type: "Concat" bottom: "conv" bottom: "norm" top: "both" concat_param { axis: 1 } }
layer { name: "fc" type: "InnerProduct" bottom: "both" top: "fc" inner_product_param { num_output: 5 } }
"""
#: What numbers and names become.
WORDS = (b"0", b"-1", b"4294967295", b"99999999999", b"1e39", b"nan", b'"data"', b"{", b"}", b"MAX")


def cases(random: standard.Random) -> Iterator[bytes]:
    yield from (OLD, CURRENT)
    while True:
        text = random.choice((OLD, CURRENT))
        if random.random() < 0.5:
            yield mutated(text, random)
        else:
            words = text.split()
            for _ in range(random.choice((1, 1, 2))):
                words[random.randrange(len(words))] = random.choice(WORDS + tuple(words))
            yield b" ".join(words)


def read(path: Path) -> None:
    Net(str(path), TEST)
