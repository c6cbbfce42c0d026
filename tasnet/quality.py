"""How good a separation into two voices is, without the clean ones: the SI-SNR of each output, with an interval.

A small head reads how far several views of the sound agree (`views`), what a network that was trained to judge such
views tells (`judge`), and what the sound is heard as (`hearing`). It is fitted by
`python -m analysis.conditions.fit_quality` on voices that no network was trained on; its interval is widened until it
holds nine of ten of the windows left out (Romano et al., "Conformalized quantile regression", 2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from safetensors import SafetensorError

from . import audio, checkpoint
from .below_speech import without_offset
from .errors import UserError
from .hearing import HearingError, hear_window, long_enough, windows_of
from .judge import JudgeNetwork
from .kernels.on_cpu import OnCPU
from .mel_trunk import RATE
from .model import ConvTasNet
from .perceptron import Perceptron
from .places import ASSETS
from .views import TINY, Views, features_of, views_of

HEAD = ASSETS / "quality.npz"
JUDGE = ASSETS / "judge.safetensors"
MODELS = (  # whose outputs the head has seen
    "convtasnet_large_gln_2spk_8k",
    "convtasnet_medium_gln_2spk_8k",
    "convtasnet_medium_gln_robust_8k",
    "convtasnet_small_gln_2spk_8k",
    "convtasnet_medium_cln_2spk_8k",
    "convtasnet_small_cln_2spk_8k",
)
SECOND = "convtasnet_small_gln_2spk_8k"  # whose opinion is asked too


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
    whole = audio.check_samples(mixture, rate, "the mixture")
    centred, *_ = without_offset(whole.samples, rate)
    signals = audio.resample(np.concatenate([centred[None], sources]), rate, RATE).astype(float)
    windows = windows_of(long_enough(signals, RATE), RATE)
    try:
        found = [head(head_features(views_of(network, window[0], window[1:]), model)) for window in windows]
    except HearingError as error:
        raise QualityError(str(error)) from None
    energy = (windows[:, 1:] ** 2).sum(-1) + TINY
    return tuple(Expected(*quantiles) for quantiles in over_windows(np.array(found), energy))


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


def head_features(views: Views, model: str) -> np.ndarray:
    """The views of what a `model` made of a mixture -> (2, F), a row an output."""
    heard, told = hear_window(views.mixture), verdicts(views)
    known = [name == model for name in MODELS]
    rows = zip(features_of(views), told, told[::-1], strict=True)
    return np.stack([np.concatenate([row, this, other, heard, known]) for row, this, other in rows])


def verdicts(views: Views) -> np.ndarray:
    """(2, 3): the SI-SNR in dB of both outputs as the network that judges tells it, three quantiles each."""
    return _judge().of_both(torch.from_numpy(views.signals()).float()).double().numpy()


def over_windows(found: np.ndarray, energy: np.ndarray) -> np.ndarray:
    """SI-SNR in dB (windows, 2, Q) of outputs of some energy (windows, 2) -> (2, Q) of the whole: errors add up."""
    errors = energy[..., None] * 10 ** (-found / 10)
    return 10 * np.log10(energy.sum(0)[:, None] / errors.sum(0))


@lru_cache(maxsize=1)
def second_opinion() -> OnCPU:
    """The small network. Raises QualityError where it is not here."""
    path = checkpoint.bundled().get(SECOND)
    model = None if path is None else checkpoint.load(path)[0]
    if not isinstance(model, ConvTasNet):
        raise QualityError(f"The model {SECOND}, by whose opinion separations are judged, is not here.")
    return OnCPU(model.eval().requires_grad_(False))


@lru_cache(maxsize=1)
def _judge() -> JudgeNetwork:
    try:
        return JudgeNetwork.load(JUDGE)
    except (OSError, RuntimeError, SafetensorError):
        raise QualityError(f"{JUDGE.name}, by which separations are judged, is not here.") from None


@lru_cache(maxsize=1)
def _head() -> Perceptron:
    try:
        return Perceptron.load(HEAD)
    except (OSError, KeyError, ValueError):
        raise QualityError(f"{HEAD.name}, by which separations are judged, is not here.") from None
