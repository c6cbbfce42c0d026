"""Evidence that a conversion is right: every tensor has a place, and the network separates what it should."""

from functools import cache

import numpy as np
import torch

from tasnet.audio import read, resample
from tasnet.places import ASSETS
from tasnet.train.losses import best_si_snr, fixed_si_snr

from .importers import Imported

EXAMPLES = ASSETS / "examples"
VOICES = ("flite-slt", "flite-rms", "festival-ked")
SECONDS = 4
LITTLE = 1.0  # dB
LISTED = 4


def prove(found: Imported) -> str:
    """Sentences about an imported network: tensors used and left over, and how much a few seconds of speech gain."""
    return f"{_tensors(found)} {_gain_in_words(found)}".strip()


def speech_gain(found: Imported, seconds: int = SECONDS) -> float | None:
    """SI-SNRi in dB on a mixture of the bundled voices, or of one and noise; None for a number of outputs without any.

    NaN where the network gives no numbers. Raises AudioError where the voices are not there.
    """
    C, rate = found.model.config.C, found.model.config.sample_rate
    speech = C == 1 or (found.predicts_noise and C == 2)  # from noise
    voices = C - found.predicts_noise
    if not 1 <= voices <= len(VOICES):
        return None
    sources = [_voice(name, rate, seconds) for name in VOICES[:voices]]
    if speech or found.predicts_noise:
        noise = np.random.default_rng(0).standard_normal(seconds * rate)
        sources.append((0.1 * noise).astype(np.float32))
    references = torch.tensor(np.stack(sources))
    mixture = references.sum(0, keepdim=True)
    with torch.inference_mode():
        estimates = found.model(mixture)
    references = references[None, :C]
    score = fixed_si_snr if speech else best_si_snr
    return float(score(estimates, references) - score(mixture.expand(C, -1)[None], references))


@cache
def _voice(name: str, rate: int, seconds: int) -> np.ndarray:
    """Some seconds of a bundled voice at an RMS of 0.1; repeated where it is shorter."""
    sound = read(EXAMPLES / f"{name}.flac")
    samples = np.resize(resample(sound.samples, sound.rate, rate), seconds * rate)
    return 0.1 * samples / np.sqrt(np.mean(samples**2))


def _tensors(found: Imported) -> str:
    if not found.beside:
        return f"All {found.used} tensors have a place in the network."
    more = f" and {len(found.beside) - LISTED} more" if len(found.beside) > LISTED else ""
    names = ", ".join(f"{name:.60}" for name in found.beside[:LISTED])
    return (
        f"{found.used} tensors have a place in the network, {len(found.beside)} beside them have none: {names}{more}."
    )


def _gain_in_words(found: Imported) -> str:
    gain = speech_gain(found)
    if gain is None:
        return ""
    if not np.isfinite(gain):
        return "Its outputs for speech are not numbers: it cannot be used."
    voices = found.model.config.C - found.predicts_noise
    of = {1: "one example voice in noise", 2: "two example voices"}.get(voices, f"{voices} example voices")
    doubt = "" if gain >= LITTLE else " So little tells of weights that are not trained, or of settings not theirs."
    return f"On {SECONDS} s of {of} it gains {gain:.1f} dB SI-SNR.{doubt}"
