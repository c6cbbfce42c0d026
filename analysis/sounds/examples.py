"""Examples whose clean voices are known: which are available, and mixing one of them on the fly."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tasnet.audio import Audio, read, resample
from tasnet.data.noise import coloured_noise
from tasnet.data.speech_level import active_speech_level
from tasnet.errors import UserError
from tasnet.mixture import Mixture
from tasnet.training_facts import SPEAKERS, SPEECH_FROM_NOISE

from .example_list import EXAMPLES, Example, Voice
from .inputs import RATE
from .mixing import mix

__all__ = ["Example", "ExampleError", "Voice", "available_examples", "fetch_librispeech", "mix_example"]


class ExampleError(UserError):
    """There is no such example, or it is not available; the message is one sentence for the user."""


def available_examples() -> list[Example]:
    """The examples whose files are on this machine, real voices first; downloads nothing."""
    return [example for example in EXAMPLES if all(path.is_file() for path in example.paths())]


def mix_example(example_id: str, snr_db: float = 0.0) -> Mixture:
    """Mix the example's voices at 8 kHz, `snr_db` by active speech level (see `mixing.mix`).

    Raises:
        ExampleError: there is no such example on this machine.
    """
    here = {example.id: example for example in available_examples()}
    if example_id not in here:
        raise ExampleError(f"There is no example '{example_id}' on this machine; choose one of: {', '.join(here)}.")
    example = here[example_id]
    files = zip(example.paths(), example.voices + example.crowd, strict=True)
    voices = [read(path, voice.label) for path, voice in files]
    if not example.noise:
        return replace(mix(voices, snr_db, RATE), task=SPEAKERS)
    speech = voices[0]
    samples = resample(speech.samples, speech.rate, RATE)
    noise = make_noise(example.noise, voices[1:], len(samples))
    return replace(mix([Audio(samples, RATE, speech.label, ()), noise], snr_db, RATE), task=SPEECH_FROM_NOISE)


def make_noise(kind: str, crowd: Sequence[Audio], size: int) -> Audio:
    """`size` samples of noise at `RATE`: "pink", or "babble", the voices of the `crowd` at once, each equally loud."""
    if kind == "pink":
        made = 0.05 * coloured_noise(np.random.default_rng(0), size, 3.0)
        return Audio(made.astype(np.float32), RATE, "Pink noise", ())
    voices = [resample(voice.samples, voice.rate, RATE) for voice in crowd]
    levels = [10 ** (-active_speech_level(voice, RATE) / 20) for voice in voices]
    made = np.sum([level * np.resize(voice, size) for level, voice in zip(levels, voices, strict=True)], axis=0)
    made *= 0.5 / np.abs(made).max()
    return Audio(made.astype(np.float32), RATE, f"Babble of {len(crowd)} voices", ())


def fetch_librispeech() -> list[Example]:
    """Download the three LibriSpeech readers that librosa offers; gives the examples made of them.

    Raises:
        ExampleError: they could not be downloaded.
    """
    import librosa  # takes a second to import, and only this button needs it

    try:
        for key in ("libri1", "libri2", "libri3"):
            librosa.ex(key)
    except (OSError, ValueError) as error:  # no connection, an HTTP error; a wrong checksum
        raise ExampleError(
            "The LibriSpeech readers could not be downloaded from librosa.org; "
            "please check the internet connection and try again."
        ) from error
    return [example for example in available_examples() if example.tier == "librispeech"]
