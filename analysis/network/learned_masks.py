"""Masks in the learned domain: statistics of the estimated ones, and ideal ones beside them.

The ideal masks are eqs. 16-18 with the encoder's output in the place of the STFT. They are fitted cell by cell and no
bound: where frames overlap and filters are alike, estimated ones can be better. What the clean representations lose on
their way back is the basis' loss.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from analysis.scores.ideal_masks import magnitude_mask
from analysis.scores.metrics import Scores, evaluate, mixture_scores

from .representation import Representation, pieces

NEAR = 0.1
OWNED = 0.9
SUM_BINS = 40
ESTIMATED = "Estimated masks"
RATIO = "Best in [0, 1]"
CLEAN = "Clean representations"
ORACLES = ("IBM", "IRM", "WFM", RATIO)


@dataclass(frozen=True)
class Sparsity:
    """How few of the N filters carry a mixture's frames, and how apart the speakers lie in them.

    hoyer:  mean over frames of (sqrt N - |w|_1 / |w|_2) / (sqrt N - 1) (Hoyer, 2004): 0 when all
            filters are equal, 1 when one carries all.
    active: mean over frames of (sum w^2)^2 / (N sum w^4): share of filters effectively at work.
    owned:  share of the speakers' power in cells of which one speaker holds more than `OWNED`.
    NaN where every frame is silent.
    """

    hoyer: float
    active: float
    owned: float


@dataclass(frozen=True)
class MaskStatistics:
    """The masks' values over all cells (filter and frame); each tuple has an entry a speaker.

    near_zero, near_one, between: shares of values below `NEAR`, above 1 - `NEAR`, and others.
    entropy:    mean binary entropy in bits of the values, clipped to [0, 1]: 0 for a binary mask.
    sum_mean, sum_deviation: of the masks' sum over the speakers, which need not be 1 (II-C).
    sum_edges:  (bins + 1,) from 0 to C, and `sum_shares` (bins,) of cells; a sum beyond C, which
                only ReLU masks reach, is counted in the last.
    """

    near_zero: tuple[float, ...]
    near_one: tuple[float, ...]
    between: tuple[float, ...]
    entropy: tuple[float, ...]
    sum_mean: float
    sum_deviation: float
    sum_edges: np.ndarray
    sum_shares: np.ndarray


def sparsity(inside: Representation, first: int = 0, last: int | None = None) -> Sparsity:
    """`Sparsity` of frames `first` to `last` of the representation; those in which w is zero are left out."""
    hoyer, active, frames, owned, total = 0.0, 0.0, 0, 0.0, 0.0
    for start, stop in pieces(inside.frames if last is None else last, first):
        w = np.abs(inside.w(start, stop)).astype(np.float64)
        w = w[w.any(axis=1)]
        N = w.shape[1]
        w /= w.max(axis=1, keepdims=True)
        norm = np.sqrt((w**2).sum(1))
        if N > 1:
            hoyer += ((np.sqrt(N) - w.sum(1) / norm) / (np.sqrt(N) - 1)).sum()
        active += (norm**4 / (N * (w**4).sum(1))).sum()
        frames += len(w)
        power = inside.power(start, stop)
        together = power.sum(0, dtype=np.float64)
        owned += together[power.max(0) > OWNED * together].sum()
        total += together.sum()
    if not frames:
        return Sparsity(float("nan"), float("nan"), float("nan"))
    return Sparsity(
        hoyer=float(hoyer / frames),
        active=float(active / frames),
        owned=float(owned / total) if total else float("nan"),
    )


def mask_statistics(
    inside: Representation, weighted: bool = False, first: int = 0, last: int | None = None
) -> MaskStatistics:
    """`MaskStatistics` of the estimated masks in frames `first` to `last`.

    `weighted` counts every cell by the power of w in it, so that cells which let nothing through
    either way do not drown the others.
    """
    C = len(inside.masks)
    zero, one, entropy = (torch.zeros(C, dtype=torch.float64) for _ in range(3))
    counts = torch.zeros(SUM_BINS, dtype=torch.float64)
    total, sums, squares = 0.0, 0.0, 0.0
    for start, stop in pieces(inside.frames if last is None else last, first):
        m = torch.from_numpy(inside.masks[:, start:stop])
        w = torch.from_numpy(inside.w(start, stop))
        weight = w.square() if weighted else torch.ones_like(w)
        zero += _sum(weight * (m < NEAR))
        one += _sum(weight * (m > 1 - NEAR))
        entropy += _sum(weight * _binary_entropy(m))
        excess = m.sum(0) - 1
        bins = ((excess + 1) * (SUM_BINS / C)).long().clamp_max(SUM_BINS - 1)
        counts += torch.bincount(bins.flatten(), weight.flatten().double(), minlength=SUM_BINS)
        total += float(_sum(weight))
        sums += float(_sum(weight * excess))
        squares += float(_sum(weight * excess.square()))
    if not total:
        total = float("nan")
    zero, one, mean = zero / total, one / total, sums / total
    return MaskStatistics(
        near_zero=tuple(zero.tolist()),
        near_one=tuple(one.tolist()),
        between=tuple((1 - zero - one).tolist()),
        entropy=tuple((entropy / total).tolist()),
        sum_mean=1 + mean,
        sum_deviation=float(np.sqrt(np.maximum(squares / total - mean**2, 0))),
        sum_edges=np.linspace(0, C, SUM_BINS + 1),
        sum_shares=(counts / total).numpy(),
    )


def _sum(values: Tensor) -> Tensor:
    """Over frames and filters, in float64."""
    return values.sum((-2, -1), dtype=torch.float64)


def _binary_entropy(m: Tensor) -> Tensor:
    m = m.clamp(0, 1)
    return (torch.special.entr(m) + torch.special.entr(1 - m)) / np.log(2)


def oracle_mask(kind: str, clean: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Ideal masks (S, k, N) of a mixture's w (k, N), from its speakers' own `clean` (S, k, N).

    "IBM", "IRM" and "WFM" are eqs. 16-18 on |clean|. "Best in [0, 1]" is clean / w clipped to
    [0, 1], the nearest that a sigmoid mask can bring each cell to clean; it alone minds the sign.
    """
    if kind == RATIO:
        return np.divide(clean, w, out=np.zeros_like(clean), where=w != 0).clip(0, 1)
    return magnitude_mask(kind, np.abs(clean))


