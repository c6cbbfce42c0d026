"""What mixtures contain besides voices that speak all the time: silence, rooms, noise, a telephone, clipping.

A scene is a function of (seed, step, row), like everything random.
"""

import math
from dataclasses import dataclass, fields

import numpy as np
import torch
from scipy.fft import next_fast_len
from torch import Tensor

from tasnet.data.noise import coloured_noise
from tasnet.data.rooms import Room

from .mixing import UTTERANCE_RMS, Pool, voice

FADE = 0.01  # s, where a voice begins late or stops early
BABBLE = (3, 8)  # voices of a babble, at least and at most
STEEPEST = 6.0  # dB an octave, of coloured noise: brown
TELEPHONE = (300.0, 3400.0)  # Hz
TELEPHONE_ORDER = 4  # of the Butterworth filter at either end
CLIPPED_AT = (0.2, 0.8)  # of the peak
MU = 255.0  # of G.711's mu-law, by 8 bits


@dataclass(frozen=True)
class Scenes:
    """Shares of the mixtures that have each of these, drawn independently; all zero: plain mixtures.

    With speech from noise the noise is the second source: `one` is then speech alone, and `silent` noise alone.
    """

    silent: float = 0.0  # no voice at all, but noise
    one: float = 0.0  # one voice
    partial: float = 0.0  # of the voices: begins late and stops early
    noise: float = 0.0  # with noise from `background`
    snr: tuple[float, float] = (-5.0, 25.0)  # dB, of all voices over that noise
    coloured: float = 0.0  # of the noises: between white and brown instead of recorded
    babble: float = 0.0  # of the noises: of 3 to 8 other voices
    room: float = 0.0  # in a room; the targets are the voices with the first 50 ms of reflections
    measured: float = 0.5  # of the rooms: measured instead of simulated
    simulated: float = 100.0  # how many simulated rooms there are to draw from
    telephone: float = 0.0  # heard through a telephone; the targets are band-limited voices
    clipping: float = 0.0  # the mixture is clipped, the targets are not

    @property
    def any(self) -> bool:
        """Whether there is anything but plain mixtures."""
        return any(getattr(self, name) > 0 for name in SHARES if name != "measured")


SHARES = tuple(share.name for share in fields(Scenes) if share.name not in ("snr", "simulated"))


