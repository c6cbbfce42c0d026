"""The compiled network: loss and gradient on processor cores, one utterance of the batch on each."""

from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from tasnet.config import Config
from tasnet.kernels import cpu
from tasnet.model import MaskingNetwork

from ..flat import flatten
from ..machine import Machine
from . import Loss

PARTS = 8  # gradients summed in parallel: a fixed number, so that results do not depend on the number of threads


class CpuEngine:
    """See `GradientEngine`.

    Every utterance goes forward, and back, in one call on one thread. The i-th of a batch adds its gradient to part i
    modulo PARTS, in order, and the parts are added in order: neither time nor the number of threads changes a bit.
    """

    name = "cpu"

    def __init__(self, model: MaskingNetwork, machine: Machine, loss: Loss) -> None:
        self.loss, self.flat = loss, flatten(model)
        self.network = cpu.Network(model.config, _precision(machine))
        self.offsets = list(self.flat.offsets.values())
        self.frozen = [name for name, parameter in model.named_parameters() if not parameter.requires_grad]
        self.threads = torch.get_num_threads()
        self.pool = ThreadPoolExecutor(self.threads, thread_name_prefix="cpu engine")
        self.parts: list[Tensor] = []
        self.workspaces: list[cpu.Workspace] = []
        unit = " on the matrix unit" if self.network.precision == "bfloat16" and cpu.bfloat16_is_faster() else ""
        self.note = f"the compiled network in {self.network.precision}{unit}, threads: {self.threads}"
        self.weights_changed()

    def loss_and_gradient(self, mixture: Tensor, sources: Tensor) -> Tensor:
        batch, samples = mixture.shape
        self._make_room(batch, samples)
        parts = self.parts[:batch]
        each = zip(self.workspaces, mixture, strict=False)
        estimates = torch.stack(list(self.pool.map(lambda pair: pair[0].forward(pair[1]), each))).requires_grad_()
        loss = self.loss(estimates, sources, mixture)
        (d_estimates,) = torch.autograd.grad(loss, estimates)

        def back(part: int) -> None:
            parts[part].zero_()
            for row in range(part, batch, PARTS):
                self.workspaces[row].backward(d_estimates[row], parts[part])

        list(self.pool.map(back, range(len(parts))))
        gradient = self.flat.gradient.copy_(parts[0])
        for part in parts[1:]:
            gradient += part
        views = self.flat.views(gradient)
        for name in self.frozen:
            views[name].zero_()
        return loss.detach()

    def weights_changed(self) -> None:
        """Packs the weights for the products."""

        def pack(part: int) -> None:
            self.network.pack(self.flat.values, self.offsets, part, self.threads)

        pack(0)
        list(self.pool.map(pack, range(1, self.threads)))

    def _make_room(self, batch: int, samples: int) -> None:
        if self.workspaces and self.workspaces[0].samples < samples:
            self.workspaces = []
        self.workspaces += [self.network.workspace(samples) for _ in range(batch - len(self.workspaces))]
        self.parts += [self.flat.like() for _ in range(min(batch, PARTS) - len(self.parts))]


def why_not(config: Config, machine: Machine) -> str:
    """ "" where the compiled network can be trained here, which is built for the answer; else one sentence."""
    if machine.device.type != "cpu":
        return "The compiled network is for processors."
    reason = cpu.why_not(config, _precision(machine), training=True)
    try:
        if not reason:
            cpu.library()
    except cpu.BuildError as error:
        return str(error)
    return reason


def make(model: MaskingNetwork, machine: Machine, loss: Loss) -> CpuEngine:
    """See `tasnet.train.engines`."""
    return CpuEngine(model, machine, loss)


def _precision(machine: Machine) -> str:
    return "bfloat16" if machine.precision == torch.bfloat16 else "float32"
