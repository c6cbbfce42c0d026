"""Everyday conditions: each changes what it names, by as much as it says, and nothing at its first value."""

import numpy as np
import pytest

from analysis.conditions.everyday import CODECS, CONDITIONS, UNHEARD
from tasnet.data.speech_level import active_speech_level
from tasnet.mixture import Mixture

RATE, T = 8000, 16000


@pytest.fixture(scope="module")
def sound() -> Mixture:
    rng = np.random.default_rng(0)
    envelope = 1 + np.sin(2 * np.pi * 4 * np.arange(T) / RATE)
    voices = (0.05 * envelope * rng.standard_normal((2, T))).astype(np.float32)
    return Mixture(voices.sum(0), voices, RATE, ("a", "b"), 0.0)


@pytest.mark.parametrize("name", CONDITIONS)
def test_the_first_value_changes_nothing_and_the_last_much(sound, name):
    condition = CONDITIONS[name]
    first, last, again = (condition.apply(sound, condition.values[k]) for k in (0, -1, -1))
    rest = np.sum((first.mixture - sound.mixture) ** 2) / np.sum(sound.mixture**2)
    assert 10 * np.log10(rest + 1e-12) < -UNHEARD + 6
    assert first.references.shape == last.references.shape == sound.references.shape
    assert np.array_equal(last.mixture, again.mixture) and last.mixture.dtype == np.float32
    assert np.sum((last.mixture - sound.mixture) ** 2) > 0.002 * np.sum(sound.mixture**2)
    assert last.rate == RATE and np.isfinite(last.mixture).all()


@pytest.mark.parametrize("name", ["pink", "white", "babble", "third"])
def test_noise_lies_as_far_below_the_voices_as_it_says(sound, name):
    noise = CONDITIONS[name].apply(sound, 10).mixture - sound.mixture
    power = 10 * np.log10(np.mean(np.square(noise, dtype=np.float64)))
    assert active_speech_level(sound.mixture, RATE) - power == pytest.approx(10, abs=0.6)


def test_voices_overlap_in_as_much_of_the_time_as_it_says(sound):
    for per_cent in (75, 25, 0):
        made = CONDITIONS["overlap"].apply(sound, per_cent)
        both = (np.abs(made.references) > 0).all(0).mean()
        assert both == pytest.approx(per_cent / 100, abs=0.02)
        np.testing.assert_allclose(made.mixture, made.references.sum(0), atol=1e-6)


def test_codecs_lose_more_the_fewer_bits_they_have(sound):
    tone = (0.3 * np.sin(2 * np.pi * 440 * np.arange(T) / RATE)).astype(np.float32)
    plain = Mixture(tone, np.stack([tone, 0 * tone]), RATE, ("a", "b"), None)
    ratios = []
    for kilobits in list(CODECS)[1:]:
        error = CONDITIONS["codec"].apply(plain, kilobits).mixture - tone
        ratios.append(10 * np.log10(np.mean(tone**2) / np.mean(error**2)))
    assert ratios == sorted(ratios, reverse=True) and ratios[0] > 30 and ratios[-1] > 3


def test_clipping_and_bandwidth_are_where_they_say(sound):
    clipped = CONDITIONS["clipping"].apply(sound, 30)
    assert np.abs(clipped.mixture).max() == pytest.approx(0.3 * np.abs(sound.mixture).max(), rel=1e-5)
    assert np.array_equal(clipped.references, sound.references)
    power = np.abs(np.fft.rfft(CONDITIONS["bandwidth"].apply(sound, 4).mixture)) ** 2
    assert power[T // 4 + 400 :].sum() < 1e-4 * power.sum() < power[: T // 4].sum()
