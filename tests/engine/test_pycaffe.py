"""What genuine pycaffe was seen to do: Net, its dictionaries, partial runs, reshape."""

from __future__ import annotations

import gc
import pathlib

import numpy as np
import pytest
from helpers.engine_nets import input_layer, net_of

from caffe_style import engine as caffe
from caffe_style.errors import CaffeStyleError, LayerError, OptionError

CONV = (
    'layer { name: "%s" type: "Convolution" bottom: "%s" top: "%s" convolution_param {'
    ' num_output: 3 kernel_size: 3 pad: 1 weight_filler { type: "gaussian" std: 0.2 } } }\n'
)
RELU = 'layer { name: "%s" type: "ReLU" bottom: "%s" top: "%s" }\n'
VGG = (
    "force_backward: true\n"
    + input_layer("data", (2, 3, 6, 6))
    + CONV % ("conv1", "data", "conv1")
    + RELU % ("relu1", "conv1", "conv1")
    + CONV % ("conv2", "conv1", "conv2")
    + RELU % ("relu2", "conv2", "conv2")
    + 'layer { name: "pool" type: "Pooling" bottom: "conv2" top: "pool" pooling_param'
    " { kernel_size: 2 stride: 2 } }\n"
)


@pytest.fixture()
def net():
    caffe.set_random_seed(0)
    net = net_of(VGG)
    net.blobs["data"].data[...] = np.random.default_rng(0).standard_normal((2, 3, 6, 6))
    return net


def branches(readers=("a", "b")):
    """A net whose conv1 is rectified in place and read by several layers."""
    text = "force_backward: true\n" + input_layer("data", (1, 2, 4, 4))
    text += CONV % ("conv1", "data", "conv1") + RELU % ("relu1", "conv1", "conv1")
    for name in readers:
        text += 'layer { name: "%s" type: "Sigmoid" bottom: "conv1" top: "%s" }\n' % (name, name)
    return net_of(text)


# -- constructors --------------------------------------------------------------------------------


def test_constructors(tmp_path):
    path = tmp_path / "net.prototxt"
    path.write_text(VGG)
    for net in (
        caffe.Net(str(path), caffe.TEST),
        caffe.Net(str(path).encode(), caffe.TRAIN),
        caffe.Net(str(path), phase=caffe.TEST),
        caffe.Net(network_file=str(path), phase=caffe.TEST, level=0, stages=None, weights=None),
    ):
        assert list(net.blobs) == ["data", "conv1", "conv2", "pool"]
    for arguments in ((str(path),), (path, caffe.TEST), (str(path), None, caffe.TEST, 0)):
        with pytest.raises(TypeError):
            caffe.Net(*arguments)
    with pytest.raises(TypeError, match="unknown: phases"):
        caffe.Net(str(path), caffe.TEST, phases=1)
    with pytest.raises(CaffeStyleError, match="phase"):
        caffe.Net(str(path), 7)
    assert isinstance(path, pathlib.Path)


def test_constants():
    assert (caffe.TRAIN, caffe.TEST) == (0, 1)
    assert caffe.__version__ == "1.0.0"
    assert "Convolution" in caffe.layer_type_list()


def test_phase_level_and_stages():
    rules = 'layer { name: "%s" type: "AbsVal" bottom: "data" top: "%s" %s }\n'
    text = input_layer("data", (1, 2))
    for name, rule in (
        ("train", "include { phase: TRAIN }"),
        ("test", "include { phase: TEST }"),
        ("deep", "include { min_level: 2 }"),
        ("shallow", "include { max_level: 1 }"),
        ("deploy", 'include { stage: "deploy" }'),
        ("not_deploy", 'include { not_stage: "deploy" }'),
        ("excluded", 'exclude { stage: "deploy" }'),
    ):
        text += rules % (name, name, rule)
    names = net_of(text, caffe.TEST).outputs
    assert names == sorted(["test", "shallow", "not_deploy", "excluded"])
    names = net_of(text, caffe.TRAIN, level=2, stages=["deploy"]).outputs
    assert names == sorted(["train", "deep", "deploy"])


# -- names ---------------------------------------------------------------------------------------


