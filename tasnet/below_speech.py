"""What lies below speech is taken out of a mixture before a network hears it: an offset (DC), and strong rumble or hum.

An offset as large as the speech costs a network 4 dB, a hum of 50 Hz as loud as it 10 dB, though neither is a voice.
Of a whole recording the offset is the mean. For causal networks it is the mean so far, then that of the last moments,
once there clearly is one, without look-ahead (`OffsetSoFar`). Rumble and hum go where they are strong, by a high-pass
without delay: it needs the whole recording, so causal networks go without it, as one that does not look ahead shifts
the phases of the voices, which costs them 3 dB and more.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.signal import butter, lfilter, sosfilt, sosfilt_zi

from .disk import DiskArray

LOWEST = 1.0  # Hz: an offset that changes more slowly is followed as the sound arrives
# When that is clear, in 20 ms or more: the power of the mean is so many times that of what moves around it, and it is
# not as faint as the rumble in pauses (in 1 of 150 mixtures of read speech without an offset both happens).
EVIDENCE, CLEAR, FAINT, FADE = 0.02, 4.0, 0.004, 0.005  # s, ratio, of full scale, s
CUTOFF, ORDER = 70.0, 8  # Hz; twice through, so that nothing is delayed: 50 Hz 40 dB down
STRONG = 0.25  # of the power of the rest: in 300 mixtures of read speech what lies below never has half as much
WEAK = 1e-4  # of the power of the rest: an offset that no network minds (-40 dB), and the recording stays as it is
TOLD = 0.1  # of the power of the rest: an offset from which on something is said
SHORTEST = 0.05  # s: of less nobody knows what is an offset
BLOCK = 1 << 20  # samples in memory at a time

Samples = np.ndarray | DiskArray


class OffsetSoFar:
    """The offset of a sound that is arriving, taken out from the moment on at which there clearly is one.

    It is the mean so far, later with a memory of some 0.16 s; nothing is delayed. Until it is clear, some 20 ms after a
    sound with an offset begins or pauses, the samples stay as they are, and those of speech without an offset for ever:
    a causal norm minds any change at the beginning. Several sounds (..., T) side by side are independent.
    """

    def __init__(self, rate: int) -> None:
        self._gain = 1 - np.exp(-2 * np.pi * LOWEST / rate)
        self._growing = int(1 / self._gain)  # samples over which the mean is that of all
        self._first, self._fade = round(EVIDENCE * rate), max(1, round(FADE * rate))
        self.reset()

    def reset(self) -> None:
        """The next sample is the first of a new sound."""
        self._heard, self._means, self._since = 0, None, None

    def push(self, samples: np.ndarray) -> np.ndarray:
        """The next samples (..., T), T >= 0, without the offset, in their own type."""
        x = np.asarray(samples, np.float64).reshape(-1, samples.shape[-1])
        if self._means is None:
            self._means = np.zeros((2, len(x)))  # of the samples and of their squares
            self._since = np.full(len(x), np.inf)  # the sample from which on it is clear
        if not x.shape[1]:
            return samples
        mean, square = self._averages(np.stack([x, np.square(x)]))
        place = self._heard + np.arange(x.shape[1])
        clear = (np.square(mean) > CLEAR * (square - np.square(mean))) & (np.abs(mean) > FAINT) & (place >= self._first)
        now = np.where(clear.any(1), place[clear.argmax(1)], np.inf)
        self._since = np.minimum(self._since, now)
        self._heard += x.shape[1]
        taken = np.clip((place - self._since[:, None]) / self._fade, 0, 1)
        return (x - taken * mean).reshape(samples.shape).astype(samples.dtype)

    def _averages(self, values: np.ndarray) -> np.ndarray:
        """The running averages of `values` (2, streams, T) after each sample."""
        averages = np.empty_like(values)
        first = min(max(0, self._growing - self._heard), values.shape[-1])
        if first:
            count = self._heard + np.arange(1, first + 1)
            sums = self._means[..., None] * self._heard + np.cumsum(values[..., :first], axis=-1)
            averages[..., :first] = sums / count
            self._means = averages[..., first - 1]
        if first < values.shape[-1]:
            state = ((1 - self._gain) * self._means)[..., None]
            averages[..., first:], _ = lfilter([self._gain], [1, self._gain - 1], values[..., first:], zi=state)
            self._means = averages[..., -1]
        return averages


def without(
    mixture: Samples, rate: int, *, causal: bool, empty: Callable[[tuple[int, ...]], Samples] | None = None
) -> tuple[Samples, tuple[str, ...]]:
    """A mixture (T,) without what lies below speech, and notes where that is much.

    `empty` makes the arrays of a shape that are worked in, by default in memory; `mixture` stays as it is.
    """
    empty = empty or (lambda shape: np.zeros(shape, np.float32))
    if mixture.shape[-1] < SHORTEST * rate:
        return mixture, ()
    total, square = 0.0, 0.0
    for block in _blocks(mixture):
        samples = mixture[..., block].astype(np.float64)
        total += samples.sum()
        square += samples @ samples
    mean = total / mixture.shape[-1]
    rest = square / mixture.shape[-1] - mean**2
    notes = ("The recording has an offset (DC), which was taken out.",) if mean**2 > TOLD * max(rest, 0.0) else ()
    if not causal and mean**2 <= WEAK * rest:
        centred = mixture
    else:
        centred, so_far = empty(mixture.shape), OffsetSoFar(rate)
        for block in _blocks(mixture):
            samples = mixture[..., block]
            centred[..., block] = so_far.push(samples) if causal else samples - np.float32(mean)
    if causal or rate <= 4 * CUTOFF:
        return centred, notes
    high = _high_passed(centred, rate, empty(mixture.shape))
    below = above = 0.0
    for block in _blocks(mixture):
        kept = high[..., block].astype(np.float64)
        taken = centred[..., block] - kept
        below, above = below + taken @ taken, above + kept @ kept
    if below <= STRONG * above:
        return centred, notes
    return high, (*notes, f"What lies below {CUTOFF:.0f} Hz, rumble or hum, is strong and was taken out.")


def _high_passed(signal: Samples, rate: int, high: Samples) -> Samples:
    """`signal` (T,) through the high-pass forwards and then backwards, into `high`."""
    sections = butter(ORDER, CUTOFF, "highpass", fs=rate, output="sos")
    blocks = _blocks(signal)
    state = sosfilt_zi(sections) * signal[..., 0:1].astype(np.float64)
    for block in blocks:
        filtered, state = sosfilt(sections, signal[..., block].astype(np.float64), zi=state)
        high[..., block] = filtered
    state = sosfilt_zi(sections) * high[..., signal.shape[-1] - 1 : signal.shape[-1]].astype(np.float64)
    for block in reversed(blocks):
        filtered, state = sosfilt(sections, high[..., block][::-1].astype(np.float64), zi=state)
        high[..., block] = filtered[::-1]
    return high


def _blocks(signal: Samples) -> list[slice]:
    return [slice(k, min(k + BLOCK, signal.shape[-1])) for k in range(0, signal.shape[-1], BLOCK)]
