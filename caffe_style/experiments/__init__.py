"""The experiments of the paper, each a short function over objective, losses and optimiser.

May import runs, watch, scene, objective, losses, networks, backends, engine, pictures, settings, system and
errors.
"""
