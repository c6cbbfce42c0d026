"""What a network of deep clustering sees: every loud cell of the spectrogram as a point (Hershey et al. 2016)."""

from dataclasses import dataclass
from itertools import permutations

import numpy as np
import torch

from tasnet import ChimeraNet
from tasnet.errors import UserError
from tasnet.spectral.clusters import cluster_cells

AXES = 3


@dataclass(frozen=True)
class EmbeddedCells:
    """The n cells that decide where the clusters are, those within 40 dB of the loudest.

    frames, bins: (n,) where in the spectrogram; `seconds` and `hertz` are their middles.
    points:       (n, 3) along the principal axes of the embeddings, which have length 1 in D dimensions; zeros
                  where D is less than 3.
    explained:    (3,) the axes' shares of the embeddings' variance.
    clusters:     (n,) as k-means has them; with references in the order of their voices.
    owners:       (n,) the loudest of the references; None without them.
    level:        (n,) dB re the loudest cell.
    """

    frames: np.ndarray
    bins: np.ndarray
    seconds: np.ndarray
    hertz: np.ndarray
    points: np.ndarray
    explained: np.ndarray
    clusters: np.ndarray
    owners: np.ndarray | None
    level: np.ndarray

    @property
    def agreement(self) -> float:
        """Share of the cells' energy that is in the cluster of its owner; NaN without references."""
        if self.owners is None:
            return float("nan")
        power = 10 ** (self.level / 10)
        return float(power[self.clusters == self.owners].sum() / power.sum())


def embedded_cells(model: ChimeraNet, mixture: np.ndarray, references: np.ndarray | None = None) -> EmbeddedCells:
    """Of a `mixture` (T,) of `references` (C, T), at the model's rate. Raises UserError where it has no embeddings."""
    config, device = model.config, next(model.parameters()).device

    def signal(x: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(x, np.float32)).to(device)

    with torch.inference_mode():
        heads = model.for_loss(signal(mixture)[None])
        if heads.embeddings is None:
            raise UserError("This network has no embeddings: it was built with D = 0.")
        X, V = heads.X[0].abs(), heads.embeddings[0].float()
        labels, loud = cluster_cells(X, V, config.C)
        owners = None if references is None else model.encode(signal(references)).abs().argmax(0)[loud].cpu().numpy()
        frames, bins = (axis.cpu().numpy() for axis in torch.nonzero(loud, as_tuple=True))
        power, chosen = X[loud].double().cpu().numpy() ** 2, V[loud].double().cpu().numpy()
        clusters = labels[loud].cpu().numpy()
    if owners is not None and references is not None and len(references) == config.C:
        clusters = _in_order(clusters, owners, power, config.C)
    points, explained = _principal(chosen)
    level = 10 * np.log10(np.maximum(power, 1e-30) / max(power.max(initial=0), 1e-30))
    seconds = (frames * config.hop - (config.L - config.hop) + config.L / 2) / config.sample_rate
    hertz = bins * config.sample_rate / config.L
    return EmbeddedCells(frames, bins, seconds, hertz, points, explained, clusters, owners, level)


def _in_order(clusters: np.ndarray, owners: np.ndarray, power: np.ndarray, count: int) -> np.ndarray:
    """The clusters, numbered so that most energy is in the cluster of its owner."""

    def agreeing(order: tuple[int, ...]) -> float:
        return power[np.array(order)[clusters] == owners].sum()

    return np.array(max(permutations(range(count)), key=agreeing))[clusters]


def _principal(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n, D) -> (n, 3) and the shares (3,) of the variance; each axis has its largest entry positive."""
    centred = points - points.mean(0)
    values, vectors = np.linalg.eigh(centred.T @ centred)
    axes = vectors[:, ::-1][:, :AXES]
    axes = axes * np.sign(axes[np.abs(axes).argmax(0), np.arange(axes.shape[1])])
    missing = AXES - axes.shape[1]
    shares = values[::-1][:AXES] / max(values.sum(), 1e-30)
    return np.pad(centred @ axes, ((0, 0), (0, missing))), np.pad(shares, (0, missing))
