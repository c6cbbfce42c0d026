"""Do the kernels compute what the network computes? In numbers: outputs and gradients compared with float64.

The reference is `tasnet.model` with PyTorch's own gradients in float64. For bfloat16, PyTorch's own error in that type
is shown beside.
"""

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from tasnet.config import ConvTasNetConfig
from tasnet.model import ConvTasNet

from .network import forward_with_gradient
from .separation import FusedForward

EXACT = 1e-5  # the relative error that float32 may have
TIMES = 3.0  # how much larger than PyTorch's error in the same type the kernels' may be
CHOSEN = 20  # repetitions that are timed


@dataclass(frozen=True)
class Errors:
    """Relative errors (lengths of the difference over that of the exact vector), and PyTorch's own in that type."""

    separated: float  # of the sources, without gradients: `FusedForward`
    trained: float  # of the sources, with gradients
    gradient: float  # of the gradient of all weights, as one vector
    worst: float  # of the gradient of a single parameter, over the length that is usual for its kind
    plain_separated: float
    plain_gradient: float

    @property
    def good(self) -> bool:
        """Whether each is small enough for its type."""
        bound = max(EXACT, TIMES * self.plain_separated)
        return (
            max(self.separated, self.trained) <= bound
            and self.gradient <= max(EXACT, TIMES * self.plain_gradient)
            and self.worst <= max(10 * EXACT, 2 * TIMES * self.plain_gradient)
        )


def varied(config: ConvTasNetConfig, device: torch.device, seed: int = 0) -> ConvTasNet:
    """A network with norms and slopes that are not those of a fresh one, slopes of either sign."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = ConvTasNet(config)
        for value in model.parameters():
            if value.ndim == 1:
                torch.nn.init.uniform_(value.data, -0.5, 1.5)
        return model.to(device)


def errors(model: ConvTasNet, dtype: torch.dtype, mixture: Tensor) -> Errors:
    """What the kernels make of a mixture (batch, T) in `dtype`, float32 or bfloat16."""
    weight = torch.randn(len(mixture), model.config.C, mixture.shape[-1], generator=torch.Generator().manual_seed(1))
    weight = weight.to(mixture.device)

    def with_gradient(network: ConvTasNet, forward: Callable[[Tensor], Tensor], x: Tensor) -> tuple[Tensor, ...]:
        sources = forward(x)
        scalar = (sources * weight.to(sources.dtype)).sum()
        return sources.detach(), *torch.autograd.grad(scalar, list(network.parameters()))

    def plain(x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, dtype, enabled=dtype != torch.float32):
            return model(x).float()

    double = copy.deepcopy(model).double()
    exact = with_gradient(double, double, mixture.double())
    ours = with_gradient(model, lambda x: forward_with_gradient(model, x, dtype), mixture)
    theirs = with_gradient(model, plain, mixture)
    flat = [torch.cat([part.double().flatten() for part in found[1:]]) for found in (exact, ours, theirs)]
    usual = [
        max(float(part.norm()), float(flat[0].norm()) * (part.numel() / len(flat[0])) ** 0.5) for part in exact[1:]
    ]
    return Errors(
        _relative(FusedForward(model, dtype)(mixture), exact[0]),
        _relative(ours[0], exact[0]),
        _relative(flat[1], flat[0]),
        max(float((a.double() - b).norm()) / length for a, b, length in zip(ours[1:], exact[1:], usual, strict=True)),
        _relative(theirs[0], exact[0]),
        _relative(flat[2], flat[0]),
    )


def seconds(call: Callable[[], object]) -> float:
    """Of one call on a GPU, the mean of several, after three."""
    for _ in range(3):
        call()
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(CHOSEN):
        call()
    torch.cuda.synchronize()
    return (time.perf_counter() - began) / CHOSEN


def _relative(found: Tensor, exact: Tensor) -> float:
    return float((found.double() - exact).norm() / exact.norm())
