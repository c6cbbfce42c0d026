"""Conv-TasNet (Luo & Mesgarani): the network, its weights, training and inference."""

from .audio import Audio, AudioError
from .checkpoint import CheckpointError, available
from .config import ConvTasNetConfig
from .inference import DeviceError, Separation, Separator, devices
from .model import ConvTasNet

__all__ = [
    "Audio",
    "AudioError",
    "CheckpointError",
    "ConvTasNet",
    "ConvTasNetConfig",
    "DeviceError",
    "Separation",
    "Separator",
    "available",
    "devices",
]
