"""The learned basis functions: their order in a picture and what each is tuned to (Figs. 2, 5).

Arrays in, arrays out: the encoder's rows U (N, L) or the decoder's V (N, L) of any model, in the
trained order. What the whole set covers is in `basis_set`.
"""

from dataclasses import dataclass, fields
from typing import cast

import numpy as np
import torch
from scipy.cluster.hierarchy import fcluster, leaves_list, linkage
from scipy.spatial.distance import pdist

from tasnet import TasNet
from tasnet.config import TasNetConfig
from tasnet.errors import UserError
from tasnet.networks import make_network

UPGMA, SIGNLESS = "UPGMA", "UPGMA, either sign"
ORDERS = (UPGMA, SIGNLESS, "peak frequency", "trained")
FFT_POINTS = 2048
# A filter with less than this share of the largest filter's energy is dead: tuned to nothing.
DEAD_ENERGY = 1e-8
SOUND_RMS_DB = -26.0
SOUND_PEAK_DB = -9.0


class BasisError(UserError):
    """The weights cannot be analysed; the message says why."""


@dataclass(frozen=True)
class Tree:
    """A UPGMA tree over N vectors.

    linkage: (N - 1, 4), as scipy's: the two children, height, size.
    order:   (N,) the leaves from the first row of the picture to the last.
    """

    linkage: np.ndarray
    order: np.ndarray

    def mirrored(self) -> "Tree":
        """The same tree read from its other end: both children of every node swapped."""
        return Tree(self.linkage[:, [1, 0, 2, 3]], self.order[::-1])

    def clusters(self, count: int) -> list[list[int]]:
        """The rows of each of at most `count` branches into which the tree is cut, in its order."""
        if len(self.order) == 1:
            return [[0]]
        labels = fcluster(self.linkage, count, "maxclust")
        groups: dict[int, list[int]] = {}
        for number in self.order:
            groups.setdefault(int(labels[number]), []).append(int(number))
        return list(groups.values())

    def branches(self) -> tuple[np.ndarray, np.ndarray]:
        """The tree's lines as (distances, rows), both (N - 1, 4): one bracket a node."""
        N = len(self.order)
        row, height = np.empty(2 * N - 1), np.zeros(2 * N - 1)
        row[self.order] = np.arange(N)
        a, b = self.linkage[:, 0].astype(int), self.linkage[:, 1].astype(int)
        height[N:] = self.linkage[:, 2]
        for node in range(N - 1):
            row[N + node] = (row[a[node]] + row[b[node]]) / 2
        top = height[N:]
        return (
            np.stack([height[a], top, top, height[b]], axis=1),
            np.stack([row[a], row[a], row[b], row[b]], axis=1),
        )


@dataclass(frozen=True)
class Tuning:
    """What each of N filters responds to; every field is (N,).

    All but `number` and `energy` are NaN for a dead filter.

    number:       the filter's place in the trained order.
    peak_hz:      where its Fourier transform is largest, from 0 to rate / 2.
    centroid_hz:  mean frequency, weighted by power.
    bandwidth_hz: standard deviation of the frequency, weighted by power.
    phase_deg:    phase at the peak in (-180, 180], relative to the middle of the frame: 0 is an
                  even (cosine) filter, 180 its negation, -90 and 90 are odd (sine) ones.
    energy:       sum of its squared samples.
    centre_ms:    mean time within the frame, weighted by its squared samples.
    """

    number: np.ndarray
    peak_hz: np.ndarray
    centroid_hz: np.ndarray
    bandwidth_hz: np.ndarray
    phase_deg: np.ndarray
    energy: np.ndarray
    centre_ms: np.ndarray

    def columns(self) -> dict[str, np.ndarray]:
        """The fields by name, for a table."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def as_rows(vectors: np.ndarray) -> np.ndarray:
    """`vectors` as float64 (N, L). Raises `BasisError` unless it is a table of finite numbers."""
    rows = np.asarray(vectors, dtype=np.float64)
    if rows.ndim != 2 or 0 in rows.shape:
        raise BasisError("Basis functions must be a table of N filters by L samples.")
    if not np.isfinite(rows).all():
        raise BasisError("Some filters of this model are not finite numbers, so it is broken.")
    return rows


def upgma(vectors: np.ndarray, signless: bool = False) -> Tree:
    """UPGMA [47]: average linkage on the Euclidean distances between the rows of (N, L), N >= 1.

    Of the tree's leaf orders it takes the one with the smallest sum of distances between
    neighbouring rows (optimal leaf ordering), exactly as scipy gives it. `signless`: a row counts
    as near as it or its negative is, since a sign is the encoder's to choose where the decoder follows.
    """
    rows = as_rows(vectors)
    if len(rows) == 1:
        return Tree(np.empty((0, 4)), np.zeros(1, dtype=int))
    distances = pdist(rows)
    if signless:
        upper = np.triu_indices(len(rows), 1)
        negated = np.sqrt(np.maximum(2 * ((rows**2).sum(1)[:, None] + (rows**2).sum(1)), 0)[upper] - distances**2)
        distances = np.minimum(distances, np.nan_to_num(negated))
    tree = linkage(distances, method="average", optimal_ordering=True)
    return Tree(tree, leaves_list(tree).astype(int))


def sorted_tree(U: np.ndarray, rate: int, signless: bool = False) -> Tree:
    """`upgma(U)` read from its low-frequency end, so that all models' pictures have one way up."""
    tree = upgma(U, signless)
    centroid = np.nan_to_num(tuning(U, rate).centroid_hz, nan=rate / 4)[tree.order]
    half = len(centroid) // 2
    falls = half > 0 and centroid[:half].sum() > centroid[-half:].sum()
    return tree.mirrored() if falls else tree


