"""Layer types that a program registers, and what is said of fields that nobody registered."""

from __future__ import annotations

import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.engine_nets import input_layer, layer_net, net_of, smooth
from helpers.gradients import check_layer

import caffe_style.engine as caffe
from caffe_style.engine.formats.prototxt import parse_net, read_prototxt, write_prototxt
from caffe_style.engine.layers import Layer
from caffe_style.errors import OptionError, PrototxtError


@caffe.register_layer(
    "Ripple", "ripple_param", frequency=1.0, shifted=False, times=1, name="sine", phases=[float]
)
class Ripple(Layer):
    """y = sum over phases p of sin(frequency x + p), or one of phase 0."""

    def setup(self, bottom, top):
        if self.options.name != "sine":
            self.fail("knows no wave '%s'" % self.options.name)
        self.phases = list(self.options.phases) or [0.0]

    def _angles(self, bottom):
        return [self.options.frequency * bottom[0].data + phase for phase in self.phases]

    def forward(self, bottom, top):
        top[0].data[...] = sum(np.sin(angle) for angle in self._angles(bottom))

    def backward(self, top, propagate_down, bottom):
        if propagate_down[0]:
            slope = self.options.frequency * sum(np.cos(angle) for angle in self._angles(bottom))
            bottom[0].diff[...] = slope * top[0].diff


@caffe.register_layer("Doubled")
class Doubled(Layer):
    """y = 2 x: a type without parameters."""

    def forward(self, bottom, top):
        top[0].data[...] = 2 * bottom[0].data


def test_a_type_of_ones_own_runs_from_a_prototxt():
    rng = np.random.default_rng(0)
    x = smooth(rng, (2, 3))
    net = layer_net("Ripple", [x.shape], "ripple_param { frequency: 2 phases: 0 phases: 0.5 }")
    assert np.allclose(net.forward(b0=x)["top"], np.sin(2 * x) + np.sin(2 * x + 0.5), atol=1e-6)
    check_layer(net, [x], ["b0"], rng)
    assert np.allclose(layer_net("Ripple", [x.shape]).forward(b0=x)["top"], np.sin(x), atol=1e-6)
    assert np.allclose(layer_net("Doubled", [x.shape]).forward(b0=x)["top"], 2 * x)
    assert {"Ripple", "Doubled"} <= set(caffe.layer_type_list())


def test_its_fields_are_checked_as_all_others():
    with pytest.raises(
        PrototxtError, match='2:.*no field named "frequence".*did you mean frequency'
    ):
        parse_net('layer { name: "w" type: "Ripple"\n ripple_param { frequence: 2 } }')
    with pytest.raises(PrototxtError):
        parse_net('layer { name: "w" type: "Ripple" ripple_param { frequency: "high" } }')
    # Not a field where it stands in a string or in a comment.
    net = parse_net(
        "layer { name: \"ripple_param\" # ripple_param\n ripple_param { name: 'ripple_param' } }"
    )
    assert net.layer[0].name == "ripple_param"


def test_its_parameters_survive_files_and_pickles(tmp_path):
    text = input_layer("x", (1,)) + (
        'layer { name: "w" type: "Ripple" bottom: "x" top: "y" ripple_param { times: 3 shifted: true } }'
    )
    param = parse_net(text)
    write_prototxt(param, str(tmp_path / "net.prototxt"))
    assert "\n  ripple_param {\n" in (tmp_path / "net.prototxt").read_text()
    read = read_prototxt(str(tmp_path / "net.prototxt"))
    assert read == param == pickle.loads(pickle.dumps(param))
    assert read.SerializeToString() == param.SerializeToString()
    options = net_of(text).layer_dict["w"].options
    assert (options.times, options.shifted, options.frequency) == (3, True, 1.0)


def test_net_spec_knows_it():
    n = caffe.NetSpec()
    n.x = caffe.layers.Input(shape=dict(dim=[4]))
    n.a = caffe.layers.Ripple(n.x, frequency=3, phases=[0, 1])
    n.b = caffe.layers.Ripple(n.a, ripple_param=dict(frequency=0.5))
    net = net_of(str(n.to_proto()))
    x = np.array([0.0, 0.1, 0.2, 0.3])
    a = np.sin(3 * x) + np.sin(3 * x + 1)
    assert np.allclose(net.forward(x=x)["b"], np.sin(a / 2), atol=1e-6)


