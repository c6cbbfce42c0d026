"""The separation module (section II-D): a temporal convolutional network that estimates the masks."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import ConvTasNetConfig
from .norms import make_norm


class DepthwiseConv(nn.Module):
    """D-conv, eq. 6: each channel with its own kernel of P taps along the frames, zero padded."""

    def __init__(self, channels: int, P: int, dilation: int, causal: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(P, channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        nn.init.uniform_(self.weight, -(P**-0.5), P**-0.5)
        past = (P - 1) * dilation if causal else (P - 1) * dilation // 2
        self.offsets = [p * dilation - past for p in range(P)]  # in frames; 0 is the present

    def forward(self, features: Tensor) -> Tensor:
        """(batch, K, H) -> (batch, K, H)."""
        K = features.shape[1]
        out = self.bias.to(features.dtype).expand_as(features).contiguous()
        for offset, tap in zip(self.offsets, self.weight.to(features.dtype), strict=True):
            if abs(offset) < K:  # else this tap meets nothing but padding
                here = slice(max(0, -offset), K - max(0, offset))
                there = slice(max(0, offset), K - max(0, -offset))
                out[:, here].addcmul_(features[:, there], tap)
        return out


class Block(nn.Module):
    """A 1-D convolutional block, Fig. 1 (C): 1x1-conv, D-conv, and the two 1x1-convs after it.

    The residual of the network's last block is computed and counted like the others but not used.
    """

    def __init__(self, config: ConvTasNetConfig, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.widths = (config.B, config.Sc)
        self.conv_in = nn.Linear(config.B, config.H)
        self.prelu1 = nn.PReLU()
        self.norm1 = make_norm(config.norm, config.H)
        self.depthwise = DepthwiseConv(config.H, config.P, dilation, config.causal)
        self.prelu2 = nn.PReLU()
        self.norm2 = make_norm(config.norm, config.H)
        self.conv_out = nn.Linear(config.H, config.B + config.Sc)  # residual and skip, one GEMM

    def forward(self, y: Tensor, skip_sum: Tensor) -> tuple[Tensor, Tensor]:
        """y (batch, K, B), skip_sum (batch, K, Sc) -> the same with this block's outputs added."""
        u = self.norm1(self.prelu1(self.conv_in(y)))
        v = self.norm2(self.prelu2(self.depthwise(u)))
        residual, skip = self.conv_out(v).split(self.widths, dim=-1)
        return y + residual, skip_sum + skip


class SeparationModule(nn.Module):
    """w -> the masks m_i: norm, bottleneck, X blocks repeated R times, mask estimation."""

    def __init__(self, config: ConvTasNetConfig) -> None:
        super().__init__()
        self.C, self.N, self.Sc, self.mask = config.C, config.N, config.Sc, config.mask
        self.norm = make_norm(config.norm, config.N)
        self.bottleneck = nn.Linear(config.N, config.B)
        self.blocks = nn.ModuleList(Block(config, dilation) for dilation in config.dilations)
        self.prelu = nn.PReLU()
        self.conv_mask = nn.Linear(config.Sc, config.C * config.N)

    def forward(self, w: Tensor) -> Tensor:
        """w (batch, K, N) -> m (batch, C, K, N)."""
        y = self.bottleneck(self.norm(w))
        skip_sum = y.new_zeros(*y.shape[:2], self.Sc)
        for block in self.blocks:
            y, skip_sum = block(y, skip_sum)
        m = self.conv_mask(self.prelu(skip_sum)).unflatten(-1, (self.C, self.N)).transpose(1, 2)
        if self.mask == "softmax":
            return torch.softmax(m, dim=1)  # the speakers' masks sum to one
        return torch.sigmoid(m) if self.mask == "sigmoid" else F.relu(m)
