"""Scores against independent formulas, mir_eval and the pesq package; every undefined case."""

import math
from itertools import product

import numpy as np
import pytest
from mir_eval.separation import bss_eval_sources
from pesq import pesq as p862
from scipy.signal import butter, lfilter, resample_poly, sosfilt

from analysis.scores.metrics import (
    MetricsError,
    Scores,
    best_permutation,
    evaluate,
    mixture_scores,
    pesq,
    raw_pesq,
    sdr,
    si_snr,
)

RATE = 8000
pytestmark = pytest.mark.filterwarnings(r"ignore:\s*mir_eval.separation:FutureWarning")


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    """Speech-shaped noise with the rhythm of syllables: energy below 1 kHz, 4 bursts a second."""
    white = np.random.default_rng(seed).standard_normal(shape)
    syllables = 0.05 + np.sin(2 * np.pi * 2 * np.arange(shape[-1]) / RATE + seed) ** 2
    return 0.1 * sosfilt(butter(2, 1000, fs=RATE, output="sos"), white) * syllables


@pytest.fixture(scope="module")
def speech(voices) -> list[np.ndarray]:
    return [pair.astype(float) for pair in voices]


def equation_15(estimate: np.ndarray, reference: np.ndarray) -> float:
    """Eq. 15 read out loud, in the widest float there is."""
    s_hat, s = np.asarray(estimate, np.longdouble), np.asarray(reference, np.longdouble)
    s_hat, s = s_hat - s_hat.mean(), s - s.mean()
    s_target = s_hat.dot(s) * s / s.dot(s)
    e_noise = s_hat - s_target
    return float(10 * np.log10(s_target.dot(s_target) / e_noise.dot(e_noise)))


@pytest.mark.parametrize("noise_db", [40, 0, -20, -80, -140])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_si_snr_is_equation_15(noise_db, dtype):
    s, n = noise(2, 32000)
    s, s_hat = (s + 0.3).astype(dtype), (0.4 * s - 0.2 + 10 ** (noise_db / 20) * n).astype(dtype)
    assert si_snr(s_hat, s) == pytest.approx(equation_15(s_hat, s), abs=1e-6)


def test_si_snr_does_not_see_scale_or_offset():
    s, n = noise(2, 8000)
    assert si_snr(-3 * (s + n) + 5, 0.1 * s - 1) == pytest.approx(si_snr(s + n, s), abs=1e-9)


def test_si_snr_broadcasts_over_leading_axes():
    estimates, references = noise(3, 4000), noise(3, 4000, seed=1)
    table = si_snr(estimates[:, None], references[None])
    assert table.shape == (3, 3)
    for i, j in product(range(3), repeat=2):
        assert table[i, j] == pytest.approx(equation_15(estimates[i], references[j]), abs=1e-6)


def test_si_snr_of_perfect_orthogonal_and_silent_signals():
    t = np.arange(8000) / RATE
    sine, cosine, silence = np.sin(2 * np.pi * 100 * t), np.cos(2 * np.pi * 100 * t), np.zeros(8000)
    for scale in (1.0, -1.0, 0.3, 1e-5, 1e5):
        assert si_snr(scale * sine, sine) == math.inf
    assert si_snr(cosine, sine) < -200
    for estimate, reference in [(silence, sine), (sine, silence), (silence, silence), (silence + 0.1, sine)]:
        assert math.isnan(si_snr(estimate, reference))
    assert math.isnan(si_snr(np.float32([0.5]), np.float32([0.5])))


def test_sdr_is_bss_eval_on_real_mixtures(speech):
    rng = np.random.default_rng(0)
    for references in speech:
        mixture = references.sum(0)
        gains = np.array([[1.0, 0.1], [0.3, 0.8]])
        delayed = np.roll(references, 40, axis=-1)
        systems = [
            np.stack([mixture, mixture]),
            gains @ references,
            delayed + 0.01 * rng.standard_normal(references.shape),
            lfilter([1, -0.9], [1, 0.5], references) + 0.05 * mixture,
        ]
        for estimates in systems:
            expected = bss_eval_sources(references, estimates, compute_permutation=False)[0]
            np.testing.assert_allclose(sdr(estimates, references), expected, atol=1e-4)


@pytest.mark.parametrize("samples", [1, 2, 100, 511, 512, 5000])
def test_sdr_is_bss_eval_for_three_speakers_of_any_length(samples):
    references = noise(3, samples)
    estimates = references + 0.5 * noise(3, samples, seed=1)
    each = [bss_eval_sources(s[None], s_hat[None], False)[0][0] for s, s_hat in zip(references, estimates, strict=True)]
    expected = np.where(np.array(each) > 180, np.inf, each)  # fewer samples than taps: all can be fitted
    np.testing.assert_allclose(sdr(estimates, references), expected, atol=1e-4)


