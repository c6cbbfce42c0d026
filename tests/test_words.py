"""The sentences of the pages against figures of every kind: what may be said, and what may not."""

import dataclasses
import itertools
import math

import numpy as np
import pandas as pd
import pytest

from analysis import proportion
from analysis.conditions.table import ConditionRow
from analysis.corpus import failures, paired
from analysis.corpus.intervals import Estimate, share
from analysis.corpus.results import Header, Results, ScoredMixture
from analysis.explain import swaps
from analysis.explain.errors import ErrorParts, Swap
from analysis.network.basis_set import CoderPair, PhaseBand
from analysis.network.filter_use import FilterUse
from analysis.network.learned_masks import CLEAN, ESTIMATED, ORACLES, RATIO, MaskStatistics
from analysis.network.receptive_field import ReceptiveField
from analysis.scores.comparison import Comparison
from analysis.scores.metrics import Scores
from analysis.scores.systems import CLEAN as VOICES
from analysis.scores.systems import LEAKAGE, MEASURES, MIXTURE, NETWORK, SYSTEMS, ScoredSystem
from analysis.words import corpus, explain, filters, ideal_masks, inside, probe, say, separate
from pages.parts import listening, models_table, score_table
from tasnet import ConvTasNetConfig
from tasnet.mixture import Mixture

MASKS = [name for name in SYSTEMS if name != NETWORK]
NO_PHASE = ("phase", "because", "since", "repair")


def scores(**values: float | None) -> Scores:
    """Scores of two speakers, each with the given value of a measure."""
    known = {field.name: (0.0, 0.0) for field in dataclasses.fields(Scores)} | {"permutation": (0, 1)}
    return Scores(**known | {name: (value, value) for name, value in values.items()})


def compared(network: dict, masks: dict, perceptual: bool = True) -> Comparison:
    """A comparison in which the network has these scores and every mask those."""
    signals = np.zeros((2, 10), np.float32)
    sound = Mixture(signals[0], signals, 8000, ("a", "b"), 0.0)
    rows = [ScoredSystem(NETWORK, signals, None, scores(**network))]
    rows += [ScoredSystem(name, signals, None, scores(**masks.get(name, masks.get("all")))) for name in MASKS]
    return Comparison(sound, rows[0], tuple(rows), perceptual)


def all_measures(value: float) -> dict[str, float]:
    return dict.fromkeys(MEASURES, value)


# --- Figures as text -------------------------------------------------------------------------------


def test_numbers_read_as_they_are_compared():
    assert [say.number(x, 1) for x in (-0.04, -0.06, 0.04, math.inf, -math.inf, math.nan)] == [
        "0.0",
        "−0.1",
        "0.0",
        "∞",
        "−∞",
        "undefined",
    ]
    assert [say.signed(x, 1) for x in (-0.04, 0.04, 1, -1)] == ["0.0", "0.0", "+1.0", "−1.0"]
    assert say.same(1.04, 0.96, 1) and not say.same(1.04, 1.06, 1) and say.same(math.inf, math.inf, 2)
    assert say.span([1.04, 0.96], 1, " dB") == "1.0 dB" and say.span([2, 1], 1, " dB") == "1.0 to 2.0 dB"
    assert say.listed(["a"]) == "a" and say.listed(["a", "b", "c"]) == "a, b and c"


# --- One sound ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("measure", ["si_snri", "sdri", "pesq", "stoi"])
@pytest.mark.parametrize(("own", "said"), [(3.0, "above"), (2.0, "level with"), (1.0, "below")])
def test_the_network_stands_where_the_measure_has_it(measure, own, said):
    found = compared(all_measures(2.0) | {measure: own}, {"all": all_measures(2.0)})
    (sentence,) = [text for text in ideal_masks.explain_sound(found) if text.startswith(f"By {MEASURES[measure].name}")]
    assert f"is {said} all four ideal masks" in sentence
    assert not any(word in sentence for word in {"above", "level with", "below"} - {said})