def test_names_and_order(net):
    assert list(net.blobs) == ["data", "conv1", "conv2", "pool"]
    assert list(net._layer_names) == ["data", "conv1", "relu1", "conv2", "relu2", "pool"]
    assert [layer.type for layer in net.layers][:3] == ["Input", "Convolution", "ReLU"]
    assert list(net.layer_dict) == list(net._layer_names)
    assert net.layer_dict["conv1"] is net.layers[1]
    assert (net.inputs, net.outputs) == (["data"], ["pool"])
    assert net.top_names["relu1"] == net.bottom_names["relu1"] == ["conv1"]
    assert net.bottom_names["data"] == []
    assert list(net.params) == ["conv1", "conv2"]
    assert [blob.data.shape for blob in net.params["conv1"]] == [(3, 3, 3, 3), (3,)]
    assert net.blobs is net.blobs and net.blobs["data"] is net.blobs["data"]
    for missing in ("tops", "bottoms", "phase", "layer_names"):
        assert not hasattr(net, missing)
    net.anything = 3
    assert net.anything == 3


def test_outputs_are_sorted():
    text = input_layer("data", (1, 2))
    for name in ("zeta", "a2", "a10", "Beta", "alpha"):
        text += 'layer { name: "%s" type: "AbsVal" bottom: "data" top: "%s" }\n' % (name, name)
    assert net_of(text).outputs == ["Beta", "a10", "a2", "alpha", "zeta"]


def test_split_names_follow_the_layer_that_wrote_last():
    net = branches()
    assert "conv1_relu1_0_split" in net._layer_names
    assert net.bottom_names["b"] == ["conv1_relu1_0_split_1"]
    assert net.top_names["conv1_relu1_0_split"] == [
        "conv1_relu1_0_split_0",
        "conv1_relu1_0_split_1",
    ]
    text = input_layer("data", (1, 2)).replace('name: "data"', 'name: "in"')
    text += RELU % ("r", "data", "r") + RELU % ("s", "data", "s")
    assert list(net_of(text).blobs)[:3] == ["data", "data_in_0_split_0", "data_in_0_split_1"]


def test_two_layers_of_one_name():
    text = input_layer("data", (1, 2, 4, 4)) + CONV % ("conv", "data", "a")
    text += CONV.replace("num_output: 3", "num_output: 5") % ("conv", "a", "b")
    net = net_of(text)
    assert list(net._layer_names) == ["data", "conv", "conv"] and len(net.layers) == 3
    assert list(net.params) == ["conv"] and net.params["conv"][0].shape == (5, 3, 3, 3)
    assert net.top_names["conv"] == ["b"]


def test_blobs_start_at_zero_and_params_at_their_fillers(net):
    assert not net.blobs["conv2"].data.any() and not net.blobs["conv2"].diff.any()
    assert net.params["conv1"][0].data.any() and not net.params["conv1"][1].data.any()
    with pytest.raises(KeyError):
        net.blobs["nope"]
    with pytest.raises(IndexError):
        net.params["conv1"][2]
    assert net.params["conv1"][-1].shape == (3,)


# -- blobs ---------------------------------------------------------------------------------------


def test_blob(net):
    blob = net.blobs["data"]
    assert (blob.num, blob.channels, blob.height, blob.width) == (2, 3, 6, 6)
    assert list(blob.shape) == [2, 3, 6, 6] and blob.count == 216
    assert (net.params["conv1"][1].num, net.params["conv1"][1].width) == (3, 1)
    assert blob.data.dtype == blob.diff.dtype == np.float32
    assert blob.data is not blob.data and np.shares_memory(blob.data, blob.data)
    with pytest.raises(AttributeError):
        blob.data = np.zeros(3)
    with pytest.raises(ValueError):
        blob.data[...] = np.zeros((2, 3, 6, 5))
    view = blob.data
    view[0, 1, 2, 3] = 42
    assert blob.data[0, 1, 2, 3] == 42


def test_arrays_outlive_the_net():
    net = net_of(VGG)
    data = net.blobs["data"].data
    data[...] = 3
    del net
    gc.collect()
    assert (data == 3).all()


def test_blob_reshape_keeps_what_fits(net):
    blob = net.blobs["data"]
    before = blob.data.copy()
    assert blob.reshape(1, 3, 4, 4) is None
    assert np.array_equal(blob.data.ravel(), before.ravel()[:48])
    blob.diff[...] = 1
    blob.reshape(2, 3, 6, 6)
    assert np.array_equal(blob.data.ravel()[:48], before.ravel()[:48])
    blob.reshape(2, 3, 7, 7)
    assert not blob.data.any() and not blob.diff.any()
    assert net.blobs["conv1"].shape == (2, 3, 6, 6)  # the others wait
    assert net.reshape() is None
    assert net.blobs["pool"].shape == (2, 3, 4, 4)
    with pytest.raises(TypeError):
        blob.reshape((1, 3, 4, 4))
    with pytest.raises(LayerError):
        blob.reshape(1, -3, 4, 4)


