"""A user's own sounds become a mixture, or one sentence says why not."""

from dataclasses import replace

import numpy as np
import pytest

from analysis.scores.comparison import compare_systems
from analysis.sounds import inputs
from tasnet.audio import Audio


def voice(seconds: float, rate: int = 8000, seed: int = 0, label: str = "voice.wav") -> Audio:
    """Bursts of noise with pauses, as loud as speech."""
    t = np.arange(int(seconds * rate)) / rate
    noise = np.random.default_rng(seed).standard_normal(len(t))
    return Audio((0.1 * noise * (np.sin(2 * np.pi * 2 * t) > -0.5)).astype(np.float32), rate, label)


def test_a_mixture_alone_has_no_references():
    mixture = voice(2)
    made = inputs.from_mixture(mixture)
    assert made.references is None
    np.testing.assert_array_equal(made.mixture, mixture.samples)


def test_references_come_along_at_the_models_rate():
    voices = [voice(2, 16000, seed) for seed in (1, 2)]
    mixture = Audio(voices[0].samples + voices[1].samples, 16000, "mix.wav")
    made = inputs.from_mixture(mixture, voices)
    assert made.rate == 8000
    assert made.references.shape == (2, 16000) and made.mixture.shape == (16000,)
    np.testing.assert_allclose(made.references.sum(0), made.mixture, atol=1e-4)
    assert any("16000 Hz" in note for note in made.notes)


@pytest.mark.parametrize("count", [1, 4])
def test_a_wrong_number_of_references_is_refused_in_a_sentence(count):
    with pytest.raises(inputs.InputError, match="2 or 3 speakers"):
        inputs.from_mixture(voice(1), [voice(1)] * count)


def test_references_of_unequal_length_are_refused_in_a_sentence():
    with pytest.raises(inputs.InputError, match=r"short\.wav lasts 1\.00 s but the mixture 2\.00 s"):
        inputs.from_mixture(voice(2), [voice(2), voice(1, label="short.wav")])


def test_a_rounding_of_the_length_is_cut_away():
    made = inputs.from_mixture(voice(2), [voice(2), voice(1.995)])
    assert made.references.shape[1] == len(made.mixture) == int(1.995 * 8000)


def test_two_hours_are_cut_to_the_first_minutes_and_said():
    made = inputs.from_mixture(Audio(np.full(2 * 3600 * 8000, 0.1, np.float32), 8000, "long.wav"))
    assert len(made.mixture) == inputs.MAX_SECONDS * 8000
    assert any("first 10 of 120 minutes" in note for note in made.notes)


@pytest.mark.parametrize("count", [1, 4])
def test_a_wrong_number_of_voices_is_refused_in_a_sentence(count):
    with pytest.raises(ValueError, match="voice"):
        inputs.from_voices([voice(2, seed=k) for k in range(count)], 0.0)


@pytest.mark.parametrize("count", [2, 3])
def test_voices_are_mixed_and_sum_to_the_mixture(count):
    made = inputs.from_voices([voice(3, 16000, seed=k) for k in range(count)], 2.5)
    assert made.references.shape == (count, 24000)
    np.testing.assert_array_equal(made.references.sum(0), made.mixture)


def delayed(voice: Audio, samples: int, fraction: float = 0.0) -> Audio:
    """As a codec leaves a sound: padding before and after it, and a part of a sample by a chirp-free phase."""
    padded = np.pad(voice.samples, (samples, 300))
    spectrum = np.fft.rfft(padded, 2 * len(padded))
    turned = spectrum * np.exp(-2j * np.pi * np.fft.rfftfreq(2 * len(padded)) * fraction)
    late = np.fft.irfft(turned)[: len(padded)]
    return Audio(late.astype(np.float32), voice.rate, voice.label)


@pytest.mark.parametrize(("samples", "fraction"), [(1105, 0.0), (200, 0.45), (3, 0.0)])
def test_references_that_lie_elsewhere_are_moved_under_the_mixture_and_it_is_said(samples, fraction):
    voices = [voice(3, seed=1, label="a.mp3"), voice(3, seed=2, label="b.wav")]
    mixture = Audio(voices[0].samples + voices[1].samples, 8000, "mix.wav")
    made = inputs.from_mixture(mixture, [delayed(voices[0], samples, fraction), voices[1]])
    assert len(made.mixture) == 24000 or samples < 100
    error = made.references.sum(0) - made.mixture
    assert 10 * np.log10(np.square(made.mixture).sum() / np.square(error).sum()) > 25  # the delay to 1/16 of a sample
    (note,) = made.notes
    assert note.startswith(f"a.mp3 lay {(samples + fraction) / 8:.2f}"[:14]) and "ms later than in the mixture" in note


def test_a_mixture_that_a_codec_has_moved_is_cut_to_what_its_voices_cover():
    voices = [voice(3, seed=1, label="a.wav"), voice(3, seed=2, label="b.wav")]
    mixture = delayed(Audio(voices[0].samples + voices[1].samples, 8000, "mix.mp3"), 1105)
    made = inputs.from_mixture(mixture, voices)
    assert len(made.mixture) == 24000 and all("138.12 ms earlier" in note for note in made.notes)
    np.testing.assert_allclose(made.references.sum(0), made.mixture, atol=1e-6)


def test_a_voice_that_is_not_in_the_mixture_is_said_not_to_be():
    made = inputs.from_mixture(voice(3, seed=1), [voice(3, seed=1), voice(3, seed=7, label="other.wav")])
    assert made.notes == ("other.wav was not found in the mixture for sure: scores may mean nothing.",)


def test_an_offset_is_said_and_the_model_decides_what_it_hears_of_it():
    voices = [voice(3, seed=k) for k in (1, 2)]
    mixture = Audio(voices[0].samples + voices[1].samples + np.float32(0.05), 8000, "dc.wav")
    shifted = [replace(one, samples=one.samples + np.float32(0.1)) for one in voices]
    made = inputs.from_mixture(mixture, shifted)
    assert "dc.wav has an offset (DC) of 0.0" in made.notes[0] and made.notes[0].endswith("kept from the model.")
    np.testing.assert_array_equal(made.mixture, mixture.samples)
    for references in (made.references, inputs.from_voices(shifted, 0.0).references):
        np.testing.assert_allclose(references.mean(1), 0, atol=1e-3)
    scored = [
        compare_systems(one, one.references, pesq=False).unprocessed.scores.mean("sdr")
        for one in (made, replace(made, mixture=made.mixture - made.mixture.mean()))
    ]
    assert scored[0] == pytest.approx(scored[1], abs=1e-3)
