"""One run from its settings to the finished picture: scales, memory, optimisation, checkpoints, metadata.

May import scene, objective, optimise, networks, backends, watch, pictures and errors.
"""
