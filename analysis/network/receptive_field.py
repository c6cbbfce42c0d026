"""How far around a frame the masks look, measured by gradient beside the formula's value."""

import copy
import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tasnet import ConvTasNet
from tasnet.norms import CumulativeLayerNorm, GlobalLayerNorm, LayerNorm

from .representation import root_mean_square

MARGIN = 0.1


@dataclass(frozen=True)
class ReceptiveField:
    """What one frame of the masks depends on through the convolutions.

    first:       sample of the mixture at which `sensitivity` begins.
    sensitivity: (samples,) magnitude of the gradient of that frame's masks by each sample, at the
                 unit power at which the network works.
    begin, end:  first sample with a gradient, and the sample after the last.
    formula:     samples by the formula, 1 + R (P - 1) (2^X - 1) frames; more than measured where
                 the mixture's ends cut it.
    """

    first: int
    sensitivity: np.ndarray
    begin: int
    end: int
    formula: int


def _with_held_statistics(model: ConvTasNet) -> ConvTasNet:
    """A copy whose gLN and cLN pass gradients as if their mean and variance were constants.

    Otherwise the whole mixture would be in view, since every frame moves the statistics a little.
    """

    def hold(norm: LayerNorm, inputs: tuple, output: Tensor) -> Tensor:
        features = inputs[0]
        slope = norm.gamma / _deviation(norm, features.detach())
        return output.detach() + slope * (features - features.detach())

    held = copy.deepcopy(model).requires_grad_(False)
    for module in held.modules():
        if isinstance(module, GlobalLayerNorm | CumulativeLayerNorm):
            module.register_forward_hook(hold)
    return held


def _deviation(norm: LayerNorm, features: Tensor) -> Tensor:
    """The square root in eq. 9, or in eq. 12 at every frame, for features (batch, K, N)."""
    if isinstance(norm, GlobalLayerNorm):
        variance = features.var((1, 2), correction=0, keepdim=True)
    else:
        count = torch.arange(1, features.shape[1] + 1, device=features.device) * features.shape[2]
        mean, power = (x.double().sum(-1).cumsum(-1) / count for x in (features, features**2))
        variance = (power - mean**2).clamp_min(0).to(features.dtype)[..., None]
    return (variance + norm.eps).sqrt()


def receptive_field(model: ConvTasNet, mixture: np.ndarray, frame: int) -> ReceptiveField:
    """Measure it for `frame` of `mixture` (T,) at the model's rate.

    `mixture` is brought to unit power first. The gradient is that of a fixed random sum of the
    frame's masks, so that no part can hide by cancelling. It is taken on the mixture around the
    frame only, wider than the formula by `MARGIN` on either side.
    """
    config = model.config
    hops = math.ceil(config.receptive_field_frames * (0.5 + MARGIN)) * (1 + config.causal)
    first = max(0, frame - hops) * config.hop
    last = (frame + hops) * config.hop + config.L
    excerpt = torch.from_numpy(mixture[first:last] / root_mean_square(mixture))
    excerpt = excerpt.to(model.U.device).requires_grad_()
    weights = torch.randn(config.C, config.N, generator=torch.Generator().manual_seed(0))
    held = _with_held_statistics(model)
    with torch.enable_grad():
        masks = held.masks(held.encode(excerpt[None]))[0, :, frame - first // config.hop]
        (gradient,) = torch.autograd.grad((masks * weights.to(masks)).sum(), excerpt)
    sensitivity = gradient.abs().cpu().numpy()
    seen = np.flatnonzero(sensitivity)
    begin, end = (int(seen[0]), int(seen[-1]) + 1) if seen.size else (0, 0)
    return ReceptiveField(
        first=first,
        sensitivity=sensitivity,
        begin=first + begin,
        end=first + end,
        formula=config.receptive_field_samples,
    )
