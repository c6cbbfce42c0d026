"""Several views of one separation into two voices, and how far they agree: what it is judged by without clean voices.

The views are a model's outputs, those of the small network, and what that finds again when the two outputs are mixed
anew, one of them moved in time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from .mel_trunk import RATE
from .tracking import best_order

LOWEST, HIGHEST = -10.0, 30.0  # dB: further out two views are not told apart
QUIETEST, LEAST = 1e-4, 1e-5  # of the mixture's power: an output, and what the outputs do not explain
PIECE = 0.25  # s, in which two views are compared too
FRAME = 256  # samples, of the spectra whose overlap is taken
TINY = 1e-9
TURNED = [0, 2, 1, 4, 3, 6, 5]  # of `Views.signals`
Network = Callable[[torch.Tensor], torch.Tensor]  # mixture (batch, T) -> sources (batch, 2, T)


@torch.inference_mode()
def separated_by(network: Network, mixture: np.ndarray) -> np.ndarray:
    """What `network` makes of a mixture (T,) at its rate: (2, T), at no certain level."""
    x = torch.from_numpy(np.ascontiguousarray(mixture, np.float32))[None]
    return network(x / x.square().mean().sqrt().clamp(min=1e-6))[0].double().numpy()


@dataclass(frozen=True)
class Views:
    """A mixture (T,) at 8 kHz and what was made of it, each (2, T).

    sources: the outputs, scaled to add up to it; second: those of the small network, in their order; moved: the outputs
    with the second moved by half the time; again: what the small network finds in the sum of these.
    """

    mixture: np.ndarray
    sources: np.ndarray
    second: np.ndarray
    moved: np.ndarray
    again: np.ndarray

    def signals(self) -> np.ndarray:
        """(7, T), what the network looks at that judges the first output: the mixture, both outputs, what is between
        each and the second view, and between each and what was found again. In the order `TURNED` they are what it
        judges the second by."""
        between, found = _rest(self.sources, self.second), _rest(self.moved, self.again)
        found[1] = np.roll(found[1], -(len(self.mixture) // 2))
        return np.concatenate([self.mixture[None], self.sources, between, found])


def _rest(these: np.ndarray, those: np.ndarray) -> np.ndarray:
    """Of every row of `these` (2, T) what is not along that of `those`."""
    along = (these * those).sum(1) / ((those**2).sum(1) + TINY)
    return these - along[:, None] * those


def views_of(network: Network, mixture: np.ndarray, sources: np.ndarray) -> Views:
    """A mixture (T,) and outputs (2, T) at the rate of the small `network`.

    Nothing depends on the level of the sound, nor on the order of the outputs but for that of the rows.
    """
    gains = np.linalg.lstsq(sources.T, mixture, rcond=None)[0]
    sources = sources * gains[:, None]
    moved = np.stack([sources[0], np.roll(sources[1], sources.shape[1] // 2)])
    second, again = separated_by(network, mixture), separated_by(network, moved.sum(0))
    return Views(mixture, sources, second[best_order(second, sources)], moved, again[best_order(again, moved)])


def features_of(views: Views) -> np.ndarray:
    """(2, V), one row an output: how far the views agree, and how much is where."""
    mixture, sources = views.mixture, views.sources
    power = (mixture**2).sum() + TINY
    share = 10 * np.log10(np.maximum((sources**2).sum(1) / power, QUIETEST))
    rest = 10 * np.log10(max(((mixture - sources.sum(0)) ** 2).sum() / power, LEAST))
    seen, found_again = agreement(sources, views.second), agreement(views.moved, views.again)
    size = round(PIECE * RATE)
    steady = np.quantile(_cosine(_pieces(sources, size), _pieces(views.second, size)), (0.1, 0.5, 0.9), axis=1)
    spectra = np.abs(np.fft.rfft(_pieces(sources, FRAME) * np.hanning(FRAME)))
    overlap = 10 * np.minimum(*spectra).sum() / (np.maximum(*spectra).sum() + TINY)
    between = 10 * abs(_cosine(*sources))
    rows = []
    for one, other in ((0, 1), (1, 0)):
        pair = [seen[one], seen[other], found_again[one], found_again[other], share[one], share[other], rest]
        rows.append([*pair, *(10 * steady[:, one]), *(10 * steady[:, other]), between, overlap])
    return np.array(rows)


def agreement(these: np.ndarray, those: np.ndarray) -> np.ndarray:
    """(C, T), (C, T) -> (C,): SI-SNR in dB of every row with its partner, within limits."""
    shared = (these * those).sum(1) ** 2
    apart = np.maximum((these**2).sum(1) * (those**2).sum(1) - shared, 0)
    return np.clip(10 * np.log10((shared + TINY) / (apart + TINY)), LOWEST, HIGHEST)


def _pieces(signals: np.ndarray, size: int) -> np.ndarray:
    """(C, T) -> (C, pieces, size), without the rest."""
    return signals[:, : signals.shape[1] // size * size].reshape(len(signals), -1, size)


def _cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(..., T), (..., T) -> (...)."""
    return (a * b).sum(-1) / np.sqrt((a**2).sum(-1) * (b**2).sum(-1) + TINY)
