"""Which Caffe runs a network, the arrays that its losses work on, and what a run takes of memory.

May import engine, settings, system and errors.
"""
