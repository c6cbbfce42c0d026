"""Everyday conditions: each changes what it names, by as much as it says, and nothing at its first value."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.signal import lfilter

from analysis.conditions import alone, everyday
from analysis.conditions.alone_results import AloneResults
from analysis.conditions.everyday import CODECS, CONDITIONS, UNHEARD
from analysis.start_point.probes import PROBES
from tasnet.data.speech_level import active_speech_level
from tasnet.mixture import Mixture

RATE, T = 8000, 16000


def two_voices() -> Mixture:
    rng = np.random.default_rng(0)
    envelope = 1 + np.sin(2 * np.pi * 4 * np.arange(T) / RATE)
    voices = (0.05 * envelope * rng.standard_normal((2, T))).astype(np.float32)
    return Mixture(voices.sum(0), voices, RATE, ("a", "b"), 0.0)


SOUND = two_voices()


@pytest.fixture
def sound() -> Mixture:
    return SOUND


@pytest.mark.parametrize("name", sorted(CONDITIONS.keys() - PROBES))
def test_the_first_value_changes_nothing_and_the_last_much(sound, name):
    condition = CONDITIONS[name]
    first, last, again = (condition.apply(sound, condition.values[k]) for k in (0, -1, -1))
    rest = np.sum((first.mixture - sound.mixture) ** 2) / np.sum(sound.mixture**2)
    assert 10 * np.log10(rest + 1e-12) < -UNHEARD + 6
    assert first.references.shape == last.references.shape == sound.references.shape
    assert np.array_equal(last.mixture, again.mixture) and last.mixture.dtype == np.float32
    assert np.sum((last.mixture - sound.mixture) ** 2) > 0.002 * np.sum(sound.mixture**2)
    assert last.rate == RATE and np.isfinite(last.mixture).all()


@pytest.mark.parametrize("name", ["shaped", "pink", "white", "babble", "third"])
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


@pytest.mark.parametrize(("kind", "slope"), [("shaped", None), ("white", 0.0)])
def test_noise_has_its_colour_and_leaves_the_voices_alone(kind, slope):
    coloured = replace(SOUND, mixture=lfilter([1], [1, -0.9], SOUND.mixture).astype(np.float32))
    noisy = CONDITIONS[kind].apply(coloured, 5)
    noise = noisy.mixture.astype(float) - coloured.mixture
    found, of_speech = (
        10 * np.log10(low.sum() / high.sum())
        for low, high in (np.array_split(np.abs(np.fft.rfft(one)) ** 2, 2) for one in (noise, coloured.mixture))
    )
    assert of_speech > 10 and found == pytest.approx(of_speech if slope is None else slope, abs=0.3)
    assert noisy.references is coloured.references


@pytest.mark.parametrize("t60", [0.2, 0.5, 1.0])
def test_a_room_decays_by_60_db_in_t60_and_is_as_loud_as_sabine_says(t60):
    h = everyday.room_response(t60, RATE, seed=3)
    assert h[0] == 1
    power = lfilter(np.ones(400) / 400, [1], h[1:] ** 2)[400::400]  # over 50 ms
    slope = np.polyfit(0.05 * np.arange(len(power)), 10 * np.log10(power), 1)[0]
    assert slope == pytest.approx(-60 / t60, rel=0.1)
    critical = 0.057 * np.sqrt(60 / t60)  # m, where direct and reverberant sound are equally strong
    assert 10 * np.log10(1 / np.sum(h[1:] ** 2)) == pytest.approx(20 * np.log10(critical), abs=1e-6)


def test_the_dry_voice_has_the_first_50_ms_of_its_room_and_what_it_gets_beside_is_the_rest(sound):
    wet, dry = (CONDITIONS[name].apply(sound, 0.4) for name in ("room", "dry"))
    assert np.array_equal(wet.mixture, dry.mixture)
    for speaker, voice in enumerate(sound.sources):
        early = everyday.room_response(0.4, RATE, everyday.SEED + speaker)[: round(0.05 * RATE) + 1]
        np.testing.assert_allclose(dry.references[speaker], np.convolve(voice, early)[:T], atol=1e-5)
    noise = CONDITIONS["both"].apply(sound, 0.4).mixture - wet.mixture
    power = 10 * np.log10(np.mean(np.square(noise, dtype=np.float64)))
    assert active_speech_level(wet.mixture, RATE) - power == pytest.approx(10, abs=0.6)


def test_reverberation_is_a_convolution_of_each_voice(sound):
    assert CONDITIONS["room"].apply(sound, 0).mixture == pytest.approx(sound.mixture, abs=1e-6)
    short = replace(sound, mixture=sound.mixture[:3000], references=sound.sources[:, :3000])
    wet = everyday.reverberate(short, 0.1)
    for speaker in range(2):
        expected = np.convolve(short.references[speaker], everyday.room_response(0.1, RATE, everyday.SEED + speaker))[
            :3000
        ]
        np.testing.assert_allclose(wet.references[speaker], expected, atol=1e-5)
    np.testing.assert_allclose(wet.mixture, wet.references.sum(0), atol=1e-5)


class Leaky:
    """What `separate` gives of x: x itself and another sound `aside` dB below, both `down` dB below what they were."""

    def __init__(self, aside: float, down: float) -> None:
        self.gains = 10 ** (-down / 20) * np.array([10 ** (-aside / 20), 1.0])

    def separate(self, x: np.ndarray, rate: int) -> SimpleNamespace:
        other = np.random.default_rng(3).standard_normal(len(x))
        other *= np.sqrt((x**2).mean() / (other**2).mean())
        return SimpleNamespace(sources=self.gains[:, None] * np.stack([other, x + 0.1 * other]))


def test_one_voice_alone_and_noise_alone_are_told_in_decibels():
    voice = SOUND.sources[0]
    aside, kept = alone.one_voice(Leaky(35, 0), voice, RATE)
    assert aside == pytest.approx(35, abs=0.2) and kept == pytest.approx(20, abs=0.2)
    assert alone.no_voice(Leaky(3, 25), voice, RATE) == pytest.approx(25, abs=0.2)
    found = AloneResults("w", "set", (35.0, 20.0, 31.0, 10.0), (25.0, 20.0), (5.0, 3.0, 30.0, 40.0))
    assert found.shares == (0.5, 1.0, 0.5) and found.medians == (25.5, 22.5, 17.5)
