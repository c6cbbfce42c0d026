"""Speech level and loudness against the Recommendations read out loud; mixtures at the stated ratio."""

import math

import numpy as np
import pytest
from scipy.signal import butter, freqz, resample_poly, sosfilt

from analysis.sounds.loudness import _k_weighting, loudness
from analysis.sounds.mixing import MixError, mix
from tasnet.audio import Audio
from tasnet.data.speech_level import active_speech_level

RATE = 8000


def sine(frequency: float, seconds: float, rate: int = RATE) -> np.ndarray:
    return np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)


def voice(seconds: float, seed: int = 0, rate: int = RATE, label: str = "a voice") -> Audio:
    """Speech-shaped noise in bursts: 1 s on, 0.5 s off."""
    x = np.random.default_rng(seed).standard_normal(round(seconds * rate))
    x = sosfilt(butter(2, 1000, fs=rate, output="sos"), x)
    x[(np.arange(x.size) + seed * 1000) % (3 * rate // 2) > rate] = 0
    return Audio((0.1 * x).astype(np.float32), rate, label)


@pytest.fixture(scope="module")
def speech(voices) -> list[np.ndarray]:
    return [voice.astype(float) for pair in voices[:2] for voice in pair]


def p_56_method_b(x: np.ndarray, rate: int) -> float:
    """ITU-T P.56, section 7, sample by sample; thresholds at the 16 bits' powers of 2, margin 15.9 dB."""
    g, hangover = math.exp(-1 / (rate * 0.03)), math.ceil(rate * 0.2)
    thresholds = [2.0**-j for j in range(15, 0, -1)]
    activity, silence = [0] * 15, [hangover] * 15
    p = q = energy = 0.0
    for sample in x:
        energy += sample**2
        p = g * p + (1 - g) * abs(sample)
        q = g * q + (1 - g) * p
        for j, threshold in enumerate(thresholds):
            if q >= threshold:
                activity[j] += 1
                silence[j] = 0
            elif silence[j] < hangover:
                activity[j] += 1
                silence[j] += 1
            else:
                break
    previous = None
    for threshold, active in zip(thresholds, activity, strict=True):
        if active == 0:
            break
        level = 10 * math.log10(energy / active)
        margin = level - 20 * math.log10(threshold)
        if margin <= 15.9:
            part = (previous[1] - 15.9) / (previous[1] - margin)
            return previous[0] + part * (level - previous[0])
        previous = level, margin
    raise AssertionError("no threshold was near enough")


def test_active_level_is_p_56_on_real_speech(speech):
    for x in speech:
        x = x[: 3 * RATE]
        assert active_speech_level(x, RATE) == pytest.approx(p_56_method_b(x, RATE), abs=0.15)


def test_active_level_moves_with_the_gain(speech):
    for x in speech:
        for gain in (1e-4, 0.37, 20):
            expected = active_speech_level(x, RATE) + 20 * math.log10(gain)
            assert active_speech_level(gain * x, RATE) == pytest.approx(expected, abs=1e-9)


def test_active_level_does_not_see_silence(speech):
    for x in speech:
        utterance = np.concatenate([x, np.zeros(RATE // 2)])  # the hangover after its last word included
        level = active_speech_level(utterance, RATE)
        silence = np.zeros(30 * RATE)
        for longer in ([utterance, silence], [silence, utterance], [utterance, silence, utterance]):
            assert active_speech_level(np.concatenate(longer), RATE) == pytest.approx(level, abs=0.05)
        rms = 10 * math.log10(np.mean(np.concatenate([utterance, silence]) ** 2))
        assert level > rms + 5


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_active_level_of_sines(rate):
    """A steady sine has its RMS; in bursts the 200 ms hangover and the envelope's decay count as speech."""
    assert active_speech_level(sine(500, 5, rate), rate) == pytest.approx(-3.01, abs=0.05)
    bursts = sine(500, 40, rate) * (np.arange(40 * rate) % (4 * rate) < 2 * rate)
    decay = 0.1  # seconds in which a two-stage 30 ms average falls by about 15 dB
    expected = -3.01 + 10 * math.log10(2 / (2 + 0.2 + decay))
    assert active_speech_level(bursts, rate) == pytest.approx(expected, abs=0.1)


def test_active_level_of_odd_signals():
    assert active_speech_level(np.zeros(1000), RATE) == -math.inf
    assert active_speech_level(np.zeros(0), RATE) == -math.inf
    click = np.eye(1, 80000, 4000)[0]
    for x in (click, np.ones(1), 1e-30 * np.ones(10), sine(500, 0.01)):
        assert math.isfinite(active_speech_level(x, RATE))


def test_k_weighting_is_the_standards_table_at_48_khz():
    (b1, a1), (b2, a2) = _k_weighting(48000)
    np.testing.assert_allclose(b1, [1.53512485958697, -2.69169618940638, 1.19839281085285], atol=1e-8)
    np.testing.assert_allclose(a1, [1, -1.69065929318241, 0.73248077421585], atol=1e-8)
    np.testing.assert_allclose(b2, [1, -2, 1], atol=1e-8)
    np.testing.assert_allclose(a2, [1, -1.99004745483398, 0.99007225036621], atol=1e-8)


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100])
def test_k_weighting_is_much_the_same_at_any_rate(rate):
    frequencies = np.array([20, 60, 200, 500, 997, 2000, 3000])

    def gain_db(of_rate: int) -> np.ndarray:
        return sum(20 * np.log10(np.abs(freqz(b, a, frequencies, fs=of_rate)[1])) for b, a in _k_weighting(of_rate))

    np.testing.assert_allclose(gain_db(rate), gain_db(48000), atol=0.3)


def test_loudness_of_the_standards_sine():
    tone = sine(997, 20, 48000)
    assert loudness(tone, 48000) == pytest.approx(-3.01, abs=0.005)
    assert loudness(0.1 * tone, 48000) == pytest.approx(-23.01, abs=0.005)


def test_loudness_gates():
    """EBU Tech 3341, case 3: what is 13 LU quieter does not count; silence never does."""
    loud, quiet = 10 ** (-23 / 20) * sine(1000, 60, 48000), 10 ** (-36 / 20) * sine(1000, 10, 48000)
    expected = loudness(loud, 48000)
    assert loudness(np.concatenate([quiet, loud, quiet]), 48000) == pytest.approx(expected, abs=0.1)
    assert loudness(np.concatenate([np.zeros(960000), loud]), 48000) == pytest.approx(expected, abs=0.1)


def test_loudness_of_speech_at_8_khz_is_that_at_48_khz(speech):
    for x in speech:
        assert loudness(x, 8000) == pytest.approx(loudness(resample_poly(x, 6, 1), 48000), abs=0.2)


def test_loudness_of_short_sounds_and_silence():
    assert loudness(sine(997, 0.2, 48000), 48000) == pytest.approx(-3.01, abs=0.2)
    assert loudness(sine(997, 0.4, 48000), 48000) == pytest.approx(-3.01, abs=0.1)
    for x in (np.zeros(48000), np.zeros(10), np.zeros(0), 1e-6 * sine(997, 1, 48000)):
        assert loudness(x, 48000) == -math.inf


@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 2.5])
@pytest.mark.parametrize("C", [2, 3])
def test_mix_holds_the_ratio_of_active_levels(snr_db, C):
    mixed = mix([voice(4, seed) for seed in range(C)], snr_db, RATE)
    levels = [p_56_method_b(s.astype(float), RATE) for s in mixed.references]
    for other in levels[1:]:
        assert levels[0] - other == pytest.approx(snr_db, abs=0.3)
    assert mixed.snr_db == snr_db
    assert mixed.rate == RATE


@pytest.mark.parametrize("C", [2, 3])
def test_references_sum_to_the_mixture_exactly_and_nothing_clips(C):
    mixed = mix([voice(4, seed, label=f"voice {seed}") for seed in range(C)], 40.0, RATE)
    assert mixed.mixture.dtype == mixed.references.dtype == np.float32
    assert mixed.references.shape == (C, 4 * RATE)
    np.testing.assert_array_equal(mixed.mixture, mixed.references.sum(0))
    peak = max(np.abs(mixed.mixture).max(), np.abs(mixed.references).max())
    assert peak == pytest.approx(0.9, abs=1e-6)
    assert mixed.labels == tuple(f"voice {seed}" for seed in range(C))
    assert mixed.notes == ()


def test_opposite_voices_do_not_clip_either():
    """The mixture is small where voices cancel, so their own peaks must count."""
    one = voice(2)
    mixed = mix([one, Audio(-one.samples, RATE, "inverted")], 0.0, RATE)
    assert np.abs(mixed.references).max() == pytest.approx(0.9, abs=1e-6)
    assert not mixed.mixture.any()


def test_unequal_lengths_and_rates():
    long, short = voice(4, 0, label="long.wav"), voice(3, 1, 44100, label="short.wav")
    cut = mix([long, short], 0.0, RATE)
    assert cut.references.shape == (2, 3 * RATE)
    gain = cut.references[0] / np.where(long.samples[: 3 * RATE] == 0, np.nan, long.samples[: 3 * RATE])
    assert np.nanstd(gain) < 1e-3 * np.nanmean(gain)  # the start of the long one, only scaled
    assert cut.notes == (
        "short.wav was converted from 44100 Hz to 8000 Hz.",
        "The voices were cut to the shortest, 3.00 s.",
    )
    padded = mix([long, short], 0.0, RATE, length="max")
    assert padded.references.shape == (2, 4 * RATE)
    assert not padded.references[1, 3 * RATE :].any()
    assert padded.notes[-1] == "The voices were padded with silence to the longest, 4.00 s."


def test_far_apart_levels_are_brought_together():
    quiet = Audio(1e-6 * voice(2).samples, RATE, "quiet")
    levels = [active_speech_level(s, RATE) for s in mix([quiet, voice(2, 1)], 0.0, RATE).references]
    assert levels[0] == pytest.approx(levels[1], abs=0.01)


def late() -> Audio:
    """Speaks only after 2 s."""
    return Audio(np.concatenate([np.zeros(2 * RATE, np.float32), voice(2).samples]), RATE, "late.wav")


@pytest.mark.parametrize(
    ("voices", "snr_db", "sentence"),
    [
        ([voice(1)], 0, "Two or three voices can be mixed, but 1 came"),
        ([voice(1)] * 4, 0, "Two or three voices can be mixed, but 4 came"),
        ([voice(1), Audio(np.zeros(RATE, np.float32), RATE, "b.wav")], 0, "b.wav is silent in the part"),
        ([voice(2), late()], 0, "late.wav is silent in the part"),
        ([voice(1), Audio(voice(1).samples[:80], RATE, "b.wav")], 0, r"b.wav lasts 0.010 s, but a voice must last"),
        ([voice(1), Audio(np.zeros(0, np.float32), RATE, "b.wav")], 0, r"b.wav lasts 0.000 s"),
        ([voice(1), voice(1)], math.nan, "at a ratio of -60 to 60 dB"),
        ([voice(1), voice(1)], 90, "at a ratio of -60 to 60 dB"),
    ],
)
def test_voices_that_cannot_be_mixed_are_refused_in_one_sentence(voices, snr_db, sentence):
    with pytest.raises(MixError, match=sentence) as error:
        mix(voices, snr_db, RATE)
    assert isinstance(error.value, ValueError)
    assert str(error.value).count(". ") == 0