def test_sdr_where_the_fast_solver_fails():
    """A reference of almost no bandwidth, whose Toeplitz system is singular to float64."""
    t = np.arange(2000)
    reference = np.sin(0.3 * t) * np.exp(-(((t - 1000) / 150) ** 2))
    estimate = reference + 0.01 * np.random.default_rng(0).standard_normal(t.size)
    shifts = np.stack([np.pad(reference, (shift, 511 - shift)) for shift in range(512)])
    padded = np.pad(estimate, (0, 511))
    U, s, _ = np.linalg.svd(shifts.T, full_matrices=False)
    basis = U[:, s > 1e-9 * s[0]]
    target = basis @ (basis.T @ padded)
    expected = 10 * np.log10(np.sum(target**2) / np.sum((padded - target) ** 2))
    assert sdr(estimate[None], reference[None])[0] == pytest.approx(expected, abs=0.1)


def test_sdr_of_perfect_and_silent_signals():
    s = noise(1, 16000)
    filtered = lfilter([0.5, 0.2, -0.1], [1], s)
    assert sdr(0.3 * s, s)[0] == math.inf
    assert sdr(filtered[:, :-3], s[:, :-3])[0] > 60  # only the cut tail of the filter is lost
    assert np.isnan(sdr(np.stack([s[0], 0 * s[0]]), np.stack([0 * s[0], s[0]]))).all()


@pytest.mark.parametrize("C", [1, 2, 3, 5, 9])
def test_best_permutation_undoes_a_shuffle(C):
    references = noise(C, 4000)
    order = np.random.default_rng(C).permutation(C)
    estimates = 0.5 * references[order] + 0.1 * noise(C, 4000, seed=1)
    permutation = best_permutation(estimates, references)
    assert order[list(permutation)].tolist() == list(range(C))


def test_best_permutation_is_the_best_of_all_by_mean_si_snr():
    """Greedy matching would go wrong here: estimate 0 is the best for both references."""
    a, b = noise(2, 4000)
    references, estimates = np.stack([a, b]), np.stack([a + 0.9 * b, a + 0.1 * b])
    assert best_permutation(estimates, references) == (1, 0)


def test_best_permutation_with_perfect_and_silent_estimates():
    a, b = noise(2, 4000)
    assert best_permutation(np.stack([0 * a, a]), np.stack([a, b])) == (1, 0)
    assert best_permutation(np.stack([b, a]), np.stack([a, b])) == (1, 0)


def test_pesq_is_the_packages_and_a_clean_signal_is_4_5_raw(speech):
    s1, s2 = speech[0]
    assert pesq(s1, s1 + s2, RATE) == p862(RATE, s1, s1 + s2, "nb")
    assert 1 < pesq(s1, s1 + s2, RATE) < pesq(s1, s1 + 0.1 * s2, RATE) < 4.5
    assert pesq(s1, s1, RATE) == pytest.approx(4.549, abs=5e-4)
    assert raw_pesq(pesq(s1, s1, RATE)) == pytest.approx(4.5, abs=1e-4)


