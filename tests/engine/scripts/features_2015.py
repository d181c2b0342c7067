"""A pycaffe script of the 2015 kind: preprocessing, net surgery, reshape, partial backward, saved weights."""

import os
import sys

import caffe
import numpy as np
from caffe import layers as L
from caffe import params as P
from caffe.proto import caffe_pb2

folder, picture = sys.argv[1:]
caffe.set_mode_cpu()
caffe.set_random_seed(1)

# A network written in Python, with gradients down to the image.
n = caffe.NetSpec()
n.data = L.Input(shape=dict(dim=[1, 3, 12, 12]))
n.conv1 = L.Convolution(
    n.data, num_output=4, kernel_size=3, pad=1, weight_filler=dict(type="gaussian", std=0.1)
)
n.relu1 = L.ReLU(n.conv1, in_place=True)
n.pool1 = L.Pooling(n.conv1, pool=P.Pooling.MAX, kernel_size=2, stride=2)
n.fc = L.InnerProduct(n.pool1, num_output=2, weight_filler=dict(type="xavier"))
definition = os.path.join(folder, "net.prototxt")
with open(definition, "w") as f:
    f.write("force_backward: true\n" + str(n.to_proto()))
net = caffe.Net(definition, caffe.TEST)

# The usual preprocessing.
transformer = caffe.io.Transformer({"data": net.blobs["data"].data.shape})
transformer.set_transpose("data", (2, 0, 1))
transformer.set_mean("data", np.array([104.0, 117.0, 123.0]))
transformer.set_raw_scale("data", 255)
transformer.set_channel_swap("data", (2, 1, 0))
image = caffe.io.load_image(picture)
net.blobs["data"].data[...] = transformer.preprocess("data", image)

# Net surgery, a run, weights saved and loaded elsewhere.
net.params["conv1"][0].data[...] = np.linspace(-1, 1, 108).reshape(4, 3, 3, 3)
net.params["conv1"][1].data[:] = [0.5, -0.5, 1, 0]
net.params["fc"][0].data.flat = np.linspace(-1, 1, net.params["fc"][0].data.size)
out = net.forward()
print("fc %.6g %.6g" % tuple(out["fc"][0]))
weights = os.path.join(folder, "net.caffemodel")
net.save(weights)
again = caffe.Net(definition, weights, caffe.TEST)
again.blobs["data"].data[...] = net.blobs["data"].data
print("same %d" % np.array_equal(again.forward()["fc"], out["fc"]))
stored = caffe_pb2.NetParameter()
with open(weights, "rb") as f:
    stored.ParseFromString(f.read())
array = caffe.io.blobproto_to_array([x for x in stored.layer if x.name == "conv1"][0].blobs[0])
print("stored %.6g" % np.abs(array - net.params["conv1"][0].data).max())

# A gradient injected in the middle, at another size.
net.blobs["data"].reshape(1, 3, 12, 12)
net.forward(end="relu1")
net.blobs["conv1"].diff[...] = net.blobs["conv1"].data
gradient = net.backward(start="relu1", diffs=["conv1"])
print("gradient %.6g %.6g" % (gradient["data"].sum(), np.abs(gradient["data"]).sum()))
print("parameters %.6g" % np.abs(net.params["conv1"][0].diff).sum())
print("picture %.6g" % np.abs(transformer.deprocess("data", net.blobs["data"].data) - image).max())
