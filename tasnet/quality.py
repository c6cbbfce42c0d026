"""How good a separation into two voices is, without the clean ones: the SI-SNR of each output, with an interval.

A small head reads how far several views of the sound agree: a model's outputs, those of the small network
(`second_opinion`), and what that finds again when the two outputs are mixed anew, one of them moved in time; besides,
what it hears (`hearing`). It is fitted by `python -m analysis.conditions.fit_quality` on voices that no model was
trained on; its interval is widened until it holds nine of ten of the windows left out (Romano et al., "Conformalized
quantile regression", 2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from . import audio, checkpoint
from .below_speech import without_offset
from .errors import UserError
from .hearing import HearingError, hear_window, long_enough, windows_of
from .model import ConvTasNet
from .perceptron import Perceptron
from .places import ASSETS
from .tracking import best_order

HEAD = ASSETS / "quality.npz"
MODELS = (  # whose outputs the head has seen
    "convtasnet_large_gln_2spk_8k",
    "convtasnet_medium_gln_2spk_8k",
    "convtasnet_small_gln_2spk_8k",
    "convtasnet_medium_cln_2spk_8k",
    "convtasnet_small_cln_2spk_8k",
)
SECOND = "convtasnet_small_gln_2spk_8k"  # whose opinion is asked too
LOWEST, HIGHEST = -10.0, 30.0  # dB: further out two views are not told apart
QUIETEST, LEAST = 1e-4, 1e-5  # of the mixture's power: an output, and what the outputs do not explain
PIECE = 0.25  # s, in which two views are compared too
FRAME = 256  # samples, of the spectra whose overlap is taken
TINY = 1e-9


class QualityError(UserError):
    """Nothing can be said about a separation: what judges it is not installed, or does not know the model."""


@dataclass(frozen=True)
class Expected:
    """The SI-SNR in dB that one output is expected to have, between the limits within which nine of ten lie."""

    low: float
    median: float
    high: float


def expected_quality(mixture: np.ndarray, sources: np.ndarray, rate: int, model: str) -> tuple[Expected, ...]:
    """What to expect of `sources` (2, T), which the bundled `model` made of the `mixture` (T,) at `rate` Hz.

    Of two voices or more: where there is one, the second output is no voice, and the first mostly better than can be
    told.

    Raises AudioError for what is no sound, and QualityError.
    """
    if model not in MODELS or len(sources) != 2:
        raise QualityError(f"What {model} makes of a sound cannot be judged without the clean voices.")
    network, head = second_opinion(), _head()
    own = network.config.sample_rate
    whole = audio.check_samples(mixture, rate, "the mixture")
    centred, *_ = without_offset(whole.samples, rate)
    signals = audio.resample(np.concatenate([centred[None], sources]), rate, own)
    found, energy = [], []
    for window in windows_of(long_enough(signals, own), own):
        x, voices = window[0].astype(float), window[1:].astype(float)
        try:
            heard = hear_window(x)
        except HearingError as error:
            raise QualityError(str(error)) from None
        found.append(head(head_features(heard, views(network, x, voices, separated_by(network, x)), model)))
        energy.append((voices**2).sum(1) + TINY)
    return tuple(Expected(*quantiles) for quantiles in over_windows(np.array(found), np.array(energy)))


def in_words(
    expected: Sequence[Expected], outputs: Sequence[str], measured: Sequence[float | None] = (None, None)
) -> str:
    """One line on what to expect of the `outputs`; measured: their SI-SNR in dB, where the clean voices are known."""
    said = []
    for name, of, value in zip(outputs, expected, measured, strict=True):
        beside = "" if value is None else f"; measured: {_whole(value)}"
        said.append(f"{name} at {_whole(of.median)} dB ({_whole(of.low)} to {_whole(of.high)}{beside})")
    return f"SI-SNR as guessed without the clean voices: {', '.join(said)}; nine of ten lie within such limits."


def _whole(value: float) -> str:
    text = f"{value:.0f}"
    return "0" if text == "-0" else text.replace("-", "−")


def head_features(heard: np.ndarray, view: np.ndarray, model: str) -> np.ndarray:
    """What the sound is heard as (6,) and the `views` (2, V) of a `model`'s outputs -> (2, F), a row an output."""
    return np.stack([np.concatenate([row, heard, [name == model for name in MODELS]]) for row in view])


