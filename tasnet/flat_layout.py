"""How a network's parameters are laid out in one vector, for the trainer and the kernels, which use all at once."""

from collections.abc import Mapping

import torch
from torch import Tensor

STEP = 16  # every parameter begins at a multiple of so many values, 64 bytes


def offsets_in_vector(parameters: Mapping[str, Tensor]) -> tuple[dict[str, int], int]:
    """Where each parameter begins, in their order, and the length of the vector."""
    offsets, end = {}, 0
    for name, parameter in parameters.items():
        offsets[name] = end
        end += -(-parameter.numel() // STEP) * STEP
    return offsets, end


def aligned_zeros(length: int, device: torch.device | str = "cpu") -> Tensor:
    """(length,) zeros in float32, from a multiple of 64 bytes on."""
    room = torch.zeros(length + STEP, device=device)
    skipped = -room.data_ptr() % 64 // room.element_size()
    return room[skipped : skipped + length]
