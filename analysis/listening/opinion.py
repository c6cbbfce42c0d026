"""Statistics of listening tests: mean opinion scores, paired comparisons and A/B/X (Table VII, Fig. 3).

A value that too little data leaves undefined is None, never NaN.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

# The five-point scale of absolute category rating, ITU-T P.800 (and section IV-D of the paper).
SCALE = {1: "bad", 2: "poor", 3: "fair", 4: "good", 5: "excellent"}
CONFIDENCE = 0.95
UNITS = ("rating", "utterance", "listener")


@dataclass(frozen=True)
class Mean:
    """A mean of `count` values with its standard error and confidence interval (Student's t)."""

    count: int
    mean: float
    standard_error: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class PairedTest:
    """Is x - y zero? Over `pairs` pairs.

    `difference` is the mean of x - y, [low, high] its confidence interval. `t_p` and `wilcoxon_p` are two-sided.
    Effect sizes: `d_z`, the mean difference in its standard deviations, and `rank_biserial`, the share of the
    rank sum that favours x minus the share that favours y, from -1 to 1.
    """

    pairs: int
    difference: float
    low: float | None
    high: float | None
    t: float | None
    t_p: float | None
    d_z: float | None
    wilcoxon_p: float | None
    rank_biserial: float | None


@dataclass(frozen=True)
class ABX:
    """`correct` of `trials` answers; [low, high] is the exact (Clopper-Pearson) interval of the proportion.

    `p` is the chance of as many correct answers or more by guessing.
    """

    correct: int
    trials: int
    proportion: float
    low: float
    high: float
    p: float


@dataclass(frozen=True)
class Opinion:
    """One rating of one system's version of one utterance by one listener."""

    listener: str
    utterance: int
    system: str
    score: float


def mean_score(values: Sequence[float]) -> Mean | None:
    """The mean opinion score of `values`; None for no values. One value has no standard error."""
    x = np.asarray(values, np.float64)
    if x.size == 0:
        return None
    if x.size == 1:
        return Mean(1, float(x[0]), None, None, None)
    error = float(x.std(ddof=1) / math.sqrt(x.size))
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, x.size - 1)) * error
    mean = float(x.mean())
    return Mean(x.size, mean, error, mean - reach, mean + reach)


def paired_test(x: Sequence[float], y: Sequence[float]) -> PairedTest | None:
    """Test the paired values x against y; None for no pairs.

    The t-test and d_z need two pairs that differ differently; the Wilcoxon test drops pairs without a difference
    and needs one with. Raises ValueError for unequal lengths.
    """
    if len(x) != len(y):
        raise ValueError("A paired test needs as many values of one system as of the other.")
    difference = np.asarray(x, np.float64) - np.asarray(y, np.float64)
    mean = mean_score(difference)
    if mean is None:
        return None
    t = t_p = d_z = wilcoxon_p = rank_biserial = None
    if mean.standard_error:
        test = stats.ttest_rel(x, y)
        t, t_p = float(test.statistic), float(test.pvalue)
        d_z = t / math.sqrt(mean.count)
    changed = difference[difference != 0]
    if changed.size:
        wilcoxon_p = float(stats.wilcoxon(changed).pvalue)
        ranks = stats.rankdata(np.abs(changed))
        rank_biserial = float(np.sum(ranks * np.sign(changed)) / ranks.sum())
    return PairedTest(mean.count, mean.mean, mean.low, mean.high, t, t_p, d_z, wilcoxon_p, rank_biserial)


def abx(correct: int, trials: int) -> ABX | None:
    """How far `correct` answers out of `trials` lie from guessing; None for no trials."""
    if trials == 0:
        return None
    test = stats.binomtest(correct, trials, 0.5, alternative="greater")
    interval = stats.binomtest(correct, trials).proportion_ci(CONFIDENCE, method="exact")
    return ABX(correct, trials, correct / trials, float(interval.low), float(interval.high), float(test.pvalue))


def scores(opinions: Sequence[Opinion], system: str) -> list[float]:
    """All scores of a system, one for each rating."""
    return [opinion.score for opinion in opinions if opinion.system == system]


def utterance_scores(opinions: Sequence[Opinion], system: str) -> dict[int, float]:
    """The mean over the listeners of each utterance as `system` renders it (a dot of Fig. 3C)."""
    utterances = defaultdict(list)
    for opinion in opinions:
        if opinion.system == system:
            utterances[opinion.utterance].append(opinion.score)
    return {utterance: float(np.mean(values)) for utterance, values in sorted(utterances.items())}


def paired(opinions: Sequence[Opinion], x: str, y: str, unit: str = "rating") -> tuple[list[float], list[float]]:
    """Scores of systems x and y in pairs: what one listener gave to both versions of one utterance.

    With `unit` "utterance" or "listener" the pairs of each are averaged first. The paper's p < 1e-16 implies
    "rating", which takes the ratings of one listener for independent. Raises ValueError for another unit.
    """
    if unit not in UNITS:
        raise ValueError(f"The unit of a paired test is one of {', '.join(UNITS)}, not {unit}.")
    given = {(o.listener, o.utterance, o.system): o.score for o in opinions}
    units = defaultdict(list)
    for listener, utterance, system in given:
        if system == x and (listener, utterance, y) in given:
            key = {"rating": (listener, utterance), "utterance": utterance, "listener": listener}[unit]
            units[key].append((given[listener, utterance, x], given[listener, utterance, y]))
    means = [np.mean(pairs, axis=0) for pairs in units.values()]
    return [float(mean[0]) for mean in means], [float(mean[1]) for mean in means]


def correlation(x: Sequence[float], y: Sequence[float]) -> float | None:
    """Pearson's correlation; None for fewer than three pairs or a constant side."""
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    return float(np.corrcoef(x, y)[0, 1])
