"""What the page Start point says of its curves: starts of a mixture and of a set, pauses."""

from collections.abc import Mapping

import numpy as np

from analysis.conditions.alone_results import ASIDE, KEPT, QUIET, AloneResults
from analysis.conditions.quality_results import QualitySummary
from analysis.start_point.pauses import PauseCurve
from analysis.start_point.sets import SetResults
from analysis.start_point.shifts import StartCurve

from .say import counted, number, share_text


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


def explain_pauses(curves: Mapping[str, PauseCurve]) -> list[str]:
    """What the curves of models (name -> curve) show, a sentence each."""
    parts = []
    for name, curve in curves.items():
        first, last = curve.sdr[:, 0].mean(), curve.sdr[:, -1].mean()
        if np.isnan([first, last]).any():
            parts.append(f"**{name}**: the SDR is undefined, as a voice is silent.")
            continue
        short, long = (f"{value:g} s" for value in (curve.values[0], curve.values[-1]))
        parts.append(
            f"**{name}**: SDR {number(first, 1)} dB at {short}, {number(last, 1)} dB at {long}; voices swapped after "
            f"{int(curve.swapped.sum())} of {counted(curve.swapped.size, 'pause')}."
        )
    return parts


def explain_guesses(title: str, of: QualitySummary) -> str:
    """How far the guesses for the model `title` were off on sounds that were not fitted on."""
    return (
        f"{title}: off by {number(of.error, 1)} dB on average; {number(of.held, 0)} % of "
        f"{counted(of.outputs, 'output')} lie within the interval."
    )


def explain_alone(of: AloneResults) -> str:
    """What a model gives where there is one voice, or none."""
    (aside, voice, quiet), (below, kept, silent) = of.medians, of.shares
    return (
        f"of one voice alone the other output lies {number(aside, 0)} dB below it ({share_text(below, 0)} of "
        f"{counted(len(of.below), 'voice')} at least {number(ASIDE, 0)} dB), and the voice has {number(voice, 0)} dB "
        f"({share_text(kept, 0)} at least {number(KEPT, 0)} dB); of noise alone the outputs lie {number(quiet, 0)} dB "
        f"below it ({share_text(silent, 0)} at least {number(QUIET, 0)} dB)."
    )
