"""Conv-TasNet on an NVIDIA GPU in Triton's kernels: what `ConvTasNet` computes, and its gradients, only faster.

`separation` is the path without gradients, `blocks` the one with them; beside every kernel is a reference in plain
PyTorch. `python -m tasnet.kernels.gpu` checks all of it on the GPU of this machine. Triton is loaded only when a
network is computed; in its interpreter (TRITON_INTERPRET=1) everything runs, slowly, without a GPU.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

import torch
from torch import Tensor

from tasnet.config import Config, ConvTasNetConfig
from tasnet.model import ConvTasNet

NORMS = ("gLN", "cLN")
MOST = {"B": (16, 256), "Sc": (16, 256), "H": (32, 1024)}  # powers of two from ... to
OLDEST = (8, 0)  # compute capability: the first with bfloat16


def why_not(config: Config, device: torch.device) -> str:
    """Why the kernels cannot compute this network on this device, in one sentence; "" if they can."""
    return unlike(config) or _absent(device)


def prepare(model: ConvTasNet, dtype: torch.dtype = torch.float32) -> Callable[[Tensor], Tensor]:
    """`model`, for mixtures (batch, T) to sources (batch, C, T), both float32, with the weights that it has now.

    dtype: float32, bfloat16 or float16, of the factors of the products and of what lies between the kernels; the
    residual and skip paths, the norms, and sound and masks are float32. A call of a shape that came just before is
    captured as a CUDA graph. Any thread may call it.
    """
    from .separation import FusedForward

    return FusedForward(model, dtype)


def unlike(config: Config) -> str:
    """What the kernels do not support in this network, in one sentence; "" if nothing."""
    if not isinstance(config, ConvTasNetConfig):
        return "The GPU kernels know Conv-TasNet alone."
    norms = {config.norm, config.norm_in or config.norm}
    if not norms <= set(NORMS) or not config.second_norm:
        return "The GPU kernels know two norms in every block, gLN or cLN."
    if config.P != 3 or config.padding != "zeros":
        return "The GPU kernels know D-convs of P = 3 that meet zeros beyond the ends."
    if config.encoder == "pinv":
        return "The GPU kernels have no encoder that is the decoder's pseudo-inverse."
    for name, (least, most) in MOST.items():
        value = getattr(config, name)
        if not least <= value <= most or value & (value - 1):
            return f"The GPU kernels need {name} to be a power of two from {least} to {most}, not {value}."
    return ""


def interpreted() -> bool:
    """Whether Triton is here and runs in its interpreter, which needs no GPU."""
    if find_spec("triton") is None:
        return False
    import triton

    return triton.knobs.runtime.interpret


def _absent(device: torch.device) -> str:
    if device.type != "cuda" or not torch.cuda.is_available() or torch.version.cuda is None:
        return "The GPU kernels need an NVIDIA GPU."
    if torch.cuda.get_device_capability(device) < OLDEST:
        return f"The GPU kernels need a GPU of compute capability {OLDEST[0]}.{OLDEST[1]} or more."
    if find_spec("triton") is None:
        return "The GPU kernels need the package triton."
    return ""
