"""Caffe's messages, as pycaffe's `caffe.proto` shows them."""
