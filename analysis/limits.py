"""The limits that section V names: pauses of a speaker, noise, reverberation; each as a curve over its size.

pause           one speaker is silent for t seconds in the middle, while the others go on
noise           white or speech-shaped noise at a ratio to the mixture's active speech level (ITU-T P.56)
reverberation   every voice in a room of its own response, h(t) = direct sound + decaying noise (Polack's model)
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.signal import fftconvolve

from analysis.scores.metrics import best_permutation, sdr
from tasnet import Separator
from tasnet.data.disturbed import at_snr
from tasnet.errors import UserError
from tasnet.mixture import Mixture
from tasnet.training_facts import SPEECH_FROM_NOISE

NOISES = ("speech-shaped", "white")
FADE_SECONDS = 0.01  # where a voice is cut for a pause
ROOM_M3 = 60.0  # 5 m x 4 m x 3 m
DISTANCE_M = 1.0  # from the speakers to the microphone
SEED = 0


class LimitError(UserError):
    """A sound that cannot be used for this test, said in one sentence."""


@dataclass(frozen=True)
class Limit:
    """One test: what is varied, from easy to hard."""

    axis: str
    unit: str
    values: tuple[float, ...]


LIMITS = {
    "pause": Limit("Pause of one speaker (s)", "s", (0, 0.5, 1, 2, 4, 8, 16, 30)),
    "noise": Limit("Speech-to-noise ratio (dB)", "dB", (40, 30, 20, 15, 10, 5, 0, -5)),
    "reverberation": Limit("Reverberation time T60 (s)", "s", (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0)),
}


@dataclass(frozen=True)
class LimitCurve:
    """SDR over the size of the disturbance, of one sound or of several.

    sdr, unprocessed: (sounds, values) dB, the mean over the speakers of the separated voices, and of the mixture taken
    for each of them; nan where undefined. After a pause each voice is expected on the output that it had before;
    `best` is the SDR if it may be on any (elsewhere equal to `sdr`), and `swapped` says where that differs.
    """

    values: tuple[float, ...]
    sdr: np.ndarray
    unprocessed: np.ndarray
    best: np.ndarray
    swapped: np.ndarray  # (sounds, values) bool


def measure_limit(
    limit: str,
    separator: Separator,
    sounds: Sequence[Mixture],
    *,
    noise: str = NOISES[0],
    values: Sequence[float] | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> LimitCurve:
    """The curve of `separator` on `sounds` for a key of `LIMITS`; `noise` is one of `NOISES`.

    `progress` is called with the fraction done. Raises LimitError where a sound has no references, or not as many as
    the network has outputs.
    """
    values = LIMITS[limit].values if values is None else tuple(values)
    found = np.full((4, len(sounds), len(values)), np.nan)
    for i, sound in enumerate(sounds):
        if sound.references is None or len(sound.references) != separator.config.C:
            raise LimitError(f"{separator.name} needs a mixture of {separator.config.C} voices that are known.")
        for j, value in enumerate(values):
            if limit == "pause":
                found[:, i, j] = _after_pause(separator, sound, value)
            else:
                harder = add_noise(sound, value, noise) if limit == "noise" else reverberate(sound, value)
                found[:, i, j] = _scored(separator, harder)
            progress((i * len(values) + j + 1) / (len(sounds) * len(values)))
    score, unprocessed, best, swapped = found
    return LimitCurve(values, score, unprocessed, best, swapped == 1)


def add_noise(sound: Mixture, snr_db: float, kind: str = NOISES[0]) -> Mixture:
    """`sound` with noise, the same one at every level; the references stay the clean voices.

    snr_db: active speech level of the mixture over the power of the noise. kind: "white", or "speech-shaped", whose
    spectrum is that of the mixture, with random phases.
    """
    noise = np.random.default_rng(SEED).standard_normal(len(sound.mixture))
    if kind == "speech-shaped":
        spectrum = np.fft.rfft(noise)
        spectrum *= np.abs(np.fft.rfft(sound.mixture)) / np.maximum(np.abs(spectrum), 1e-12)
        noise = np.fft.irfft(spectrum, len(sound.mixture))
    noise *= at_snr(sound.mixture, noise, snr_db, sound.rate)
    return replace(sound, mixture=(sound.mixture + noise).astype(np.float32))


def room_response(t60: float, rate: int, seed: int) -> np.ndarray:
    """(T,) float64: a direct sound of 1 and a tail of Gaussian noise that decays by 60 dB in `t60` seconds.

    The tail's energy follows from the room (Sabine): at the critical distance 0.057 sqrt(V / T60) it is that of the
    direct sound, and the direct sound falls with the square of the distance. Here V = 60 m^3 and 1 m of distance, so
    the direct-to-reverberant ratio is -4 dB at T60 = 0.5 s.
    """
    tail = np.random.default_rng(seed).standard_normal(round(t60 * rate))
    response = np.concatenate([[1.0], tail * 10 ** (-3 * np.arange(1, len(tail) + 1) / max(1, len(tail)))])
    if len(tail):
        direct_to_tail = 0.057**2 * ROOM_M3 / t60 / DISTANCE_M**2
        response[1:] /= np.sqrt(np.sum(response[1:] ** 2) * direct_to_tail)
    return response


def reverberate(sound: Mixture, t60: float) -> Mixture:
    """`sound` with every voice in its own `room_response`; the references are the voices with their reverberation.

    Separation is asked for, not dereverberation.
    """
    length = len(sound.mixture)
    voices = np.stack(
        [
            fftconvolve(voice, room_response(t60, sound.rate, SEED + speaker))[:length]
            for speaker, voice in enumerate(sound.sources)
        ]
    )
    rest = sound.mixture - sound.sources.sum(0)
    return replace(sound, mixture=(voices.sum(0) + rest).astype(np.float32), references=voices.astype(np.float32))


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


def _scored(separator: Separator, sound: Mixture) -> tuple[float, float, float, bool]:
    sources = separator.separate(sound.mixture, sound.rate).sources
    score = _sdr(sources[_order(separator, sources, sound.sources)], sound.sources)
    return score, _sdr(np.broadcast_to(sound.mixture, sound.sources.shape), sound.sources), score, False


def _after_pause(separator: Separator, sound: Mixture, seconds: float) -> tuple[float, float, float, bool]:
    """The scores of what follows the pause."""
    paused, begin, end = pause_speaker(sound, seconds)
    sources = separator.separate(paused.mixture, paused.rate).sources
    clean, later = paused.sources[:, end:], sources[:, end:]
    before = _order(separator, sources[:, :begin], paused.sources[:, :begin])
    after = _order(separator, later, clean)
    unprocessed = _sdr(np.broadcast_to(paused.mixture[end:], clean.shape), clean)
    return _sdr(later[before], clean), unprocessed, _sdr(later[after], clean), before != after


def _order(separator: Separator, sources: np.ndarray, references: np.ndarray) -> list[int]:
    """The output that is each voice."""
    if separator.facts.task == SPEECH_FROM_NOISE:
        return list(range(len(references)))
    return list(best_permutation(sources, references))


def _sdr(estimates: np.ndarray, references: np.ndarray) -> float:
    return float(sdr(estimates, references).mean())
