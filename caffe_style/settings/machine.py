"""Limits of what a machine can be asked for."""

#: More threads than this are a typing error.
MOST_THREADS = 4096
