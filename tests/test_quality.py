"""What is expected of a separation without its clean voices: the views that agree, whole sounds, and the words."""

import numpy as np
import pytest
import torch

import tasnet
from analysis.conditions import fit_judge, mel_training
from analysis.conditions.quality_results import KINDS, by_kind, read_quality
from analysis.scores.metrics import si_snr
from tasnet import quality
from tasnet.quality import Expected, QualityError, expected_quality, in_words, over_windows
from tasnet.views import HIGHEST, LOWEST, TURNED, Views, agreement, features_of, separated_by, views_of

RNG = np.random.default_rng(5)
SMALL = "convtasnet_small_gln_2spk_8k"


def test_agreement_is_the_si_snr():
    these = RNG.normal(size=(2, 4000))
    those = (these + 0.3 * RNG.normal(size=(2, 4000))) * [[3.0], [0.1]]
    centred = those - those.mean(1, keepdims=True)
    expected = si_snr(centred, these - these.mean(1, keepdims=True))
    np.testing.assert_allclose(agreement(these, those), expected, atol=0.05)
    assert (agreement(these, these) == HIGHEST).all()
    assert (agreement(these, np.roll(RNG.normal(size=(2, 4000)), 1)) >= LOWEST).all()


def halves(mixture: torch.Tensor) -> torch.Tensor:
    """A "separation" into what is below and above 1 kHz, the upper part first."""
    spectrum = torch.fft.rfft(mixture.double())
    low = torch.arange(spectrum.shape[-1]) < spectrum.shape[-1] // 4
    T = mixture.shape[-1]
    return torch.stack([torch.fft.irfft(spectrum * part, T) for part in (~low, low)], 1).float()


def test_views_are_in_one_order_add_up_and_turn_with_the_outputs():
    mixture = RNG.normal(size=8000)
    sources = separated_by(halves, mixture)[::-1] * [[0.3], [-4.0]] + 1e-3 * RNG.normal(size=(2, 8000))
    seen, turned = (views_of(halves, mixture, of) for of in (sources, 9 * sources[::-1]))
    np.testing.assert_allclose(seen.sources.sum(0), mixture, atol=0.02)
    signals = seen.signals()
    power = 10 * np.log10(np.mean(signals**2, axis=1) / np.mean(mixture**2))
    assert power[:3] == pytest.approx([0, -6, -1.3], abs=0.3) and (power[3:] < -45).all()
    np.testing.assert_allclose(features_of(turned), features_of(seen)[::-1], atol=1e-6)
    np.testing.assert_allclose(turned.signals()[TURNED][:5], signals[:5], atol=1e-9)


def test_what_was_moved_is_judged_in_its_place():
    """Also where the number of samples is odd."""
    moved = np.roll(np.arange(1.0, 10.0), 4)
    views = Views(*np.zeros((1, 9)), *np.zeros((2, 2, 9)), np.stack([0 * moved, moved]), np.zeros((2, 9)))
    signals = views.signals()
    assert signals[6].argmax() == 8 and signals[TURNED][5].argmax() == 8


def test_a_judge_learns_from_what_it_is_shown_and_every_window_is_drawn_once(monkeypatch):
    for name, value in {"BATCH": 8, "WARM_UP": 10}.items():
        monkeypatch.setattr(fit_judge, name, value)
    monkeypatch.setattr(mel_training, "AVERAGED", 0.9)
    rng = np.random.default_rng(1)
    frames = rng.integers(12, 25, 160)
    drawn = list(fit_judge.batches(frames, rng))
    assert sorted(np.concatenate(drawn)) == list(range(160)) and all(np.ptp(frames[batch]) <= 12 for batch in drawn)
    truth = rng.uniform(-5, 25, (160, 2))
    seen = 0.1 * rng.standard_normal((160, 7, 40, 24))
    seen[:, 3:5] -= truth[:, :, None, None] / 10  # the less is left between the views, the better
    judge = fit_judge.fit_judge(seen.astype(np.float16), frames, truth, epochs=8)
    for output, order in enumerate((list(range(7)), TURNED)):
        with torch.inference_mode():
            found = judge(torch.from_numpy(seen[:, order]).float())[:, 1].numpy()
        assert np.corrcoef(found, truth[:, output])[0, 1] > 0.9 > abs(np.corrcoef(found, truth[:, 1 - output])[0, 1])


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
