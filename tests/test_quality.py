"""What is expected of a separation without its clean voices: the views that agree, whole sounds, and the words."""

import numpy as np
import pytest

import tasnet
from analysis.conditions.quality_results import KINDS, by_kind, read_quality
from analysis.scores.metrics import si_snr
from tasnet import quality
from tasnet.quality import Expected, QualityError, agreement, expected_quality, in_words, over_windows

RNG = np.random.default_rng(5)
SMALL = "convtasnet_small_gln_2spk_8k"


def test_agreement_is_the_si_snr_in_the_best_order():
    these = RNG.normal(size=(2, 4000))
    those = (these + 0.3 * RNG.normal(size=(2, 4000)))[::-1] * [[3.0], [0.1]]
    centred = those - those.mean(1, keepdims=True)
    expected = si_snr(centred[::-1], these - these.mean(1, keepdims=True))
    np.testing.assert_allclose(agreement(these, those), expected, atol=0.05)
    assert (agreement(these, these) == quality.HIGHEST).all()
    assert (agreement(these, np.roll(RNG.normal(size=(2, 4000)), 1)) >= quality.LOWEST).all()


def test_errors_of_windows_add_up_to_those_of_the_whole():
    source, error = RNG.normal(size=(3, 2, 500)), RNG.normal(size=(3, 2, 500)) * RNG.uniform(0.1, 1, (3, 2, 1))
    energy, lost = (source**2).sum(-1), (error**2).sum(-1)
    whole = over_windows(10 * np.log10(energy / lost)[..., None], energy)
    np.testing.assert_allclose(whole[:, 0], 10 * np.log10(energy.sum(0) / lost.sum(0)))


def test_the_guess_follows_the_separation_and_neither_level_nor_rate_nor_order(voices):
    mixture, rate = voices[0].sum(0), 8000
    separated = tasnet.Separator(SMALL, "cpu").separate(mixture, rate)
    found = separated.expected
    assert found is not None and all(of.low < of.median < of.high for of in found)
    worse = separated.sources + 0.5 * separated.sources[::-1]
    spoilt = expected_quality(mixture, worse, rate, SMALL)
    assert sum(of.median for of in spoilt) < sum(of.median for of in found) - 6
    turned = expected_quality(5 * mixture, 5 * separated.sources[::-1], rate, SMALL)
    for one, other in zip(found, turned[::-1], strict=True):
        assert other.median == pytest.approx(one.median, abs=0.1)


def test_an_unknown_model_is_not_guessed_at():
    sound = np.random.default_rng(0).normal(size=8000).astype(np.float32)
    with pytest.raises(QualityError, match="my_own"):
        expected_quality(sound, np.stack([sound, sound]), 8000, "my_own")
    own = tasnet.ConvTasNet(tasnet.ConvTasNetConfig(N=8, L=8, B=4, H=8, Sc=4, X=1, R=1))
    assert tasnet.Separator(own, "cpu").separate(sound, 8000).expected is None


def test_in_words():
    expected = (Expected(8.1, 12.3, 15.2), Expected(-4.6, -0.4, 3.0))
    said = in_words(expected, ("Speaker 1", "Speaker 2"), (11.4, None))
    assert "Speaker 1 at 12 dB (8 to 15; measured: 11), Speaker 2 at 0 dB (−5 to 3);" in said


def test_the_shipped_results_tell_of_every_kind_and_model():
    rows = read_quality()
    assert {row.model for row in rows} == set(quality.MODELS) and {row.voices for row in rows} == {2, 3}
    summary = by_kind(rows)
    assert set(summary) == {*KINDS, "all"} and summary["all"].outputs == len(rows)
    error = np.mean([abs(row.median - row.si_snr) for row in rows])
    assert summary["all"].error == pytest.approx(error) and 80 < summary["all"].held < 97
