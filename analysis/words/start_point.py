"""What the page Start point says of its curves: starts of a mixture and of a set, pauses, noise and rooms."""

from collections.abc import Mapping

import numpy as np

from analysis.limits import LIMITS, LimitCurve
from analysis.start_point.sets import SetResults
from analysis.start_point.shifts import StartCurve

from .say import counted, number

WORTH_DB = 1.0  # what separation should add to the unprocessed mixture


def explain_start(curves: Mapping[str, StartCurve]) -> list[str]:
    """What the curves of models (name -> curve) show, a sentence each."""
    parts = []
    for name, curve in curves.items():
        defined = curve.sdri[np.isfinite(curve.sdri)]
        if not len(defined):
            parts.append(f"**{name}**: the SDRi is undefined, as a voice is silent.")
            continue
        spread = "" if np.isnan(curve.deviation) else f", standard deviation {curve.deviation:.3f} dB"
        parts.append(
            f"**{name}**: SDRi {number(defined.mean(), 2)} dB on average{spread}, "
            f"from {number(defined.min(), 2)} to {number(defined.max(), 2)} dB."
        )
    return parts


def explain_set_starts(results: Mapping[str, SetResults]) -> list[str]:
    """What the results of models (name -> results) on one set say, a sentence each."""
    return [
        f"**{name}**: median {np.median(one.deviations):.3f} dB over {counted(len(one.deviations), 'mixture')} "
        f"(90 % below {np.percentile(one.deviations, 90):.3f} dB), mean SDRi {number(one.mean_sdri, 2)} dB."
        for name, one in results.items()
        if len(one.deviations)
    ]


def explain_limit(limit: str, curves: Mapping[str, LimitCurve]) -> list[str]:
    """What the curves of models (name -> curve) of a key of `LIMITS` show, a sentence each."""
    unit = LIMITS[limit].unit
    parts = []
    for name, curve in curves.items():
        first, last = curve.sdr[:, 0].mean(), curve.sdr[:, -1].mean()
        if np.isnan([first, last]).any():
            parts.append(f"**{name}**: the SDR is undefined, as a voice is silent.")
            continue
        easy, hard = (f"{value:g} {unit}" for value in (curve.values[0], curve.values[-1]))
        text = f"**{name}**: SDR {number(first, 1)} dB at {easy}, {number(last, 1)} dB at {hard}"
        if limit == "pause":
            text += f"; voices swapped after {int(curve.swapped.sum())} of {counted(curve.swapped.size, 'pause')}"
        else:
            text += _little(curve, unit)
        parts.append(f"{text}.")
    return parts


def _little(curve: LimitCurve, unit: str) -> str:
    """From where on separation adds little: from the first value after which it never adds more."""
    gains = (curve.sdr - curve.unprocessed).mean(0)
    highest_after = np.maximum.accumulate(gains[::-1])[::-1]
    poor = [value for value, gain in zip(curve.values, highest_after, strict=True) if gain < WORTH_DB]
    if not poor:
        return ""
    if poor[0] == curve.values[0]:
        return f"; nowhere {WORTH_DB:g} dB above the unprocessed mixture"
    return f"; less than {WORTH_DB:g} dB above the unprocessed mixture from {poor[0]:g} {unit} on"