def test_measures_that_disagree_are_named_before_anything_else():
    found = compared(all_measures(5.0) | {"pesq": 1.0}, {"all": all_measures(2.0), "IBM": all_measures(9.0)})
    first, *rest = ideal_masks.explain_sound(found)
    assert first == (
        "Which is better depends on the measure: Conv-TasNet is above IRM, WFM and PSM by SI-SNRi, SDRi and STOI, "
        "below by PESQ (MOS-LQO)."
    )
    assert len(rest) == 4 and "below all four" in rest[2]
    agreed = ideal_masks.explain_sound(compared(all_measures(5.0), {"all": all_measures(2.0)}))
    assert len(agreed) == 4 and not any("depends" in sentence for sentence in agreed)


@pytest.mark.parametrize("own", [1.0, 2.0, 3.0])
def test_nothing_is_credited_that_was_not_measured(own):
    said = " ".join(ideal_masks.explain_sound(compared(all_measures(own), {"all": all_measures(2.0)})))
    assert not any(word in said for word in NO_PHASE)


def test_no_verdict_before_pesq_and_stoi_are_there():
    waiting = {"pesq": None, "raw_pesq": None, "stoi": None}
    found = compared(all_measures(5.0) | waiting, {"all": all_measures(2.0) | waiting}, perceptual=False)
    said = ideal_masks.explain_sound(found)
    assert said[-1] == ideal_masks.PENDING and not any("PESQ (" in sentence for sentence in said)
    undefined = compared(dict.fromkeys(MEASURES), {"all": dict.fromkeys(MEASURES)})
    assert ideal_masks.explain_sound(undefined) == [
        "The scores of this sound are undefined: a voice or an estimate is silent."
    ]


def test_one_scale_of_pesq_is_named():
    found = compared(all_measures(3.0), {"all": all_measures(2.0)})
    for raw, scale, other in ((False, "MOS-LQO", "raw P.862"), (True, "raw P.862", "MOS-LQO")):
        said = " ".join(ideal_masks.explain_sound(found, raw))
        assert scale in said and other not in said


@pytest.mark.parametrize(
    ("measure", "value", "word"),
    [
        ("si_snri", -0.01, "worse than nothing"),
        ("si_snri", -0.001, "as the mixture"),
        ("si_snri", 0.0, "as the mixture"),
        ("si_snri", 2.996, "weak"),  # it is shown as 3.00
        ("sdri", 14.0, "very good"),
        ("pesq", 1.0, "bad"),
        ("pesq", 4.5, "excellent"),
        ("stoi", 0.9, ""),
    ],
)
def test_a_word_fits_the_figure_that_is_shown(measure, value, word):
    assert separate.verdict(measure, value) == word
    assert (word in separate.explain_measure(measure)) or word in ("as the mixture", "")


SPEAKERS = ("Speaker 1", "Speaker 2")


def test_the_promise_follows_the_stated_score():
    assert "(5.0 dB SI-SNR better than" in separate.promise("model", 5.0, "on clean speech", SPEAKERS)
    assert "(5.0 dB SI-SNR worse than" in separate.promise("model", -5.0, "on clean speech", SPEAKERS)
    assert "(no better than" in separate.promise("model", 0.01, "on clean speech", SPEAKERS)
    assert " (" not in separate.promise("model", None, "on clean speech", SPEAKERS)
    assert "mixture on clean speech)" in separate.promise("model", 5.0, "on clean speech", SPEAKERS)
    assert "out of noise" in separate.promise("model", 5.0, "", ("Speech", "Noise"))
    assert "by DPCL, of the systems that" in separate.promise("model", 5.0, "", SPEAKERS, "DPCL")


# --- A set -------------------------------------------------------------------------------------------

HEADER = Header("m", "0" * 16, "/m", 1, "", "float32", "set", "/set", "test", "", "0" * 16, 60, 8000, 2, True)


