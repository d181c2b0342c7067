"""Reading, writing, resizing and colouring pictures, contact sheets, and files that are written whole.

May import errors.
"""
