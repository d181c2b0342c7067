"""One run from its settings to the finished picture: scales, memory, optimisation, checkpoints, metadata.

May import watch, scene, objective, optimise, losses, networks, backends, pictures, settings, system and errors.
"""