def test_names_that_are_taken_are_refused():
    with pytest.raises(OptionError, match="'Convolution' already"):
        caffe.register_layer("Convolution")(type("Mine", (Layer,), {}))
    with pytest.raises(OptionError, match="derives from"):
        caffe.register_layer("Mine")(dict)
    with pytest.raises(OptionError, match="relu_param is a field of Caffe's"):
        caffe.register_layer("Mine", "relu_param", a=1)(type("Mine", (Layer,), {}))
    with pytest.raises(OptionError, match="something_param"):
        caffe.register_layer("Mine", "mine", a=1)(type("Mine", (Layer,), {}))
    with pytest.raises(OptionError, match="mine_param.a"):
        caffe.register_layer("Mine", "mine_param", a=None)(type("Mine", (Layer,), {}))
    with pytest.raises(OptionError, match="needs a field"):
        caffe.register_layer("Mine", a=1)
    with pytest.raises(OptionError, match="other fields"):
        caffe.register_layer("Ripple", "ripple_param", frequency=2.0)(Ripple)
    assert "Mine" not in caffe.layer_type_list()


def test_a_cell_that_runs_again_replaces_its_class():
    def define(factor):
        @caffe.register_layer("Cell", "cell_param", offset=0.0)
        class Cell(Layer):
            def forward(self, bottom, top):
                top[0].data[...] = factor * bottom[0].data + self.options.offset

    for factor in (2, 3):
        define(factor)
        net = layer_net("Cell", [(1,)], "cell_param { offset: 1 }")
        assert net.forward(b0=np.array([5.0]))["top"][0] == 5 * factor + 1


def test_it_works_with_the_pure_python_protobuf():
    environment = dict(os.environ, PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION="python")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__]
    command += ["-k", "prototxt or survive or net_spec"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout


# -- unknown fields ------------------------------------------------------------------------------------

NET = """name: "n"
layer { name: "first" type: "ReLU" relu_param { negative_slope: 0.1 } }
layer {
  # name: "comment {"
  name: "det"
  type: "Yolo"
  %s
}
layer { name: "last" type: "ReLU" }
"""


@pytest.mark.parametrize(
    "field", ["yolo_param { anchors: 3 }", 'pooling_param { orientation: "up" }']
)
def test_an_unknown_field_names_its_layer_and_the_forks(field):
    with pytest.raises(PrototxtError) as caught:
        parse_net(NET % field, "net.prototxt")
    message = str(caught.value)
    assert message.startswith("net.prototxt:7:") and "\n" not in message
    assert "(layer 'det', type Yolo): it comes from a fork" in message


def test_a_misspelt_field_is_no_forks():
    with pytest.raises(
        PrototxtError, match="layer 'det', type Yolo.*did you mean relu_param"
    ) as caught:
        parse_net(NET % "relu_parm { }")
    assert "fork" not in str(caught.value)


def test_an_unknown_field_outside_of_layers():
    with pytest.raises(PrototxtError) as caught:
        parse_net('name: "n"\nquantised: true\n')
    assert 'no field named "quantised"' in str(caught.value)
    assert "layer '" not in str(caught.value)


def test_the_example_of_the_documentation_runs():
    text = (Path(__file__).resolve().parents[2] / "docs" / "engine.md").read_text()
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)[1].replace("Wave", "DocumentedWave")
    code = code.replace("wave_param", "documented_wave_param")
    exec(compile(code, "engine.md", "exec"), {"__name__": "engine_md"})
    net = layer_net("DocumentedWave", [(2, 3)], "documented_wave_param { frequency: 2 }")
    rng = np.random.default_rng(1)
    x = smooth(rng, (2, 3))
    assert np.allclose(net.forward(b0=x)["top"], np.sin(2 * x), atol=1e-6)
    check_layer(net, [x], ["b0"], rng)


def test_the_table_of_the_forks_names_what_is_there():
    text = (Path(__file__).resolve().parents[2] / "docs" / "engine.md").read_text()
    table = text.split("## Layers of the forks")[1].split("`ceil_mode` in")[0]
    rows = [line.split("|")[1:4] for line in table.splitlines() if line.startswith("| `")]
    types = {name for row in rows for name in re.findall(r"`(\w+)`", row[0])}
    fields = {name for row in rows for name in re.findall(r"`(\w+_param)`", row[2])}
    assert len(types) == 15 and types <= set(caffe.layer_type_list())
    assert fields <= set(caffe.proto.caffe_pb2.LayerParameter.DESCRIPTOR.fields_by_name)
