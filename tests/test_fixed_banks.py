"""Filterbanks that nobody learned, against the transforms and formulas that define them."""

import numpy as np
import pytest
import torch
from page_tools import open_page, texts

from analysis.network import basis, basis_set
from analysis.network.fixed_banks import FIXED_BANKS, gammatone_basis, mel_basis, stft_basis
from analysis.scores import ideal_masks
from tasnet import ConvTasNetConfig
from tasnet.spectral.stft import STFT

CONFIG = ConvTasNetConfig(N=128, L=40, B=8, H=8, Sc=8)


@pytest.mark.parametrize("rate", [8000, 16000])
def test_the_stft_basis_is_the_masks_own_transform(rate):
    """One frame by the filters is the frame of the spectrogram: its real parts, then its imaginary ones."""
    U = stft_basis(rate)
    L = U.shape[1]
    assert U.shape == (L, L)
    x = np.random.default_rng(0).normal(size=L)
    frame = ideal_masks.stft(np.concatenate([np.zeros(L), x, np.zeros(L)]), rate)
    found = (U @ x)[: L // 2 + 1].astype(complex)
    found[1 : (L + 1) // 2] += 1j * (U @ x)[L // 2 + 1 :]
    away = np.abs(np.abs(frame) - np.abs(found)[:, None]).max(0)
    assert away.min() < 1e-9 * L < away.mean(), "one frame, that which lies exactly over x, is the same"


def test_gammatone_filters_follow_the_formula():
    U = gammatone_basis(128, 16, 8000)
    assert U.shape == (128, 16)
    np.testing.assert_allclose(U[64:], -U[:64])
    np.testing.assert_allclose(np.linalg.norm(U, axis=1), 1)
    t = np.arange(1, 17) / 8000
    b = (24.7 + 100 / 9.265) / 1.57
    first = t * np.exp(-2 * np.pi * b * t) * np.cos(2 * np.pi * 100 * t)
    np.testing.assert_allclose(U[0], first / np.linalg.norm(first), rtol=1e-12)


def test_long_gammatone_filters_peak_at_their_centres():
    peaks = np.unique(basis.tuning(gammatone_basis(64, 1024, 8000), 8000).peak_hz[:32].round(-1))
    steps = np.diff(basis_set.erb_rate(peaks))
    assert abs(peaks[0] - 100) <= 10 and np.all((steps > 0.8) & (steps < 1.2))


def test_mel_filters_have_the_triangles_of_librosa():
    import librosa

    U = mel_basis(8000)
    triangles = librosa.filters.mel(sr=8000, n_fft=256, n_mels=40, norm=None)
    sizes = np.abs(np.fft.rfft(U, 256))
    np.testing.assert_allclose(
        sizes / sizes.max(1, keepdims=True), triangles / triangles.max(1, keepdims=True), atol=1e-6
    )


@pytest.mark.parametrize("rate", [8000, 16000])
def test_the_stft_s_decoder_is_the_inverse_transform(rate):
    """Frames of numbers that are no sound's, decoded by the filters, are what the project's own transform makes."""
    U, V = FIXED_BANKS["stft"].rows(ConvTasNetConfig(sample_rate=rate))
    L = U.shape[1]
    hop, frames, length = L // 4, 9, 1000
    transform = STFT(L, hop)
    X = transform.forward(torch.randn(length, dtype=torch.float64, generator=torch.Generator().manual_seed(0)))
    X = X[:frames] * torch.rand(frames, L // 2 + 1, generator=torch.Generator().manual_seed(1))
    d = torch.cat([X.real, X.imag[:, 1 : (L + 1) // 2]], 1).numpy()
    s = np.zeros((frames - 1) * hop + L)
    for k in range(frames):
        s[k * hop : k * hop + L] += d[k] @ V
    before = L - hop
    expected = transform.inverse(X, len(s) - 2 * before)
    np.testing.assert_allclose(s[before : len(s) - before], expected, atol=1e-9)


@pytest.mark.parametrize("name", ["gammatone", "mel"])
def test_decoders_are_least_squares_inverses(name):
    U, V = FIXED_BANKS[name].rows(CONFIG)
    fit = basis_set.coder_pair(U, V)
    assert fit.pinv_distance == pytest.approx(0, abs=1e-4)  # the gammatone one is near to singular


@pytest.mark.parametrize("name", FIXED_BANKS)
def test_each_stands_beside_the_learned_filters(name):
    app = open_page("pages/filters.py", against=FIXED_BANKS[name].title)
    assert not app.error
    assert list(app.dataframe[0].value["Model"])[1] == FIXED_BANKS[name].title
    assert f"**{FIXED_BANKS[name].title}**: nobody learned it" in texts(app)


def test_a_network_with_too_few_filters_gets_a_sentence():
    with pytest.raises(basis.BasisError, match="too few"):
        FIXED_BANKS["gammatone"].rows(ConvTasNetConfig(N=16, L=40, B=8, H=8, Sc=8))
