"""Processes of our own, which import nothing from where they work and end with their parent."""

from .start import start_worker

__all__ = ["start_worker"]
