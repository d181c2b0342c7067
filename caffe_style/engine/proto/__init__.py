"""Caffe's messages, as `caffe.proto` gives them."""

from . import caffe_pb2

__all__ = ["caffe_pb2"]
