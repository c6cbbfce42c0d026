"""Long signals in overlapping chunks, with every speaker kept on the same output throughout.

A network trained with a permutation-invariant loss may output the speakers of each chunk in a different order. The
chunks overlap, so the order that agrees best with what is already there is chosen. Long pauses are cut out
(`pauses.py`), so that every overlap holds speech and the network itself carries the order over a pause. Whether it did
is checked by the voices (`voices.py`): where they do not support the order, a note says so.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from .disk import DiskArray
from .pauses import JoinedSpans
from .voices import Signature, distances, loudness_of_speech, signatures

# In the network's order the voices after a pause must differ less from those before it than in the next best order, by
# at least this (in squared distances); otherwise the order is in doubt. Fitted to training speakers: of 12
# conversations with a note 8 had a swap, of 208 without one 7.
DOUBT = 8.0


def plan_chunks(samples: int, length: int, overlap: int) -> Iterator[slice]:
    """Chunks of `length` that cover so many samples, each at least `overlap` into the last; one, where they are fewer.

    The last one is as long as the others, for the sake of the network's statistics.
    """
    if samples <= length:
        yield slice(0, samples)
        return
    for start in range(0, samples - overlap, length - overlap):
        yield slice(min(start, samples - length), min(start + length, samples))


class Stitcher:
    """Puts separated chunks together as one signal (C, T), `sources`.

    doubts: samples of the pauses over which the voices may have changed places.
    """

    def __init__(
        self,
        sources: np.ndarray | DiskArray | JoinedSpans,
        rate: int,
        overlap: int,
        pauses: Sequence[int] = (),
        *,
        causal: bool = False,
        fixed_order: bool = False,
    ) -> None:
        """sources: (C, T), where the signal is to be put; rate in Hz; overlap: samples by which chunks are linked;
        pauses: samples at which long ones were cut out; fixed_order: the network's outputs have an order of their own,
        as those of speech and noise."""
        self.sources = sources
        self.done = 0
        self.causal = causal
        self.fixed_order = fixed_order
        self.rate = rate
        self.overlap = overlap
        self.pauses = pauses
        self.doubts: list[int] = []
        self._loud = 0.0  # of the chunks so far
        self._voices = [Signature() for _ in range(sources.shape[0])]  # before the last pause
        self._stretch, self._begin = [Signature() for _ in self._voices], 0  # since then

    def add(self, chunk: slice, separated: np.ndarray) -> None:
        """Append the separated chunk (C, samples of the chunk), in the order that fits best."""
        begin = max(chunk.start, self.done - self.overlap)
        separated, shared = separated[:, begin - chunk.start :], self.done - begin
        there = self.sources[..., begin : self.done]
        if not self.fixed_order:
            separated = separated[best_order(separated[:, :shared], there)]
        if shared > 0:
            self.sources[..., begin : self.done] = there + self._fade(shared) * (separated[:, :shared] - there)
        self.sources[..., self.done : chunk.stop] = separated[:, shared:]
        if self.pauses and not self.fixed_order:
            self._listen(separated[:, shared:])
        self.done = chunk.stop

    def _listen(self, new: np.ndarray) -> None:
        """Hear the voices in what is new (C, T), and compare them over the pauses in it."""
        end = self.done + new.shape[1]
        self._loud = max(self._loud, loudness_of_speech(new, self.rate))
        pauses = [pause for pause in self.pauses if self.done <= pause < end]
        for begin, stop in itertools.pairwise([self.done, *pauses, end]):
            if begin in pauses:
                self._compare()
                self._stretch, self._begin = [Signature() for _ in self._voices], begin
            heard = signatures(new[:, begin - self.done : stop - self.done], self.rate, self._loud)
            for known, one in zip(self._stretch, heard, strict=True):
                known.add(one)
        if end == self.sources.shape[-1]:
            self._compare()

    def _compare(self) -> None:
        """Compare the voices since the last pause with those before it, and merge them."""
        apart = distances(self._voices, self._stretch)
        if apart.any() and _lead(-apart) < DOUBT:
            self.doubts.append(self._begin)
        for known, one in zip(self._voices, self._stretch, strict=True):
            known.add(one)

    def _fade(self, samples: int) -> np.ndarray:
        """Weight of the new chunk over the overlap: linear in its middle half.

        At the ends of the overlap one of the two chunks lacks context. A causal network looks only back: there
        the new chunk is faded in as late as possible.
        """
        position = np.linspace(0, 1, samples, dtype=np.float32)
        begin = 0.5 if self.causal else 0.25
        return np.clip((position - begin) / 0.5, 0, 1)


def _lead(score: np.ndarray) -> float:
    """By how much the present order of the rows scores above the best other one."""
    rows = np.arange(len(score))
    totals = [score[rows, list(order)].sum() for order in itertools.permutations(rows)]
    return float(totals[0] - max(totals[1:])) if len(totals) > 1 else np.inf


def best_order(separated: np.ndarray, known: np.ndarray) -> list[int]:
    """The order of the rows of `separated` (C, T) that is closest to `known` (C, T).

    Least squares: of all orders it has the smallest sum of squared differences. As the energy of
    the rows does not depend on their order, that is the largest sum of inner products. A speaker
    who is silent here then has no vote, whereas normalised correlations or SI-SNR would give the
    residue of a silent speaker the same weight as speech.
    """
    return [int(i) for i in linear_sum_assignment(known @ separated.T, maximize=True)[1]]
