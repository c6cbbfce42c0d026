"""A network on a GPU by the fastest implementation that works there: Triton's kernels, else PyTorch's own."""

from __future__ import annotations

import threading
from collections.abc import Callable

import torch
from torch import Tensor

from ..model import ConvTasNet, MaskingNetwork

TRIAL = 4000  # samples
CLOSE = {torch.float32: 1e-3, torch.bfloat16: 5e-2, torch.float16: 2e-2}  # of the signal's RMS: what rounding explains


class OnGPU:
    """A model's forward pass on its device, without gradients. Any number of Python threads may call it.

    Before the kernels are used for the first time, they and PyTorch separate half a second of noise: if the kernels
    fail, or differ by more than rounding explains, PyTorch is used instead.
    """

    def __init__(self, model: MaskingNetwork, dtype: torch.dtype) -> None:
        """dtype: of the factors in the products that make the masks."""
        self.model, self.dtype = model, dtype
        self.why_not: str | None = None  # why PyTorch computes; "" where the kernels do, None before the first call
        self._kernels: Callable[[Tensor], Tensor] | None = None
        self._trying = threading.Lock()

    def __call__(self, mixture: Tensor) -> Tensor:
        """mixture (batch, T) -> sources (batch, C, T), float32."""
        with self._trying:
            if self.why_not is None:
                self.why_not = self._try(mixture.device)
        return self.by_pytorch(mixture) if self._kernels is None else self._kernels(mixture)

    def by_pytorch(self, mixture: Tensor) -> Tensor:
        """The same by PyTorch. Only the masks are made in half precision: the sound itself keeps its 24 bits."""
        if self.dtype == torch.float32:
            return self.model(mixture)
        w = self.model.encode(mixture)
        with torch.autocast(mixture.device.type, self.dtype):
            m = self.model.masks(w)
        return self.model.through_masks(m.float(), w, mixture.shape[-1])

    def _try(self, device: torch.device) -> str:
        """Prepare the kernels; a sentence on why they cannot be used, or ""."""
        if not isinstance(self.model, ConvTasNet):
            return "The kernels are Conv-TasNet alone."
        from . import gpu  # Triton, where there is one

        if reason := gpu.why_not(self.model.config, device):
            return reason
        noise = torch.randn(1, TRIAL, generator=torch.Generator().manual_seed(0)).to(device)
        try:
            kernels = gpu.prepare(self.model, self.dtype)
            found, expected = kernels(noise), self.by_pytorch(noise)
        except Exception as error:  # whatever a compiler or a driver raises
            return f"The kernels do not work here ({type(error).__name__}: {str(error).strip()[:200]})."
        off = float((found - expected).square().mean().sqrt() / expected.square().mean().sqrt().clamp_min(1e-12))
        if not off <= CLOSE[self.dtype]:  # NaN is none
            return f"The kernels give something else than PyTorch here (by {off:.1e} of the signal)."
        self._kernels = kernels
        return ""
