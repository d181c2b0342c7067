"""What can be asked of a run: each setting declared once, with its default, limits and help.

May import errors; light, so that the command line's help loads no library.
"""
