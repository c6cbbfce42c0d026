"""MISI and the clean phase against independent code, and what the page says of them."""

import numpy as np
import pytest
from page_tools import open_page, texts
from plain_stft import plain_istft, plain_stft

from analysis.scores import ideal_masks, phase
from analysis.words.ideal_masks import explain_phase

RATE = 8000


@pytest.fixture(scope="module")
def pair(voices) -> np.ndarray:
    return voices[0][:, :16000].astype(np.float64)


def test_misi_is_the_published_iteration(pair):
    mixture = pair.sum(0)
    X, S = plain_stft(mixture), plain_stft(pair)
    mask = np.abs(S) / np.maximum(np.abs(S).sum(0), 1e-200)
    spectra = [one * np.abs(X) * np.exp(1j * np.angle(X)) for one in mask]
    for _ in range(3):
        signals = [plain_istft(one, len(mixture)) for one in spectra]
        missing = (mixture - sum(signals)) / 2
        spectra = [
            weight * np.abs(X) * np.exp(1j * np.angle(plain_stft(signal + missing)))
            for weight, signal in zip(mask, signals, strict=True)
        ]
    wanted = np.array([plain_istft(one, len(mixture)) for one in spectra])
    *_, found = phase.iterate_phases(phase.masked_magnitudes("IRM", mixture, pair, RATE), mixture, RATE, 3)
    np.testing.assert_allclose(found, wanted, atol=1e-6 * np.abs(pair).max())


def test_without_an_iteration_it_is_the_mask_as_the_paper_applies_it(pair):
    mixture = pair.sum(0)
    (found,) = phase.iterate_phases(phase.masked_magnitudes("WFM", mixture, pair, RATE), mixture, RATE, 0)
    np.testing.assert_allclose(found, ideal_masks.separate("WFM", mixture, pair, RATE), atol=1e-12)


def test_the_true_magnitudes_and_the_clean_phase_give_the_voices_back(pair):
    found = phase.with_phases_of(pair, np.abs(ideal_masks.stft(pair, RATE)), RATE)
    np.testing.assert_allclose(found, pair, atol=1e-12)


def test_on_speech_misi_wins_and_the_clean_phase_wins_more(pair):
    for cost in phase.phase_costs(pair.sum(0), pair, RATE, iterations=3):
        assert cost.iterated.shape == (4,)
        if cost.mask in ("IRM", "WFM"):  # the PSM has given up magnitude for the phase that it kept
            assert cost.iterated[0] < cost.iterated[-1] < cost.clean


def test_words_follow_the_figures():
    loses = phase.PhaseCost("IRM", np.array([12.0, 11.0]), 11.5)
    (change, misi) = explain_phase([loses], 1)
    assert "−0.5 dB (IRM)" in change and misi.startswith("1 iteration of MISI") and "−1.0 dB (IRM)" in misi
    wins = phase.PhaseCost("IBM", np.array([12.0, 13.0]), 16.0)
    assert explain_phase([wins], 1)[-1].endswith("where it costs most, that is 25 %.")
    silent = phase.PhaseCost("IBM", np.array([np.nan, np.nan]), np.nan)
    assert explain_phase([silent], 1) == ["What the phase costs is undefined here: a voice is silent."]


def test_the_page_shows_what_the_phase_costs():
    app = open_page("pages/ideal_masks.py")
    assert "What the phase costs" in texts(app) and "5 iterations of MISI" in texts(app)
    app.slider(key="phase_iterations").set_value(2).run()
    assert not app.exception and "2 iterations of MISI" in texts(app)
