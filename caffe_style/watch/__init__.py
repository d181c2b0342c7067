"""Watching a run: progress bar, loss curve, animation and preview page.

May import optimise, pictures and errors.
"""
