"""The separation module (section II-D): a temporal convolutional network that estimates the masks.

On a CPU, fresh memory costs more time than the arithmetic of a norm; so, without gradients, a block
overwrites its own intermediate results (never its inputs).
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .coders import uniform
from .config import ConvTasNetConfig
from .norms import AnyNorm, NoNorm, make_norm


class SeparationModule(nn.Module):
    """w -> the masks m_i: norm, bottleneck, X blocks repeated R times, mask estimation (Fig. 1)."""

    blocks: "Sequence[Block]"

    def __init__(self, config: ConvTasNetConfig) -> None:
        super().__init__()
        self.config = config
        self.norm = make_norm(config.norm_in or config.norm, config.N, config.norm_eps)
        self.bottleneck = nn.Linear(config.N, config.B)
        blocks = nn.ModuleList(Block(config, dilation) for dilation in config.dilations)
        self.blocks = blocks  # type: ignore[assignment]  # PyTorch's lists do not say what of
        self.prelu = PReLU()
        self.conv_mask = nn.Linear(config.Sc or config.B, config.C * config.N)

    def forward(self, w: Tensor) -> Tensor:
        """w (batch, K, N) -> m (batch, C, K, N)."""
        y = self.bottleneck(self.norm(w))
        skip_sum = y.new_zeros(*y.shape[:2], self.config.Sc)
        for block in self.blocks:
            y, skip_sum = block(y, skip_sum)
        return self.estimate(skip_sum if self.config.Sc else y)

    def estimate(self, summed: Tensor) -> Tensor:
        """What the blocks have summed up (batch, K, Sc or B) -> m (batch, C, K, N)."""
        m = self.conv_mask(self.prelu(summed))
        return self.limit(m.unflatten(-1, (self.config.C, self.config.N)).transpose(1, 2))

    def limit(self, m: Tensor) -> Tensor:
        """The nonlinearity of the masks, (batch, C, K, N) -> (batch, C, K, N)."""
        return limit_masks(m, self.config.mask)


class Block(nn.Module):
    """A 1-D convolutional block, Fig. 1 (C).

    The last block of a network has, like any other, a residual path: it is counted, not used.
    """

    def __init__(self, config: ConvTasNetConfig, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.widths = (config.B, config.Sc)
        self.conv_in = nn.Linear(config.B, config.H)
        self.prelu1 = PReLU()
        self.norm1 = make_norm(config.norm, config.H, config.norm_eps)
        self.depthwise = DepthwiseConv(config.H, config.P, dilation, config.causal, config.padding)
        self.prelu2 = PReLU() if config.second_norm else PReLU(init=1.0).requires_grad_(False)
        self.norm2: AnyNorm = make_norm(config.norm, config.H, config.norm_eps) if config.second_norm else NoNorm()
        self.conv_out = nn.Linear(config.H, config.B + config.Sc)  # residual and skip path at once

    def forward(self, y: Tensor, skip_sum: Tensor) -> tuple[Tensor, Tensor]:
        """y (batch, K, B), skip_sum (batch, K, Sc) -> the same, with what this block adds."""
        inplace = not (torch.is_grad_enabled() or torch.compiler.is_compiling())
        u = self.norm1(self.prelu1(self.conv_in(y), inplace), inplace)
        v = self.norm2(self.prelu2(self.depthwise(u), inplace), inplace)
        residual, skip = self.conv_out(v).split(self.widths, dim=-1)
        return y + residual, skip_sum + skip


class DepthwiseConv(nn.Module):
    """D-conv, eq. 6: each channel with its own kernel of P taps, padded to as many frames."""

    def __init__(self, channels: int, P: int, dilation: int, causal: bool, padding: str = "zeros") -> None:
        super().__init__()
        self.weight = nn.Parameter(uniform((P, channels), P**-0.5))
        self.bias = nn.Parameter(torch.zeros(channels))
        present = P - 1 if causal else (P - 1) // 2  # the tap that meets the present frame
        self.offsets = [(p - present) * dilation for p in range(P)]
        self.reflect = padding == "reflect"

    def forward(self, features: Tensor) -> Tensor:
        """(batch, K, H) -> (batch, K, H)."""
        K = features.shape[1]
        taps = dict(zip(self.offsets, self.weight.to(features.dtype), strict=True))
        out = torch.addcmul(self.bias.to(features.dtype), features, taps.pop(0))
        for offset, tap in taps.items():
            past, future = max(0, -offset), max(0, offset)
            if past + future < K:  # or the tap meets nothing but padding
                out[:, past : K - future].addcmul_(features[:, future : K - past], tap)
                if self.reflect and past:
                    out[:, :past].addcmul_(features[:, 1 : past + 1].flip(1), tap)
                if self.reflect and future:
                    out[:, K - future :].addcmul_(features[:, K - 1 - future : K - 1].flip(1), tap)
        return out


class PReLU(nn.PReLU):
    """Eq. 8, one slope alpha for all channels."""

    def forward(self, x: Tensor, inplace: bool = False) -> Tensor:
        """Any shape; `inplace` (without gradients) may overwrite x."""
        if inplace and x.is_cpu:
            return F.leaky_relu_(x, self.weight.item())
        # Between ReLU (alpha = 0) and identity (1): on CPUs the gradient of F.prelu is slow.
        return torch.lerp(F.relu(x), x, self.weight.to(x.dtype))


def limit_masks(m: Tensor, kind: str) -> Tensor:
    """The nonlinearity of the masks that the configuration names, (batch, C, K, N) -> (batch, C, K, N)."""
    if kind == "softmax":
        return torch.softmax(m, dim=1)  # over the speakers: their masks sum to one
    return torch.sigmoid(m) if kind == "sigmoid" else F.relu(m)
