"""The normalisations of section II-D, on features F of shape (batch, K frames, N channels).

Statistics are float32 whatever the features are (autocast), and free of cancellation: the variance
is always that of centred values, never a difference of squares.
"""

import torch
from torch import Tensor, nn

EPS = 1e-8


class GlobalLayerNorm(nn.Module):
    """gLN: normalises over frames and channels, eqs. 9-11."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    def forward(self, features: Tensor) -> Tensor:
        """(batch, K, N) -> (batch, K, N)."""
        mean = features.mean(-1, dtype=torch.float32).mean(-1)[:, None, None]  # eq. 10
        centred = features - mean
        variance = frame_power(centred).mean(-1)[:, None, None]  # eq. 11
        normed = torch.addcmul(self.beta, centred, self.gamma * torch.rsqrt(variance + EPS))  # eq. 9
        return normed.to(features.dtype)


class CumulativeLayerNorm(nn.Module):
    """cLN: normalises each frame over all frames up to it and their channels, eqs. 12-14."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    def forward(self, features: Tensor) -> Tensor:
        """(batch, K, N) -> (batch, K, N)."""
        k = torch.arange(1, features.shape[1] + 1, device=features.device)
        frame_mean = features.mean(-1, dtype=torch.float32)
        mean = frame_mean.cumsum(-1) / k  # eq. 13
        centred = features - mean[..., None]
        # Eq. 14 by Welford's recurrence: with the mean moving from E_{k-1} to E_k at frame k,
        # k Var_k - (k-1) Var_{k-1} = <(f_k - E_k)^2> + (<f_k> - E_k) (E_k - E_{k-1}),
        # two terms that are never negative, so that nothing cancels however long the input is.
        step = torch.diff(mean, dim=-1, prepend=mean[:, :1])
        variance = (frame_power(centred) + (frame_mean - mean) * step).cumsum(-1) / k  # eq. 14
        normed = centred * torch.rsqrt(variance + EPS)[..., None]
        return torch.addcmul(self.beta, normed, self.gamma).to(features.dtype)  # eq. 12


class BatchNorm(nn.BatchNorm1d):
    """Batch normalisation of each channel, running statistics in evaluation."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=EPS)

    def forward(self, features: Tensor) -> Tensor:
        """(batch, K, N) -> (batch, K, N)."""
        return super().forward(features.flatten(0, 1)).view_as(features)


def frame_power(features: Tensor) -> Tensor:
    """Mean square over the channels of each frame: (batch, K, N) -> (batch, K)."""
    return torch.linalg.vector_norm(features, dim=-1).square() / features.shape[-1]


def make_norm(kind: str, channels: int) -> nn.Module:
    """The norm called "gLN", "cLN" or "BN" in the configuration."""
    return {"gLN": GlobalLayerNorm, "cLN": CumulativeLayerNorm, "BN": BatchNorm}[kind](channels)
