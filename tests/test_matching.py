"""Loudness matching: equally loud, as loud as can be, nothing clipped."""

import numpy as np
import pytest

from analysis.sounds.loudness import HEADROOM, loudness, matching_gains

RATE = 8000


def noise(seconds: float, level: float, seed: int) -> np.ndarray:
    return level * np.random.default_rng(seed).standard_normal(round(seconds * RATE))


def test_matched_signals_are_equally_loud_and_do_not_clip():
    signals = [noise(2, 0.02, 1), noise(2, 0.2, 2), noise(2, 0.1, 3) ** 3 * 20]
    levels = [loudness(x, RATE) for x in signals]
    peaks = [float(np.abs(x).max()) for x in signals]
    gains = 10 ** (np.array(matching_gains(levels, peaks)) / 20)
    matched = [gain * x for gain, x in zip(gains, signals, strict=True)]
    after = [loudness(x, RATE) for x in matched]
    assert np.ptp(levels) > 10
    assert np.ptp(after) < 1e-3
    assert max(np.abs(x).max() for x in matched) == pytest.approx(HEADROOM)


def test_silence_keeps_its_level():
    assert matching_gains([-np.inf, -20.0], [0.0, 0.5])[0] == 0
    assert matching_gains([-np.inf], [0.0]) == [0]
    assert matching_gains([], []) == []
