"""A recording without its long pauses: what a network hears of it.

Over a pause longer than its receptive field a network forgets who spoke, and the statistics of its norms are those of
silence. With the pause cut out it goes from one sentence to the next, as in the speech it was trained on.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterator, Sequence
from types import EllipsisType

import numpy as np

from .disk import BLOCK, DiskArray

FRAME = 0.02  # s
LONGEST = 2.0  # s of a pause that stays
MARGIN = 0.25  # s of a longer one that stay with the speech on either side
QUIET = 1e-4  # of the power of loud frames (-40 dB): weaker frames are a pause,
ABOVE_FLOOR = 4.0  # and so are those within 6 dB of the weakest tenth of the frames, the noise of the room,
AT_MOST = 1e-2  # if that is at least 20 dB below the loud frames


def speech_spans(signal: np.ndarray | DiskArray, rate: int) -> list[slice]:
    """The parts of `signal` (T,) at `rate` Hz that long pauses leave, in order; all of it where there are none."""
    frame, samples = max(1, round(FRAME * rate)), signal.shape[-1]
    active = np.flatnonzero(_active_frames(signal, frame))
    if not len(active):
        return [slice(0, samples)]
    longest, margin = round(LONGEST / FRAME), round(MARGIN * rate)
    ends = np.flatnonzero(np.diff(active) > longest)
    first, last = active[[0, *(ends + 1)]] * frame - margin, (active[[*ends, -1]] + 1) * frame + margin
    if first[0] <= longest * frame:
        first[0] = 0
    if last[-1] >= samples - longest * frame:
        last[-1] = samples
    return [slice(int(a), int(b)) for a, b in zip(first, last, strict=True)]


def pauses_between(spans: Sequence[slice], samples: int, edge: int) -> list[slice]:
    """The gaps that `spans` leave in a signal of so many samples, each extended by `edge` samples into the spans."""
    ends = [0, *(end for span in spans for end in (span.start, span.stop)), samples]
    between = zip(ends[::2], ends[1::2], strict=True)
    return [slice(max(0, a - edge), min(b + edge, samples)) for a, b in between if b > a]


def _active_frames(signal: np.ndarray | DiskArray, frame: int) -> np.ndarray:
    """Whether each whole frame of `signal` (T,) holds sound."""
    step, end = BLOCK // frame * frame, signal.shape[-1] // frame * frame
    pieces = (signal[..., begin : min(begin + step, end)].reshape(-1, frame) for begin in range(0, end, step))
    power = np.concatenate([np.einsum("kt,kt->k", piece, piece) / frame for piece in pieces] or [np.zeros(0)])
    if not len(power):
        return np.zeros(0, bool)
    loud = np.median(power[power >= power.mean()])  # of speech, however little of it there is
    return power > max(QUIET * loud, min(ABOVE_FLOOR * np.percentile(power, 10), AT_MOST * loud))


class JoinedSpans:
    """The spans of an array (T,) or (C, T), joined; read and written as joined[..., begin:end]."""

    def __init__(self, array: np.ndarray | DiskArray, spans: Sequence[slice]) -> None:
        self._array = array
        self._spans = spans
        self.starts = [0, *itertools.accumulate(span.stop - span.start for span in spans)]
        self.shape = (*array.shape[:-1], self.starts[-1])

    def __getitem__(self, part: tuple[EllipsisType, slice]) -> np.ndarray:
        pieces = [self._array[..., there] for _, there in self._pieces(part[1])]
        return np.concatenate(pieces or [self._array[..., 0:0]], axis=-1)

    def __setitem__(self, part: tuple[EllipsisType, slice], samples: np.ndarray) -> None:
        begin, end, _ = part[1].indices(self.shape[-1])
        samples = np.broadcast_to(samples, (*self.shape[:-1], max(0, end - begin)))
        for here, there in self._pieces(part[1]):
            self._array[..., there] = samples[..., here]

    def place(self, sample: int) -> int:
        """Where in the array a sample of the joined one is."""
        number = bisect.bisect_right(self.starts, sample, hi=len(self._spans)) - 1
        return self._spans[number].start + sample - self.starts[number]

    def fades(self, edge: int) -> tuple[list[int], list[int]]:
        """Places in it, and the weights there, of what fades in and out over `edge` samples at the ends of each span,
        but not at those of the array."""
        places = [place for a, b in itertools.pairwise(self.starts) for place in (a, a + edge, b - edge, b)]
        weights = [0, 1, 1, 0] * len(self._spans)
        weights[0] = int(self._spans[0].start == 0)
        weights[-1] = int(self._spans[-1].stop == self._array.shape[-1])
        return places, weights

    def _pieces(self, part: slice) -> Iterator[tuple[slice, slice]]:
        """The pieces that make up `part`: where they are in it, and where in the array."""
        begin, end, _ = part.indices(self.shape[-1])
        for start, span in zip(self.starts, self._spans, strict=False):
            a, b = max(begin, start), min(end, start + span.stop - span.start)
            if a < b:
                yield slice(a - begin, b - begin), slice(a - start + span.start, b - start + span.start)
