"""Loss terms on a network's blobs, summed to one value and one gradient, of the whole picture or in tiles.

May import losses, networks, backends and errors.
"""
