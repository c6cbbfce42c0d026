"""DPRNN-TasNet: a TasNet whose masks come from a dual-path RNN.

Luo, Chen and Yoshioka, "Dual-path RNN: efficient long sequence modeling for time-domain single-channel speech
separation", 2020 (arXiv 1910.06379). An RNN over thousands of frames learns badly; here one goes along each chunk of K
frames, and another along the chunks at each place in them, in turn: both sequences are about as long as the root of
the whole.
"""

import torch
from torch import Tensor, nn

from tasnet.config import DPRNNTasNetConfig
from tasnet.model import TasNet
from tasnet.norms import make_norm
from tasnet.tcn import PReLU, limit_masks

from .chunks import join, segment

AT_ONCE = 1 << 16  # frames whose gates are in memory at a time, without gradients


class DPRNNTasNet(TasNet):
    """TasNet whose separation module is a dual-path RNN.

    >>> network = DPRNNTasNet(DPRNNTasNetConfig(N=8, L=4, B=6, H=5, K=10, R=1)).eval()
    >>> network(torch.zeros(1, 800)).shape  # (batch, C, T)
    torch.Size([1, 2, 800])
    """

    config: DPRNNTasNetConfig
    separator: "DualPathSeparator"

    def __init__(self, config: DPRNNTasNetConfig) -> None:
        super().__init__(config)
        self.separator = DualPathSeparator(config)

    def passes(self, part: str) -> int:
        """Of what comes after the segmentation two, one for each chunk that a frame is in; then one for each voice."""
        if part.startswith(("separator.blocks.", "separator.conv_mask")):
            return 2
        return self.config.C if part in ("separator.out", "separator.gate", "separator.expand") else 1


class DualPathSeparator(nn.Module):
    """w -> the masks m_i: norm and bottleneck; segmentation, R blocks, a chunk for each voice, overlap-add; a gate."""

    def __init__(self, config: DPRNNTasNetConfig) -> None:
        super().__init__()
        self.config = config
        self.norm = make_norm(config.norm, config.N)
        self.bottleneck = nn.Linear(config.N, config.B)
        self.blocks = nn.ModuleList(DualPathBlock(config) for _ in range(config.R))
        self.prelu = PReLU()
        self.conv_mask = nn.Linear(config.B, config.C * config.B)
        self.out = nn.Linear(config.B, config.B)
        self.gate = nn.Linear(config.B, config.B)
        self.expand = nn.Linear(config.B, config.N, bias=False)

    def forward(self, w: Tensor) -> Tensor:
        """w (batch, frames, N) -> m (batch, C, frames, N)."""
        T = segment(self.bottleneck(self.norm(w)), self.config.K)
        for block in self.blocks:
            T = block(T)
        y = join(self.conv_mask(self.prelu(T)), w.shape[1]).unflatten(-1, (self.config.C, self.config.B))
        gated = torch.tanh(self.out(y)) * torch.sigmoid(self.gate(y))
        return limit_masks(self.expand(gated).transpose(1, 2), self.config.mask)


class DualPathBlock(nn.Module):
    """A DPRNN block, Fig. 1 (B): along the frames of each chunk, then along the chunks at each place in them."""

    def __init__(self, config: DPRNNTasNetConfig) -> None:
        super().__init__()
        self.within = Pathway(config, both_ways=True)
        self.across = Pathway(config, both_ways=config.both_ways)

    def forward(self, T: Tensor) -> Tensor:
        """Chunks (batch, S, K, B) -> the same, with what both paths add."""
        T = T + self.within(T)
        return T + self.across(T.transpose(1, 2)).transpose(1, 2)


class Pathway(nn.Module):
    """An RNN along sequences, a linear layer and a norm over all of them (eqs. 1 to 6)."""

    def __init__(self, config: DPRNNTasNetConfig, *, both_ways: bool) -> None:
        super().__init__()
        self.rnn = nn.LSTM(config.B, config.H, batch_first=True, bidirectional=both_ways)
        self.linear = nn.Linear((1 + both_ways) * config.H, config.B)
        self.norm = make_norm(config.norm, config.B)

    def forward(self, sequences: Tensor) -> Tensor:
        """(batch, how many, steps, B) -> the same shape."""
        flat = sequences.flatten(0, 1)
        size = len(flat) if torch.is_grad_enabled() else max(1, AT_ONCE // flat.shape[1])
        out = torch.cat([self.linear(self.rnn(some)[0]) for some in flat.split(size)])
        return self.norm(out.view(len(sequences), -1, out.shape[-1])).view_as(sequences)
