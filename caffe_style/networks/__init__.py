"""A recognition network: its model in the zoo, its weights, and its responses to a picture.

May import backends, engine, pictures, settings, system and errors.
"""