def results(
    values: dict[tuple[str, str], float], count: int = 60, genders: str = "", noise: float = 0.1, name: str = "m"
) -> Results:
    """Results with these means by (system, measure), 0 elsewhere; what a mixture adds is the same for all systems."""
    random = np.random.default_rng(2)
    rows = []
    measured = [*itertools.product(SYSTEMS, MEASURES), *((system, LEAKAGE) for system in (NETWORK, VOICES))]
    for k in range(count):
        extra = random.normal(0, noise)
        own = {
            f"{system}.{measure}.{c}": values.get((system, measure), 0.0) + extra * (1 + 0.1 * random.normal())
            for system, measure in measured
            for c in (1, 2)
        }
        own |= {f"{MIXTURE}.{measure}.{c}": 1.0 for measure in ("si_snr", "sdr", "pesq", "stoi") for c in (1, 2)}
        speakers = tuple(map(str, random.choice(30, 2, replace=False)))
        rows.append(ScoredMixture(k, f"m{k}", 1.0, speakers, genders and ("FF", "FM")[k % 2], own))
    return Results(dataclasses.replace(HEADER, model=name), tuple(rows))


def of(system: str, value: float) -> dict[tuple[str, str], float]:
    return {(system, measure): value for measure in MEASURES}


@pytest.mark.parametrize(("own", "said"), [(2.0, "is above"), (0.0, corpus.UNCLEAR), (-2.0, "is below")])
def test_a_set_says_only_what_the_interval_decides(own, said):
    found = corpus.explain_set(results(of(NETWORK, own), noise=0.1))
    assert len(found) == 4 and all(f"{said} all four ideal masks" in sentence for sentence in found)
    assert [sentence.split(" Conv")[0] for sentence in found] == [
        "By SI-SNRi",
        "By SDRi",
        "By PESQ (MOS-LQO)",
        "By STOI",
    ]
    mixed = of(NETWORK, own) | {(NETWORK, "stoi"): -own}
    assert corpus.explain_set(results(mixed))[0].startswith("Which is better depends") == bool(own)


def test_few_speakers_decide_nothing():
    found = results(of(NETWORK, 2.0), 4)
    rows = tuple(dataclasses.replace(row, speakers=("a", "b")) for row in found.rows)
    said = " ".join(corpus.explain_set(Results(HEADER, rows)))
    assert "no interval says" in said and "is above" not in said and corpus.UNCLEAR not in said
    pair = paired.pair(Results(HEADER, rows), Results(dataclasses.replace(HEADER, model="n"), rows))
    assert "better than" not in " ".join(corpus.explain_pair(pair))


@pytest.mark.parametrize(("outputs", "clean", "leaks"), [(0.5, 0.2, True), (0.12, 0.19, False), (0.2, 0.2, False)])
def test_leakage_is_claimed_only_where_outputs_share_more_than_voices(outputs, clean, leaks):
    found = results({(NETWORK, LEAKAGE): outputs, (VOICES, LEAKAGE): clean}, noise=0.02)
    (said,) = corpus.explain_leakage(found)
    assert ("holds some of the other voice" in said) == leaks
    assert ("no leakage shows" in said) != leaks
    assert f"by {outputs:.2f} on the mean" in said and f"by {clean:.2f}" in said
    without = Results(HEADER, (dataclasses.replace(found.rows[0], scores={}),))
    assert corpus.explain_leakage(without) == []


@pytest.mark.parametrize(("own", "count"), [(9.0, 0), (-9.0, 60), (4.0, 0)])
def test_none_and_all_failed_have_exact_intervals(own, count):
    found = results(of(NETWORK, own), genders="known")
    low, high = proportion.exact_interval(count, 60)
    (everyone, *_) = shares = failures.failure_shares(found)
    assert (
        (everyone.mixtures.low, everyone.mixtures.high)
        == (low, high)
        == (
            everyone.mixtures.naive_low,
            everyone.mixtures.naive_high,
        )
    )
    assert [one.count for one in shares] == [60, 30, 30, 30]
    said = corpus.explain_failures(found)
    assert said[0].startswith("None of the 60 mixtures comes" if not count else "60 of the 60 mixtures come out")
    assert f"(95 % interval {100 * low:.1f} to {100 * high:.1f} %)" in said[0]
    assert "Of mixtures of one sex" in said[1]


