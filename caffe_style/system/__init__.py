"""This machine: files that are written whole, signals, processes of our own, and free memory.

May import errors.
"""
