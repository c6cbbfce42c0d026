"""The pitch of a clean voice: track it, detune its partials, or flatten it.

Partials are moved in phase time. Where a voice is laid out along the phase of its own pitch instead of along time,
its harmonics are lines at 1, 2, 3 ... cycles a period, and raised cosines about them divide its spectrum into bands
that sum to it. A partial is detuned by rotating its band at another rate. The change is added to the original voice,
so no change is exactly the identity, and what has no pitch stays as it is.
"""

from dataclasses import dataclass

import numpy as np
from scipy import fft, interpolate, signal

LOWEST_HZ, HIGHEST_HZ = 60.0, 400.0
FRAME_SECONDS, HOP_SECONDS = 0.05, 0.008
VOICED = 0.5  # of a period's likeness to the next, from 0 to 1
QUIET_DB = -35.0  # of the loudest frame: below, nothing is called voiced
OCTAVE_COST, JUMP_COST = 0.02, 0.35  # an octave lower; an octave from one frame to the next (Boersma 1993)
FINE = 4  # by which a voice is oversampled before it is laid out anew
STEPS = 160  # of phase time in a period: 66 partials and their bands' edges
BAND_STEPS = 4  # the same of one band
PADDED = 16  # periods of silence behind the voice, so that its end does not run into its beginning


@dataclass(frozen=True)
class Pitch:
    """f0: (T,) Hz at every sample, led through what has none; voiced: (T,) 0 to 1, how much a sample has a pitch."""

    f0: np.ndarray
    voiced: np.ndarray

    @property
    def middle(self) -> float:
        """Median (Hz) of what is voiced, nan where nothing is."""
        heard = self.f0[self.voiced > 0.5]
        return float(np.median(heard)) if len(heard) else float("nan")


