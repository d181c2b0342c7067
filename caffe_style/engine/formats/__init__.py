"""Caffe's files: prototxt, caffemodel, HDF5."""
