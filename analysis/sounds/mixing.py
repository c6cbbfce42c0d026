"""Mixtures of clean voices at a stated ratio of their speech levels."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from tasnet.audio import Audio, resample
from tasnet.data.speech_level import active_speech_level
from tasnet.errors import UserError
from tasnet.mixture import Mixture

PEAK = 0.9
SHORTEST_SECONDS = 0.1
WIDEST_DB = 60


class MixError(UserError):
    """Voices that cannot be mixed, said in one sentence."""


def mix(voices: Sequence[Audio], snr_db: float, rate: int, *, length: Literal["min", "max"] = "min") -> Mixture:
    """Mix 2 or 3 clean voices at `rate` Hz; the first is `snr_db` above each of the others.

    The ratio is one of active speech levels (ITU-T P.56), so that pauses do not count; the second
    and third voice are equally loud. Voices of unequal length are cut to the shortest ("min", as in
    the min version of WSJ0-2mix) or padded with silence ("max"); levels are those after the cut.
    All is scaled so that the largest sample of the mixture or a voice is 0.9, and in float32 the
    references sum to the mixture exactly. Raises MixError for another number of voices, a voice
    that is silent or too short, and a ratio beyond 60 dB.
    """
    if len(voices) not in (2, 3):
        raise MixError(f"Two or three voices can be mixed, but {len(voices)} came.")
    if not abs(snr_db) <= WIDEST_DB:
        raise MixError(f"Voices are mixed at a ratio of -{WIDEST_DB} to {WIDEST_DB} dB.")
    for voice in voices:
        if voice.seconds < SHORTEST_SECONDS:
            raise MixError(
                f"{voice.label} lasts {voice.seconds:.3f} s, "
                f"but a voice must last at least {SHORTEST_SECONDS} s to be mixed."
            )
    notes = [
        f"{voice.label} was converted from {voice.rate} Hz to {rate} Hz." for voice in voices if voice.rate != rate
    ]
    signals = [resample(voice.samples, voice.rate, rate) for voice in voices]
    sizes = [signal.size for signal in signals]
    size = max(sizes) if length == "max" else min(sizes)
    if len(set(sizes)) > 1:
        done = "padded with silence to the longest" if length == "max" else "cut to the shortest"
        notes.append(f"The voices were {done}, {size / rate:.2f} s.")
    aligned = np.stack([np.pad(s[:size], (0, size - s[:size].size)) for s in signals])
    for voice, signal in zip(voices, aligned, strict=True):
        if not signal.any():
            raise MixError(f"{voice.label} is silent in the part that would be mixed.")
    scaled = np.stack(
        [
            signal.astype(np.float64) * 10 ** ((target - active_speech_level(signal, rate)) / 20)
            for signal, target in zip(aligned, [snr_db, 0.0, 0.0], strict=False)
        ]
    )
    peak = max(np.abs(scaled).max(), np.abs(scaled.sum(0)).max())
    references = (PEAK / peak * scaled).astype(np.float32)
    labels = tuple(voice.label for voice in voices)
    return Mixture(references.sum(0), references, rate, labels, float(snr_db), tuple(notes))
