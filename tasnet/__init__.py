"""Conv-TasNet (Luo & Mesgarani): the network, its weights, training and inference."""

from .audio import Audio, AudioError
from .checkpoint import CheckpointError
from .config import ConvTasNetConfig, LSTMTasNetConfig
from .hearing import Hearing, HearingError, hear
from .inference import DeviceError, Separation, Separator, available, devices
from .lstm import LSTMTasNet
from .model import ConvTasNet, TasNet

__all__ = [
    "Audio",
    "AudioError",
    "CheckpointError",
    "ConvTasNet",
    "ConvTasNetConfig",
    "DeviceError",
    "Hearing",
    "HearingError",
    "LSTMTasNet",
    "LSTMTasNetConfig",
    "Separation",
    "Separator",
    "TasNet",
    "available",
    "devices",
    "hear",
]
