"""Segmentation and overlap-add of a sequence (Luo, Chen and Yoshioka 2020, sections 2.1 and 2.3)."""

import torch.nn.functional as F
from torch import Tensor

from tasnet.coders import overlap_add


def segment(y: Tensor, K: int) -> Tensor:
    """y (batch, frames, B) -> chunks (batch, S, K, B) that overlap by half, so that two hold every frame.

    Zeros fill those that reach over an end. As in other programs, the first one, and at some lengths the last, holds
    nothing but these.
    """
    return F.pad(y, (0, 0, K, K)).unfold(1, K, K // 2).transpose(2, 3)


def join(chunks: Tensor, frames: int) -> Tensor:
    """Chunks (batch, S, K, B) of so many frames -> their sum (batch, frames, B)."""
    K = chunks.shape[2]
    return overlap_add(chunks.movedim(3, 1), K + frames)[..., K:].mT
