"""Reading, writing, resizing and colouring pictures, what they note, and contact sheets.

May import system and errors.
"""
