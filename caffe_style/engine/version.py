"""The version of Caffe whose behaviour the engine reproduces."""

__version__ = "1.0.0"
