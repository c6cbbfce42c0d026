"""Intervals of a test set: how often they hold the true mean, by simulation; what they must be in simple cases."""

import math
from functools import lru_cache

import numpy as np
import pytest

from analysis.corpus.intervals import MIN_SPEAKERS, cautions, estimate


@lru_cache
def drawn_pairs(speakers: int, mixtures: int) -> np.ndarray:
    """(M, 2): who speaks in each mixture."""
    random = np.random.default_rng(0)
    return np.array([random.choice(speakers, 2, replace=False) for _ in range(mixtures)])


def simulated(speakers: int, mixtures: int, speaker_sd: float, noise_sd: float, seed: int):
    """Scores of mixtures of two speakers whose own difficulty adds up; and who they are. The true mean is 0."""
    pairs, random = drawn_pairs(speakers, mixtures), np.random.default_rng(seed)
    effects = random.normal(0, speaker_sd, speakers)
    return effects[pairs].sum(1) + random.normal(0, noise_sd, mixtures), [(str(a), str(b)) for a, b in pairs]


def coverage(**how) -> tuple[float, float]:
    """The shares of 200 test sets whose interval, and whose naive interval, hold the true mean."""
    found = [estimate(*simulated(**how, seed=seed)) for seed in range(200)]
    return (
        float(np.mean([one.low <= 0 <= one.high for one in found])),
        float(np.mean([one.naive_low <= 0 <= one.naive_high for one in found])),
    )


def test_the_interval_holds_the_true_mean_of_other_speakers():
    """300 mixtures of 40 speakers, as hard as Libri2Mix's are: two standard errors of a share of 0.95 are 0.03."""
    clustered, naive = coverage(speakers=40, mixtures=300, speaker_sd=1.5, noise_sd=3.3)
    assert 0.92 <= clustered <= 0.995
    assert naive < 0.75


def test_the_interval_is_not_too_narrow_where_speakers_do_not_matter():
    clustered, naive = coverage(speakers=40, mixtures=150, speaker_sd=0.0, noise_sd=3.0)
    assert clustered >= 0.95 and 0.91 <= naive <= 0.98


def test_without_speakers_it_is_the_normal_distributions_for_many_values():
    values = np.random.default_rng(1).normal(7.0, 3.0, 1500)
    found = estimate(values)
    half = 1.96 * values.std(ddof=1) / math.sqrt(len(values))
    assert found.mean == pytest.approx(values.mean())
    assert (found.naive_low, found.naive_high) == pytest.approx((values.mean() - half, values.mean() + half))
    assert found.low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert found.high == pytest.approx(values.mean() + half, abs=0.1 * half)
    assert estimate(values) == found  # seeded


def test_the_interval_is_that_of_a_bootstrap_by_hand():
    """The definition, slowly: draw speakers, count each mixture by the product of its speakers' counts."""
    values, speakers = simulated(12, 40, 2.0, 1.0, seed=3)
    random, names, means = np.random.default_rng(9), sorted({name for one in speakers for name in one}), []
    for _ in range(3000):
        drawn = list(random.choice(names, len(names)))
        counts = [drawn.count(a) * drawn.count(b) for a, b in speakers]
        if sum(counts):
            means.append(np.average(values, weights=counts))
    low, high = np.quantile(means, [0.025, 0.975])
    found = estimate(values, speakers)
    drawing = 0.05 * (high - low)  # what two sets of draws may differ by
    assert found.low == pytest.approx(low, abs=drawing) and found.high == pytest.approx(high, abs=drawing)


def test_undefined_and_perfect_scores_are_left_out_and_counted():
    found = estimate(np.array([1.0, np.nan, 3.0, np.inf]), [("a", "b")] * 4)
    assert (found.mean, found.count) == (2.0, 2)
    assert estimate(np.array([np.nan])) is None
    one = estimate(np.array([4.0]))
    assert one.mean == 4.0 and math.isnan(one.low) and math.isnan(one.naive_low)


def test_too_few_speakers_have_no_interval():
    few = [("a", "b"), ("b", "c"), ("c", "d")] * 20
    assert len({name for one in few for name in one}) < MIN_SPEAKERS
    found = estimate(np.arange(60.0), few)
    assert math.isnan(found.low) and found.naive_low < found.mean


@pytest.mark.parametrize(
    ("speakers", "said"),
    [
        ([("a", "b")] * 60, "only 2 speakers there is no interval"),
        ([(str(3 * k), str(3 * k + 1)) for k in range(10)], "10 mixtures can say little"),
        ([(str(k % 9), str(k % 9 + 1)) for k in range(60)], "With only 10 speakers the intervals are too narrow"),
        ([()] * 60, "Who speaks is not told"),
    ],
)
def test_what_limits_the_intervals_is_said(speakers, said):
    (caution,) = cautions(speakers)
    assert said in caution and caution.endswith(".")


def test_a_usual_test_set_draws_no_caution():
    assert cautions([(str(k % 40), str((k + 7) % 40)) for k in range(300)]) == []
