"""What teaches a network on spectrograms: whitened k-means for its embeddings, phase-sensitive spectra for its masks.

Both losses and their sum are those of Wang, Le Roux and Hershey, "Alternative objective functions for deep clustering"
(2018), but relative, so that neither depends on the number of cells nor on the level: the whitened loss is less its
smallest value D - C, and the spectra's error is divided by the mixture's magnitudes. Hence the share that they give the
embeddings, 0.975 of sums, is another number here.
"""

import torch
from torch import Tensor

from tasnet.spectral.network import Heads
from tasnet.spectral.stft import STFT

from .losses import least_mean

TINY = 1e-8
RIDGE = 1e-5  # on the diagonals of matrices of trace 1, so that they have an inverse where nothing is heard


def chimera_loss(
    heads: Heads, sources: Tensor, mixture: Tensor, *, transform: STFT, embedding: float, permute: bool = True
) -> Tensor:
    """The mean over the batch, without unit; 0 is perfect. The joint objective of Chimera++.

    heads: of the `mixture` (b, T) of `sources` (b, C, T). embedding: the whitened k-means loss's share, 0 to 1; the
    masks' has the rest. permute: uPIT; otherwise each mask is of its own source.
    """
    S = transform.forward(sources.float())
    parts = []
    if heads.masks is not None:
        parts.append((1 - embedding) * tpsa_loss(heads.masks.float(), heads.X, S, permute=permute).mean())
    if heads.embeddings is not None:
        weights = heads.X.abs()
        parts.append(embedding * whitened_kmeans_loss(heads.embeddings.float(), dominant(S), weights).mean())
    return torch.stack(parts).sum()


def dominant(S: Tensor) -> Tensor:
    """(b, C, K, F) -> (b, K, F, C): 1 for the source that is loudest in a cell, the first of several; else 0."""
    loudness, found = S.abs().unbind(1), []
    for c, one in enumerate(loudness):  # by comparisons, which take a tenth of argmax' time
        beats = [one > other for other in loudness[:c]] + [one >= other for other in loudness[c + 1 :]]
        found.append(torch.stack(beats).all(0) if beats else torch.ones_like(one, dtype=torch.bool))
    return torch.stack(found, -1).to(S.real.dtype)


def whitened_kmeans_loss(embeddings: Tensor, assignments: Tensor, weights: Tensor) -> Tensor:
    """(b, K, F, D), (b, K, F, C), (b, K, F) -> (b,): C - tr((V'V)^-1 V'Y (Y'Y)^-1 Y'V), from 0 to C.

    The rows of V are the embeddings and those of Y the ideal assignments, times the root of each cell's share of the
    `weights` (Wang et al.: magnitude ratio weights). Their constant, D, is C here.
    """
    share = weights / (weights.sum((1, 2), keepdim=True) + TINY)
    root = share.sqrt()[..., None]
    V, Y = (root * embeddings).flatten(1, 2), (root * assignments).flatten(1, 2)
    VV, VY, YY = ((a.mT @ b).double() for a, b in ((V, V), (V, Y), (Y, Y)))
    D, C = VY.shape[1:]
    eye = torch.eye(D, dtype=VV.dtype, device=VV.device)
    counts = YY.diagonal(dim1=1, dim2=2) + RIDGE
    explained = torch.linalg.solve(VV + RIDGE * eye, VY) * VY
    return (C - (explained.sum(1) / counts).sum(1)).to(embeddings.dtype)


def tpsa_loss(masks: Tensor, X: Tensor, S: Tensor, *, permute: bool) -> Tensor:
    """(b, C, K, F), (b, K, F), (b, C, K, F) -> (b,): the L1 error of the masked magnitudes, re the mixture's.

    The targets are truncated phase-sensitive spectra, |S| cos(angle(S) - angle(X)) within 0 and |X|; masks and sources
    are paired once for the whole utterance (uPIT, Kolbaek et al. 2017), if `permute`.
    """
    mixture = X.abs()[:, None]
    targets = torch.minimum(((S * X.conj()[:, None]).real / (mixture + TINY)).clamp(min=0), mixture)
    found = masks * mixture
    errors = (found[:, :, None] - targets[:, None]).abs().sum((-2, -1))  # (b, estimate, source)
    return least_mean(errors / (mixture.sum((-2, -1))[..., None] + TINY), permute=permute)
