"""The experiments of the paper. Each is a short function that uses the objective, the losses and the optimiser.

May import runs, watch, scene, objective, losses, networks, backends, engine, pictures, settings, system and
errors.
"""
