"""The level of separated voices: a network trained with SI-SNR outputs them at any level and with either sign."""

from __future__ import annotations

import numpy as np

from .disk import BLOCK, DiskArray

FRAME = 0.01  # s, in which a causal level changes


def level_gains(sources: np.ndarray | DiskArray, mixture: np.ndarray | DiskArray) -> np.ndarray:
    """Gains g (C,) that minimise |x - sum_i g_i s_i|^2 for sources (C, T) and mixture x (T,).

    Where least squares would silence or invert a voice, as happens if two sources are nearly the same, all voices
    share the one gain that fits best.
    """
    gram = np.zeros((len(sources), len(sources)))
    match = np.zeros(len(sources))
    for begin in range(0, mixture.shape[-1], BLOCK):  # float64 in pieces: an hour takes little memory
        piece = sources[..., begin : begin + BLOCK].astype(np.float64)
        gram += piece @ piece.T
        match += piece @ mixture[..., begin : begin + BLOCK].astype(np.float64)
    return _fit(gram, match)


class CausalLevel:
    """The same gains from what has been heard so far: each frame of 10 ms has those of all before it.

    The first frame is silent, the second fades in. `apply` takes the stretches of a recording one after the other.
    """

    def __init__(self, speakers: int, rate: int) -> None:
        self._gram, self._match = np.zeros((speakers, speakers)), np.zeros(speakers)
        self._before = self._now = np.zeros(speakers)  # at the beginning and the end of the frame
        self._frame, self._heard = max(1, round(FRAME * rate)), 0

    def apply(self, sources: np.ndarray, mixture: np.ndarray) -> np.ndarray:
        """The next stretch of sources (C, T) at the level that fits the mixture (T,) up to then."""
        levelled, begin = np.empty_like(sources), 0
        while begin < sources.shape[1]:
            end = min(begin + self._frame - self._heard, sources.shape[1])
            place = (self._heard + np.arange(1, end - begin + 1)) / self._frame
            gains = self._before[:, None] + (self._now - self._before)[:, None] * place
            levelled[:, begin:end] = gains * sources[:, begin:end]
            piece = sources[:, begin:end].astype(np.float64)
            self._gram += piece @ piece.T
            self._match += piece @ mixture[begin:end].astype(np.float64)
            self._heard += end - begin
            if self._heard == self._frame:
                self._before, self._now, self._heard = self._now, _fit(self._gram, self._match), 0
            begin = end
        return levelled


def _fit(gram: np.ndarray, match: np.ndarray) -> np.ndarray:
    """The gains (C,) from the sources' inner products with each other (C, C) and with the mixture (C,)."""
    sign = np.where(match < 0, -1.0, 1.0)
    shared = np.abs(match).sum() / max(sign @ gram @ sign, np.finfo(float).tiny)
    gains = shared * sign
    length = np.sqrt(np.diag(gram))  # of the sources as vectors
    heard = length > 1e-6 * length.max()
    if not heard.any():
        return gains.astype(np.float32)
    unit = length[heard]
    cosines = gram[np.ix_(heard, heard)] / np.outer(unit, unit)
    solved = np.linalg.lstsq(cosines, match[heard] / unit, rcond=1e-6)[0] / unit
    if (solved * sign[heard] > 0).all():
        gains[heard] = solved
    return gains.astype(np.float32)
