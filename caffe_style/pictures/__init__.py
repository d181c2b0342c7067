"""Reading, writing, resizing and colouring pictures, their metadata, and contact sheets.

May import system and errors.
"""