def test_forward_follows_a_reshaped_input(net):
    net.blobs["data"].reshape(1, 3, 9, 8)
    assert net.forward()["pool"].shape == (1, 3, 5, 4)


# -- forward -------------------------------------------------------------------------------------


def test_forward_returns_views_of_outputs_and_blobs(net):
    out = net.forward()
    assert list(out) == ["pool"] and np.shares_memory(out["pool"], net.blobs["pool"].data)
    assert set(net.forward(blobs=["conv1"])) == {"pool", "conv1"}
    assert set(net.forward(end="conv2", blobs=["data"])) == {"conv2", "data"}
    with pytest.raises(TypeError):
        net.forward(blobs=("conv1",))
    with pytest.raises(TypeError):
        net.forward(blobs="conv1")
    with pytest.raises(KeyError):
        net.forward(blobs=["nope"])


def test_forward_ends_are_inclusive_layer_names(net):
    net.forward()
    whole = net.blobs["pool"].data.copy()
    net.blobs["pool"].data[...] = net.blobs["conv2"].data[...] = 0
    assert net.forward(end="conv1")["conv1"].min() < 0
    assert net.forward(start="relu1", end="relu1")["conv1"].min() == 0
    assert not net.blobs["conv2"].data.any()
    assert np.array_equal(net.forward(start="conv2")["pool"], whole)
    with pytest.raises(ValueError, match="'nope' is not in list"):
        net.forward(start="nope")
    net.blobs["conv2"].data[...] = 7
    assert list(net.forward(start="pool", end="conv2")) == ["conv2"]
    assert (net.blobs["conv2"].data == 7).all()


def test_forward_keyword_inputs(net):
    out = net.forward(data=np.ones((2, 3, 6, 6)))["pool"].copy()
    assert (net.blobs["data"].data == 1).all()
    assert np.array_equal(net.forward(data=np.ones((2, 1, 1, 1)))["pool"], out)
    with pytest.raises(Exception, match="do not match net inputs"):
        net.forward(image=np.ones((2, 3, 6, 6)))
    with pytest.raises(Exception, match="not batch sized"):
        net.forward(data=np.ones((1, 3, 6, 6)))


def test_forward_leaves_diffs_alone(net):
    for blob in net.blobs.values():
        blob.diff[...] = 5
    net.forward()
    assert all((blob.diff == 5).all() for blob in net.blobs.values())


def test_loss_of_forward_is_weighted():
    text = input_layer("a", (2, 3)) + input_layer("b", (2, 3))
    text += 'layer { name: "l" type: "EuclideanLoss" bottom: "a" bottom: "b" top: "l" loss_weight: 0.25 }'
    net = net_of(text)
    net.blobs["a"].data[...] = 2
    assert net._forward(0, 2) == 1.5
    assert net.blobs["l"].data == 6 and net.blobs["l"].shape == ()
    assert net.blobs["l"].diff == 0.25
    assert net.blob_loss_weights["l"] == 0.25
    with pytest.raises(OptionError):
        net._forward(0, 99)


def test_forward_all_pads_the_last_batch(net):
    data = np.random.default_rng(1).standard_normal((5, 3, 6, 6)).astype(np.float32)
    out = net.forward_all(data=data, blobs=["conv1"])
    assert out["pool"].shape == (5, 3, 3, 3) and out["conv1"].shape == (5, 3, 6, 6)
    assert np.array_equal(out["pool"][:2], net.forward(data=data[:2])["pool"])
    assert not np.shares_memory(out["pool"], net.blobs["pool"].data)


def test_batches_are_filled_up_with_zeros(net):
    items = np.arange(5 * 4, dtype=np.float32).reshape(5, 4)
    batches = list(net._batch({"data": list(items), "label": np.arange(5)}))
    assert [batch["data"].shape for batch in batches] == [(2, 4)] * 3
    assert np.array_equal(np.concatenate([b["data"] for b in batches]), [*items, [0] * 4])
    assert np.array_equal(np.concatenate([b["label"] for b in batches]), [0, 1, 2, 3, 4, 0])
    assert [len(list(net._batch({"data": items[:n]}))) for n in (0, 1, 2, 3)] == [0, 1, 1, 2]


