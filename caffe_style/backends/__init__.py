"""The backends that run a network, the array operations of its losses, and the memory that a run needs.

May import engine, settings, system and errors.
"""
