"""A recognition network: its model in the zoo, its weights, and its responses to a picture.

May import backends, pictures, the engine and errors.
"""
