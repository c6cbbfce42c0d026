"""The training objective: SI-SNR (eq. 15) with utterance-level permutation invariance (section III-C)."""

from itertools import permutations

import torch
from torch import Tensor

# Powers below EPS, summed over the signal, count as silence: 65 dB below speech of -60 dB full scale.
EPS = 1e-8


def si_snr_of(estimate: Tensor, source: Tensor) -> Tensor:
    """Scale-invariant source-to-noise ratio in dB, eq. 15: (..., T), (..., T) -> (...).

    A silent source has no such ratio: it counts as 0 dB and gives no gradient.
    """
    estimate = estimate - estimate.mean(-1, keepdim=True)
    source = source - source.mean(-1, keepdim=True)
    power = source.square().sum(-1, keepdim=True)
    target = (estimate * source).sum(-1, keepdim=True) * source / (power + EPS)
    noise = estimate - target
    ratio = (target.square().sum(-1) + EPS) / (noise.square().sum(-1) + EPS)
    return torch.where(power[..., 0] > EPS, 10 * torch.log10(ratio), 0.0)


def best_si_snr(estimates: Tensor, sources: Tensor) -> Tensor:
    """(batch, C, T), (batch, C, T) -> (batch,): mean SI-SNR of the best assignment (uPIT)."""
    C = sources.shape[1]
    pairs = si_snr_of(estimates[:, :, None], sources[:, None])  # (batch, estimate, source)
    # Without an index that would have to be sent to a GPU: so a CUDA graph can hold it.
    assigned = [
        torch.stack([pairs[:, estimate, source] for source, estimate in enumerate(assignment)], -1).mean(-1)
        for assignment in permutations(range(C))
    ]
    return torch.stack(assigned, -1).max(-1).values


def fixed_si_snr(estimates: Tensor, sources: Tensor) -> Tensor:
    """(batch, C, T), (batch, C, T) -> (batch,): mean SI-SNR, each estimate against its own source.

    For sources that are told apart by what they are (speech from noise).
    """
    return si_snr_of(estimates, sources).mean(-1)


def separation_loss(estimates: Tensor, sources: Tensor, *, permute: bool = True) -> Tensor:
    """The mean over the batch of the negative SI-SNR in dB, computed in float32 or better."""
    estimates, sources = (x.to(torch.promote_types(x.dtype, torch.float32)) for x in (estimates, sources))
    return -(best_si_snr if permute else fixed_si_snr)(estimates, sources).mean()
