"""Where the error of a separated voice is: interference or artefacts, in which band, and when.

The split is that of BSS Eval v3 (Vincent et al. 2006, the paper's [44]): what 512-tap filters can make of the voice
itself is target, what they can additionally make of the other voices is interference, the rest is artefacts.
"""

from dataclasses import dataclass

import numpy as np
from scipy import fft, linalg

from analysis.scores.ideal_masks import frequencies, stft, times
from analysis.scores.metrics import SDR_TAPS, MetricsError, si_snr

BANDS_HZ = (0, 250, 500, 1000, 2000, 4000, 8000, 16000, 32000)  # octaves; those below half the rate are shown
SWAP_SECONDS = 0.25
QUIET_DB = -30.0  # of a voice's mean power: a stretch below this does not show whose voice it is


@dataclass(frozen=True)
class ErrorParts:
    """An estimate (T,) as the sum of three; T + 511 samples, as filters ring on.

    The ratios are in dB.
    """

    target: np.ndarray
    interference: np.ndarray
    artefacts: np.ndarray

    @property
    def sdr(self) -> float:
        """Target over all the rest."""
        return _db(self.target, self.interference + self.artefacts)

    @property
    def sir(self) -> float:
        """Target over interference."""
        return _db(self.target, self.interference)

    @property
    def sar(self) -> float:
        """Everything that stems from a voice, over the artefacts."""
        return _db(self.target + self.interference, self.artefacts)


@dataclass(frozen=True)
class Swap:
    """A stretch (s) in which the outputs are more like the voices in another order than in the whole sound's."""

    start: float
    stop: float


def split_error(estimate: np.ndarray, references: np.ndarray, speaker: int) -> ErrorParts:
    """`ErrorParts` of the `estimate` (T,) of a `speaker` of the clean `references` (C, T).

    Raises MetricsError where a voice is silent, as no filter can make anything of it.
    """
    estimate, references = np.asarray(estimate, np.float64), np.asarray(references, np.float64)
    if not all(voice.any() for voice in references):
        raise MetricsError("A clean voice is silent, so the error cannot be split.")
    length = estimate.shape[-1] + SDR_TAPS - 1
    n = fft.next_fast_len(length, real=True)
    S, S_hat = fft.rfft(references, n), fft.rfft(estimate, n)
    of_one = _projected(S[speaker : speaker + 1], S_hat, n)[:length]
    of_all = _projected(S, S_hat, n)[:length]
    whole = np.pad(estimate, (0, SDR_TAPS - 1))
    return ErrorParts(of_one, of_all - of_one, whole - of_all)


def _projected(S: np.ndarray, S_hat: np.ndarray, n: int) -> np.ndarray:
    """The signal (n,) nearest to that of `S_hat` that filters of `SDR_TAPS` make of the signals of S (C, F)."""
    C, L = len(S), SDR_TAPS
    gram = np.empty((C * L, C * L))
    for i in range(C):
        for j in range(i, C):
            correlation = fft.irfft(S[i].conj() * S[j], n)
            block = linalg.toeplitz(np.r_[correlation[0], correlation[-1:-L:-1]], correlation[:L])
            gram[i * L : (i + 1) * L, j * L : (j + 1) * L] = block.T
            gram[j * L : (j + 1) * L, i * L : (i + 1) * L] = block
    right = fft.irfft(S.conj() * S_hat, n)[:, :L].ravel()
    try:
        taps = linalg.solve(gram, right, assume_a="pos")
    except (np.linalg.LinAlgError, ValueError):  # of nearly alike or tonal voices
        taps = np.linalg.lstsq(gram, right, rcond=None)[0]
    return fft.irfft((fft.rfft(taps.reshape(C, L), n) * S).sum(0), n)


def band_edges(rate: int) -> np.ndarray:
    """The octave bands (Hz) below half the rate, the last one ending there."""
    return np.array([*(hz for hz in BANDS_HZ if hz < rate / 2), rate / 2])


def snr_by_band(estimates: np.ndarray, references: np.ndarray, rate: int) -> np.ndarray:
    """(C, bands) dB: power of each voice over that of its error, the estimate at the level of SI-SNR. nan: no power."""
    target, error = _spectra(estimates, references, rate)
    which = np.digitize(frequencies(rate), band_edges(rate)[1:-1])
    sums = [
        np.stack([power[:, which == band].sum((1, 2)) for band in range(which.max() + 1)], 1)
        for power in (target, error)
    ]
    return _ratio(*sums)


def snr_over_time(
    estimates: np.ndarray, references: np.ndarray, rate: int, seconds: float = 0.1
) -> tuple[np.ndarray, np.ndarray]:
    """(middles (s) (K,), dB (C, K)) of successive stretches; nan where a voice is more than 30 dB below its mean."""
    target, error = (power.sum(1) for power in _spectra(estimates, references, rate))
    middles = times(target.shape[-1], rate)
    step = max(1, round(seconds / (middles[1] - middles[0]))) if len(middles) > 1 else 1
    starts = np.arange(0, len(middles), step)
    powers = [np.add.reduceat(power, starts, axis=1) for power in (target, error)]
    heard = powers[0] > 10 ** (QUIET_DB / 10) * powers[0].mean(1, keepdims=True)
    ends = np.minimum(starts + step, len(middles)) - 1
    return (middles[starts] + middles[ends]) / 2, np.where(heard, _ratio(*powers), np.nan)


def local_swaps(estimates: np.ndarray, references: np.ndarray, rate: int) -> list[Swap]:
    """Where two voices have changed places for a while, in stretches of `SWAP_SECONDS` in which both are heard.

    Estimates and references (2, T), in the order that is best on the whole. Empty for other numbers of voices.
    """
    if len(references) != 2:
        return []
    size, length = max(1, round(SWAP_SECONDS * rate)), references.shape[1]
    quiet = 10 ** (QUIET_DB / 10) * np.mean(np.square(references, dtype=np.float64), 1)
    found: list[Swap] = []
    for start in range(0, length - size + 1, size):
        here = slice(start, start + size)
        own, voices = estimates[:, here], references[:, here]
        if (np.mean(np.square(voices, dtype=np.float64), 1) < quiet).any():
            continue
        kept, swapped = (float(np.mean(si_snr(order, voices))) for order in (own, own[::-1]))
        if swapped > kept:
            begin, end = start / rate, (start + size) / rate
            if found and np.isclose(found[-1].stop, begin):
                begin = found.pop().start
            found.append(Swap(begin, end))
    return found


def _spectra(estimates: np.ndarray, references: np.ndarray, rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Powers (C, F, frames) of the voices and of the errors, the estimates at the level at which these are least."""
    references = np.asarray(references, np.float64)
    energy = np.sum(np.square(estimates, dtype=np.float64), 1, keepdims=True)
    overlap = np.sum(estimates * references, 1, keepdims=True)
    level = np.divide(np.sum(references**2, 1, keepdims=True), overlap, out=np.zeros_like(energy), where=overlap != 0)
    errors = level * estimates - references
    return np.abs(stft(references, rate)) ** 2, np.abs(stft(errors, rate)) ** 2


def _ratio(target: np.ndarray, error: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return 10 * np.log10(target / error)


def _db(target: np.ndarray, error: np.ndarray) -> float:
    return float(_ratio(np.sum(target**2), np.sum(error**2)))
