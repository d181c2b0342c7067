"""Worker processes, which import nothing from their working folder and end with their parent."""

from .start import start_worker

__all__ = ["start_worker"]
