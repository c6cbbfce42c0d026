"""Fixed mixtures of a test set with noise and rooms added, made when they are read: to validate and to report with."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.signal import fftconvolve

from tasnet.mixture import Mixture

from .mixture_sets import MixtureSet, Row
from .rooms import Room
from .speech_level import active_speech_level
from .utterances import UtteranceSet

SNRS = (-5.0, 0.0, 5.0, 10.0, 15.0)  # dB, of speech with noise
ROBUST_SNR = 10.0  # dB, of voices with noise


@dataclass(frozen=True)
class DisturbedRow:
    """One mixture of a set with noise, in a room, or both; always read whole and then cut.

    voices: which sources are kept. noise: (T,) at any level and repeated as needed, or None; snr: dB, the active speech
    level (ITU-T P.56) of the mixture of the voices over the noise's. room: the n-th voice is at its n-th place, and
    the target is the voice with its first 50 ms of reflections. noise_is_source: whether the noise is a target too, the
    last one.
    """

    row: Row
    voices: tuple[int, ...]
    noise: np.ndarray | None = None
    snr: float = 0.0
    room: Room | None = None
    noise_is_source: bool = False

    @property
    def name(self) -> str:
        return self.row.name

    @property
    def speakers(self) -> tuple[str, ...]:
        return tuple(self.row.speakers[voice] for voice in self.voices) if self.row.speakers else ()

    @cached_property
    def header(self) -> tuple[int, int]:
        return self.row.header

    def read(self, start: int = 0, length: int | None = None) -> Mixture:
        read = self.row.read()
        voices = read.sources[list(self.voices)]
        played = targets = voices
        if self.room:
            T, places = voices.shape[-1], len(self.room.responses)
            played, targets = (
                np.stack([fftconvolve(x, response(n % places))[:T] for n, x in enumerate(voices)]).astype(np.float32)
                for response in (self.room.responses.__getitem__, self.room.early)
            )
        mixture = played.sum(0)
        if self.noise is not None:
            noise = np.resize(self.noise, mixture.shape)
            noise = noise * at_snr(mixture, noise, self.snr, read.rate)
            mixture = mixture + noise
            if self.noise_is_source:
                targets = np.concatenate([targets, noise[None]])
        end = None if length is None else start + length
        mixture, targets = mixture[start:end].astype(np.float32), targets[:, start:end].astype(np.float32)
        return Mixture(mixture, targets, read.rate, name=self.name, speakers=self.speakers)


def at_snr(speech: np.ndarray, noise: np.ndarray, snr: float, rate: int) -> np.float32:
    """The gain of `noise` (T,) at which the active level of `speech` (T,) at `rate` Hz is `snr` dB above it."""
    power = max(float(np.mean(np.square(noise, dtype=np.float64))), 1e-20)
    return np.float32(10 ** ((active_speech_level(speech, rate) - snr) / 20) / np.sqrt(power))


def speech_and_noise(mixtures: MixtureSet, noise: UtteranceSet, snrs: Sequence[float] = SNRS) -> MixtureSet:
    """The first voice of every mixture with a recording of noise; SNRs and recordings alternate."""
    rows = [
        DisturbedRow(row, (0,), _recording(noise, number), snrs[number % len(snrs)], noise_is_source=True)
        for number, row in enumerate(mixtures.rows)
    ]
    told = ", ".join(f"{snr:g}" for snr in snrs)
    return MixtureSet(f"{mixtures.name}, one voice with noise at {told} dB", rows, mixtures.rate)


def clean_and_not(mixtures: MixtureSet, noise: UtteranceSet, rooms: Sequence[Room]) -> MixtureSet:
    """The mixtures in turn: clean, with noise at 10 dB, in a room, and both."""
    rows = []
    for number, row in enumerate(mixtures.rows):
        noisy, reverberant = number % 2 == 1, number % 4 >= 2
        sound = _recording(noise, number) if noisy else None
        room = rooms[number // 4 % len(rooms)] if reverberant and rooms else None
        rows.append(DisturbedRow(row, (0, 1), sound, ROBUST_SNR, room))
    return MixtureSet(f"{mixtures.name}, in turn clean, noisy, in a room, and both", rows, mixtures.rate)


def _recording(noise: UtteranceSet, number: int) -> np.ndarray:
    """(T,) float32; every seventh, so that neighbours in the list are not neighbours in the set."""
    return noise.samples(7 * number % len(noise))
