"""Comparing backends, and implementations of the algorithm (the paper's comparison of frameworks)."""

from .comparison import compare

__all__ = ["compare"]
