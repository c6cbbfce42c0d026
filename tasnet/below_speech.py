"""Remove what lies below speech before a network hears a mixture: an offset (DC), and strong rumble or hum.

An offset as large as the speech costs a network 4 dB, and a 50 Hz hum as loud as the speech 10 dB, though neither is a
voice. In a whole recording the offset is the mean, and strong rumble and hum are removed by a zero-phase high-pass.
That needs the whole recording; a filter that does not look ahead would shift the phases of the voices, which costs
3 dB and more. So for causal networks the offset and the mains hum (50 or 60 Hz) are tracked as spectral lines and
removed once they are clear (`SteadySoFar`); other rumble stays.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.signal import butter, lfilter, sosfilt, sosfilt_zi

from .disk import DiskArray, Sound, zeros_like

LOWEST = 1.0  # Hz: an offset that changes more slowly is followed as the sound arrives
# When that is clear, in 20 ms or more: the power of the mean is so many times that of what moves around it, and it is
# not as faint as the rumble in pauses (in 1 of 150 mixtures of read speech without an offset both happens).
EVIDENCE, CLEAR, FAINT, FADE = 0.02, 4.0, 0.004, 0.005  # s, ratio, of full scale, s
HUM = (50.0, 60.0)  # Hz
HUM_CLEAR, HUM_FAINT = 2.0, 0.01  # in 2 of 300 such mixtures
CUTOFF, ORDER = 70.0, 8  # Hz; twice through, so that nothing is delayed: 50 Hz 40 dB down
STRONG = 0.25  # of the power of the rest: in 300 mixtures of read speech what lies below never has half as much
WEAK = 1e-4  # of the power of the rest: an offset that no network minds (-40 dB), and the recording stays as it is
TOLD = 0.1  # of the power of the rest: from here on an offset is reported
SHORTEST = 0.05  # s: in less, an offset cannot be told apart
BLOCK = 1 << 20  # samples in memory at a time

OFFSET_NOTE = "The recording has an offset (DC), which was taken out."


class SteadySoFar:
    """Remove the offset and the mains hum from a sound that is still arriving, from the moment they are clearly there.

    Each is a line of the spectrum: its amplitude is the mean so far of the sound times exp(-2 pi i f t), later with a
    memory of some 0.16 s; nothing is delayed, and speech besides keeps its phase. Until a line is clear, some 20 ms
    after a sound with an offset or a hum begins or pauses, the samples stay as they are, and those of
    speech without either for ever: a causal norm minds any change at the beginning. Several sounds (..., T) side by
    side are independent.
    """

    def __init__(self, rate: int) -> None:
        self._rate, self._gain = rate, 1 - np.exp(-2 * np.pi * LOWEST / rate)
        self._growing = int(1 / self._gain)  # samples over which the mean is that of all
        self._fade = max(1, round(FADE * rate))
        self._turns = np.exp(-2j * np.pi * np.outer(HUM, np.arange(rate)) / rate)  # (hums, a second)
        self.reset()

    def reset(self) -> None:
        """The next sample is the first of a new sound."""
        self._heard, self._means = 0, np.zeros((2 + 2 * len(HUM), 0), complex)  # (lines, streams)

    @property
    def hums(self) -> list[float | None]:
        """The hum being removed from each arriving sound, in Hz."""
        return [HUM[hum] if np.isfinite(since) else None for hum, since in zip(self._hum, self._hum_since, strict=True)]

    def push(self, samples: np.ndarray) -> np.ndarray:
        """The next samples (..., T), T >= 0, without offset and hum, in their own type."""
        x = np.asarray(samples, np.float64).reshape(-1, samples.shape[-1])
        if not self._heard:
            self._means = np.zeros((len(self._means), len(x)), complex)
            self._offset_since, self._hum_since = np.full((2, len(x)), np.inf)  # the samples from which it is clear
            self._hum = np.zeros(len(x), int)  # which of them
        if not x.shape[1]:
            return samples
        turns = self._turns[:, (self._heard + np.arange(x.shape[1])) % self._rate][:, None]  # (hums, 1, T)
        averages = self._averages(np.concatenate([[x, np.square(x)], x * turns, turns + 0 * x]))
        mean, square = averages[:2].real
        lines = averages[2 : 2 + len(HUM)] - mean * averages[2 + len(HUM) :]  # of what moves around the mean
        power, strength = np.square(mean), 2 * np.square(np.abs(lines))
        which = strength.argmax(0)[None]
        hum = 2 * (np.take_along_axis(lines, which, 0) * np.take_along_axis(turns.conj() + 0 * x, which, 0)).real[0]
        strength = strength.max(0)
        place = self._heard + np.arange(x.shape[1])
        clear = (strength > HUM_CLEAR * (square - power - strength)) & (strength > HUM_FAINT**2)
        self._hum_since = _first(clear, place, round(EVIDENCE * self._rate), self._hum_since)
        rest = square - power - strength * (place >= self._hum_since[:, None])
        clear = (power > CLEAR * rest) & (np.abs(mean) > FAINT)
        self._offset_since = _first(clear, place, round(EVIDENCE * self._rate), self._offset_since)
        self._heard, self._hum = self._heard + x.shape[1], which[0, :, -1]
        for line, since in ((mean, self._offset_since), (hum, self._hum_since)):
            x = x - np.clip((place - since[:, None]) / self._fade, 0, 1) * line
        return x.reshape(samples.shape).astype(samples.dtype)

    def _averages(self, values: np.ndarray) -> np.ndarray:
        """The running averages of `values` (lines, streams, T) after each sample."""
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


def _first(clear: np.ndarray, place: np.ndarray, earliest: int, since: np.ndarray) -> np.ndarray:
    """The first sample (streams,) at which something is clear; `clear` (streams, T) is for the samples `place`."""
    clear = clear & (place >= earliest)
    return np.minimum(since, np.where(clear.any(1), place[clear.argmax(1)], np.inf))


def without_offset(signal: Sound, rate: int) -> tuple[Sound, float, bool]:
    """A whole recording (T,) without its mean unless that is slight; the mean; and whether it is strong."""
    mean, rest = _mean_and_rest(signal)
    if signal.shape[-1] < SHORTEST * rate or mean**2 <= WEAK * rest:
        return signal, 0.0, False
    centred = zeros_like(signal)
    for block in _blocks(signal):
        centred[..., block] = signal[..., block] - np.float32(mean)
    return centred, mean, mean**2 > TOLD * rest


def without(mixture: Sound, rate: int, *, causal: bool) -> tuple[Sound, tuple[str, ...]]:
    """A mixture (T,) without what lies below speech, and notes where that is a lot; `mixture` is left unchanged.

    The work is done where the mixture is: in memory, or on the disk.
    """
    if mixture.shape[-1] < SHORTEST * rate:
        return mixture, ()
    if causal:
        return _without_steady(mixture, rate)
    centred, _, strong = without_offset(mixture, rate)
    notes: tuple[str, ...] = (OFFSET_NOTE,) if strong else ()
    if rate <= 4 * CUTOFF:
        return centred, notes
    high = _high_passed(centred, rate)
    below = above = 0.0
    for block in _blocks(mixture):
        kept = high[..., block].astype(np.float64)
        taken = centred[..., block] - kept
        below, above = below + float(taken @ taken), above + float(kept @ kept)
    if below <= STRONG * above:
        return centred, notes
    return high, (*notes, f"What lies below {CUTOFF:.0f} Hz, rumble or hum, is strong and was taken out.")


def _without_steady(mixture: Sound, rate: int) -> tuple[Sound, tuple[str, ...]]:
    steady, left = SteadySoFar(rate), zeros_like(mixture)
    for block in _blocks(mixture):
        left[..., block] = steady.push(mixture[..., block])
    mean, rest = _mean_and_rest(mixture)
    notes = [OFFSET_NOTE] if mean**2 > TOLD * rest else []
    if (hum := steady.hums[0]) is not None:
        notes.append(f"The recording has a hum of the mains ({hum:.0f} Hz), which was taken out.")
    return left, tuple(notes)


def _mean_and_rest(signal: np.ndarray | DiskArray) -> tuple[float, float]:
    """The mean, and the power of what moves around it."""
    total, square = 0.0, 0.0
    for block in _blocks(signal):
        samples = signal[..., block].astype(np.float64)
        total += float(samples.sum())
        square += float(samples @ samples)
    mean = total / signal.shape[-1]
    return mean, max(square / signal.shape[-1] - mean**2, 0.0)


def _high_passed(signal: Sound, rate: int) -> Sound:
    """`signal` (T,) through the high-pass forwards and then backwards."""
    high, blocks = zeros_like(signal), _blocks(signal)
    sections, steady = _high_pass(rate)
    state = steady * signal[..., 0:1].astype(np.float64)
    for block in blocks:
        filtered, state = sosfilt(sections, signal[..., block].astype(np.float64), zi=state)
        high[..., block] = filtered
    state = steady * high[..., signal.shape[-1] - 1 : signal.shape[-1]].astype(np.float64)
    for block in reversed(blocks):
        filtered, state = sosfilt(sections, high[..., block][::-1].astype(np.float64), zi=state)
        high[..., block] = filtered[::-1]
    return high


@cache
def _high_pass(rate: int) -> tuple[np.ndarray, np.ndarray]:
    """The sections of the high-pass, and their state after ones without end.

    Kept, because SciPy takes longer to design it than to run it: cold, as long as a small network takes for 4 s.
    """
    sections = butter(ORDER, CUTOFF, "highpass", fs=rate, output="sos")
    return sections, sosfilt_zi(sections)


def _blocks(signal: np.ndarray | DiskArray) -> list[slice]:
    return [slice(k, min(k + BLOCK, signal.shape[-1])) for k in range(0, signal.shape[-1], BLOCK)]