def test_forward_backward_all(net):
    rng = np.random.default_rng(1)
    data, diff = rng.standard_normal((3, 3, 6, 6)), rng.standard_normal((3, 3, 3, 3))
    outputs, diffs = net.forward_backward_all(data=data, pool=diff, diffs=["conv1"])
    assert outputs["pool"].shape == (3, 3, 3, 3)
    assert diffs["data"].shape == diffs["conv1"].shape == (3, 3, 6, 6)


# -- backward ------------------------------------------------------------------------------------


def test_backward_returns_views_of_input_diffs(net):
    net.forward()
    net.blobs["pool"].diff[...] = 1
    out = net.backward()
    assert list(out) == ["data"] and np.shares_memory(out["data"], net.blobs["data"].diff)
    assert set(net.backward(diffs=["conv2"])) == {"data", "conv2"}
    assert set(net.backward(end="conv2")) == {"conv1"}
    assert net.backward(end="data") == {}
    with pytest.raises(ValueError, match="'nope' is not in list"):
        net.backward(end="nope")


def test_backward_keyword_diffs(net):
    net.forward()
    out = net.backward(pool=np.ones((2, 3, 3, 3)))["data"].copy()
    net.blobs["pool"].diff[...] = 1
    assert out.any() and np.array_equal(net.backward()["data"], out)
    with pytest.raises(Exception, match="do not match net outputs"):
        net.backward(conv2=np.ones((2, 3, 6, 6)))
    with pytest.raises(Exception, match="not batch sized"):
        net.backward(pool=np.ones((1, 3, 3, 3)))


def test_blob_diffs_are_overwritten_and_param_diffs_add_up(net):
    net.forward()
    net.blobs["pool"].diff[...] = 1
    net.backward()
    blob, param = net.blobs["data"].diff.copy(), net.params["conv1"][0].diff.copy()
    net.backward()
    assert np.array_equal(net.blobs["data"].diff, blob)
    assert np.allclose(net.params["conv1"][0].diff, 2 * param, rtol=1e-5)
    net.clear_param_diffs()
    assert not net.params["conv1"][0].diff.any()
    assert np.array_equal(net.blobs["data"].diff, blob)


def test_start_after_end_runs_nothing(net):
    net.forward()
    net.blobs["pool"].diff[...] = 1
    net.backward(start="conv1", end="conv2")
    assert not net.blobs["conv1"].diff.any()


def test_relu_masks_in_place_once(net):
    net.forward()
    net.blobs["conv1"].diff[...] = 1
    net.backward(start="relu1", end="relu1")
    masked = net.blobs["conv1"].diff.copy()
    assert np.array_equal(masked, net.blobs["conv1"].data > 0)
    net.backward(start="relu1", end="relu1")
    assert np.array_equal(net.blobs["conv1"].diff, masked)


def test_nothing_runs_backward_without_a_loss_or_force_backward():
    net = net_of(VGG.replace("force_backward: true", ""))
    net.forward()
    net.blobs["pool"].diff[...] = 1
    net.blobs["data"].diff[...] = 3
    net.backward()
    assert (net.blobs["data"].diff == 3).all() and not net.params["conv1"][0].diff.any()


def test_backward_before_forward_gives_zeros(net):
    assert not net.backward()["data"].any()


def test_split_adds_also_stale_diffs():
    net = branches()
    net.forward()
    net.blobs["b"].diff[...] = 1
    net.backward()
    split = [net.blobs["conv1_relu1_0_split_%d" % i].diff.copy() for i in range(2)]
    net.blobs["conv1"].diff[...] = 100
    net.backward(start="conv1_relu1_0_split", end="conv1_relu1_0_split")
    assert np.allclose(net.blobs["conv1"].diff, split[0] + split[1])
    assert np.shares_memory(net.blobs["conv1"].data, net.blobs["conv1_relu1_0_split_1"].data)


def test_callbacks_get_layer_numbers(net):
    seen = []
    net.before_forward(lambda i: seen.append(("before", i)))
    net.after_forward(lambda i: seen.append(("after", i)))
    net.forward(start="conv1", end="relu1")
    assert seen == [("before", 1), ("after", 1), ("before", 2), ("after", 2)]
    seen.clear()
    net.before_backward(seen.append)
    net.backward(start="relu1", end="conv1")
    assert seen == [2, 1]


