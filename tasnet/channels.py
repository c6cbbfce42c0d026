"""How several channels of a recording become one without losing anything.

The rule: channels are averaged, unless they hold one sound that averaging would cancel or colour, because one channel
is inverted or delayed; then the loudest one alone is used. Two channels with different sounds, such as the two ends of
a call, are averaged too, and a note says that there are two. Whoever wants a single channel asks for it by number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FRAME = 0.03  # s, in which a channel is loud or not
LOWEST = 60.0  # Hz: what lies below, hum and offsets, is the same in all channels and says nothing
SAME = 0.5  # of the largest correlation over all delays: one sound
DIFFERENT = 0.3  # two sounds, where their loudness does not go together either:
TOGETHER = 0.5  # correlation of the levels in dB, frame by frame
LATER = 1 / 8000  # s: a delay that takes nothing below 4 kHz out of the average
QUIET = 1e-4  # of the power of the loudest channel (-40 dB): holds nothing
CANCELLED = 1e-4  # an average 40 dB below the loudest channel has lost the sound
RANGE_DB = 40.0  # of levels that are looked at, below the loudest frame


@dataclass(frozen=True)
class Relation:
    """How the channels of a recording relate to each other, and so how one channel is made of them.

    only: the channel that is used alone, from 0; None for the average. sentence: what was found and done.
    people: whether they are two different sounds, as in a call.
    """

    only: int | None
    sentence: str
    people: bool = False


class Channels:
    """Statistics of the channels, gathered in little memory while their blocks (frames, channels) pass by."""

    def __init__(self, channels: int, rate: int, block: int) -> None:
        self.channels, self.rate, self._size = channels, rate, 2 * block
        self._energy, self._mean_energy = np.zeros(channels), 0.0
        self._cross = np.zeros((channels, block + 1), complex)  # of each channel with the first
        self._own = np.zeros(channels)  # energy of what the cross-spectra hold
        self._heard = np.fft.rfftfreq(self._size, 1 / rate) >= LOWEST
        self._frame, self._rest = max(1, round(FRAME * rate)), np.zeros((0, channels), np.float32)
        self._levels: list[np.ndarray] = []  # the power of each frame and channel

    def add(self, block: np.ndarray) -> np.ndarray:
        """Take the next block (frames, channels) into account; return its average."""
        mean = block.mean(axis=1) if self.channels > 1 else block[:, 0]
        if self.channels == 1 or not len(block):
            return mean
        with np.errstate(over="ignore", invalid="ignore"):  # samples that are not numbers are refused later
            self._energy += np.square(block, dtype=np.float64).sum(axis=0)
            self._mean_energy += np.square(mean, dtype=np.float64).sum()
            for part in np.split(block, range(self._size // 2, len(block), self._size // 2)):
                spectra = np.fft.rfft(part.T, self._size) * self._heard
                self._cross += spectra * spectra[0].conj()
                self._own += (np.abs(spectra[:, 1:]) ** 2).sum(1)
            waiting = np.concatenate([self._rest, block])
            whole = len(waiting) // self._frame * self._frame
            self._rest = waiting[whole:].copy()
            power = np.square(waiting[:whole].reshape(-1, self._frame, self.channels)).mean(axis=1)
            self._levels.append(power.astype(np.float32))
        return mean

    def relation(self, label: str) -> Relation:
        """How the channels of the recording called `label` relate to each other."""
        if self.channels == 1:
            return Relation(None, "")
        mixed = Relation(None, f"The {self.channels} channels of {label} were mixed down to one.")
        if not np.isfinite(self._energy).all() or not self._energy.any():
            return mixed
        loudest = int(np.argmax(self._energy > 0.5 * self._energy.max()))  # the first loud one
        if self._mean_energy < CANCELLED * self._energy.max():
            return Relation(
                loudest,
                f"The {self.channels} channels of {label} cancel each other when mixed, "
                f"so only channel {loudest + 1} was used.",
            )
        if self._energy[0] <= QUIET * self._energy.max():
            return mixed
        others = [n for n in range(1, self.channels) if self._energy[n] > QUIET * self._energy.max()]
        found = {n: self._correlation(n) for n in others}
        for n, (peak, delay) in found.items():
            if abs(peak) >= SAME and (peak < 0 or abs(delay) > LATER):
                return Relation(
                    loudest,
                    f"Channel {n + 1} of {label} is channel 1{_what_differs(peak, delay)}: mixed they would "
                    f"cancel each other, so only channel {loudest + 1} was used.",
                )
        if self.channels == 2 and found and abs(found[1][0]) < DIFFERENT and self._apart():
            return Relation(
                None,
                f"The 2 channels of {label} are two different sounds, as the two ends of a call: they were mixed down "
                "to one, but each can be taken alone (--channel on the command line).",
                people=True,
            )
        return mixed

    def _correlation(self, channel: int) -> tuple[float, float]:
        """The largest correlation with the first channel over all delays, and that delay (s, positive: later)."""
        power = np.sqrt(self._own[0] * self._own[channel])
        if power <= 0:
            return 0.0, 0.0
        over_lags = np.fft.irfft(self._cross[channel], self._size) * self._size / 2 / power
        best = int(np.argmax(np.abs(over_lags)))
        if over_lags[0] >= 0.95 * abs(over_lags[best]):  # a tone is the same after each of its periods
            best = 0
        lag = best - self._size if best > self._size // 2 else best
        return float(over_lags[best]), lag / self.rate

    def _apart(self) -> bool:
        """Whether two channels grow louder and softer independently of each other."""
        levels = np.concatenate(self._levels) if self._levels else np.zeros((0, 2))
        if len(levels) < 20:
            return False
        decibels = 10 * np.log10(levels + 1e-20)
        decibels = np.maximum(decibels, decibels.max(axis=0) - RANGE_DB)
        spread = decibels.std(axis=0)
        if (spread < 1e-3).any():
            return False
        return float(np.corrcoef(decibels.T)[0, 1]) < TOGETHER


def _what_differs(peak: float, delay: float) -> str:
    """How a second channel differs from the first that it repeats."""
    turned = " turned round" if peak < 0 else ""
    if abs(delay) <= LATER:
        return turned
    when = f" {abs(delay) * 1000:.3g} ms {'later' if delay > 0 else 'earlier'}"
    return f"{turned} and{when}" if turned else when
