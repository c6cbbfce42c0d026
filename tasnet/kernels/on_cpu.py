"""Conv-TasNet on a CPU by the fastest implementation available: the compiled network, else `tiled`."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from pathlib import Path

import torch
from torch import Tensor

from .. import threads
from ..model import ConvTasNet
from . import cpu, tiled
from .cpu import build

COMPILED, TILED = "compiled", "PyTorch"


class OnCPU:
    """A model's forward pass, without gradients. Any number of Python threads may call it.

    Nothing is compiled here: a library that is built in the meantime is used from the next call on. In float32 both
    agree to about 1e-6 of the signal.
    """

    def __init__(self, model: ConvTasNet, precision: str = "float32") -> None:
        """precision: "float32" or "bfloat16", of the factors in the matrix products."""
        self.model, self.precision = model, precision
        self._network: cpu.Network | None = None
        self._loading = threading.Lock()

    def __call__(self, mixture: Tensor) -> Tensor:
        """mixture (batch, T) -> sources (batch, C, T), float32: `model(mixture)`."""
        network = self._compiled()
        if network is None:
            return tiled.forward(self.model, mixture, getattr(torch, self.precision))
        with threads.one_torch_thread() as team:
            return network.forward(mixture, team)

    @property
    def way(self) -> str:
        """Which implementation the next call uses: COMPILED or TILED."""
        return TILED if self._compiled() is None else COMPILED

    def why_not_compiled(self) -> str:
        """A sentence on why PyTorch computes here, and what would help."""
        reason = cpu.why_not(self.model.config, self.precision)
        if reason and build.compiler() is None:
            return f"{reason} With one this model would be separated faster."
        return reason or "The compiled network is not built yet."

    def _compiled(self) -> cpu.Network | None:
        if self._network is None and not cpu.why_not(self.model.config, self.precision) and cpu.is_built():
            with self._loading:
                if self._network is None:
                    try:
                        self._network = cpu.Network.of(self.model, self.precision)
                    except cpu.BuildError:  # from now on `cpu.why_not` gives the reason
                        return None
        return self._network


def fastest_precision() -> str:
    """The precision that is fastest on this CPU: bfloat16 on a matrix unit, once the library is built; else float32."""
    return "bfloat16" if cpu.is_built() and cpu.bfloat16_is_faster() else "float32"


def precisions_worth(device: str) -> tuple[str, ...]:
    """The precisions among which a choice makes sense on "cpu", "cuda", "mps" or "auto": or the only one."""
    if device.startswith("cuda") or (device == "auto" and torch.cuda.is_available()):
        return ("float32", "bfloat16", "float16")
    if device == "cpu" or (device == "auto" and not torch.backends.mps.is_available()):
        return tuple(dict.fromkeys(("float32", fastest_precision())))
    return ("float32",)


def build_meanwhile() -> subprocess.Popen | None:
    """Build the compiled network in a low-priority process, if it is missing and can be built; returns at once."""
    if cpu.is_built() or build.compiler() is None or not build.processor():
        return None
    behind = ["nice", "-n", "19"] if shutil.which("nice") else []
    command = [*behind, sys.executable, "-m", "tasnet.kernels.cpu"]
    nothing = subprocess.DEVNULL
    return subprocess.Popen(command, cwd=Path(__file__).parents[2], stdin=nothing, stdout=nothing, stderr=nothing)
