"""Statistics of listening tests against scipy, formulas in float64 and enumeration."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from analysis.listening import opinion
from analysis.listening.opinion import Opinion


@pytest.fixture
def ratings() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.integers(1, 6, 40).astype(float)
    return x, np.clip(x + rng.integers(-2, 2, 40), 1, 5)


def test_mean_score_by_its_formula(ratings):
    x = ratings[0]
    found = opinion.mean_score(x)
    error = math.sqrt(sum((v - x.mean()) ** 2 for v in x) / 39 / 40)
    low, high = stats.t.interval(0.95, 39, loc=x.mean(), scale=error)
    expected = (40, x.mean(), error, low, high)
    assert (found.count, found.mean, found.standard_error, found.low, found.high) == pytest.approx(expected, rel=1e-12)


def test_the_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(1)
    found = [opinion.mean_score(rng.normal(3, 1, 5)) for _ in range(2000)]
    assert np.mean([m.low < 3 < m.high for m in found]) == pytest.approx(0.95, abs=0.015)


def crossed_ratings(rng, listeners: int, utterances: int, spread: tuple[float, float, float]) -> tuple:
    """Ratings about 0 of all listeners on all utterances: both have an own effect, each rating noise."""
    listener, utterance = np.divmod(np.arange(listeners * utterances), utterances)
    effects = rng.normal(size=listeners) * spread[0], rng.normal(size=utterances) * spread[1]
    noise = rng.normal(size=len(listener)) * spread[2]
    return effects[0][listener] + effects[1][utterance] + noise, listener.tolist(), utterance.tolist()


@pytest.mark.parametrize("spread", [(1, 1, 1), (1, 0, 1), (0, 1, 1), (0, 0, 1), (2, 0.3, 0.5)])
@pytest.mark.parametrize("sizes", [(4, 6), (20, 25)])
def test_the_crossed_interval_covers_the_truth(spread, sizes):
    """With listeners and utterances drawn anew each time; the naive interval holds the truth far less often."""
    rng = np.random.default_rng(3)
    drawn = [crossed_ratings(rng, *sizes, spread) for _ in range(400)]
    found = [opinion.crossed_mean(*ratings) for ratings in drawn]
    covered = np.mean([m.low < 0 < m.high for m in found])
    assert covered >= 0.925  # 95 % less two standard errors of the simulation
    assert np.mean([m.p < 0.05 for m in found]) == pytest.approx(1 - covered)
    if max(spread[:2]) >= 1:
        naive = [opinion.mean_score(values) for values, _, _ in drawn]
        assert np.mean([m.low < 0 < m.high for m in naive]) < 0.8


def test_the_crossed_variance_by_its_formula():
    rng = np.random.default_rng(4)
    values, listeners, utterances = crossed_ratings(rng, 5, 4, (1, 1, 1))
    kept = rng.permutation(20)[:17]  # somebody stopped before the end
    values, listeners, utterances = values[kept], [listeners[i] for i in kept], [utterances[i] for i in kept]
    found = opinion.crossed_mean(values, listeners, utterances, null=0.3)
    same = np.equal.outer(listeners, listeners).astype(float), np.equal.outer(utterances, utterances).astype(float)
    residuals = values - values.mean()
    products = np.outer(residuals, residuals) / 17**2
    one, other = (products * same[0]).sum() * 5 / 4, (products * same[1]).sum() * 4 / 3
    both = (products * same[0] * same[1]).sum() * 17 / 16
    assert found.standard_error**2 == pytest.approx(max(one + other - both, one, other), rel=1e-12)
    t = (values.mean() - 0.3) / found.standard_error
    assert found.p == pytest.approx(2 * stats.t.sf(abs(t), 3), rel=1e-12)
    assert found.high - found.mean == pytest.approx(stats.t.ppf(0.975, 3) * found.standard_error, rel=1e-12)
    assert (found.count, found.listeners, found.utterances) == (17, 5, 4)


def test_one_listener_or_one_utterance_says_nothing_of_others():
    assert opinion.crossed_mean([], [], []) is None
    for listeners, utterances in (("aa", (0, 1)), ("ab", (0, 0))):
        found = opinion.crossed_mean([1, 2], list(listeners), list(utterances))
        assert (found.mean, found.low, found.p) == (1.5, None, None)


def test_differences_are_of_one_listener_and_one_utterance(opinions):
    found = opinion.crossed_difference(opinions, "Net", "IRM")
    assert (found.count, found.mean) == (3, 1.0)  # 2, 1 and 0; b stopped before the fourth
    assert opinion.crossed_difference(opinions, "Net", "nothing") is None
    assert opinion.crossed_score(opinions, "IRM").mean == 3.5


def test_holm_by_hand():
    assert opinion.holm([0.01, None, 0.04, 0.03]) == [
        pytest.approx(0.03),
        None,
        pytest.approx(0.06),
        pytest.approx(0.06),
    ]
    assert opinion.holm([0.9, 0.8]) == [1.0, 1.0] and opinion.holm([]) == []


def test_mushra_s_post_screening():
    """Below 90 in more than 15 % of the trials: 1 of 7 is not, 2 of 7 are."""
    rows = [("a", u, "Clean", 80 if u < 1 else 95) for u in range(7)]
    rows += [("b", u, "Clean", 80 if u < 2 else 90) for u in range(7)] + [("c", 0, "IRM", 10)]
    assert opinion.unsure_listeners([Opinion(*row) for row in rows], "Clean") == ["b"]


def test_what_a_test_can_reach():
    assert opinion.abx_needed(4) is None and opinion.abx_needed(5) == 5 and opinion.abx_needed(16) == 12
    assert opinion.abx(12, 16).p < 0.05 < opinion.abx(11, 16).p
    for units in (3, 6):
        assert opinion.best_paired_p(units) == stats.wilcoxon(np.arange(1, units + 1)).pvalue
    assert opinion.best_paired_p(1) == 1


def test_paired_t_and_wilcoxon_against_scipy(ratings):
    found = opinion.paired_test(*ratings)
    t = stats.ttest_rel(*ratings)
    assert (found.t, found.t_p) == pytest.approx((t.statistic, t.pvalue), rel=1e-9)
    interval = t.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-9)
    assert found.wilcoxon_p == pytest.approx(stats.wilcoxon(*ratings).pvalue, rel=1e-9)
    difference = ratings[0] - ratings[1]
    assert found.d_z == pytest.approx(difference.mean() / difference.std(ddof=1), rel=1e-12)


def test_wilcoxon_and_its_effect_by_enumeration():
    """All 2^8 signs of eight differences without ties."""
    x, y = np.array([1.0, 9, 2, 7, 13, 21, 4, 30]), np.array([0.5, 7, 3.5, 4, 9, 15.5, 10.5, 22])
    difference = x - y
    ranks = np.abs(difference).argsort().argsort() + 1
    total = float(np.sum(ranks * np.sign(difference)))
    every = [abs(np.dot(ranks, signs)) for signs in itertools.product([-1, 1], repeat=8)]
    found = opinion.paired_test(x, y)
    assert found.wilcoxon_p == pytest.approx(np.mean(np.array(every) >= abs(total)), rel=1e-12)
    assert found.rank_biserial == pytest.approx(total / 36, rel=1e-12)


def test_effect_sizes_have_the_sign_and_range_they_should():
    better = opinion.paired_test([5, 5, 4, 5], [1, 2, 1, 3])
    assert better.rank_biserial == 1 and better.d_z > 0 and better.difference > 0
    assert opinion.paired_test([1, 2, 1, 3], [5, 5, 4, 5]).rank_biserial == -1


@pytest.mark.parametrize("correct, trials", [(0, 5), (5, 5), (9, 12), (32, 50), (1, 1)])
def test_abx_against_sums_of_binomial_terms(correct, trials):
    found = opinion.abx(correct, trials)
    tail = sum(math.comb(trials, k) for k in range(correct, trials + 1)) / 2**trials
    assert found.p == pytest.approx(tail, rel=1e-12)
    # Clopper and Pearson: at either end the tail beyond the count has 2.5 %.
    if 0 < correct < trials:
        assert stats.binom.sf(correct - 1, trials, found.low) == pytest.approx(0.025, rel=1e-6)
        assert stats.binom.cdf(correct, trials, found.high) == pytest.approx(0.025, rel=1e-6)
    assert 0 <= found.low <= found.proportion <= found.high <= 1


def test_too_little_data_is_undefined_not_nan():
    assert opinion.mean_score([]) is None
    assert opinion.mean_score([4]) == opinion.Mean(1, 4.0, None, None, None)
    assert opinion.paired_test([], []) is None
    assert opinion.abx(0, 0) is None
    one = opinion.paired_test([4], [3])
    assert (one.difference, one.t_p, one.d_z) == (1, None, None)
    same = opinion.paired_test([3, 3, 3], [3, 3, 3])
    assert (same.t_p, same.wilcoxon_p, same.rank_biserial) == (None, None, None)
    assert opinion.paired_test([4, 4], [3, 3]).t_p is None
    assert opinion.correlation([1, 2], [1, 2]) is None
    assert opinion.correlation([1, 2, 3], [2, 2, 2]) is None
    with pytest.raises(ValueError, match="as many values"):
        opinion.paired_test([1, 2], [1])


@pytest.fixture
def opinions() -> list[Opinion]:
    """Two listeners, two utterances; the second listener stopped before the last rating."""
    table = [("a", 0, "IRM", 3), ("a", 0, "Net", 5), ("a", 1, "IRM", 2), ("a", 1, "Net", 3)]
    table += [("b", 0, "IRM", 4), ("b", 0, "Net", 4), ("b", 1, "IRM", 5)]
    return [Opinion(*row) for row in table]


def test_pairs_leave_out_what_only_one_system_got(opinions):
    assert opinion.paired(opinions, "Net", "IRM") == ([5, 3, 4], [3, 2, 4])
    assert opinion.paired(opinions, "Net", "IRM", unit="utterance") == ([4.5, 3], [3.5, 2])
    assert opinion.paired(opinions, "Net", "IRM", unit="listener") == ([4, 4], [2.5, 4])
    with pytest.raises(ValueError, match="unit"):
        opinion.paired(opinions, "Net", "IRM", unit="day")


def test_scores_of_systems_and_utterances(opinions):
    assert opinion.scores(opinions, "IRM") == [3, 2, 4, 5]
    assert opinion.utterance_scores(opinions, "IRM") == {0: 3.5, 1: 3.5}
    assert opinion.utterance_scores(opinions, "nothing") == {}


def test_correlation_against_scipy():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(2, 30))
    assert opinion.correlation(x, y) == pytest.approx(stats.pearsonr(x, y).statistic, rel=1e-12)
