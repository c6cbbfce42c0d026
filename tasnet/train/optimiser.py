"""The one optimiser: Adam for every weight, or Muon for 1x1 convolutions and the gates of LSTMs, Adam for the rest.

Muon (Jordan et al., 2024) makes each matrix' momentum orthogonal by five Newton-Schulz steps, so that all its
directions learn at the same rate; its updates have the root mean square of Adam's (Liu et al., 2025). It is
`torch.optim.Muon` with adjust_lr_fn="match_rms_adamw", but takes the matrices of one shape together, which is quicker.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from tasnet.config import Config, ConvTasNetConfig
from tasnet.model import MaskingNetwork

from .flat import Flat, flatten
from .recipe import Recipe

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
STEPS = 5
RMS = 0.2  # of a matrix' update, times the learning rate
TINY = 1e-12


@dataclass(frozen=True)
class Matrix:
    """A matrix within the vector of all weights."""

    at: int
    rows: int
    columns: int

    def of(self, vector: Tensor) -> Tensor:
        """(rows, columns): a view."""
        return vector[self.at : self.at + self.rows * self.columns].view(self.rows, self.columns)


def matrices(model: MaskingNetwork, flat: Flat) -> list[Matrix]:
    """The 1x1 convolutions and the gates of LSTM layers, one by one where a parameter holds several.

    Those are the residual and the skip path of a block, the masks of the speakers, and an LSTM's four gates.
    """
    found = []
    for name, at in flat.offsets.items():
        whole, *columns = flat.shapes[name]
        for rows in _parts(name, model.config, whole):
            found.append(Matrix(at, rows, *columns))
            at += rows * columns[0]
    return found


def _parts(name: str, config: Config, rows: int) -> list[int]:
    """The rows of every matrix in the parameter `name`; none where Adam has it."""
    *_, layer, kind = name.split(".")
    if kind.startswith(("weight_ih", "weight_hh")):
        return [rows // 4] * 4
    if kind != "weight":
        return []
    if layer == "conv_mask":
        return [rows // config.C] * config.C
    if layer == "conv_out" and isinstance(config, ConvTasNetConfig):
        return [part for part in (config.B, config.Sc) if part]
    return [rows] if layer in ("bottleneck", "conv_in") else []


class Optimiser:
    """Optimises, step by step, the weights of a network that `flatten` has laid out."""

    def __init__(self, model: MaskingNetwork, recipe: Recipe, precision: torch.dtype = torch.float32) -> None:
        """precision: of the Newton-Schulz steps, for which bfloat16 is enough."""
        self.flat, self.recipe, self.precision = flatten(model), recipe, precision
        found: list[Matrix] = []
        if recipe.optimiser == "muon":
            found = matrices(model, self.flat)
        shapes = dict.fromkeys((min(m.rows, m.columns), max(m.rows, m.columns)) for m in found)
        self.groups = [
            _Group([m for m in found if {m.rows, m.columns} == set(shape)], self.flat, recipe) for shape in shapes
        ]
        edges = [0, *(edge for m in found for edge in (m.at, m.at + m.rows * m.columns)), len(self.flat.values)]
        self.stretches = [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if a < b]  # between the matrices
        parts = [self.flat.values[a:b].requires_grad_() for a, b in self.stretches]
        for part, (a, b) in zip(parts, self.stretches, strict=True):
            part.grad = self.flat.gradient[a:b]
        self.adam = torch.optim.Adam(parts, recipe.learning_rate, recipe.betas, fused=True)
        values = self.flat.views(self.flat.values)
        self.coders = [v for name, v in values.items() if recipe.coder_decay and name in ("encoder.U", "decoder.V")]

    @torch.no_grad()
    def step(self, share: float, clip: float) -> float:
        """One step along the gradient, with `share` of the recipe's learning rates: returns the gradient's L2 norm.

        A gradient that is longer than `clip` is shortened to it. One that is not finite changes nothing.
        """
        norm = torch.linalg.vector_norm(self.flat.gradient)
        length = norm.item()
        if not length < float("inf"):
            return length
        if length > clip:
            self.flat.gradient.mul_(clip / (length + 1e-6))
        for group in self.adam.param_groups:
            group["lr"] = self.recipe.learning_rate * share
        self.adam.step()
        for matrix_group in self.groups:
            matrix_group.step(self.recipe.matrix_rate * share, self.precision)
        for coder in self.coders:
            coder *= 1 - self.recipe.learning_rate * share * self.recipe.coder_decay
        return length

    def state_dict(self) -> dict:
        """Adam's state and Muon's momenta; see `load_state_dict`."""
        return {"adam": self.adam.state_dict(), "momenta": [group.momentum for group in self.groups]}

    def load_state_dict(self, state: dict) -> None:
        """Goes on from what `state_dict` gave, or from the state of `torch.optim.Adam` over the network's parameters.

        Raises KeyError, TypeError, RuntimeError or ValueError where it is neither.
        """
        if "momenta" not in state:
            state = {"adam": self._joined(state), "momenta": []}
        for group, momentum in zip(self.groups, state["momenta"], strict=True):
            group.momentum.copy_(momentum)
        own_states = state["adam"]["state"].values()  # none before the first step
        for own, (a, b) in zip(own_states, self.stretches, strict=bool(own_states)):
            if own["exp_avg"].shape != (b - a,) or own["exp_avg_sq"].shape != (b - a,):
                raise ValueError("the moments are those of another network")
        self.adam.load_state_dict(state["adam"])

    def _joined(self, state: dict) -> dict:
        """Adam's state of all parameters one by one, as that of their one vector."""
        joined = {"exp_avg": self.flat.like(), "exp_avg_sq": self.flat.like()}
        names, steps = list(self.flat.offsets), {}
        for index, own in state["state"].items():
            for moment, vector in joined.items():
                self.flat.views(vector)[names[index]].copy_(own[moment])
            steps["step"] = torch.as_tensor(own["step"]).clone()
        return {**self.adam.state_dict(), "state": {0: joined | steps} if steps else {}}


class _Group:
    """Matrices of one shape, lying or standing, and their momenta: (matrices, smaller side, larger side)."""

    def __init__(self, members: list[Matrix], flat: Flat, recipe: Recipe) -> None:
        self.values = [_lying(m.of(flat.values)) for m in members]
        self.gradients = [_lying(m.of(flat.gradient)) for m in members]
        self.momentum = torch.zeros_like(torch.stack(self.gradients))
        self.inertia, self.decay = recipe.momentum, recipe.matrix_decay

    def step(self, rate: float, precision: torch.dtype) -> None:
        gradient = torch.stack(self.gradients)
        self.momentum.lerp_(gradient, 1 - self.inertia)
        update = orthogonal(gradient.lerp_(self.momentum, self.inertia), precision)
        if self.decay:
            torch._foreach_mul_(self.values, 1 - rate * self.decay)
        torch._foreach_add_(self.values, update.unbind(), alpha=-rate * RMS * max(update.shape[-2:]) ** 0.5)


def orthogonal(matrices: Tensor, precision: torch.dtype = torch.float32) -> Tensor:
    """(n, a, b), a <= b -> nearly the same with all singular values between 0.5 and 1.5."""
    a, b, c = NEWTON_SCHULZ
    x = (matrices / (torch.linalg.vector_norm(matrices, dim=(1, 2), keepdim=True) + TINY)).to(precision)
    for _ in range(STEPS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.to(matrices.dtype)


def _lying(matrix: Tensor) -> Tensor:
    """A view whose rows are no longer than its columns are many."""
    return matrix if len(matrix) <= matrix.shape[1] else matrix.T
