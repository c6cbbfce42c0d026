"""What a mask's phase costs: the mixture's, one iterated by MISI, or the clean voice's own (section I of the paper).

An ideal mask decides the magnitude alone. MISI (Gunawan and Sen, 2010; WA-MISI-5 of Table IV unfolds five of its
iterations behind a network) looks for the phases that agree with these magnitudes and add up to the mixture.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tasnet.spectral.phase import misi

from .ideal_masks import MASKS, ideal_mask, istft, stft
from .metrics import si_snr

ITERATIONS = 10


@dataclass(frozen=True)
class PhaseCost:
    """One ideal mask with three kinds of phase: the mean SI-SNRi (dB) over the voices, NaN where undefined.

    iterated:  (K + 1,) with the mixture's phase, then after each of K iterations of MISI.
    clean:     with the clean voices' own phases, which no real system knows.
    """

    mask: str
    iterated: np.ndarray
    clean: float


def iterate_phases(magnitudes: np.ndarray, mixture: np.ndarray, rate: int, iterations: int) -> Iterator[np.ndarray]:
    """Voices (C, T) with the STFT `magnitudes` (C, F, frames), before and after each iteration of MISI; see `misi`."""
    length = mixture.shape[-1]
    return misi(magnitudes, mixture, iterations, lambda x: stft(x, rate), lambda X: istft(X, rate, length))


def with_phases_of(voices: np.ndarray, magnitudes: np.ndarray, rate: int) -> np.ndarray:
    """The signals (C, T) with the `magnitudes` (C, F, frames) and the phases of the `voices` (C, T)."""
    return istft(magnitudes * np.exp(1j * np.angle(stft(voices, rate))), rate, voices.shape[-1])


def masked_magnitudes(mask: str, mixture: np.ndarray, references: np.ndarray, rate: int) -> np.ndarray:
    """Magnitudes (C, F, frames) that the ideal `mask` of the `references` (C, T) leaves of the `mixture` (T,)."""
    return ideal_mask(mask, references, rate, mixture) * np.abs(stft(mixture, rate))


def phase_costs(
    mixture: np.ndarray, references: np.ndarray, rate: int, iterations: int = ITERATIONS
) -> tuple[PhaseCost, ...]:
    """`PhaseCost` of every ideal mask on a `mixture` (T,) of `references` (C, T), in float64."""
    mixture, references = np.asarray(mixture, np.float64), np.asarray(references, np.float64)
    unprocessed = si_snr(np.broadcast_to(mixture, references.shape), references)

    def improvement(voices: np.ndarray) -> float:
        return float(np.mean(si_snr(voices, references) - unprocessed))

    found = []
    for mask in MASKS:
        magnitudes = masked_magnitudes(mask, mixture, references, rate)
        iterated = np.array([improvement(voices) for voices in iterate_phases(magnitudes, mixture, rate, iterations)])
        found.append(PhaseCost(mask, iterated, improvement(with_phases_of(references, magnitudes, rate))))
    return tuple(found)
