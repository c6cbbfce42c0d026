"""Every sentence against the figures that it stands beside, read back by rules of its own, over random figures.

`python -m benchmarks.words_on_sounds` does the same with sounds and models.
"""

import itertools
import math

import numpy as np
import pytest
import word_rules as rules
from test_words import compared

from analysis.corpus.intervals import Estimate
from analysis.explain import swaps
from analysis.explain.errors import ErrorParts
from analysis.network.filter_use import FilterUse
from analysis.network.learned_masks import CLEAN, ESTIMATED, ORACLES, RATIO
from analysis.scores.metrics import Scores
from analysis.scores.systems import MEASURES, ScoredSystem
from analysis.start_point.probe_set import ProbeCurve
from analysis.start_point.probes import PROBES
from analysis.words import explain, filters, ideal_masks, inside, probe, say, separate

DRAWS = range(60)
ONE_SCALE = say.one_scale(list(MEASURES))
TITLES = {name: MEASURES[name].name for name in ONE_SCALE}
DECIMALS = {name: MEASURES[name].decimals for name in MEASURES}


def figures(random: np.random.Generator, count: int, spread: float = 10.0) -> list[float]:
    """Of either sign; some alike, some that differ by less than a table shows, some at the edge of a rounding."""
    values = spread * random.normal(size=count)
    kind = random.integers(0, 4)
    if kind == 1:
        values = values[0] + 0.08 * random.normal(size=count)
    elif kind == 2:
        values = np.round(values, 1) + random.choice([0.05, 0.049999, -0.05], count)
    elif kind == 3:
        values = random.choice(values[:2], count)
    return values.tolist()


def scored(**values: float | None) -> Scores:
    fields = dict.fromkeys(Scores.__dataclass_fields__, (0.0, 0.0)) | {"permutation": (0, 1)}
    return Scores(**fields | {name: (value, value) for name, value in values.items()})


@pytest.mark.parametrize("draw", DRAWS)
def test_where_the_network_stands_among_the_ideal_masks(draw):
    random = np.random.default_rng(draw)
    values = {name: figures(random, 5, 3.0) for name in MEASURES}
    masks = [name for name in ("IBM", "IRM", "WFM", "PSM")]
    others = {name: dict(zip(masks, values[name][1:], strict=True)) for name in MEASURES}
    own = {name: values[name][0] for name in MEASURES}
    found = compared(own, {mask: {name: others[name][mask] for name in MEASURES} for mask in masks})
    said = ideal_masks.explain_sound(found)
    places = [sentence for sentence in said if sentence.startswith("By ")]
    assert len(places) == len(ONE_SCALE)
    for name, sentence in zip(ONE_SCALE, places, strict=True):
        rules.check_places(sentence, own[name], others[name], DECIMALS[name])
    rules_of = {TITLES[name]: DECIMALS[name] for name in ONE_SCALE}
    by_title = {TITLES[name]: own[name] for name in ONE_SCALE}, {TITLES[name]: others[name] for name in ONE_SCALE}
    apart = [sentence for sentence in said if sentence.startswith("Which")]
    for sentence in apart:
        rules.check_disagreement(sentence, *by_title, rules_of)
    mixed = [
        mask
        for mask in masks
        if {rules.sign(rules.read(own[n], DECIMALS[n]) - rules.read(others[n][mask], DECIMALS[n])) for n in ONE_SCALE}
        >= {1, -1}
    ]
    assert bool(mixed) == bool(apart)


@pytest.mark.parametrize("draw", DRAWS)
def test_where_the_estimated_masks_stand(draw):
    random = np.random.default_rng(draw)
    values = figures(random, 6)
    clean = 30.0 if draw % 3 else values[1]
    found = {name: scored(**dict.fromkeys(MEASURES, x), si_snr=x) for name, x in zip(ORACLES, values[1:], strict=False)}
    found |= {ESTIMATED: scored(**dict.fromkeys(MEASURES, values[0]), si_snr=values[0]), CLEAN: scored(si_snr=clean)}
    said = inside.explain_oracles(found)
    others = {f"“{name}”" if name == RATIO else name: x for name, x in zip(ORACLES, values[1:], strict=False)}
    for sentence in said:
        if sentence.startswith("By ") and "estimated" in sentence:
            rules.check_places(sentence, values[0], others, 2)
    best = max(others.values())
    gap = round(rules.read(clean, 2) - rules.read(best, 2), 2)
    told = {1: f"costs {gap:.2f} dB", 0: "costs nothing", -1: f"is {-gap:.2f} dB above"}
    assert told[rules.sign(gap)] in said[1]
    above = [x for x in others.values() if rules.read(values[0], 2) > rules.read(x, 2)]
    assert ("No ideal mask is a bound" in said[-1]) == (len(above) == 4) and ("bound" in said[-1]) == bool(above)