def oracle_sources(inside: Representation, kind: str) -> np.ndarray:
    """Waveforms (S, T) through the ideal mask `kind`, or of the `CLEAN` representations as such."""

    def masked(speaker: int) -> Callable[[int, int], np.ndarray]:
        def d(start: int, stop: int) -> np.ndarray:
            clean = inside.clean(start, stop)
            if kind == CLEAN:
                return clean[speaker]
            w = inside.w(start, stop)
            return oracle_mask(kind, clean, w)[speaker] * w

        return d

    return np.stack([inside.decode(masked(s)) for s in range(len(inside.voices))])


def oracle_scores(inside: Representation, start: float = 0, stop: float | None = None) -> dict[str, Scores]:
    """Scores of the estimated masks, of each of `ORACLES`, and of the clean representations.

    Masked and decoded is the whole mixture, scored what lies between `start` and `stop` (s). Needs
    references; the estimated masks are left out where the model separates another number of
    speakers. PESQ and STOI are None where the stretch is too short for them.
    """
    rate = inside.model.config.sample_rate
    first = min(int(start * rate), len(inside.mixture) - 1)
    last = len(inside.mixture) if stop is None else max(round(stop * rate), first + 1)
    references, mixture = inside.voices[:, first:last], inside.mixture[first:last]
    baseline = mixture_scores(references, mixture, rate, stoi=True)
    systems = {kind: oracle_sources(inside, kind) for kind in (*ORACLES, CLEAN)}
    if len(references) == len(inside.sources):
        systems = {ESTIMATED: inside.sources} | systems
    return {
        name: evaluate(
            estimates[:, first:last],
            references,
            mixture,
            rate,
            permute=False,
            stoi=True,
            baseline=baseline,
        )
        for name, estimates in systems.items()
    }
