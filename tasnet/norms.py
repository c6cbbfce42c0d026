"""The normalisations of section II-D, on features F of shape (batch, K frames, N channels).

Statistics are at least float32 whatever the features are, and no variance is a difference of
squares: nothing cancels, however long the input or large its mean.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EPS = 1e-8


class LayerNorm(nn.Module):
    """What gLN, cLN and chLN have in common: a gain gamma and a shift beta for each channel."""

    def __init__(self, channels: int, eps: float = EPS) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels))
        self.beta = nn.Parameter(torch.zeros(channels))
        self.eps = eps


class GlobalLayerNorm(LayerNorm):
    """gLN: normalises over frames and channels, eqs. 9-11."""

    def forward(self, features: Tensor, inplace: bool = False) -> Tensor:
        """(batch, K, N) -> (batch, K, N); `inplace` (without gradients) overwrites the features."""
        f = at_least_float32(features)
        if torch.is_grad_enabled():
            # The same equations in one operation, whose gradient takes a quarter of the time.
            normed = F.layer_norm(f, f.shape[1:], eps=self.eps)
            return torch.addcmul(self.beta, normed, self.gamma).to(features.dtype)
        out = f if inplace else None
        mean = f.mean(-1).mean(-1)[:, None, None]  # eq. 10
        centred = torch.sub(f, mean, out=out)
        variance = mean_square(centred).mean(-1)[:, None, None]  # eq. 11
        scale = self.gamma * torch.rsqrt(variance + self.eps)
        return torch.addcmul(self.beta, centred, scale, out=out).to(features.dtype)  # eq. 9


class CumulativeLayerNorm(LayerNorm):
    """cLN: normalises each frame over the frames up to it and their channels, eqs. 12-14."""

    def forward(self, features: Tensor, inplace: bool = False) -> Tensor:
        """(batch, K, N) -> (batch, K, N); `inplace` (without gradients) overwrites the features."""
        f = at_least_float32(features)
        out = f if inplace else None
        k = torch.arange(1, f.shape[1] + 1, device=f.device)
        frame_mean = f.mean(-1)
        mean = frame_mean.cumsum(-1) / k  # eq. 13
        centred = torch.sub(f, mean[..., None], out=out)
        # Eq. 14 by Welford's recurrence. As frame k moves the mean from E_{k-1} to E_k,
        #   k Var_k - (k-1) Var_{k-1} = <(f_k - E_k)^2> + (<f_k> - E_k) (E_k - E_{k-1}),
        # <> over the channels: two terms, neither ever negative.
        moved = torch.diff(mean, dim=-1, prepend=mean[:, :1])
        variance = (mean_square(centred) + (frame_mean - mean) * moved).cumsum(-1) / k
        normed = torch.mul(centred, torch.rsqrt(variance + self.eps)[..., None], out=out)
        return torch.addcmul(self.beta, normed, self.gamma, out=out).to(features.dtype)  # eq. 12


class ChannelLayerNorm(LayerNorm):
    """chLN: normalises each frame over its channels. Many programs call this cLN; the paper does not have it."""

    def forward(self, features: Tensor, inplace: bool = False) -> Tensor:
        """(batch, K, N) -> (batch, K, N); `inplace` is ignored: it is there because the other norms have it."""
        f = at_least_float32(features)
        normed = F.layer_norm(f, f.shape[-1:], self.gamma.to(f.dtype), self.beta.to(f.dtype), self.eps)
        return normed.to(features.dtype)


class BatchNorm(nn.BatchNorm1d):
    """BN: normalises each channel by itself, with running statistics in evaluation."""

    running_mean: Tensor  # which are always kept here
    running_var: Tensor

    def __init__(self, channels: int, eps: float = EPS) -> None:
        super().__init__(channels, eps=eps)

    def forward(self, features: Tensor, inplace: bool = False) -> Tensor:
        """(batch, K, N) -> (batch, K, N); `inplace` is ignored, as in ChannelLayerNorm."""
        return super().forward(features.flatten(0, 1)).view_as(features)


class NoNorm(nn.Module):
    """Takes a norm's place where a network has none."""

    def forward(self, features: Tensor, inplace: bool = False) -> Tensor:
        """The features as they are."""
        return features


AnyNorm = LayerNorm | BatchNorm | NoNorm


def make_norm(kind: str, channels: int, eps: float = EPS) -> LayerNorm | BatchNorm:
    """The norm that the configuration calls "gLN", "cLN", "BN" or "chLN"."""
    norms: dict[str, type[LayerNorm] | type[BatchNorm]] = {
        "gLN": GlobalLayerNorm,
        "cLN": CumulativeLayerNorm,
        "BN": BatchNorm,
        "chLN": ChannelLayerNorm,
    }
    return norms[kind](channels, eps)


def at_least_float32(features: Tensor) -> Tensor:
    """float16 and bfloat16 widened; float32 and float64 as they are."""
    return features.to(torch.promote_types(features.dtype, torch.float32))


def mean_square(features: Tensor) -> Tensor:
    """Over the channels of each frame: (batch, K, N) -> (batch, K)."""
    return torch.linalg.vector_norm(features, dim=-1).square() / features.shape[-1]