@pytest.mark.parametrize("draw", DRAWS)
def test_two_models_phase_and_what_is_switched_off(draw):
    random = np.random.default_rng(draw)
    pairs = {name: figures(random, 2, 3.0) for name in ONE_SCALE}
    one, other = ({name: pair[k] for name, pair in pairs.items()} for k in (0, 1))
    systems = [
        ScoredSystem(f"model {k}", np.zeros((2, 1)), None, scored(**found)) for k, found in enumerate((one, other))
    ]
    rules.check_two(separate.explain_two(*systems, ONE_SCALE), TITLES, one, other, [found.name for found in systems])

    scores = dict(zip(itertools.product(swaps.PARTS, repeat=2), figures(random, 9), strict=True))
    scores[swaps.CLEAN, swaps.CLEAN] = math.inf
    rules.check_swaps(explain.explain_swaps(scores), scores)

    titles = [MEASURES[name].title for name in ONE_SCALE]
    before, after = (dict(zip(titles, figures(random, 4, 2.0), strict=True)) for _ in range(2))
    before |= {title: after[title] + random.choice([0.0, 0.004]) for title in titles[: draw % 4]}
    after |= dict.fromkeys(titles[3:] if draw % 5 == 0 else (), None)
    rules.check_change(explain.explain_change(before, after, "All off"), before, after)

    lost = np.array([*figures(random, 4, 1.0), random.choice([math.nan, -math.inf, 0.02])])
    lost -= 3 if draw % 4 == 0 else 0
    names = [f"branch {number}" for number in range(5)]
    for against in (True, False):
        rules.check_importance(explain.explain_importance(lost, names, against), lost, names, against)


@pytest.mark.parametrize("draw", DRAWS)
def test_errors_bands_and_filters(draw):
    random = np.random.default_rng(draw)
    levels = 10 ** np.array([0, *figures(random, 2, 0.8)])
    parts = ErrorParts(*(level * row for level, row in zip(levels, np.eye(3), strict=True)))
    sir, sar = (20 * math.log10(one / other) for one, other in ((1, levels[1]), (math.hypot(1, levels[1]), levels[2])))
    sdr = -10 * math.log10(levels[1] ** 2 + levels[2] ** 2)
    (sentence,) = explain.explain_split([parts], ["Speech"])
    rules.check_split(sentence, "Speech", sdr, sir, sar)

    snr = np.array([figures(random, 4), figures(random, 4)])
    snr[draw % 2, random.random(4) < 0.4] = math.nan
    edges = [0, 250, 500, 1000, 2000]
    rules.check_bands(explain.explain_bands(snr, edges, ["Speech", "Noise"]), snr, edges, ["Speech", "Noise"])

    shares = random.dirichlet([0.4] * 4, 30).T  # of three outputs' own, and what several get
    shares[:, random.random(30) < 0.1] = math.nan
    mean = np.where(np.isnan(shares[3]), math.nan, random.random((3, 30)) * random.choice([0.05, 1.0], 30))
    use = FilterUse(np.full(30, 1 / 30), mean, shares[3], shares[:3], np.full(3, math.nan))
    rules.check_kinds(explain.explain_filter_kinds(use), mean, shares[:3], shares[3])


@pytest.mark.parametrize("draw", DRAWS)
def test_curves_shares_and_what_phase_costs(draw):
    random = np.random.default_rng(draw)
    costs = [(0.0, 0.0, 0.0)]
    for mean in figures(random, 3, 2.0):
        half = abs(random.normal())
        costs.append((mean, mean - half, mean + half))

    def estimated(mean: float, low: float, high: float) -> Estimate:
        return Estimate(mean, low, high, 30, low, high)

    found = tuple(estimated(*one) for one in costs)
    level = tuple(estimated(9 - one[0], 8, 10) for one in costs)
    curve = ProbeCurve((0, 1, 2, 3), level, level, found)
    rules.check_curve(probe.explain_curve("m", PROBES["jitter"], curve), curve.values, costs, "%")
    printed, (mean, low, high) = probe.explain_printed("m", curve), costs[3]
    clear = rules.sign(rules.read(low, 1)) if rules.read(low, 1) * rules.read(high, 1) > 0 else 0
    assert {1: "m loses", -1: "m gains", 0: "shows no clear difference"}[clear] in printed

    shares = [0.6 + 0.05 * x for x in figures(random, 3, 1.0)]
    named = dict(zip(("peak", "centroid", "unpadded"), shares, strict=True))
    said = filters.explain_coverage("m", named, {"mel": 0.1}, 0)[0]
    many = sum(rules.read(100 * share, 1) > 60 for share in shares)
    assert ("by every" in said, "only by" in said, "by none" in said) == (many == 3, many in (1, 2), many == 0)
