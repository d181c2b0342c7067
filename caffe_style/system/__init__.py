"""The operating system: files that are written whole, signals, worker processes, and free memory.

May import errors.
"""