def test_the_exact_interval_is_clopper_and_pearsons():
    """Against the closed form for no events and the tails of the binomial distribution."""
    low, high = proportion.exact_interval(0, 155)
    assert low == 0 and high == pytest.approx(1 - 0.025 ** (1 / 155))
    assert proportion.exact_interval(155, 155) == pytest.approx((1 - high, 1))
    low, high = proportion.exact_interval(3, 20)
    tail = lambda p, ks: sum(math.comb(20, k) * p**k * (1 - p) ** (20 - k) for k in ks)  # noqa: E731
    assert tail(low, range(3, 21)) == pytest.approx(0.025) and tail(high, range(4)) == pytest.approx(0.025)
    for wrong in ((1, 0), (3, 2), (-1, 2)):
        with pytest.raises(ValueError, match="have no share"):
            proportion.exact_interval(*wrong)
    speakers = [(str(k), str(k + 1)) for k in range(30)]
    some = share(np.arange(30) < 3, speakers)
    assert 0 < some.mean < 1 and (some.low, some.high) != proportion.exact_interval(3, 30)


def test_thresholds_move_and_are_all_counted():
    gains = {(NETWORK, "si_snri"): 7.0, ("IRM", "si_snri"): 13.0}
    found = results(gains, noise=0.5, genders="known")
    counts = {one.title: found.failed for one, found in failures.failures_by_threshold(found).items()}
    own, irm = (found.values(system, "si_snri") for system in (NETWORK, "IRM"))
    for threshold in failures.THRESHOLDS:
        values = own if threshold.against is None else own - irm
        expected = (int((values.mean(1) < threshold.limit).sum()), int((values.min(1) < threshold.limit).sum()))
        assert counts[threshold.title] == expected
        said = corpus.explain_failures(found, threshold)[0]
        assert ("went in" in said) == (threshold == failures.WORSE)
        assert f"{expected[0] or 'None'} of the 60" in said
    assert counts["below 0 dB"] == (0, 0) and counts["below 10 dB"] == (60, 60)
    assert counts["over 5 dB worse than the IRM"][0] > 50
    without = [dataclasses.replace(r, scores={k: v for k, v in r.scores.items() if "IRM" not in k}) for r in found.rows]
    assert len(failures.failures_by_threshold(Results(HEADER, tuple(without)))) == 3
    speakers = failures.speaker_scores(found, failures.THRESHOLDS[2])
    assert all(one.failed == 1 for one in speakers)


@pytest.mark.parametrize(
    ("other", "said"), [(1.0, "m is better than n"), (5.0, "n is better than m"), (3.0, "no clear")]
)
def test_two_models_by_every_measure(other, said):
    pair = paired.pair(results(of(NETWORK, 3.0)), results(of(NETWORK, other), name="n"))
    found = corpus.explain_pair(pair)
    assert len(found) == 4 and all(said in sentence for sentence in found)
    assert all(("level on 60" in sentence) == (other == 3.0) for sentence in found)
    pair = paired.pair(results(of(NETWORK, 3.0) | {(NETWORK, "pesq"): 1.0}), results(of(NETWORK, 2.0), name="n"))
    assert corpus.explain_pair(pair)[0] == (
        "Which is better depends on the measure: m is above n by SI-SNRi, SDRi and STOI, below by PESQ (MOS-LQO)."
    )


# --- Inside ------------------------------------------------------------------------------------------


def oracles(estimated: float | None, perceptual: float = 1.0, **ideal: float) -> dict[str, Scores]:
    """The ideal masks have 8 or 9 dB and 2 by PESQ and STOI; the estimated ones `estimated` and `perceptual`."""

    def of(value: float, rest: float) -> Scores:
        return scores(si_snr=value, si_snri=value, sdri=value, pesq=rest, stoi=rest)

    values = dict.fromkeys(ORACLES, 8.0) | {"IRM": 9.0} | ideal
    found = {name: of(value, 2.0) for name, value in values.items()} | {CLEAN: of(30.0, 4.0)}
    return found if estimated is None else {ESTIMATED: of(estimated, perceptual)} | found


