"""What is asked of the picture: content, styles, masks and start, and the loss terms made of them.

May import settings, objective, losses, networks, backends, pictures and errors.
"""
