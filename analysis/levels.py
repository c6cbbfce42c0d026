"""How loud speech is, and mixtures of clean voices at a stated ratio of their speech levels."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.ndimage import maximum_filter1d
from scipy.signal import lfilter

from tasnet.audio import Audio, resample

# ITU-T P.56, method B.
ENVELOPE_SECONDS = 0.03
HANGOVER_SECONDS = 0.2
MARGIN_DB = 15.9
THRESHOLDS = 15

# ITU-R BS.1770-4.
BLOCK_SECONDS = 0.4
STEP_SECONDS = 0.1
ABSOLUTE_GATE_LUFS = -70.0
RELATIVE_GATE_LU = -10.0

PEAK = 0.9
SHORTEST_SECONDS = 0.1
WIDEST_DB = 60


class MixError(ValueError):
    """Voices that cannot be mixed, said in one sentence."""


@dataclass(frozen=True)
class Mixture:
    """A mixture and, where they are known, the clean voices that sum to it (eq. 1)."""

    mixture: np.ndarray  # (T,) float32
    references: np.ndarray | None  # (C, T) float32
    rate: int
    labels: tuple[str, ...]  # of the references
    snr_db: float | None  # voice 1 against each other voice; None where it is not known
    notes: tuple[str, ...] = ()  # whole sentences: what was done to the voices


def active_speech_level(x: np.ndarray, rate: int) -> float:
    """Active speech level of `x` (T,) in dB re full scale, by ITU-T P.56, method B.

    The level while someone speaks: pauses longer than the 200 ms hangover do not count. A sample
    is active where the envelope exceeds a threshold 15.9 dB below the level sought, which is found
    by interpolation between thresholds a factor of 2 apart; they are laid from the envelope's peak
    downwards, so that scaling by g shifts the level by exactly 20 log10 g. A full-scale sine is at
    -3.01 dB, silence at -inf.
    """
    x = np.asarray(x, np.float64)
    energy = np.sum(x**2)
    if energy == 0:
        return -math.inf
    envelope = np.abs(x)
    g = math.exp(-1 / (ENVELOPE_SECONDS * rate))
    for _ in range(2):  # two-stage exponential averaging
        envelope = lfilter([1 - g], [1, -g], envelope)
    # The hangover: a sample counts while the envelope's maximum of the last 200 ms is over it.
    size = math.ceil(HANGOVER_SECONDS * rate) + 1
    held = maximum_filter1d(envelope, size, mode="constant", origin=(size - 1) // 2)
    thresholds = held.max() * 2.0 ** np.arange(1 - THRESHOLDS, 1)
    active = np.array([np.count_nonzero(held >= threshold) for threshold in thresholds])
    level_db = 10 * np.log10(energy / active)
    margin_db = level_db - 20 * np.log10(thresholds)
    within = np.flatnonzero(margin_db <= MARGIN_DB)
    if not within.size:  # a click in silence: no threshold is near enough, the highest is nearest
        return float(level_db[-1])
    above = max(1, within[0])
    pair = [above, above - 1]  # np.interp wants rising margins
    return float(np.interp(MARGIN_DB, margin_db[pair], level_db[pair]))


def loudness(x: np.ndarray, rate: int) -> float:
    """Integrated loudness of `x` (T,) in LUFS by ITU-R BS.1770-4, as one channel.

    K-weighted, in blocks of 400 ms with 75 % overlap, gated at -70 LUFS and 10 LU below the loudness
    that remains. Sounds shorter than one block are one block. A full-scale sine of 997 Hz at 48 kHz
    has -3.01 LUFS; silence, and all that the gates shut out, -inf.
    """
    x = np.asarray(x, np.float64)
    for b, a in _k_weighting(rate):
        x = lfilter(b, a, x)
    step = round(STEP_SECONDS * rate)
    steps = round(BLOCK_SECONDS / STEP_SECONDS)
    if x.size < steps * step:
        powers = np.array([np.mean(x**2)]) if x.size else np.zeros(1)
    else:
        energies = np.sum(x[: x.size // step * step].reshape(-1, step) ** 2, axis=1)
        powers = np.convolve(energies, np.ones(steps), mode="valid") / (steps * step)
    powers = powers[_lufs(powers) > ABSOLUTE_GATE_LUFS]
    if powers.size:
        powers = powers[_lufs(powers) > _lufs(powers.mean()) + RELATIVE_GATE_LU]
    return float(_lufs(powers.mean())) if powers.size else -math.inf


def loudness_gain(x: np.ndarray, rate: int, target: float) -> float:
    """The factor that brings `x` (T,) to a loudness of `target` LUFS; 1 for silence."""
    now = loudness(x, rate)
    return 1.0 if math.isinf(now) else 10 ** ((target - now) / 20)


def _lufs(power: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return -0.691 + 10 * np.log10(power)


def _k_weighting(rate: int) -> tuple[tuple[list[float], list[float]], ...]:
    """The two biquads (b, a) of BS.1770 for any rate.

    The standard tabulates them at 48 kHz only; these are the analogue filters behind the table (De
    Man, "Evaluation of implementations of the EBU R128 loudness measurement", 2018) by the bilinear
    transform, equal to the table at 48 kHz.
    """
    K, Q = math.tan(math.pi * 1681.974450955533 / rate), 0.7071752369554196
    high = 10 ** (3.999843853973347 / 20)  # a shelf of +4 dB for the head
    middle = high**0.4996667741545416
    norm = 1 + K / Q + K**2
    shelf = (
        [
            (high + middle * K / Q + K**2) / norm,
            2 * (K**2 - high) / norm,
            (high - middle * K / Q + K**2) / norm,
        ],
        [1.0, 2 * (K**2 - 1) / norm, (1 - K / Q + K**2) / norm],
    )
    K, Q = math.tan(math.pi * 38.13547087602444 / rate), 0.5003270373238773
    norm = 1 + K / Q + K**2
    gain = 1.0049948987146884 / norm  # the table's numerator 1, -2, 1 has this gain at 48 kHz
    high_pass = ([gain, -2 * gain, gain], [1.0, 2 * (K**2 - 1) / norm, (1 - K / Q + K**2) / norm])
    return shelf, high_pass


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
