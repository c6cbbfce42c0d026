"""Where a network computes, and how precisely: the names that users give, and what this machine has."""

from __future__ import annotations

import contextlib

import torch

from .checkpoint import DTYPES
from .errors import UserError


class DeviceError(UserError):
    """A device or precision that is not available here; the message is one sentence for the user."""


def find_device(name: str) -> torch.device:
    """The device of this name, "auto" for the fastest there is. Raises DeviceError."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    device = None
    with contextlib.suppress(RuntimeError, TypeError):
        device = torch.device(name)
    if device is None or device.type not in ("cpu", "cuda", "mps"):
        raise DeviceError(f"There is no device named {name}; choose auto, cpu, cuda or mps.")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise DeviceError(f"{name} is not there: PyTorch finds no CUDA GPU; choose auto or cpu.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise DeviceError(f"{name} is not there: the GPUs are numbered from cuda:0.")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise DeviceError(f"{name} is not there: only Apple computers have it; choose auto or cpu.")
    return device


def devices() -> list[str]:
    """The names of the devices a `Separator` can have on this machine, "auto" first."""
    cuda = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    mps = ["mps"] if torch.backends.mps.is_available() else []
    return ["auto", *cuda, *mps, "cpu"]


def find_precision(name: str, device: torch.device) -> str:
    """The precision of this name, "auto" for what suits the device. Raises DeviceError."""
    if name == "auto":
        if device.type != "cuda":
            return "float32"
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float16"
    if name not in DTYPES:
        raise DeviceError(f"There is no precision named {name}; choose auto or {', '.join(DTYPES)}.")
    if name == "float16" and device.type == "cpu":
        raise DeviceError("float16 needs a GPU; on the CPU choose float32 or bfloat16.")
    return name
