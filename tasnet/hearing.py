"""What a sound seems to be: how many voices, and whether there is noise or a room, each with a probability.

A small network of its own listens (`listener`), trained by `python -m analysis.conditions.fit_hearing` on mixtures of
training speakers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from safetensors import SafetensorError

from . import audio
from .below_speech import without_offset
from .errors import UserError
from .listener import MOST, HearingNetwork
from .mel_trunk import RATE
from .places import ASSETS

NETWORK = ASSETS / "hearing.safetensors"
WINDOW = 4.0  # s
MOST_WINDOWS = 6  # of a long sound, spread evenly
SHORTEST = 0.5  # s: shorter sounds are repeated
SURE = 0.5  # the probability from which noise or a room is said to be there
DOUBT = 0.7  # below this probability of a number of voices the next one is said too
WORDS = ("nobody", "one person", "two people", "three people or more")


class HearingError(UserError):
    """Nothing can be said about a sound here: the network that listens is not installed."""


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
    checked = audio.check_samples(samples, rate, "the sound")
    centred, *_ = without_offset(audio.resample(checked.samples, checked.rate, RATE), RATE)
    sound = long_enough(centred, RATE)
    found = np.mean([hear_window(window) for window in windows_of(sound, RATE)], axis=0)
    nobody, one, two, more, noise, room = map(float, found)
    return Hearing((nobody, one, two, more), noise, room)


def hear_window(window: np.ndarray) -> np.ndarray:
    """The probabilities (6,) of 0, 1, 2, 3 or more voices, noise and a room in (T,) at 8 kHz. Raises HearingError."""
    return (
        _listener().probabilities(torch.from_numpy(np.ascontiguousarray(window, np.float32))[None])[0].double().numpy()
    )


def windows_of(samples: np.ndarray, rate: int) -> np.ndarray:
    """(windows, ..., T) of at most `WINDOW` seconds each, from (..., samples), evenly spread."""
    size, length = round(WINDOW * rate), samples.shape[-1]
    if length <= size:
        return samples[None]
    count = min(MOST_WINDOWS, -(-length // size))
    starts = np.linspace(0, length - size, count).astype(int)
    return np.stack([samples[..., start : start + size] for start in starts])


def long_enough(sound: np.ndarray, rate: int) -> np.ndarray:
    """(..., T), repeated where it is too short to be judged."""
    if sound.shape[-1] >= SHORTEST * rate:
        return sound
    return np.tile(sound, round(WINDOW * rate) // sound.shape[-1] + 1)[..., : round(WINDOW * rate)]


@lru_cache(maxsize=1)
def _listener() -> HearingNetwork:
    try:
        return HearingNetwork.load(NETWORK)
    except (OSError, RuntimeError, SafetensorError):
        raise HearingError(f"{NETWORK.name}, by which sounds are judged, is not here.") from None
