"""Limits of settings that depend on the machine."""

#: Largest number of threads. A larger number is taken for a typing error.
MOST_THREADS = 4096
