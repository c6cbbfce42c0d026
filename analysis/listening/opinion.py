"""Statistics of listening tests: mean opinion scores, paired comparisons and A/B/X (Table VII, Fig. 3).

A value that too little data leaves undefined is None, never NaN.
"""

import math
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from analysis.proportion import exact_interval

# The five-point scale of absolute category rating, ITU-T P.800 (and section IV-D of the paper).
SCALE = {1: "bad", 2: "poor", 3: "fair", 4: "good", 5: "excellent"}
CONFIDENCE = 0.95
UNITS = ("rating", "utterance", "listener")
# Post-screening of ITU-R BS.1534: whoever rates the hidden reference below SURE in more than SHARE of the trials is
# out.
SURE, SHARE = 90, 0.15


@dataclass(frozen=True)
class Mean:
    """A mean of `count` values with its standard error and confidence interval (Student's t)."""

    count: int
    mean: float
    standard_error: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class CrossedMean:
    """A mean of `count` values over listeners and utterances, both drawn at random from many.

    `standard_error` and the confidence interval [low, high] say how far the mean would move with other listeners and
    other utterances; `p` is two-sided, against `null`. None where there are not two of each to tell.
    """

    count: int
    listeners: int
    utterances: int
    mean: float
    standard_error: float | None
    low: float | None
    high: float | None
    p: float | None


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


def crossed_mean(
    values: Sequence[float], listeners: Sequence[str], utterances: Sequence[int], null: float = 0.0
) -> CrossedMean | None:
    """The mean of ratings with listener and utterance as random effects; None for no values.

    The variance of the mean is clustered two ways (Cameron, Gelbach & Miller, 2011): that of listeners' sums plus that
    of utterances' sums less that of their cells', never below either of the first two; Student's t has one degree of
    freedom less than there are listeners or utterances, whichever are fewer. It holds where a bootstrap of so few
    clusters is too narrow: see the simulations of `tests/test_opinion.py`.
    """
    x = np.asarray(values, np.float64)
    if x.size == 0:
        return None
    cells = list(zip(listeners, utterances, strict=True))
    sizes = len(set(listeners)), len(set(utterances))
    mean = float(x.mean())
    if min(sizes) < 2:
        return CrossedMean(x.size, *sizes, mean, None, None, None, None)
    one, other, both = (_cluster_variance(x - mean, labels) for labels in (listeners, utterances, cells))
    error = math.sqrt(max(one + other - both, one, other))
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, min(sizes) - 1)) * error
    p = float(2 * stats.t.sf(abs(mean - null) / error, min(sizes) - 1)) if error else None
    return CrossedMean(x.size, *sizes, mean, error, mean - reach, mean + reach, p)


def _cluster_variance(residuals: np.ndarray, labels: Sequence[Hashable]) -> float:
    """The variance of the mean whose `residuals` are these, where those of one label belong together."""
    numbers = {label: number for number, label in enumerate(dict.fromkeys(labels))}
    sums = np.bincount([numbers[label] for label in labels], residuals)
    return float(np.square(sums).sum() * len(sums) / (len(sums) - 1) / residuals.size**2)


def crossed_score(opinions: Sequence[Opinion], system: str) -> CrossedMean | None:
    """The mean opinion of `system`; see `crossed_mean`. Its p means nothing: no score is the null."""
    own = [o for o in opinions if o.system == system]
    return crossed_mean([o.score for o in own], [o.listener for o in own], [o.utterance for o in own])


def crossed_difference(opinions: Sequence[Opinion], x: str, y: str) -> CrossedMean | None:
    """The mean of x - y over all pairs of one listener and one utterance; see `crossed_mean`."""
    means = {system: _cell_means(opinions, system) for system in (x, y)}
    cells = [cell for cell in means[x] if cell in means[y]]
    return crossed_mean([means[x][c] - means[y][c] for c in cells], [c[0] for c in cells], [c[1] for c in cells])


