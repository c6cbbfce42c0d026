"""The engine that is always available: PyTorch's own gradients, its blocks compiled where a compiler works."""

from torch import Tensor

from tasnet.config import Config
from tasnet.model import MaskingNetwork

from ..flat import flatten
from ..machine import Machine, compile_blocks, forget_compiled, not_compiled
from . import Loss


class AutogradEngine:
    """See `GradientEngine`."""

    name = "autograd"

    def __init__(self, model: MaskingNetwork, machine: Machine, loss: Loss, compiled: bool) -> None:
        self.model, self.machine, self.loss = model, machine, loss
        self.flat = flatten(model)
        self.note = compile_blocks(model, machine.device) if compiled else ""
        self.tried = not compiled  # whether what was compiled has run once, or nothing was

    def loss_and_gradient(self, mixture: Tensor, sources: Tensor) -> Tensor:
        if not self.tried:
            self.tried = True
            try:
                return self._loss_and_gradient(mixture, sources)
            except Exception as error:  # whatever a compiler raises, or a file that a killed compiler left behind
                forget_compiled(self.model)
                self.note = not_compiled(error)
        return self._loss_and_gradient(mixture, sources)

    def _loss_and_gradient(self, mixture: Tensor, sources: Tensor) -> Tensor:
        with self.machine.autocast():
            estimates = self.model.for_loss(mixture)
        loss = self.loss(estimates, sources, mixture)
        self.flat.gradient.zero_()
        loss.backward()
        return loss.detach()

    def weights_changed(self) -> None:
        """Nothing to do: no copy of the weights is kept."""


def why_not(config: Config, machine: Machine) -> str:
    """It works everywhere."""
    return ""


def make(model: MaskingNetwork, machine: Machine, loss: Loss, *, compiled: bool = False) -> AutogradEngine:
    """See `tasnet.train.engines`."""
    return AutogradEngine(model, machine, loss, compiled)
