"""The operating system: files that are written completely or not at all, signals, workers, and free memory.

May import errors.
"""