def test_shared_parameters_are_one():
    text = input_layer("data", (1, 3, 4, 4))
    for name, bottom in (("a", "data"), ("b", "a")):
        text += (CONV % (name, bottom, name)).replace(
            "convolution_param", 'param { name: "w" } convolution_param'
        )
    net = net_of("force_backward: true " + text)
    net.params["a"][0].data[...] = 0.5
    assert (net.params["b"][0].data == 0.5).all()
    assert np.shares_memory(net.params["a"][0].diff, net.params["b"][0].diff)
    assert not np.shares_memory(net.params["a"][1].data, net.params["b"][1].data)
    with pytest.raises(LayerError, match="cannot share parameter 'w'"):
        net_of(text.replace("num_output: 3", "num_output: 4", 1))


def test_share_with(net):
    other = net_of(VGG)
    other.share_with(net)
    net.params["conv1"][0].data[...] = 9
    assert (other.params["conv1"][0].data == 9).all()


# -- weights -------------------------------------------------------------------------------------


def test_save_and_load(net, tmp_path):
    path = str(tmp_path / "net.caffemodel")
    assert net.save(path) is None
    message = caffe.proto.caffe_pb2.NetParameter()
    message.ParseFromString(pathlib.Path(path).read_bytes())
    assert [layer.name for layer in message.layer] == list(net._layer_names)
    other = net_of(VGG)
    other.copy_from(path)
    for name in net.params:
        for mine, theirs in zip(net.params[name], other.params[name]):
            assert np.array_equal(mine.data, theirs.data)
    out = net.forward()["pool"]
    assert np.array_equal(other.forward(data=net.blobs["data"].data)["pool"], out)


def test_weights_go_by_layer_name(net, tmp_path):
    path = str(tmp_path / "net.caffemodel")
    net.save(path)
    fewer = net_of(input_layer("data", (1, 3, 4, 4)) + CONV % ("conv1", "data", "x"))
    fewer.copy_from(path)
    assert np.array_equal(fewer.params["conv1"][0].data, net.params["conv1"][0].data)
    more = net_of(VGG + CONV % ("conv3", "pool", "conv3"))
    before = more.params["conv3"][0].data.copy()
    more.copy_from(path)
    assert np.array_equal(more.params["conv3"][0].data, before)
    with pytest.raises(CaffeStyleError, match="conv1"):
        net_of(VGG.replace("num_output: 3", "num_output: 4")).copy_from(path)
    without_bias = VGG.replace("num_output: 3", "num_output: 3 bias_term: false")
    with pytest.raises(CaffeStyleError, match="conv1"):
        net_of(without_bias).copy_from(path)


def test_weights_in_the_constructor(net, tmp_path):
    weights, path = str(tmp_path / "w.caffemodel"), str(tmp_path / "net.prototxt")
    net.save(weights)
    pathlib.Path(path).write_text(VGG)
    for other in (
        caffe.Net(path, weights, caffe.TEST),
        caffe.Net(path, caffe.TEST, weights=weights),
    ):
        assert np.array_equal(other.params["conv2"][0].data, net.params["conv2"][0].data)


def test_missing_files(tmp_path):
    path = str(tmp_path / "net.prototxt")
    with pytest.raises(CaffeStyleError, match="net.prototxt"):
        caffe.Net(path, caffe.TEST)
    pathlib.Path(path).write_text(VGG)
    with pytest.raises(CaffeStyleError, match="w.caffemodel"):
        caffe.Net(path, str(tmp_path / "w.caffemodel"), caffe.TEST)


def test_inner_product_takes_legacy_shapes(tmp_path):
    text = input_layer("data", (1, 4)) + (
        'layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc"'
        " inner_product_param { num_output: 3 } }"
    )
    message = caffe.proto.caffe_pb2.NetParameter()
    layer = message.layer.add(name="fc", type="InnerProduct")
    for height, width in ((3, 4), (1, 3)):
        layer.blobs.add(num=1, channels=1, height=height, width=width)
    values = [np.arange(12, dtype=np.float32), np.arange(3, dtype=np.float32)]
    for blob, array in zip(layer.blobs, values):
        if (
            blob.DESCRIPTOR.fields_by_name["data"].type
            == blob.DESCRIPTOR.fields_by_name["data"].TYPE_BYTES
        ):
            blob.data = array.tobytes()
        else:
            blob.data.extend(array.tolist())
    path = tmp_path / "old.caffemodel"
    path.write_bytes(message.SerializeToString())
    net = net_of(text)
    net.copy_from(str(path))
    assert np.array_equal(net.params["fc"][0].data, values[0].reshape(3, 4))
    assert np.array_equal(net.params["fc"][1].data, values[1])
