"""Watching a run: progress bar, loss curve, animation and preview page.

May import pictures, system and errors.
"""