def test_estimated_masks_above_all_ideal_ones_lose_nothing_to_them():
    said = " ".join(inside.explain_oracles(oracles(15.2, 3.0)))
    assert "By SI-SNRi the estimated masks (15.20 dB) are above all four ideal masks (8.00 to 9.00 dB)" in said
    assert "No ideal mask is a bound of the SI-SNR" in said and "depends" not in said
    assert "lost" not in said and "costs 21.00 dB" in said
    said = inside.explain_oracles(oracles(15.2, 1.0))
    assert "Which is better depends on the measure: the estimated masks are above" in said[2]
    assert "By STOI the estimated masks (1.00) are below all four ideal masks (2.00)." in said


def test_estimated_masks_below_or_level_are_said_so():
    said = " ".join(inside.explain_oracles(oracles(5.0)))
    assert "are below all four ideal masks" in said and "bound" not in said
    said = " ".join(inside.explain_oracles(oracles(8.0)))
    assert f"level with IBM, WFM and “{RATIO}” (8.00 dB) and below IRM (9.00 dB)" in said and "bound" not in said
    said = " ".join(inside.explain_oracles(oracles(8.5)))
    assert "are no bound of" in said and "below IRM" in said
    assert len(inside.explain_oracles(oracles(None))) == 2
    assert "30.00 dB above" in " ".join(inside.explain_oracles(oracles(None, IRM=60.0)))
    assert "costs nothing" in " ".join(inside.explain_oracles(oracles(None, IRM=30.001)))
    assert "undefined" in inside.explain_oracles({CLEAN: scores(si_snr=None)})[0]


def use(shut: int, N: int = 10, likeness: tuple = (math.nan, math.nan)) -> FilterUse:
    open_ = np.where(np.arange(N) < shut, 0.01, 0.6)
    return FilterUse(np.full(N, 1 / N), np.stack([open_] * 2), open_ * 0, np.stack([open_] * 2), np.array(likeness))


@pytest.mark.parametrize(
    ("shut", "said"), [(0, "None of the 10 filters is shut"), (1, "1 filter of 10 is"), (6, "6 filters of 10 are")]
)
def test_shut_filters_are_counted(shut, said):
    (found,) = inside.explain_use(use(shut))
    assert said in found and (f"{10 * shut} % of the representation's" in found) == bool(shut)


@pytest.mark.parametrize(
    ("lost", "said"), [(2.4, "costs 2.4 dB"), (-0.5, "gains 0.5 dB"), (0.01, "by less than 0.05 dB"), (None, "energy.")]
)
def test_what_muting_shut_filters_costs_is_told_as_measured(lost, said):
    (found,) = inside.explain_use(use(6), lost)
    assert said in found and ("Muting" in found) == (lost is not None)


@pytest.mark.parametrize(
    ("likeness", "said"),
    [((-0.03, -0.1), "not alike here"), ((0.6, 0.9), "alike, as the paper"), ((0.05, 0.4), "somewhat alike")],
)
def test_masks_are_called_like_the_voices_only_where_they_are(likeness, said):
    assert said in inside.explain_use(use(0, likeness=likeness))[1]


def test_mask_values_are_told_as_counted():
    def statistics(zero: float, one: float) -> MaskStatistics:
        rest = 1 - zero - one
        return MaskStatistics((zero,) * 2, (one,) * 2, (rest,) * 2, (0.1,) * 2, 1.0, 0.0, np.zeros(2), np.zeros(1))

    said = inside.explain_mask_values(statistics(0.6, 0.37), statistics(0.2, 0.1))
    assert said.startswith("97 % of a mask's cells") and "30 % of the representation's power" in said
    assert "silent" in inside.explain_mask_values(statistics(math.nan, math.nan), statistics(0, 0))


