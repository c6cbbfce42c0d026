"""Features from a small network's view of a sound, pooled over time: they tell how many voices there are, and more."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .model import ConvTasNet

WINDOW = 4.0  # s
MOST_WINDOWS = 6  # of a long sound, spread evenly
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
LAGS = (0.02, 0.05, 0.1)  # s, over which the decay of energy is measured: it reveals reverberation
OCTAVES = tuple((2.0**k, 2.0 ** (k + 1)) for k in range(6))  # Hz, of the modulation of the energy
FLOOR = 1e-8


def windows_of(samples: np.ndarray, rate: int) -> np.ndarray:
    """(windows, ..., T) of at most `WINDOW` seconds each, from (..., samples), evenly spread."""
    size, length = round(WINDOW * rate), samples.shape[-1]
    if length <= size:
        return samples[None]
    count = min(MOST_WINDOWS, -(-length // size))
    starts = np.linspace(0, length - size, count).astype(int)
    return np.stack([samples[..., start : start + size] for start in starts])


@torch.inference_mode()
def sound_features(model: ConvTasNet, mixture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """mixture (T,) at the model's rate -> features (F,) and the outputs (C, T), the louder first.

    Nothing depends on the level of the sound. For a network of two voices with gLN.
    """
    x = torch.from_numpy(np.ascontiguousarray(mixture, np.float32))[None]
    x = x / x.square().mean().sqrt().clamp(min=1e-6)
    separator = model.separator
    w = model.encode(x)
    y = separator.bottleneck(separator.norm(w))
    skip_sum = y.new_zeros(*y.shape[:2], separator.config.Sc)
    depths = []
    for number, block in enumerate(separator.blocks, 1):
        before = skip_sum
        y, skip_sum = block(y, skip_sum)
        depths.append((skip_sum - before).square().mean().sqrt())
        if number == separator.config.X:
            middle = y[0]
    m = separator.estimate(skip_sum)
    sources = model.decode(m * w[:, None], x.shape[-1])[0]
    order = torch.argsort(sources.square().sum(-1), descending=True)
    sources, masks = sources[order], m[0, order]
    summed, power = separator.prelu(skip_sum)[0], w[0].square()
    frame_rate = model.config.sample_rate / (model.config.L // 2)
    found = [
        _log(power.mean(0) / power.mean()),
        _log(power.std(0, correction=0) / power.mean()),
        summed.mean(0),
        summed.std(0, correction=0),
        middle.mean(0),
        middle.std(0, correction=0),
        torch.stack(depths).log(),
        *((power * mask).sum(0) / power.sum(0).clamp(min=FLOOR) for mask in masks),
        *_quantiles((masks * power).sum(-1) / power.sum(-1).clamp(min=FLOOR)),
        _quantiles((masks[0] - masks[1]).abs().mean(-1)[None])[0],
        _of_energy(power, frame_rate),
        _of_outputs(x[0], sources, model.config.L // 2),
    ]
    return torch.cat([part.flatten() for part in found]).double().numpy(), sources.numpy()


def _of_energy(power: Tensor, frame_rate: float) -> Tensor:
    """Level, its rise and fall, and its modulation, from the power of the representation (K, N)."""
    energy = power.sum(-1)
    level = 10 * torch.log10(energy / energy.mean().clamp(min=FLOOR) + 1e-6)
    parts = [_quantiles(level[None])[0], level.std(correction=0)[None]]
    for lag in LAGS:
        step = max(1, min(round(lag * frame_rate), len(level) - 1))
        parts.append(_quantiles((level[step:] - level[:-step])[None])[0])
    spectrum = torch.fft.rfft(level - level.mean()).abs().square()
    f = torch.fft.rfftfreq(len(level), 1 / frame_rate)
    share = [spectrum[(f >= low) & (f < high)].sum() / spectrum.sum().clamp(min=FLOOR) for low, high in OCTAVES]
    steady = power.quantile(0.1, dim=0).sum() / power.mean(0).sum().clamp(min=FLOOR)  # what never stops
    return torch.cat([*parts, _log(torch.stack(share)), _log(steady)[None]]) / 10


def _of_outputs(x: Tensor, sources: Tensor, hop: int) -> Tensor:
    """From the mixture (T,) and the outputs (2, T), the louder first: their shares, and how they alternate."""
    gain = torch.linalg.lstsq(sources.T.double(), x[:, None].double()).solution[:, 0].float()
    fitted = sources * gain[:, None]
    size = len(x) // (4 * hop) * 4 * hop
    energy = fitted[:, :size].unflatten(-1, (-1, 4 * hop)).square().sum(-1)
    if energy.shape[-1] < 2:
        energy = fitted.square().sum(-1, keepdim=True).expand(-1, 2)
    level = 10 * torch.log10(energy / energy.sum() * energy.shape[-1] + 1e-6)
    whole = fitted.square().sum(-1)
    rest = (x - fitted.sum(0)).square().sum()
    between = torch.corrcoef(level)[0, 1].nan_to_num()
    both = ((level - level.amax()).clamp(-40, 0).amin(0) > -25).float().mean()
    return torch.cat(
        [
            _log(whole / x.square().sum()),
            _log(rest / x.square().sum())[None],
            torch.nn.functional.cosine_similarity(sources[0], sources[1], dim=0)[None],
            between[None],
            both[None],
            _quantiles((level[0] - level[1])[None])[0] / 10,
            _quantiles(level)[1] / 10,
        ]
    )


def _quantiles(x: Tensor) -> Tensor:
    """(..., K) -> (..., 5)."""
    return torch.quantile(x, x.new_tensor(QUANTILES), dim=-1).T


def _log(x: Tensor) -> Tensor:
    return torch.log10(x + 1e-6)
