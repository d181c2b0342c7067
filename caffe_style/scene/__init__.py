"""The scene of a picture: its content, styles, masks and start, and the loss terms made from them.

May import objective, optimise, losses, networks, backends, pictures, settings and errors.
"""