def order(U: np.ndarray, rate: int, by: str = UPGMA) -> np.ndarray:
    """The filters' numbers (N,) in the order of the picture's rows; `by` is one of `ORDERS`.

    By peak frequency, equal peaks follow their phase, then their number; dead filters come last.
    """
    if by in (UPGMA, SIGNLESS):
        return sorted_tree(U, rate, by == SIGNLESS).order
    if by == "peak frequency":
        tuned = tuning(U, rate)
        return np.lexsort((tuned.number, tuned.phase_deg, tuned.peak_hz))
    if by == "trained":
        return np.arange(len(as_rows(U)))
    raise BasisError(f"Filters can be sorted by {', '.join(ORDERS)}, not by {by}.")


def magnitudes(vectors: np.ndarray, rate: int, points: int = FFT_POINTS) -> tuple[np.ndarray, np.ndarray]:
    """Magnitudes (N, F) of the rows' Fourier transforms and their frequencies (F,) in Hz.

    Rows are padded with zeros to `points`: the same spectrum drawn more finely, nothing added.
    """
    rows = as_rows(vectors)
    points = max(points, rows.shape[1])
    return np.abs(np.fft.rfft(rows, points)), np.fft.rfftfreq(points, 1 / rate)


def tuning(vectors: np.ndarray, rate: int) -> Tuning:
    """What each row of (N, L) is tuned to; see `Tuning`. Peaks are read every rate / 2048 Hz."""
    rows = as_rows(vectors)
    N, L = rows.shape
    points = max(FFT_POINTS, 2 * L)
    spectrum = np.fft.rfft(rows, points)
    frequency = np.fft.rfftfreq(points, 1 / rate)
    # Every bin but the first and the last stands for itself and for its negative frequency.
    power = 2 * np.abs(spectrum) ** 2
    power[:, [0, -1]] /= 2

    energy = (rows**2).sum(1)
    live = energy > DEAD_ENERGY * energy.max()
    total = np.where(live, power.sum(1), np.nan)
    centroid = power @ frequency / total
    variance = power @ frequency**2 / total - centroid**2

    peak = np.abs(spectrum).argmax(1)
    to_middle = np.exp(2j * np.pi * peak / points * (L - 1) / 2)
    phase = np.degrees(np.angle(spectrum[np.arange(N), peak] * to_middle))
    return Tuning(
        number=np.arange(N),
        peak_hz=np.where(live, frequency[peak], np.nan),
        centroid_hz=centroid,
        bandwidth_hz=np.sqrt(np.maximum(variance, 0)),
        phase_deg=np.where(live, np.where(np.isclose(phase, -180), 180.0, phase), np.nan),
        energy=energy,
        centre_ms=1000 / rate * (rows**2 @ np.arange(L)) / np.where(live, energy, np.nan),
    )


def neighbours(vectors: np.ndarray, number: int, count: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """The `count` rows nearest to row `number` (Euclidean), nearest first, and their distances."""
    rows = as_rows(vectors)
    distance = np.linalg.norm(rows - rows[number], axis=1)
    nearest = np.argsort(distance, kind="stable")
    nearest = nearest[nearest != number][:count]
    return nearest, distance[nearest]


def filter_sound(u: np.ndarray, rate: int, seconds: float = 1.0) -> np.ndarray:
    """A filter u (L,) made audible: repeated end to end, at a safe level; float32.

    A whole number of periods, about `seconds` long, so that it loops without a seam. It is a tone
    whose harmonics, at multiples of rate / L, are the filter's L-point FFT. Its level is
    `SOUND_RMS_DB` re full scale and no peak passes `SOUND_PEAK_DB`. A filter that does not
    alternate is silent.
    """
    u = np.asarray(u, dtype=np.float64)
    alternating = u - u.mean()
    periods = max(round(seconds * rate / len(u)), 1)
    if np.sum(alternating**2) <= DEAD_ENERGY * np.sum(u**2):
        return np.zeros(periods * len(u), dtype=np.float32)
    gain = min(
        10 ** (SOUND_RMS_DB / 20) / np.sqrt(np.mean(alternating**2)),
        10 ** (SOUND_PEAK_DB / 20) / np.abs(alternating).max(),
    )
    return np.tile((gain * alternating).astype(np.float32), periods)


def untrained(config: TasNetConfig) -> TasNet:
    """A network of the same shape before any training, always the same one: the null comparison."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return cast(TasNet, make_network(config).eval())
