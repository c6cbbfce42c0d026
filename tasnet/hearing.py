"""What a sound seems to be: how many voices, and whether there is noise or a room, each with a probability.

A small head (a perceptron of one hidden layer, in NumPy) reads features of the small two-voice network
(`sound_features`). It is fitted by `python -m analysis.conditions.fit_hearing` on mixtures of training speakers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from . import audio, checkpoint
from .errors import UserError
from .model import ConvTasNet
from .perceptron import Perceptron
from .places import ASSETS
from .sound_features import WINDOW, sound_features, windows_of

HEAD = ASSETS / "hearing.npz"
NETWORK = "convtasnet_small_gln_2spk_8k"
SHORTEST = 0.5  # s: shorter sounds are repeated
MOST = 3  # the most voices that are told apart: "3 or more"
SURE = 0.5  # the probability from which noise or a room is said to be there
DOUBT = 0.7  # below this probability of a number of voices the next one is said too
WORDS = ("nobody", "one person", "two people", "three people or more")


class HearingError(UserError):
    """Nothing can be said about a sound here: the network or the head is not installed."""


@dataclass(frozen=True)
class Hearing:
    """What a sound seems to be.

    voices: the probabilities of 0, 1, 2, and 3 or more voices; noise, room: that there is one.
    """

    voices: tuple[float, float, float, float]
    noise: float
    room: float

    @property
    def count(self) -> int:
        """The most probable number of voices, 3 for three or more."""
        return int(np.argmax(self.voices))

    @property
    def sure(self) -> bool:
        """Whether the number of voices is beyond doubt."""
        return self.voices[self.count] >= DOUBT

    def sentence(self, outputs: Sequence[str] = (), known: int | None = None) -> str:
        """One line on the sound, and what it means for what the `outputs` of a model give of it.

        known: how many voices there are, where that is known: a wrong impression is then told as such.
        """
        with_ = [name for name, share in (("noise", self.noise), ("a room", self.room)) if share >= SURE]
        place = f" with {' and '.join(with_)}" if with_ and self.count else ""
        sure = f"{WORDS[self.count]}{place} ({100 * self.voices[self.count]:.0f} % sure)"
        said = f"This sounds like {sure}"
        speakers = [name for name in outputs if name.startswith("Speaker")]
        if known is not None and self.count != min(known, MOST):  # what is known comes first
            there = "is" if known == 1 else "are"
            tell = f"There {there} {WORDS[min(known, MOST)]} here, as the clean signals tell"
            return f"{tell}; by its sound alone it would pass for {sure}."
        if not self.sure and known is None:
            second = int(np.argsort(self.voices)[-2])
            return f"{said}, or {WORDS[second]} ({100 * self.voices[second]:.0f} %)."
        if not speakers or self.count == len(speakers):
            return f"{said}."
        if self.count == 0:
            return f"{said}: what the outputs give is no voice."
        if self.count < len(speakers):
            others = "the other output is" if len(speakers) - self.count == 1 else "the other outputs are"
            return f"{said}: {others} what was left over."
        return f"{said}: a model of {len(speakers)} voices cannot tell all of them apart."


def hear(samples: np.ndarray, rate: int) -> Hearing:
    """What the sound (T,) at `rate` Hz seems to be. Raises AudioError for what is no sound, and HearingError."""
    model, head = listener(), hearing_head()
    own = model.config.sample_rate
    checked = audio.check_samples(samples, rate, "the sound")
    sound = long_enough(audio.resample(checked.samples, checked.rate, own), own)
    found = np.mean([head.probabilities(sound_features(model, window)[0]) for window in windows_of(sound, own)], axis=0)
    nobody, one, two, more, noise, room = map(float, found)
    return Hearing((nobody, one, two, more), noise, room)


class Head(Perceptron):
    """Features (F,) -> the logits of 0, 1, 2, 3 voices, of noise, and of a room."""

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """(6,): four that sum to one, and two."""
        logits = self(features)
        counts = np.exp(logits[: MOST + 1] - logits[: MOST + 1].max())
        return np.concatenate([counts / counts.sum(), 1 / (1 + np.exp(-logits[MOST + 1 :]))])


def long_enough(sound: np.ndarray, rate: int) -> np.ndarray:
    """(..., T), repeated where it is too short to be judged."""
    if sound.shape[-1] >= SHORTEST * rate:
        return sound
    return np.tile(sound, round(WINDOW * rate) // sound.shape[-1] + 1)[..., : round(WINDOW * rate)]


@lru_cache(maxsize=1)
def listener() -> ConvTasNet:
    """The small network by whose view sounds are judged. Raises HearingError where it is not here."""
    path = checkpoint.bundled().get(NETWORK)
    if path is None:
        raise HearingError(f"The model {NETWORK}, which listens, is not here.")
    model, _ = checkpoint.load(path)
    if not isinstance(model, ConvTasNet):
        raise HearingError(f"The model {NETWORK}, which listens, is another network here.")
    return model.eval().requires_grad_(False)


@lru_cache(maxsize=1)
def hearing_head() -> Head:
    """The head that says what a sound is. Raises HearingError where it is not here."""
    try:
        return Head.load(HEAD)
    except (OSError, KeyError, ValueError):
        raise HearingError(f"{HEAD.name}, by which sounds are judged, is not here.") from None
