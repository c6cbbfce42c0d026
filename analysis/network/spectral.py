"""What a network on spectrograms does in one mixture: embeddings, masks, and where in time and frequency they err."""

from dataclasses import dataclass

import numpy as np
import torch

from analysis.scores.ideal_masks import ideal_mask, stft
from analysis.scores.metrics import best_permutation
from tasnet import ChimeraNet

from .embeddings import EmbeddedCells, embedded_cells

MASKS = ("IBM", "IRM", "WFM")  # of the paper
SILENT = 1e-12


@dataclass(frozen=True)
class SpectralInside:
    """One mixture (T,) inside a `ChimeraNet`, with the masks on the grid of `analysis.scores.ideal_masks.stft`.

    sources:     (C, T) of what separates, at the network's own level; with references in the order of these.
    clusters:    (C, T) the clusters of the embeddings as binary masks, in the same order; None without embeddings, and
                 where they are what separates.
    masks:       {system: (C, F, frames)}, that of the network first; with references also IBM, IRM and WFM.
    cells:       the embeddings; None where there are none.
    """

    system: str
    mixture: np.ndarray
    references: np.ndarray | None
    sources: np.ndarray
    clusters: np.ndarray | None
    masks: dict[str, np.ndarray]
    cells: EmbeddedCells | None

    def errors(self, rate: int) -> dict[str, np.ndarray]:
        """{system: (C, F, frames)}: |m X - S|^2 in dB re the loudest cell of the references; none without these."""
        if self.references is None:
            return {}
        X, S = stft(self.mixture.astype(float), rate), stft(self.references.astype(float), rate)
        top = max(float((np.abs(S) ** 2).max()), SILENT)
        return {
            name: 10 * np.log10(np.abs(m * X - S) ** 2 / top + SILENT)
            for name, m in self.masks.items()
            if len(m) == len(S)
        }

    def error_share(self, rate: int) -> dict[str, float]:
        """{system: energy of its errors over that of the references}, of the voices together."""
        if self.references is None:
            return {}
        power = np.abs(stft(self.references.astype(float), rate)) ** 2
        total, top = float(power.sum()), max(float(power.max()), SILENT)
        return {name: float((10 ** (e / 10)).sum() * top / max(total, SILENT)) for name, e in self.errors(rate).items()}


def look(model: ChimeraNet, mixture: np.ndarray, references: np.ndarray | None) -> SpectralInside:
    """The inside of `model` for a `mixture` (T,) of `references` (C, T), at the model's rate."""
    config, device, length = model.config, next(model.parameters()).device, mixture.shape[-1]
    if references is not None and len(references) != config.C:
        references = None
    x = torch.from_numpy(np.ascontiguousarray(mixture, np.float32)).to(device)[None]
    with torch.inference_mode():
        w = model.encode(x)
        m = model.masks(w)
        sources = model.through_masks(m, w, length)[0].cpu().numpy()
        masks = m[0].float().cpu().numpy()
    cells = embedded_cells(model, mixture, references) if config.D else None
    clusters = None
    if cells is not None and config.output != "clusters":
        binary = np.zeros((config.C, *w.shape[1:]), np.float32)
        binary[cells.clusters, cells.frames, cells.bins] = 1
        with torch.inference_mode():
            clusters = model.decode(torch.from_numpy(binary).to(device) * w[0], length).cpu().numpy()
    if references is not None:
        order = best_permutation(sources, references)
        sources, masks = sources[list(order)], masks[list(order)]
    elif clusters is not None:  # whose numbers are arbitrary
        order = best_permutation(sources, clusters)
        sources, masks = sources[list(order)], masks[list(order)]
    frames = stft(mixture, config.sample_rate).shape[-1]
    found = {config.system: _on_grid(masks, frames)}
    if references is not None:
        found |= {kind: ideal_mask(kind, references, config.sample_rate, mixture).astype(np.float32) for kind in MASKS}
    return SpectralInside(config.system, mixture, references, sources, clusters, found, cells)


def _on_grid(masks: np.ndarray, frames: int) -> np.ndarray:
    """(C, K, F) -> (C, F, frames): both transforms begin with the same frame."""
    moved = np.moveaxis(masks, -1, -2)[..., :frames]
    return np.pad(moved, ((0, 0), (0, 0), (0, frames - moved.shape[-1])))
