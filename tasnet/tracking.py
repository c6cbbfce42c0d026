"""Long signals in overlapping chunks, with every speaker kept on the same output throughout.

A network that is trained with permutation-invariant loss may give the speakers of each chunk in
another order. The chunks overlap, so the order that agrees best with what is already there is taken.
Over a long pause there is little to agree with: there the voices themselves decide, by a signature of
each output that gathers over all chunks (`voices.py`), and the network's habit of ordering them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from .disk import BLOCK, DiskArray
from .voices import ACTIVE as ACTIVE_SPEECH
from .voices import ENOUGH, WINDOW, Signature, distances, loudness_of_speech, signatures

ACTIVE = 1e-4  # of the power of the loud frames (-40 dB): what is weaker is a pause
FRAME = 0.02  # s
PAUSE = 2.0  # s: longer than the receptive field, so that the network has forgotten who spoke
LINK = 0.1  # s of speech in an overlap, by which a chunk goes on with what is there
# What speaks for an order after a pause, as log odds for each voice: agreement (-1 to 1) with the sound before it,
# distance of the voices (fitted to training speakers), and that the network keeps its order.
CONTEXT_WEIGHT, VOICE_WEIGHT, HABIT_WEIGHT = 2.0, 0.2, 0.5
SETTLED = 500  # frames of each voice (8 s), after which the order of a stretch stays
SURE = 3.0  # of the best order's lead over the next, below which there is doubt: odds of 20 to 1


@dataclass(frozen=True)
class Chunk:
    """Samples [start, stop) of a signal, with samples [a, b) of earlier sound put before them."""

    start: int
    stop: int
    context: tuple[tuple[int, int], ...] = ()

    def cut(self, signal: np.ndarray | DiskArray) -> np.ndarray:
        """(..., T) -> (..., context and chunk)."""
        pieces = [signal[..., a:b] for a, b in (*self.context, (self.start, self.stop))]
        return np.concatenate(pieces, axis=-1) if self.context else pieces[0]


def plan_chunks(signal: np.ndarray | DiskArray, rate: int, chunk: float, overlap: float) -> Iterator[Chunk]:
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


def _active_frames(signal: np.ndarray | DiskArray, frame: int) -> np.ndarray:
    """Whether each whole frame of `signal` (T,) holds sound."""
    step, end = BLOCK // frame * frame, len(signal) // frame * frame
    pieces = (signal[..., begin : min(begin + step, end)].reshape(-1, frame) for begin in range(0, end, step))
    power = np.concatenate([np.einsum("kt,kt->k", piece, piece) / frame for piece in pieces] or [np.zeros(0)])
    return power > ACTIVE * np.percentile(power, 95) if len(power) else np.zeros(0, bool)


def _runs(frames: np.ndarray, frame: int) -> tuple[tuple[int, int], ...]:
    """Indices of frames -> the runs [a, b) of samples they form."""
    runs = np.split(frames, np.flatnonzero(np.diff(frames) > 1) + 1)
    return tuple((int(run[0]) * frame, (int(run[-1]) + 1) * frame) for run in runs if len(run))


@dataclass
class Stretch:
    """Speech without a long pause in it; how it goes on with what was before is open until enough of it is heard."""

    start: int  # sample
    prior: np.ndarray  # (C, C): what apart from the voices speaks for row j in output i
    settled: bool = False

    def __post_init__(self) -> None:
        self.voices = [Signature() for _ in self.prior]  # of its rows


class Stitcher:
    """Puts separated chunks together as one signal (C, T), `sources`.

    Chunks are linked by the speech in their overlap. After a long pause a stretch of speech begins, whose order is
    taken from the voices as they gather: until it is settled, what has been written of it may still change places.
    doubts: where, in samples, the order of the voices could not be told for sure.
    """

    def __init__(
        self, sources: np.ndarray | DiskArray, rate: int, causal: bool = False, fixed_order: bool = False
    ) -> None:
        """sources: (C, T), where the signal is to be put; rate in Hz; fixed_order: the network's outputs have an order
        of their own, as those of speech and noise."""
        self.sources = sources
        self.done = 0
        self.causal = causal
        self.fixed_order = fixed_order
        self.rate = rate
        self.doubts: list[int] = []
        self._voices: list[Signature] = []  # of each output, in the stretches that are settled
        self._stretch = Stretch(0, np.zeros((sources.shape[0], sources.shape[0])))
        self._loud = 0.0  # of the chunks so far

    def add(self, chunk: Chunk, separated: np.ndarray) -> None:
        """Append the separated chunk (C, context and chunk), in the order that fits best."""
        if not self.fixed_order:
            separated = self._in_order(chunk, separated)
        new = separated[:, separated.shape[1] - (chunk.stop - chunk.start) :]
        shared = self.done - chunk.start
        if shared > 0:
            fade = self._fade(shared)
            overlap = self.sources[..., chunk.start : self.done]
            self.sources[..., chunk.start : self.done] = overlap + fade * (new[:, :shared] - overlap)
        self.sources[..., self.done : chunk.stop] = new[:, max(0, shared) :]
        self.done = chunk.stop
        if not self.fixed_order and self.done == self.sources.shape[-1]:
            self._settle()

    def _in_order(self, chunk: Chunk, separated: np.ndarray) -> np.ndarray:
        """The rows of the separated chunk as they go on with what is there, after every pause in it too."""
        self._loud = max(self._loud, loudness_of_speech(separated, self.rate))
        place = max(self.done, chunk.start)
        fresh = separated.shape[1] - (chunk.stop - place)  # from here on it is new
        first, *later = self._stretches(separated[:, fresh:])
        known = Chunk(chunk.start, self.done, chunk.context).cut(self.sources) if self.done else separated[:, :0]
        separated = separated[best_order(separated[:, : known.shape[1]], known)]
        if self.done and not self._goes_on(separated[:, max(0, fresh - place + chunk.start) :], place - chunk.start):
            self._begin(place, CONTEXT_WEIGHT * _agreement(known, separated[:, : known.shape[1]]))
        separated = self._hear(separated, slice(fresh, fresh + first.stop))
        for stretch in later:  # the network itself may order them anew after a pause
            self._begin(place + stretch.start, HABIT_WEIGHT * np.eye(len(separated)))
            rest = separated[:, fresh + stretch.start :]
            rest[:] = self._hear(rest, slice(0, stretch.stop - stretch.start))
        return separated

    def _goes_on(self, chunk: np.ndarray, shared: int) -> bool:
        """Whether speech in the overlap, the first `shared` samples of the chunk (C, T), goes on without a pause."""
        active, seam = self._active(chunk), shared / (FRAME * self.rate)
        before, after = active[active < seam], active[active >= seam]
        return len(before) >= LINK / FRAME and (not len(after) or after[0] - before[-1] <= PAUSE / FRAME)

    def _stretches(self, separated: np.ndarray) -> list[slice]:
        """Where people speak in `separated` (C, T): parts that meet in the middle of pauses longer than PAUSE."""
        active = self._active(separated)
        pauses = np.flatnonzero(np.diff(active) > PAUSE / FRAME)
        cuts = [int((active[k] + active[k + 1]) / 2 * FRAME * self.rate) for k in pauses]
        return [slice(a, b) for a, b in itertools.pairwise([0, *cuts, separated.shape[1]])]

    def _active(self, separated: np.ndarray) -> np.ndarray:
        """The numbers of the frames of `separated` (C, T) in which someone speaks."""
        window = round(FRAME * self.rate)
        frames = separated[:, : separated.shape[1] // window * window].reshape(len(separated), -1, window)
        power = np.einsum("ckw,ckw->k", frames, frames) * WINDOW / FRAME  # as loud is measured
        return np.flatnonzero(power > ACTIVE_SPEECH * self._loud)

    def _begin(self, start: int, prior: np.ndarray) -> None:
        self._settle()
        self._stretch = Stretch(start, prior)

    def _hear(self, separated: np.ndarray, new: slice) -> np.ndarray:
        """Gather the voices of `new` in the stretch; the rows of `separated` (C, T) in the order that they speak for.

        What is written of the stretch already follows them.
        """
        stretch = self._stretch
        heard = signatures(separated[:, new], self.rate, self._loud)
        for known, one in zip(self._voices if stretch.settled else stretch.voices, heard, strict=True):
            known.add(one)
        if stretch.settled:
            return separated
        order = self._order()[0]
        if order != sorted(order):
            stretch.voices, stretch.prior = [stretch.voices[i] for i in order], stretch.prior[:, order]
            separated = separated[order]
            for begin in range(stretch.start, self.done, BLOCK):
                part = slice(begin, min(begin + BLOCK, self.done))
                self.sources[..., part] = self.sources[..., part][order]
        if min(one.frames for one in stretch.voices) >= SETTLED:
            self._settle()
        return separated

    def _order(self) -> tuple[list[int], float]:
        """The order of the stretch's rows that has the most speaking for it, and its lead over the next best."""
        score = self._stretch.prior - VOICE_WEIGHT * distances(self._voices, self._stretch.voices)
        order = [int(i) for i in linear_sum_assignment(score, maximize=True)[1]]
        return order, _lead(score, order)

    def _settle(self) -> None:
        """Let the order of the stretch be, and know its voices from now on."""
        stretch = self._stretch
        if not stretch.settled:
            spoken = max(one.frames for one in stretch.voices) >= ENOUGH
            if self._voices and spoken and self._order()[1] < SURE:
                self.doubts.append(stretch.start)
            self._voices = self._voices or [Signature() for _ in stretch.voices]
            for known, one in zip(self._voices, stretch.voices, strict=True):
                known.add(one)
        stretch.settled = True

    def _fade(self, samples: int) -> np.ndarray:
        """Weight of the new chunk over the overlap: linear in its middle half.

        At the ends of the overlap one of the two chunks lacks its surroundings. A causal network
        looks only back: there the new chunk comes in as late as can be.
        """
        position = np.linspace(0, 1, samples, dtype=np.float32)
        begin = 0.5 if self.causal else 0.25
        return np.clip((position - begin) / 0.5, 0, 1)


def _agreement(known: np.ndarray, again: np.ndarray) -> np.ndarray:
    """(C, C): how much of `known` (C, T), row by row, is found in the rows of `again` (C, T); 1 in all for the same."""
    power = np.sqrt(np.vdot(known, known) * np.vdot(again, again))
    return (known @ again.T) / power if power > 0 else np.zeros((len(known), len(again)))


def _lead(score: np.ndarray, order: list[int]) -> float:
    """By how much `order` scores more than the next best order of the rows."""
    rows = np.arange(len(score))
    totals = [score[rows, list(other)].sum() for other in itertools.permutations(rows) if list(other) != order]
    return float(score[rows, order].sum() - max(totals)) if totals else np.inf


def best_order(separated: np.ndarray, known: np.ndarray) -> list[int]:
    """The order of the rows of `separated` (C, T) that is closest to `known` (C, T).

    Least squares: of all orders it has the smallest sum of squared differences. As the energy of
    the rows does not depend on their order, that is the largest sum of inner products. A speaker
    who is silent here then has no vote, whereas normalised correlations or SI-SNR would give the
    residue of a silent speaker the same weight as speech.
    """
    return [int(i) for i in linear_sum_assignment(known @ separated.T, maximize=True)[1]]
