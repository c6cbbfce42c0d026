"""What computes loss and gradient: exchangeable engines behind one trainer.

An engine is a module of this folder with the engine's name and

    why_not(config, machine) -> str      "" where it works here, else one sentence on why not
    make(model, machine, loss) -> GradientEngine

It is imported only when it is asked for, or when "auto" looks for the fastest.
"""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any, Protocol

from torch import Tensor

from tasnet.config import Config
from tasnet.model import MaskingNetwork

from ..machine import Machine
from ..recipe import AUTO, RecipeError

# What `MaskingNetwork.for_loss` gives, sources (b, C, T), mixture (b, T) -> mean over the batch
Loss = Callable[[Any, Tensor, Tensor], Tensor]
FASTEST_FIRST = ("gpu", "cpu", "autograd")


class GradientEngine(Protocol):
    """Computes the loss of a batch and its gradient, with weights that `flatten` has made views into one vector."""

    name: str
    note: str  # one sentence for the log: what was compiled, in which precision; "" if there is nothing to say

    def loss_and_gradient(self, mixture: Tensor, sources: Tensor) -> Tensor:
        """mixture (b, T), sources (b, C, T) -> the mean loss of the batch, detached.

        Leaves its gradient in `.grad` of every parameter that is trained: overwritten, not added to. The order of all
        sums is fixed: the same call gives the same bits.
        """

    def weights_changed(self) -> None:
        """To be called after every step of the optimiser, and whenever else the weights have changed."""


def why_not(name: str, config: Config, machine: Machine) -> str:
    """ "" where the engine of that name works here for such a network, else one sentence why it does not."""
    if not find_spec(f"{__name__}.{name}"):
        return "It is not part of this installation."
    return _module(name).why_not(config, machine)


def choose_engine(
    name: str, model: MaskingNetwork, machine: Machine, loss: Loss, *, compiled: bool = False
) -> GradientEngine:
    """The engine of that name; for "auto" the fastest that works here. Its note says why it is not a faster one.

    compiled: whether `autograd` compiles the network. Raises RecipeError where a named engine does not work here.
    """
    reasons = {}
    for candidate in FASTEST_FIRST if name == AUTO else (name,):
        reasons[candidate] = why_not(candidate, model.config, machine)
        if not reasons[candidate]:
            break
    else:
        why = reasons[name].rstrip(".")
        raise RecipeError(f"The engine {name} does not work here: {why}. With --engine auto another one is taken.")
    more = {"compiled": compiled} if candidate == "autograd" else {}
    engine = _module(candidate).make(model, machine, loss, **more)
    others = [f"not {other}: {why}" for other, why in reasons.items() if why]
    engine.note = "; ".join(part.rstrip(".") for part in (engine.note, *others) if part)
    return engine


def _module(name: str) -> ModuleType:
    """The engine's module."""
    return import_module(f"{__name__}.{name}")
