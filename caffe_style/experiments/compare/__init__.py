"""Backends, and implementations of the algorithm, side by side (the paper's comparison of frameworks)."""

from .comparison import compare

__all__ = ["compare"]
