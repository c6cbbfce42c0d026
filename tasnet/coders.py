"""Encoder and decoder (section II-B): waveform to frames of N coefficients, and back."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import Config


class Encoder(nn.Module):
    """w = H(x U), eq. 2: frames of L samples, overlapping by half, against N basis functions."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.relu = config.encoder == "relu"
        self.U = nn.Parameter(torch.empty(config.N, config.L).uniform_(-1, 1) * config.L**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, T) -> w (batch, K, N)."""
        w = F.linear(frames(x, self.U.shape[1]), self.U)
        return F.relu(w) if self.relu else w


class PinvEncoder(nn.Module):
    """w = x (V^T V)^-1 V^T (section IV-A): the decoder's pseudo-inverse, no weights of its own."""

    def __init__(self, decoder: "Decoder") -> None:
        super().__init__()
        self.decoder_of = (decoder,)  # a tuple, or V would be counted and saved twice

    @property
    def U(self) -> Tensor:
        """(N, L): the pseudo-inverse, transposed as the other encoders' basis functions are."""
        V = self.decoder_of[0].V
        return torch.linalg.pinv(V.float()).T.to(V.dtype)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, T) -> w (batch, K, N)."""
        U = self.U
        return F.linear(frames(x, U.shape[1]), U)


class Decoder(nn.Module):
    """s = d V, eqs. 3 and 5: overlapping frames of L samples, summed."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.V = nn.Parameter(torch.empty(config.N, config.L).uniform_(-1, 1) * config.N**-0.5)

    def forward(self, d: Tensor, length: int) -> Tensor:
        """(..., K, N) -> (..., length)."""
        return overlap_add(d @ self.V, length)


def frames(x: Tensor, L: int) -> Tensor:
    """(batch, T) -> (batch, K, L), overlapping by half; zeros fill up the last of the frames."""
    hop = L // 2
    K = 1 + max(0, -(-(x.shape[-1] - L) // hop))
    return F.pad(x, (0, L + (K - 1) * hop - x.shape[-1])).unfold(-1, L, hop)


def overlap_add(frames: Tensor, length: int) -> Tensor:
    """(..., K, L) -> (..., length): frames that overlap by half, summed."""
    first, second = frames.chunk(2, dim=-1)
    x = F.pad(first, (0, 0, 0, 1)) + F.pad(second, (0, 0, 1, 0))
    return x.flatten(-2)[..., :length]
