"""The paper's STFT (section III-E): 32 ms Hann windows every 8 ms. Frames come first."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from tasnet.config import ChimeraConfig


@dataclass(frozen=True)
class STFT:
    """Spectrograms (..., K, F) of signals (..., T), with F = window // 2 + 1, and back.

    The frames reach over both ends of the signal, so that as many cover every sample. `window` and `hop`: samples.

    >>> transform = STFT(256, 64)
    >>> X = transform.forward(torch.ones(2, 1000))
    >>> X.shape
    torch.Size([2, 19, 129])
    >>> bool(torch.allclose(transform.inverse(X, 1000), torch.ones(2, 1000), atol=1e-6))
    True
    """

    window: int
    hop: int
    root: bool = False  # of the Hann windows

    @classmethod
    def of(cls, config: ChimeraConfig) -> "STFT":
        """The one that a network of this configuration hears by."""
        return cls(config.L, config.hop, config.window == "root hann")

    def forward(self, x: Tensor) -> Tensor:
        """(..., T) -> complex (..., K, F); phases are relative to the beginning of each frame."""
        before = self.window - self.hop
        frames = -(-(x.shape[-1] + before) // self.hop)
        after = (frames - 1) * self.hop + self.window - before - x.shape[-1]
        return torch.fft.rfft(F.pad(x, (before, after)).unfold(-1, self.window, self.hop) * self._hann(x))

    def inverse(self, X: Tensor, length: int) -> Tensor:
        """Complex (..., K, F) -> (..., length), whose STFT is nearest in least squares (Griffin and Lim 1984)."""
        frames = torch.fft.irfft(X, self.window)
        hann = self._hann(frames)
        pieces = -(-self.window // self.hop)
        squares = F.pad(hann.square(), (0, pieces * self.hop - self.window)).view(pieces, self.hop).sum(0)
        dual = hann / squares.repeat(pieces)[: self.window]
        parts = F.pad(frames * dual, (0, pieces * self.hop - self.window)).unflatten(-1, (pieces, self.hop))
        sums = sum(F.pad(parts[..., k, :], (0, 0, k, pieces - 1 - k)) for k in range(pieces))
        before = self.window - self.hop
        return torch.as_tensor(sums).flatten(-2)[..., before : before + length]

    def _hann(self, like: Tensor) -> Tensor:
        hann = torch.hann_window(self.window, dtype=like.dtype, device=like.device)
        return hann.sqrt() if self.root else hann
