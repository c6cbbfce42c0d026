"""One mixture started at different samples, as in Fig. 4A: SDRi over the shift."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.scores.metrics import evaluate, mixture_scores
from tasnet import Separator
from tasnet.errors import UserError
from tasnet.model_titles import voices_in_words
from tasnet.training_facts import any_order

STEPS = 41
# Primes: their multiples meet every position of the frames, whose hop is 20 samples or 8, not just the few of a
# step that shares a factor with it.
RANGES = {
    "every sample": tuple(range(0, STEPS)),
    "every 17th": tuple(range(0, 17 * STEPS, 17)),
    "every 101st": tuple(range(0, 101 * STEPS, 101)),
}
SHORTEST_SECONDS = 0.5  # of what is scored


class StartPointError(UserError):
    """A mixture whose start cannot be varied, said in one sentence."""


@dataclass(frozen=True)
class StartCurve:
    """SDRi of one mixture over its starting sample.

    shifts: samples. sdri: (shifts,) dB, the mean over the speakers; nan where undefined.
    """

    shifts: tuple[int, ...]
    rate: int
    sdri: np.ndarray

    @property
    def milliseconds(self) -> np.ndarray:
        """(shifts,)."""
        return 1000 * np.array(self.shifts) / self.rate

    @property
    def deviation(self) -> float:
        """Standard deviation of the SDRi over the shifts in dB, what Fig. 4B shows of each mixture."""
        return standard_deviation(self.sdri)


def standard_deviation(sdri: np.ndarray) -> float:
    """Of the defined values (n,), with n - 1 below; nan where there are fewer than two."""
    sdri = np.asarray(sdri, float)
    sdri = sdri[np.isfinite(sdri)]
    return float(sdri.std(ddof=1)) if len(sdri) > 1 else float("nan")


def vary_start(
    separator: Separator,
    mixture: np.ndarray,
    references: np.ndarray,
    rate: int,
    shifts: Sequence[int],
    progress: Callable[[float], None] = lambda done: None,
) -> StartCurve:
    """Separate `mixture` (T,) from each of `shifts` on and score it against `references` (C, T).

    A shift of s samples starts the separation at sample s (section IV-F). What is scored is the part that all shifts
    share, from the largest on: only the start differs, not the sound. `progress` is called with the fraction done.
    Raises StartPointError where the mixture is too short or has another number of speakers than the network.
    """
    curves: list[StartCurve] = []
    for curve in growing_curve(separator, mixture, references, rate, shifts):
        curves.append(curve)
        progress(len(curves) / len(shifts))
    return curves[-1]


def growing_curve(
    separator: Separator, mixture: np.ndarray, references: np.ndarray, rate: int, shifts: Sequence[int]
) -> Iterator[StartCurve]:
    """What `vary_start` finds, point by point, so that the whole range is seen early: each time all points so far."""
    last = max(shifts)
    if len(references) != separator.config.C:
        raise StartPointError(
            f"{separator.name} {voices_in_words(separator.config.C)}, but this mixture has {len(references)}."
        )
    if len(mixture) - last < SHORTEST_SECONDS * rate:
        raise StartPointError(
            f"The mixture lasts {len(mixture) / rate:.2f} s, too short to start up to {last / rate:.2f} s later."
        )
    scored, clean = mixture[last:], references[:, last:]
    baseline = mixture_scores(clean, scored, rate, pesq=False)
    permute = any_order(separator.facts.task)
    found = {}
    for shift in (shifts[index] for index in coarse_first(len(shifts))):
        sources = separator.separate(mixture[shift:], rate).sources[:, last - shift :]
        found[shift] = evaluate(sources, clean, scored, rate, permute=permute, pesq=False, baseline=baseline)
        known = tuple(shift for shift in shifts if shift in found)
        values = [found[shift].mean("sdri") for shift in known]
        sdri = np.array([np.nan if value is None else value for value in values])
        yield StartCurve(known, rate, sdri)


def coarse_first(count: int) -> list[int]:
    """0 .. `count` - 1 in an order in which any beginning is spread over the whole: both ends, the middle, ...

    >>> coarse_first(5)
    [0, 4, 2, 1, 3]
    """
    order = list(dict.fromkeys((0, count - 1)))
    gaps = [(0, count - 1)]
    while gaps:
        low, high = gaps.pop(0)
        if high - low > 1:
            middle = (low + high) // 2
            order.append(middle)
            gaps += [(low, middle), (middle, high)]
    return order
