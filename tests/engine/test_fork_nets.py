"""Small deploy nets in the shape of SSD, Faster R-CNN and SegNet: they build, run and do what they are for."""

from __future__ import annotations

import numpy as np
from helpers.boxes import plain_suppression
from helpers.engine_nets import input_layer, net_of, smooth

from caffe_style.engine import TRAIN, set_random_seed
from caffe_style.engine import Layer as PythonLayer
from caffe_style.engine.layers.forks import boxes


def convolution(name, bottom, outputs, kernel=3, stride=1, more=""):
    return (
        'layer { name: "%s" type: "Convolution" bottom: "%s" top: "%s" convolution_param { num_output: %d'
        ' kernel_size: %d stride: %d pad: %d weight_filler { type: "xavier" } %s } }\n'
        % (name, bottom, name, outputs, kernel, stride, kernel // 2, more)
    )


def relu(name):
    return 'layer { name: "%s_relu" type: "ReLU" bottom: "%s" top: "%s" }\n' % (name, name, name)


def layer(type_, name, bottoms, options="", tops=None):
    ends = ['bottom: "%s"' % bottom for bottom in bottoms.split()]
    ends += ['top: "%s"' % top for top in (tops or name).split()]
    return 'layer { name: "%s" type: "%s" %s %s }\n' % (name, type_, " ".join(ends), options)


# -- SSD -----------------------------------------------------------------------------------------------


def head(source, sizes):
    """Locations, scores and priors on one feature map, with three boxes a position and three classes."""
    text = ""
    for what, outputs in (("loc", 12), ("conf", 9)):
        name = "%s_mbox_%s" % (source, what)
        text += convolution(name, source, outputs)
        order = "permute_param { order: 0 order: 2 order: 3 order: 1 }"
        text += layer("Permute", name + "_perm", name, order)
        text += layer("Flatten", name + "_flat", name + "_perm", "flatten_param { axis: 1 }")
    priors = "prior_box_param { %s aspect_ratio: 2 clip: false variance: 0.1 variance: 0.1" % sizes
    priors += " variance: 0.2 variance: 0.2 offset: 0.5 }"
    return text + layer("PriorBox", source + "_mbox_priorbox", source + " data", priors)


def ssd(batch=1):
    text = input_layer("data", (batch, 3, 48, 64))
    text += convolution("conv1", "data", 8, 5, 4) + relu("conv1")
    text += convolution("conv2", "conv1", 8, 3, 2) + relu("conv2")
    norm = "norm_param { across_spatial: false channel_shared: false"
    norm += " scale_filler { type: 'constant' value: 3 } }"
    text += layer("Normalize", "norm1", "conv1", norm)
    text += head("norm1", "min_size: 12") + head("conv2", "min_size: 24")
    for what, axis in (("loc_flat", 1), ("conf_flat", 1), ("priorbox", 2)):
        bottoms = "norm1_mbox_%s conv2_mbox_%s" % (what, what)
        name = "mbox_" + what.split("_")[0]
        text += layer("Concat", name, bottoms, "concat_param { axis: %d }" % axis)
    shape = "reshape_param { shape { dim: 0 dim: -1 dim: 3 } }"
    text += layer("Reshape", "mbox_conf_reshape", "mbox_conf", shape)
    text += layer("Softmax", "mbox_conf_softmax", "mbox_conf_reshape", "softmax_param { axis: 2 }")
    text += layer("Flatten", "mbox_conf_flatten", "mbox_conf_softmax")
    output = """detection_output_param { num_classes: 3 share_location: true background_label_id: 0
        nms_param { nms_threshold: 0.45 top_k: 40 } save_output_param { label_map_file: "map" }
        code_type: CENTER_SIZE keep_top_k: 20 confidence_threshold: 0.3 } include { phase: TEST }"""
    bottoms = "mbox_loc mbox_conf_flatten mbox_priorbox"
    return text + layer("DetectionOutput", "detection_out", bottoms, output)


def by_position(values, each):
    """(N, boxes * each, H, W) as (N, H * W * boxes, each), box by box as SSD lists them."""
    n, channels, height, width = values.shape
    rows = [
        values[:, box * each : (box + 1) * each, i, j]
        for i in range(height)
        for j in range(width)
        for box in range(channels // each)
    ]
    return np.stack(rows, 1)


def test_ssd_lists_what_its_heads_say():
    set_random_seed(3)
    net = net_of(ssd(batch=2))
    rng = np.random.default_rng(1)
    found = net.forward(data=rng.uniform(-1, 1, (2, 3, 48, 64)))["detection_out"][0, 0].copy()
    location, score = (
        np.concatenate(
            [
                by_position(net.blobs["%s_mbox_%s" % (s, what)].data, each)
                for s in ("norm1", "conv2")
            ],
            1,
        )
        for what, each in (("loc", 4), ("conf", 3))
    )
    score = np.exp(score) / np.exp(score).sum(2, keepdims=True)
    prior = net.blobs["mbox_priorbox"].data.reshape(2, -1, 4)
    assert prior.shape[1] == 3 * (12 * 16 + 6 * 8) == location.shape[1]
    expected = []
    for image in range(2):
        decoded = boxes.decode(location[image], prior[0], prior[1], boxes.CENTER_SIZE)
        rows = []
        for label in (1, 2):
            own = score[image, :, label]
            for i in plain_suppression(decoded, own, 0.3, 0.45, 1, 40):
                rows.append([image, label, own[i], *decoded[i]])
        best = sorted(rows, key=lambda row: -row[2])[:20]
        expected += sorted(best, key=lambda row: row[1])
    assert len(expected) > 10
    assert found.shape == (len(expected), 7) and np.allclose(found, expected, atol=1e-4)


def test_ssd_finds_what_it_is_told_to_find():
    net = net_of(ssd())
    for name in net.params:
        if "mbox" in name:
            for blob in net.params[name]:
                blob.data[...] = 0
    # On the coarse map, the second box (twice as wide as high) is of class 2; all others are background.
    for name in ("norm1_mbox_conf", "conv2_mbox_conf"):
        net.params[name][1].data[...] = np.tile([8, 0, 0], 3)
    net.params["conv2_mbox_conf"][1].data[3:6] = [0, 0, 8]
    found = net.forward(data=np.zeros((1, 3, 48, 64)))["detection_out"][0, 0]
    assert (found[:, :2] == [0, 2]).all() and (found[:, 2] > 0.99).all()
    size = (found[:, 5:] - found[:, 3:5]) * [64, 48]
    assert np.allclose(size, [24 * 2**0.5, 24 / 2**0.5], atol=1e-3)


# -- Faster R-CNN --------------------------------------------------------------------------------------


class Proposals(PythonLayer):
    """The regions, 16 pixels wide, whose foreground score is above a half: as many as there are."""

    def setup(self, bottom, top):
        self.reshape(bottom, top)

    def reshape(self, bottom, top):
        top[0].reshape(1, 5)

    def forward(self, bottom, top):
        scores, deltas, info = (blob.data for blob in bottom)
        rows, columns = np.nonzero(scores[0, 1] > 0.5)
        centre = np.stack([columns, rows], 1) * 4.0 + deltas[0, :2, rows, columns]
        corners = np.concatenate([centre - 8, centre + 8], 1)
        corners = np.clip(corners, 0, np.tile(info[0, 1::-1], 2) - 1)
        top[0].reshape(len(corners), 5)
        top[0].data[...] = np.concatenate([np.zeros((len(corners), 1)), corners], 1)


def faster_rcnn():
    text = input_layer("data", (1, 3, 40, 48)) + input_layer("im_info", (1, 3))
    text += convolution("conv", "data", 8, 5, 4) + relu("conv")
    text += convolution("rpn_cls_score", "conv", 2, 1) + convolution("rpn_bbox_pred", "conv", 4, 1)
    shape = "reshape_param { shape { dim: 0 dim: 2 dim: -1 dim: 0 } }"
    text += layer("Reshape", "rpn_cls_score_reshape", "rpn_cls_score", shape)
    text += layer("Softmax", "rpn_cls_prob", "rpn_cls_score_reshape")
    text += layer("Reshape", "rpn_cls_prob_reshape", "rpn_cls_prob", shape)
    python = (
        "python_param { module: '%s' layer: 'Proposals' param_str: \"'feat_stride': 4\" }"
        % __name__
    )
    text += layer(
        "Python", "proposal", "rpn_cls_prob_reshape rpn_bbox_pred im_info", python, "rois"
    )
    pooling = "roi_pooling_param { pooled_w: 3 pooled_h: 3 spatial_scale: 0.25 }"
    text += layer("ROIPooling", "roi_pool", "conv rois", pooling, "pool5")
    full = "inner_product_param { num_output: %d weight_filler { type: 'gaussian' std: 0.1 } }"
    text += layer("InnerProduct", "cls_score", "pool5", full % 5)
    text += layer("InnerProduct", "bbox_pred", "pool5", full % 20)
    return text + layer("Softmax", "cls_prob", "cls_score")


def test_faster_rcnn_classifies_as_many_regions_as_are_proposed():
    set_random_seed(5)
    net = net_of(faster_rcnn())
    net.params["rpn_cls_score"][0].data[0] = 0
    counts = []
    for size, bias in (((40, 48), 0.0), ((40, 48), -0.4), ((24, 60), 0.0)):
        net.blobs["data"].reshape(1, 3, *size)
        rng = np.random.default_rng(2)
        net.blobs["data"].data[...] = rng.uniform(-1, 1, (1, 3) + size)
        net.blobs["im_info"].data[...] = size + (1,)
        net.params["rpn_cls_score"][1].data[1] = bias
        out = net.forward()
        rois, features = net.blobs["rois"].data, net.blobs["conv"].data
        counts.append(len(rois))
        assert counts[-1] == (net.blobs["rpn_cls_prob_reshape"].data[0, 1] > 0.5).sum() > 0
        assert out["cls_prob"].shape == (len(rois), 5) and out["bbox_pred"].shape == (len(rois), 20)
        assert np.allclose(out["cls_prob"].sum(1), 1, atol=1e-5)
        pooled = net.blobs["pool5"].data
        for (_, x1, y1, x2, y2), values in zip(rois, pooled):
            x1, y1, x2, y2 = (int(value / 4 + 0.5) for value in (x1, y1, x2, y2))
            region = features[0, :, y1 : y2 + 1, x1 : x2 + 1]
            assert np.array_equal(values.max((1, 2)), region.max((1, 2)))
    assert counts[1] < counts[0]


# -- SegNet --------------------------------------------------------------------------------------------


def segnet(size, bn_mode, ending):
    bn = "bn_param { %s scale_filler { type: 'constant' value: 1 }" % bn_mode
    bn += " shift_filler { type: 'constant' value: 0.001 } }"

    def block(name, bottom, outputs):
        text = convolution(name, bottom, outputs)
        return text + layer("BN", name + "_bn", name, bn, name) + relu(name)

    pool = "pooling_param { pool: MAX kernel_size: 2 stride: 2 }"
    text = block("conv1", "data", 6) + layer("Pooling", "pool1", "conv1", pool, "pool1 pool1_mask")
    text += block("conv2", "pool1", 8) + layer(
        "Pooling", "pool2", "conv2", pool, "pool2 pool2_mask"
    )
    for number, (bottom, length) in enumerate((("pool2", -(-size // 2)), ("conv2_D", size)), 1):
        mask = "pool%d_mask" % (3 - number)
        odd = "true" if length % 2 else "false"
        up = "upsample_param { scale: 2 pad_out_h: %s pad_out_w: %s }" % (odd, odd)
        text += layer("Upsample", "upsample%d" % (3 - number), "%s %s" % (bottom, mask), up)
        if number == 1:
            text += block("conv2_D", "upsample2", 6)
    return text + convolution("conv1_D", "upsample1", 3, 3) + ending


def test_segnet_labels_every_pixel():
    set_random_seed(7)
    ending = layer("Softmax", "prob", "conv1_D", "softmax_param { engine: CAFFE }")
    net = net_of(input_layer("data", (2, 3, 21, 21)) + segnet(21, "bn_mode: INFERENCE", ending))
    prob = net.forward(data=smooth(np.random.default_rng(3), (2, 3, 21, 21)))["prob"]
    assert prob.shape == (2, 3, 21, 21) and np.allclose(prob.sum(1), 1, atol=1e-5)
    assert len(np.unique(prob.argmax(1))) > 1
    # What comes back up lies where the pooling found it.
    before, after = net.blobs["conv1"].data, net.blobs["upsample1"].data
    for n, c in ((0, 0), (1, 5)):
        for i, j in zip(*np.nonzero(after[n, c])):
            window = before[n, c, i // 2 * 2 : i // 2 * 2 + 2, j // 2 * 2 : j // 2 * 2 + 2]
            assert before[n, c, i, j] == window.max()


def test_segnet_learns():
    set_random_seed(8)
    inputs = input_layer("data", (2, 3, 16, 16)) + input_layer("label", (2, 1, 16, 16))
    net = net_of(inputs + segnet(16, "", layer("SoftmaxWithLoss", "loss", "conv1_D label")), TRAIN)
    data = np.random.default_rng(4).uniform(-1, 1, (2, 3, 16, 16))
    net.blobs["data"].data[...] = data
    net.blobs["label"].data[...] = data.argmax(1)[:, None]
    losses = []
    for _ in range(30):
        losses.append(float(net.forward()["loss"]))
        net.clear_param_diffs()
        net.backward()
        for blobs in net.params.values():
            for blob in blobs:
                blob.data[...] -= blob.diff
    assert losses[-1] < 0.8 * losses[0]
