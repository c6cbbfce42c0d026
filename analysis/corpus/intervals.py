"""Means over a test set with intervals that take into account how few people speak in it.

A test set draws its mixtures from few speakers (Libri2Mix: 3000 mixtures of 40), and a voice that is hard to separate
is hard in all of its mixtures. Another set would have other speakers, so the bootstrap draws speakers: one that is
drawn k times counts k times, and a mixture counts the product of its speakers' counts (two-way cluster bootstrap; Owen,
The pigeonhole bootstrap, 2007). The naive interval, which treats mixtures as independent, is only given for comparison.

Where none or all of the mixtures have a property, resampling cannot vary its share: there the interval is the exact
one.

How often the intervals hold the true mean is measured in `tests/test_corpus_intervals.py`. Where speakers matter it
is about 19 times in 20; where they do not, more often, as the product counts the mixtures' own noise up to three times.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np
from cachetools import LRUCache, cached

from analysis.proportion import exact_interval

RESAMPLES = 2000
BLOCK = 100  # of them drawn at a time
MOST_KEPT = 1 << 27  # bytes of weights that are kept for the next mean
CONFIDENCE = 0.95
Z = 1.96  # of CONFIDENCE, for the naive interval
SEED = 0
MIN_SPEAKERS = 5  # with fewer there is no interval: too few distinct draws
FEW_SPEAKERS, FEW_MIXTURES = 20, 30  # below, a warning

Speakers = tuple[tuple[str, ...], ...]  # of each mixture; () where unknown


@dataclass(frozen=True)
class Estimate:
    """A mean over `count` values, its 95 % interval [low, high], and the naive one; nan where there is none."""

    mean: float
    low: float
    high: float
    count: int
    naive_low: float
    naive_high: float


def estimate(values: np.ndarray, speakers: Sequence[tuple[str, ...]] | None = None) -> Estimate | None:
    """The mean of values (M,) of mixtures with these speakers; None where no value is finite.

    A mixture whose speakers are unknown counts as having speakers of its own. Seeded: the same every time.
    """
    finite = np.isfinite(values)
    found = values[finite]
    count = len(found)
    if not count:
        return None
    mean = float(found.mean())
    half = Z * float(found.std(ddof=1)) / math.sqrt(count) if count > 1 else math.nan
    chosen = () if speakers is None else tuple(one for one, kept in zip(speakers, finite, strict=True) if kept)
    low, high = _interval(found, chosen or ((),) * count)
    return Estimate(mean, low, high, count, mean - half, mean + half)


def share(events: np.ndarray, speakers: Sequence[tuple[str, ...]] | None = None) -> Estimate | None:
    """The share of mixtures (M,) with an event, as `estimate`; None without mixtures.

    At none or all of them both intervals are Clopper and Pearson's, which treats the mixtures as independent: the
    least that can be said. With too few speakers for an interval there is none here either.
    """
    found = estimate(np.asarray(events, float), speakers)
    if found is None or 0 < found.mean < 1:
        return found
    low, high = exact_interval(round(found.mean * found.count), found.count)
    ends = (found.low, found.high) if math.isnan(found.low) else (low, high)
    return Estimate(found.mean, *ends, found.count, low, high)


def _interval(values: np.ndarray, speakers: Speakers) -> tuple[float, float]:
    """Percentiles of the means of the resamples."""
    weights = _weights(speakers)
    if weights is None:
        return math.nan, math.nan
    totals = weights.sum(1)
    means = (weights @ values.astype(np.float32))[totals > 0] / totals[totals > 0]
    low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


@cached(LRUCache(MOST_KEPT, getsizeof=lambda weights: 0 if weights is None else weights.nbytes), lock=Lock())
def _weights(speakers: Speakers) -> np.ndarray | None:
    """(RESAMPLES, M): how often each mixture counts in each resample; None where there are too few speakers."""
    own = [one or (f"mixture {k}",) for k, one in enumerate(speakers)]
    numbers = {name: number for number, name in enumerate(sorted({name for one in own for name in one}))}
    if len(numbers) < MIN_SPEAKERS:
        return None
    count = len(numbers)
    rng, weights = np.random.default_rng(SEED), np.ones((RESAMPLES, len(own)), np.float32)
    held = [[k for k, one in enumerate(own) if len(one) > place] for place in range(max(map(len, own)))]
    whose = [[numbers[own[k][place]] for k in some] for place, some in enumerate(held)]
    for start in range(0, RESAMPLES, BLOCK):  # with many speakers, all draws at once would take gigabytes
        block = weights[start : start + BLOCK]
        draws = rng.multinomial(count, np.full(count, 1 / count), len(block)).astype(np.float32)
        for some, speaker in zip(held, whose, strict=True):
            block[:, some] *= draws[:, speaker]
    return weights


def cautions(speakers: Sequence[tuple[str, ...]]) -> list[str]:
    """Sentences on why intervals over mixtures of these speakers deserve little trust; usually none."""
    said, known = [], {name for one in speakers for name in one}
    if len(speakers) < FEW_MIXTURES:
        said.append(
            f"{_number(len(speakers), 'mixture')} can say little: the intervals are rough below {FEW_MIXTURES}."
        )
    if not known:
        said.append(
            "Who speaks is not told by the mixtures' names, so the intervals take every mixture for one of other "
            "speakers: they are too narrow where voices come again."
        )
    elif len(known) < MIN_SPEAKERS:
        said.append(f"With only {_number(len(known), 'speaker')} there is no interval that says how other voices do.")
    elif len(known) < FEW_SPEAKERS:
        said.append(f"With only {len(known)} speakers the intervals are too narrow: other voices may do differently.")
    return said


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
