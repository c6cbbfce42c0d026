"""Pauses (section V): one speaker is silent for t seconds in the middle of a mixture, while the others go on."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.scores.metrics import output_order, sdr
from tasnet import Separator
from tasnet.errors import UserError
from tasnet.mixture import Mixture

FADE_SECONDS = 0.01  # where a voice is cut for a pause
SECONDS = (0, 0.5, 1, 2, 4, 8, 16, 30)
AXIS = "Pause of one speaker (s)"


class PauseError(UserError):
    """A sound whose speakers cannot be given a pause, said in one sentence."""


@dataclass(frozen=True)
class PauseCurve:
    """SDR of what follows a pause over its length, of one sound or of several.

    values: lengths in s. sdr, unprocessed: (sounds, values) dB, the mean over the speakers of the separated voices, and
    of the mixture taken for each of them; nan where undefined. Each voice is expected on the output that it had before;
    `best` is the SDR if it may be on any, and `swapped` says where that differs.
    """

    values: tuple[float, ...]
    sdr: np.ndarray
    unprocessed: np.ndarray
    best: np.ndarray
    swapped: np.ndarray  # (sounds, values) bool


def measure_pauses(
    separator: Separator,
    sounds: Sequence[Mixture],
    values: Sequence[float] = SECONDS,
    progress: Callable[[float], None] = lambda done: None,
) -> PauseCurve:
    """The curve of `separator` on `sounds`; `progress` is called with the fraction done.

    Raises PauseError where a sound has no references, or not as many as the network has outputs.
    """
    found = np.full((4, len(sounds), len(values)), np.nan)
    for i, sound in enumerate(sounds):
        if sound.references is None or len(sound.references) != separator.config.C:
            raise PauseError(f"{separator.name} needs a mixture of {separator.config.C} voices that are known.")
        for j, value in enumerate(values):
            found[:, i, j] = _after_pause(separator, sound, value)
            progress((i * len(values) + j + 1) / (len(sounds) * len(values)))
    score, unprocessed, best, swapped = found
    return PauseCurve(tuple(values), score, unprocessed, best, swapped == 1)


def pause_speaker(sound: Mixture, seconds: float, speaker: int = -1) -> tuple[Mixture, int, int]:
    """`sound` with a pause of `speaker` in its middle, and the pause's first sample and the one after its last.

    The others go on: they repeat what they said from the beginning, for as long as the pause lasts.
    """
    middle, pause = sound.sources.shape[1] // 2, round(seconds * sound.rate)
    if not pause:
        return sound, middle, middle
    fade = np.linspace(1, 0, min(round(FADE_SECONDS * sound.rate), middle))
    voices = []
    for number, voice in enumerate(sound.sources):
        fill = np.resize(voice, pause) if number != speaker % len(sound.sources) else np.zeros(pause)
        pieces = [voice[:middle].copy(), fill.astype(np.float32), voice[middle:].copy()]
        for left, right in itertools.pairwise(pieces):
            ends = min(len(fade), len(left), len(right))
            left[-ends:] *= fade[:ends]
            right[:ends] *= fade[:ends][::-1]
        voices.append(np.concatenate(pieces))
    references = np.stack(voices).astype(np.float32)
    return replace(sound, mixture=references.sum(0), references=references), middle, middle + pause


def _after_pause(separator: Separator, sound: Mixture, seconds: float) -> tuple[float, float, float, bool]:
    """The scores of what follows the pause."""
    task = separator.facts.task
    paused, begin, end = pause_speaker(sound, seconds)
    sources = separator.separate(paused.mixture, paused.rate).sources
    clean, later = paused.sources[:, end:], sources[:, end:]
    before = output_order(task, sources[:, :begin], paused.sources[:, :begin])
    after = output_order(task, later, clean)
    unprocessed = _sdr(np.broadcast_to(paused.mixture[end:], clean.shape), clean)
    return _sdr(later[before], clean), unprocessed, _sdr(later[after], clean), before != after


def _sdr(estimates: np.ndarray, references: np.ndarray) -> float:
    return float(sdr(estimates, references).mean())