def _cell_means(opinions: Sequence[Opinion], system: str) -> dict[tuple[str, int], float]:
    """(listener, utterance) -> the mean over the repetitions of what `system` got."""
    given = defaultdict(list)
    for o in opinions:
        if o.system == system:
            given[o.listener, o.utterance].append(o.score)
    return {cell: float(np.mean(scores)) for cell, scores in given.items()}


def holm(p: Sequence[float | None]) -> list[float | None]:
    """Holm's correction of the p values of one family; None stays None and does not count."""
    order = sorted((value, i) for i, value in enumerate(p) if value is not None)
    corrected: list[float | None] = [None] * len(p)
    highest = 0.0
    for rank, (value, i) in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * value))
        corrected[i] = highest
    return corrected


def unsure_listeners(opinions: Sequence[Opinion], reference: str) -> list[str]:
    """MUSHRA's post-screening: listeners who missed the hidden reference too often (`SURE`, `SHARE`)."""
    found = defaultdict(list)
    for o in opinions:
        if o.system == reference:
            found[o.listener].append(o.score < SURE)
    return [listener for listener, missed in found.items() if np.mean(missed) > SHARE]


def abx_needed(trials: int, level: float = 0.05) -> int | None:
    """How many of `trials` A/B/X answers must be right for p below `level`; None where not even all suffice."""
    return next((k for k in range(trials + 1) if stats.binom.sf(k - 1, trials, 0.5) < level), None)


def best_paired_p(units: int) -> float:
    """The smallest two-sided p that ranks or signs of so many pairs can give: all on one side."""
    return min(1.0, 2.0 ** (1 - units))


def paired_test(x: Sequence[float], y: Sequence[float]) -> PairedTest | None:
    """Test the paired values x against y; None for no pairs.

    The t-test and d_z need two pairs that differ differently; the Wilcoxon test drops pairs without a difference
    and needs one with. Raises ValueError for unequal lengths.
    """
    if len(x) != len(y):
        raise ValueError("A paired test needs as many values of one system as of the other.")
    difference = np.asarray(x, np.float64) - np.asarray(y, np.float64)
    mean = mean_score(difference.tolist())
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
    low, high = exact_interval(correct, trials, CONFIDENCE)
    return ABX(correct, trials, correct / trials, low, high, float(test.pvalue))


def crossed_share(
    correct: Sequence[bool], listeners: Sequence[str], utterances: Sequence[int]
) -> tuple[float, float] | None:
    """The interval of a share of A/B/X answers over listeners and utterances; None where there are not two of each.

    That of `crossed_mean` within 0 and 1; where none or all are right, which leaves it nothing to vary, the exact one
    of as many independent answers: the least that can be said.
    """
    found = crossed_mean([float(one) for one in correct], listeners, utterances, null=0.5)
    if found is None or found.low is None or found.high is None:
        return None
    if found.mean in (0, 1):
        return exact_interval(int(sum(correct)), len(correct), CONFIDENCE)
    return max(found.low, 0.0), min(found.high, 1.0)


def scores(opinions: Sequence[Opinion], system: str) -> list[float]:
    """All scores of a system, one for each rating."""
    return [opinion.score for opinion in opinions if opinion.system == system]


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """The lower quartile, the median and the upper quartile of at least one value."""
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75)).tolist()
    return low, middle, high


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
    given = {system: _cell_means(opinions, system) for system in (x, y)}
    units = defaultdict(list)
    for cell, score in given[x].items():
        if cell in given[y]:
            listener, utterance = cell
            key = {"rating": cell, "utterance": utterance, "listener": listener}[unit]
            units[key].append((score, given[y][cell]))
    means = [np.mean(pairs, axis=0) for pairs in units.values()]
    return [float(mean[0]) for mean in means], [float(mean[1]) for mean in means]


def correlation(x: Sequence[float], y: Sequence[float]) -> float | None:
    """Pearson's correlation; None for fewer than three pairs or a constant side."""
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    return float(np.corrcoef(x, y)[0, 1])
