"""Filterbanks that are not learned, as in systems before and beside Conv-TasNet (Table IV, section IV-G).

Each is a pair of tables like a network's encoder and decoder, U and V (N, L): the analysis in rows, and its
least-squares inverse: of a frame by itself (the paper's Pinv), or of the STFT's overlapping frames together. The
inverse of one of its frames alone would divide by a window that is zero at the edge.
"""

from collections.abc import Callable
from dataclasses import dataclass

import librosa
import numpy as np
from scipy.signal.windows import hann

from analysis.scores.ideal_masks import WINDOW_SECONDS
from tasnet.config import TasNetConfig

from .basis import BasisError

GAMMATONE_ORDER = 2
LOWEST_CENTRE = 100.0  # Hz
MEL_BANDS = 40


@dataclass(frozen=True)
class FixedBank:
    """A filterbank by its name; `build` takes the configuration of the network that it stands beside.

    about: what it is, and whose. inverse: gives V for U.
    """

    title: str
    about: str
    build: Callable[[TasNetConfig], np.ndarray]
    inverse: Callable[[np.ndarray], np.ndarray] = lambda U: np.linalg.pinv(U).T

    def rows(self, config: TasNetConfig) -> tuple[np.ndarray, np.ndarray]:
        """Encoder U and decoder V, both (N, L). Raises BasisError where the network's filters are too short for it."""
        U = self.build(config)
        return U, self.inverse(U)


def stft_basis(rate: int) -> np.ndarray:
    """The paper's STFT (section III-E) as filters (N, L): Hann-windowed cosines, then sines, of every bin.

    L is 32 ms, N = L: the sines of the first and the last bin are zero and left out.
    """
    L = round(WINDOW_SECONDS * rate)
    phase = 2 * np.pi * np.outer(np.arange(L // 2 + 1), np.arange(L)) / L
    return hann(L, sym=False) * np.concatenate([np.cos(phase), -np.sin(phase[1 : (L + 1) // 2])])


def stft_inverse(U: np.ndarray) -> np.ndarray:
    """What the inverse STFT adds up (Griffin and Lim 1984), for the filters of `stft_basis`, all (N, L).

    Of every bin its wave under the same window, over the sum of the squares of all windows there: 3/2 everywhere, as
    the steps are a quarter of the window (section III-E). Waves count twice, for their negative frequencies, but for
    those of the first and the last bin.
    """
    L = U.shape[1]
    twice = np.full(len(U), 2.0)
    twice[[0, L // 2]] = 1
    return U * twice[:, None] / (1.5 * L)


def gammatone_basis(N: int, L: int, rate: int) -> np.ndarray:
    """The multi-phase gammatone filterbank (N, L) of Ditter and Gerkmann (ICASSP 2020, arXiv:1910.11615).

    g(t) = t^(n-1) exp(-2 pi b t) cos(2 pi f t + phi) of order n = 2, with b = ERB(f) / 1.57, at centres f one ERB apart
    from 100 Hz up. Half of the filters have their phases phi spread evenly over half a circle at each centre, the lower
    centres taking what is over; the other half are their negatives. All have the same energy. An odd N leaves
    out the last negative. Raises BasisError where N has not two filters for each centre.
    """
    last = int(_erb_rate(rate / 2) - _erb_rate(LOWEST_CENTRE))
    centres = _from_erb_rate(_erb_rate(LOWEST_CENTRE) + np.arange(last + 1))
    half = (N + 1) // 2
    if half < len(centres):
        raise BasisError(f"A gammatone filterbank at {rate} Hz has {len(centres)} centres: {N} filters are too few.")
    each = np.full(len(centres), half // len(centres))
    each[: half % len(centres)] += 1
    f = np.repeat(centres, each)[:, None]
    phi = np.concatenate([np.arange(count) * np.pi / count for count in each])[:, None]
    b = (24.7 + f / 9.265) / 1.57
    t = np.arange(1, L + 1) / rate
    rows = t ** (GAMMATONE_ORDER - 1) * np.exp(-2 * np.pi * b * t) * np.cos(2 * np.pi * f * t + phi)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return np.concatenate([rows, -rows])[:N]


def mel_basis(rate: int, bands: int = MEL_BANDS) -> np.ndarray:
    """Filters (bands, L) of 32 ms whose magnitudes are the mel filterbank's triangles, without phase.

    The triangles are librosa's (Slaney's scale) over 0 to rate / 2, each scaled to the same energy.
    """
    L = round(WINDOW_SECONDS * rate)
    triangles = librosa.filters.mel(sr=rate, n_fft=L, n_mels=bands, norm=None, dtype=np.float64)
    rows = np.roll(np.fft.irfft(triangles, L), L // 2, axis=1)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _erb_rate(f: float) -> float:
    """As Ditter and Gerkmann write it: Glasberg and Moore's scale by its natural constants."""
    return 9.265 * np.log(1 + f / (24.7 * 9.265))


def _from_erb_rate(erb: np.ndarray) -> np.ndarray:
    return (np.exp(erb / 9.265) - 1) * 24.7 * 9.265


FIXED_BANKS = {
    "stft": FixedBank(
        "STFT basis",
        "The spectrogram that the mask systems of Table IV work on: a 32 ms Hann window, as the paper's ideal masks "
        "have it. Every frequency comes as often as every other, as a cosine and a sine.",
        lambda config: stft_basis(config.sample_rate),
        stft_inverse,
    ),
    "gammatone": FixedBank(
        "Gammatone filterbank",
        "Filters after the ear, in several phases, of the network's own number and length: Ditter and Gerkmann, "
        "ICASSP 2020 (arXiv:1910.11615), who put them in the learned encoder's place.",
        lambda config: gammatone_basis(config.N, config.L, config.sample_rate),
    ),
    "mel": FixedBank(
        "Mel filterbank",
        f"{MEL_BANDS} triangles, evenly spaced on the mel scale, as filters without phase: what "
        "speech recognisers hear.",
        lambda config: mel_basis(config.sample_rate),
    ),
}
