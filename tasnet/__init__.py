"""Conv-TasNet (Luo & Mesgarani): the network, its weights, training and inference.

Each name is imported when it is first used: PyTorch takes seconds to load, which `--help` need not wait for.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .audio import Audio, AudioError
    from .checkpoint import CheckpointError
    from .config import ChimeraConfig, ConvTasNetConfig, DPRNNTasNetConfig, LSTMTasNetConfig
    from .device import DeviceError, devices
    from .dual_path.dprnn import DPRNNTasNet
    from .hearing import Hearing, HearingError, hear
    from .inference import Separation, Separator, available
    from .lstm import LSTMTasNet
    from .model import ConvTasNet, MaskingNetwork, TasNet
    from .spectral.network import ChimeraNet

__all__ = [
    "Audio",
    "AudioError",
    "CheckpointError",
    "ChimeraConfig",
    "ChimeraNet",
    "ConvTasNet",
    "ConvTasNetConfig",
    "DPRNNTasNet",
    "DPRNNTasNetConfig",
    "DeviceError",
    "Hearing",
    "HearingError",
    "LSTMTasNet",
    "LSTMTasNetConfig",
    "MaskingNetwork",
    "Separation",
    "Separator",
    "TasNet",
    "available",
    "devices",
    "hear",
]

_PUBLIC = {
    "audio": ("Audio", "AudioError"),
    "checkpoint": ("CheckpointError",),
    "config": ("ChimeraConfig", "ConvTasNetConfig", "DPRNNTasNetConfig", "LSTMTasNetConfig"),
    "device": ("DeviceError", "devices"),
    "dual_path.dprnn": ("DPRNNTasNet",),
    "hearing": ("Hearing", "HearingError", "hear"),
    "inference": ("Separation", "Separator", "available"),
    "lstm": ("LSTMTasNet",),
    "model": ("ConvTasNet", "MaskingNetwork", "TasNet"),
    "spectral.network": ("ChimeraNet",),
}
_MODULE_OF = {name: module for module, names in _PUBLIC.items() for name in names}

if not TYPE_CHECKING:  # a type checker reads the imports above

    def __getattr__(name: str) -> object:
        """A public name, or a module, on its first use."""
        if name in _MODULE_OF:
            value = getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)
            globals()[name] = value
            return value
        try:
            return import_module(f".{name}", __name__)
        except ModuleNotFoundError as error:
            if error.name != f"{__name__}.{name}":  # a package that the module needs is missing
                raise
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
