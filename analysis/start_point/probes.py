"""What upsets separation: experiments from the literature on hearing and on networks, each controlled by one number.

A probe turns a mixture with its clean voices into another one of the same rate, and says which voices are then the
targets. Its values go from easy to hard. All random draws are seeded: the same every time.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy import signal

from tasnet.data.speech_level import active_speech_level
from tasnet.mixture import Mixture

from .pitch import Pitch, flattened, jittered, track

FADE_SECONDS = 0.005  # where a voice is cut
GAPS_A_SECOND = 4
LEAD_SECONDS = 1.0  # the longest lead of a voice
TONE_SECONDS = 0.1
TAPS = 513  # of the band-stop filter


@dataclass(frozen=True)
class Probe:
    """One experiment.

    axis:   what is varied, with its unit, as on an axis of a figure; unit: of a value in a sentence.
    values: those that the curves are measured at, from easy to hard.
    about:  what is done, in whole sentences; source: where the experiment is from.
    apply:  (mixture with references, value) -> the new mixture and its target voices.
    skip:   seconds at the beginning that are not scored.
    speech: whether the result is still speech; otherwise PESQ and STOI mean nothing.
    """

    title: str
    axis: str
    unit: str
    values: tuple[float, ...]
    about: str
    source: str
    apply: Callable[[Mixture, float], Mixture]
    skip: float = 0.0
    speech: bool = True

    def scored(self, signals: np.ndarray, rate: int) -> np.ndarray:
        """The part of `signals` (..., T) that is scored."""
        return signals[..., round(self.skip * rate) :]


def detune(sound: Mixture, percent: float) -> Mixture:
    """The last voice with its partials out of tune by up to `percent` of its fundamental."""
    voices = sound.sources.copy()
    voices[-1] = jittered(voices[-1], sound.rate, percent / 100, pitch=_pitch(voices[-1].tobytes(), sound.rate))
    return remixed(sound, voices)


def set_pitches(sound: Mixture, semitones: float) -> Mixture:
    """Every voice on a flat pitch, `semitones` from one to the next, about the geometric mean of their own.

    The voice that was highest stays so. A voice without any pitch is left as it is.
    """
    pitches = [_pitch(voice.tobytes(), sound.rate) for voice in sound.sources]
    middles = np.array([pitch.middle for pitch in pitches])
    known = np.isfinite(middles)
    if not known.any():
        return sound
    centre = np.exp(np.log(middles[known]).mean())
    ranks = np.argsort(np.argsort(np.where(known, middles, np.inf)))
    steps = semitones * (ranks - (len(ranks) - 1) / 2)
    voices = [
        flattened(voice, sound.rate, centre * 2 ** (step / 12), pitch)
        for voice, step, pitch in zip(sound.sources, steps, pitches, strict=True)
    ]
    return remixed(sound, np.stack(voices))


def set_level(sound: Mixture, decibels: float) -> Mixture:
    """Set the first voice `decibels` above each of the others, by active speech level (ITU-T P.56)."""
    levels = [active_speech_level(voice, sound.rate) for voice in sound.sources]
    wanted = [levels[0], *([levels[0] - decibels] * (len(levels) - 1))]
    gains = 10 ** ((np.array(wanted) - levels) / 20)
    return remixed(sound, gains[:, None] * sound.sources, snr_db=decibels)


def stop_band(sound: Mixture, centre: float) -> Mixture:
    """Without the octave about `centre` (Hz), in every voice; 0 Hz is no octave."""
    low, high = centre / np.sqrt(2), min(centre * np.sqrt(2), 0.49 * sound.rate)
    if not 0 < low < high:
        return sound
    taps = signal.firwin(TAPS, [low, high], fs=sound.rate)
    return remixed(sound, signal.fftconvolve(sound.sources, taps[None], mode="same", axes=1))


def interrupt(sound: Mixture, milliseconds: float) -> Mixture:
    """Silence for so long four times a second, in all voices at once."""
    period, gap = round(sound.rate / GAPS_A_SECOND), round(milliseconds / 1000 * sound.rate)
    one = np.ones(period)
    one[(period - gap) // 2 : (period - gap) // 2 + gap] = 0
    gate = np.resize(one, sound.sources.shape[1])
    return remixed(sound, sound.sources * _faded(gate, sound.rate))


def delay_onset(sound: Mixture, seconds: float) -> Mixture:
    """The last voice is silent for the first `seconds`; the others are alone until then."""
    voices = sound.sources.astype(np.float64)
    gate = (np.arange(voices.shape[1]) >= seconds * sound.rate).astype(float)
    voices[-1] *= _faded(gate, sound.rate) if seconds else 1.0
    return remixed(sound, voices)


def alternate_tones(sound: Mixture, semitones: float) -> Mixture:
    """Tones of 0.1 s in turn, each voice's `semitones` above the last one's; as long and as loud as the sound.

    The lowest lies between 250 and 750 Hz, drawn for every length of a sound.
    """
    C, T = sound.sources.shape
    base = np.random.default_rng(T).uniform(250, 750)
    turn = np.arange(T) // round(TONE_SECONDS * sound.rate) % C
    time = np.arange(T) / sound.rate
    gates = np.stack([_faded((turn == number).astype(float), sound.rate) for number in range(C)])
    tones = np.stack([np.sin(2 * np.pi * base * 2 ** (number * semitones / 12) * time) for number in range(C)])
    voices = gates * tones
    level = np.sqrt(np.mean(np.square(sound.mixture, dtype=np.float64)) / np.mean(voices.sum(0) ** 2))
    return replace(remixed(sound, level * voices), labels=tuple(f"tones {number + 1}" for number in range(C)))


def remixed(sound: Mixture, voices: np.ndarray, snr_db: float | None = None) -> Mixture:
    """`sound` of other `voices` (C, T); what was in the mixture beside its voices stays in it."""
    rest = sound.mixture - sound.sources.sum(0)
    voices = np.asarray(voices, np.float32)
    return replace(sound, mixture=(voices.sum(0) + rest).astype(np.float32), references=voices, snr_db=snr_db)


@lru_cache(maxsize=8)
def _pitch(samples: bytes, rate: int) -> Pitch:
    """Tracked once for all values of a probe."""
    return track(np.frombuffer(samples, np.float32), rate)


def _faded(gate: np.ndarray, rate: int) -> np.ndarray:
    """A gate (T,) of ones and zeros whose steps take `FADE_SECONDS`."""
    size = max(1, round(FADE_SECONDS * rate))
    return np.convolve(np.pad(gate, size, mode="edge"), np.full(size, 1 / size), mode="same")[size:-size]


PROBES = {
    "jitter": Probe(
        "Out of tune",
        "Partials of one voice out of tune by up to (% of its fundamental)",
        "%",
        (0, 1, 2, 3, 10, 30),
        "Every partial of the last voice from the second on is moved by a share of the fundamental of its own, drawn "
        "evenly and kept for the whole sound; what has no pitch stays as it is. At 0 the voice is the very same.",
        "Parikh, Kavalerov, Espy-Wilson and Shamma 2022 (arXiv:2203.04420) find that a jitter of 3 % of one "
        "voice, which people do not notice, takes their Conv-TasNet from 15.4 to 0.70 dB; how to make such voices: "
        "McDermott, Ellis and Kawahara 2012 (SAPA-SCALE). Their synthesis is not this one, nor is their network.",
        detune,
    ),
    "pitch": Probe(
        "Pitch difference",
        "Pitch from voice to voice (semitones), each flat",
        "semitones",
        (12, 6, 3, 2, 1, 0),
        "Every voice is laid on a flat pitch (TD-PSOLA: formants stay), so many semitones from one to the next.",
        "Brokx and Nooteboom 1982 (Journal of Phonetics 10, 23-36): people understand more of one of two monotonous "
        "voices the further their pitches are apart, within limits.",
        set_pitches,
    ),
    "level": Probe(
        "Level difference",
        "First voice above the others (dB)",
        "dB",
        (0, 5, 10, 15, 20),
        "The first voice is so much louder than each of the others, by active speech level (ITU-T P.56).",
        "Brungart 2001 (JASA 109, 1101-1109): for people the softer of two voices does not simply get harder, a "
        "difference in level also tells the voices apart.",
        set_level,
    ),
    "band": Probe(
        "An octave missing",
        "Middle of the octave that is missing (Hz)",
        "Hz",
        (0, 177, 354, 500, 707, 1000, 1414, 2828),
        "The octave about this frequency is taken out of every voice (0: none is), and the voices are asked for "
        "without it.",
        "Lippmann 1996 (IEEE Transactions on Speech and Audio Processing 4, 66-69) takes the middle frequencies out of "
        "speech to see what people need of them.",
        stop_band,
    ),
    "gaps": Probe(
        "Gaps",
        "Silence four times a second (ms)",
        "ms",
        (0, 25, 50, 100, 200),
        "All voices at once are silent for so long four times a second, and are asked for with these gaps.",
        "Miller and Licklider 1950 (JASA 22, 167-173): people follow interrupted speech well if the gaps are short.",
        interrupt,
    ),
    "onset": Probe(
        "Onsets apart",
        "Last voice begins later by (s)",
        "s",
        (0, 0.1, 0.25, 0.5, LEAD_SECONDS),
        f"The last voice is silent for so long at the beginning. Scored is what follows the first {LEAD_SECONDS:g} s, "
        "which is the same sound every time: what counts is having heard the others alone.",
        "Sounds that begin together are heard as one: Bregman 1990, Auditory Scene Analysis (MIT Press).",
        delay_onset,
        skip=LEAD_SECONDS,
    ),
    "tones": Probe(
        "Tones in turn",
        "Step between the tones (semitones)",
        "semitones",
        (0, 1, 3, 5, 7, 12, 24),
        "No voices: pure tones of 0.1 s in turn, as loud as the sound. Each output is asked for the tones of one "
        "pitch.",
        "van Noorden 1975 (Temporal coherence in the perception of tone sequences, Eindhoven): with steps wide enough "
        "people hear two streams.",
        alternate_tones,
        speech=False,
    ),
}
