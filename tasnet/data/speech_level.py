"""How loud someone speaks: the active speech level of ITU-T P.56, method B."""

import math

import numpy as np
from scipy.ndimage import maximum_filter1d
from scipy.signal import lfilter

ENVELOPE_SECONDS = 0.03
HANGOVER_SECONDS = 0.2
MARGIN_DB = 15.9
STEP_DB = 10 * math.log10(2)  # between two thresholds
THRESHOLDS = 30


def active_speech_level(x: np.ndarray, rate: int) -> float:
    """Active speech level of `x` (T,) in dB re full scale, by ITU-T P.56, method B.

    The level while someone speaks: pauses longer than the 200 ms hangover do not count. A sample
    is active where the envelope exceeds a threshold 15.9 dB below the level sought, which is found
    by interpolation between thresholds 3 dB apart; they are laid from the envelope's peak
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
    thresholds_db = 20 * math.log10(held.max()) + STEP_DB * np.arange(1 - THRESHOLDS, 1)
    # The highest threshold is the envelope's peak itself, which rounding must not lift above it.
    active = np.array([np.count_nonzero(held >= t * (1 - 1e-12)) for t in 10 ** (thresholds_db / 20)])
    level_db = 10 * np.log10(energy / active)
    margin_db = level_db - thresholds_db
    within = np.flatnonzero(margin_db <= MARGIN_DB)
    if not within.size:  # a click in silence: no threshold is near enough, the highest is nearest
        return float(level_db[-1])
    above = max(1, within[0])
    pair = [above, above - 1]  # np.interp wants rising margins
    return float(np.interp(MARGIN_DB, margin_db[pair], level_db[pair]))
