"""The settings of a run. Each is declared once, with its default, limits and help text.

May import errors. It imports no large library, so that the command line's help is fast.
"""
