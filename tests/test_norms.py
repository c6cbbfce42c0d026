"""The norms against equations 9-14 in float64, on short and on very long input."""

import numpy as np
import pytest
import torch

from tasnet.norms import EPS, BatchNorm, CumulativeLayerNorm, GlobalLayerNorm, make_norm

TEN_MINUTES = 600 * 8000 // 20  # frames at L = 40
CHANNELS = 16


def features(K, mean=0.0, channels=CHANNELS, batch=1):
    """Frames whose level and mean drift, so that statistics over all frames and up to a frame differ."""
    generator = torch.Generator().manual_seed(K)
    drift = torch.linspace(0.5, 2, K)[:, None]
    return torch.randn(batch, K, channels, generator=generator) * drift + drift + mean


def with_affine(norm):
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in norm.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return norm


def affine(norm, normed):
    gamma, beta = (p.detach().double().numpy() for p in norm.parameters())
    return normed * gamma + beta


def gln(F):
    """Eqs. 9-11 on (K, N), without gamma and beta."""
    E = F.sum() / F.size
    Var = ((F - E) ** 2).sum() / F.size
    return (F - E) / np.sqrt(Var + EPS)


def cln_frame(F, k):
    """Eqs. 12-14 for frame k = 1, 2, ... of (K, N), without gamma and beta."""
    so_far = F[:k]
    E = so_far.sum() / so_far.size
    Var = ((so_far - E) ** 2).sum() / so_far.size
    return (F[k - 1] - E) / np.sqrt(Var + EPS)


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("K", [1, 2, 50])
def test_gln_is_equations_9_to_11(K, inplace):
    norm, x = with_affine(GlobalLayerNorm(CHANNELS)), features(K, batch=2)
    expected = [affine(norm, gln(item)) for item in x.double().numpy()]
    np.testing.assert_allclose(norm(x).detach(), expected, atol=1e-5)  # as in training
    with torch.no_grad():
        np.testing.assert_allclose(norm(x, inplace), expected, atol=1e-5)


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("K", [1, 2, 50])
def test_cln_is_equations_12_to_14(K, inplace):
    norm, x = with_affine(CumulativeLayerNorm(CHANNELS)), features(K, batch=2)
    expected = [affine(norm, np.stack([cln_frame(F, k) for k in range(1, K + 1)])) for F in x.double().numpy()]
    with torch.no_grad():
        np.testing.assert_allclose(norm(x, inplace), expected, atol=1e-5)


@pytest.mark.parametrize(("mean", "tolerance"), [(0, 5e-6), (1000, 2e-4)])  # float32 resolves 1000 to 6e-5
def test_ten_minutes_lose_no_precision(mean, tolerance):
    x = features(TEN_MINUTES, mean)
    F = x[0].double().numpy()
    with torch.no_grad():
        np.testing.assert_allclose(GlobalLayerNorm(CHANNELS)(x)[0], gln(F), atol=tolerance)
        cumulative = CumulativeLayerNorm(CHANNELS)(x)[0].numpy()
    for k in (1, 2, 10, 1000, 54321, TEN_MINUTES - 1, TEN_MINUTES):
        np.testing.assert_allclose(cumulative[k - 1], cln_frame(F, k), atol=tolerance)
    with torch.enable_grad():
        np.testing.assert_allclose(GlobalLayerNorm(CHANNELS)(x)[0].detach(), gln(F), atol=tolerance)


def test_bn_normalises_each_channel():
    norm, x = BatchNorm(CHANNELS), features(50, batch=3)
    F = x.double().numpy()
    expected = (F - F.mean((0, 1))) / np.sqrt(F.var((0, 1)) + EPS)
    np.testing.assert_allclose(norm.train()(x).detach(), expected, atol=1e-5)
    norm.running_mean.fill_(2.0), norm.running_var.fill_(9.0)
    np.testing.assert_allclose(norm.eval()(x).detach(), (F - 2) / np.sqrt(9 + EPS), atol=1e-5)


@pytest.mark.parametrize("kind", ["gLN", "cLN"])
def test_gradients(kind):
    norm, x = with_affine(make_norm(kind, 4)).double(), features(6, channels=4, batch=2).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda F, *_: norm(F), (x, *norm.parameters()))


@pytest.mark.parametrize("kind", ["gLN", "cLN", "BN"])
def test_without_inplace_the_features_stay(kind):
    x = features(10)
    before = x.clone()
    with torch.no_grad():
        make_norm(kind, CHANNELS).eval()(x)
    assert torch.equal(x, before)


@pytest.mark.parametrize("kind", ["gLN", "cLN"])
@pytest.mark.parametrize("level", [0.0, 7.0])
def test_constant_features_give_beta(kind, level):
    norm = with_affine(make_norm(kind, CHANNELS))
    with torch.no_grad():
        normed = norm(torch.full((1, 20, CHANNELS), level))
    np.testing.assert_allclose(normed, norm.beta.detach().expand(1, 20, -1), atol=1e-6)


@pytest.mark.parametrize("kind", ["gLN", "cLN"])
@pytest.mark.parametrize("gradients", [False, True])
def test_statistics_of_bfloat16_features_are_float32(kind, gradients):
    x = (features(5000) + 30).bfloat16()
    with torch.set_grad_enabled(gradients):
        normed = make_norm(kind, CHANNELS)(x)
        expected = make_norm(kind, CHANNELS)(x.float()).bfloat16()
    assert normed.dtype == torch.bfloat16
    assert torch.equal(normed, expected)