def test_the_way_through_is_told_as_it_is():
    levels = np.array([[1.0, 1.0], [2.0, 3.0]])
    said = inside.explain_blocks(levels, ConvTasNetConfig(X=2, R=1), "0 to 1 s")
    assert "skip output" in said and "block 2, of dilation 2" in said
    said = inside.explain_blocks(levels * 0, ConvTasNetConfig(X=2, R=1, Sc=0), "0 to 1 s")
    assert "skip" not in said and "strongest" not in said
    for begin, end, told in ((100, 900, ": the rest has no influence"), (0, 800, ", which the ends"), (0, 1000, "")):
        found = ReceptiveField(0, np.ones(1000), begin, end, 1000)
        said = inside.explain_receptive_field(found, 1000, 5000)
        assert told in said and ("ends" in said) == ("ends" in told) and ("rest" in said) == ("rest" in told)


# --- Filters -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ((0.7, 0.65, 0.61), "by every convention"),
        ((0.727, 0.525, 0.598), "only by the peak of the padded FFT"),
        ((0.6, 0.5, 0.1), "by none more than 60 %"),
    ],
)
def test_the_papers_share_is_found_by_the_conventions_that_have_it(shares, said):
    named = dict(zip(("peak", "centroid", "unpadded"), shares, strict=True))
    found = filters.explain_coverage("m", named, {"mel": 0.2, "ERB": 0.2, "linear": 0.4}, 1)
    assert said in found[0] and "on the mel and ERB scale" in found[1] and "1 filter is dead" in found[2]
    nothing = filters.explain_coverage("m", dict.fromkeys(named, math.nan), {"mel": math.nan}, 10)
    assert nothing == ["**m**: no filter lives."]


def test_phases_are_compared_with_a_fair_chance():
    def band(count: int, ends: int, coverage: float, chance: float, low: float) -> PhaseBand:
        return PhaseBand(low, low + 100, np.zeros(count), coverage, ends, chance, 0.1, 0.2, 0.3)

    bands = [
        band(100, 87, 0.5, 0.73, 0),
        band(5, 0, 0.4, 0.35, 100),
        band(9, 0, 0.5, 0.5, 200),
        band(1, 0, 0.1, 0.1, 300),
    ]
    first, second = filters.explain_phases("m", bands)
    assert "87 of 115 filters peak at exactly 0 Hz" in first
    assert second.endswith("sectors: more in 100 to 200 Hz, fewer in 0 to 100 Hz and as many in 200 to 300 Hz.")
    assert filters.explain_phases("m", [band(0, 0, 0, 0, 0)]) == ["**m**: no filter lives."]


def test_a_pinv_encoder_is_not_called_free():
    fit = CoderPair(1.0, 2, 0.0, 0.0, math.inf)
    assert "nothing forces" in filters.explain_coders("m", fit, "linear")
    said = filters.explain_coders("m", fit, "pinv")
    assert "nothing forces" not in said and "as it was" in said


# --- Start point -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cost", "left", "said", "unsaid"),
    [
        ((3.0, 2.0, 4.0), 1.0, ["lower at 1 of 2", "loses most with “A room” at 0.4 s: 3.0 dB"], ["unprocessed"]),
        ((3.0, -1.0, 7.0), -2.0, ["lower at 0 of 2", "at 1 its mean is not above"], ["loses most"]),
        ((-3.0, -4.0, -2.0), 9.0, ["lower at 0 of 2", "higher at 1"], ["loses most", "unprocessed"]),
    ],
)
def test_conditions_are_lost_in_only_where_an_interval_says_so(cost, left, said, unsaid):
    def of(mean: float, low: float, high: float) -> Estimate:
        return Estimate(mean, low, high, 8, low, high)

    def row(value: float, cost: Estimate, score: float) -> ConditionRow:
        return ConditionRow("room", value, {"m": of(score, score, score)}, {"m": cost}, of(-1.0, -1.0, -1.0))

    rows = [row(0, of(0.0, 0.0, 0.0), 4.0), row(0.2, of(0.5, -0.5, 1.5), 3.5), row(0.4, of(*cost), left)]
    found = probe.explain_conditions("M", "m", rows)
    assert all(one in found for one in said) and not any(one in found for one in unsaid), found
    assert found.endswith("over 8 mixtures.")
    assert "no defined score" in probe.explain_conditions("M", "m", rows[:1])


