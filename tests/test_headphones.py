"""The headphone check: a pitch between the ears, which neither of them has alone and loudspeakers do not make."""

import io

import numpy as np
import pytest
import soundfile

from analysis.listening import headphones


def band(samples: np.ndarray) -> tuple[float, float]:
    """Mean power per bin within 15 Hz of the pitch, and of the octave about it."""
    power = np.abs(np.fft.rfft(samples)) ** 2
    frequencies = np.fft.rfftfreq(len(samples), 1 / headphones.RATE)
    near = np.abs(frequencies - headphones.CENTRE) < 15
    around = (frequencies > 400) & (frequencies < 850) & (np.abs(frequencies - headphones.CENTRE) > 60)
    return power[near].mean(), power[around].mean()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_only_the_difference_between_the_ears_has_the_pitch(seed):
    for question in headphones.headphone_questions(seed):
        step = round((headphones.NOISE + headphones.PAUSE) * headphones.RATE)
        start = round(headphones.PAUSE * headphones.RATE)
        length = round(headphones.NOISE * headphones.RATE)
        for number in range(1, headphones.INTERVALS + 1):
            left, right = question.samples[:, start + (number - 1) * step :][:, :length]
            for ear in (left, right):  # a noise without a tone
                near, around = band(ear)
                assert 0.5 < near / around < 2
            near, _ = band(left - right)
            assert (near > 100 * band(left - right)[1]) == (number == question.answer)
            assert np.sqrt(np.mean(left**2)) == pytest.approx(headphones.LEVEL, rel=0.1)


def test_every_place_is_asked_and_seeds_repeat():
    answers = [q.answer for seed in range(12) for q in headphones.headphone_questions(seed)]
    assert set(answers) == {1, 2, 3} and min(np.bincount(answers)[1:]) > 14
    one, other = headphones.headphone_questions(3)[0], headphones.headphone_questions(3)[0]
    samples, rate = soundfile.read(io.BytesIO(one.wav))
    assert (rate, samples.shape[1]) == (headphones.RATE, 2)
    np.testing.assert_allclose(samples.T, other.samples, atol=1e-4)
