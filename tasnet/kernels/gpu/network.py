"""Conv-TasNet around the kernels: encoder, first norm and bottleneck, masks and decoder are PyTorch's operations."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tasnet.model import ConvTasNet
from tasnet.norms import AnyNorm, CumulativeLayerNorm, LayerNorm
from tasnet.tcn import limit_masks

from .blocks import Shape, Stacked, run_blocks, stack
from .statistics import statistics_reference


def forward_with_gradient(
    model: ConvTasNet,
    mixture: Tensor,
    dtype: torch.dtype,
    weights: Stacked | None = None,
) -> Tensor:
    """mixture (batch, T) -> sources (batch, C, T), float32: `model(mixture)`, differentiable.

    dtype: of features and of the factors of products, float32 or bfloat16. weights: those of the blocks where they
    are stacked already, else they are taken from the model.
    """
    config, separator = model.config, model.separator
    w = model.encode(mixture)
    features = w.to(dtype)
    y = norm_and_product(features, w, separator.norm, separator.bottleneck)
    skip_sum = run_blocks(y, weights or stack(model.blocks()), Shape.of(config), config.Sc)
    alpha = separator.prelu.weight.to(dtype)
    m = F.linear(
        torch.where(skip_sum >= 0, skip_sum, alpha * skip_sum),
        separator.conv_mask.weight.to(dtype),
        separator.conv_mask.bias.to(dtype),
    )
    m = limit_masks(m.unflatten(-1, (config.C, config.N)).transpose(1, 2), config.mask)
    frames = (m * features[:, None]) @ model.V.to(dtype)
    return model.decoder.join(frames.float(), mixture.shape[-1])


def norm_and_product(features: Tensor, w: Tensor, norm: AnyNorm, linear: nn.Linear) -> Tensor:
    """linear(norm(w)) as one product of the features as they are, w in the type of the products: see `paths`."""
    if not isinstance(norm, LayerNorm):
        raise TypeError("The GPU kernels know gLN and cLN alone.")
    pairs = statistics_reference(w, norm.eps, isinstance(norm, CumulativeLayerNorm))
    mean, rate = (pairs if pairs.ndim == 3 else pairs[:, None]).unbind(-1)
    scaled = linear.weight * norm.gamma
    constant = linear.bias + linear.weight @ norm.beta
    product = F.linear(features, scaled.to(features.dtype)).float()
    shift = (rate * mean)[..., None] * scaled.sum(1)
    return (product * rate[..., None] + (constant - shift)).to(features.dtype)
