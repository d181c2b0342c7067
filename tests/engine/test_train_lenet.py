"""A whole training as a user does it: LeNet learns drawn digits by solver.solve()."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from threadpoolctl import threadpool_limits

from caffe_style import engine

SIZE, BATCH, TRAINING, HELD_OUT = 28, 50, 1000, 500

NET = """
name: "LeNet"
layer { name: "digits" type: "MemoryData" top: "data" top: "label"
  memory_data_param { batch_size: 50 channels: 1 height: 28 width: 28 } }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1" param { lr_mult: 1 } param { lr_mult: 2 }
  convolution_param { num_output: 20 kernel_size: 5 weight_filler { type: "xavier" } } }
layer { name: "pool1" type: "Pooling" bottom: "conv1" top: "pool1" pooling_param { kernel_size: 2 stride: 2 } }
layer { name: "conv2" type: "Convolution" bottom: "pool1" top: "conv2" param { lr_mult: 1 } param { lr_mult: 2 }
  convolution_param { num_output: 50 kernel_size: 5 weight_filler { type: "xavier" } } }
layer { name: "pool2" type: "Pooling" bottom: "conv2" top: "pool2" pooling_param { kernel_size: 2 stride: 2 } }
layer { name: "ip1" type: "InnerProduct" bottom: "pool2" top: "ip1" param { lr_mult: 1 } param { lr_mult: 2 }
  inner_product_param { num_output: 500 weight_filler { type: "xavier" } } }
layer { name: "relu1" type: "ReLU" bottom: "ip1" top: "ip1" }
layer { name: "ip2" type: "InnerProduct" bottom: "ip1" top: "ip2" param { lr_mult: 1 } param { lr_mult: 2 }
  inner_product_param { num_output: 10 weight_filler { type: "xavier" } } }
layer { name: "accuracy" type: "Accuracy" bottom: "ip2" bottom: "label" top: "accuracy"
  include { phase: TEST } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip2" bottom: "label" top: "loss" }
"""
SOLVER = """
net: "lenet.prototxt"
test_iter: 10 test_interval: 100
base_lr: 0.03 lr_policy: "poly" power: 1 max_iter: 100 momentum: 0.9 weight_decay: 0.0005
display: 50 snapshot_prefix: "lenet" random_seed: 1
"""


def draw_digit(digit: int, random: np.random.RandomState) -> np.ndarray:
    """A digit, (28, 28) in [0, 1]: of varied width and height, place, slope and brightness, in noise."""
    letter = Image.new("L", (40, 40))
    ImageDraw.Draw(letter).text((10, 10), str(digit), fill=255, font=ImageFont.load_default())
    letter = letter.crop(letter.getbbox())
    letter = letter.resize((random.randint(12, 18), random.randint(17, 23)), Image.BICUBIC)
    picture = Image.new("L", (SIZE, SIZE))
    left, top = (SIZE - letter.width) // 2, (SIZE - letter.height) // 2
    picture.paste(letter, (left + random.randint(-3, 4), top + random.randint(-3, 4)))
    picture = picture.rotate(random.uniform(-8, 8), Image.BICUBIC)
    return np.asarray(picture) / 255.0 * random.uniform(0.5, 1) + random.normal(
        0, 0.1, (SIZE, SIZE)
    )


def draw_digits(count: int, seed: int):
    """Pictures (count, 1, 28, 28) and their labels (count,), float32."""
    random = np.random.RandomState(seed)
    labels = random.randint(0, 10, count)
    pictures = np.stack([draw_digit(label, random) for label in labels])[:, np.newaxis]
    return pictures.astype(np.float32), labels.astype(np.float32)


@pytest.mark.timeout(600)
def test_lenet_learns_digits(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GLOG_minloglevel", "0")
    (tmp_path / "lenet.prototxt").write_text(NET)
    (tmp_path / "solver.prototxt").write_text(SOLVER)
    solver = engine.SGDSolver("solver.prototxt")
    solver.net.set_input_arrays(*draw_digits(TRAINING, 0))
    solver.test_nets[0].set_input_arrays(*draw_digits(HELD_OUT, 1))
    # On a busy machine the threads of BLAS wait for each other.
    with threadpool_limits(1, user_api="blas"):
        solver.solve()

    tests = [line for line in capfd.readouterr().err.splitlines() if "Test net output #0" in line]
    before, after = (float(line.rsplit("accuracy = ", 1)[1]) for line in tests)
    assert before < 0.3 and after >= 0.95

    # The snapshot is a network that says the same.
    net = engine.Net("lenet.prototxt", "lenet_iter_100.caffemodel", engine.TEST)
    net.set_input_arrays(*draw_digits(HELD_OUT, 1))
    shares = [float(net.forward()["accuracy"]) for _ in range(HELD_OUT // BATCH)]
    assert np.mean(shares) == pytest.approx(after, abs=1e-4)
