"""How loud a sound is, and gains that bring several to one loudness (ITU-R BS.1770).

Equal to pyloudnorm at 48 kHz, which a test sees. pyloudnorm itself is 0.2 dB off at 8 kHz, where most sounds here are,
and has no loudness for sounds of less than 400 ms.
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy.signal import lfilter

# ITU-R BS.1770-4.
BLOCK_SECONDS = 0.4
STEP_SECONDS = 0.1
ABSOLUTE_GATE_LUFS = -70.0
RELATIVE_GATE_LU = -10.0
HEADROOM = 0.98  # no matched signal peaks higher


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


def matching_gains(levels: Sequence[float], peaks: Sequence[float]) -> list[float]:
    """Gains (dB) for signals of loudness `levels` (LUFS) and highest magnitudes `peaks`.

    They lead to the highest common loudness at which no signal passes `HEADROOM`. What the gate of BS.1770 takes
    for silence keeps its level.
    """
    audible = [(level, peak) for level, peak in zip(levels, peaks, strict=True) if level > ABSOLUTE_GATE_LUFS]
    target = min((level + 20 * math.log10(HEADROOM / peak) for level, peak in audible), default=0.0)
    return [target - level if level > ABSOLUTE_GATE_LUFS else 0.0 for level in levels]