class Stage:
    """Plays scenes with noises and rooms to draw from.

    voices, noise: pools (`mixing.Pool`); noise is None where none is heard, or where it is a source. measured,
    simulated: rooms.
    """

    def __init__(
        self,
        scenes: Scenes,
        voices: Pool,
        noise: Pool | None,
        measured: list[Room],
        simulated: list[Room],
        speech: int,
    ) -> None:
        """speech: how many of the sources, the first ones, are voices; the others are noise."""
        self.scenes, self.voices, self.noise, self.speech = scenes, voices, noise, speech
        self.measured, self.simulated = measured, simulated

    def play(
        self, rng: np.random.Generator, sources: Tensor, gains: np.ndarray, loudness: float
    ) -> tuple[Tensor, Tensor]:
        """sources (C, T), each at its utterance's RMS, gains (C,) and loudness in dB -> mixture (T,), targets (C, T).

        Nothing exceeds full scale.
        """
        scenes, (C, T), speech = self.scenes, sources.shape, self.speech
        kind = rng.random()
        silent, one = kind < scenes.silent, scenes.silent <= kind < scenes.silent + scenes.one
        heard = np.ones(C, bool)
        if silent:
            heard[:speech] = False
        elif one and speech < C:
            heard[speech:] = False
        elif one:
            heard[:] = np.arange(C) == rng.integers(C)
        amplitude = 10 ** (gains / 20)
        sources = sources * torch.from_numpy(amplitude * heard).float()[:, None].to(sources.device)
        for source in range(speech, C):
            if (other := self.other_noise(rng, T)) is not None and heard[source]:
                sources[source] = other.to(sources.device) * float(amplitude[source])
        for number in range(speech):
            if rng.random() < scenes.partial:
                sources[number] *= _window(rng, T, self.voices.rate).to(sources.device)
        played = targets = sources
        if rng.random() < scenes.room:
            played, targets = self.in_a_room(rng, sources)
        mixture = played.sum(0)
        if speech == C and (rng.random() < scenes.noise or silent):
            power = np.sum(amplitude[heard] ** 2 if heard.any() else amplitude**2)
            level = math.sqrt(power) * 10 ** (-rng.uniform(*scenes.snr) / 20)
            mixture = mixture + level * self.background(rng, T).to(mixture.device)
        if rng.random() < scenes.telephone:
            through = _telephone(torch.cat([mixture[None], targets]), self.voices.rate)
            mixture, targets = _mu_law(through[0]), through[1:]
        rms = mixture.square().mean().sqrt().clamp(min=1e-6)
        peak = max(mixture.abs().max().item(), targets.abs().max().item(), 1e-6)
        factor = min(10 ** (loudness / 20) / rms.item(), 1 / peak)
        if rng.random() < scenes.clipping:
            limit = rng.uniform(*CLIPPED_AT) * mixture.abs().max().item()
            mixture = mixture.clamp(-limit, limit)
        return mixture * factor, targets * factor

    def background(self, rng: np.random.Generator, T: int) -> Tensor:
        """(T,) of any noise, at the RMS of an utterance."""
        other = self.other_noise(rng, T)
        if other is not None:
            return other
        if self.noise is None:
            raise ValueError("There is no noise to draw from.")
        drawn = self.noise.draw(rng, 1, 1)[:, 0]
        return voice(self.noise, drawn, rng.random(1), np.ones(1), T)[0]

    def other_noise(self, rng: np.random.Generator, T: int) -> Tensor | None:
        """(T,) of coloured noise or of many voices at the RMS of an utterance; None where it is to be a recording."""
        kind = rng.random()
        if kind < self.scenes.coloured:
            return torch.from_numpy(UTTERANCE_RMS * coloured_noise(rng, T, rng.uniform(0, STEEPEST))).float()
        if kind < self.scenes.coloured + self.scenes.babble:
            count = min(int(rng.integers(BABBLE[0], BABBLE[1] + 1)), self.voices.speakers)
            drawn = self.voices.draw(rng, 1, count)[0]
            crowd = voice(self.voices, drawn, rng.random(count), np.ones(count), T).sum(0)
            return crowd / math.sqrt(count)
        return None

    def in_a_room(self, rng: np.random.Generator, sources: Tensor) -> tuple[Tensor, Tensor]:
        """sources (C, T) as they arrive, and as targets: voices with their first 50 ms, noise unchanged."""
        measured = rng.random() < self.scenes.measured
        rooms = self.measured if self.measured and (measured or not self.simulated) else self.simulated
        room = rooms[rng.integers(len(rooms))]
        places = rng.permutation(len(room.responses))
        T = sources.shape[-1]
        n = next_fast_len(T + max(len(x) for x in room.responses), real=True)
        played, targets = sources.clone(), sources.clone()
        spectra = torch.fft.rfft(sources[: self.speech], n)
        for number in range(self.speech):
            place = places[number % len(places)]
            for response, into in ((room.responses[place], played), (room.early(place), targets)):
                answer = torch.fft.rfft(torch.from_numpy(response).to(sources.device), n)
                into[number] = torch.fft.irfft(spectra[number] * answer, n)[:T]
        return played, targets


def _window(rng: np.random.Generator, T: int, rate: int) -> Tensor:
    """(T,) from a beginning in the first half to an end in the second, with short fades."""
    begin, end, fade = rng.uniform(0, T / 2), rng.uniform(T / 2, T), FADE * rate
    t = torch.arange(T)
    return torch.minimum((t - begin) / fade, (end - t) / fade).clamp(0, 1).float()


def _telephone(x: Tensor, rate: int) -> Tensor:
    """(..., T) in the band of a telephone, without delay."""
    low, high = TELEPHONE
    f = torch.fft.rfftfreq(x.shape[-1], 1 / rate, device=x.device).clamp(min=1e-3)
    band = ((1 + (low / f) ** (2 * TELEPHONE_ORDER)) * (1 + (f / high) ** (2 * TELEPHONE_ORDER))).rsqrt()
    return torch.fft.irfft(torch.fft.rfft(x) * band, x.shape[-1])


def _mu_law(x: Tensor) -> Tensor:
    """(T,) through 8 bits of mu-law, its peak at full scale."""
    peak = x.abs().max().clamp(min=1e-6)
    compressed = torch.sign(x) * torch.log1p(MU * x.abs() / peak) / math.log1p(MU)
    steps = torch.round(compressed * 127) / 127
    return torch.sign(steps) * torch.expm1(steps.abs() * math.log1p(MU)) / MU * peak
