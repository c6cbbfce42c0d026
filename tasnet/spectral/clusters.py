"""k-means without chance: the clusters of embeddings (Hershey et al. 2016), the same in every run."""

import torch
from torch import Tensor

MOST_ITERATIONS = 100
LOUD_DB = 40.0  # cells so far below the loudest one have no say in where the clusters are (Hershey et al. 2016)


def cluster_cells(magnitudes: Tensor, embeddings: Tensor, clusters: int) -> tuple[Tensor, Tensor]:
    """Labels (K, F) of all cells, and (K, F) which of them were loud enough to decide where the clusters are.

    magnitudes (K, F): the mixture's. embeddings: (K, F, D).
    """
    loud = magnitudes >= 10 ** (-LOUD_DB / 20) * magnitudes.max()
    _, centres = kmeans(embeddings[loud], clusters)
    return nearest(embeddings.flatten(0, 1), centres).view(magnitudes.shape), loud


def kmeans(points: Tensor, clusters: int) -> tuple[Tensor, Tensor]:
    """Labels (n,) and centres (clusters, D) of `points` (n, D), n >= 1, by Lloyd's iterations until nothing changes.

    They begin from `split_along_principal_axes`, so nothing is drawn at random. A cluster that loses all its points
    keeps its centre.
    """
    labels = split_along_principal_axes(points, clusters)
    centres = points.new_zeros(clusters, points.shape[1])
    for _ in range(MOST_ITERATIONS):
        centres = _means(points, labels, centres)
        found = nearest(points, centres)
        if torch.equal(found, labels):
            break
        labels = found
    return labels, centres


def nearest(points: Tensor, centres: Tensor) -> Tensor:
    """(n, D), (clusters, D) -> (n,): the number of the nearest centre, the first of several."""
    return (centres.square().sum(1) - 2 * points @ centres.mT).argmin(1)


def split_along_principal_axes(points: Tensor, clusters: int) -> Tensor:
    """Labels (n,): the part with the largest sum of squares is halved at its mean, along its principal axis, and so on.

    PCA-Part of Su and Dy (2007), a start for k-means that is nearly as good as the best of many random ones.
    """
    labels = torch.zeros(len(points), dtype=torch.long, device=points.device)
    for new in range(1, clusters):
        spreads = [_covariance(points[labels == label]) for label in range(new)]
        widest = int(torch.stack([spread.trace() for spread in spreads]).argmax())
        axis = torch.linalg.eigh(spreads[widest])[1][:, -1]
        axis = axis * axis[axis.abs().argmax()].sign()  # which is otherwise up to the library
        mean = points[labels == widest].mean(0)
        labels[(labels == widest) & ((points - mean) @ axis.to(points) > 0)] = new
    return labels


def _covariance(points: Tensor) -> Tensor:
    """(n, D) -> (D, D), not divided by n, in float64."""
    if not len(points):
        return points.new_zeros(points.shape[1], points.shape[1], dtype=torch.float64)
    centred = points - points.mean(0)
    return (centred.mT @ centred).double()


def _means(points: Tensor, labels: Tensor, before: Tensor) -> Tensor:
    counts = torch.bincount(labels, minlength=len(before)).to(points)[:, None]
    sums = torch.zeros_like(before).index_add_(0, labels, points)
    return torch.where(counts > 0, sums / counts.clamp(min=1), before)
