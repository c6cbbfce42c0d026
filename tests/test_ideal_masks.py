"""Equations 16-18 against plain numpy, exact reconstruction, and every bin the equations leave open."""

import numpy as np
import pytest
from plain_stft import plain_istft, plain_stft

from analysis.scores.ideal_masks import MASKS, apply, frequencies, ideal_mask, istft, separate, stft, times

RATE = 8000
RATES = [8000, 11025, 16000, 22050, 44100, 48000]


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def plain_mask(kind: str, S: np.ndarray, X: np.ndarray) -> np.ndarray:
    if kind == "IBM":
        others = [np.abs(np.delete(S, i, axis=0)).max(0) for i in range(len(S))]
        return np.array([np.abs(S[i]) > others[i] for i in range(len(S))], float)
    if kind == "IRM":
        return np.abs(S) / np.maximum(np.abs(S).sum(0), 1e-200)
    if kind == "WFM":
        return np.abs(S) ** 2 / np.maximum((np.abs(S) ** 2).sum(0), 1e-200)
    ratio = np.abs(S) / np.maximum(np.abs(X), 1e-200) * np.cos(np.angle(S) - np.angle(X))
    return np.minimum(np.maximum(ratio, 0), 1)


def si_snr(s_hat: np.ndarray, s: np.ndarray) -> float:
    s_hat, s = s_hat - s_hat.mean(), s - s.mean()
    target = s_hat @ s / (s @ s) * s
    return 10 * np.log10(target @ target / np.sum((s_hat - target) ** 2))


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("length", [1, 7, 200, 1000, 12345])
def test_reconstruction_is_exact_at_both_edges(rate, length):
    x = noise(2, length)
    np.testing.assert_allclose(istft(stft(x, rate), rate, length), x, atol=1e-12)


@pytest.mark.parametrize(("rate", "window", "hop"), [(8000, 256, 64), (16000, 512, 128), (11025, 353, 88)])
def test_stft_is_the_papers(rate, window, hop):
    """32 ms and 8 ms: the spacing of bins and frames, and a tone where it belongs in both."""
    assert frequencies(rate)[1] == pytest.approx(rate / window)
    assert np.diff(times(3, rate)) == pytest.approx(hop / rate)
    t = np.arange(rate) / rate
    X = stft(np.where(np.abs(t - 0.5) < 0.1, np.sin(2 * np.pi * 1000 * t), 0), rate)
    assert X.shape == (window // 2 + 1, len(times(X.shape[1], rate)))
    power = np.abs(X) ** 2
    assert frequencies(rate)[power.sum(1).argmax()] == pytest.approx(1000, abs=rate / window / 2)
    centre = (power.sum(0) * times(X.shape[1], rate)).sum() / power.sum()
    assert centre == pytest.approx(0.5, abs=0.001)


def test_stft_has_the_magnitudes_of_numpys():
    x = noise(2, 4000)
    X, plain = stft(x, RATE), plain_stft(x)
    first = round((times(1, RATE)[0] * RATE + 128) / 64)  # frame k of plain_stft is centred at 64 k - 128
    np.testing.assert_allclose(np.abs(X), np.abs(plain[..., first : first + X.shape[-1]]), atol=1e-9)


@pytest.mark.parametrize("C", [1, 2, 3])
@pytest.mark.parametrize("kind", MASKS)
def test_masks_are_the_equations(kind, C):
    references = noise(C, 3000) * np.arange(1, C + 1)[:, None]
    mixture = references.sum(0) + 0.1 * noise(3000, seed=1)
    S, X = stft(references, RATE), stft(mixture, RATE)
    masks = ideal_mask(kind, references, RATE, mixture)
    assert masks.shape == S.shape
    expected = plain_mask(kind, S, X) if C > 1 or kind != "IBM" else np.ones(S.shape)
    np.testing.assert_allclose(masks, expected, atol=1e-9)


def test_masks_of_a_tie():
    """Equally loud speakers: no winner in the IBM, equal shares in IRM and WFM."""
    tied = np.stack([noise(2000)] * 2)
    sounding = np.abs(stft(tied[0], RATE)) > 0
    assert (ideal_mask("IBM", tied, RATE) == 0).all()
    for kind in ("IRM", "WFM"):
        assert (ideal_mask(kind, tied, RATE)[:, sounding] == 0.5).all()
    np.testing.assert_allclose(ideal_mask("PSM", tied, RATE)[:, sounding], 0.5)
    loser_not_tied = np.concatenate([tied, 10 * noise(1, 2000)])
    assert (ideal_mask("IBM", loser_not_tied, RATE)[2] == 1).mean() > 0.9


@pytest.mark.parametrize("kind", MASKS)
def test_masks_of_silence(kind):
    silence, speech = np.zeros(4000), np.concatenate([np.zeros(2000), noise(2000)])
    assert (ideal_mask(kind, np.stack([silence, silence]), RATE) == 0).all()
    with np.errstate(all="raise"):
        masks = ideal_mask(kind, np.stack([speech, silence]), RATE)
        estimates = separate(kind, speech, np.stack([speech, silence]), RATE)
    assert (masks[1] == 0).all()
    np.testing.assert_allclose(estimates, [speech, silence], atol=1e-9)


@pytest.mark.parametrize("kind", MASKS)
def test_masks_lie_in_0_to_1_and_share_the_mixture(kind):
    references = noise(3, 5000)
    masks = ideal_mask(kind, references, RATE)
    assert masks.min() >= 0
    assert masks.max() <= 1
    if kind in ("IRM", "WFM"):
        sounding = np.abs(stft(references, RATE)).sum(0) > 0
        np.testing.assert_allclose(masks.sum(0)[sounding], 1)
        np.testing.assert_allclose(
            separate(kind, references.sum(0), references, RATE).sum(0), references.sum(0), atol=1e-9
        )


def test_separation_is_the_mask_on_the_mixture_in_its_own_type():
    references = noise(2, 5000).astype(np.float32)
    mixture = references.sum(0)
    estimates = separate("IRM", mixture, references, RATE)
    assert estimates.dtype == np.float32
    assert estimates.shape == references.shape
    np.testing.assert_array_equal(estimates, apply(ideal_mask("IRM", references, RATE), mixture, RATE))
    halved = apply(np.full((1, 129, 1), 0.5), mixture, RATE)
    np.testing.assert_allclose(halved, [mixture / 2], atol=1e-6)


def test_an_unknown_mask_is_refused():
    with pytest.raises(ValueError, match="no ideal mask called 'ABC': choose one of IBM, IRM, WFM, PSM"):
        ideal_mask("ABC", noise(2, 1000), RATE)


@pytest.mark.parametrize("kind", MASKS)
def test_si_snr_of_speech_is_that_of_plain_numpy(kind, voices):
    for references in voices:
        mixture = references.sum(0)
        estimates = separate(kind, mixture, references, RATE)
        S, X = plain_stft(references.astype(float)), plain_stft(mixture.astype(float))
        expected = plain_istft(plain_mask(kind, S, X) * X, mixture.size)
        for s, s_hat, plain in zip(references.astype(float), estimates.astype(float), expected, strict=True):
            assert si_snr(s_hat, s) == pytest.approx(si_snr(plain, s), abs=0.01)