# --- Explain -----------------------------------------------------------------------------------------


def swapped(own: float, kept: float, turned: float, ideal: float) -> list[str]:
    of = {name: name for name in swaps.PARTS}
    scores_ = dict.fromkeys(itertools.product(of, of), 1.0) | {
        (swaps.NETWORK, swaps.NETWORK): own,
        (swaps.NETWORK, swaps.MIXTURE): kept,
        (swaps.MIXTURE, swaps.NETWORK): turned,
        (swaps.CLEAN, swaps.MIXTURE): ideal,
        (swaps.CLEAN, swaps.NETWORK): 18.7,
        (swaps.NETWORK, swaps.CLEAN): own,
    }
    return explain.explain_swaps(scores_)


@pytest.mark.parametrize(
    ("figures", "said", "unsaid"),
    [
        ((14.6, 12.0, 5.0, 13.3), ("own phase is worth 2.6 dB", "above the clean magnitude"), ("costs",)),
        ((9.0, 9.5, 9.0, 13.3), ("own phase costs 0.5 dB", "own magnitude makes no", "below the clean"), ("is worth",)),
        ((9.0, 9.01, 8.0, 9.0), ("own phase makes no difference", "level with the clean"), ("phase is worth",)),
    ],
)
def test_phase_is_credited_with_what_it_is_worth(figures, said, unsaid):
    found = " ".join(swapped(*figures))
    assert all(part in found for part in said) and not any(part in found for part in unsaid)
    assert "The clean phase instead of their own makes no difference" in found
    assert "undefined" in swapped(math.nan, 1, 1, 1)[0]


@pytest.mark.parametrize(
    ("leak", "noise", "said"),
    [(0.5, 0.1, "more of the error is interference"), (0.1, 0.5, "is artefacts than"), (0.0, 0.0, "about as")],
)
def test_the_larger_part_of_the_error_is_named(leak, noise, said):
    parts = ErrorParts(np.array([1.0, 0, 0]), np.array([0, leak, 0.0]), np.array([0, 0, noise]))
    assert said in explain.explain_split([parts], ["Speech"])[0]


def test_changes_losses_and_swaps_are_told_as_they_are():
    before = {"SI-SNRi (dB)": 10.0, "STOI": 0.9, "PESQ (MOS-LQO)": None}
    said = explain.explain_change(before, {"SI-SNRi (dB)": 9.6, "STOI": 0.9, "PESQ (MOS-LQO)": 2.0}, "This")
    assert said == "This: SI-SNRi −0.40 dB, STOI as it was (0.900)."
    assert "+1.00 dB" in explain.explain_change({"SDRi (dB)": 1.0}, {"SDRi (dB)": 2.0}, "This")
    assert "no score" in explain.explain_change({"SDRi (dB)": None}, {}, "This")
    assert "Most is lost without b: 2.0 dB." in explain.explain_importance(np.array([0.0, 2.0]), "ab")
    assert "Without 1 of them" in explain.explain_importance(np.array([-1.0, 2.0]), "ab")
    assert explain.explain_importance(np.array([-1.0, 0.0]), "ab").startswith("Nothing is lost")
    change = explain.explain_importance(np.array([-20.0, -5.0, -np.inf]), "abc", against_clean=False)
    assert change == "Most changes without b: by −5.0 dB relative to the outputs as they are."
    assert explain.explain_importance(np.array([-np.inf]), "a", False) == "Nothing changes without any one of them."
    assert explain.explain_importance(np.array([np.nan]), "a") == "No loss is defined."
    six = ConvTasNetConfig(X=2, R=3)
    most, means = explain.explain_single_blocks(np.array([1.0, 0.0, 2.0, 5.0, -1.0, 0.0]), six)
    assert "block 4 (repeat 2, dilation 2): 5.0 dB. Without 1 of them" in most
    assert means == "The mean loss without one block is 0.5 dB in repeat 1, 3.5 dB in repeat 2 and −0.5 dB in repeat 3."
    assert len(explain.explain_single_blocks(np.array([np.nan] * 6), six)) == 1
    assert "level of what changes" in explain.explain_single_blocks(np.arange(-6.0, 0), six, against_clean=False)[1]
    assert "Nowhere" in explain.explain_local_swaps([], 2) and "where there are two" in explain.explain_local_swaps(
        [], 3
    )
    assert "from 0.50 to 1.00 s" in explain.explain_local_swaps([Swap(0.5, 1.0)], 2)
    bands = explain.explain_bands(np.array([[5.0, -1.0], [np.nan, np.nan]]), [0, 250, 500], ["Speech", "Noise"])
    assert bands == "The SNR is lowest for Speech from 250 to 500 Hz (−1.0 dB)."
    assert explain.explain_bands(np.full((1, 2), np.nan), [0, 1, 2], ["a"]) == "No band has an SNR."


