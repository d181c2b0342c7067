"""What genuine pycaffe was seen to do: forward and backward, whole and in parts."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.engine_nets import CONV, VGG, branches, filled_vgg, input_layer, net_of

from caffe_style.errors import LayerError, OptionError


@pytest.fixture
def net():
    return filled_vgg()


# -- forward ---------------------------------------------------------------------------------------


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


# -- backward --------------------------------------------------------------------------------------


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
