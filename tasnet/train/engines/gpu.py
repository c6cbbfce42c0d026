"""The engine for an NVIDIA GPU: Triton's kernels, and loss and gradient of a batch as one CUDA graph."""

import torch
from torch import Tensor

from tasnet.config import Config
from tasnet.kernels import gpu
from tasnet.model import ConvTasNet, MaskingNetwork

from ..flat import Flat, flatten
from ..machine import Machine
from . import Loss

WARM_UP = 3  # computations before the graph is captured: kernels are compiled and tuned, memory is found
BLOCKS = "separator.blocks"


class GPUEngine:
    """See `GradientEngine`. The kernels read the weights, and leave the gradient, where `flatten` has put them.

    Where there is no GPU every kernel is launched by itself: for tests in Triton's interpreter.
    """

    name = "gpu"

    def __init__(self, model: ConvTasNet, machine: Machine, loss: Loss) -> None:
        self.model, self.machine, self.loss = model, machine, loss
        precision = str(machine.precision).removeprefix("torch.")
        self.note = f"Triton's kernels in {precision}, a batch as one CUDA graph"
        flat = flatten(model)
        stacked = stacked_views(flat, flat.values, len(model.separator.blocks))
        self.stacked = [view.detach().requires_grad_() for view in stacked]
        self.others = {n: p for n, p in model.named_parameters() if p.requires_grad and not n.startswith(BLOCKS)}
        into = flat.views(flat.gradient)
        self.gradient = stacked_views(flat, flat.gradient, len(model.separator.blocks))
        self.gradient += [into[name] for name in self.others]
        self.graph: _Graph | None = None

    def loss_and_gradient(self, mixture: Tensor, sources: Tensor) -> Tensor:
        if not mixture.is_cuda:
            return self.compute(mixture, sources)
        if self.graph is None or not self.graph.fits(mixture, sources):
            self.graph = None  # its memory, before there is another
            self.graph = _Graph(self, mixture, sources)
        return self.graph.replay(mixture, sources)

    def weights_changed(self) -> None:
        """Nothing to do: no copy of the weights is kept."""

    def compute(self, mixture: Tensor, sources: Tensor) -> Tensor:
        """Loss and gradient, every kernel launched by itself; nothing here asks the GPU for a value."""
        from tasnet.kernels.gpu.blocks import Stacked
        from tasnet.kernels.gpu.network import forward_with_gradient

        estimates = forward_with_gradient(self.model, mixture, self.machine.precision, Stacked(*self.stacked))
        loss = self.loss(estimates, sources, mixture)
        found = torch.autograd.grad(loss, [*self.stacked, *self.others.values()])
        for into, part in zip(self.gradient, found, strict=True):
            into.copy_(part)
        return loss.detach()


class _Graph:
    """`compute` for batches of one shape, captured: one launch."""

    def __init__(self, engine: GPUEngine, mixture: Tensor, sources: Tensor) -> None:
        self.mixture, self.sources = mixture.clone(), sources.clone()
        aside = torch.cuda.Stream(mixture.device)
        aside.wait_stream(torch.cuda.current_stream(mixture.device))
        with torch.cuda.stream(aside):
            for _ in range(WARM_UP):
                engine.compute(self.mixture, self.sources)
        torch.cuda.current_stream(mixture.device).wait_stream(aside)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.loss = engine.compute(self.mixture, self.sources)

    def fits(self, mixture: Tensor, sources: Tensor) -> bool:
        return mixture.shape == self.mixture.shape and sources.shape == self.sources.shape

    def replay(self, mixture: Tensor, sources: Tensor) -> Tensor:
        self.mixture.copy_(mixture)
        self.sources.copy_(sources)
        self.graph.replay()
        return self.loss.clone()


def stacked_views(flat: Flat, vector: Tensor, blocks: int) -> list[Tensor]:
    """The parts of a vector laid out like `flat.values` that hold the blocks' weights, in the order of `Stacked`.

    As all blocks are of one size, each field of all of them is one view (blocks, ...) into the vector.
    """
    from tasnet.kernels.gpu.blocks import PARAMETERS

    views = []
    for name in PARAMETERS:
        begin = flat.offsets[f"{BLOCKS}.0.{name}"]
        step = flat.offsets[f"{BLOCKS}.1.{name}"] - begin if blocks > 1 else 0
        shape = flat.shapes[f"{BLOCKS}.0.{name}"]
        inner = torch.empty(shape, device="meta").stride()
        views.append(vector.as_strided((blocks, *shape), (step, *inner), vector.storage_offset() + begin))
    return views


def why_not(config: Config, machine: Machine) -> str:
    """Why it does not work here, in one sentence; "" if it does."""
    return gpu.why_not(config, machine.device)


def make(model: MaskingNetwork, machine: Machine, loss: Loss) -> GPUEngine:
    """See `tasnet.train.engines`."""
    if not isinstance(model, ConvTasNet):
        raise TypeError(gpu.unlike(model.config))
    return GPUEngine(model, machine, loss)