def track(voice: np.ndarray, rate: int) -> Pitch:
    """The pitch of a clean `voice` (T,): the best path through the autocorrelations of its frames (Boersma 1993)."""
    voice = np.asarray(voice, np.float64)
    size, hop = round(FRAME_SECONDS * rate), round(HOP_SECONDS * rate)
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(voice, size), size)[size // 2 :: hop]
    window = signal.windows.hann(size, sym=False)
    n = fft.next_fast_len(2 * size, real=True)
    lags = np.arange(int(rate / HIGHEST_HZ) - 1, int(np.ceil(rate / LOWEST_HZ)) + 2)
    power = np.abs(fft.rfft((frames - frames.mean(1, keepdims=True)) * window, n)) ** 2
    own = fft.irfft(np.abs(fft.rfft(window, n)) ** 2, n)
    likeness = fft.irfft(power, n)
    energy = likeness[:, :1].copy()
    likeness = likeness[:, lags] / np.maximum(energy, 1e-20) * own[0] / own[lags]
    loud = energy[:, 0] > 10 ** (QUIET_DB / 10) * energy.max(initial=1e-20)
    likeness *= loud[:, None]
    chosen = _path(likeness - OCTAVE_COST * np.log2(lags / lags[0]), lags)
    f0 = rate / _peak(likeness, lags, chosen)
    found = loud & (likeness[np.arange(len(chosen)), chosen] > VOICED)
    middles = (np.arange(len(frames)) * hop - size // 2 + size / 2).clip(0, len(voice) - 1)
    samples = np.arange(len(voice))
    if not found.any():
        return Pitch(np.full(len(voice), 100.0), np.zeros(len(voice)))
    even = np.interp(samples, middles[found], f0[found])
    return Pitch(even, np.interp(samples, middles, found.astype(float)))


def _path(scores: np.ndarray, lags: np.ndarray) -> np.ndarray:
    """(frames,) the lag's number of each frame that gives the highest sum of `scores` (frames, lags) less the jumps."""
    cost = JUMP_COST * np.abs(np.log2(lags[:, None] / lags[None]))
    best, came = scores[0], np.zeros(scores.shape, np.int64)
    for number in range(1, len(scores)):
        ways = best[None] - cost
        came[number] = ways.argmax(1)
        best = ways[np.arange(len(lags)), came[number]] + scores[number]
    path = np.zeros(len(scores), np.int64)
    path[-1] = best.argmax()
    for number in range(len(scores) - 1, 0, -1):
        path[number - 1] = came[number, path[number]]
    return path


def _peak(likeness: np.ndarray, lags: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """(frames,) the lag between samples at which a parabola through three of them is highest."""
    middle = chosen.clip(1, len(lags) - 2)
    rows = np.arange(len(chosen))
    left, top, right = (likeness[rows, middle + step] for step in (-1, 0, 1))
    bend = left - 2 * top + right
    step = np.divide(0.5 * (left - right), bend, out=np.zeros_like(bend), where=bend < 0)
    return lags[middle] + step.clip(-1, 1)


def jittered(voice: np.ndarray, rate: int, share: float, seed: int = 0, pitch: Pitch | None = None) -> np.ndarray:
    """A `voice` (T,) whose partials from the second on are out of tune by up to `share` of the fundamental.

    Each partial is moved by a share of the fundamental of its own, drawn evenly from -share to share and kept for the
    whole voice (McDermott, Ellis and Kawahara 2012). The draws of a `seed` scale with `share`.
    """
    voice = np.asarray(voice, np.float64)
    pitch = pitch or track(voice, rate)
    if not share or not pitch.voiced.any():
        return voice.astype(np.float32)
    phase = np.cumsum(pitch.f0) / rate
    grid = np.arange(int(np.ceil(phase[0] * STEPS)), int(phase[-1] * STEPS)) / STEPS
    moments = np.interp(grid, phase, np.arange(len(voice)))
    fine = signal.resample_poly(voice, FINE, 1)
    laid_out = interpolate.CubicSpline(np.arange(len(fine)), fine)(moments * FINE)
    moved = interpolate.CubicSpline(moments, _moved(laid_out, grid[0], share, seed, rate / 2 / pitch.f0.min()))
    inside = np.arange(len(voice)).clip(moments[0], moments[-1])
    return (voice + pitch.voiced * moved(inside)).astype(np.float32)


def _moved(laid_out: np.ndarray, start: float, share: float, seed: int, highest: float) -> np.ndarray:
    """What moving the partials adds to a voice along its phase: (n,), `STEPS` values a period, the first at `start`.

    A band is two cycles a period wide: it is turned at `BAND_STEPS` values a period, and all come back together.
    """
    periods = fft.next_fast_len(-(-len(laid_out) // STEPS) + PADDED)
    spectrum = fft.fft(laid_out, STEPS * periods)
    moved = np.zeros_like(spectrum)
    offsets = np.arange(-periods, periods)  # a period's cycle is so many bins
    weights = 2 * np.cos(np.pi / 2 * offsets / periods) ** 2  # 2: the bands of negative frequencies are left out
    phase = start + np.arange(BAND_STEPS * periods) / BAND_STEPS
    draws = np.random.default_rng(seed).uniform(-1, 1, STEPS)
    half = BAND_STEPS // 2
    for partial in range(half, min(int(highest) + 1, STEPS // 2 - half)):
        band = np.zeros(BAND_STEPS * periods, complex)
        band[offsets] = weights * spectrum[partial * periods + offsets]
        turned = fft.fft(fft.ifft(band) * (np.exp(2j * np.pi * share * draws[partial] * phase) - 1))
        moved[(partial - half) * periods : (partial + half) * periods] += fft.fftshift(turned)
    return fft.ifft(moved)[: len(laid_out)].real


def flattened(voice: np.ndarray, rate: int, f0: float, pitch: Pitch | None = None) -> np.ndarray:
    """A `voice` (T,) on the flat pitch `f0` (Hz), its formants and level kept: its periods laid out anew (TD-PSOLA)."""
    voice = np.asarray(voice, np.float64)
    pitch = pitch or track(voice, rate)
    if not pitch.voiced.any():
        return voice.astype(np.float32)
    phase = np.cumsum(pitch.f0) / rate
    marks = np.round(np.interp(np.arange(1, int(phase[-1])), phase, np.arange(len(voice)))).astype(int)
    reach = round(rate / LOWEST_HZ) + 1
    padded, flat = np.pad(voice, reach), np.zeros(len(voice) + 2 * reach)
    step, place = rate / f0, 0.0
    while place < len(voice):
        nearest = marks[np.abs(marks - place).argmin()]
        half = round(rate / pitch.f0[nearest])
        grain = padded[nearest + reach - half : nearest + reach + half] * signal.windows.hann(2 * half, sym=False)
        target = round(place) + reach
        flat[target - half : target + half] += grain
        place += step
    flat = pitch.voiced * flat[reach : reach + len(voice)] + (1 - pitch.voiced) * voice
    level = np.sqrt(np.sum(voice**2) / max(float(np.sum(flat**2)), 1e-20))
    return (level * flat).astype(np.float32)
