"""Conv-TasNet (Luo & Mesgarani): the network, its weights, training and inference."""

from .audio import Audio, AudioError
from .checkpoint import CheckpointError
from .config import ConvTasNetConfig, LSTMTasNetConfig
from .device import DeviceError, devices
from .hearing import Hearing, HearingError, hear
from .inference import Separation, Separator, available
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
