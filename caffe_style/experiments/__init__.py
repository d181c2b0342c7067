"""The experiments of the paper, each a short function over objective, losses and optimiser."""
