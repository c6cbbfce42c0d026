"""MISI: phases that agree with given magnitudes and add up to the mixture, on arrays and on tensors alike."""

from collections.abc import Callable, Iterator
from typing import Any

TINY = 1e-30


def misi(
    magnitudes: Any,
    mixture: Any,
    iterations: int,
    stft: Callable[[Any], Any],
    istft: Callable[[Any], Any],
) -> Iterator[Any]:
    """Voices (C, T) with the STFT `magnitudes` (C, ...), before and after each of the `iterations`.

    Multiple input spectrogram inversion (Gunawan and Sen, 2010). Every voice begins with the phase of the `mixture`
    (T,). In each iteration what the voices' sum lacks of the mixture is shared out evenly, and the phases of what comes
    of it are put to the given magnitudes. `stft` and `istft` are those that the magnitudes are of.
    """
    voices = istft(magnitudes * _phases(stft(mixture)))
    yield voices
    for _ in range(iterations):
        missing = (mixture - voices.sum(0)) / len(voices)
        voices = istft(magnitudes * _phases(stft(voices + missing)))
        yield voices


def _phases(X: Any) -> Any:
    """Complex numbers of length 1; 0 where there is nothing."""
    return X / (abs(X) + TINY)
