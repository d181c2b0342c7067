"""Caffe's file formats: prototxt, caffemodel, HDF5, and what old files need to be read."""
