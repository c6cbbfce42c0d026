"""Gains that bring several signals to one loudness (ITU-R BS.1770) without clipping any."""

import math
from collections.abc import Sequence

from .levels import ABSOLUTE_GATE_LUFS

HEADROOM = 0.98  # no signal peaks higher afterwards


def matching_gains(levels: Sequence[float], peaks: Sequence[float]) -> list[float]:
    """Gains (dB) for signals of loudness `levels` (LUFS) and highest magnitudes `peaks`.

    They lead to the highest common loudness at which no signal passes `HEADROOM`. What the gate of BS.1770 takes
    for silence keeps its level.
    """
    audible = [(level, peak) for level, peak in zip(levels, peaks, strict=True) if level > ABSOLUTE_GATE_LUFS]
    target = min((level + 20 * math.log10(HEADROOM / peak) for level, peak in audible), default=0.0)
    return [target - level if level > ABSOLUTE_GATE_LUFS else 0.0 for level in levels]