def test_pesq_at_other_rates(speech):
    s1, s2 = speech[0]
    at_8k = pesq(s1, s1 + s2, RATE)
    for up, down in [(6, 1), (441, 80), (3, 2)]:
        wide = resample_poly(np.stack([s1, s1 + s2]), up, down, axis=-1)
        assert pesq(*wide, RATE * up // down) == pytest.approx(at_8k, abs=0.05)
    wide = resample_poly(np.stack([s1, s1 + s2]), 2, 1, axis=-1)
    assert pesq(*wide, 16000) == p862(16000, *wide, "nb")


def test_pesq_of_long_signals_survives_any_number_of_utterances():
    """The package's C code overruns its tables, and crashes, beyond 50 utterances."""
    burst = noise(1, 2400)[0] * np.hanning(2400)
    long = np.tile(np.concatenate([burst, np.zeros(1800)]), 150)
    estimate = long + 0.001 * np.random.default_rng(0).standard_normal(long.size)
    score = pesq(long, estimate, RATE)
    assert 1 < score < 4.5
    silent_end = np.zeros(20 * RATE)
    with_silence = pesq(np.append(long, silent_end), np.append(estimate, silent_end), RATE)
    assert with_silence == pytest.approx(score, abs=0.3)


def test_pesq_is_undefined_without_speech_to_compare():
    s, silence = noise(1, 16000)[0], np.zeros(16000)
    cases = [(s, silence), (silence, s), (silence, silence), (s, 1e-40 * s), (s[:1999], s[:1999]), (s[:1], s[:1])]
    for reference, estimate in [*cases, (s[:0], s[:0])]:
        for rate in (8000, 11025, 16000):
            assert pesq(reference, estimate, rate) is None


@pytest.mark.parametrize("raw", [-0.5, 0.0, 1.0, 2.5, 3.24, 4.5])
def test_raw_pesq_inverts_p_862_1(raw):
    mos_lqo = 0.999 + (4.999 - 0.999) / (1 + math.exp(-1.4945 * raw + 4.6607))
    assert raw_pesq(mos_lqo) == pytest.approx(raw, abs=1e-12)


def test_raw_pesq_of_undefined_and_impossible_values():
    assert raw_pesq(None) is None
    for value in (0.5, 0.999, 4.999, 5.0, math.nan):
        with pytest.raises(MetricsError, match=r"MOS-LQO lies between 0\.999 and 4\.999"):
            raw_pesq(value)


def test_evaluate_reorders_and_measures_improvements(speech):
    references = speech[1]
    mixture = references.sum(0)
    estimates = (references + 0.1 * mixture)[::-1]
    scores = evaluate(estimates, references, mixture, RATE)
    assert scores.permutation == (1, 0)
    for i, (s, s_hat) in enumerate(zip(references, estimates[::-1], strict=True)):
        assert scores.si_snr[i] == pytest.approx(equation_15(s_hat, s), abs=1e-6)
        assert scores.si_snri[i] == pytest.approx(equation_15(s_hat, s) - equation_15(mixture, s), abs=1e-6)
        before, after = (bss_eval_sources(s[None], x[None], False)[0][0] for x in (mixture, s_hat))
        assert scores.sdr[i] == pytest.approx(after, abs=1e-4)
        assert scores.sdri[i] == pytest.approx(after - before, abs=1e-4)
        assert scores.pesq[i] == pytest.approx(p862(RATE, s, s_hat, "nb"), abs=1e-3)
        assert scores.raw_pesq[i] == raw_pesq(scores.pesq[i])
    assert scores.mean("si_snri") == pytest.approx(np.mean(scores.si_snri))
    baseline = mixture_scores(references, mixture, RATE)
    assert evaluate(estimates, references, mixture, RATE, baseline=baseline) == scores
    assert baseline.si_snri == (0.0, 0.0)


def test_evaluate_without_permutation_and_pesq():
    references = noise(2, 8000)
    scores = evaluate(references[::-1], references, references.sum(0), RATE, permute=False, pesq=False)
    assert scores.permutation == (0, 1)
    assert scores.pesq == scores.raw_pesq == (None, None)
    assert scores.mean("pesq") is None
    assert scores.mean("si_snr") < 0


def test_no_score_is_ever_nan():
    """Every combination of signals that make a ratio 0/0 or infinite gives a number or None."""
    s, n = noise(2, 6000)
    silence, constant, impulse = np.zeros(6000), np.full(6000, 0.1), np.eye(1, 6000, 3000)[0]
    signals = [s, n, silence, constant, impulse, 1e-30 * s]
    for estimate, reference, mixture in product(signals, signals, [s + n, s, silence]):
        scores = evaluate(np.stack([estimate, n]), np.stack([reference, n]), mixture, RATE)
        names = [name for name in Scores.__dataclass_fields__ if name != "permutation"]
        values = [value for name in names for value in (*getattr(scores, name), scores.mean(name))]
        assert all(value is None or not math.isnan(value) for value in values)


def test_what_identical_and_silent_signals_score():
    s, n = noise(2, 16000)
    scores = evaluate(np.stack([s, 0 * n]), np.stack([s, n]), s + n, RATE, pesq=False)
    assert scores.si_snr == scores.sdr == scores.si_snri == scores.sdri == (math.inf, None)
    assert scores.mean("si_snr") is None
    silent_reference = evaluate(np.stack([s, n]), np.stack([s, 0 * n]), s, RATE)
    assert silent_reference.si_snr == silent_reference.sdr == (math.inf, None)
    assert silent_reference.si_snri == (None, None)  # infinity over infinity
    assert silent_reference.pesq[0] == pytest.approx(4.549, abs=5e-4)
    assert silent_reference.pesq[1] is None


@pytest.mark.parametrize(
    ("estimates", "references", "mixture", "sentence"),
    [
        ((3, 100), (2, 100), 100, "3 separated signals cannot be scored against 2 clean ones"),
        ((2, 100), (2, 90), 100, "has 100 samples but the clean one 90"),
        ((2, 100), (2, 100), 90, "one row of 100 samples"),
        ((100,), (100,), 100, "shape"),
        ((2, 0), (2, 0), 0, "no samples"),
    ],
)
def test_signals_that_do_not_fit_are_refused_in_one_sentence(estimates, references, mixture, sentence):
    with pytest.raises(MetricsError, match=sentence) as error:
        evaluate(np.ones(estimates), np.ones(references), np.ones(mixture), RATE)
    assert isinstance(error.value, ValueError)
    assert str(error.value).count(". ") == 0


def test_samples_that_are_not_numbers_are_refused():
    s = noise(2, 1000)
    for bad in (math.nan, math.inf):
        broken = s.copy()
        broken[1, 500] = bad
        for estimates, references, mixture in [(broken, s, s[0]), (s, broken, s[0]), (s, s, broken[1])]:
            with pytest.raises(MetricsError, match="not finite"):
                evaluate(estimates, references, mixture, RATE)


def test_si_snr_and_pesq_refuse_unequal_lengths():
    for call in (lambda: si_snr(np.ones(5), np.ones(4)), lambda: pesq(np.ones(4), np.ones(5), RATE)):
        with pytest.raises(MetricsError, match="has 5 samples but the clean one 4"):
            call()
    with pytest.raises(MetricsError, match="no samples"):
        si_snr(np.ones(0), np.ones(0))
