"""A network's weights, and its gradient, as one vector each: so that operations on all of them are one operation."""

from dataclasses import dataclass

import torch
from torch import Tensor

from tasnet.flat_layout import aligned_zeros, offsets_in_vector
from tasnet.model import MaskingNetwork

KEPT = "_flat"  # where a network keeps its own


@dataclass(frozen=True)
class Flat:
    """`values` and `gradient`: contiguous float32 vectors of equal length, 64-byte aligned on a CPU.

    A network's parameters, and their `.grad`, are views into them in the order of `named_parameters()`, each from
    `offsets[name]` on. What lies between them is zero and stays zero.
    """

    values: Tensor
    gradient: Tensor
    offsets: dict[str, int]
    shapes: dict[str, torch.Size]

    def views(self, vector: Tensor) -> dict[str, Tensor]:
        """The parts of a vector that is laid out like `values`, by the parameters' names."""
        return {
            name: vector[at : at + self.shapes[name].numel()].view(self.shapes[name])
            for name, at in self.offsets.items()
        }

    def like(self) -> Tensor:
        """A vector of zeros that is laid out like `values`."""
        return aligned_zeros(len(self.values), self.values.device)


def flatten(model: MaskingNetwork) -> Flat:
    """Makes every parameter of `model`, and its `.grad`, a view into one vector; once: a second call gives the same.

    The parameters keep their values. The gradients begin as zero; parameters that are not trained get none.
    Whatever moves the parameters afterwards, such as `model.to` or `load_state_dict(assign=True)`, undoes it.
    """
    parameters = dict(model.named_parameters())
    known = getattr(model, KEPT, None)
    if known is not None and _holds(known, parameters):
        return known
    offsets, end = offsets_in_vector(parameters)
    device = next(iter(parameters.values())).device
    flat = Flat(
        aligned_zeros(end, device),
        aligned_zeros(end, device),
        offsets,
        {name: parameter.shape for name, parameter in parameters.items()},
    )
    values, gradients = flat.views(flat.values), flat.views(flat.gradient)
    for name, parameter in parameters.items():
        values[name].copy_(parameter.detach())
        parameter.data = values[name]
        parameter.grad = gradients[name] if parameter.requires_grad else None
    setattr(model, KEPT, flat)
    return flat


def _holds(flat: Flat, parameters: dict[str, torch.nn.Parameter]) -> bool:
    """Whether the parameters, and the gradients of those that are trained, are still views into `flat`."""
    if parameters.keys() != flat.offsets.keys():
        return False
    for name, parameter in parameters.items():
        pairs = [(parameter, flat.values)] + [(parameter.grad, flat.gradient)] * parameter.requires_grad
        for part, whole in pairs:
            if part is None or part.data_ptr() != whole.data_ptr() + 4 * flat.offsets[name]:
                return False
    return True
