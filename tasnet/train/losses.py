"""The training objective: SI-SNR (eq. 15), or SNR where sources may be silent, with utterance-level permutation
invariance (section III-C)."""

from itertools import permutations

import torch
from torch import Tensor

# Powers below EPS, summed over the signal, count as silence: 65 dB below speech of -60 dB full scale.
EPS = 1e-8
# Of the loss by SNR, as powers:
BEST = 1e-3  # errors 30 dB below a source are good enough
QUIETEST = 1e-4  # outputs 40 dB below the mixture are silent enough
SILENT = 1e-5  # sources 50 dB below the mixture count as silent


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
    pairs = _pairs(estimates.detach(), sources)
    assignments = list(permutations(range(sources.shape[1])))  # of estimates to the sources in order
    means = [torch.stack([pairs[:, e, s] for s, e in enumerate(each)], -1).mean(-1) for each in assignments]
    best = torch.stack(means, -1).argmax(-1, keepdim=True) == torch.arange(len(means), device=pairs.device)
    # By sums, not by an index that would have to be sent to the GPU: so that a CUDA graph can capture it.
    order = torch.stack(
        [
            torch.stack([best[:, a] * each[s] for a, each in enumerate(assignments)]).sum(0)
            for s in range(sources.shape[1])
        ],
        -1,
    )
    return fixed_si_snr(estimates.gather(1, order[..., None].expand(-1, -1, estimates.shape[-1])), sources)


def _pairs(estimates: Tensor, sources: Tensor) -> Tensor:
    """(batch, estimate, source): `si_snr_of` every pair from inner products alone, exact enough to choose by."""
    kind = torch.promote_types(estimates.dtype, sources.dtype)
    estimates, sources = ((x - x.mean(-1, keepdim=True)).to(kind) for x in (estimates, sources))
    power = sources.square().sum(-1)[:, None]
    target = (estimates @ sources.mT).square() / (power + EPS)
    noise = (estimates.square().sum(-1)[..., None] - target).clamp(min=0)
    return torch.where(power > EPS, 10 * torch.log10((target + EPS) / (noise + EPS)), 0.0)


def fixed_si_snr(estimates: Tensor, sources: Tensor) -> Tensor:
    """(batch, C, T), (batch, C, T) -> (batch,): mean SI-SNR, each estimate against its own source.

    For sources that are distinguished by what they are (speech from noise).
    """
    return si_snr_of(estimates, sources).mean(-1)


def soft_snr_losses(estimates: Tensor, sources: Tensor, mixture: Tensor) -> Tensor:
    """(batch, E, T), (batch, C, T), (batch, T) -> (batch, E, C): the loss in dB of every estimate as every source.

    The negative SNR with a soft threshold, so that what is already good no longer matters; where a source is silent,
    the energy of the estimate re that of the mixture, down to a floor (Wisdom et al., "What's all the FUSS about free
    universal sound separation data?", 2021, section 4). Unlike SI-SNR it teaches the level.
    """
    whole = mixture.square().sum(-1)[:, None, None] + EPS
    power = sources.square().sum(-1)[:, None]
    error = (estimates[:, :, None] - sources[:, None]).square().sum(-1)
    spoken = 10 * torch.log10((error + BEST * power + EPS) / (power + EPS))
    silent = 10 * torch.log10(estimates.square().sum(-1)[..., None] / whole + QUIETEST)
    return torch.where(power > SILENT * whole, spoken, silent)


def best_soft_snr(estimates: Tensor, sources: Tensor, mixture: Tensor, *, permute: bool) -> Tensor:
    """(batch,): the mean over the sources of the loss of the best assignment, or of each estimate as its own source."""
    return least_mean(soft_snr_losses(estimates, sources, mixture), permute=permute)


def least_mean(losses: Tensor, *, permute: bool) -> Tensor:
    """Losses (batch, E, C) of each estimate as each source -> (batch,): the mean of the best assignment, or as is."""
    if not permute:
        return losses.diagonal(dim1=1, dim2=2).mean(-1)
    assignments = permutations(range(losses.shape[2]))  # of estimates to the sources in order
    means = [torch.stack([losses[:, e, s] for s, e in enumerate(each)], -1).mean(-1) for each in assignments]
    return torch.stack(means, -1).amin(-1)


def separation_loss(
    estimates: Tensor, sources: Tensor, mixture: Tensor | None = None, *, permute: bool = True, kind: str = "si-snr"
) -> Tensor:
    """The mean over the batch in dB, computed in float32 or better; a scalar.

    kind: "si-snr", the negative of eq. 15, or "snr", see `soft_snr_losses`, which needs the mixture.
    """
    wide = torch.promote_types(estimates.dtype, torch.float32)
    if kind == "snr":
        if mixture is None:
            raise ValueError("The loss by SNR needs the mixture.")
        return best_soft_snr(estimates.to(wide), sources.to(wide), mixture.to(wide), permute=permute).mean()
    estimates, sources = (x.to(torch.promote_types(x.dtype, torch.float32)) for x in (estimates, sources))
    return -(best_si_snr if permute else fixed_si_snr)(estimates, sources).mean()
