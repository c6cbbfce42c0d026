"""What a voice sounds like, in a few numbers gathered over time, to check that an output holds it after a pause too.

A signature summarises everything that an output has held so far: mean and spread of the spectrum's shape (mel
cepstrum) and the median pitch, over frames in which that output is clearly louder than the others. Two signatures
are compared in units of how much one and the same voice varies from one time to another.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.fft import dct

WINDOW, HOP = 0.032, 0.016  # s
BANDS, LOWEST, HIGHEST = 24, 80.0, 3800.0  # of the mel filters, in Hz
CEPSTRA = 12
PITCH = (80.0, 400.0)  # Hz
PITCH_BINS = np.log2(np.geomspace(*PITCH, 113))  # in octaves, a quarter of a semitone each
VOICED = 0.6  # autocorrelation at the pitch lag
LOUDER = 4.0  # times the energy of every other output: 6 dB
ACTIVE = 1e-3  # of the energy of the loudest frames
# By how much the signatures of one voice differ, over 6 s each of other sentences: standard deviations of the mean
# cepstrum, of its spread and of the pitch (octaves). Measured on the bundled network's outputs, training speakers.
MEAN_DIFFERS = np.array([1.24, 1.11, 0.61, 0.53, 0.42, 0.37, 0.32, 0.27, 0.27, 0.24, 0.24, 0.24])
SPREAD_DIFFERS = np.array([0.77, 0.52, 0.37, 0.27, 0.22, 0.19, 0.16, 0.14, 0.15, 0.14, 0.14, 0.15])
PITCH_DIFFERS = 0.12
SHORT = 150  # frames: a signature of so many counts half as much as one of very many
ENOUGH = 30  # frames (0.5 s), below which a signature means nothing


@dataclass
class Signature:
    """The voice in one output."""

    cepstrum: np.ndarray = field(default_factory=lambda: np.zeros(CEPSTRA))  # sum over the frames
    squares: np.ndarray = field(default_factory=lambda: np.zeros(CEPSTRA))
    frames: int = 0
    pitches: np.ndarray = field(default_factory=lambda: np.zeros(PITCH_BINS.size - 1, int))  # counts over log2 Hz

    def add(self, other: Signature) -> None:
        """Add what `other` has heard of the same voice."""
        self.cepstrum = self.cepstrum + other.cepstrum
        self.squares = self.squares + other.squares
        self.frames += other.frames
        self.pitches = self.pitches + other.pitches

    @property
    def mean(self) -> np.ndarray:
        """(CEPSTRA,) of the cepstrum over the frames."""
        return self.cepstrum / self.frames

    @property
    def spread(self) -> np.ndarray:
        """(CEPSTRA,) standard deviation of the cepstrum over the frames."""
        return np.sqrt(np.maximum(self.squares / self.frames - self.mean**2, 0))

    @property
    def pitch(self) -> float | None:
        """Median in octaves; None where too little is voiced."""
        total = self.pitches.sum()
        if total < ENOUGH / 4:
            return None
        return float(PITCH_BINS[np.searchsorted(self.pitches.cumsum(), total / 2)])


def distances(known: list[Signature], heard: list[Signature]) -> np.ndarray:
    """(C, C): how far the voice in each known output (row) is from that in each heard one.

    Sums of squares, scaled down where little of the voice was heard; 0 where it was too little to judge.
    """
    apart = np.zeros((len(heard), len(heard)))
    if not known or min(one.frames for one in known) < ENOUGH:
        return apart
    for j, other in enumerate(heard):
        if other.frames >= ENOUGH:
            trust = 1 / (1 + SHORT / other.frames)
            apart[:, j] = [trust * _distance(one, other) for one in known]
    return apart


def _distance(one: Signature, other: Signature) -> float:
    apart = np.square((one.mean - other.mean) / MEAN_DIFFERS).sum()
    apart += np.square((one.spread - other.spread) / SPREAD_DIFFERS).sum()
    if one.pitch is not None and other.pitch is not None:
        apart += ((one.pitch - other.pitch) / PITCH_DIFFERS) ** 2
    return float(apart)


def loudness_of_speech(sources: np.ndarray, rate: int) -> float:
    """Energy of a loud frame of sources (C, T), a reference for telling speech from the noise of a pause."""
    window = round(WINDOW * rate)
    frames = sources[:, : sources.shape[1] // window * window].reshape(len(sources), -1, window)
    energy = np.einsum("ckw,ckw->ck", frames, frames).max(0)
    return float(np.percentile(energy, 95)) if energy.size else 0.0


def signatures(sources: np.ndarray, rate: int, loud: float) -> list[Signature]:
    """The voices in sources (C, T), one signature each; `loud` is the energy of a loud frame of the whole recording."""
    window, hop = round(WINDOW * rate), round(HOP * rate)
    found = [Signature() for _ in sources]
    if sources.shape[1] < window:
        return found
    taper = np.hanning(window)
    frames = np.lib.stride_tricks.sliding_window_view(sources, window, axis=1)[:, ::hop]
    energy = np.einsum("ckw,ckw->ck", frames, frames)
    for i, one in enumerate(found):
        others = np.delete(energy, i, axis=0).max(0, initial=0.0)
        chosen = np.flatnonzero((energy[i] > ACTIVE * loud) & (energy[i] > LOUDER * others))
        if not len(chosen):
            continue
        power = np.abs(np.fft.rfft(frames[i, chosen] * taper, 2 * window)) ** 2
        bands = np.log(power @ _mel(window, rate).T + 1e-10)
        cepstra = dct(bands, norm="ortho")[:, 1 : CEPSTRA + 1]
        one.cepstrum, one.squares = cepstra.sum(0), np.square(cepstra).sum(0)
        one.frames = len(chosen)
        one.pitches = _pitches(power, taper, rate)
    return found


def _pitches(power: np.ndarray, taper: np.ndarray, rate: int) -> np.ndarray:
    """Counts of the pitch of voiced frames, by the highest peak of the autocorrelation."""
    shortest, longest = max(int(rate / PITCH[1]), 1), max(int(np.ceil(rate / PITCH[0])), 1)
    own = np.fft.irfft(np.abs(np.fft.rfft(taper, 2 * len(taper))) ** 2)
    lags = slice(shortest, longest + 1)
    correlation = np.fft.irfft(power)
    peaks = (
        correlation[:, lags]
        / np.maximum(correlation[:, :1], np.finfo(float).tiny)
        / np.maximum(own[lags] / own[0], 0.05)
    )
    voiced = peaks.max(1) > VOICED
    return np.histogram(np.log2(rate / (shortest + peaks[voiced].argmax(1))), PITCH_BINS)[0]


def _mel(window: int, rate: int) -> np.ndarray:
    """(BANDS, frequencies) triangles, equally wide on the mel scale: `librosa.filters.mel(htk=True, norm=None)`.

    A test holds them to librosa's, which itself would take a second to import whenever voices are tracked.
    """
    frequencies = np.fft.rfftfreq(2 * window, 1 / rate)
    highest = min(HIGHEST, 0.475 * rate)
    lowest_mel, highest_mel = 2595 * np.log10(1 + np.array([LOWEST, highest]) / 700)
    ends = np.linspace(lowest_mel, highest_mel, BANDS + 2)
    edges = 700 * (10 ** (ends / 2595) - 1)
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    return np.clip(np.minimum((frequencies - low) / (middle - low), (high - frequencies) / (high - middle)), 0, None)
