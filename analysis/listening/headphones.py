"""Are these headphones? A pitch that only two separate ears hear (Milne et al., Behavior Research Methods 53, 2021).

Both ears get the same noise, but around 600 Hz the phase is shifted in one ear. Over headphones that is a faint tone
(Huggins' pitch); over loudspeakers, where each ear hears both channels, there is none.
"""

import io
from dataclasses import dataclass

import numpy as np
import soundfile

RATE = 44100
QUESTIONS = 6  # the test is passed when all of them are right
INTERVALS = 3  # in each, one of them with the pitch
NOISE, PAUSE, RAMP = 1.0, 0.5, 0.03  # s
CENTRE, WIDTH = 600.0, 0.12  # Hz, and the relative width of the band that is shifted
LEVEL = 0.05  # RMS re full scale


@dataclass(frozen=True)
class HeadphoneQuestion:
    """Three noises one after the other, (2, T) at `RATE`; the pitch is in number `answer`, 1 to 3."""

    samples: np.ndarray
    answer: int

    @property
    def wav(self) -> bytes:
        """As a file of two channels, at the level that it has."""
        file = io.BytesIO()
        soundfile.write(file, self.samples.T, RATE, format="WAV", subtype="PCM_16")
        return file.getvalue()


def headphone_questions(seed: int) -> list[HeadphoneQuestion]:
    """`QUESTIONS` of them, the same for the same seed."""
    rng = np.random.default_rng(seed)
    return [_question(rng, 1 + int(rng.integers(INTERVALS))) for _ in range(QUESTIONS)]


def _question(rng: np.random.Generator, answer: int) -> HeadphoneQuestion:
    pause = np.zeros((2, round(PAUSE * RATE)), np.float32)
    parts = [pause]
    for number in range(1, INTERVALS + 1):
        parts += [_noise(rng, turned=number == answer), pause]
    return HeadphoneQuestion(np.concatenate(parts, axis=1), answer)


def _noise(rng: np.random.Generator, turned: bool) -> np.ndarray:
    """(2, T): the same in both ears but for the band, whose phase goes round by 2 pi across it in one of them."""
    length = round(NOISE * RATE)
    spectrum = np.fft.rfft(rng.standard_normal(length))
    frequencies = np.fft.rfftfreq(length, 1 / RATE)
    other = spectrum.copy()
    if turned:
        low = CENTRE * (1 - WIDTH / 2)
        along = np.clip((frequencies - low) / (CENTRE * WIDTH), 0, 1)
        other = spectrum * np.exp(2j * np.pi * along)
    ears = np.fft.irfft(np.stack([spectrum, other]), length)
    ramp = np.minimum(1, np.minimum(np.arange(length), np.arange(length)[::-1]) / (RAMP * RATE))
    return (LEVEL * ears / ears.std() * np.sin(0.5 * np.pi * ramp) ** 2).astype(np.float32)