def test_filters_are_sorted_by_whom_they_serve():
    exclusive = np.array([[0.0, 0.95, 0.4, 0.1, 0.2], [0.01, 0.0, 0.4, 0.1, 0.1]])
    shared = np.array([0.0, 0.0, 0.1, 0.7, 0.1])
    mean = np.array([[0.01, 0.9, 0.5, 0.7, 0.3]] * 2)
    found = FilterUse(np.full(5, 0.2), mean, shared, exclusive, np.full(2, np.nan))
    said = explain.explain_filter_kinds(found)
    assert said == (
        "Where the energy that 5 filters hold goes: of 1 to nobody (all but shut), of 2 mostly to one output at a "
        "time, of 1 mostly to several at once and of 1 mostly to none of these. Of 1 it goes by 90 % and more to "
        "one and the same output."
    )
    silent = FilterUse(*(np.full(shape, np.nan) for shape in (5, (2, 5), 5, (2, 5), 2)))
    assert explain.explain_filter_kinds(silent) == "No filter responds to this sound."


@pytest.mark.parametrize(
    ("scores", "price"),
    [
        ((13.7, 11.71), "to compute, at the price of 2.0 dB SI-SNRi (11.7 dB instead of 13.7 dB)."),
        ((11.71, 13.7), "to compute, and scores 2.0 dB SI-SNRi higher (13.7 dB instead of 11.7 dB)."),
        ((11.66, 11.74), "to compute and scores the same: 11.7 dB SI-SNRi."),
        ((2.0, -1.5), "to compute, at the price of 3.5 dB SI-SNRi (−1.5 dB instead of 2.0 dB)."),
        (None, "to compute; what that costs has not been measured."),
    ],
)
def test_a_faster_model_has_its_price(scores, price):
    assert separate.explain_faster("Small", 5.6, scores) == f"Small has 6 times less {price}"


def test_the_line_below_a_track_has_real_minus_signs():
    row = ScoredSystem(NETWORK, np.zeros((2, 1)), None, scores(si_snri=-1.26, sdri=0.04, pesq=1.5, stoi=0.25))
    assert listening.score_line(row, 0) == "SI-SNRi −1.3 dB · SDRi 0.0 dB · PESQ 1.50 · STOI 0.25"


def test_all_that_read_the_same_are_shaded():
    shaded = models_table._shades([9.96, 10.04], 1, False)
    assert shaded == [score_table.SHADED, score_table.SHADED, ""]
    assert models_table._shades([9.96, 10.06], 1, False) == ["", score_table.SHADED, ""]
    column = pd.Series([1.004, 0.996, 0.99, float("nan")])
    assert list(map(bool, score_table.best_shaded(column, 2))) == [True, True, False, False]
