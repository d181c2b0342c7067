"""The settings of each command."""

from __future__ import annotations

from typing import Dict, Type

from .base import Settings
from .generated import ElementSettings, FeatureSettings, SparseSettings
from .transfer import FromNoiseSettings, TransferSettings

#: The commands that make one picture, and their settings.
COMMANDS: Dict[str, Type[Settings]] = {
    "transfer": TransferSettings,
    "texture": FromNoiseSettings,
    "reconstruct": FromNoiseSettings,
    "element": ElementSettings,
    "sparse": SparseSettings,
    "feature": FeatureSettings,
}
