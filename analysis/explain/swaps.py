"""Exchange phase and magnitude between the mixture, the network's voices and the clean ones, in the paper's STFT.

A magnitude mask keeps the mixture's phase; a network on waveforms produces its own. Which of the two its score depends
on is measured by giving each voice the magnitude of one signal and the phase of another.
"""

from dataclasses import dataclass

import numpy as np

from analysis.scores.ideal_masks import istft, stft
from analysis.scores.metrics import si_snr

MIXTURE, NETWORK, CLEAN = "mixture", "network", "clean"
PARTS = (MIXTURE, NETWORK, CLEAN)


@dataclass(frozen=True)
class PhaseSwaps:
    """sounds: {(magnitude of, phase of): (C, T)}; scores: the mean SI-SNR (dB) over the voices, nan where undefined."""

    sounds: dict[tuple[str, str], np.ndarray]
    scores: dict[tuple[str, str], float]


def exchange(magnitude: np.ndarray, phase: np.ndarray, rate: int) -> np.ndarray:
    """The signals (..., T) with the STFT magnitude of the first and the STFT phase of the second, of one length.

    Where the second is silent its phase is 0. The STFT of what comes back need not have that magnitude: few
    combinations are the STFT of any signal, and `istft` gives the nearest.
    """
    size, turn = np.abs(stft(magnitude, rate)), np.angle(stft(phase, rate))
    return istft(size * np.exp(1j * turn), rate, magnitude.shape[-1])


def phase_swaps(estimates: np.ndarray, references: np.ndarray, mixture: np.ndarray, rate: int) -> PhaseSwaps:
    """Every pair of `PARTS` as magnitude and phase: estimates and references (C, T) in one order, mixture (T,)."""
    signals = {MIXTURE: np.broadcast_to(mixture, references.shape), NETWORK: estimates, CLEAN: references}
    sounds = {
        (one, other): signals[one] if one == other else exchange(signals[one], signals[other], rate)
        for one in PARTS
        for other in PARTS
    }
    scores = {pair: float(np.mean(si_snr(sound, references))) for pair, sound in sounds.items()}
    return PhaseSwaps(sounds, scores)