def over_windows(found: np.ndarray, energy: np.ndarray) -> np.ndarray:
    """SI-SNR in dB (windows, 2, Q) of outputs of some energy (windows, 2) -> (2, Q) of the whole: errors add up."""
    errors = energy[..., None] * 10 ** (-found / 10)
    return 10 * np.log10(energy.sum(0)[:, None] / errors.sum(0))


@torch.inference_mode()
def separated_by(network: ConvTasNet, mixture: np.ndarray) -> np.ndarray:
    """What `network` makes of a mixture (T,) at its rate: (2, T), at no certain level."""
    x = torch.from_numpy(np.ascontiguousarray(mixture, np.float32))[None]
    return network(x / x.square().mean().sqrt().clamp(min=1e-6))[0].double().numpy()


def views(network: ConvTasNet, mixture: np.ndarray, sources: np.ndarray, second_view: np.ndarray) -> np.ndarray:
    """mixture (T,), outputs (2, T) and those of the small network for it (2, T) -> (2, V), one row an output.

    Nothing depends on the level of the sound, nor on the order of the outputs but for that of the rows.
    """
    gains = np.linalg.lstsq(sources.T, mixture, rcond=None)[0]
    sources = sources * gains[:, None]
    second_view = second_view[best_order(second_view, sources)]
    power = (mixture**2).sum() + TINY
    share = 10 * np.log10(np.maximum((sources**2).sum(1) / power, QUIETEST))
    rest = 10 * np.log10(max(((mixture - sources.sum(0)) ** 2).sum() / power, LEAST))
    moved = np.stack([sources[0], np.roll(sources[1], sources.shape[1] // 2)])
    again = separated_by(network, moved.sum(0))
    seen, found_again = agreement(sources, second_view), agreement(moved, again)
    size = round(PIECE * network.config.sample_rate)
    pieces = min(sources.shape[1], second_view.shape[1]) // size
    steady = np.quantile(
        _cosine(_pieces(sources, size)[:, :pieces], _pieces(second_view, size)[:, :pieces]), (0.1, 0.5, 0.9), axis=1
    )
    spectra = np.abs(np.fft.rfft(_pieces(sources, FRAME) * np.hanning(FRAME)))
    overlap = 10 * np.minimum(*spectra).sum() / (np.maximum(*spectra).sum() + TINY)
    between = 10 * abs(_cosine(*sources))
    rows = []
    for one, other in ((0, 1), (1, 0)):
        pair = [seen[one], seen[other], found_again[one], found_again[other], share[one], share[other], rest]
        rows.append([*pair, *(10 * steady[:, one]), *(10 * steady[:, other]), between, overlap])
    return np.array(rows)


def agreement(these: np.ndarray, those: np.ndarray) -> np.ndarray:
    """(C, T), (C, T) -> (C,): SI-SNR in dB of every row with its partner in the best order, within limits."""
    those = those[best_order(those, these)]
    shared = (these * those).sum(1) ** 2
    apart = np.maximum((these**2).sum(1) * (those**2).sum(1) - shared, 0)
    return np.clip(10 * np.log10((shared + TINY) / (apart + TINY)), LOWEST, HIGHEST)


def _pieces(signals: np.ndarray, size: int) -> np.ndarray:
    """(C, T) -> (C, pieces, size), without the rest."""
    return signals[:, : signals.shape[1] // size * size].reshape(len(signals), -1, size)


def _cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(..., T), (..., T) -> (...)."""
    return (a * b).sum(-1) / np.sqrt((a**2).sum(-1) * (b**2).sum(-1) + TINY)


@lru_cache(maxsize=1)
def second_opinion() -> ConvTasNet:
    """The small network. Raises QualityError where it is not here."""
    path = checkpoint.bundled().get(SECOND)
    model = None if path is None else checkpoint.load(path)[0]
    if not isinstance(model, ConvTasNet):
        raise QualityError(f"The model {SECOND}, by whose opinion separations are judged, is not here.")
    return model.eval().requires_grad_(False)


@lru_cache(maxsize=1)
def _head() -> Perceptron:
    try:
        return Perceptron.load(HEAD)
    except (OSError, KeyError, ValueError):
        raise QualityError(f"{HEAD.name}, by which separations are judged, is not here.") from None
