"""Minimising an objective with L-BFGS, SciPy's or our own, and the record of each evaluation.

May import backends, settings, system and errors.
"""
