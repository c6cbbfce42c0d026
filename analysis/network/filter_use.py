"""What the masks let through of each filter, and how closely they resemble each voice's own representation."""

from dataclasses import dataclass

import numpy as np

from .learned_masks import NEAR
from .representation import Representation, pieces

OPEN = 0.5  # from this value on, a mask counts as letting a cell through


@dataclass(frozen=True)
class FilterUse:
    """Each of N filters of a representation; all are shares, 0 to 1. NaN where a filter never responds.

    energy:  (N,) of the energy of w, what the filter holds.
    use:     (C, N) mean of each speaker's mask, each frame weighted by the filter's power in it.
    shared:  (N,) of the filter's energy, what two speakers or more let through at once (masks of `OPEN` and more).
    exclusive: (C, N) of the filter's energy, what that speaker alone lets through.
    likeness: (C,) correlation over all cells of a speaker's mask with the magnitude of its clean representation; NaN
              without references, or with another number of them.
    """

    energy: np.ndarray
    use: np.ndarray
    shared: np.ndarray
    exclusive: np.ndarray
    likeness: np.ndarray

    @property
    def shut(self) -> np.ndarray:
        """(N,) whether a filter is let through to nobody: its mean mask is below `NEAR` for every speaker."""
        with np.errstate(invalid="ignore"):
            return np.all(self.use < NEAR, axis=0)

    @property
    def shut_energy(self) -> float:
        """Share of the energy of w in the filters that are shut."""
        return float(self.energy[self.shut].sum())


def filter_use(inside: Representation, first: int = 0, last: int | None = None) -> FilterUse:
    """`FilterUse` of frames `first` to `last`."""
    C, _, N = inside.masks.shape
    energy, shared = np.zeros(N), np.zeros(N)
    use, exclusive = np.zeros((C, N)), np.zeros((C, N))
    known = inside.references is not None and len(inside.references) == C
    moments = np.zeros((C, 6))
    for start, stop in pieces(inside.frames if last is None else last, first):
        m, power = inside.masks[:, start:stop], inside.w(start, stop).astype(np.float64) ** 2
        through = m >= OPEN
        count = through.sum(0)
        energy += power.sum(0)
        use += (m * power).sum(1)
        shared += (power * (count > 1)).sum(0)
        exclusive += (power * (through & (count == 1))).sum(1)
        if known:
            moments += _moments(m, np.abs(inside.clean(start, stop)))
    with np.errstate(invalid="ignore", divide="ignore"):
        return FilterUse(
            energy=energy / energy.sum(),
            use=use / energy,
            shared=shared / energy,
            exclusive=exclusive / energy,
            likeness=_correlation(moments) if known else np.full(C, np.nan),
        )


def _moments(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(C, 6): count and sums of x, y, x², y² and x y over (k, N), in float64."""
    x, y = (values.reshape(len(values), -1).astype(np.float64) for values in (x, y))
    return np.stack(
        [np.full(len(x), x.shape[1], float), x.sum(1), y.sum(1), (x * x).sum(1), (y * y).sum(1), (x * y).sum(1)], axis=1
    )


def _correlation(moments: np.ndarray) -> np.ndarray:
    n, x, y, xx, yy, xy = moments.T
    spread = (n * xx - x**2) * (n * yy - y**2)
    return np.where(spread > 0, (n * xy - x * y) / np.sqrt(np.maximum(spread, 1e-300)), np.nan)
