"""Long signals in overlapping chunks, with every speaker kept on the same output throughout.

A network that is trained with permutation-invariant loss may give the speakers of each chunk in
another order. The chunks overlap, so the order that agrees best with what is already there is taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

ACTIVE = 1e-4  # of the power of the loud frames (-40 dB): what is weaker is a pause
FRAME = 0.02  # s


@dataclass(frozen=True)
class Chunk:
    """Samples [start, stop) of a signal, with samples [a, b) of earlier sound put before them."""

    start: int
    stop: int
    context: tuple[tuple[int, int], ...] = ()

    def cut(self, signal: np.ndarray) -> np.ndarray:
        """(..., T) -> (..., context and chunk)."""
        pieces = [signal[..., a:b] for a, b in (*self.context, (self.start, self.stop))]
        return np.concatenate(pieces, axis=-1) if self.context else pieces[0]


def plan_chunks(signal: np.ndarray, rate: int, chunk: float, overlap: float) -> Iterator[Chunk]:
    """Chunks of `chunk` seconds that cover `signal` (T,), each `overlap` seconds into the last.

    A pause in the overlap would leave nothing to tell the speakers by. Where less than half of the
    overlap is active, the last active sound before it is put in front of the chunk as its context.
    """
    frame = max(1, round(FRAME * rate))
    length, shared = round(chunk * rate), round(overlap * rate)
    active = np.flatnonzero(_active_frames(signal, frame))

    def context(start: int, stop: int) -> tuple[tuple[int, int], ...]:
        before, inside = np.searchsorted(active, [start // frame, stop // frame])
        missing = shared // frame // 2 - (inside - before)
        return _runs(active[max(0, before - missing) : before], frame) if missing > 0 else ()

    last = Chunk(0, min(length, len(signal)))
    yield last
    while last.stop < len(signal):
        start = last.stop - shared
        earlier = context(start, last.stop)
        if start + length - _size(earlier) > len(signal):
            # The last chunk is as long as the others, for the sake of the network's statistics.
            start = max(0, len(signal) - length + _size(earlier))
            earlier = context(start, last.stop)
        last = Chunk(start, min(start + length - _size(earlier), len(signal)), earlier)
        yield last


def _size(runs: tuple[tuple[int, int], ...]) -> int:
    return sum(b - a for a, b in runs)


def _active_frames(signal: np.ndarray, frame: int) -> np.ndarray:
    """Whether each whole frame of `signal` (T,) holds sound."""
    frames = signal[: len(signal) // frame * frame].reshape(-1, frame)
    power = np.einsum("kt,kt->k", frames, frames) / frame
    return power > ACTIVE * np.percentile(power, 95) if len(power) else np.zeros(0, bool)


def _runs(frames: np.ndarray, frame: int) -> tuple[tuple[int, int], ...]:
    """Indices of frames -> the runs [a, b) of samples they form."""
    runs = np.split(frames, np.flatnonzero(np.diff(frames) > 1) + 1)
    return tuple((int(run[0]) * frame, (int(run[-1]) + 1) * frame) for run in runs if len(run))


class Stitcher:
    """Puts separated chunks together as one signal (C, T), `sources`."""

    def __init__(self, speakers: int, samples: int, causal: bool = False) -> None:
        self.sources = np.zeros((speakers, samples), np.float32)
        self.done = 0
        self.causal = causal

    def add(self, chunk: Chunk, separated: np.ndarray) -> None:
        """Append the separated chunk (C, context and chunk), in the order that fits best."""
        if self.done:
            known = Chunk(chunk.start, self.done, chunk.context).cut(self.sources)
            separated = separated[best_order(separated[:, : known.shape[1]], known)]
        new = separated[:, separated.shape[1] - (chunk.stop - chunk.start) :]
        shared = self.done - chunk.start
        if shared > 0:
            fade = self._fade(shared)
            overlap = self.sources[:, chunk.start : self.done]
            overlap += fade * (new[:, :shared] - overlap)
        self.sources[:, self.done : chunk.stop] = new[:, max(0, shared) :]
        self.done = chunk.stop

    def _fade(self, samples: int) -> np.ndarray:
        """Weight of the new chunk over the overlap: linear in its middle half.

        At the ends of the overlap one of the two chunks lacks its surroundings. A causal network
        looks only back: there the new chunk comes in as late as can be.
        """
        position = np.linspace(0, 1, samples, dtype=np.float32)
        begin = 0.5 if self.causal else 0.25
        return np.clip((position - begin) / 0.5, 0, 1)


def best_order(separated: np.ndarray, known: np.ndarray) -> list[int]:
    """The order of the rows of `separated` (C, T) that is closest to `known` (C, T).

    Least squares: of all orders it has the smallest sum of squared differences. As the energy of
    the rows does not depend on their order, that is the largest sum of inner products. A speaker
    who is silent here then has no vote, whereas normalised correlations or SI-SNR would give the
    residue of a silent speaker the same weight as speech.
    """
    return [int(i) for i in linear_sum_assignment(known @ separated.T, maximize=True)[1]]
